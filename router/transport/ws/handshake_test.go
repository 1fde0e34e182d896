package ws_test

// How a connection becomes a session: protocol section 5, 1 to 4.

import (
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/router"
	"github.com/clasp-studio/clasp/router/wire"
)

// 5.1: "Subprotocol `clasp` must be echoed when offered; its absence is allowed."
func TestSubprotocol(t *testing.T) {
	g := start(t)
	for offer, echo := range map[string]string{
		"":             "",
		"clasp":        "clasp",
		"other, clasp": "clasp",
		"clasp,other":  "clasp",
		"other":        "",
	} {
		t.Run(fmt.Sprintf("%q", offer), func(t *testing.T) {
			o := dialOptions{}
			if offer != "" {
				o.headers = "Sec-WebSocket-Protocol: " + offer + "\r\n"
			}
			c, res, err := g.upgrade(o)
			if err != nil {
				t.Fatal(err)
			}
			defer c.drop()
			if res.StatusCode != http.StatusSwitchingProtocols {
				t.Fatalf("status %s", res.Status)
			}
			if got := res.Header.Get("Sec-WebSocket-Protocol"); got != echo {
				t.Errorf("echo %q, want %q", got, echo)
			}
			c.greet(t)
		})
	}
}

// 5.1: "any path that is not one of the router's own HTTP endpoints upgrades"
func TestAnyPathUpgrades(t *testing.T) {
	g := start(t)
	for _, path := range []string{"/", "/clasp", "/clasp/", "/some/where/else?token=x"} {
		g.join(t, dialOptions{path: path})
	}
}

// 5.1: an origin of any page is welcome, and so is a client that offers compression, which is not taken up.
func TestBrowserHeaders(t *testing.T) {
	g := start(t)
	g.join(t, dialOptions{headers: "Origin: https://example.org\r\nSec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"})
}

// 5.1: "A plain HTTP GET or HEAD of `/` that asks for no upgrade gets 200 and a short text"
func TestPlainRequest(t *testing.T) {
	g := start(t)
	client := http.Client{Timeout: patience}
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		req, err := http.NewRequest(method, "http://"+g.addr+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || res.StatusCode != http.StatusOK {
			t.Errorf("%s /: %s, %v", method, res.Status, err)
		}
		if method == http.MethodGet && (len(text) == 0 || len(text) > 500 || !strings.HasPrefix(res.Header.Get("Content-Type"), "text/plain")) {
			t.Errorf("GET / answers %q", text)
		}
		if !res.Close {
			t.Errorf("%s / keeps its place, which sessions may need", method)
		}
	}
}

var uuid = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

// 5.3: "The router answers WELCOME (always the first frame), then one or more SNAPSHOT frames. At least one SNAPSHOT is
// always sent, empty if need be. The session id is a random UUID."
func TestWelcome(t *testing.T) {
	g := start(t)
	seen := make(map[string]bool)
	for range 20 {
		c := g.dial(t)
		before := time.Now().UnixMicro()
		c.send(t, wire.Fire, hello)
		w := c.expectWelcome(t)
		after := time.Now().UnixMicro()
		if w.Version != wire.Version || w.Features != 0xF8 || string(w.Name) != "test router" || len(w.Token) != 0 {
			t.Fatalf("WELCOME %+v", w)
		}
		if at := int64(w.Time); at < before || at > after {
			t.Errorf("server time %d is not between %d and %d", at, before, after)
		}
		if id := string(w.Session); !uuid.MatchString(id) || seen[id] {
			t.Fatalf("session id %q is no fresh random UUID", id)
		}
		seen[string(w.Session)] = true
		if all := c.expectSnapshot(t); len(all) != 0 {
			t.Fatalf("snapshot of an empty router: %+v", all)
		}
		c.quiet(t)
	}
}

// 5.3: the snapshot holds params and timelines (section 8), and one entry for each.
func TestWelcomeSnapshot(t *testing.T) {
	g := start(t)
	writer := g.join(t)
	writer.set(t, "/b", 1.5)
	writer.set(t, "/a", "one")
	writer.set(t, "/a", "two")
	writer.send(t, wire.Confirm, timeline("/t", 7))
	writer.expectAck(t, "/t")
	writer.send(t, wire.Confirm, publish(wire.Event, "/e", 1))
	writer.expectAck(t, "/e")

	c := g.dial(t)
	got := make(map[string]wire.SnapshotEntry)
	for _, e := range c.greet(t) {
		got[string(e.Address)] = e
	}
	if len(got) != 3 || got["/a"].Revision != 2 || !same(got["/a"].Value, val("two")) || got["/b"].Revision != 1 ||
		!same(got["/t"].Value, val(timelineOf(7))) || string(got["/a"].Writer) != writer.session {
		t.Fatalf("snapshot %+v", got)
	}
	c.quiet(t)
}

