package ws_test

// The promises of ARCHITECTURE.md, each raced over many real connections.

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/router/wire"
)

// The address of the params that the races write, and one of those that only make snapshots long.
func live(i int) string  { return fmt.Sprintf("/shared/%02d/live", i) }
func still(i int) string { return fmt.Sprintf("/shared/%02d/still/%02d", i%20, i/20) }

// habit is what a subscriber does besides reading, before its nth read.
type habit func(c *client, n int) error

func inAHurry(*client, int) error { return nil }

func slow(_ *client, n int) error {
	if n%50 == 0 {
		time.Sleep(time.Duration(rand.IntN(4)) * time.Millisecond)
	}
	return nil
}

func asking(c *client, n int) error {
	if n%10 == 0 {
		return c.write(message(wire.Fire, get(live(rand.IntN(20)))))
	}
	return nil
}

// subscribing subscribes to the same once more under another id, again and again.
func subscribing(c *client, n int) error {
	if n%100 == 0 {
		return c.write(append(message(wire.Fire, unsubscribe(2)), message(wire.Fire, subscribe(2, "/shared/**", 0))...))
	}
	return nil
}

// TestRevisionsRise is promises 1 and 2: whatever the number of writers, every subscriber sees the revisions of an address
// strictly rise, snapshots included, and ends on the last, however slowly it reads, and whatever else it does meanwhile.
func TestRevisionsRise(t *testing.T) {
	t.Run("200 subscribers, some slow, some asking", func(t *testing.T) {
		raceRevisions(t, 200, false, inAHurry, slow, asking)
	})
	t.Run("subscribers that subscribe again", func(t *testing.T) {
		raceRevisions(t, 40, false, subscribing)
	})
	t.Run("slow ones that subscribe again", func(t *testing.T) {
		raceRevisions(t, 40, false, func(c *client, n int) error { return errors.Join(subscribing(c, n), slow(c, n)) })
	})
	t.Run("writers that have just subscribed", func(t *testing.T) {
		raceRevisions(t, 20, true, inAHurry)
	})
}

