// Looking on: what the router counts, against what its clients have sent and got.

package router_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/clasp-studio/clasp/pairing"
	"github.com/clasp-studio/clasp/router"
	"github.com/clasp-studio/clasp/router/monitor"
	"github.com/clasp-studio/clasp/router/wire"
)

// tallied counts the CLASP frames that a client has got, and their bytes.
func tallied(t *testing.T, d *door, framing router.Framing) (messages, size uint64) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	for rest := d.got; len(rest) > 0; messages++ {
		if framing == router.WebSocket { // RFC 6455 section 5.2
			header, n := 2, int(rest[1])
			switch n {
			case 126:
				header, n = 4, int(binary.BigEndian.Uint16(rest[2:]))
			case 127:
				header, n = 10, int(binary.BigEndian.Uint64(rest[2:]))
			}
			size, rest = size+uint64(n), rest[header+n:]
			continue
		}
		_, after, err := wire.ReadFrame(rest)
		if err != nil {
			t.Fatal(err)
		}
		size, rest = size+uint64(len(rest)-len(after)), after
	}
	return messages, size
}

// Messages, bytes and writes are those that went over the wire, of each session and of all, whatever the framing.
func TestCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, err := router.New(router.Options{Name: "test"})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = r.Close(t.Context()) }()
		framings := []router.Framing{router.Bare, router.WebSocket}
		callers := make([]caller, len(framings))
		for i, framing := range framings {
			callers[i] = knockAs(t, r, router.Peer{Transport: fmt.Sprint("test", i), Framing: framing}, "")
			defer callers[i].leave()
			callers[i].send(t, wire.Fire, subscribePayload("/**"))
		}
		sent := [2]uint64{2, 2}
		size := [2]uint64{}
		hello := wire.AppendHello(nil, wire.Hello{Version: wire.Version, Name: []byte("caller")})
		for i := range callers {
			size[i] = uint64(len(frameOf(t, wire.Fire, hello)) + len(frameOf(t, wire.Fire, subscribePayload("/**"))))
		}
		send := func(who int, q wire.QoS, payload []byte) {
			callers[who].send(t, q, payload)
			sent[who]++
			size[who] += uint64(len(frameOf(t, q, payload)))
		}
		for i := range 100 {
			send(i%2, wire.Confirm, setPayload("/a", strings.Repeat("x", i*7))) // frames of all lengths of header
		}
		send(0, wire.Fire, publishPayload(t, wire.Event, "/go"))
		send(0, wire.Fire, publishPayload(t, wire.Stream, "/sensor"))
		send(1, wire.Confirm, bundlePayload(t, setPayload("/b", 1.0), setPayload("/c", 2.0)))
		send(1, wire.Fire, setPayload("not an address", 1.0))
		send(1, wire.Fire, getPayload("/nothing"))
		synctest.Wait()

		var want monitor.Totals
		clients := r.Clients()
		slices.SortFunc(clients, func(x, y monitor.Client) int { return strings.Compare(x.Transport, y.Transport) })
		for i, c := range callers {
			messages, bytes := tallied(t, c.door, framings[i])
			got := clients[i]
			if got.MessagesIn != sent[i] || got.BytesIn != size[i] {
				t.Errorf("caller %d: %d messages of %d bytes in, want %d of %d", i, got.MessagesIn, got.BytesIn, sent[i], size[i])
			}
			if got.MessagesOut != messages || got.BytesOut != bytes {
				t.Errorf("caller %d: %d messages of %d bytes out, want %d of %d", i, got.MessagesOut, got.BytesOut, messages, bytes)
			}
			want.MessagesIn += sent[i]
			want.BytesIn += size[i]
			want.MessagesOut += messages
			want.BytesOut += bytes
		}
		if clients[0].Errors != 0 || clients[1].Errors != 2 {
			t.Errorf("%d and %d ERRORs, want 0 and 2", clients[0].Errors, clients[1].Errors)
		}
		want.Errors, want.Writes, want.Joined = 2, 102, 2
		if got := r.Totals(); got != want {
			t.Errorf("totals\n%+v, want\n%+v", got, want)
		}
		callers[0].leave()
		want.Left = 1
		if got := r.Totals(); got != want {
			t.Errorf("once one has gone: totals\n%+v, want\n%+v", got, want)
		}
	})
}

