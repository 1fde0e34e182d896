package ws_test

// Bad input: it gets the error that the protocol page names, changes nothing, and harms nobody else (promise 8).

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/clasp-studio/clasp/router"
	"github.com/clasp-studio/clasp/router/wire"
)

// vectors returns the frames of the public clients by name.
func vectors(t testing.TB) map[string][]byte {
	t.Helper()
	all := make(map[string][]byte)
	for _, file := range []string{"javascript.json", "python.json"} {
		text, err := os.ReadFile(filepath.Join("..", "..", "wire", "testdata", "vectors", file))
		if err != nil {
			t.Fatal(err)
		}
		type vector struct{ Name, Frame string }
		var lists struct{ Frames, QoS, Legacy []vector }
		if err := json.Unmarshal(text, &lists); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for i, list := range [][]vector{lists.Frames, lists.QoS, lists.Legacy} {
			for _, v := range list {
				b, err := hex.DecodeString(v.Frame)
				if err != nil {
					t.Fatalf("%s %s: %v", file, v.Name, err)
				}
				all[fmt.Sprintf("%s %d %s", file, i, v.Name)] = b
			}
		}
	}
	if len(all) < 90 {
		t.Fatalf("only %d vectors found", len(all))
	}
	return all
}

// probe is bytes sent as one message, and the codes one of which has to be answered; 0 stands for no answer.
type probe struct {
	name  string
	bytes []byte
	codes []wire.Code
}

// try sends probes with a PING after each, and holds what comes before its PONG against what may. A probe without codes may be
// answered with anything.
func (c *client) try(t testing.TB, probes []probe) {
	t.Helper()
	for len(probes) > 0 {
		some := probes[:min(len(probes), 100)]
		probes = probes[len(some):]
		var b []byte
		for _, p := range some {
			b = append(b, wsFrame(fin|opBinary, true, p.bytes)...)
			b = append(b, message(wire.Fire, wire.AppendPing(nil))...)
		}
		c.raw(t, b)
		for _, p := range some {
			var answers []frame
			for f := c.next(t); f.kind != wire.TypePong; f = c.next(t) {
				answers = append(answers, f)
			}
			ok := len(p.codes) == 0
			for _, code := range p.codes {
				if code == 0 {
					ok = ok || len(answers) == 0
				} else if len(answers) == 1 && answers[0].kind == wire.TypeError {
					ok = ok || must(t, answers[0], wire.DecodeError).Code == code
				}
			}
			if !ok {
				t.Errorf("%s (%x): answered with %v, want one of %v", p.name, p.bytes, answers, p.codes)
			}
		}
	}
}

// Every vector is cut at every byte: the frame as a whole (ERROR 100), and its payload in a frame whose length says so (101).
// What is shorter and yet valid is a PUBLISH without its rate, and what the router ignores before it looks at the rest.
func TestTruncatedVectors(t *testing.T) {
	g := start(t)
	c := g.join(t)
	var probes []probe
	for name, b := range vectors(t) {
		for n := range b {
			probes = append(probes, probe{fmt.Sprintf("%s, frame cut to %d", name, n), b[:n], []wire.Code{wire.CodeBadFrame}})
		}
		f, _, err := wire.ReadFrame(b)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		legacy := wire.IsLegacy(f.Payload)
		publish, err := wire.DecodePublish(f.Payload)
		hasRate := err == nil && publish.HasRate
		for n := range f.Payload {
			codes := []wire.Code{wire.CodeBadMessage}
			if n > 0 && !legacy {
				switch wire.Type(f.Payload[0]) {
				case wire.TypeWelcome, wire.TypeSnapshot, wire.TypeAck, wire.TypeError, wire.TypeResult, wire.TypePong:
					codes = append(codes, 0)
				case wire.TypeHello:
					codes = append(codes, wire.CodeBadFrame) // a second HELLO, whatever is in it
				}
			}
			if hasRate && n >= publish.Size-4 {
				codes = nil
			}
			probes = append(probes, probe{fmt.Sprintf("%s, payload cut to %d", name, n), claspFrame(f.QoS, f.Payload[:n]), codes})
		}
	}
	c.try(t, probes)
	if n := g.Stats(); n.Params != 0 || n.Subscriptions != 0 {
		t.Errorf("%+v: something cut short has been applied", n)
	}
	var whole []probe
	for name, b := range vectors(t) {
		whole = append(whole, probe{name, b, nil})
	}
	c.try(t, whole)
}