func raceRevisions(t *testing.T, subscribers int, writersSubscribe bool, habits ...habit) {
	const writers, shared, bursts, each = 16, 20, 6, 20
	g := start(t)
	control := g.join(t)
	addresses := make([]string, shared)
	for i := range addresses {
		addresses[i] = live(i)
		control.set(t, addresses[i], 0)
	}
	for i := range 1000 { // so that a snapshot is several frames
		control.send(t, wire.Fire, set(still(i), filler))
	}
	control.quiet(t)

	want := make(chan map[string]known, subscribers)
	var reading, writing sync.WaitGroup
	for i := range subscribers {
		c := g.join(t)
		c.send(t, wire.Fire, subscribe(1, "/shared/**", 0))
		c.send(t, wire.Fire, subscribe(1, done, 0))
		reading.Go(func() {
			n := 0
			w := new(watch)
			if err := c.follow(w, want, func() error { n++; return habits[i%len(habits)](c, n) }); err != nil {
				t.Errorf("subscriber %d, frame %d: %v", i, w.frames, err)
			}
		})
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for range 4 {
		reading.Go(func() {
			for ctx.Err() == nil {
				if err := g.visit(ctx, 50); err != nil && ctx.Err() == nil {
					t.Errorf("one that comes and goes: %v", err)
					return
				}
			}
		})
	}
	for i := range writers {
		c := g.join(t)
		w := new(watch)
		if writersSubscribe {
			c.send(t, wire.Fire, subscribe(1, "/shared/**", 0))
		}
		writing.Go(func() {
			for n := range bursts {
				payloads := make([][]byte, each)
				for k := range payloads {
					payloads[k] = set(addresses[rand.IntN(shared)], i<<20|n<<10|k)
				}
				if err := c.burst(w, payloads); err != nil {
					t.Errorf("writer %d: %v", i, err)
					return
				}
			}
		})
	}
	writing.Wait()
	cancel()
	control.finish(t, want, subscribers, addresses)
	reading.Wait()
}

// visit comes late, reads a few frames, and leaves.
func (g *rig) visit(ctx context.Context, frames int) error {
	c, err := g.connect()
	if err != nil {
		return err
	}
	defer c.drop()
	defer context.AfterFunc(ctx, c.drop)()
	if err := c.write(append(message(wire.Fire, hello), message(wire.Fire, subscribe(1, "/shared/*/live", 0))...)); err != nil {
		return err
	}
	_ = c.SetReadDeadline(time.Now().Add(patience))
	w := new(watch)
	for range frames {
		if err := c.take(w); err != nil {
			return err
		}
	}
	return nil
}

// TestSlowReader is promise 2 where it is hard: a subscriber that has fallen behind by far more than the sockets hold, and that
// then reads on, gets fewer messages than there were, in order, and ends on the newest value of each address.
func TestSlowReader(t *testing.T) {
	const addresses, rounds, size = 16, 60, 8 << 10 // twice 8 MB: the sockets take less than 4
	nothing := func(*client) error { return nil }
	for name, meanwhile := range map[string]func(c *client) error{
		"only reads": nothing,
		// It is thinned out as well; the clock and the flusher both have something to send then.
		"maxRate 30": nothing, "maxRate 100": nothing, "maxRate 300": nothing, "maxRate 1000": nothing,
		"asks":       func(c *client) error { return c.write(message(wire.Fire, get(live(1)))) },
		"subscribes": func(c *client) error { return c.write(message(wire.Fire, subscribe(2, "/shared/**", 0))) },
		"to one":     func(c *client) error { return c.write(message(wire.Fire, subscribe(3, "/shared/01/*", 0))) },
		"starts over": func(c *client) error {
			return c.write(append(message(wire.Fire, unsubscribe(1)), message(wire.Fire, subscribe(1, "/shared/**", 0))...))
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := start(t)
			writer := g.join(t)
			all := make([]string, addresses)
			for i := range all {
				all[i] = live(i)
			}
			c := g.join(t)
			var rate uint32
			_, _ = fmt.Sscanf(name, "maxRate %d", &rate) // 0 = all
			c.send(t, wire.Fire, option(1, "/shared/**", wire.MaskParam, maxRate(rate)))
			c.send(t, wire.Fire, subscribe(9, done, 0))
			w := new(watch)
			write := func(n int) error {
				payloads := make([][]byte, addresses)
				for i := range payloads {
					payloads[i] = set(live(i), large(n, size))
				}
				return writer.burst(w, payloads)
			}
			for n := range rounds {
				if err := write(n); err != nil {
					t.Fatal(err)
				}
				if n%10 == 9 {
					if err := meanwhile(c); err != nil {
						t.Fatal(err)
					}
				}
			}
			// Now it reads, slowly at first, while the writer goes on.
			want := make(chan map[string]known, 1)
			var reading sync.WaitGroup
			readings := new(watch)
			reading.Go(func() {
				n := 0
				if err := c.follow(readings, want, func() error { n++; return slow(c, n) }); err != nil {
					t.Errorf("after %d frames: %v", readings.frames, err)
				}
			})
			for n := range rounds {
				if err := write(rounds + n); err != nil {
					t.Fatal(err)
				}
			}
			writer.finish(t, want, 1, all)
			reading.Wait()
			if most := 2 * rounds * addresses; readings.frames >= most {
				t.Errorf("%d frames for %d writes: it was never slow", readings.frames, most)
			}
		})
	}
}