// Who does not read is slow, what he loses is counted, and what he has got in the end is what counts as sent.
func TestCountsOfTheSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, err := router.New(router.Options{Name: "test"})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = r.Close(t.Context()) }()
		slow := enterAs(t, r, router.Peer{Transport: "slow"})
		defer slow.session.Closed(router.ReasonClientClosed)
		slow.say(t, wire.Fire, subscribePayload("/**"))
		slow.read(t)
		fast := knockAs(t, r, router.Peer{Transport: "fast"}, "")
		defer fast.leave()
		before := r.Totals()
		one := func() monitor.Client {
			t.Helper()
			for _, c := range r.Clients() {
				if c.Transport == "slow" {
					return c
				}
			}
			t.Fatal("the slow one is not there")
			return monitor.Client{}
		}
		start := one()

		slow.close()
		const streams = 500
		send := func(n int) {
			for range n {
				fast.send(t, wire.Fire, signalPayload(wire.Stream, "/sensor", strings.Repeat("x", 1000)))
			}
			synctest.Wait()
		}
		send(1) // a flusher has it, and is stuck: all else waits
		send(streams - 1)
		c := one()
		if !c.Slow || c.Queue == 0 || c.Dropped == 0 {
			t.Errorf("who does not read is %+v, want slow, with a queue and drops", c)
		}
		time.Sleep(time.Second) // Slow is some time old
		if o := r.Census(); o.Slow != 1 || o.Totals.Dropped != c.Dropped {
			t.Errorf("%d slow and %d dropped, want 1 and %d", o.Slow, o.Totals.Dropped, c.Dropped)
		}
		close(slow.shut)
		slow.settled()
		frames := 0
		for _, w := range slow.writes {
			for rest := w.frames; len(rest) > 0; {
				f, after, err := wire.ReadFrame(rest)
				if err != nil {
					t.Fatal(err)
				}
				rest = after
				if wire.Type(f.Payload[0]) == wire.TypePublish {
					frames++
				}
			}
		}
		c = one()
		notices := c.Errors - start.Errors
		if got := c.MessagesOut - start.MessagesOut - notices; got != uint64(frames) || got+c.Dropped != streams {
			t.Errorf("%d sent and %d dropped of %d; the client has got %d", got, c.Dropped, streams, frames)
		}
		time.Sleep(time.Second)
		if o := r.Census(); c.Slow || o.Slow != 0 {
			t.Errorf("%d are slow once all has been read", o.Slow)
		}
		if got := r.Totals(); got.MessagesOut-before.MessagesOut != uint64(frames)+notices {
			t.Errorf("%d sent in all, want %d", got.MessagesOut-before.MessagesOut, uint64(frames)+notices)
		}
	})
}

// The census counts who is there now, the lobby apart.
func TestCensus(t *testing.T) {
	inBubble(t, func(t *testing.T, r *router.Router, pairs *pairing.Registry) {
		device := makeDevice(t, pairs, "desk", "default")
		inside := knockAs(t, r, router.Peer{Transport: "ws", Remote: "192.0.2.7:2"}, device)
		defer inside.leave()
		inside.ask(t, wire.Fire, subscribePayload("/**"))
		inside.send(t, wire.Fire, setPayload("/a", 1.0))
		lobby := waits(t, r, "192.0.2.1:1")
		o := r.Census()
		if o.Sessions != 1 || o.Lobby != 1 || o.Slow != 0 || o.Subscriptions != 1 || o.Params != 1 || !maps.Equal(o.Transports, map[string]int{"ws": 1}) {
			t.Errorf("found %+v", o)
		}
		for _, c := range r.Clients() {
			want := monitor.Client{Transport: "ws", Device: "desk", Profile: "default", Subs: 1}
			if c.Lobby {
				want = monitor.Client{Transport: "test", Lobby: true}
			}
			got := monitor.Client{Transport: c.Transport, Device: c.Device, Profile: c.Profile, Subs: c.Subs, Lobby: c.Lobby}
			if got != want || c.Name != "caller" {
				t.Errorf("client %+v, want %+v", c, want)
			}
		}
		if _, err := r.Client(r.Clients()[0].ID); err != nil {
			t.Error(err)
		}
		lobby.leave()
		if o := r.Census(); o.Lobby != 0 || o.Sessions != 1 {
			t.Errorf("once one has gone: found %+v", o)
		}
	})
}

