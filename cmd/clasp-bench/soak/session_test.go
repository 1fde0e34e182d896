package soak

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/router/wire"
)

// rogue is a router of one connection that does what a test says. It answers HELLO and PING
// first, as open wants it.
func rogue(t *testing.T, then func(c *frames)) (*session, *verdict) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var all sync.WaitGroup
	t.Cleanup(all.Wait)
	all.Go(func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		f := newFrames(c, true, nil, nil)
		for range 2 { // HELLO and PING
			if _, err := f.receive(); err != nil {
				return
			}
		}
		_ = f.send(framed(wire.Fire, wire.AppendWelcome(nil, wire.Welcome{Version: 1})))
		_ = f.send(framed(wire.Fire, wire.AppendPong(nil)))
		if _, err := f.receive(); err != nil { // what says that it is open
			return
		}
		then(f)
	})
	v := newVerdict()
	d := dialer{at: map[way]string{overTCP: l.Addr().String()}}
	s, err := open(t.Context(), d, overTCP, "somebody", newObserver(newLedger(v), "somebody", false), false, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.reset)
	if err := s.send(framed(wire.Fire, wire.AppendPing(nil))); err != nil {
		t.Fatal(err)
	}
	return s, v
}

// TestUnasked: a session that the router ends without a reason, a message that makes no sense
// and one that is damaged each break a promise. The end that we make ourselves does not.
func TestUnasked(t *testing.T) {
	for name, c := range map[string]struct {
		words string
		then  func(*frames)
	}{
		"closed":     {"ended unasked: EOF", func(*frames) {}},
		"unexpected": {"unexpected HELLO", func(f *frames) { _ = f.send(framed(wire.Fire, wire.AppendHello(nil, wire.Hello{}))) }},
		"no frame":   {"magic", func(f *frames) { _, _ = f.conn.Write([]byte("\x00\x00\x00\x04no frame at all")) }},
		"cut off":    {"SET", func(f *frames) { _ = f.send(framed(wire.Fire, []byte{byte(wire.TypeSet), 0, 0})) }},
		"damaged": {"nobody has written", func(f *frames) {
			_ = f.send(framed(wire.Fire, wire.AppendSet(nil, wire.Set{Address: []byte("/soak/a"), HasRevision: true, Revision: 1})))
		}},
		"two welcomes": {"second WELCOME", func(f *frames) { _ = f.send(framed(wire.Fire, wire.AppendWelcome(nil, wire.Welcome{Version: 1}))) }},
	} {
		t.Run(name, func(t *testing.T) {
			s, v := rogue(t, c.then)
			<-s.ended
			if words, _ := v.failures(); v.broken[standing] == 0 || !strings.Contains(strings.Join(words, "\n"), c.words) {
				t.Errorf("%q, want %q", words, c.words)
			}
		})
	}
	s, v := rogue(t, func(f *frames) { _, _ = f.receive() })
	s.close()
	<-s.ended
	if words, all := v.failures(); all > 0 || v.held[standing] == 0 {
		t.Errorf("an end of our own: %q", words)
	}
}

// TestUnanswered: an answer that does not come says that somebody is hurt, unless his network
// is one that swallows things.
func TestUnanswered(t *testing.T) {
	s, v := rogue(t, func(f *frames) {
		for { // it reads, and says nothing
			if _, err := f.receive(); err != nil {
				return
			}
		}
	})
	_, err := s.ask(wire.Confirm, wire.AppendPing(nil), time.Millisecond)
	if !errors.Is(err, errUnanswered) {
		t.Fatal(err)
	}
	w := &world{verdict: v}
	w.faulty(t.Context(), s, err)
	if v.broken[unhurt] != 1 {
		t.Error("nobody notices")
	}
	<-s.ended // it is given up
	s.unruly.Store(false)
	s.far = true
	w.faulty(t.Context(), s, err)
	if v.broken[unhurt] != 1 {
		t.Error("on a bad network it counts as well")
	}
}

// TestMemory: a router that takes more for those who do not read than their queues may hold
// is noticed; the bound grows with the sessions and not beyond what a leak of a MiB for each
// would take.
func TestMemory(t *testing.T) {
	small, large := &world{Options: Options{Sessions: 200}}, &world{Options: Options{Sessions: 5000}}
	if a, b := small.mostMemory(), large.mostMemory(); a >= b || b > 1<<20 {
		t.Errorf("%d KiB and %d KiB", a, b)
	}
	small.verdict = newVerdict()
	for n, memory := range []int{small.mostMemory(), small.mostMemory() + 1} {
		if small.weigh(vitals{MemoryKiB: memory}); small.verdict.broken[unhurt] != n {
			t.Errorf("%d KiB count %d times as too much, want %d", memory, small.verdict.broken[unhurt], n)
		}
	}
}

// TestWeather: every bad network passes on what it is given, in order, or ends the connection;
// a gentle one loses nothing. Closing the proxy leaves nothing behind, whoever still waits.
func TestWeather(t *testing.T) {
	for _, weather := range weathers {
		t.Run(weather.name, func(t *testing.T) {
			t.Parallel()
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			sent := bytes.Repeat([]byte("0123456789abcdef"), 200)
			go func() {
				for {
					c, err := l.Accept()
					if err != nil {
						return
					}
					go func() { // an echo, so that both ways are bad
						_, _ = io.Copy(c, c)
						_ = c.Close()
					}()
				}
			}()
			p, err := newProxy(weather, l.Addr().String(), 10*time.Millisecond)
			if err != nil {
				t.Fatal(err)
			}
			defer p.close()
			for range 2 {
				c, err := net.Dial("tcp", p.addr())
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				if _, err := c.Write(sent); err != nil {
					continue // reset by then
				}
				got := make([]byte, len(sent))
				_ = c.SetReadDeadline(time.Now().Add(patience))
				n, err := io.ReadFull(c, got)
				if !bytes.Equal(got[:n], sent[:n]) {
					t.Errorf("it changes what goes through: %q", got[:n])
				}
				if weather.gentle && err != nil {
					t.Errorf("%d bytes of %d, and then %v", n, len(sent), err)
				}
				if weather.gentle {
					continue
				}
				// It ends by itself, soon: 10 ms on average, what is sent then, and 2 s of silence.
				go func() {
					for err := error(nil); err == nil; {
						_, err = c.Write(sent)
					}
				}()
				if _, err := io.Copy(io.Discard, c); isTimeout(err) {
					t.Errorf("it does not end: %v", err)
				}
			}
		})
	}
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.As(err, &n) && n.Timeout()
}