// 5.3: "Above `limits.welcome_snapshot` params (0 = none) only the empty one is sent"
func TestWelcomeSnapshotLimit(t *testing.T) {
	for _, c := range []struct{ limit, params, want int }{
		{2, 0, 0}, {2, 1, 1}, {2, 2, 2}, {2, 3, 0}, {0, 0, 0}, {0, 3, 0},
	} {
		t.Run(fmt.Sprintf("%d params, limit %d", c.params, c.limit), func(t *testing.T) {
			g := start(t, limits(func(l *router.Limits) { l.WelcomeSnapshot = c.limit }))
			writer := g.join(t)
			for i := range c.params {
				writer.set(t, fmt.Sprintf("/p/%d", i), i)
			}
			reader := g.dial(t)
			if got := reader.greet(t); len(got) != c.want {
				t.Errorf("%d entries in the snapshot, want %d", len(got), c.want)
			}
			reader.quiet(t)
			if got := reader.subscribe(t, 1, "/p/*", 0); len(got) != c.params {
				t.Errorf("SUBSCRIBE is answered with %d params, want %d", len(got), c.params)
			}
		})
	}
}

// 5.3 and 8: "SNAPSHOT frames hold at most what fits 65 535 payload bytes; a large one is several frames."
func TestLargeSnapshot(t *testing.T) {
	g := start(t)
	writer := g.join(t)
	const params = 5000
	text := strings.Repeat("x", 100)
	for i := range params {
		writer.send(t, wire.Fire, set(fmt.Sprintf("/large/%04d", i), text))
	}
	writer.set(t, "/large/whole", strings.Repeat("y", 65_000)) // fits a frame of its own only
	writer.set(t, "/other", 1)

	check := func(t *testing.T, c *client, want int) {
		t.Helper()
		seen := make(map[string]bool)
		frames := 0
		for ; len(seen) < want; frames++ {
			for _, e := range c.expectSnapshot(t) {
				if seen[string(e.Address)] {
					t.Fatalf("%s is there twice", e.Address)
				}
				seen[string(e.Address)] = true
			}
		}
		if frames < 10 {
			t.Errorf("%d params in %d frames", want, frames)
		}
		c.quiet(t)
	}
	c := g.dial(t)
	c.send(t, wire.Fire, hello)
	c.expectWelcome(t)
	check(t, c, params+2)
	c.send(t, wire.Fire, subscribe(1, "/large/**", 0))
	check(t, c, params+1)
}

// 5.2: "Version 1 is current; any other: ERROR 102 naming the version supported, and close."
func TestVersion(t *testing.T) {
	g := start(t)
	for _, version := range []uint8{0, 2, 255} {
		c := g.dial(t)
		c.send(t, wire.Confirm, wire.AppendHello(nil, wire.Hello{Version: version, Name: []byte("x")}))
		mention(t, c.expectError(t, wire.CodeVersion), "version 1")
		c.expectClose(t, 0)
	}
}

// beforeHello is one well-formed message of each type but HELLO.
var beforeHello = map[string][]byte{
	"WELCOME":     wire.AppendWelcome(nil, wire.Welcome{Version: 1}),
	"ANNOUNCE":    wire.BeginAnnounce(nil, []byte("/x")),
	"SUBSCRIBE":   subscribe(1, "/**", 0),
	"UNSUBSCRIBE": unsubscribe(1),
	"PUBLISH":     publish(wire.Event, "/x", 1),
	"SET":         set("/x", 1),
	"GET":         get("/x"),
	"SNAPSHOT":    wire.BeginSnapshot(nil),
	"REPLAY":      wire.AppendReplay(nil, wire.Replay{Pattern: []byte("/**")}),
	"BUNDLE":      bundle(set("/x", 1)),
	"SYNC":        wire.AppendSync(nil, wire.Sync{T1: 1}),
	"PING":        wire.AppendPing(nil),
	"PONG":        wire.AppendPong(nil),
	"ACK":         wire.AppendAck(nil, wire.Ack{}),
	"ERROR":       wire.AppendError(nil, wire.ErrorMessage{Code: 500}),
	"QUERY":       wire.AppendQuery(nil, wire.Query{Pattern: []byte("/**")}),
	"RESULT":      wire.BeginResult(nil),
}

// 5.2: "A well-formed other message: ERROR 300 and close."
func TestMessageBeforeHello(t *testing.T) {
	g := start(t)
	for name, payload := range beforeHello {
		t.Run(name, func(t *testing.T) {
			c := g.dial(t)
			c.send(t, wire.Confirm, payload)
			c.expectError(t, wire.CodeUnauthenticated)
			c.expectClose(t, 0)
		})
	}
	t.Run("nothing of it is done", func(t *testing.T) {
		c := g.join(t)
		c.send(t, wire.Fire, get("/x"))
		c.expectErrorAbout(t, wire.CodeNotFound, "/x")
	})
	t.Run("what follows is not heard", func(t *testing.T) {
		c := g.dial(t)
		c.binary(t, append(claspFrame(wire.Fire, get("/x")), claspFrame(wire.Fire, hello)...))
		c.expectError(t, wire.CodeUnauthenticated)
		c.expectClose(t, 0)
	})
}