// Seq rises with all that a frame shows, and StructRev with addresses alone.
func TestSeq(t *testing.T) {
	r := openGuarded(t, router.Options{})
	c, _ := enter(t, r, "")
	seq, rev := r.Seq(), r.StructRev()
	for _, step := range []struct {
		what       string
		do         func()
		structural bool
	}{
		{"an address that comes", func() { c.ask(t, wire.Fire, setPayload("/a", 1.0)) }, true},
		{"a value", func() { c.ask(t, wire.Fire, setPayload("/a", 2.0)) }, false},
		{"a subscription", func() { c.ask(t, wire.Fire, subscribePayload("/a")) }, false},
		{"a session that comes", func() { enter(t, r, "") }, false},
		{"a session that goes", func() { c.leave() }, false},
	} {
		step.do()
		nextSeq, nextRev := r.Seq(), r.StructRev()
		if nextSeq <= seq || (nextRev != rev) != step.structural {
			t.Errorf("%s: Seq %d after %d, StructRev %d after %d", step.what, nextSeq, seq, nextRev, rev)
		}
		seq, rev = nextSeq, nextRev
	}
}

// The detail of a session has all that the row has not.
func TestClientDetail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, err := router.New(router.Options{Name: "test", Settings: guarded(t, true)})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = r.Close(t.Context()) }()
		token := sign(t, secret, rights("/**", "/light/** /sound/*", "/cue/*", "").with("sub", "board"))
		c, _ := enter(t, r, token)
		defer c.leave()
		id := r.Clients()[0].ID
		if _, err := r.Client("nobody"); !errors.Is(err, monitor.ErrGone) {
			t.Errorf("nobody: %v", err)
		}
		if d, err := r.Client(id); err != nil || len(d.Messages) != 0 {
			t.Fatalf("the first look: %q (%v), want no messages yet", d.Messages, err)
		}
		c.ask(t, wire.Fire, wire.AppendSubscribe(nil, wire.Subscribe{ID: 1, Pattern: []byte("/light/**"), Types: wire.MaskParam | wire.MaskEvent, HasMaxRate: true, MaxRate: 30, HasEpsilon: true, Epsilon: 0.5}))
		c.ask(t, wire.Fire, wire.AppendSubscribe(nil, wire.Subscribe{ID: 2, Pattern: []byte("/cue/*"), Types: 0xff}))
		one := wire.Value{Code: wire.I64Code, Data: make([]byte, 8)}
		c.ask(t, wire.Fire, wire.AppendSet(nil, wire.Set{Address: []byte("/light/1"), Value: one, Lock: true}))
		c.ask(t, wire.Fire, setPayload("/forbidden", "\x1b[31m"))
		d, err := r.Client(id)
		if err != nil {
			t.Fatal(err)
		}
		if want := []monitor.Subscription{
			{Session: id, Name: "caller", Pattern: "/cue/*"},
			{Session: id, Name: "caller", Pattern: "/light/**", Options: "only params, events, at most 30/s, changes from 0.5"},
		}; !slices.Equal(d.Subscriptions, want) {
			t.Errorf("subscriptions %+v, want %+v", d.Subscriptions, want)
		}
		if !slices.Equal(d.Read, []string{"/**"}) || !slices.Equal(d.Write, []string{"/light/**", "/sound/*"}) {
			t.Errorf("may read %q and write %q", d.Read, d.Write)
		}
		if !slices.Equal(d.Held, []string{"/light/1"}) || d.Locks != 1 || d.Device != "board" || d.Subs != 2 {
			t.Errorf("holds %q (%d), is %q with %d subscriptions", d.Held, d.Locks, d.Device, d.Subs)
		}
		if len(d.Recent) != 1 || d.Recent[0].Code != 301 || !strings.HasPrefix(d.Recent[0].Text, "/forbidden: ") {
			t.Errorf("recent ERRORs %+v", d.Recent)
		}
		var messages []string
		for _, m := range d.Messages {
			messages = append(messages, m.Kind+" "+m.Text)
			if strings.Contains(m.Text, "\x1b") {
				t.Errorf("%q is not clean", m.Text)
			}
		}
		text := strings.Join(messages, "\n")
		for _, want := range []string{"SUBSCRIBE /light/**", "SET /light/1 0 lock", "SET /forbidden ", "PING"} {
			if !strings.Contains(text, want) {
				t.Errorf("noted\n%s\nwant %q in it", text, want)
			}
		}

		// A flood is sampled, and nothing is noted once nobody looks.
		for range 1000 {
			c.send(t, wire.Fire, setPayload("/light/2", 1.0))
		}
		if d, _ := r.Client(id); len(d.Messages) != 20 {
			t.Errorf("%d messages of a flood are kept, want 20", len(d.Messages))
		}
		time.Sleep(time.Minute)
		c.send(t, wire.Fire, setPayload("/light/2", 1.0))
		if d, _ := r.Client(id); len(d.Messages) != 0 {
			t.Errorf("%d messages are there though nobody has looked for a minute", len(d.Messages))
		}
		for range 20 {
			c.send(t, wire.Fire, setPayload("/forbidden", 1.0))
		}
		if d, _ := r.Client(id); len(d.Recent) != 10 || d.Errors != 21 {
			t.Errorf("%d ERRORs are kept of %d, want 10 of 21", len(d.Recent), d.Errors)
		}
		c.leave()
		if _, err := r.Client(id); !errors.Is(err, monitor.ErrGone) {
			t.Errorf("who has gone: %v", err)
		}
	})
}

