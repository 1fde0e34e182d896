package ws_test

// The kit: a router on real sockets, and the check at the end of every test that all it used has been given back.

import (
	"context"
	"crypto/tls"
	"net"
	"os"
	"runtime"
	"runtime/pprof"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/router"
	"github.com/clasp-studio/clasp/router/store"
	"github.com/clasp-studio/clasp/router/transport/ws"
)

// patience is how long a test waits for what must come. It is never the time something should take.
const patience = 20 * time.Second

func TestMain(m *testing.M) {
	// The first socket of a process opens descriptors of the poller's own, which must not count as a leak.
	if l, err := net.Listen("tcp", "127.0.0.1:0"); err == nil {
		l.Close()
	}
	m.Run()
}

// rig is a router and the server in front of it.
type rig struct {
	*router.Router
	server *ws.Server
	addr   string
	trust  *tls.Config // what its clients connect with; nil = without TLS
}

// start runs a router on a port of its own until the test ends, and then holds goroutines, descriptors and the router's own
// counts against what they were. Subtests that run in parallel share the rig of their parent.
func start(t *testing.T, options ...func(*router.Options)) *rig {
	t.Helper()
	return startOn(t, ws.Options{}, options...)
}

// startOn is start for a server that listens in a way of its own.
func startOn(t *testing.T, how ws.Options, options ...func(*router.Options)) *rig {
	t.Helper()
	before := inUse()
	o := router.Options{Name: "test router", Settings: router.Settings{Limits: router.Limits{WelcomeSnapshot: 10_000}}}
	for _, set := range options {
		set(&o)
	}
	r, err := router.New(o)
	if err != nil {
		t.Fatal(err)
	}
	s, err := ws.Listen(r, "127.0.0.1:0", how)
	if err != nil {
		t.Fatal(err)
	}
	g := &rig{Router: r, server: s, addr: s.Addr().String()}
	t.Cleanup(func() {
		// The clients' own clean-up has run by now.
		g.settled(t)
		if c := r.Counted(); c.Slow != 0 || c.Locks != 0 {
			t.Errorf("with nobody there, %d are counted as slow and %d params as locked", c.Slow, c.Locks)
		}
		_ = s.Close()
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := r.Close(ctx); err != nil {
			t.Errorf("Close: %v", err)
		}
		if o.Store != nil {
			if err := o.Store.Close(ctx); err != nil {
				t.Errorf("close the store: %v", err)
			}
		}
		before.restored(t)
	})
	return g
}

// limits is an option of start.
func limits(set func(*router.Limits)) func(*router.Options) {
	return func(o *router.Options) { set(&o.Limits) }
}

// durable is an option of start: params are kept in a file.
func durable(t testing.TB, path string) func(*router.Options) {
	return func(o *router.Options) {
		s, err := store.Open(store.Options{Path: path, Interval: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		o.Store = s
	}
}

// settled waits until nobody is connected and nothing is left of those who were.
func (g *rig) settled(t testing.TB) {
	t.Helper()
	eventually(t, "sessions and subscriptions to go", func() bool {
		s := g.Stats()
		return s.Sessions == 0 && s.Subscriptions == 0
	})
}

// together runs subtests at the same time, however few processors there are: for those that mostly wait.
func together(t *testing.T, tests map[string]func(t *testing.T)) {
	t.Helper()
	var all sync.WaitGroup
	for name, test := range tests {
		all.Go(func() { t.Run(name, test) })
	}
	all.Wait()
}

// resources are what a router uses and has to give back.
type resources struct{ goroutines, descriptors int }

func inUse() resources {
	open, _ := os.ReadDir("/proc/self/fd") // none where there is no /proc: goroutines are counted everywhere
	return resources{runtime.NumGoroutine(), len(open)}
}

// restored fails unless no more is in use than there was.
func (before resources) restored(t testing.TB) {
	t.Helper()
	if ok, now := poll(func() bool {
		now := inUse()
		return now.goroutines <= before.goroutines && now.descriptors <= before.descriptors
	}), inUse(); !ok {
		var stacks strings.Builder
		_ = pprof.Lookup("goroutine").WriteTo(&stacks, 1)
		t.Errorf("%+v in use, %+v before:\n%s", now, before, stacks.String())
	}
}

// heap returns the bytes in use on the heap after a full collection, pools emptied.
func heap() int {
	runtime.GC()
	runtime.GC() // what a sync.Pool holds survives the first
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// eventually waits for a condition.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	if !poll(ok) {
		t.Fatalf("waited %v for %s", patience, what)
	}
}

func poll(ok func() bool) bool {
	for until := time.Now().Add(patience); time.Now().Before(until); time.Sleep(time.Millisecond) {
		if ok() {
			return true
		}
	}
	return ok()
}
