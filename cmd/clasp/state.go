// clasp state: look at the database of a router that does not run, write it out as JSON
// lines, make one of such lines.

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/clasp-studio/clasp/router/store"
	"github.com/spf13/cobra"
)

func newStateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "state",
		Short: "Check, export or import the database of a router that does not run",
		Example: `  clasp state check clasp-state.db
  clasp state export clasp-state.db > params.jsonl
  clasp state import --from params.jsonl new-state.db`,
	}
	cmd.AddCommand(newStateCheckCommand(), newStateExportCommand(), newStateImportCommand())
	return cmd
}

// oneFile is the Args of the commands below.
func oneFile(_ *cobra.Command, args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("expected one FILE, got %d arguments", len(args))
	}
	return nil
}

// stateReport is what clasp state check --json prints.
type stateReport struct {
	File      string `json:"file"`
	Good      bool   `json:"good"`
	Reason    string `json:"reason,omitempty"` // of what is bad, in one word
	Error     string `json:"error,omitempty"`
	Bytes     int64  `json:"bytes"`
	Params    int    `json:"params"`
	Expired   int    `json:"expired"`
	Journaled int    `json:"journaled"`
	Format    uint32 `json:"format"`
	Epoch     uint32 `json:"epoch"`
	Clean     bool   `json:"clean"`
}

func newStateCheckCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "check FILE",
		Short: "Check a database: every page and every checksum",
		Long: `Check a database, or one of its copies (FILE.gen-...), in full: its structure and
the checksum of every record. Nothing is changed.

Exit codes: 0 it is good, 1 it is not, 75 a router is using it.`,
		Example: `  clasp state check clasp-state.db
  clasp state check --json /var/lib/clasp/state.db | jq .params`,
		Args: oneFile,
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "Print JSON")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		found, err := store.Check(args[0])
		var damage *store.DamageError
		if err != nil && !errors.As(err, &damage) {
			return stateError(err)
		}
		r := stateReport{
			File: args[0], Good: err == nil, Bytes: found.Bytes, Params: found.Params, Expired: found.Gone,
			Journaled: found.Journaled, Format: found.Format, Epoch: found.Epoch, Clean: found.Clean,
		}
		if damage != nil {
			r.Reason, r.Error = damage.Reason, damage.Err.Error()
		}
		if asJSON {
			if err := printJSON(cmd.OutOrStdout(), r); err != nil {
				return err
			}
		}
		switch {
		case damage != nil && asJSON:
			return exitError{code: exitFailure}
		case damage != nil:
			return fmt.Errorf("%s is bad (%s): %w\n%s", r.File, r.Reason, damage.Err,
				"a router that starts with it sets it aside and takes the newest good copy (FILE.gen-...)")
		case asJSON:
			return nil
		}
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: good\n%s\n", r.File, r.words())
		return err
	}
	return cmd
}

// words say what is in a good database.
func (r *stateReport) words() string {
	stopped := "stopped in order"
	if !r.Clean {
		stopped = "not stopped in order: revisions go on higher at the next start"
	}
	return fmt.Sprintf("  params    %d, and %d writes in the journal\n  expired   %d addresses whose revision is kept\n"+
		"  format    %d, epoch %d, %d bytes\n  router    %s", r.Params, r.Journaled, r.Expired, r.Format, r.Epoch, r.Bytes, stopped)
}

// aboutLines is the part of the help that says what a line is.
const aboutLines = `A line is a JSON object: address, value, type (i64, f64, string...), revision,
writer, written and expires (µs since 1970), ttl (s), absolute, strategy, timeline.
Where value and type cannot say all of it, the value stands in hexadecimal in
"encoded" too.`

func newStateExportCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "export FILE",
		Short: "Write every param of a database as a line of JSON",
		Long: `Write every param of a database, or of one of its copies (FILE.gen-...), to stdout
as a line of JSON, by address. Params that have expired are left out.

` + aboutLines,
		Example: `  clasp state export clasp-state.db > params.jsonl
  clasp state export clasp-state.db | jq -c 'select(.address | startswith("/lights/"))'`,
		Args: oneFile,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := stoppable(cmd)
			defer stop()
			return exportState(ctx, args[0], cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
}

