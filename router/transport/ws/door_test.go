package ws_test

// Who is let in at the door: limits of connections, web pages, and what those cost that say nothing.

import (
	"bytes"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/clasp-studio/clasp/router"
	"github.com/clasp-studio/clasp/router/sites"
	"github.com/clasp-studio/clasp/router/transport/ws"
)

// silent opens connections that say nothing.
func (g *rig) silent(t *testing.T, n int) []*client {
	t.Helper()
	all := make([]*client, n)
	for i := range all {
		c, err := g.socket()
		if err != nil {
			t.Fatalf("connection %d: %v", i, err)
		}
		t.Cleanup(c.drop)
		all[i] = c
	}
	return all
}

// refused asks for a WebSocket and expects an answer instead.
func (g *rig) refused(t *testing.T, status int, words string, options ...dialOptions) {
	t.Helper()
	c, res, err := g.upgrade(options...)
	if err != nil {
		t.Fatal(err)
	}
	defer c.drop()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != status || !strings.Contains(string(text), words) {
		t.Errorf("got %s: %s, want %d: ...%s...", res.Status, text, status, words)
	}
	if status == http.StatusServiceUnavailable && (!res.Close || res.Header.Get("Retry-After") == "") {
		t.Errorf("the answer says neither when to come again nor that it is the last: %v", res.Header)
	}
}

// open waits until another connection is let in.
func (g *rig) open(t *testing.T) *client {
	t.Helper()
	var c *client
	eventually(t, "room for another connection", func() bool {
		var err error
		c, err = g.connect()
		return err == nil
	})
	t.Cleanup(c.drop)
	return c
}

// Connections still shaking hands count.
func TestSilentCount(t *testing.T) {
	g := start(t, limits(func(l *router.Limits) { l.MaxConnections = 3 }))
	silent := g.silent(t, 2)
	g.join(t)
	g.refused(t, http.StatusServiceUnavailable, "this router holds its limit of 3 connections")
	response, err := http.Get("http://" + g.addr + "/") // it is alive, and says so
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Errorf("a health check of a full router: %s", response.Status)
	}
	http.DefaultClient.CloseIdleConnections()
	silent[0].drop()
	g.open(t)
}

// However many are being told that the router is full, and take their time to listen: the place of a session that ends is the
// next one's.
func TestToldHoldNoPlace(t *testing.T) {
	g := start(t, limits(func(l *router.Limits) { l.MaxConnections = 2 }))
	first := g.dial(t)
	g.dial(t)
	told := g.silent(t, 4)
	first.drop()
	g.open(t)
	for _, c := range told { // they were there all the time
		if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: "+g.addr+"\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		if answer, err := io.ReadAll(c.in); err != nil || !bytes.Contains(answer, []byte("200 OK")) {
			t.Errorf("one that was being told got %q, %v", answer, err)
		}
	}
}

// What there is no room to tell is closed at once, so that memory stays bounded however many come. The log says so now and then.
func TestFloodOverTheLimit(t *testing.T) {
	for name, test := range map[string]struct {
		limits router.Limits
		words  string
		spare  int
	}{
		"in all":      {router.Limits{MaxConnections: 2}, "its limit of 2 connections", 64},
		"one address": {router.Limits{MaxConnectionsPerIP: 2}, "its limit of 2 connections from one address", 4},
	} {
		t.Run(name, func(t *testing.T) {
			var refusals atomic.Int64
			log := slog.New(slog.NewTextHandler(writer(func(line []byte) {
				if bytes.Contains(line, []byte("refused a connection: this router holds "+test.words)) {
					refusals.Add(1)
				}
			}), nil))
			g := start(t, func(o *router.Options) { o.Limits, o.Logger = test.limits, log })
			work := g.keepBusy(t)
			before := inUse()
			all := g.silent(t, 2000)
			work.served(t)
			var now resources // the last may be on its way out
			if !poll(func() bool {
				now = inUse()
				return now.descriptors <= before.descriptors+len(all)+1+test.spare
			}) {
				t.Errorf("%d descriptors are open, %d before", now.descriptors-len(all), before.descriptors)
			}
			work.finish(t)
			work.c.drop()
			for _, c := range all {
				c.abort()
			}
			g.open(t)
			if n := refusals.Load(); n < 1 || n > 10 { // one in ten seconds
				t.Errorf("the log has %d lines about it", n)
			}
		})
	}
}

// writer is a function as an io.Writer.
type writer func(line []byte)

func (w writer) Write(line []byte) (int, error) {
	w(line)
	return len(line), nil
}