// A writer that is slow itself sees its own write before the ACK, and once; what it had not got before is contained in it.
func TestEchoWhileSlow(t *testing.T) {
	g := start(t)
	writer, c := g.join(t), g.join(t)
	c.subscribe(t, 1, "/**", 0)
	c.makeSlow(t, writer)
	writer.set(t, "/p", 1)
	writer.set(t, "/q", 1)
	c.send(t, wire.Confirm, set("/p", 2))
	revisions := make(map[string]uint64)
	acked := false
	for !acked || revisions["/q"] == 0 {
		switch f := c.next(t); f.kind {
		case wire.TypeSet:
			m := must(t, f, wire.DecodeSet)
			if m.Revision <= revisions[string(m.Address)] {
				t.Errorf("%s goes from revision %d to %d", m.Address, revisions[string(m.Address)], m.Revision)
			}
			revisions[string(m.Address)] = m.Revision
		case wire.TypeAck:
			acked = true
			if revisions["/p"] != 2 {
				t.Errorf("ACK after revision %d of what it has set, want 2", revisions["/p"])
			}
		}
	}
	c.quiet(t)
}

// makeSlow has more sent to a client that does not read than the sockets take. The client is subscribed to streams of "/slow".
func (c *client) makeSlow(t *testing.T, writer *client) {
	t.Helper()
	for range 200 { // 12 MB: the sockets take less than 5
		writer.send(t, wire.Fire, publish(wire.Stream, "/slow", make([]byte, 60_000)))
	}
	writer.quiet(t)
}

// TestLateJoiner is promise 3: whoever comes late misses nothing between its snapshot and what follows.
func TestLateJoiner(t *testing.T) {
	const joiners, writers, old = 60, 4, 8
	g := start(t)
	control := g.join(t)
	var addresses []string
	for i := range old * writers {
		addresses = append(addresses, live(i))
		control.set(t, live(i), 0)
	}
	for i := range 350 { // more than one frame, and not so much that the snapshot makes its reader slow
		control.send(t, wire.Fire, set(still(i), filler))
	}
	control.quiet(t)
	want := make(chan map[string]known, joiners)
	var writing, joining sync.WaitGroup
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	created := make([][]string, writers)
	for i := range writers {
		c := g.join(t)
		w := new(watch)
		writing.Go(func() {
			// One write at a time, so that nobody who reads is slow: changes of what is there, and now and then a new address.
			for n := 1; ctx.Err() == nil; n++ {
				addr := live(i*old + n%old)
				if n%10 == 0 && len(created[i]) < 500 {
					addr = fmt.Sprintf("/shared/%d/new/%d", i, rand.IntN(1<<30))
					created[i] = append(created[i], addr)
				}
				if err := c.burst(w, [][]byte{set(addr, n)}); err != nil {
					t.Errorf("writer %d: %v", i, err)
					return
				}
			}
		})
	}
	ready := make(chan struct{}, joiners)
	for i := range joiners {
		c := g.join(t)
		c.send(t, wire.Fire, subscribe(2, done, 0))
		c.send(t, wire.Fire, subscribe(1, []string{"/shared/**", "/shared/*/*/**", "**"}[i%3], 0))
		joining.Go(func() {
			w := &watch{contiguous: true}
			first := sync.OnceFunc(func() { ready <- struct{}{} })
			defer first()
			if err := c.follow(w, want, func() error {
				if len(w.seen) >= old*writers {
					first() // its snapshot has come
				}
				return nil
			}); err != nil {
				t.Errorf("joiner %d, frame %d: %v", i, w.frames, err)
			}
		})
	}
	for range joiners {
		<-ready
	}
	stop()
	writing.Wait()
	for _, list := range created {
		addresses = append(addresses, list...)
	}
	control.finish(t, want, joiners, addresses)
	joining.Wait()
}

