// A server that runs, and one that ends before it listens.

package process_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/clasp-studio/clasp/cmd/clasp-bench/internal/host"
	"github.com/clasp-studio/clasp/cmd/clasp-bench/internal/process"
	"github.com/clasp-studio/clasp/cmd/clasp-bench/internal/relay"
)

// The variable that makes a server of this test program, and what it is then.
const role = "BENCH_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(role) {
	case "serve":
		if err := relay.Serve(context.Background(), os.Args[1]); err != nil {
			panic(err)
		}
	case "refuse":
		_, _ = os.Stdout.WriteString("I will not\n")
		os.Exit(3)
	default:
		os.Exit(m.Run())
	}
}

// start starts this program in a role.
func start(t *testing.T, as string) (*process.Process, error) {
	t.Helper()
	t.Setenv("CLASP_NAME", "of whoever runs this")
	addr, err := process.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	cores, err := host.AllowedCores()
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, addr)
	cmd.Env = []string{role + "=" + as}
	p, err := process.Start(cores[:1], addr, cmd)
	if err == nil {
		t.Cleanup(p.Stop)
		for _, v := range cmd.Env {
			if strings.HasPrefix(v, "CLASP_") {
				t.Errorf("the server is told %s", v)
			}
		}
	}
	return p, err
}

func TestStart(t *testing.T) {
	p, err := start(t, "serve")
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Alive(); err != nil || p.PID() == os.Getpid() {
		t.Errorf("process %d: %v", p.PID(), err)
	}
	lost := errors.New("lost")
	if err := p.Explain(lost); !errors.Is(err, lost) || strings.Contains(err.Error(), "ended") {
		t.Errorf("while it runs: %v", err)
	}
	p.Stop()
	p.Stop()
	if err := p.Explain(lost); p.Alive() == nil || !errors.Is(err, lost) || !strings.Contains(err.Error(), "ended") {
		t.Errorf("after Stop: %v; %v", p.Alive(), err)
	}
}

func TestStartFails(t *testing.T) {
	_, err := start(t, "refuse")
	if err == nil || !strings.Contains(err.Error(), "I will not") {
		t.Errorf("a server that refuses: %v", err)
	}
}