// Section 1: "QoS 3, the encrypted bit and the compressed bit: ERROR 100. A frame shorter than its header or its stated length,
// or with a wrong magic, is ERROR 100, and the connection stays open."
func TestBadFrames(t *testing.T) {
	g := start(t)
	c := g.join(t)
	good := claspFrame(wire.Confirm, set("/p", 1))
	with := func(at int, x byte) []byte {
		b := bytes.Clone(good)
		b[at] = x
		return b
	}
	bad := []wire.Code{wire.CodeBadFrame}
	probes := []probe{
		{"empty", nil, bad},
		{"QoS 3", with(1, 0xC1), bad},
		{"encrypted", with(1, 0x51), bad},
		{"compressed", with(1, 0x49), bad},
		{"length too long", with(3, good[3]+1), bad},
		{"length far too long", with(2, 0xFF), bad},
		{"timestamp and no room for it", []byte{0x53, 0x21, 0, 0, 1, 2, 3, 4, 5, 6, 7}, bad},
		{"HTTP", []byte("GET / HTTP/1.1\r\n\r\n"), bad},
		{"JSON", []byte(`{"type":"SET"}`), bad},
		{"zeros", make([]byte, 60_000), bad},
		{"no payload", claspFrame(wire.Confirm, nil), []wire.Code{wire.CodeBadMessage}},
		{"encoding bits that say anything", append([]byte{0x53, 0x47}, claspFrame(wire.Fire, wire.AppendPong(nil))[2:]...), []wire.Code{0}},
	}
	for x := range 256 {
		if x != 0x53 {
			probes = append(probes, probe{fmt.Sprintf("magic %#x", x), with(0, byte(x)), bad})
		}
	}
	c.try(t, probes)
	if g.Stats().Params != 0 {
		t.Error("a bad frame has set a param")
	}
	// A length that is too short leaves a message that is cut, and bytes that are no frame.
	c.binary(t, with(3, good[3]-1))
	c.expectError(t, wire.CodeBadMessage)
	c.expectError(t, wire.CodeBadFrame)
	c.quiet(t)
}

// nested returns n arrays in each other, the innermost empty: code and data.
func nested(n int) []byte {
	return append(bytes.Repeat([]byte{wire.ArrayCode, 0, 1}, n-1), wire.ArrayCode, 0, 0)
}