// TestStoppedReader is promise 5 for params and streams: a subscriber that stops reading changes nothing for the others and
// costs little memory, and when it reads on it learns that messages were dropped, and gets what is newest.
func TestStoppedReader(t *testing.T) {
	const size, rounds, addresses = 1 << 10, 2000, 10 // twice 20 MB; a burst is less than makes the other one slow
	g := start(t)
	writer, healthy := g.join(t), g.join(t)
	stopped := []*client{g.join(t), g.join(t)}
	for _, c := range append(stopped, healthy) {
		c.subscribe(t, 1, "/p/*", wire.MaskParam)
		c.subscribe(t, 1, "/s", wire.MaskStream)
		c.subscribe(t, 1, done, 0)
	}
	before := heap()
	streams := 0
	for n := range rounds {
		payloads := make([][]byte, 0, 2*addresses)
		for i := range addresses {
			payloads = append(payloads, set(fmt.Sprintf("/p/%d", i), large(n, size)), publish(wire.Stream, "/s", large(streams, size)))
			streams++
		}
		if err := writer.burst(new(watch), payloads); err != nil {
			t.Fatal(err)
		}
		// The other subscriber gets each and every one.
		for i := range payloads {
			addr, v := signalOf(t, healthy.next(t))
			stamp, _ := stampOf(v)
			wantAddr, wantStamp := fmt.Sprintf("/p/%d", i/2), uint64(n)
			if i%2 == 1 {
				wantAddr, wantStamp = "/s", uint64(n*addresses+i/2)
			}
			if addr != wantAddr || stamp != wantStamp {
				t.Fatalf("got %s = %d, want %s = %d", addr, stamp, wantAddr, wantStamp)
			}
		}
	}
	if grown := heap() - before; grown > 4<<20 {
		t.Errorf("the heap has grown by %d bytes for two readers that have stopped", grown)
	}
	writer.send(t, wire.Confirm, publish(wire.Event, done, 1))
	writer.expectAck(t, done)
	for i, c := range stopped {
		params := make(map[string]uint64)
		lastStream, notices, got, over := -1, 0, 0, false
		newest := func() bool {
			for i := range addresses {
				if params[fmt.Sprintf("/p/%d", i)] != rounds-1 {
					return false
				}
			}
			return over
		}
		for ; !newest(); got++ {
			f := c.next(t)
			if f.kind == wire.TypeError {
				m := must(t, f, wire.DecodeError)
				if m.Code != wire.CodeOverloaded {
					t.Fatalf("got %v", f)
				}
				notices++
				continue
			}
			addr, v := signalOf(t, f)
			stamp, _ := stampOf(v)
			switch {
			case addr == done:
				over = true
			case addr == "/s":
				if int(stamp) <= lastStream {
					t.Fatalf("reader %d: stream %d after %d", i, stamp, lastStream)
				}
				lastStream = int(stamp)
			default:
				if old, ok := params[addr]; ok && stamp <= old {
					t.Fatalf("reader %d: %s goes from %d to %d", i, addr, old, stamp)
				}
				params[addr] = stamp
			}
		}
		if lastStream != streams-1 {
			t.Errorf("reader %d: the last of the stream is %d, want %d: the oldest go first", i, lastStream, streams-1)
		}
		if got >= 2*rounds*addresses || notices == 0 {
			t.Errorf("reader %d: %d messages of %d and %d notices of drops", i, got, 2*rounds*addresses, notices)
		}
		c.quiet(t) // the session lives
	}
}

// TestStoppedReaderOfEvents is promise 5 for what may not be dropped: past the hard limit the session is closed with ERROR 503.
func TestStoppedReaderOfEvents(t *testing.T) {
	const size, events = 16 << 10, 2000 // 32 MB
	g := start(t)
	writer, healthy := g.join(t), g.join(t)
	stopped := g.join(t)
	for _, c := range []*client{stopped, healthy} {
		c.subscribe(t, 1, "/e", 0)
	}
	before := heap()
	for n := range events {
		writer.send(t, wire.Fire, publish(wire.Event, "/e", large(n, size)))
		_, v := signalOf(t, healthy.next(t))
		if stamp, _ := stampOf(v); stamp != uint64(n) {
			t.Fatalf("event %d is %d", n, stamp)
		}
	}
	if grown := heap() - before; grown > 4<<20 {
		t.Errorf("the heap has grown by %d bytes", grown)
	}
	eventually(t, "the session to be ended", func() bool { return g.Stats().Sessions == 2 })
	healthy.quiet(t)
	// What it reads of its last words, if it does not get them all, is in order.
	_ = stopped.SetReadDeadline(time.Now().Add(patience))
	for n := uint64(0); ; n++ {
		f, err := stopped.read()
		if err != nil || f.kind == wire.TypeError {
			break
		}
		_, v := signalOf(t, f)
		if stamp, _ := stampOf(v); stamp != n {
			t.Fatalf("event %d is %d", n, stamp)
		}
	}
}

