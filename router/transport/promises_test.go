package transport_test

// Promises 1 to 6 of ARCHITECTURE.md, each raced over real connections of each transport, and of all of them in one conversation.
// (The tests of WebSocket go further.)
//
// UDP keeps them on a line that neither loses nor reorders, and as far as a reader takes in what comes. What a slow one has no
// room for is lost, for nothing tells the router to wait: then 1 and 5 hold, and of 2 that it ends on the newest of whatever it
// asks for with GET. What a line that loses makes of it is tested in the package udp.

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/router"
	"github.com/clasp-studio/clasp/router/client"
	"github.com/clasp-studio/clasp/router/internal/kit"
	"github.com/clasp-studio/clasp/router/wire"
)

// ways is a router, and the transports by which its clients come, in turn.
type ways struct {
	*rig
	over []string
	next atomic.Int64
}

func (g *ways) turn() string { return g.over[int(g.next.Add(1))%len(g.over)] }

// client connects the Go client.
func (g *ways) client(t testing.TB) *client.Client {
	t.Helper()
	return g.dial(t, g.turn(), client.Options{})
}

// starter runs a new router until the test ends.
type starter func(t *testing.T, o router.Options) *ways

func TestPromises(t *testing.T) {
	over := map[string][]string{"all": transports}
	for _, transport := range transports {
		over[transport] = []string{transport}
	}
	for name, over := range over {
		t.Run(name, func(t *testing.T) {
			start := func(t *testing.T, o router.Options) *ways {
				t.Helper()
				return &ways{rig: startWith(t, o), over: over}
			}
			t.Run("1 and 2: revisions rise", func(t *testing.T) { revisionsRise(t, start) })
			t.Run("1: a writer sees its own", func(t *testing.T) { writersWatch(t, start) })
			t.Run("2: a slow reader ends on the newest", func(t *testing.T) { slowReader(t, start) })
			t.Run("3: a late joiner misses nothing", func(t *testing.T) { lateJoiner(t, start) })
			t.Run("4: an ACK of a commit outlives the router", func(t *testing.T) { commitsStay(t, start) })
			t.Run("5: a reader that has stopped harms nobody", func(t *testing.T) { stoppedReader(t, start) })
			t.Run("6: a bundle is whole for who subscribes or asks", func(t *testing.T) { bundlesAreWhole(t, start) })
			t.Run("6: a bundle is whole for who comes", func(t *testing.T) { bundlesAreWholeInWelcome(t, start) })
		})
	}
}

// unasked are options with which a first snapshot is empty as soon as there is something.
var unasked = router.Options{Settings: router.Settings{Limits: router.Limits{WelcomeSnapshot: 1}}}

// kinds are the same number in all the forms that a snapshot treats differently: over TCP arrays, maps and texts of that length
// come last, each in a frame of its own.
func kinds(n int) any {
	switch n % 4 {
	case 1:
		return []any{n}
	case 2:
		return map[string]any{"n": n}
	case 3:
		return fmt.Sprintf("%d %s", n, strings.Repeat("x", 300))
	}
	return n
}

// watch is what one subscriber has been told.
type watch struct {
	*conn
	who        string
	contiguous bool // it is so quick a reader that no revision may be missing

	mu    sync.Mutex
	seen  map[string]uint64
	asked map[string]bool // with GET, whose answer may be what is known
	count int
}

func newWatch(c *conn, format string, args ...any) *watch {
	return &watch{conn: c, who: fmt.Sprintf(format, args...) + " over " + c.over, seen: make(map[string]uint64), asked: make(map[string]bool)}
}

// see holds a message of the router against what was known.
func (w *watch) see(payload []byte) error {
	switch wire.Type(payload[0]) {
	case wire.TypeSet:
		m, err := wire.DecodeSet(payload)
		if err != nil {
			return err
		}
		return w.note(m.Address, m.Revision, false)
	case wire.TypeSnapshot:
		m, err := wire.DecodeSnapshot(payload)
		if err != nil {
			return err
		}
		for e, ok := m.Next(); ok; e, ok = m.Next() {
			if err := w.note(e.Address, e.Revision, true); err != nil {
				return err
			}
		}
		return nil
	case wire.TypeAck:
		return nil
	}
	return fmt.Errorf("%s gets %v %q", w.who, wire.Type(payload[0]), payload)
}

