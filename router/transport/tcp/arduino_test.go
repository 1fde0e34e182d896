package tcp_test

// What today's Arduino client makes of what it gets. It is rebuilt here in its rules: it reads a length into a buffer of 256
// bytes, takes a frame of at most 252, and throws away as much of a longer one as has come; it cannot tell how long an array or a
// map is, so what follows one in a SNAPSHOT is lost to it.

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/router"
	"github.com/clasp-studio/clasp/router/internal/kit"
	"github.com/clasp-studio/clasp/router/wire"
)

const arduinoBuffer = 256

type arduino struct {
	net.Conn
	stack *bufio.Reader // what the network has taken in and the sketch has not asked for

	rx      [arduinoBuffer]byte
	pos     int
	frame   int // length of the frame that is being read, 0 = the length itself is
	skipped int // frames that were too long

	welcomed bool
	values   map[string]string // by address, in words
	order    []string          // of addresses, as they came
}

func newArduino(t testing.TB, addr string) *arduino {
	t.Helper()
	conn, err := net.DialTimeout("tcp", addr, kit.Patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &arduino{Conn: conn, stack: bufio.NewReaderSize(conn, 5744), values: make(map[string]string)}
}

// hello is what the library's connect sends: HELLO at confirm, features 0xE0.
func (a *arduino) hello(t testing.TB) {
	t.Helper()
	a.send(t, wire.Confirm, wire.AppendHello(nil, wire.Hello{Version: 1, Features: 0xE0, Name: []byte("arduino")}))
}

func (a *arduino) send(t testing.TB, q wire.QoS, payload []byte) {
	t.Helper()
	b := prefixed(kit.Frame(q, payload))
	if len(b) > arduinoBuffer {
		t.Fatalf("the library could not build these %d bytes", len(b))
	}
	if _, err := a.Write(b); err != nil {
		t.Fatal(err)
	}
}

// loop is the library's loop: it takes in what is there.
func (a *arduino) loop(t testing.TB) {
	t.Helper()
	a.SetReadDeadline(time.Now().Add(5 * time.Millisecond))
	if _, err := a.stack.Peek(1); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("the router has gone: %v", err)
	}
	for a.stack.Buffered() > 0 {
		if a.frame == 0 {
			if a.take(4); a.pos < 4 {
				continue
			}
			a.pos = 0
			size := binary.BigEndian.Uint32(a.rx[:])
			if size == 0 || size > arduinoBuffer-4 {
				_, _ = io.CopyN(io.Discard, a.stack, min(int64(size), int64(a.stack.Buffered())))
				a.skipped++
				continue
			}
			a.frame = int(size)
		}
		if a.take(a.frame); a.pos == a.frame {
			a.message(a.rx[wire.HeaderSize:a.frame])
			a.pos, a.frame = 0, 0
		}
	}
}

// take reads into the buffer up to so many bytes.
func (a *arduino) take(want int) {
	n, _ := a.stack.Read(a.rx[a.pos : a.pos+min(want-a.pos, a.stack.Buffered())])
	a.pos += n
}

func (a *arduino) message(p []byte) {
	switch p[0] {
	case 0x02:
		a.welcomed = true
	case 0x21:
		addr, rest := text(p[2:])
		v, _ := value(p[1]&0x0F, rest)
		a.got(addr, v)
	case 0x20:
		addr, rest := text(p[2:])
		v := "nothing"
		if rest[0] == 1 {
			v, _ = value(rest[1], rest[2:])
		}
		a.got(addr, v)
	case 0x23:
		rest := p[3:]
		for range binary.BigEndian.Uint16(p[1:]) {
			if len(rest) < 2 || len(rest) < 2+int(binary.BigEndian.Uint16(rest)) {
				break
			}
			var addr, v string
			addr, rest = text(rest)
			if len(rest) < 1 {
				break
			}
			v, rest = value(rest[0], rest[1:])
			if len(rest) < 9 {
				break
			}
			options := rest[8]
			rest = rest[9:]
			if options&1 != 0 {
				if len(rest) < 2 || len(rest) < 2+int(binary.BigEndian.Uint16(rest)) {
					break
				}
				_, rest = text(rest)
			}
			if options&2 != 0 {
				if len(rest) < 8 {
					break
				}
				rest = rest[8:]
			}
			a.got(addr, v)
		}
	}
}

func (a *arduino) got(addr, v string) {
	a.values[addr] = v
	a.order = append(a.order, addr)
}

func text(b []byte) (string, []byte) {
	n := 2 + int(binary.BigEndian.Uint16(b))
	return string(b[2:n]), b[n:]
}