// One that reads again in time learns why it is closed.
func TestStoppedReaderIsTold(t *testing.T) {
	const size = 16 << 10
	g := start(t)
	writer, c := g.join(t), g.join(t)
	c.subscribe(t, 1, "/e", 0)
	for n := range 500 { // 8 MB: the sockets take less than 5, the router keeps 1
		writer.send(t, wire.Fire, publish(wire.Event, "/e", large(n, size)))
	}
	writer.quiet(t)
	for n := uint64(0); ; n++ {
		f := c.next(t)
		if f.kind == wire.TypeError {
			if m := must(t, f, wire.DecodeError); m.Code != wire.CodeOverloaded {
				t.Fatalf("got %v, want ERROR 503", f)
			}
			break
		}
		_, v := signalOf(t, f)
		if stamp, _ := stampOf(v); stamp != n || n >= 499 {
			t.Fatalf("event %d is %d", n, stamp)
		}
	}
	c.expectClose(t, 0)
}

// TestBundleIsWhole is promise 6: no reader sees half of a bundle, in a snapshot or with GET.
func TestBundleIsWhole(t *testing.T) {
	const writers, readers, bundles = 3, 6, 1500
	g := start(t)
	control := g.join(t)
	for i := range 300 { // between the two, and more than one frame of them
		control.send(t, wire.Fire, set(fmt.Sprintf("/b/m/%d", i), filler))
	}
	control.send(t, wire.Confirm, bundle(set("/b/a", 0), set("/b/z", 0)))
	control.expectAck(t, "")
	control.send(t, wire.Confirm, setWith("/locked", 1, lock))
	control.expectAck(t, "/locked")

	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	var writing, reading sync.WaitGroup
	for i := range writers {
		c := g.join(t)
		writing.Go(func() {
			for n := range bundles {
				// In either order, among signals, and one in three fails for its last message.
				payload := bundle(set("/b/z", n), publish(wire.Event, "/e", 1), set("/b/a", n))
				want := wire.TypeAck
				switch n % 3 {
				case 1:
					payload = bundle(set("/b/a", i<<20|n), set("/b/z", i<<20|n))
				case 2:
					payload, want = bundle(set("/b/a", -1), set("/b/z", -2), set("/locked", 1)), wire.TypeError
				}
				if err := c.write(message(wire.Confirm, payload)); err != nil {
					t.Errorf("writer %d: %v", i, err)
					return
				}
				_ = c.SetReadDeadline(time.Now().Add(patience))
				if f, err := c.read(); err != nil || f.kind != want {
					t.Errorf("writer %d: %v, %v, want %v", i, f, err, want)
					return
				}
			}
		})
	}
	seen := make([]int, 3)
	for i := range readers {
		c := g.join(t)
		kind := i % 3
		ask := [][]byte{
			append(message(wire.Fire, unsubscribe(1)), message(wire.Fire, subscribe(1, "/b/*", wire.MaskParam))...),
			append(message(wire.Fire, get("/b/a")), message(wire.Fire, get("/b/z"))...),
			append(message(wire.Fire, get("/b/z")), message(wire.Fire, get("/b/a"))...),
		}[kind]
		reading.Go(func() {
			count := 0
			for ctx.Err() == nil {
				n, err := c.pair(slices.Clone(ask), kind == 0)
				if err != nil {
					t.Errorf("reader %d: %v", i, err)
					return
				}
				count += n
			}
			if i < 3 {
				seen[i] = count
			}
		})
	}
	writing.Wait()
	stop()
	reading.Wait()
	for kind, n := range seen {
		if n < 50 {
			t.Errorf("reader %d has looked %d times only", kind, n)
		}
	}
}

