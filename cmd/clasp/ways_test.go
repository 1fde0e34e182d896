//go:build unix

// Runs the real router with every way in: that each works, which of them it can do without, and how it is found.

package main_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	goclient "github.com/clasp-studio/clasp/router/client"
)

// everyWay starts a router that opens all there is, each at a port that the system chooses.
func everyWay(t *testing.T, args ...string) *secure {
	t.Helper()
	return serveTLS(t, append([]string{"--quic", "--udp", "--udp-port", "0", "--tcp", "--tcp-port", "0", "--discovery-port", "0", "--metrics", "--metrics-port", "0"}, args...)...)
}

// url is what the banner says of a transport.
func (s *service) url(t *testing.T, transport string) string {
	t.Helper()
	return s.until(t, s.stdout.String, `(?m)^  `+transport+` +(\S+)$`)[1]
}

// described asks a router about itself by a text probe.
func described(t *testing.T, address string) (about struct {
	ID, Name, Host, Auth string
	Port, QUIC, UDP, TCP int
	Secure               bool
}) {
	t.Helper()
	c, err := net.Dial("udp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	buf := make([]byte, 2048)
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		if _, err := c.Write([]byte("CLASP-DISCOVER\n")); err != nil {
			continue // nobody there yet
		}
		_ = c.SetReadDeadline(time.Now().Add(time.Second)) // a router answers twice a second at most
		if n, err := c.Read(buf); err == nil {
			if err := json.Unmarshal(buf[:n], &about); err != nil {
				t.Fatalf("%q: %v", buf[:n], err)
			}
			return about
		}
	}
	t.Fatalf("nobody answers at %s", address)
	return about
}