// value reads what the library can read. Of anything else it takes no byte.
func value(code byte, b []byte) (string, []byte) {
	switch code {
	case 0x00:
		return "null", b
	case 0x01:
		return fmt.Sprint(b[0] != 0), b[1:]
	case 0x05:
		return fmt.Sprint(int32(binary.BigEndian.Uint64(b))), b[8:]
	case 0x07:
		return fmt.Sprint(float32(math.Float64frombits(binary.BigEndian.Uint64(b)))), b[8:]
	case 0x08, 0x09:
		return text(b)
	}
	return "unreadable", b
}

// loopUntil runs the sketch until a condition holds.
func (a *arduino) loopUntil(t testing.TB, what string, ok func() bool) {
	t.Helper()
	kit.Eventually(t, what, func() bool {
		a.loop(t)
		return ok()
	})
}

// fill sets params of every kind, those the Arduino client cannot read among the others, and returns the readable ones in words.
func fill(t testing.TB, addr string) map[string]string {
	t.Helper()
	c := join(t, addr, 1)
	want := make(map[string]string)
	set := func(addr string, x any, word string) {
		c.send(t, wire.Fire, kit.Set(addr, x))
		if word != "" {
			want[addr] = word
		}
	}
	for i := range 40 {
		group := fmt.Sprintf("/g%02d", i)
		set(group+"/array", []any{1, "two"}, "")
		set(group+"/bool", true, "true")
		set(group+"/float", 0.5, "0.5")
		set(group+"/int", -i, fmt.Sprint(-i))
		set(group+"/long", strings.Repeat("x", 300), "")
		set(group+"/map", map[string]any{"k": 1}, "")
		set(group+"/null", nil, "null")
		set(group+"/string", "on", "on")
		set(group+"/widest", strings.Repeat("y", 160), strings.Repeat("y", 160))
	}
	c.alive(t)
	return want
}

// "snapshots are cut into frames of at most 252 bytes, and an entry that cannot fit, or holds an array or map, goes in a frame of
// its own, last": so the client with its 256 bytes gets every param it can read, of the first snapshot and of its own.
func TestArduino(t *testing.T) {
	_, addr := start(t, router.Limits{})
	want := fill(t, addr)
	a := newArduino(t, addr)
	a.hello(t)
	complete := func() bool {
		for addr, v := range want {
			if a.values[addr] != v {
				return false
			}
		}
		return a.welcomed
	}
	a.loopUntil(t, "WELCOME and all readable params", complete)
	// The rest is what it has no use for.
	a.loopUntil(t, "the frames that are too long", func() bool { return a.skipped > 0 })
}

// Live messages both ways: what it sets, emits and streams, and what others set.
func TestArduinoLive(t *testing.T) {
	_, addr := start(t, router.Limits{})
	desk := join(t, addr, 1)
	desk.send(t, wire.Fire, kit.Subscribe(1, "/**"))
	desk.alive(t)

	a := newArduino(t, addr)
	a.hello(t)
	a.loopUntil(t, "WELCOME", func() bool { return a.welcomed })
	a.send(t, wire.Fire, wire.AppendSubscribe(nil, wire.Subscribe{ID: 1, Pattern: []byte("/led/**"), Types: 0xFF}))
	f32 := wire.Value{Code: wire.F32Code, Data: []byte{0x3f, 0, 0, 0}}
	a.send(t, wire.Fire, wire.AppendSet(nil, wire.Set{Address: []byte("/sensor"), Value: f32}))
	a.send(t, wire.Fire, wire.AppendPublish(nil, wire.Publish{Signal: wire.Event, Address: []byte("/button")}))

	m, err := wire.DecodeSet(desk.expect(t, wire.TypeSet))
	if err != nil || string(m.Address) != "/sensor" || m.Value.Code != wire.F64Code {
		t.Errorf("got %+v, %v; want /sensor widened", m, err)
	}
	if m, err := wire.DecodePublish(desk.expect(t, wire.TypePublish)); err != nil || string(m.Address) != "/button" {
		t.Errorf("got %+v, %v; want /button", m, err)
	}
	desk.send(t, wire.Fire, kit.Set("/led/1", 7))
	desk.expect(t, wire.TypeSet)
	a.loopUntil(t, "the SET of /led/1", func() bool { return a.values["/led/1"] == "7" })
	desk.send(t, wire.Fire, kit.Event("/led/cue", 0.25))
	a.loopUntil(t, "the event /led/cue", func() bool { return a.values["/led/cue"] == "0.25" })
	if a.skipped > 0 {
		t.Errorf("%d frames were too long for its buffer", a.skipped)
	}
}

