// One whole benchmark: every chosen workload, on each placement of the cores, against
// clasp and against the relay, in turns, so that a busy moment of the machine does not
// hit one of them only.

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/clasp-studio/clasp/cmd/clasp-bench/internal/host"
	"github.com/clasp-studio/clasp/cmd/clasp-bench/internal/process"
)

// bench runs everything and prints the report. It fails when a run was void.
func bench(ctx context.Context, o options, chosen []workload, stdout, progress io.Writer) error {
	dir, err := os.MkdirTemp("", "clasp-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // only files of ours
	b := runner{options: o, dir: dir, scale: fullScale, progress: progress}
	b.scale.duration = o.duration
	if o.quick {
		b.scale, b.repeat = quickScale, 1
	}
	if b.places, err = host.Placements(); err != nil {
		return err
	}
	if err := b.findPrograms(ctx); err != nil {
		return err
	}
	if !o.quick && host.InMemory(dir) {
		for _, w := range chosen {
			if w.disk {
				return fmt.Errorf("%s is in memory, and workload %s measures a disk: set TMPDIR to a folder on one", os.TempDir(), w.name)
			}
		}
	}

	rep := newReport(b, chosen, b.machine(ctx))
	for range b.repeat {
		for _, w := range chosen {
			for _, at := range b.placesOf(w) {
				b.run(ctx, rep, w, at, false)
				if w.relayed && ctx.Err() == nil {
					b.run(ctx, rep, w, at, true)
				}
				if ctx.Err() != nil {
					return context.Cause(ctx)
				}
			}
		}
	}
	if o.json {
		err = rep.writeJSON(stdout)
	} else {
		err = rep.writeMarkdown(stdout)
	}
	if err == nil && len(rep.Void) > 0 {
		err = fmt.Errorf("%d void runs: %s", len(rep.Void), rep.Void[0])
	}
	return err
}

// runner is what all runs have in common.
type runner struct {
	options
	scale    scale
	dir      string // temporary
	self     string // this program
	server   string // the clasp program; with profile, this one
	config   string // an empty configuration file
	places   []host.Placement
	progress io.Writer
}

func (b *runner) findPrograms(ctx context.Context) (err error) {
	if b.self, err = os.Executable(); err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	b.config = filepath.Join(b.dir, "empty.yaml")
	if err := os.WriteFile(b.config, nil, 0o600); err != nil {
		return err
	}
	switch {
	case b.profile != "":
		b.server = b.self
		if b.profile, err = filepath.Abs(b.profile); err == nil {
			err = os.MkdirAll(b.profile, 0o755)
		}
	case b.options.server != "":
		b.server, err = filepath.Abs(b.options.server)
	default:
		if b.server, err = process.Build(ctx, b.dir, "github.com/clasp-studio/clasp/cmd/clasp"); err != nil {
			err = fmt.Errorf("%w; or name a program with --server", err)
		}
	}
	return err
}

// placesOf returns the placements a workload is run on.
func (b *runner) placesOf(w workload) []host.Placement {
	if w.placed {
		return b.places
	}
	return b.places[len(b.places)-1:]
}

// run makes one run and notes what came of it.
func (b *runner) run(ctx context.Context, rep *report, w workload, at host.Placement, relay bool) {
	against := "clasp"
	if relay {
		against = "relay"
	}
	_, _ = fmt.Fprintf(b.progress, "%s, %s, cores %s: ", w.name, against, at.Name)
	res, err := b.try(ctx, w, at, relay)
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		_, _ = fmt.Fprintln(b.progress, "not measured on this system")
	case err != nil:
		_, _ = fmt.Fprintln(b.progress, "void:", err)
		rep.Void = append(rep.Void, fmt.Sprintf("%s, %s, cores %s: %v", w.name, against, at.Name, err))
	default:
		var values []string
		for i, row := range w.rows {
			values = append(values, row.unit.format(res.values[i]))
		}
		_, _ = fmt.Fprintln(b.progress, strings.Join(values, ", "))
		rep.add(w, at, relay, res)
	}
}

func (b *runner) try(ctx context.Context, w workload, at host.Placement, relay bool) (result, error) {
	runtime.GOMAXPROCS(len(at.Load))
	if err := host.PinSelf(at.Load); err != nil {
		return result{}, err
	}
	dir, err := os.MkdirTemp(b.dir, w.name+"-")
	if err != nil {
		return result{}, err
	}
	defer func() { _ = os.RemoveAll(dir) }() // only files of ours
	return w.run(ctx, rig{
		scale: b.scale,
		dir:   dir,
		self:  b.self,
		relay: relay,
		way:   connect,
		start: func(ctx context.Context, flags ...string) (*process.Process, error) {
			addr, err := process.FreeAddress()
			if err != nil {
				return nil, err
			}
			return process.Start(at.Server, addr, b.command(ctx, w, at, relay, addr, flags))
		},
		seated: func(ctx context.Context, on *seat, flags ...string) (*process.Process, error) {
			if b.profile != "" { // the engine inside clasp-bench has no dashboard
				return nil, errors.ErrUnsupported
			}
			addr, err := process.FreeAddress()
			if err != nil {
				return nil, err
			}
			cmd := b.command(ctx, w, at, relay, addr, flags)
			on.of(cmd)
			return process.Start(at.Server, addr, cmd)
		},
	})
}

// command is the server of a run.
func (b *runner) command(ctx context.Context, w workload, at host.Placement, relay bool, addr string, flags []string) *exec.Cmd {
	var cmd *exec.Cmd
	host, port, _ := net.SplitHostPort(addr) // freeAddress has joined them
	switch {
	case relay:
		cmd = exec.CommandContext(ctx, b.self, "relay", addr)
	case b.profile != "":
		name := w.name + "-" + at.Name
		if slices.Contains(flags, "--persist") { // some workloads run a server with and one without
			name += "-persist"
		}
		cmd = exec.CommandContext(ctx, b.self, "serve", addr, "--profile", filepath.Join(b.profile, name))
	default:
		cmd = exec.CommandContext(ctx, b.server, "server", "--config", b.config, "--bind", host, "--port", port)
	}
	cmd.Args = append(cmd.Args, flags...)
	cmd.Dir = b.dir
	return cmd
}
