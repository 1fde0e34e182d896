package kit

// The promises of ARCHITECTURE.md that are about what a client sees, raced over real connections of one transport with the Go
// client. (The tests of WebSocket go further: they read every frame.)

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/router/client"
	"github.com/clasp-studio/clasp/router/wire"
)

// Dial connects another client to the router that a test is about. It is closed when the test ends.
type Dial func(testing.TB) *client.Client

// PromisesOfAll checks promises 1, 2 and 3 as far as every transport keeps them where no datagram is lost; start runs a new
// router for each.
func PromisesOfAll(t *testing.T, start func(t *testing.T) Dial) {
	t.Run("1 and 2: revisions rise", func(t *testing.T) { revisionsRise(t, start(t)) })
	t.Run("3: a late joiner misses nothing", func(t *testing.T) { lateJoiner(t, start(t)) })
}

// Promises checks promises 1, 2, 3 and 5 of a transport that holds its sender up; start runs a new router for each.
func Promises(t *testing.T, start func(t *testing.T) Dial) {
	PromisesOfAll(t, start)
	t.Run("2: a slow reader ends on the newest", func(t *testing.T) { slowReader(t, start(t)) })
	t.Run("5: a reader that has stopped harms nobody", func(t *testing.T) { stoppedReader(t, start(t)) })
}

// watch is what one subscriber has been told, and what was wrong with it.
type watch struct {
	tb         testing.TB
	who        string
	contiguous bool // it is so quick a reader that no revision may be missing

	mu    sync.Mutex
	seen  map[string]uint64
	count int
}

func newWatch(tb testing.TB, who string) *watch {
	return &watch{tb: tb, who: who, seen: make(map[string]uint64)}
}

// note holds one message against what was known.
func (w *watch) note(m *client.Message) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.count++
	old := w.seen[m.Address]
	switch {
	case m.Revision <= old:
		w.tb.Errorf("%s: %s goes from revision %d to %d", w.who, m.Address, old, m.Revision)
	case w.contiguous && !m.Snapshot && m.Revision != old+1:
		w.tb.Errorf("%s: %s goes from revision %d to %d, and those between are missing", w.who, m.Address, old, m.Revision)
	}
	w.seen[strings.Clone(m.Address)] = m.Revision
}

// at reports whether the watch has come to these revisions, and exactly these.
func (w *watch) at(last map[string]uint64) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for addr, revision := range last {
		if w.seen[addr] != revision {
			return false
		}
	}
	return true
}

func (w *watch) messages() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.count
}

// settle waits until every watch has come to the present revisions of all addresses.
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
		Eventually(t, w.who+" to see the newest of all", func() bool { return w.at(last) })
	}
}

func set(t testing.TB, c *client.Client, addr string, value any) {
	t.Helper()
	if _, err := c.Set(t.Context(), addr, value); err != nil {
		t.Errorf("set %s: %v", addr, err)
	}
}

func subscribe(t testing.TB, c *client.Client, pattern string, h client.Handler) *client.Subscription {
	t.Helper()
	s, err := c.Subscribe(t.Context(), pattern, client.SubscribeOptions{}, h)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func names(n int, format string) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf(format, i)
	}
	return all
}

// revisionsRise: whatever the number of writers, every subscriber sees the revisions of an address strictly rise, and ends on
// the last, be it quick, slow, or one that subscribes again and again.
func revisionsRise(t *testing.T, dial Dial) {
	const writers, subscribers, each = 8, 30, 300
	addresses := names(20, "/shared/%02d")
	control := dial(t)
	for _, addr := range addresses {
		set(t, control, addr, 0)
	}
	var watches []*watch
	for i := range subscribers {
		w := newWatch(t, fmt.Sprintf("subscriber %d", i))
		watches = append(watches, w)
		n := 0
		subscribe(t, dial(t), "/shared/**", func(m *client.Message) {
			w.note(m)
			if n++; i%3 == 1 && n%50 == 0 {
				time.Sleep(time.Duration(rand.IntN(4)) * time.Millisecond) // slow
			}
		})
	}
	var writing, visiting sync.WaitGroup
	var over atomic.Bool
	for i := range 3 {
		c := dial(t)
		visiting.Go(func() {
			for n := 0; !over.Load() && !t.Failed(); n++ {
				w := newWatch(t, fmt.Sprintf("visitor %d, visit %d", i, n))
				subscribe(t, c, "/shared/*", w.note).Close()
			}
		})
	}
	for i := range writers {
		c := dial(t)
		writing.Go(func() {
			var answered sync.WaitGroup
			for n := range each {
				answered.Add(1)
				err := c.SetAsync(t.Context(), addresses[rand.IntN(len(addresses))], i<<20|n, func(_ client.Ack, err error) {
					if err != nil {
						t.Errorf("writer %d: %v", i, err)
					}
					answered.Done()
				})
				if err != nil {
					t.Errorf("writer %d: %v", i, err)
					answered.Done()
				}
			}
			answered.Wait()
		})
	}
	writing.Wait()
	over.Store(true)
	visiting.Wait()
	settle(t, control, addresses, watches)
}