// The cut, seen by a client that can read everything: every param once, the simple ones in frames of at most 252 bytes and as
// many in each as fit, then the others alone.
func TestSnapshotIsCut(t *testing.T) {
	r, addr := start(t, router.Limits{})
	fill(t, addr)
	params := r.Stats().Params
	c := dial(t, addr)
	c.send(t, wire.Fire, kit.Hello)
	c.expect(t, wire.TypeWelcome)
	check := func(what string) {
		t.Helper()
		seen := make(map[string]bool)
		odd, full := 0, 0
		for len(seen) < params {
			payload := c.expect(t, wire.TypeSnapshot)
			m, err := wire.DecodeSnapshot(payload)
			if err != nil {
				t.Fatal(err)
			}
			size, last := wire.HeaderSize+len(payload), ""
			simple := true
			for e, ok := m.Next(); ok; e, ok = m.Next() {
				if seen[string(e.Address)] {
					t.Errorf("%s: %s comes twice", what, e.Address)
				}
				seen[string(e.Address)] = true
				last = string(e.Address)
				simple = simple && e.Value.Code != wire.ArrayCode && e.Value.Code != wire.MapCode
			}
			if m.Count > 1 {
				full++
			}
			switch {
			case simple && size <= 252:
				if odd > 0 {
					t.Errorf("%s: %s comes behind arrays, maps or long texts", what, last)
				}
			case m.Count != 1:
				t.Errorf("%s: a frame of %d bytes with %d params, %s the last", what, size, m.Count, last)
			default:
				odd++
			}
		}
		if odd != 3*40 || full == 0 {
			t.Errorf("%s: %d arrays, maps and long texts; %d frames with several params", what, odd, full)
		}
	}
	check("after WELCOME")
	c.send(t, wire.Fire, kit.Subscribe(1, "/**"))
	check("after SUBSCRIBE")
	c.alive(t)
}

// A param that becomes an array, or ceases to be one, while a snapshot is on its way is not missed (promise 3), and none is shown
// at a revision that the client has been told of before (promise 1).
func TestSnapshotOfChangingParams(t *testing.T) {
	_, addr := start(t, router.Limits{WelcomeSnapshot: 1})
	const params, rounds = 200, 200
	writer, c := join(t, addr, 1), join(t, addr, 1)
	name := func(i int) string { return fmt.Sprintf("/p%03d", i) }
	write := func(round int) {
		var all []byte
		for i := range params {
			var x any = round
			if round%2 == 0 { // all at once, so that one piece of the snapshot leaves many for its end
				x = []any{round}
			}
			all = append(all, prefixed(kit.Frame(wire.Fire, kit.Set(name(i), x)))...)
		}
		writer.raw(t, all)
	}
	write(1)
	writer.alive(t)
	for round := 2; round <= rounds; round++ {
		// The two are taken in by different goroutines of the router, at the same time.
		c.send(t, wire.Fire, kit.Subscribe(1, "/**"))
		write(round)
		last := make(map[string]int)
		missing := params
		saw := func(addr []byte, revision uint64) {
			if last[string(addr)] != round && int(revision) == round {
				missing--
			}
			if int(revision) <= last[string(addr)] {
				t.Fatalf("round %d: %s of revision %d behind %d", round, addr, revision, last[string(addr)])
			}
			last[string(addr)] = int(revision)
		}
		read := func() wire.Type {
			b, err := c.read()
			if err != nil {
				t.Fatalf("round %d: %d params are missing: %v", round, missing, err)
			}
			payload := b[wire.HeaderSize:]
			switch wire.Type(payload[0]) {
			case wire.TypeSet:
				m, err := wire.DecodeSet(payload)
				if err != nil {
					t.Fatal(err)
				}
				saw(m.Address, m.Revision)
			case wire.TypeSnapshot:
				m, err := wire.DecodeSnapshot(payload)
				if err != nil {
					t.Fatal(err)
				}
				for e, ok := m.Next(); ok; e, ok = m.Next() {
					saw(e.Address, e.Revision)
				}
			}
			return wire.Type(payload[0])
		}
		for missing > 0 {
			read()
		}
		c.send(t, wire.Fire, wire.AppendUnsubscribe(nil, wire.Unsubscribe{ID: 1}))
		c.send(t, wire.Fire, wire.AppendPing(nil))
		for read() != wire.TypePong { // what is left of the snapshot
		}
	}
}