// What is said to pairing is nobody's to see, not even in a sample.
func TestTapKeepsSecrets(t *testing.T) {
	inBubble(t, func(t *testing.T, r *router.Router, _ *pairing.Registry) {
		c := waits(t, r, "192.0.2.1:1")
		defer c.leave()
		id := r.Clients()[0].ID
		if _, err := r.Client(id); err != nil {
			t.Fatal(err)
		}
		c.ask(t, wire.Fire, setPayload("/_clasp/pair/pin", "471147"))
		d, err := r.Client(id)
		if err != nil || !strings.Contains(fmt.Sprint(d.Messages), "/_clasp/pair/pin …") {
			t.Errorf("noted %v (%v)", d.Messages, err)
		}
		if text := fmt.Sprintf("%+v", d); strings.Contains(text, "471147") {
			t.Errorf("%s shows the PIN", text)
		}
	})
}

// answerer answers pings, some time later.
type answerer struct {
	recorder
	session atomic.Pointer[router.Session]
	answer  func(s *router.Session)
}

func (a *answerer) Write(b []byte) error {
	if s := a.session.Load(); string(b) == "ping!" && s != nil {
		time.AfterFunc(30*time.Millisecond, func() { a.answer(s) })
	}
	return a.recorder.Write(b)
}

// The time that the answer to a ping takes is the client's RTT, be it a message or not, and the ping counts as none.
func TestRTT(t *testing.T) {
	pong := frameOf(t, wire.Fire, wire.AppendPong(nil))
	for name, answer := range map[string]func(s *router.Session){
		"the transport's": (*router.Session).Pong,
		"PONG":            func(s *router.Session) { s.Receive(pong); s.Idle() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, err := router.New(router.Options{Settings: router.Settings{Limits: router.Limits{SessionTimeout: 300 * time.Second}}})
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = r.Close(t.Context()) }()
				a := &answerer{answer: answer}
				s, _ := r.Open(a, router.Peer{Transport: "test", Ping: []byte("ping!")})
				defer s.Closed(router.ReasonClientClosed)
				a.session.Store(s)
				s.Receive(frameOf(t, wire.Fire, wire.AppendHello(nil, wire.Hello{Version: wire.Version})))
				s.Idle()
				before := r.Clients()[0]
				time.Sleep(time.Minute)
				synctest.Wait()
				c := r.Clients()[0]
				if c.RTT != 30*time.Millisecond || before.RTT != 0 {
					t.Errorf("RTT %v after %v, want 30ms after none", c.RTT, before.RTT)
				}
				if c.MessagesOut != before.MessagesOut || c.BytesOut != before.BytesOut {
					t.Errorf("a ping counts: %d messages out, %d before", c.MessagesOut, before.MessagesOut)
				}
				if c.Idle > 40*time.Second || c.Since.After(time.Now().Add(-time.Minute)) {
					t.Errorf("idle for %v, there since %v, now is %v", c.Idle, c.Since, time.Now())
				}
			})
		})
	}
}

// Names are clean, whoever has made them.
func TestNamesAreClean(t *testing.T) {
	r := openGuarded(t, router.Options{})
	c := caller{door: &door{}}
	s, _ := r.Open(c.door, router.Peer{Transport: "test", Remote: "192.0.2.1:1", Source: netip.MustParseAddr("192.0.2.1")})
	t.Cleanup(func() { s.Closed(router.ReasonClientClosed) })
	s.Receive(frameOf(t, wire.Fire, wire.AppendHello(nil, wire.Hello{Version: wire.Version, Name: []byte("a\x1b[2Jb\u202ec")})))
	s.Idle()
	if got := r.Clients()[0].Name; strings.ContainsAny(got, "\x1b\u202e") {
		t.Errorf("the name is %q", got)
	}
}
