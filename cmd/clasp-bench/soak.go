// The command soak: a router kept busy with all that can happen to it, and every promise
// held against what its clients were shown.

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/clasp-studio/clasp/cmd/clasp-bench/internal/process"
	"github.com/clasp-studio/clasp/cmd/clasp-bench/soak"
)

// soakOptions are what the command line of soak can change.
type soakOptions struct {
	soak.Options
	server string
	json   bool
}

func newSoakCommand() *cobra.Command {
	var o soakOptions
	cmd := &cobra.Command{
		Use:   "soak",
		Short: "Keep a router busy with all that can happen to it, and check what it promises",
		Long: `Thousands of sessions over WebSocket, TCP, QUIC and UDP connect to a real clasp server
with its state on disk, subscribe, write and leave or are dropped, a fifth of those over
WebSocket and TCP through networks with latency, slicing, little bandwidth, resets and
silence. Beside them some write fast and large values, some stop reading them, some send
garbage, and the router reloads its files, with mistakes in them now and then.

Every delivery is checked. At the end of each round all writing stops for a moment, and
everybody who reads must come to have exactly what the router has. When all have left,
goroutines, descriptors and memory must be back to what they were after a rehearsal.
Then the router is killed while clients write, and the next one must have what was
acknowledged at commit. The exit code is 1 when anything failed, or when the soak was
broken off (Ctrl-C prints the report so far).

It runs on Linux and takes three descriptors for each session (ulimit -n), and some 30
bytes of memory for each write. The log of the router stays in the temporary folder when
something has failed; TMPDIR says where that is, and should be on a disk.`,
		Example: `  go run ./cmd/clasp-bench soak --for 1h
  go run ./cmd/clasp-bench soak --for 10m --json > soak.json
  go run ./cmd/clasp-bench soak --for 1m --sessions 500 --round 5s`,
		Args: func(cmd *cobra.Command, args []string) error { return asUsage(cobra.NoArgs(cmd, args)) },
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.Check(); err != nil {
				return asUsage(err)
			}
			o.Progress = cmd.ErrOrStderr()
			return runSoak(cmd.Context(), o, cmd.OutOrStdout())
		},
	}
	f := cmd.Flags()
	f.DurationVar(&o.For, "for", 10*time.Minute, "How long, after the rehearsal")
	f.IntVar(&o.Sessions, "sessions", 5000, "How many sessions there are at once")
	f.DurationVar(&o.Round, "round", 10*time.Second, "Time from one comparison to the next")
	f.BoolVar(&o.json, "json", false, "Print JSON")
	f.StringVar(&o.server, "server", "", "Soak this clasp program (default: build the one of this module)")
	return cmd
}

func runSoak(ctx context.Context, o soakOptions, stdout io.Writer) error {
	dir, err := os.MkdirTemp("", "clasp-soak-")
	if err != nil {
		return err
	}
	program, err := filepath.Abs(o.server)
	if err == nil && o.server == "" {
		program, err = process.Build(ctx, dir, "github.com/clasp-studio/clasp/cmd/clasp")
	}
	if err == nil {
		err = soakIn(ctx, o, program, dir, stdout)
	}
	if err != nil {
		return fmt.Errorf("%w (the files of the router are in %s)", err, dir)
	}
	return os.RemoveAll(dir)
}

// soakIn soaks a router whose files are in dir, and prints the report.
func soakIn(ctx context.Context, o soakOptions, program, dir string, stdout io.Writer) error {
	r, err := soak.Run(ctx, o.Options, program, dir)
	if r == nil {
		return err
	}
	if o.json {
		out := json.NewEncoder(stdout)
		out.SetIndent("", "  ")
		return errors.Join(out.Encode(r), err, r.Err())
	}
	return errors.Join(r.Write(stdout), err, r.Err())
}