func TestConnectionsFromOneAddress(t *testing.T) {
	settings := router.Settings{Limits: router.Limits{MaxConnectionsPerIP: 2}}
	g := start(t, func(o *router.Options) { o.Limits = settings.Limits })
	first := g.dial(t)
	g.silent(t, 1)
	g.refused(t, http.StatusServiceUnavailable, "this router holds its limit of 2 connections from one address")

	// Another address is another matter.
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
	if other, err := d.Dial("tcp", g.addr); err != nil {
		t.Logf("not tried from another address: %v", err) // only Linux has all of 127/8
	} else {
		defer other.Close()
		if _, err := io.WriteString(other, "GET /clasp HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		line := make([]byte, len("HTTP/1.1 101"))
		if _, err := io.ReadFull(other, line); err != nil || string(line) != "HTTP/1.1 101" {
			t.Errorf("from another address: %q, %v", line, err)
		}
	}
	first.drop()
	second := g.open(t)

	settings.Limits.MaxConnectionsPerIP = 3 // takes effect on who comes next
	if err := g.Reload(settings); err != nil {
		t.Fatal(err)
	}
	g.open(t)
	g.refused(t, http.StatusServiceUnavailable, "limit of 3 connections from one address")
	settings.Limits.MaxConnectionsPerIP = 1 // and never on those who are there
	if err := g.Reload(settings); err != nil {
		t.Fatal(err)
	}
	second.greet(t)
	settings.Limits.MaxConnectionsPerIP = 0
	if err := g.Reload(settings); err != nil {
		t.Fatal(err)
	}
	for range 10 {
		g.dial(t)
	}
}

// What web pages may connect is looked at before the upgrade, anew each time.
func TestOrigins(t *testing.T) {
	var list atomic.Pointer[[]string]
	allow := func(origins ...string) { list.Store(&origins) }
	allow()
	g := startOn(t, ws.Options{Sites: func() sites.Rules { return sites.Rules{Origins: *list.Load()} }})
	page := func(origin string) dialOptions { return dialOptions{headers: "Origin: " + origin + "\r\n"} }
	stays := g.join(t, page("https://evil.example"))

	allow("same", "https://panel.example")
	for _, origin := range []string{"https://evil.example", "null", "https://panel.example.evil.example", "http://" + g.addr + "1"} {
		g.refused(t, http.StatusForbidden, "to security.allowed_origins", page(origin))
	}
	g.join(t, page("https://panel.example"))
	g.join(t, page("http://"+g.addr))
	g.join(t) // no browser
	stays.quiet(t)
	allow("any")
	g.join(t, page("null"))
}

// The router's own page is shown under its own names, and to no other site's page.
func TestOwnPage(t *testing.T) {
	g := startOn(t, ws.Options{Sites: func() sites.Rules {
		return sites.Rules{Origins: []string{"any", "https://clasp.example"}, Names: []string{"stage.example"}}
	}})
	for _, test := range []struct {
		host, origin string
		status       int
	}{
		{g.addr, "", 200}, {"studio.local", "", 200}, {"clasp.example", "", 200}, {"stage.example", "", 200}, {g.addr, "http://" + g.addr, 200}, {g.addr, "https://clasp.example", 200},
		{"evil.example", "", 403}, {g.addr, "https://evil.example", 403}, {g.addr, "null", 403},
	} {
		request, err := http.NewRequest(http.MethodGet, "http://"+g.addr+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Host, request.Close = test.host, true
		if test.origin != "" {
			request.Header.Set("Origin", test.origin)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if response.StatusCode != test.status || test.status == 403 && !bytes.Contains(text, []byte("security.allowed_origins")) {
			t.Errorf("%q, a page of %q: %s: %s", test.host, test.origin, response.Status, text)
		}
	}
	// HTTP/1.0 without a Host, as some health checks have it.
	c, err := g.sending("GET / HTTP/1.0\r\n\r\n")
	if err != nil {
		t.Fatal(err)
	}
	defer c.drop()
	if answer, err := io.ReadAll(c.in); err != nil || !bytes.Contains(answer, []byte("200 OK")) {
		t.Errorf("HTTP/1.0: %s, %v", answer, err)
	}
}

// What peers cost that have not said HELLO, with the test's own end of each connection. Nobody else notices them.
func TestCostOfTheSilent(t *testing.T) {
	halfHello := clientHello(t)[:20]
	for name, test := range map[string]struct {
		secure bool
		many   int
		limit  int // KiB each, twice what it is: with the race detector stacks are larger
		says   func(g *rig) (*client, error)
	}{
		"no byte": {false, 2000, 40, func(g *rig) (*client, error) { return g.socket() }},
		"half a header": {false, 2000, 40, func(g *rig) (*client, error) {
			return g.sending("GET /clasp HTTP/1.1\r\nHost: x\r\nX-Slow: " + strings.Repeat("a", 500))
		}},
		"no HELLO":             {false, 2000, 40, func(g *rig) (*client, error) { return g.connect() }},
		"no TLS byte":          {true, 2000, 40, func(g *rig) (*client, error) { return g.bare() }},
		"half a TLS handshake": {true, 2000, 40, func(g *rig) (*client, error) { return g.barely(halfHello) }},
		"TLS and no byte":      {true, 500, 64, func(g *rig) (*client, error) { return g.shaken() }},
	} {
		t.Run(name, func(t *testing.T) {
			run := start
			if test.secure {
				run = startSecure
			}
			g := run(t)
			work := g.keepBusy(t)
			work.served(t)
			before := memory()
			all := make([]*client, test.many)
			for i := range all {
				c, err := test.says(g)
				if err != nil {
					t.Fatalf("connection %d: %v", i, err)
				}
				all[i] = c
			}
			work.served(t)
			each := (memory() - before) / test.many
			t.Logf("%d bytes each", each)
			if each > test.limit<<10 {
				t.Errorf("%d bytes each, %d KiB are the limit", each, test.limit)
			}
			for _, c := range all {
				c.abort()
			}
			work.finish(t)
		})
	}
}

// memory is what heap and stacks take.
func memory() int {
	heap := heap()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return heap + int(m.StackInuse)
}
