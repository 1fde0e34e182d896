package param_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/clasp-studio/clasp/router/param"
)

type table = param.Table[int]

const second = int64(1e6) // µs

func lastWriteWins(string) param.Strategy { return param.LastWriteWins }

// set stores a value the way the router does, ttl as on the wire (0 = none).
func set(t testing.TB, tab *table, address string, ttl uint32, at int64) *param.Param[int] {
	t.Helper()
	for {
		p := tab.FindOrCreate([]byte(address), lastWriteWins)
		p.Lock()
		if p.Dead() {
			p.Unlock()
			continue
		}
		if !p.Exists(at) {
			if !tab.Reserve(1, 0) {
				t.Fatal("no room without a limit")
			}
			if p.Value != nil {
				tab.Vacate(p)
			}
		}
		p.Store([]byte{0}, "session", 1)
		if ttl != 0 {
			p.SetTTL(ttl)
		}
		if p.Restart(at) {
			tab.Watch(p)
		}
		p.Unlock()
		return p
	}
}

func exists(tab *table, address string, at int64) bool {
	p := tab.Find([]byte(address))
	if p == nil {
		return false
	}
	p.Lock()
	defer p.Unlock()
	return p.Exists(at)
}

func addresses(tab *table, from string) (all []string) {
	tab.Ascend(from, func(p *param.Param[int]) bool {
		all = append(all, p.Address)
		return true
	}, func(bool) {})
	return all
}

func TestAscendIsInAddressOrder(t *testing.T) {
	tab := param.New(func(*param.Param[int]) {})
	for _, i := range []int{7, 3, 9, 1, 5} {
		set(t, tab, fmt.Sprintf("/a/%d", i), 0, 0)
	}
	if got, want := addresses(tab, "/a/4"), []string{"/a/5", "/a/7", "/a/9"}; !slices.Equal(got, want) {
		t.Errorf("from /a/4: %v, want %v", got, want)
	}
	var ended, all bool
	tab.Ascend("", func(*param.Param[int]) bool { return false }, func(a bool) { ended, all = true, a })
	if !ended || all {
		t.Errorf("stopped at the first: end called %v, told all %v", ended, all)
	}
}

func TestDiscard(t *testing.T) {
	tab := param.New(func(*param.Param[int]) {})
	p := tab.FindOrCreate([]byte("/never/set"), lastWriteWins)
	tab.Discard(p)
	if tab.Find([]byte("/never/set")) != nil || len(addresses(tab, "")) != 0 {
		t.Error("a param nobody set is still there")
	}
	p = set(t, tab, "/set", 0, 0)
	tab.Discard(p)
	if !exists(tab, "/set", 0) {
		t.Error("a param with a value was discarded")
	}
}

func TestReserve(t *testing.T) {
	tab := param.New(func(*param.Param[int]) {})
	if !tab.Reserve(3, 3) || tab.Reserve(1, 3) || tab.Len() != 3 {
		t.Errorf("a limit of 3 has let %d in", tab.Len())
	}
}

func TestExpiry(t *testing.T) {
	const absolute = 1 << 31
	tests := []struct {
		name  string
		ttl   uint32
		touch []int64 // reads
		alive int64   // still there
		gone  int64   // no longer
	}{
		{"sliding", 2, nil, 2*second - 1, 2 * second},
		{"sliding, read", 2, []int64{second, 2 * second}, 4*second - 1, 4 * second},
		{"absolute, read", 2 | absolute, []int64{second}, 2*second - 1, 2 * second},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			tab := param.New(func(*param.Param[int]) {})
			p := set(t, tab, "/a", test.ttl, 0)
			for _, at := range test.touch {
				tab.Expire(at)
				p.Lock()
				p.Touch(at)
				p.Unlock()
			}
			tab.Expire(test.alive)
			if !exists(tab, "/a", test.alive) {
				t.Error("gone before its time")
			}
			if exists(tab, "/a", test.gone) {
				t.Error("still readable after its time")
			}
			// Cleared away within half a second, and its address with it.
			tab.Expire(test.gone + second/2)
			if tab.Find([]byte("/a")) != nil || tab.Len() != 0 || len(addresses(tab, "")) != 0 {
				t.Error("not cleared away half a second after its time")
			}
		})
	}
}