func TestEveryWay(t *testing.T) {
	s := everyWay(t, "--name", "Studio")
	ca := s.folder.file("ca.pem")
	for i, transport := range []string{"WebSocket", "QUIC", "UDP", "TCP"} {
		url := s.url(t, transport)
		value := string(rune('1' + i))
		for _, args := range [][]string{{"set", "/a", value}, {"get", "/a"}, {"pub", "/b", "1"}} {
			stdout, stderr, code := clasp(t, nil, append([]string{args[0], "--url", url, "--ca", ca}, args[1:]...)...)
			if code != 0 || args[0] == "get" && stdout != value+"\n" {
				t.Errorf("%v over %s: exit code %d, stdout %q, stderr %q", args, url, code, stdout, stderr)
			}
		}
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		c, err := goclient.Dial(ctx, url, goclient.Options{TLS: s.folder.trust(t)})
		cancel()
		if err != nil {
			t.Errorf("%s: %v", url, err)
			continue
		}
		works(t, c, i)
		c.Close()
		label := strings.Replace(strings.ToLower(transport), "websocket", "ws", 1)
		if up := s.metric(t, `clasp_listener_up\{address="[^"]+",transport="`+label+`"\}`); up != 1 {
			t.Errorf("%s: up is %v", transport, up)
		}
	}

	before := s.metric(t, `clasp_discovery_replies_total\{method="text"\}`)
	about := described(t, s.url(t, "Discovery"))
	ports := map[string]int{s.host(t): about.Port, s.url(t, "QUIC"): about.QUIC, s.url(t, "UDP"): about.UDP, s.url(t, "TCP"): about.TCP}
	for url, port := range ports {
		if !strings.HasSuffix(url, ":"+strconv.Itoa(port)) {
			t.Errorf("the answer says port %d for %s", port, url)
		}
	}
	if quic := strings.Replace(s.url(t, "QUIC"), "quic://", "", 1); quic != s.host(t) {
		t.Errorf("QUIC at %s, not at the port of WebSocket, %s", quic, s.host(t))
	}
	if about.Name != "Studio" || !about.Secure || about.Auth != "open" || about.Host != "127.0.0.1" {
		t.Errorf("the answer is %+v", about)
	}
	if after := s.metric(t, `clasp_discovery_replies_total\{method="text"\}`); before != 0 || after < 1 {
		t.Errorf("answers counted: %v, then %v", before, after)
	}
	if hello := s.metric(t, `clasp_discovery_replies_total\{method="hello"\}`); hello != 0 {
		t.Errorf("answers to HELLO counted: %v", hello)
	}

	c := s.dial(t)
	works(t, c, 1)
	s.signal(t, syscall.SIGTERM)
	if code := s.exit(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
	for _, transport := range []string{"QUIC", "UDP", "Discovery"} { // free again
		address := strings.TrimPrefix(strings.TrimPrefix(s.url(t, transport), "quic://"), "udp://")
		p, err := net.ListenPacket("udp", address)
		if err != nil {
			t.Errorf("%s: %v", transport, err)
			continue
		}
		_ = p.Close()
	}
}

// TestTakenPorts: a port that somebody else has costs that way in alone, and only until it is free.
func TestTakenPorts(t *testing.T) {
	t.Parallel() // mostly waits for the router to try again
	stream, err := net.Listen("tcp", "127.0.0.1:"+steadyPort(t))
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	packets, err := net.ListenPacket("udp", "127.0.0.1:"+steadyPort(t))
	if err != nil {
		t.Fatal(err)
	}
	defer packets.Close()
	quic, err := net.ListenPacket("udp", "127.0.0.1:"+steadyPort(t))
	if err != nil {
		t.Fatal(err)
	}
	defer quic.Close()
	port := func(address string) string { _, p, _ := net.SplitHostPort(address); return p } // a listener's own
	s := serveTLS(t, "--tcp", "--tcp-port", port(stream.Addr().String()), "--udp", "--udp-port", port(packets.LocalAddr().String()), "--quic", "--quic-port", port(quic.LocalAddr().String()),
		"--discovery-port", "0", "--metrics", "--metrics-port", "0")
	c := s.dial(t)
	works(t, c, 1)
	if banner := s.stdout.String(); regexp.MustCompile(`(?m)^  (QUIC|UDP|TCP) `).MatchString(banner) {
		t.Errorf("the banner says that they are open:\n%s", banner)
	}
	ways := []struct {
		name, label, what string
		socket            io.Closer
		address           string
	}{
		{"TCP", "tcp", "port", stream, stream.Addr().String()},
		{"UDP", "udp", "UDP port", packets, packets.LocalAddr().String()},
		{"QUIC", "quic", "UDP port", quic, quic.LocalAddr().String()},
	}
	up := func(address, label string) float64 {
		t.Helper()
		return s.metric(t, `clasp_listener_up\{address="`+regexp.QuoteMeta(address)+`",transport="`+label+`"\}`)
	}
	if about := described(t, s.url(t, "Discovery")); about.QUIC != 0 || about.UDP != 0 || about.TCP != 0 {
		t.Errorf("tells of ports that are not open: %+v", about)
	}
	for _, way := range ways {
		s.until(t, s.stdout.String, `level=ERROR msg="not listening: the router runs without it and tries again" transport=`+way.name+
			` error="`+way.what+" "+port(way.address)+` on 127.0.0.1 is in use by [^"]+: stop it, or choose another port with --`+way.label+`-port"`)
		if got := up(way.address, way.label); got != 0 {
			t.Errorf("%s: up is %v", way.name, got)
		}
		_ = way.socket.Close()
	}
	for _, way := range ways {
		s.until(t, s.stdout.String, `level=INFO msg=listening transport=`+way.name+` urls=\[`+way.label+`://`+way.address+`\]`)
		if got := up(way.address, way.label); got != 1 {
			t.Errorf("%s: up is %v", way.name, got)
		}
		if stdout, stderr, code := clasp(t, nil, "get", "--url", way.label+"://"+way.address, "--ca", s.folder.file("ca.pem"), "/**"); code != 0 {
			t.Errorf("%s: exit code %d, stdout %q, stderr %q", way.name, code, stdout, stderr)
		}
		if n := strings.Count(s.stdout.String(), `tries again" transport=`+way.name); n != 1 {
			t.Errorf("%s: said %d times", way.name, n)
		}
	}
	for deadline := time.Now().Add(patience); ; { // the last one is told of after its line
		about := described(t, s.url(t, "Discovery"))
		if about.QUIC != 0 && about.UDP != 0 && about.TCP != 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("does not tell of ports that are open now: %+v", about)
		}
	}
	s.signal(t, syscall.SIGTERM)
	if code := s.exit(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// TestTakenMetricsPort: metrics come when their port is free.
func TestTakenMetricsPort(t *testing.T) {
	t.Parallel() // mostly waits for the router to try again
	port := steadyPort(t)
	taken, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		t.Fatal(err)
	}
	s := serve(t, nil, "--port", "0", "--bind", "127.0.0.1", "--metrics", "--metrics-port", port)
	s.until(t, s.stdout.String, `msg="not listening[^\n]*transport=Metrics`)
	ping(t, greeted(t, s.address(t)))
	_ = taken.Close()
	s.until(t, s.stdout.String, `msg=listening transport=Metrics urls=\[http://`+regexp.QuoteMeta(taken.Addr().String())+`/metrics\]`)
	if up := s.metric(t, `clasp_listener_up\{address="`+regexp.QuoteMeta(taken.Addr().String())+`",transport="metrics"\}`); up != 1 {
		t.Errorf("up is %v", up)
	}
}

// TestStoppingWhileRetrying: a port that is never free does not keep the router from stopping.
func TestStoppingWhileRetrying(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, port, _ := net.SplitHostPort(taken.Addr().String())
	s := serve(t, nil, "--port", "0", "--bind", "127.0.0.1", "--tcp", "--tcp-port", port)
	s.address(t)
	s.signal(t, syscall.SIGTERM)
	if code := s.exit(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// TestQUICReload: a renewed certificate is QUIC's, too, and the session that is there stays.
func TestQUICReload(t *testing.T) {
	s := serveTLS(t, "--quic")
	url := s.url(t, "QUIC")
	dial := func() (c *goclient.Client, number string) {
		t.Helper()
		var shown atomic.Pointer[string]
		trusting := s.folder.trust(t)
		trusting.VerifyConnection = func(state tls.ConnectionState) error {
			n := state.PeerCertificates[0].SerialNumber.String()
			shown.Store(&n)
			return nil
		}
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		c, err := goclient.Dial(ctx, url, goclient.Options{TLS: trusting})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		return c, *shown.Load()
	}
	c, before := dial()
	if before != s.folder.number(t) {
		t.Errorf("shows certificate %s at first", before)
	}
	s.folder.renewed(t)
	s.signal(t, syscall.SIGHUP)
	s.until(t, s.stdout.String, `configuration reloaded`)
	if _, after := dial(); after != s.folder.number(t) || after == before {
		t.Errorf("shows certificate %s after %s was renewed to %s", after, before, s.folder.number(t))
	}
	works(t, c, 1)
}

// TestFoundAuth: what a reload changes about who is let in is told at once.
func TestFoundAuth(t *testing.T) {
	s, _, file := reloadable(t, "--discovery-port", "0")
	if about := described(t, s.url(t, "Discovery")); about.Auth != "open" {
		t.Errorf("at first %+v", about)
	}
	file("  security: {require_auth: true, token_secret: " + strings.Repeat("0123456789abcdef", 4) + "}\n")
	s.signal(t, syscall.SIGHUP)
	s.until(t, s.stdout.String, `configuration reloaded`)
	if about := described(t, s.url(t, "Discovery")); about.Auth != "token" {
		t.Errorf("after the reload %+v", about)
	}
}

// TestRouterID: the ID is the same after a restart where it can be kept, and else it is said that it is not.
func TestRouterID(t *testing.T) {
	dir := t.TempDir()
	state := filepath.Join(dir, "state.db")
	start := func(environ []string, args ...string) (s *service, id string) {
		t.Helper()
		s = serve(t, environ, append([]string{"--bind", "127.0.0.1", "--discovery-port", "0"}, args...)...)
		id = described(t, s.url(t, "Discovery")).ID
		if !regexp.MustCompile(`^[0-9a-f-]{36}$`).MatchString(id) {
			t.Errorf("the ID is %q", id)
		}
		s.terminated(t)
		return s, id
	}
	port, kept := steadyPort(t), filepath.Join(dir, "service")
	const other = "has another ID after the next start"
	for name, test := range map[string]struct {
		environ, args []string
		kept          bool
	}{
		"beside the state": {nil, []string{"--port", "0", "--persist", "--persist-path", state}, true},
		"of the user":      {[]string{"HOME=" + dir, "XDG_CONFIG_HOME=", "STATE_DIRECTORY="}, []string{"--port", port}, true},
		"of the service":   {[]string{"HOME=/", "XDG_CONFIG_HOME=", "STATE_DIRECTORY=" + kept}, []string{"--port", port}, true},
		"nowhere":          {[]string{"HOME=", "XDG_CONFIG_HOME=", "STATE_DIRECTORY="}, []string{"--port", port}, false},
		"no fixed port":    {nil, []string{"--port", "0"}, false},
	} {
		first, before := start(test.environ, test.args...)
		second, after := start(test.environ, test.args...)
		if (before == after) != test.kept {
			t.Errorf("%s: %s, then %s", name, before, after)
		}
		for _, s := range []*service{first, second} {
			if strings.Contains(s.stdout.String(), other) == test.kept {
				t.Errorf("%s: said\n%s", name, &s.stdout)
			}
		}
	}
	for _, path := range []string{state + ".id", filepath.Join(kept, "router-127.0.0.1-"+port+".id")} {
		if text, err := os.ReadFile(path); err != nil || len(text) != 37 {
			t.Errorf("%s: %q, %v", path, text, err)
		}
	}
	write(t, state+".id", "x\n")
	s, _ := start(nil, "--port", "0", "--persist", "--persist-path", state)
	s.until(t, s.stdout.String, other+`[^\n]*state.db.id holds no ID: remove it`)
}
