// A running peer: started on its cores, measured from outside, ended.

package peer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"time"

	"github.com/clasp-studio/clasp/cmd/clasp-bench/internal/host"
	"github.com/clasp-studio/clasp/cmd/clasp-bench/internal/process"
)

// StartOptions say how a peer is started.
type StartOptions struct {
	// Cores are those it runs on; nil = all that this process may use.
	Cores []int
	// Dir is an empty folder for its files. What it keeps is removed with it.
	Dir string
	// Durable says that writes go to disk before they are acknowledged, for AppendDurable.
	Durable bool
	// Bounded leaves the limits alone that the peer itself has for what it keeps for a
	// subscriber that does not read. Otherwise they are lifted, where they can be, so that
	// a subscriber that is behind for a moment loses nothing.
	Bounded bool
}

// launch is what a peer's command line is made from.
type launch struct {
	addr       string
	host, port string // of addr
	dir        string
	durable    bool
	bounded    bool
}

// Server is a running peer.
type Server struct {
	process *process.Process
}

// Start starts the peer and returns when it can be dialled. The caller stops it; it also
// ends with ctx.
func (p *Peer) Start(ctx context.Context, o StartOptions) (*Server, error) {
	if o.Durable && !p.Has(Durable) {
		return nil, fmt.Errorf("%s does not write to disk before it acknowledges", p.Name)
	}
	found, err := p.found(ctx)
	if err != nil {
		return nil, err
	}
	if o.Cores == nil {
		if o.Cores, err = host.AllowedCores(); err != nil {
			return nil, err
		}
	}
	addr, err := process.FreeAddress()
	if err != nil {
		return nil, err
	}
	to := launch{addr: addr, dir: o.Dir, durable: o.Durable, bounded: o.Bounded}
	if to.host, to.port, err = net.SplitHostPort(addr); err != nil {
		return nil, err
	}
	args, err := p.command(to)
	if err != nil {
		return nil, fmt.Errorf("prepare %s: %w", p.Name, err)
	}
	cmd := exec.CommandContext(ctx, found.path, args...)
	cmd.Dir = o.Dir
	proc, err := process.Start(o.Cores, addr, cmd)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", p.Name, err)
	}
	s := &Server{proc}
	c, err := p.Dial(ctx, addr) // some listen before they answer
	if err == nil {
		if err = c.RoundTrip(); err == nil && p.prepare != nil {
			err = p.prepare(c, to)
		}
		_ = c.Close()
	}
	if err != nil {
		s.Stop()
		return nil, proc.Explain(err)
	}
	return s, nil
}

// Addr is where it listens.
func (s *Server) Addr() string { return s.process.Addr }

// PID is the number of its process.
func (s *Server) PID() int { return s.process.PID() }

// Stop ends it. Twice does no harm.
func (s *Server) Stop() { s.process.Stop() }

// Alive says how it ended, with its last words; nil while it runs.
func (s *Server) Alive() error { return s.process.Alive() }

// CPU returns the CPU time it has used so far, in user mode and in the kernel, as the
// operating system tells it.
func (s *Server) CPU() (time.Duration, error) {
	if err := s.Alive(); err != nil {
		return 0, err
	}
	used := host.CPUTime(s.PID())
	if used == 0 {
		return 0, fmt.Errorf("read the CPU time of process %d: %w", s.PID(), errors.ErrUnsupported)
	}
	return used, nil
}

// RSS returns the memory it has in RAM, in bytes. Pages of files that it has mapped count.
func (s *Server) RSS() (bytes int64, err error) {
	if err := s.Alive(); err != nil {
		return 0, err
	}
	kib, err := host.ResidentKiB(s.PID())
	return int64(kib) << 10, err
}