func TestShorterLifetimeCounts(t *testing.T) {
	tab := param.New(func(*param.Param[int]) {})
	set(t, tab, "/a", 3600, 0)
	set(t, tab, "/a", 1, 0)
	tab.Expire(2 * second)
	if tab.Len() != 0 {
		t.Error("the longer lifetime of an earlier write is still in force")
	}
}

func TestWriteWithoutTTLKeepsIt(t *testing.T) {
	tab := param.New(func(*param.Param[int]) {})
	set(t, tab, "/a", 2, 0)
	set(t, tab, "/a", 0, second)
	if !exists(tab, "/a", 3*second-1) || exists(tab, "/a", 3*second) {
		t.Error("the lifetime was not counted anew from the second write")
	}
}

// TestRevisionsGoOnAfterExpiry is promise 7: a revision is never used twice.
func TestRevisionsGoOnAfterExpiry(t *testing.T) {
	tab := param.New(func(*param.Param[int]) {})
	set(t, tab, "/a", 1, 0)
	set(t, tab, "/a", 1, 0)
	tab.Expire(5 * second)
	if p := set(t, tab, "/a", 0, 5*second); p.Revision != 3 {
		t.Errorf("revision %d after an expiry at 2, want 3", p.Revision)
	}
	// And when the write comes before the clock has cleared the param away.
	set(t, tab, "/b", 1, 0)
	if p := set(t, tab, "/b", 0, 5*second); p.Revision != 2 || tab.Len() != 2 {
		t.Errorf("revision %d and %d params, want 2 and 2", p.Revision, tab.Len())
	}
}

// TestRace sets, reads and expires the same addresses at once; the race detector and
// the final count are the judges.
func TestRace(t *testing.T) {
	tab := param.New(func(*param.Param[int]) {})
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 2000 {
				ttl := uint32(0)
				if i%3 == 0 {
					ttl = 1
				}
				p := set(t, tab, fmt.Sprintf("/race/%d", (i+w)%50), ttl, int64(i)*second/100)
				p.Lock()
				p.Touch(int64(i) * second / 100)
				p.Unlock()
			}
		})
	}
	wg.Go(func() {
		for i := range 2000 {
			tab.Expire(int64(i) * second / 100)
		}
	})
	wg.Wait()
	end := int64(1e6) * second
	tab.Expire(end)
	left := 0
	for _, a := range addresses(tab, "") {
		if !exists(tab, a, end) {
			t.Errorf("%s has expired and is still listed", a)
		}
		left++
	}
	if left != tab.Len() {
		t.Errorf("%d params listed, %d counted", left, tab.Len())
	}
}

// One param that waits for the disk past its time holds up no other's end.
func TestPendingDoesNotHoldUpExpiry(t *testing.T) {
	tab := param.New(func(*param.Param[int]) {})
	p := set(t, tab, "/pending", 1, 0)
	p.Lock()
	p.Pending = true
	p.Unlock()
	for i := range 3 {
		set(t, tab, fmt.Sprintf("/other/%d", i), 1, second/2)
	}
	for at := 2 * second; at < 4*second; at += second {
		if tab.Expire(at) {
			t.Fatalf("at %d s: there is more to do, again and again", at/second)
		}
	}
	if tab.Len() != 1 {
		t.Errorf("%d params are there, only one is pending", tab.Len())
	}
	p.Lock()
	p.Pending = false
	p.Unlock()
	tab.Expire(5 * second)
	if tab.Len() != 0 {
		t.Error("the pending one has outlived its lifetime for good")
	}
}

// However many addresses go, one that comes back counts on.
func TestRevisionsGoOnAfterMany(t *testing.T) {
	tab := param.New(func(*param.Param[int]) {})
	for range 5 {
		set(t, tab, "/a", 1, 0)
	}
	tab.Expire(5 * second)
	for i := range 1 << 17 {
		set(t, tab, fmt.Sprintf("/b/%d", i), 1, 5*second)
	}
	for tab.Expire(10 * second) {
	}
	if p := set(t, tab, "/a", 0, 10*second); p.Revision <= 5 {
		t.Errorf("revision %d, it was at 5 before", p.Revision)
	}
}
