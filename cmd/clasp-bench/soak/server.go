// The router that is soaked: a real clasp in a process of its own, with every transport and
// its state on disk.

package soak

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/clasp-studio/clasp/cmd/clasp-bench/internal/host"
	"github.com/clasp-studio/clasp/cmd/clasp-bench/internal/process"
	"github.com/clasp-studio/clasp/router/cert"
)

// server is the process and the files it lives on.
type server struct {
	program, dir string
	at           map[way]string
	metrics      string
	authority    cert.Files
	trust        *tls.Config
	changes      int // of its files
	silence      int // seconds of it that end a session

	proc *process.Process
	cmd  *exec.Cmd
}

// newServer makes its files and finds its ports; start starts it.
func newServer(program, dir string) (*server, error) {
	s := &server{program: program, dir: dir, at: make(map[way]string), silence: usualSilence}
	for _, w := range []way{overWS, overTCP, overQUIC, overUDP, "metrics"} {
		addr, err := freePort()
		if err != nil {
			return nil, err
		}
		s.at[w] = addr
	}
	s.metrics = s.at["metrics"]
	authority, err := cert.MakeAuthority("clasp-bench soak", time.Now())
	if err != nil {
		return nil, err
	}
	s.authority = authority
	roots := x509.NewCertPool()
	roots.AddCert(authority.Leaf)
	s.trust = &tls.Config{RootCAs: roots, ServerName: "127.0.0.1"}
	return s, s.change(true)
}

// freePort finds a port that is free for TCP and for UDP.
func freePort() (string, error) {
	for range 100 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return "", fmt.Errorf("find a free port: %w", err)
		}
		addr := l.Addr().String()
		c, err := net.ListenPacket("udp", addr)
		_ = l.Close()
		if err == nil {
			return addr, c.Close()
		}
	}
	return "", errors.New("find a port that is free for TCP and UDP: none in 100 tries")
}

func (s *server) file(name string) string { return filepath.Join(s.dir, name) }

// change writes the files that a reload reads: another log level and another certificate, or
// a configuration that is wrong, which the router must not take.
func (s *server) change(good bool) error {
	s.changes++
	level := []string{"info", "warn"}[s.changes%2]
	if !good {
		level = "loud"
	}
	files, err := cert.MakeServer(s.authority, []string{"127.0.0.1"}, 1, time.Now())
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(s.file("server.pem"), files.Cert, 0o600),
		os.WriteFile(s.file("server-key.pem"), files.Key, 0o600),
		os.WriteFile(s.file("clasp.yaml"), fmt.Appendf(nil, configuration, level, s.silence), 0o600))
}

// usualSilence is the router's own setting: longer than anybody is silent.
const usualSilence = 300

const configuration = `server:
  logging:
    level: %s
  limits:
    session_timeout: %d
`

func port(addr string) string {
	_, p, _ := net.SplitHostPort(addr) // it comes from freePort
	return p
}

// start runs it, on all cores that there are: a soak is no measurement.
func (s *server) start(ctx context.Context) error {
	cores, err := host.AllowedCores()
	if err != nil {
		return err
	}
	log, err := os.OpenFile(s.file("clasp.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // it has its own by then
	s.cmd = exec.CommandContext(context.WithoutCancel(ctx), s.program, "server", "--config", s.file("clasp.yaml"), "--bind", "127.0.0.1",
		"--port", port(s.at[overWS]), "--tcp", "--tcp-port", port(s.at[overTCP]), "--quic", "--quic-port", port(s.at[overQUIC]),
		"--udp", "--udp-port", port(s.at[overUDP]), "--tls-cert", s.file("server.pem"), "--tls-key", s.file("server-key.pem"),
		"--persist", "--persist-path", s.file("state.db"), "--persist-interval", "1",
		"--metrics", "--metrics-port", port(s.metrics), "--max-connections", strconv.Itoa(2*mostSessions))
	s.cmd.Dir, s.cmd.Stdout, s.cmd.SysProcAttr = s.dir, log, apart()
	s.proc, err = process.Start(cores, s.at[overWS], s.cmd)
	if err != nil {
		return err
	}
	return s.ready(ctx)
}

// ready waits until all of it serves: the port that process.Start has asked is only one.
func (s *server) ready(ctx context.Context) error {
	for deadline := time.Now().Add(patience); ; {
		_, err := s.scrape(ctx)
		if err == nil {
			return nil
		}
		if alive := s.proc.Alive(); alive != nil {
			return alive
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("wait for the router to be ready: %w", err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (s *server) signal(sig syscall.Signal) error {
	if err := s.cmd.Process.Signal(sig); err != nil {
		return fmt.Errorf("send %s to the router: %w", sig, err)
	}
	return nil
}

// ended waits until it has ended and returns its exit code, -1 after a signal.
func (s *server) ended() (int, error) {
	for deadline := time.Now().Add(patience); s.proc.Alive() == nil; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			return 0, errors.New("the router does not end")
		}
	}
	return s.cmd.ProcessState.ExitCode(), nil
}

// died says how it has ended, nil if it has not. Its connections may end a moment before that
// is known.
func (s *server) died() error {
	if s.proc == nil {
		return nil // the next one after SIGKILL has not started
	}
	for deadline := time.Now().Add(time.Second); ; time.Sleep(10 * time.Millisecond) {
		if ended := s.proc.Alive(); ended != nil || time.Now().After(deadline) {
			return ended
		}
	}
}

// stop sees to it that none is left.
func (s *server) stop() {
	if s.proc != nil {
		s.proc.Stop()
	}
}
