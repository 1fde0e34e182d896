//go:build unix

// Runs the real router for what it keeps on disk: restarts, refusals, damaged files, a full disk, the metrics about it.

package main_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	api "github.com/clasp-studio/clasp/router/client"
	"github.com/clasp-studio/clasp/router/wire"
)

// keep starts a router that keeps its state in a file.
func keep(t *testing.T, path string, args ...string) *service {
	t.Helper()
	return serve(t, nil, append([]string{"--port", "0", "--bind", "127.0.0.1", "--persist", "--persist-path", path}, args...)...)
}

// dialed opens a client of a service.
func (s *service) dialed(t *testing.T) *api.Client {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c, err := api.Dial(ctx, "ws://"+s.address(t), api.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// terminated stops a service as an operator does.
func (s *service) terminated(t *testing.T) {
	t.Helper()
	s.signal(t, syscall.SIGTERM)
	if code := s.exit(t); code != 0 {
		t.Fatalf("exit code %d\n%s", code, &s.stdout)
	}
}

func setTo(t *testing.T, c *api.Client, addr string, value any, opts ...api.SetOption) uint64 {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	ack, err := c.Set(ctx, addr, value, opts...)
	if err != nil {
		t.Fatalf("set %s: %v", addr, err)
	}
	return ack.Revision
}

func got(t *testing.T, c *api.Client, addr string) (api.Param, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return c.Get(ctx, addr)
}

// TestKeeps: SIGTERM writes everything at once, however long the interval is; what is excluded starts at rest and goes on
// counting; generations are made.
func TestKeeps(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	file := filepath.Join(t.TempDir(), "clasp.yaml")
	if err := os.WriteFile(file, []byte("server:\n  persistence:\n    exclude: [/strobe/**]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for round := range uint64(7) {
		s := keep(t, path, "--persist-interval", "3600", "-c", file)
		c := s.dialed(t)
		if round > 0 {
			p, err := got(t, c, "/lights/1")
			if err != nil || p.Revision != round || p.Value.Any() != int64(round) {
				t.Fatalf("round %d: %+v, %v", round, p, err)
			}
			if _, err := got(t, c, "/strobe/1"); !api.IsCode(err, wire.CodeNotFound) {
				t.Fatalf("round %d: the strobe starts with %v", round, err)
			}
		}
		setTo(t, c, "/lights/1", int64(round+1))
		if r := setTo(t, c, "/strobe/1", true); r != round+1 {
			t.Errorf("round %d: the strobe is at revision %d", round, r)
		}
		s.terminated(t)
	}
	if generations, _ := filepath.Glob(path + ".gen-*"); len(generations) != 5 {
		t.Errorf("%d generations, want 5: %q", len(generations), generations)
	}
	if _, words, code := clasp(t, nil, "state", "check", path); code != 0 {
		t.Errorf("state check: %d %s", code, words)
	}
}

// TestRestartKeeps: everything about a param is the same after a restart as before it, whatever the QoS it came with; locks are
// gone.
func TestRestartKeeps(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	values := map[string]any{
		"/int": 1, "/whole": 1.0, "/text": "ü", "/bytes": []byte{0}, "/null": nil, "/bool": false, "/list": []any{1, 1.0, nil}, "/map": map[string]any{"a": 1.0},
	}
	s := keep(t, path, "--persist-interval", "3600")
	c := s.dialed(t)
	for addr, value := range values {
		setTo(t, c, addr, "before", api.QoS(wire.Fire))
		setTo(t, c, addr, value, api.QoS(wire.Fire), api.TTL(time.Hour))
	}
	setTo(t, c, "/locked", 1, api.Lock(), api.QoS(wire.Commit)) // and the fire writes before it have come too
	before := map[string]api.Param{}
	for addr := range values {
		p, err := got(t, c, addr)
		if err != nil {
			t.Fatalf("%s: %v", addr, err)
		}
		before[addr] = p
	}
	s.terminated(t)

	s = keep(t, path)
	c = s.dialed(t)
	for addr, old := range before {
		p, err := got(t, c, addr)
		if err != nil || p.Revision != 2 || p.Revision != old.Revision || p.Writer != old.Writer || !p.Timestamp.Equal(old.Timestamp) ||
			!bytes.Equal(wire.AppendValue(nil, p.Value), wire.AppendValue(nil, old.Value)) {
			t.Errorf("%s is %+v, %v, was %+v", addr, p, err, old)
		}
	}
	setTo(t, c, "/locked", 2)
	s.terminated(t)
	text, _, _ := clasp(t, nil, "state", "export", path)
	if n := strings.Count(text, `"ttl":3600`); n != len(values) {
		t.Errorf("%d of %d params have kept their ttl:\n%s", n, len(values), text)
	}
}

// TestKeptTwice: two routers on one file, and the commands that want it for themselves.
func TestKeptTwice(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	s := keep(t, path)
	s.address(t)
	for _, args := range [][]string{
		{"server", "--port", "0", "--persist", "--persist-path", path},
		{"state", "check", path}, {"state", "export", path}, {"state", "import", path},
	} {
		_, words, code := clasp(t, nil, args...)
		if code != 75 || !strings.Contains(words, path) || !strings.Contains(words, fmt.Sprint(s.cmd.Process.Pid)) || strings.Count(words, "\n") != 1 {
			t.Errorf("%v: %d %q", args, code, words)
		}
	}
}

// TestNotWritable: where nothing can be written, the router says so before it starts.
func TestNotWritable(t *testing.T) {
	for name, path := range map[string]string{"no directory": filepath.Join(t.TempDir(), "missing", "state.db"), "nothing for files": "/proc/clasp-state.db"} {
		_, words, code := clasp(t, nil, "server", "--port", "0", "--persist", "--persist-path", path)
		if code != 73 || !strings.Contains(words, path) || !strings.Contains(words, "--persist-path") {
			t.Errorf("%s: %d %q", name, code, words)
		}
	}
}

// TestDamagedFile: each kind of damage is set aside under a name that says what it is, and the newest good generation counts.
func TestDamagedFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	s := keep(t, path)
	c := s.dialed(t)
	for i := range 500 {
		setTo(t, c, fmt.Sprintf("/p/%d", i), strings.Repeat("x", 100), api.QoS(wire.Fire))
	}
	setTo(t, c, "/kept", 1)
	s.terminated(t)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	flipped := append([]byte(nil), good...)
	for i := range flipped {
		if i >= 2*os.Getpagesize() {
			flipped[i] ^= 0x55
		}
	}
	for reason, damage := range map[string]func() error{
		"empty":          func() error { return os.WriteFile(path, nil, 0o600) },
		"zeros":          func() error { return os.WriteFile(path, make([]byte, len(good)), 0o600) },
		"truncated":      func() error { return os.WriteFile(path, good[:8*os.Getpagesize()], 0o600) },
		"not-a-database": func() error { return os.WriteFile(path, []byte(strings.Repeat("garbage ", 10_000)), 0o600) },
		"damaged":        func() error { return os.WriteFile(path, flipped, 0o600) },
		"directory":      func() error { return os.Mkdir(path, 0o700) },
	} {
		t.Run(reason, func(t *testing.T) {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			if err := damage(); err != nil {
				t.Fatal(err)
			}
			s := keep(t, path, "--metrics", "--metrics-port", "0")
			c := s.dialed(t)
			if p, err := got(t, c, "/kept"); err != nil || p.Value.Any() != int64(1) {
				t.Errorf("/kept is %+v, %v", p, err)
			}
			if aside, _ := filepath.Glob(path + ".bad-*-" + reason); len(aside) != 1 {
				all, _ := filepath.Glob(path + "*")
				t.Errorf("not set aside as %s: %q", reason, all)
			}
			said := regexp.MustCompile(`(?m)^.*WARN.*$`).FindAllString(s.stdout.String(), -1)
			if len(said) != 1 || !strings.Contains(said[0], reason) || !strings.Contains(said[0], ".gen-") {
				t.Errorf("said %q", said)
			}
			if n := s.metric(t, "clasp_restore_generation"); n != 1 {
				t.Errorf("clasp_restore_generation %v, want 1", n)
			}
			s.terminated(t)
		})
	}
}

// metricsURL is where a service shows its metrics.
func (s *service) metricsURL(t *testing.T) string {
	t.Helper()
	return s.until(t, s.stdout.String, `(http://(?:127\.0\.0\.1|\[::1\]):\d+)/metrics`)[1]
}

// fetched gets a page of the metrics port.
func (s *service) fetched(t *testing.T, page string) (status int, body string) {
	t.Helper()
	response, err := http.Get(s.metricsURL(t) + page)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

// metric returns the value of a metric without labels, NaN if it is not there.
func (s *service) metric(t *testing.T, name string) float64 {
	t.Helper()
	_, page := s.fetched(t, "/metrics")
	m := regexp.MustCompile(`(?m)^` + name + ` (\S+)$`).FindStringSubmatch(page)
	value := math.NaN()
	if m != nil {
		_, _ = fmt.Sscan(m[1], &value) // stays NaN
	}
	return value
}

// TestMetrics: what the port shows, and that a router without it is a router all the same.
func TestMetrics(t *testing.T) {
	s := keep(t, filepath.Join(t.TempDir(), "state.db"), "--metrics", "--metrics-port", "0")
	c := s.dialed(t)
	setTo(t, c, "/a", 1, api.QoS(wire.Commit))
	for name, want := range map[string]float64{
		"clasp_sessions_active": 1, "clasp_state_params_active": 1, "clasp_persist_failures_total": 0, "clasp_restore_generation": 0,
	} {
		if got := s.metric(t, name); got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	if n := s.metric(t, "clasp_persist_duration_seconds_count"); !(n >= 2) {
		t.Errorf("%v writes measured", n)
	}
	if at := s.metric(t, "clasp_persist_last_success_timestamp_seconds"); math.Abs(at-float64(time.Now().Unix())) > 3600 {
		t.Errorf("last success at %v", at)
	}
	for page, want := range map[string]int{"/healthz": 200, "/readyz": 200, "/nothing": 404} {
		if status, body := s.fetched(t, page); status != want {
			t.Errorf("%s: %d %q", page, status, body)
		}
	}
	port := regexp.MustCompile(`\d+$`).FindString(s.metricsURL(t))
	other := serve(t, nil, "--port", "0", "--bind", "127.0.0.1", "--metrics", "--metrics-port", port)
	other.until(t, other.stdout.String, `msg="not listening[^\n]*transport=Metrics[^\n]*port `+port)
	other.dialed(t)
}

// TestStateDiskFull: a full disk is said, refuses commits only, and is over when there is room again.
func TestStateDiskFull(t *testing.T) {
	dir := t.TempDir()
	if err := mountSmall(dir); err != nil {
		t.Skipf("%s needs root, and to mount a tmpfs: %v", t.Name(), err)
	}
	t.Cleanup(func() { unmount(t, dir) })
	s := keep(t, filepath.Join(dir, "state.db"), "--metrics", "--metrics-port", "0", "--persist-interval", "1")
	c := s.dialed(t)
	setTo(t, c, "/a", 1, api.QoS(wire.Commit))
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 16<<20), 0o600); err == nil {
		t.Fatal("the disk does not get full")
	}
	large := strings.Repeat("x", 50_000)
	var refused error
	for range 1000 {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		_, refused = c.Set(ctx, "/a", large, api.QoS(wire.Commit))
		cancel()
		if refused != nil {
			break
		}
	}
	if !api.IsCode(refused, wire.CodeInternal) {
		t.Fatalf("commits on a full disk end with %v", refused)
	}
	setTo(t, c, "/b", 1) // confirm goes on
	if status, body := s.fetched(t, "/readyz"); status != 503 || !strings.Contains(body, "persistence") {
		t.Errorf("/readyz: %d %q", status, body)
	}
	if n := s.metric(t, "clasp_persist_failures_total"); !(n >= 1) {
		t.Errorf("%v failures counted", n)
	}
	if n := strings.Count(s.stdout.String(), "the state cannot be written"); n != 1 {
		t.Errorf("said %d times that the disk fails", n)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	s.until(t, s.stdout.String, `the state is written again`) // by itself
	if status, body := s.fetched(t, "/readyz"); status != 200 {
		t.Errorf("/readyz: %d %q", status, body)
	}
	setTo(t, c, "/a", 2, api.QoS(wire.Commit))
	s.terminated(t)
}
