// Every peer that is installed is started and used once, whole.

package peer_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/cmd/clasp-bench/versus/peer"
)

// patience is for a machine that does much else.
const patience = time.Minute

// No test waits for the reference to be built, which takes minutes.
func TestMain(m *testing.M) {
	if os.Getenv("CLASP_BENCH_RUST") == "" {
		if err := os.Setenv("CLASP_BENCH_RUST", "0"); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

// started is a peer that runs; the test is skipped where it is not installed.
func started(t *testing.T, p *peer.Peer, o peer.StartOptions) *peer.Server {
	t.Helper()
	if _, err := p.Find(t.Context()); err != nil {
		t.Skip(t.Name()+":", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	o.Dir = t.TempDir()
	s, err := p.Start(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}

func dialled(t *testing.T, p *peer.Peer, s *peer.Server) *peer.Conn {
	t.Helper()
	c, err := p.Dial(t.Context(), s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func write(t *testing.T, c *peer.Conn, b []byte) {
	t.Helper()
	if _, err := c.Write(b); err != nil {
		t.Fatal(err)
	}
}

// receive reads until n payloads have come.
func receive(t *testing.T, c *peer.Conn, n int) (got []peer.Stamp) {
	t.Helper()
	c.SetReadDeadline(time.Now().Add(patience))
	for len(got) < n {
		var bad error
		err := c.Read(func(payload []byte) {
			s, err := peer.ReadStamp(payload)
			if err != nil {
				bad = err
			}
			got = append(got, s)
		})
		if err != nil || bad != nil {
			t.Fatalf("after %d of %d: %v, %v", len(got), n, err, bad)
		}
	}
	c.SetReadDeadline(time.Time{})
	return got
}

func numbered(publisher uint32, n int) (stamps []peer.Stamp) {
	for i := range n {
		stamps = append(stamps, peer.Stamp{Publisher: publisher, Sequence: uint64(i), At: time.Duration(i) * time.Millisecond})
	}
	return stamps
}

func each(t *testing.T, c peer.Capability, test func(t *testing.T, p *peer.Peer)) {
	for _, p := range peer.All() {
		if p.Has(c) {
			t.Run(p.Name, func(t *testing.T) { test(t, p) })
		}
	}
}

func TestPubSub(t *testing.T) {
	each(t, peer.PubSub, func(t *testing.T, p *peer.Peer) {
		s := started(t, p, peer.StartOptions{})
		const address, n = "/bench/a/12", 5000
		subscribers := []*peer.Conn{dialled(t, p, s), dialled(t, p, s)}
		for _, c := range subscribers {
			if err := c.Subscribe(address); err != nil {
				t.Fatal(err)
			}
			c.Rest() // it reads again when something comes
		}
		publisher := dialled(t, p, s)
		want := numbered(7, n)
		sent := make(chan error, 1)
		go func() {
			// Not all at once: some peers drop what a subscriber is behind by.
			for volley := range slices.Chunk(want, 500) {
				var out []byte
				for _, stamp := range volley {
					out = publisher.AppendPublish(out, address, stamp.Append(nil))
				}
				_, err := publisher.Write(out)
				if err == nil {
					err = publisher.RoundTrip()
				}
				if err != nil {
					sent <- err
					return
				}
			}
			sent <- nil
		}()
		published := sync.OnceFunc(func() {
			if err := <-sent; err != nil {
				t.Errorf("publisher: %v", err)
			}
		})
		defer published() // it says most when a subscriber waits in vain
		for i, c := range subscribers {
			if got := receive(t, c, n); !slices.Equal(got, want) {
				t.Errorf("subscriber %d has %d messages that are not the %d that were sent, in their order", i, len(got), n)
			}
		}
		published()
		if used, err := s.CPU(); err != nil || used <= 0 {
			t.Errorf("CPU time %v, %v", used, err)
		}
		if size, err := s.RSS(); err != nil || size < 1<<19 {
			t.Errorf("RSS %d, %v", size, err)
		}
		if err := s.Alive(); err != nil {
			t.Error(err)
		}
		s.Stop()
		if s.Alive() == nil {
			t.Error("it is alive after Stop")
		}
	})
}

func TestWildcards(t *testing.T) {
	each(t, peer.Wildcards, func(t *testing.T, p *peer.Peer) {
		s := started(t, p, peer.StartOptions{})
		for _, pattern := range []string{"/bench/*/12", "/bench/**"} {
			c := dialled(t, p, s)
			if err := c.Subscribe(pattern); err != nil {
				t.Fatal(err)
			}
			want := numbered(1, 2)
			publisher := dialled(t, p, s)
			out := publisher.AppendPublish(nil, "/other/a/12", want[1].Append(nil))
			out = publisher.AppendPublish(out, "/bench/a/12", want[0].Append(nil))
			write(t, publisher, publisher.AppendPublish(out, "/bench/b/12", want[1].Append(nil)))
			if got := receive(t, c, 2); !slices.Equal(got, want) {
				t.Errorf("%s: got %v, want %v", pattern, got, want)
			}
		}
	})
}

func TestRetain(t *testing.T) {
	each(t, peer.Retain, func(t *testing.T, p *peer.Peer) {
		s := started(t, p, peer.StartOptions{})
		const n = 100
		publisher := dialled(t, p, s)
		var out []byte
		for i, stamp := range numbered(3, n) {
			out = publisher.AppendRetained(out, fmt.Sprintf("/bench/late/%d", i), stamp.Append(nil))
		}
		write(t, publisher, out)
		if err := publisher.RoundTrip(); err != nil {
			t.Fatal(err)
		}
		late := dialled(t, p, s)
		write(t, late, late.AppendSubscribe(nil, "/bench/late/**"))
		got := receive(t, late, n)
		slices.SortFunc(got, func(a, b peer.Stamp) int { return int(a.Sequence) - int(b.Sequence) })
		if !slices.Equal(got, numbered(3, n)) {
			t.Errorf("a late joiner has %v", got)
		}
	})
}

// acknowledged reads until n writes are.
func acknowledged(t *testing.T, c *peer.Conn, n int, onPayload func([]byte)) {
	t.Helper()
	c.SetReadDeadline(time.Now().Add(patience))
	for total := 0; total < n; {
		acks, err := c.ReadAcks(onPayload)
		if err != nil {
			t.Fatalf("after %d of %d acknowledgements: %v", total, n, err)
		}
		if total += acks; total > n {
			t.Fatalf("%d acknowledgements of %d writes", total, n)
		}
	}
}

func TestDurable(t *testing.T) {
	each(t, peer.Durable, func(t *testing.T, p *peer.Peer) {
		s := started(t, p, peer.StartOptions{Durable: true})
		const n = 50
		c := dialled(t, p, s)
		var out []byte
		for i, stamp := range numbered(5, n) {
			out = c.AppendDurable(out, fmt.Sprintf("/bench/durable/%d", i%7), stamp.Append(nil))
		}
		write(t, c, out)
		acknowledged(t, c, n, nil)
	})
}

func TestSet(t *testing.T) {
	each(t, peer.Set, func(t *testing.T, p *peer.Peer) {
		s := started(t, p, peer.StartOptions{})
		const n = 100
		c, other := dialled(t, p, s), dialled(t, p, s)
		if err := other.Subscribe("/bench/set/*"); err != nil {
			t.Fatal(err)
		}
		var out []byte
		for i, stamp := range numbered(5, n) {
			out = c.AppendSet(out, fmt.Sprintf("/bench/set/%d", i), stamp.Append(nil))
		}
		write(t, c, out)
		acknowledged(t, c, n, func(payload []byte) { t.Errorf("%s came to who has not subscribed", payload) })
		if got := receive(t, other, n); !slices.Equal(got, numbered(5, n)) {
			t.Errorf("the subscriber has %v", got)
		}
	})
}

// TestBounded starts those that have a limit for slow readers with it.
func TestBounded(t *testing.T) {
	each(t, peer.PubSub, func(t *testing.T, p *peer.Peer) {
		s := started(t, p, peer.StartOptions{Bounded: true})
		if err := dialled(t, p, s).RoundTrip(); err != nil {
			t.Error(err)
		}
	})
}

func TestManySubscriptions(t *testing.T) {
	each(t, peer.PubSub|peer.Wildcards, func(t *testing.T, p *peer.Peer) {
		s := started(t, p, peer.StartOptions{})
		c := dialled(t, p, s)
		const n = 900 // the reference allows 1,000
		var out []byte
		for i := range n {
			out = c.AppendSubscribe(out, fmt.Sprintf("/bench/many/%d", i))
		}
		write(t, c, out)
		if err := c.RoundTrip(); err != nil {
			t.Fatal(err)
		}
		publisher := dialled(t, p, s)
		want := numbered(2, 2)
		out = publisher.AppendPublish(nil, "/bench/many/0", want[0].Append(nil))
		write(t, publisher, publisher.AppendPublish(out, fmt.Sprintf("/bench/many/%d", n-1), want[1].Append(nil)))
		if got := receive(t, c, 2); !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	})
}

func TestNames(t *testing.T) {
	var names []string
	for _, p := range peer.All() {
		names = append(names, p.Name)
		if p.Title == "" || p.Speaks == "" || len(p.Settings()) == 0 || !p.Has(peer.PubSub) {
			t.Errorf("%s: title %q, %d settings, pub/sub %t", p.Name, p.Title, len(p.Settings()), p.Has(peer.PubSub))
		}
	}
	if want := []string{"clasp", "clasp-rs", "nats", "redis", "mosquitto", "mochi", "centrifuge", "raw"}; !slices.Equal(names, want) {
		t.Errorf("peers %q, want %q", names, want)
	}
}

// TestVersions holds what the programs say of themselves against what is asked for.
func TestVersions(t *testing.T) {
	for name, want := range map[string]string{"clasp-rs": "4.5.0", "nats": "v2.15.2", "mochi": "v2.7.9", "centrifuge": "v0.40.1"} {
		t.Run(name, func(t *testing.T) {
			p := peer.All()[slices.IndexFunc(peer.All(), func(p *peer.Peer) bool { return p.Name == name })]
			got, err := p.Find(t.Context())
			if err != nil {
				t.Skip(t.Name()+":", err)
			}
			if got != want {
				t.Errorf("version %s, want %s", got, want)
			}
		})
	}
}

func TestNotDurable(t *testing.T) {
	for _, p := range peer.All() {
		if p.Has(peer.Durable) {
			continue
		}
		if _, err := p.Start(t.Context(), peer.StartOptions{Durable: true, Dir: t.TempDir()}); err == nil {
			t.Errorf("%s starts as if it wrote to disk before it acknowledges", p.Name)
		}
	}
}