func (w *watch) note(address []byte, revision uint64, snapshot bool) error {
	addr := string(address)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.count++
	old := w.seen[addr]
	switch {
	case snapshot && revision == old && w.asked[addr]:
	case revision <= old:
		return fmt.Errorf("%s: %s goes from revision %d to %d, by snapshot: %t", w.who, addr, old, revision, snapshot)
	case w.contiguous && !snapshot && old > 0 && revision != old+1:
		return fmt.Errorf("%s: %s goes from revision %d to %d, and those between are missing", w.who, addr, old, revision)
	}
	w.seen[addr] = revision
	return nil
}

// behind returns the addresses that are not at these revisions, and exactly these.
func (w *watch) behind(last map[string]uint64) (missing []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for addr, revision := range last {
		if w.seen[addr] != revision {
			missing = append(missing, addr)
		}
	}
	return missing
}

// ask asks for params with GET.
func (w *watch) ask(addresses []string) error {
	for chunk := range slices.Chunk(addresses, 50) { // so that the answers find room
		w.mu.Lock()
		for _, addr := range chunk {
			w.asked[addr] = true
		}
		w.mu.Unlock()
		for _, addr := range chunk {
			if err := w.say(kit.Get(addr)); err != nil {
				return err
			}
		}
		time.Sleep(10 * time.Millisecond) // the pace of one who asks; nothing is counted on
	}
	return nil
}

func (w *watch) messages() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.count
}

// settle waits until every watch has come to the present revisions of all addresses. One that may have lost something asks.
func settle(t *testing.T, control *client.Client, addresses []string, watches []*watch) {
	t.Helper()
	last := make(map[string]uint64)
	for _, addr := range addresses {
		p, err := control.Get(t.Context(), addr)
		if err != nil {
			t.Fatal(err)
		}
		last[addr] = p.Revision
	}
	for _, w := range watches {
		kit.Eventually(t, w.who+" to see the newest of all", func() bool {
			missing := w.behind(last)
			if len(missing) > 0 && w.lossy() && !w.contiguous {
				if err := w.ask(missing); err != nil {
					t.Fatal(err)
				}
			}
			return len(missing) == 0
		})
	}
}

func set(t testing.TB, c *client.Client, addr string, value any, o ...client.SetOption) {
	t.Helper()
	if _, err := c.Set(t.Context(), addr, value, o...); err != nil {
		t.Errorf("set %s: %v", addr, err)
	}
}

func names(n int, format string) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf(format, i)
	}
	return all
}