// 5.2: "Bytes that do not decode: the WebSocket is closed with 1002 and a reason, no CLASP frame."
func TestUndecodableFirstBytes(t *testing.T) {
	g := start(t)
	for name, b := range map[string][]byte{
		"empty message":       {},
		"text":                []byte("GET / HTTP/1.1\r\n\r\n"),
		"header only":         {0x53, 0x01, 0x00, 0x05},
		"short header":        {0x53, 0x01},
		"empty frame":         claspFrame(wire.Fire, nil),
		"wrong magic":         append([]byte{0x54}, claspFrame(wire.Fire, hello)[1:]...),
		"QoS 3":               append([]byte{0x53, 0xC1}, claspFrame(wire.Fire, hello)[2:]...),
		"encrypted":           append([]byte{0x53, 0x11}, claspFrame(wire.Fire, hello)[2:]...),
		"compressed":          append([]byte{0x53, 0x09}, claspFrame(wire.Fire, hello)[2:]...),
		"unknown type":        claspFrame(wire.Fire, []byte{0x7F, 1, 2, 3}),
		"truncated SET":       claspFrame(wire.Fire, set("/x", 1)[:5]),
		"truncated BUNDLE":    claspFrame(wire.Fire, bundle(set("/x", 1))[:9]),
		"truncated legacy":    claspFrame(wire.Fire, []byte{0x81, 0xA4, 't', 'y'}),
		"legacy without type": claspFrame(wire.Fire, []byte{0x80}),
		"name not UTF-8":      claspFrame(wire.Fire, wire.AppendHello(nil, wire.Hello{Version: 1, Name: []byte{0xFF}})),
	} {
		t.Run(name, func(t *testing.T) {
			c := g.dial(t)
			c.binary(t, b)
			c.expectClose(t, 1002)
		})
	}
	frame := claspFrame(wire.Fire, hello)
	t.Run("HELLO truncated", func(t *testing.T) {
		for n := range frame {
			c := g.dial(t)
			c.binary(t, frame[:n])
			c.expectClose(t, 1002)
		}
		for n := range hello {
			c := g.dial(t)
			c.send(t, wire.Fire, hello[:n])
			c.expectClose(t, 1002)
		}
	})
}

// Section 3: "Bytes left over after a complete message are ignored (newer clients may append)".
func TestHelloWithMore(t *testing.T) {
	g := start(t)
	c := g.dial(t)
	c.send(t, wire.Fire, append(hello[:len(hello):len(hello)], "of a later version"...))
	c.expectWelcome(t)
	c.expectSnapshot(t)
}

// 5.4: "A second HELLO on a session: ERROR 100, session kept, no second WELCOME."
func TestSecondHello(t *testing.T) {
	g := start(t)
	c := g.join(t)
	c.set(t, "/x", 1)
	c.send(t, wire.Fire, hello)
	c.expectError(t, wire.CodeBadFrame)
	c.quiet(t)
	c.send(t, wire.Fire, get("/x"))
	if e := c.expectEntry(t, "/x", val(1), 1); string(e.Writer) != c.session {
		t.Errorf("writer %s, want the session's id %s", e.Writer, c.session)
	}
}

// Section 12: "in: one or more whole frames per message", HELLO included.
func TestSeveralFramesInOneMessage(t *testing.T) {
	g := start(t)
	c := g.dial(t)
	var all []byte
	for _, payload := range [][]byte{hello, set("/x", 1), set("/x", 2), get("/x"), wire.AppendPing(nil)} {
		all = append(all, claspFrame(wire.Confirm, payload)...)
	}
	c.binary(t, all)
	c.expectWelcome(t)
	c.expectSnapshot(t)
	for want := uint64(1); want <= 2; want++ {
		if ack := c.expectAck(t, "/x"); ack.Revision != want {
			t.Errorf("revision %d, want %d", ack.Revision, want)
		}
	}
	c.expectEntry(t, "/x", val(2), 2)
	c.expect(t, wire.TypePong)

	// What stands before a bad frame counts; what stands after it is lost with the framing.
	all = append(claspFrame(wire.Confirm, set("/x", 3)), 0x54, 0, 0, 0)
	c.binary(t, append(all, claspFrame(wire.Confirm, set("/x", 4))...))
	c.expectAck(t, "/x")
	c.expectError(t, wire.CodeBadFrame)
	c.quiet(t)
	c.send(t, wire.Fire, get("/x"))
	c.expectEntry(t, "/x", val(3), 3)
}

// The limit on connections is told of in HTTP, before there is a session.
func TestConnectionLimit(t *testing.T) {
	g := start(t, limits(func(l *router.Limits) { l.MaxConnections = 2 }))
	first, _ := g.join(t), g.join(t)
	c, res, err := g.upgrade()
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != http.StatusServiceUnavailable {
		t.Fatalf("a third connection of two: %s", res.Status)
	}
	c.drop()
	first.drop()
	eventually(t, "room for another connection", func() bool {
		c, err := g.connect()
		if err == nil {
			c.drop()
		}
		return err == nil
	})
}