// large is a value that fills buffers.
var large = make([]byte, 8<<10)

// slowReader: one that falls behind by far more than sockets and windows hold, and then reads on, gets fewer messages than
// there were, in order, and ends on the newest value of each address.
func slowReader(t *testing.T, dial Dial) {
	const rounds = 120 // 16 MB
	addresses := names(16, "/slow/%02d")
	writer, c := dial(t), dial(t)
	w := newWatch(t, "the slow one")
	gate := make(chan struct{})
	subscribe(t, c, "/slow/*", func(m *client.Message) {
		<-gate
		w.note(m)
	})
	for range rounds {
		for _, addr := range addresses {
			set(t, writer, addr, large)
		}
	}
	close(gate)
	settle(t, writer, addresses, []*watch{w})
	if got, most := w.messages(), rounds*len(addresses); got >= most {
		t.Errorf("%d messages for %d writes: it was never slow", got, most)
	}
}

// lateJoiner: whoever comes while others write gets a snapshot, and after it every single change.
func lateJoiner(t *testing.T, dial Dial) {
	const joiners, writers = 30, 4
	addresses := names(32, "/late/%02d")
	control := dial(t)
	for _, addr := range addresses {
		set(t, control, addr, 0)
	}
	for _, addr := range names(350, "/late/still/%03d") { // so that the snapshot is more than one frame
		set(t, control, addr, strings.Repeat("x", 40))
	}
	var writing sync.WaitGroup
	var over atomic.Bool
	for i := range writers {
		c := dial(t)
		writing.Go(func() {
			// One write at a time, so that nobody who reads is slow.
			for n := 1; !over.Load() && !t.Failed(); n++ {
				set(t, c, addresses[n%(len(addresses)/writers)*writers+i], n)
			}
		})
	}
	var watches []*watch
	for i := range joiners {
		w := newWatch(t, fmt.Sprintf("joiner %d", i))
		w.contiguous = true
		watches = append(watches, w)
		subscribe(t, dial(t), []string{"/late/**", "/late/*", "**"}[i%3], w.note)
	}
	for _, w := range watches {
		Eventually(t, w.who+" to get its snapshot and changes", func() bool { return w.messages() > 2*len(addresses) })
	}
	over.Store(true)
	writing.Wait()
	settle(t, control, addresses, watches)
}

// stoppedReader: subscribers that stop reading change nothing for another, which gets each and every message, and cost little
// memory; when they read on, they get what is newest.
func stoppedReader(t *testing.T, dial Dial) {
	const rounds, stopped = 400, 2 // 26 MB for each
	addresses := names(8, "/stop/%02d")
	writer, healthy := dial(t), dial(t)
	watches := make([]*watch, stopped)
	gate := make(chan struct{})
	for i := range watches {
		w := newWatch(t, fmt.Sprintf("stopped reader %d", i))
		watches[i] = w
		subscribe(t, dial(t), "/stop/*", func(m *client.Message) {
			<-gate
			w.note(m)
		})
	}
	h := newWatch(t, "the healthy one")
	h.contiguous = true
	arrived := make(chan uint64, len(addresses))
	subscribe(t, healthy, "/stop/*", func(m *client.Message) {
		h.note(m)
		arrived <- binary.BigEndian.Uint64(m.Value.Data[2:])
	})
	before := Heap()
	value := make([]byte, len(large))
	for n := range rounds {
		binary.BigEndian.PutUint64(value, uint64(n))
		for _, addr := range addresses {
			if _, err := writer.Set(t.Context(), addr, value, client.QoS(wire.Fire)); err != nil {
				t.Fatal(err)
			}
		}
		for range addresses {
			select {
			case got := <-arrived:
				if got != uint64(n) {
					t.Fatalf("the healthy one got %d in round %d", got, n)
				}
			case <-time.After(Patience):
				t.Fatalf("round %d does not get to the healthy one", n)
			}
		}
	}
	// The reader that has stopped is in this process too: its inbox, its window, and what the router queues for it.
	if grown := Heap() - before; grown > stopped*(6<<20) {
		t.Errorf("the heap has grown by %d bytes for %d readers that have stopped", grown, stopped)
	}
	close(gate)
	settle(t, writer, addresses, watches)
	for _, w := range watches {
		if got := w.messages(); got >= rounds*len(addresses) {
			t.Errorf("%s got all of %d messages: it never stopped", w.who, got)
		}
	}
}