// TestBundleIsWholeInWelcome: a snapshot of several frames, with nothing live to complete it, does not show half of a bundle.
func TestBundleIsWholeInWelcome(t *testing.T) {
	for name, between := range map[string]int{"one frame": 10, "two frames": 700, "many frames": 4000} {
		t.Run(name, func(t *testing.T) {
			g := start(t)
			writer := g.join(t)
			for i := range between {
				writer.send(t, wire.Fire, set(fmt.Sprintf("/b/m/%d", i), filler))
			}
			both := func(n int) []byte { return bundle(set("/b/z", n), set("/b/a", n)) }
			writer.send(t, wire.Confirm, both(0))
			writer.expectAck(t, "")
			ctx, stop := context.WithCancel(context.Background())
			defer stop()
			var writing, reading sync.WaitGroup
			writing.Go(func() {
				w := new(watch)
				for n := 1; ctx.Err() == nil; n++ {
					if err := writer.burst(w, [][]byte{both(n)}); err != nil {
						t.Errorf("writer: %v", err)
						return
					}
				}
			})
			for range 4 {
				reading.Go(func() {
					for range 50 {
						if err := g.welcomePair(); err != nil {
							t.Error(err)
							return
						}
					}
				})
			}
			reading.Wait()
			stop()
			writing.Wait()
		})
	}
}

// welcomePair joins and holds the two values of the welcome snapshot against each other.
func (g *rig) welcomePair() error {
	c, err := g.connect()
	if err != nil {
		return err
	}
	defer c.abort()
	if err := c.write(message(wire.Fire, hello)); err != nil {
		return err
	}
	w := new(watch)
	_ = c.SetReadDeadline(time.Now().Add(patience))
	for len(w.seen) < 2 {
		if err := c.take(w); err != nil {
			return err
		}
	}
	if w.seen["/b/a"] != w.seen["/b/z"] {
		return fmt.Errorf("welcome snapshot of half a bundle: %+v", w.seen)
	}
	return nil
}

// pair asks, reads until the answers have come, and holds the two values against each other. It returns how often it could.
func (c *client) pair(ask []byte, snapshot bool) (int, error) {
	if err := c.write(append(ask, message(wire.Fire, wire.AppendPing(nil))...)); err != nil {
		return 0, err
	}
	_ = c.SetReadDeadline(time.Now().Add(patience))
	now := make(map[string]known)  // what the client knows, SETs included
	asked := make(map[string]bool) // what it has got by SNAPSHOT
	pairs, before := 0, uint64(0)
	note := func(addr []byte, v wire.Value, revision uint64) error {
		stamp, ok := stampOf(v)
		if ok {
			now[string(addr)] = known{revision, stamp}
		}
		if ok && stamp > 1<<62 {
			return fmt.Errorf("%s is of a bundle that was refused", addr)
		}
		return nil
	}
	for {
		f, err := c.read()
		if err != nil {
			return 0, err
		}
		switch f.kind {
		case wire.TypePong:
			return pairs, nil
		case wire.TypeSet: // the subscription is there between snapshot and UNSUBSCRIBE
			m, err := wire.DecodeSet(f.payload)
			if err == nil {
				err = note(m.Address, m.Value, m.Revision)
			}
			if err != nil {
				return 0, err
			}
		case wire.TypeSnapshot:
			m, err := wire.DecodeSnapshot(f.payload)
			if err != nil {
				return 0, err
			}
			for e, ok := m.Next(); ok; e, ok = m.Next() {
				if err := note(e.Address, e.Value, e.Revision); err != nil {
					return 0, err
				}
				asked[string(e.Address)] = true
				if !snapshot && e.Revision < before {
					return 0, fmt.Errorf("GET shows revision %d, and then %d of what was set with it", before, e.Revision)
				}
				before = e.Revision
			}
			if !asked["/b/a"] || !asked["/b/z"] {
				continue // the answer goes on in the next frame
			}
			if snapshot && now["/b/a"] != now["/b/z"] {
				return 0, fmt.Errorf("snapshot of half a bundle: %+v", now)
			}
			clear(asked)
			pairs++
		default:
			return 0, fmt.Errorf("got %v", f)
		}
	}
}
