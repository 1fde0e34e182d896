// A server in a process of its own: started on its cores, measured from outside, ended.

// Package process runs the servers that are measured, each in a process of its own.
package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/clasp-studio/clasp/cmd/clasp-bench/internal/host"
)

// Patience bounds the wait for an answer, and for what is still under way when a run ends:
// longer than that, it is lost.
const Patience = 10 * time.Second

// Process is a running server.
type Process struct {
	Addr string // that it listens on
	cmd  *exec.Cmd
	said *Tail
	gone chan struct{} // closed when it has ended
}

// Start runs a command on these cores and returns once it listens on addr.
func Start(cores []int, addr string, cmd *exec.Cmd) (*Process, error) {
	p := &Process{Addr: addr, cmd: cmd, said: new(Tail), gone: make(chan struct{})}
	cmd.Stderr = p.said
	if cmd.Stdout == nil { // some tell there why they cannot start
		cmd.Stdout = p.said
	}
	// No setting of whoever runs this may change what is measured.
	cmd.Env = append(append(slices.DeleteFunc(os.Environ(), func(variable string) bool {
		return strings.HasPrefix(variable, "CLASP_") || strings.HasPrefix(variable, "GO")
	}), "GOMAXPROCS="+strconv.Itoa(len(cores))), cmd.Env...)
	if err := host.StartOn(cores, cmd); err != nil {
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	raised := host.RaiseFiles(cmd.Process.Pid)
	go func() {
		_ = cmd.Wait() // how it ended is told by what it said
		close(p.gone)
	}()
	err := p.ready()
	if err == nil {
		err = raised // one that has ended says more itself
	}
	if err != nil {
		p.Stop()
		return nil, err
	}
	return p, nil
}

// FreeAddress finds a port that is free now.
func FreeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	return l.Addr().String(), l.Close()
}

// ready waits until something listens.
func (p *Process) ready() error {
	for deadline := time.Now().Add(Patience); ; time.Sleep(time.Millisecond) {
		c, err := net.Dial("tcp", p.Addr)
		if err == nil {
			return c.Close()
		}
		select {
		case <-p.gone:
			return fmt.Errorf("the server ended before it listened: %s", p.said)
		default:
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("the server does not listen on %s: %w: %s", p.Addr, err, p.said)
		}
	}
}

// PID is its number.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Path is the program that runs.
func (p *Process) Path() string { return p.cmd.Path }

// Alive says how it ended, nil while it runs.
func (p *Process) Alive() error {
	select {
	case <-p.gone:
		return fmt.Errorf("the server has ended (%s): %s", p.cmd.ProcessState, p.said)
	default:
		return nil
	}
}

// Stop ends it, kindly first. Twice does no harm.
func (p *Process) Stop() {
	if p.cmd.Process.Signal(syscall.SIGTERM) != nil {
		_ = p.cmd.Process.Kill() // where there are no signals
	}
	select {
	case <-p.gone:
	case <-time.After(Patience):
		_ = p.cmd.Process.Kill()
		<-p.gone
	}
}

// Explain adds the last words of a server that has died to an error.
func (p *Process) Explain(err error) error {
	if ended := p.Alive(); ended != nil {
		return fmt.Errorf("%w; %w", err, ended)
	}
	return err
}

// Tail keeps the end of what a process writes.
type Tail struct {
	mu  sync.Mutex
	buf []byte
}

// Write adds to it.
func (t *Tail) Write(b []byte) (int, error) {
	const keep = 4 << 10
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, b...)
	t.buf = t.buf[max(0, len(t.buf)-keep):]
	return len(b), nil
}

// String is what is kept.
func (t *Tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(bytes.TrimSpace(t.buf))
}

// Build compiles a program of this module into dir and returns its path.
func Build(ctx context.Context, dir, pkg string) (string, error) {
	name := path.Base(pkg)
	file := filepath.Join(dir, name+".exe") // the suffix only matters to Windows
	cmd := exec.CommandContext(ctx, "go", "build", "-o", file, pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0") // as it is released
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", errors.Join(fmt.Errorf("build %s (run this inside the repository): %w", name, err), errors.New(string(out)))
	}
	return file, nil
}