// Sections 2 and 3: "A truncated body, an unknown type or an impossible code is ERROR 101 with the session kept." "Nesting deeper
// than 32 levels, an unknown code, a count or length that runs past the payload: ERROR 101, no state changed."
func TestBadMessages(t *testing.T) {
	g := start(t)
	c := g.join(t)
	known := make(map[byte]bool)
	for _, payload := range beforeHello {
		known[payload[0]] = true
	}
	known[hello[0]] = true
	var probes []probe
	bad := func(name string, payload []byte) {
		probes = append(probes, probe{name, claspFrame(wire.Confirm, payload), []wire.Code{wire.CodeBadMessage}})
	}
	for x := range 256 {
		if !known[byte(x)] {
			bad(fmt.Sprintf("type %#x", x), []byte{byte(x)})
			bad(fmt.Sprintf("type %#x and more", x), append([]byte{byte(x)}, set("/p", 1)[1:]...))
		}
	}
	str := func(s string) []byte { return append([]byte{byte(len(s) >> 8), byte(len(s))}, s...) }
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	setOf := func(value []byte) []byte { return join([]byte{0x21, value[0]}, str("/p"), value[1:]) }
	eventOf := func(value []byte) []byte { return join([]byte{0x20, 0x20}, str("/p"), []byte{1}, value) }

	values := map[string][]byte{
		"1000 nested arrays":              nested(1000),
		"33 nested arrays":                nested(33),
		"20,000 nested arrays":            nested(20_000),
		"array of 65535 without data":     {wire.ArrayCode, 0xFF, 0xFF},
		"map of 65535 without data":       {wire.MapCode, 0xFF, 0xFF},
		"string of 65535 without data":    {wire.StringCode, 0xFF, 0xFF},
		"bytes of 65535 without data":     {wire.BytesCode, 0xFF, 0xFF},
		"65535 arrays of 65535":           append([]byte{wire.ArrayCode, 0xFF, 0xFF}, bytes.Repeat([]byte{wire.ArrayCode, 0xFF, 0xFF}, 20_000)...),
		"string not UTF-8":                {wire.StringCode, 0, 2, 0xC3, 0x28},
		"string that ends in mid-rune":    {wire.StringCode, 0, 1, 0xE2},
		"surrogate":                       {wire.StringCode, 0, 3, 0xED, 0xA0, 0x80},
		"key not UTF-8":                   {wire.MapCode, 0, 1, 0, 1, 0xFF, wire.NullCode},
		"string in an array not UTF-8":    {wire.ArrayCode, 0, 1, wire.StringCode, 0, 1, 0xFF},
		"unknown code 0x0C":               {0x0C},
		"unknown code 0x0F":               {0x0F},
		"unknown code in an array":        {wire.ArrayCode, 0, 1, 0x0C},
		"unknown code in a map":           {wire.MapCode, 0, 1, 0, 0, 0xFF},
		"i64 cut":                         {wire.I64Code, 0, 0, 0, 0, 0, 0, 0},
		"array that ends after its count": {wire.ArrayCode, 0, 1},
	}
	for name, v := range values {
		bad("SET of "+name, setOf(v))
		bad("event of "+name, eventOf(v))
		bad("BUNDLE with SET of "+name, bundle(set("/q", 1), setOf(v)))
		bad("ANNOUNCE with default "+name, join([]byte{0x03}, str("/n"), []byte{0, 1}, str("/a"), []byte{0, 4, 4}, v))
	}
	for name, payload := range map[string][]byte{
		"PUBLISH of signal 5":                join([]byte{0x20, 0xA0}, str("/p"), []byte{0}),
		"PUBLISH of signal 7":                join([]byte{0x20, 0xE0}, str("/p"), []byte{0}),
		"gesture of phase 4":                 join([]byte{0x20, 0x64}, str("/p"), []byte{0}),
		"PUBLISH with indicator 3":           join([]byte{0x20, 0x20}, str("/p"), []byte{3}),
		"PUBLISH of 65535 samples":           join([]byte{0x20, 0x40}, str("/p"), []byte{2, 0xFF, 0xFF}),
		"address of 65535 bytes":             {0x21, 0x00, 0xFF, 0xFF, '/', 'p'},
		"address not UTF-8":                  join([]byte{0x21, 0x00}, str("/\xFF")),
		"GET of an address not UTF-8":        join([]byte{0x22}, str("/\xFF")),
		"pattern not UTF-8":                  join([]byte{0x10, 0, 0, 0, 1}, str("/\xFF"), []byte{0, 0}),
		"namespace not UTF-8":                join([]byte{0x03}, str("\xFF"), []byte{0, 0}),
		"announced address not UTF-8":        join([]byte{0x03}, str("/n"), []byte{0, 1}, str("/\xFF"), []byte{0, 0}),
		"QUERY not UTF-8":                    join([]byte{0x60}, str("/\xFF")),
		"ANNOUNCE of 65535 without data":     join([]byte{0x03}, str("/n"), []byte{0xFF, 0xFF}),
		"BUNDLE of 65535 without data":       {0x30, 0, 0xFF, 0xFF},
		"BUNDLE of 65535 empty messages":     append([]byte{0x30, 0, 0xFF, 0xFF}, make([]byte, 60_000)...),
		"BUNDLE with a message of 65535":     {0x30, 0, 0, 1, 0xFF, 0xFF, 0x21},
		"BUNDLE with a time and no room":     {0x30, 0x80, 0, 0, 1, 2, 3},
		"SUBSCRIBE with options and no room": join([]byte{0x10, 0, 0, 0, 1}, str("/p"), []byte{0, 0x0F, 0, 0}),
		"SET with a revision and no room":    join([]byte{0x21, 0x80}, str("/p"), []byte{0, 0, 0, 1}),
		"SET with a ttl and no room":         join([]byte{0x21, 0x10}, str("/p"), []byte{0, 0, 1}),
		"SYNC cut":                           {0x40, 0, 1, 2, 3},
		"map of MessagePack, 65535 entries":  {0xDE, 0xFF, 0xFF},
		"map of MessagePack, 2^32 entries":   {0xDF, 0xFF, 0xFF, 0xFF, 0xFF},
		"MessagePack of 1000 nested arrays":  append(append([]byte{0x83}, join(pack("type"), pack("SET"), pack("address"), pack("/p"), pack("value"))...), bytes.Repeat([]byte{0x91}, 1000)...),
		"MessagePack array of 2^32":          append([]byte{0x83}, join(pack("type"), pack("SET"), pack("address"), pack("/p"), pack("value"), []byte{0xDD, 0xFF, 0xFF, 0xFF, 0xFF})...),
		"MessagePack string not UTF-8":       append([]byte{0x83}, join(pack("type"), pack("SET"), pack("address"), pack("/\xFF"), pack("value"), pack(1))...),
		"MessagePack key that is no string":  {0x81, 0x01, 0x01},
	} {
		bad(name, payload)
	}
	c.try(t, probes)
	if n := g.Stats(); n.Params != 0 || n.Subscriptions != 0 {
		t.Errorf("%+v: something bad has been applied", n)
	}

	// As deep as may be is good.
	c.send(t, wire.Confirm, setOf(nested(32)))
	c.expectAck(t, "/p")
}

