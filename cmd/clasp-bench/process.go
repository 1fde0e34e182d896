// A server in a process of its own: started on its cores, measured from outside, ended.

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// process is a running server.
type process struct {
	addr string
	cmd  *exec.Cmd
	said *tail
	gone chan struct{} // closed when it has ended
}

// start runs a command on these cores and returns once it listens on addr.
func start(cores []int, addr string, cmd *exec.Cmd) (*process, error) {
	p := &process{addr: addr, cmd: cmd, said: new(tail), gone: make(chan struct{})}
	cmd.Stderr = p.said
	// No setting of whoever runs this may change what is measured.
	cmd.Env = append(append(slices.DeleteFunc(os.Environ(), func(variable string) bool {
		return strings.HasPrefix(variable, "CLASP_") || strings.HasPrefix(variable, "GO")
	}), "GOMAXPROCS="+strconv.Itoa(len(cores))), cmd.Env...)
	if err := startOn(cores, cmd); err != nil {
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	go func() {
		_ = cmd.Wait() // how it ended is told by what it said
		close(p.gone)
	}()
	if err := p.ready(); err != nil {
		p.stop()
		return nil, err
	}
	return p, nil
}

// freeAddress finds a port that is free now.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	return l.Addr().String(), l.Close()
}

// ready waits until something listens.
func (p *process) ready() error {
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		c, err := net.Dial("tcp", p.addr)
		if err == nil {
			return c.Close()
		}
		select {
		case <-p.gone:
			return fmt.Errorf("the server ended before it listened: %s", p.said)
		default:
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("the server does not listen on %s: %w: %s", p.addr, err, p.said)
		}
	}
}

// stop ends it, kindly first.
func (p *process) stop() {
	if p.cmd.Process.Signal(syscall.SIGTERM) != nil {
		_ = p.cmd.Process.Kill() // where there are no signals
	}
	select {
	case <-p.gone:
	case <-time.After(patience):
		_ = p.cmd.Process.Kill()
		<-p.gone
	}
}

// explain adds the last words of a server that has died to an error.
func (p *process) explain(err error) error {
	select {
	case <-p.gone:
		return fmt.Errorf("%w; the server has ended: %s", err, p.said)
	default:
		return err
	}
}

// tail keeps the end of what a process writes.
type tail struct {
	mu  sync.Mutex
	buf []byte
}

func (t *tail) Write(b []byte) (int, error) {
	const keep = 4 << 10
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, b...)
	t.buf = t.buf[max(0, len(t.buf)-keep):]
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(bytes.TrimSpace(t.buf))
}

// buildServer compiles the clasp of this module into dir and returns its path.
func buildServer(ctx context.Context, dir string) (string, error) {
	path := filepath.Join(dir, "clasp.exe") // the suffix only matters to Windows
	out, err := exec.CommandContext(ctx, "go", "build", "-o", path, "github.com/clasp-studio/clasp/cmd/clasp").CombinedOutput()
	if err != nil {
		return "", errors.Join(fmt.Errorf("build clasp (run this inside the repository, or name a program with --server): %w", err), errors.New(string(out)))
	}
	return path, nil
}