func exportState(ctx context.Context, path string, stdout, stderr io.Writer) error {
	out := bufio.NewWriterSize(stdout, 64<<10)
	lines := json.NewEncoder(out)
	lines.SetEscapeHTML(false)
	counted := startProgress(stderr, "exported")
	now := uint64(time.Now().UnixMicro())
	_, err := store.Export(path, func(r store.Record) error {
		if ctx.Err() != nil {
			return errors.New("stopped: what was written is not all of it")
		}
		if r.Expires > 0 && r.Expires <= now {
			return nil
		}
		line, err := lineOf(&r)
		if err != nil {
			return err
		}
		counted.add()
		return lines.Encode(line)
	})
	counted.end()
	if err == nil {
		return out.Flush()
	}
	return stateError(errors.Join(err, out.Flush()))
}

func newStateImportCommand() *cobra.Command {
	var from string
	cmd := &cobra.Command{
		Use:   "import FILE",
		Short: "Make a database of lines of JSON",
		Long: `Make a database FILE, which must not exist yet, of the lines of JSON on stdin. Every
line that is wrong is named, and then there is no FILE.

` + aboutLines + ` Address and value are enough. Of several lines with the same
address the one with the highest revision counts.`,
		Example: `  clasp state import --from params.jsonl new-state.db
  clasp state export old.db | clasp state import new-state.db
  echo '{"address":"/master","value":0.5}' | clasp state import clasp-state.db`,
		Args: oneFile,
	}
	cmd.Flags().StringVar(&from, "from", "", "Read the lines from `LINES` instead of stdin")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		ctx, stop := stoppable(cmd)
		defer stop()
		in, name := cmd.InOrStdin(), "stdin"
		if from != "" {
			f, err := os.Open(from)
			if err != nil {
				return fmt.Errorf("read the lines: %w", err)
			}
			defer func() { _ = f.Close() }() // it was only read
			in, name = f, from
		}
		return importState(ctx, args[0], in, name, cmd.ErrOrStderr())
	}
	return cmd
}

// stateImport is one run of clasp state import.
type stateImport struct {
	into    *store.Import
	name    string // of what is read
	stderr  io.Writer
	now     time.Time
	bad     int // lines
	counted *progress
}

// importState makes the database at path of all lines of in, or nothing.
func importState(ctx context.Context, path string, in io.Reader, name string, stderr io.Writer) error {
	into, err := store.NewImport(path)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s exists and is left as it is: choose another name, or move it away first", path)
	}
	if err != nil {
		return stateError(err)
	}
	s := &stateImport{into: into, name: name, stderr: stderr, now: time.Now(), counted: startProgress(stderr, "imported")}
	err = eachLine(ctx, nil, in, name, s.line)
	s.counted.end()
	switch {
	case err != nil:
	case ctx.Err() != nil:
		err = errors.New("stopped")
	case s.bad > 0:
		err = fmt.Errorf("lines that are wrong: %d", s.bad)
	}
	if err != nil {
		return errors.Join(stateError(fmt.Errorf("%w: %s was not made", err, path)), into.Abort())
	}
	if err := into.Finish(); err != nil {
		return stateError(err)
	}
	_, err = fmt.Fprintf(stderr, "clasp: %s is made of %d lines\n", path, s.counted.n)
	return err
}

// shownLines is how many bad lines are named one by one. What is wrong with more is wrong
// with the program that wrote them.
const shownLines = 100

// line takes one line. After a bad one the others are only looked at.
func (s *stateImport) line(n int, text []byte) error {
	record, err := readLine(text, s.now)
	if err != nil {
		if s.bad++; s.bad <= shownLines {
			s.counted.end()
			_, _ = fmt.Fprintln(s.stderr, atLine(s.name, n, err)) // they are counted too
		}
		return nil
	}
	if s.bad > 0 {
		return nil
	}
	s.counted.add()
	return s.into.Add(record)
}