// "a fuzzer must not find one byte string that panics, hangs, or makes this router allocate more than a small multiple of the
// frame": the counts that promise most cost what their bytes do.
func TestHollowCountsCostNothing(t *testing.T) {
	g := start(t)
	c := g.join(t)
	var b []byte
	const times = 500
	for range times {
		for _, payload := range [][]byte{
			{0x21, wire.ArrayCode, 0, 2, '/', 'p', 0xFF, 0xFF}, {0x21, wire.MapCode, 0, 2, '/', 'p', 0xFF, 0xFF}, {0x30, 0, 0xFF, 0xFF},
			{0x03, 0, 0, 0xFF, 0xFF}, {0xDF, 0xFF, 0xFF, 0xFF, 0xFF}, {0x20, 0x40, 0, 2, '/', 'p', 2, 0xFF, 0xFF},
		} {
			b = append(b, message(wire.Fire, payload)...)
		}
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	c.raw(t, b)
	for range 6 * times {
		c.expectError(t, wire.CodeBadMessage)
	}
	runtime.ReadMemStats(&after)
	if each := (after.TotalAlloc - before.TotalAlloc) / (6 * times); each > 4<<10 {
		t.Errorf("%d bytes are allocated for each such message and its answer", each)
	}
}

// Random bytes, and good frames with random bytes changed, are answered, and nothing else.
func TestRandomBytes(t *testing.T) {
	g := start(t)
	c := g.join(t)
	seeds := vectors(t)
	var probes []probe
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for name, b := range seeds {
		for range 20 {
			b := bytes.Clone(b)
			for range 1 + random.IntN(4) {
				b[random.IntN(len(b))] = byte(random.IntN(256))
			}
			probes = append(probes, probe{name + " changed", b, nil})
		}
	}
	for range 1000 {
		payload := make([]byte, 1+random.IntN(60))
		for i := range payload {
			payload[i] = byte(random.IntN(256))
		}
		probes = append(probes, probe{"random", claspFrame(wire.QoS(random.IntN(3)), payload), nil})
	}
	// A changed or random QUERY or SUBSCRIBE is answered like a good one; what matters is that there is a PONG after each.
	c.try(t, probes)
	other := g.join(t)
	other.send(t, wire.Confirm, set("/after/all", 1))
	other.expectAck(t, "/after/all")
}

// 5.1: "Text messages are answered with ERROR 100", and the session stays.
func TestTextMessages(t *testing.T) {
	g := start(t)
	c := g.join(t)
	large := bytes.Repeat([]byte("text "), 100_000)
	for name, b := range map[string][]byte{
		"short":         wsFrame(fin|opText, true, []byte("hello")),
		"empty":         wsFrame(fin|opText, true, nil),
		"a CLASP frame": wsFrame(fin|opText, true, claspFrame(wire.Confirm, set("/p", 1))),
		"fragmented":    append(wsFrame(opText, true, []byte("hel")), wsFrame(fin|opContinuation, true, []byte("lo"))...),
		"large":         wsFrame(fin|opText, true, large),
		"not UTF-8":     wsFrame(fin|opText, true, []byte{0xFF, 0xFE}),
	} {
		c.raw(t, b)
		if c.expectError(t, wire.CodeBadFrame); t.Failed() {
			t.Fatal(name)
		}
		c.quiet(t)
	}
	if g.Stats().Params != 0 {
		t.Error("a text message has set a param")
	}
	// Before HELLO it is bytes that do not decode (5.2).
	early := g.dial(t)
	early.raw(t, wsFrame(fin|opText, true, []byte("hello")))
	early.expectClose(t, 1002)
	// In order with the messages around it.
	c.raw(t, bytes.Join([][]byte{message(wire.Confirm, set("/p", 1)), wsFrame(fin|opText, true, []byte("x")), message(wire.Confirm, set("/p", 2))}, nil))
	c.expectAck(t, "/p")
	c.expectError(t, wire.CodeBadFrame)
	c.expectAck(t, "/p")
}

// A message may come in any number of WebSocket frames, a byte each, empty ones among them, and its bytes one at a time.
func TestFragments(t *testing.T) {
	g := start(t)
	c := g.join(t)
	b := claspFrame(wire.Confirm, set("/p", "fragmented"))
	frames := wsFrame(opBinary, true, nil)
	for i := range b {
		frames = append(frames, wsFrame(opContinuation, true, b[i:i+1])...)
	}
	frames = append(frames, wsFrame(fin|opContinuation, true, nil)...)
	c.raw(t, frames)
	c.expectAck(t, "/p")
	for i := range frames {
		c.raw(t, frames[i:i+1])
	}
	if ack := c.expectAck(t, "/p"); ack.Revision != 2 {
		t.Errorf("ACK %+v", ack)
	}
	c.quiet(t)
}

// What breaks the rules of WebSocket ends the connection, with the close code of RFC 6455 section 7.4.1.
func TestWebSocketAbuse(t *testing.T) {
	g := start(t)
	healthy := g.join(t)
	good := claspFrame(wire.Confirm, set("/p", 1))
	for name, b := range map[string][]byte{
		"unmasked":                      wsFrame(fin|opBinary, false, good),
		"unmasked ping":                 wsFrame(fin|opPing, false, nil),
		"reserved bit 1":                wsFrame(fin|0x40|opBinary, true, good),
		"reserved bit 3":                wsFrame(fin|0x10|opBinary, true, good),
		"opcode 3":                      wsFrame(fin|0x3, true, good),
		"opcode 11":                     wsFrame(fin|0xB, true, nil),
		"continuation of nothing":       wsFrame(fin|opContinuation, true, good),
		"message within a message":      append(wsFrame(opBinary, true, good[:3]), wsFrame(fin|opBinary, true, good)...),
		"fragmented ping":               wsFrame(opPing, true, []byte("x")),
		"ping of 126 bytes":             wsFrame(fin|opPing, true, make([]byte, 126)),
		"close with a code of no peer":  wsFrame(fin|opClose, true, []byte{0x03, 0xED}),
		"close with a reason not UTF-8": wsFrame(fin|opClose, true, []byte{0x03, 0xE8, 0xFF}),
	} {
		t.Run(name, func(t *testing.T) {
			c := g.join(t)
			c.raw(t, b)
			c.expectClose(t, 1002)
		})
	}
	healthy.quiet(t)
	if g.Stats().Params != 0 {
		t.Error("a frame that breaks the rules has set a param")
	}
}

// A message over the limit ends the connection, however it is cut, before it has been kept.
func TestOversizedMessages(t *testing.T) {
	const limit = 1000
	g := start(t, limits(func(l *router.Limits) { l.MaxMessageSize = limit }))
	exact := set("/p", "")
	exact = set("/p", string(bytes.Repeat([]byte{'x'}, limit-len(exact))))
	c := g.join(t)
	c.send(t, wire.Confirm, exact)
	c.expectAck(t, "/p")

	over := claspFrame(wire.Confirm, append(exact[:len(exact):len(exact)], make([]byte, 100)...))
	endless := wsFrame(opBinary, true, over[:500])
	for range 1000 {
		endless = append(endless, wsFrame(opContinuation, true, over[:500])...)
	}
	for name, b := range map[string][]byte{
		"one frame":          wsFrame(fin|opBinary, true, over),
		"fragments":          append(wsFrame(opBinary, true, over[:600]), wsFrame(fin|opContinuation, true, over[600:])...),
		"endless":            endless,
		"1 MB":               wsFrame(fin|opBinary, true, make([]byte, 1<<20)),
		"a length of 2^62":   append([]byte{fin | opBinary, 0x80 | 127, 0x40, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4}, over...),
		"many frames in one": wsFrame(fin|opBinary, true, bytes.Repeat(claspFrame(wire.Confirm, set("/q", 1)), 100)),
	} {
		t.Run(name, func(t *testing.T) {
			c := g.join(t)
			_ = c.write(b) // may fail: the router need not read it all
			mention(t, c.expectError(t, wire.CodeBadFrame), fmt.Sprint(limit))
			c.expectClose(t, 1009)
		})
	}
	t.Run("a length of 2^63", func(t *testing.T) { // no length at all: RFC 6455 section 5.2
		c := g.join(t)
		c.raw(t, []byte{fin | opBinary, 0x80 | 127, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4})
		c.expectEnd(t)
	})
	c.quiet(t)
	if g.Stats().Params != 1 {
		t.Error("an oversized message has set a param")
	}
}