// revisionsRise: whatever the number of writers, every subscriber sees the revisions of an address strictly rise, snapshots
// included, and ends on the last, be it quick, slow, or one that subscribes again and again.
func revisionsRise(t *testing.T, start starter) {
	const writers, subscribers, each, window = 8, 24, 300, 32
	g := start(t, unasked)
	addresses := names(20, "/shared/%02d")
	control := g.client(t)
	for i, addr := range addresses {
		set(t, control, addr, kinds(i))
	}
	var watches []*watch
	for i := range subscribers {
		w := newWatch(g.join(t, g.turn()), "subscriber %d", i)
		watches = append(watches, w)
		if err := w.say(kit.Subscribe(1, "/shared/**")); err != nil {
			t.Fatal(err)
		}
		n := 0
		w.follow(t, func(payload []byte) error {
			if n++; i%3 == 1 && n%50 == 0 {
				time.Sleep(time.Duration(rand.IntN(4)) * time.Millisecond) // slow
			}
			return w.see(payload)
		})
	}
	var writing, visiting sync.WaitGroup
	var over atomic.Bool
	for range 2 * len(g.over) {
		by := g.turn()
		visiting.Go(func() {
			for !over.Load() && !t.Failed() {
				if err := g.visit(t, by); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for i := range writers {
		c := g.client(t)
		writing.Go(func() {
			free := make(chan struct{}, window)
			for n := range each {
				free <- struct{}{}
				err := c.SetAsync(t.Context(), addresses[rand.IntN(len(addresses))], kinds(rand.Int()), func(_ client.Ack, err error) {
					if err != nil {
						t.Errorf("writer %d: %v", i, err)
					}
					<-free
				})
				if err != nil {
					t.Errorf("writer %d, write %d: %v", i, n, err)
					return
				}
			}
			for range window {
				free <- struct{}{}
			}
		})
	}
	writing.Wait()
	over.Store(true)
	visiting.Wait()
	settle(t, control, addresses, watches)
}

// visit comes, subscribes, sees the snapshot and what follows for a moment, and leaves.
func (g *ways) visit(t *testing.T, over string) error {
	c, err := g.enter(t, over)
	if err != nil {
		return err
	}
	defer c.leave()
	seen := newWatch(c, "a visitor")
	if err := c.say(kit.Subscribe(1, "/shared/*")); err != nil {
		return err
	}
	if err := c.fence(seen.see); err != nil {
		return err
	}
	if err := c.say(wire.AppendUnsubscribe(nil, wire.Unsubscribe{ID: 1})); err != nil {
		return err
	}
	return c.fence(seen.see)
}

// writersWatch: who writes on the connection on which it watches is told of its own SETs before their ACKs, also where its
// snapshot has not come to. The snapshot then shows no revision a second time.
func writersWatch(t *testing.T, start starter) {
	const writers, each = 4, 100
	g := start(t, unasked)
	control := g.client(t)
	for i := range 2000 { // so that the snapshot is on its way for a while
		set(t, control, fmt.Sprintf("/own/%04d", i), strings.Repeat("x", 200))
	}
	addresses := names(20, "/own/z/%02d")
	for i, addr := range addresses {
		set(t, control, addr, kinds(i))
	}
	var watches []*watch
	var writing sync.WaitGroup
	for i := range writers {
		w := newWatch(g.join(t, g.turn()), "writer %d", i)
		watches = append(watches, w)
		if err := w.say(kit.Subscribe(1, "/own/**")); err != nil {
			t.Fatal(err)
		}
		writing.Go(func() {
			for n := range each {
				if err := w.send(kit.Frame(wire.Confirm, kit.Set(addresses[rand.IntN(len(addresses))], n))); err != nil {
					t.Errorf("%s: %v", w.who, err)
					return
				}
			}
		})
		w.follow(t, w.see)
	}
	writing.Wait()
	for i, w := range watches {
		last := fmt.Sprintf("/written/%d", i)
		kit.Eventually(t, w.who+" to have been heard to the end", func() bool {
			if err := w.say(kit.Set(last, true)); err != nil {
				t.Fatal(err)
			}
			_, err := control.Get(t.Context(), last)
			return err == nil
		})
	}
	settle(t, control, addresses, watches)
}

// large is a value that fills buffers, and fits a datagram if there is one to carry it.
func (g *ways) large() []byte {
	if slices.Contains(g.over, "udp") {
		return make([]byte, 1<<10)
	}
	return make([]byte, 8<<10)
}

// slowReader: one that falls behind by far more than sockets and windows hold, and then reads on, gets fewer messages than
// there were, in order, and ends on the newest value of each address.
func slowReader(t *testing.T, start starter) {
	const volume = 12 << 20
	g := start(t, unasked)
	large := g.large()
	addresses := names(16, "/slow/%02d")
	rounds := volume / len(large) / len(addresses)
	writer := g.client(t)
	var watches []*watch
	for range g.over {
		w := newWatch(g.join(t, g.turn()), "the slow one")
		watches = append(watches, w)
		if err := w.say(kit.Subscribe(1, "/slow/*")); err != nil {
			t.Fatal(err)
		}
	}
	for range rounds {
		for _, addr := range addresses {
			set(t, writer, addr, large, client.QoS(wire.Fire))
		}
		if err := writer.Ping(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for _, w := range watches {
		w.follow(t, w.see)
	}
	settle(t, writer, addresses, watches)
	for _, w := range watches {
		if got, most := w.messages(), rounds*len(addresses); got >= most {
			t.Errorf("%s: %d messages for %d writes: it was never slow", w.who, got, most)
		}
	}
}

// lateJoiner: whoever comes while others write gets a snapshot, and after it every single change.
func lateJoiner(t *testing.T, start starter) {
	const joiners, writers = 24, 4
	g := start(t, unasked)
	live, still := names(32, "/late/%02d"), names(400, "/late/still/%03d") // so that the snapshot is more than one frame
	control := g.client(t)
	for _, addr := range live {
		set(t, control, addr, 0)
	}
	for i, addr := range still {
		var x any = strings.Repeat("x", 40)
		if i%8 == 0 {
			x = kinds(1 + i/8)
		}
		set(t, control, addr, x)
	}
	var writing sync.WaitGroup
	var over atomic.Bool
	for i := range writers {
		c := g.client(t)
		writing.Go(func() {
			// One write at a time, so that nobody who reads is slow.
			for n := 1; !over.Load() && !t.Failed(); n++ {
				set(t, c, live[n%(len(live)/writers)*writers+i], kinds(n))
			}
		})
	}
	var watches []*watch
	for i := range joiners {
		w := newWatch(g.join(t, g.turn()), "joiner %d", i)
		w.contiguous = true
		watches = append(watches, w)
		if err := w.say(kit.Subscribe(1, []string{"/late/**", "/late/*/**", "**"}[i%3])); err != nil {
			t.Fatal(err)
		}
		w.follow(t, w.see)
	}
	for _, w := range watches {
		kit.Eventually(t, w.who+" to get its snapshot and changes", func() bool { return t.Failed() || w.messages() > len(still)+3*len(live) })
	}
	over.Store(true)
	writing.Wait()
	settle(t, control, append(live, still...), watches)
}

// stoppedReader: subscribers that stop reading change nothing for others, which get each and every message, and cost little
// memory; when they read on, they get what is newest.
func stoppedReader(t *testing.T, start starter) {
	const volume, perStopped = 12 << 20, 3 << 20
	g := start(t, unasked)
	large := g.large()
	addresses := names(8, "/stop/%02d")
	rounds := volume / len(large) / len(addresses)
	writer := g.client(t)
	var stopped, healthy []*watch
	for range g.over {
		over := g.turn()
		stopped = append(stopped, newWatch(g.join(t, over), "the one that has stopped"))
		w := newWatch(g.join(t, over), "the healthy one")
		w.contiguous = true
		healthy = append(healthy, w)
	}
	for _, w := range slices.Concat(stopped, healthy) {
		if err := w.say(kit.Subscribe(1, "/stop/*")); err != nil {
			t.Fatal(err)
		}
		if err := w.fence(w.see); err != nil {
			t.Fatal(err)
		}
	}
	before := kit.Heap()
	for n := range rounds {
		binary.BigEndian.PutUint64(large, uint64(n))
		for _, addr := range addresses {
			set(t, writer, addr, large, client.QoS(wire.Fire))
		}
		for _, w := range healthy {
			for range addresses {
				p, err := w.conn.next()
				if err == nil {
					err = w.see(p)
				}
				if err != nil {
					t.Fatalf("%s, round %d: %v", w.who, n, err)
				}
				if m, err := wire.DecodeSet(p); err != nil || binary.BigEndian.Uint64(m.Value.Data[2:]) != uint64(n) {
					t.Fatalf("%s got %x in round %d, %v", w.who, m.Value.Data[:10], n, err)
				}
			}
		}
	}
	// A reader that has stopped is in this process too: its window, and what the router queues for it.
	if grown := kit.Heap() - before; grown > len(stopped)*perStopped {
		t.Errorf("the heap has grown by %d bytes for %d readers that have stopped", grown, len(stopped))
	}
	for _, w := range stopped {
		w.follow(t, w.see)
	}
	settle(t, writer, addresses, stopped)
	for _, w := range stopped {
		if got := w.messages(); got >= rounds*len(addresses) {
			t.Errorf("%s got all of %d messages", w.who, got)
		}
	}
}
