package ws_test

// What is counted of the port: bytes as they are on the line, connections, and those that came to nothing.

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/router"
	"github.com/clasp-studio/clasp/router/internal/kit"
	"github.com/clasp-studio/clasp/router/sites"
	"github.com/clasp-studio/clasp/router/transport/ws"
	"github.com/clasp-studio/clasp/router/wire"
)

// counted opens a connection whose bytes are counted below any TLS.
func (g *rig) counted(t *testing.T) (*client, *kit.Bytes) {
	t.Helper()
	conn, err := net.DialTimeout("tcp", g.addr, patience)
	if err != nil {
		t.Fatal(err)
	}
	bytes := &kit.Bytes{Conn: conn}
	c := &client{Conn: bytes}
	if g.trust != nil {
		c.Conn = tls.Client(bytes, g.trust)
	}
	c.in = bufio.NewReader(c.Conn)
	t.Cleanup(c.drop)
	return c, bytes
}

func TestCountedBytes(t *testing.T) {
	for name, start := range map[string]func(*testing.T, ...func(*router.Options)) *rig{"plain": start, "TLS": startSecure} {
		t.Run(name, func(t *testing.T) {
			g := start(t)
			c, bytes := g.counted(t)
			_, err := fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", g.addr)
			if err != nil {
				t.Fatal(err)
			}
			if response, err := http.ReadResponse(c.in, nil); err != nil || response.StatusCode != http.StatusSwitchingProtocols {
				t.Fatalf("%v, %v", response, err)
			}
			c.greet(t)
			for i := range 200 {
				c.send(t, wire.Confirm, set("/p", make([]byte, 100*i)))
				c.expectAck(t, "/p")
			}
			bytes.Agrees(t, g.Router, "ws")
			if bytes.Out < 100*200*199/2 {
				t.Errorf("only %d bytes", bytes.Out)
			}
		})
	}
}

// hangsUp waits for the server to do so, and does it too.
func (c *client) hangsUp(t *testing.T) {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(patience))
	if _, err := io.Copy(io.Discard, c.in); err != nil {
		t.Errorf("the server does not hang up: %v", err)
	}
	c.drop()
}

// TestCountedFailures: each connection that never becomes a session is counted once, by what was wrong.
func TestCountedFailures(t *testing.T) {
	const upgrade = "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
	says := func(text string) func(*testing.T, *rig) {
		return func(t *testing.T, g *rig) {
			c, err := g.barely([]byte(text))
			if err != nil {
				t.Fatal(err)
			}
			defer c.drop()
			_, _ = http.ReadResponse(bufio.NewReader(c), nil) // whatever it is
		}
	}
	message := func(payload []byte) func(*testing.T, *rig) {
		return func(t *testing.T, g *rig) {
			c := g.dial(t)
			c.send(t, wire.Fire, payload)
			c.hangsUp(t)
		}
	}
	for name, test := range map[string]struct {
		do   func(*testing.T, *rig)
		tls  bool
		want string // "" = nothing has failed
	}{
		"a session":        {do: func(t *testing.T, g *rig) { g.join(t).drop() }},
		"a health check":   {do: says("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")},
		"an old WebSocket": {do: says(upgrade + "Sec-WebSocket-Version: 8\r\n\r\n"), want: "http"},
		"no HTTP":          {do: says("SSH-2.0-x\r\n\r\n"), want: "http"},
		"another site":     {do: says(upgrade + "Origin: https://evil.example\r\n\r\n"), want: "origin"},
		"nothing": {do: func(t *testing.T, g *rig) {
			c, err := g.bare()
			if err != nil {
				t.Fatal(err)
			}
			c.drop()
		}, want: "lost"},
		"only the upgrade": {do: func(t *testing.T, g *rig) { g.dial(t).drop() }, want: "lost"},
		"no HELLO":         {do: message(set("/a", 1)), want: "hello"},
		"no CLASP": {do: func(t *testing.T, g *rig) {
			c := g.dial(t)
			c.binary(t, []byte("CLASP"))
			c.hangsUp(t)
		}, want: "hello"},
		"a new version": {do: message(wire.AppendHello(nil, wire.Hello{Version: 9})), want: "version"},
		"no room": {do: func(t *testing.T, g *rig) {
			l := g.Limits()
			l.MaxConnections = 1
			if err := g.Reload(router.Settings{Limits: l}); err != nil {
				t.Fatal(err)
			}
			g.join(t)
			_, response, err := g.upgrade()
			if err != nil || response.StatusCode != http.StatusServiceUnavailable {
				t.Errorf("%v, %v", response, err)
			}
		}, want: "limit"},
		"no TLS": {do: says("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"), tls: true, want: "tls"},
		"no trust": {do: func(t *testing.T, g *rig) {
			if c, err := tls.Dial("tcp", g.addr, &tls.Config{ServerName: "other"}); err == nil {
				c.Close()
				t.Error("it trusts anybody")
			}
		}, tls: true, want: "tls"},
	} {
		t.Run(name, func(t *testing.T) {
			var g *rig
			if test.tls {
				g = startSecure(t)
			} else {
				g = startOn(t, ws.Options{Sites: func() sites.Rules { return sites.Rules{Origins: []string{"https://ours.example"}} }})
			}
			test.do(t, g)
			failed := func() map[string]uint64 { return g.Counted().Transports["ws"].Failed }
			if test.want != "" {
				eventually(t, "it to be counted as "+test.want, func() bool { return failed()[test.want] > 0 })
			}
			for why, n := range failed() {
				if n > 0 && (why != test.want || n > 1) {
					t.Errorf("%d failed: %s", n, why)
				}
			}
		})
	}
}

// TestCountedTimeouts: who says too little for too long is counted as that, whatever it has begun with.
func TestCountedTimeouts(t *testing.T) {
	rigs := []*rig{start(t), startSecure(t)}
	var silent []*client
	for i, texts := range [][]string{{"", "GET / HTTP/1.1\r\nConnection: Upgr"}, {"", "\x16\x03\x01"}} {
		for _, text := range texts {
			c, err := rigs[i].barely([]byte(text))
			if err != nil {
				t.Fatal(err)
			}
			silent = append(silent, c)
		}
	}
	for _, c := range silent {
		c.hangsUp(t)
	}
	for i, g := range rigs {
		failed := func() map[string]uint64 { return g.Counted().Transports["ws"].Failed }
		eventually(t, "both to be counted", func() bool { return failed()["timeout"] == 2 })
		for why, n := range failed() {
			if n > 0 && why != "timeout" {
				t.Errorf("port %d: %d failed: %s", i, n, why)
			}
		}
	}
}
