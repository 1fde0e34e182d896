// Runs each of the other workloads on a small scale, against every peer that is there.
// What it measures is not looked at.

package versus

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/cmd/clasp-bench/internal/host"
	"github.com/clasp-studio/clasp/cmd/clasp-bench/versus/peer"
)

// No test waits for the reference to be built, which takes minutes.
func TestMain(m *testing.M) {
	if os.Getenv("CLASP_BENCH_RUST") == "" {
		if err := os.Setenv("CLASP_BENCH_RUST", "0"); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

// smallRig is for one run against a peer; the test is skipped where it is not installed.
func smallRig(t *testing.T, p *peer.Peer) *rig {
	t.Helper()
	if _, err := p.Find(t.Context()); err != nil {
		t.Skipf("%s: %v", t.Name(), err)
	}
	places, err := host.Placements()
	if err != nil {
		t.Fatal(err)
	}
	return &rig{peer: p, at: places[len(places)-1], duration: 100 * time.Millisecond, quick: true, dir: t.TempDir()}
}

func TestOthers(t *testing.T) {
	for _, p := range peer.All() {
		if p.Name == limit {
			continue
		}
		t.Run(p.Name, func(t *testing.T) {
			t.Parallel() // most of it is waiting
			r := smallRig(t, p)
			for _, w := range others {
				if !p.Has(w.needs) {
					continue
				}
				t.Run(w.name, func(t *testing.T) {
					r.dir = t.TempDir()
					res, err := w.run(t.Context(), r)
					if cannot := (unable{}); errors.As(err, &cannot) && p.Name != self {
						t.Logf("%s: %v", p.Name, cannot)
						return
					}
					if (errors.As(err, new(void)) || errors.As(err, new(disorder))) && p.Name == "clasp-rs" { // it reorders and drops for those who are behind
						t.Logf("%s: %v", p.Name, err)
						return
					}
					if err != nil {
						t.Fatal(err)
					}
					t.Logf("%v %q", res.values, res.notes)
					if !w.numbers[0].has(res) {
						t.Errorf("%s has no value: %v", w.numbers[0].title, res.values)
					}
					checkFate(t, p, w, res)
				})
			}
		})
	}
}

// has says whether a run gave this number, or could not on this system.
func (n number) has(res result) bool {
	_, there := res.values[n.key]
	return there || n.key == cpuNumber.key || strings.HasPrefix(n.key, "cpu_") // in steps of 10 ms
}

// checkFate says whether what was noted of a reader that stopped is what that peer does.
func checkFate(t *testing.T, p *peer.Peer, w workload, res result) {
	want := map[string]string{"clasp": "its connection was closed", "redis": "got all"}[p.Name]
	if w.name == slow.name && !strings.Contains(strings.Join(res.notes, "; "), want) {
		t.Errorf("%s with one who does not read: %q, want %q", p.Name, res.notes, want)
	}
}

// gathered starts clasp for a check of a check.
func gathered(t *testing.T) (*rig, *peer.Server) {
	t.Helper()
	r := smallRig(t, peer.All()[0])
	s, err := r.start(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return r, s
}

// An idle connection that gets what is another's, or that is gone, makes a run void.
func TestWakeNoticesWhatIsWrong(t *testing.T) {
	t.Parallel()
	r, s := gathered(t)
	var resting []*peer.Conn
	for _, i := range []int{1, 0} {
		c, err := r.peer.Dial(t.Context(), s.Addr())
		if err != nil {
			t.Fatal(err)
		}
		defer abandon(c)
		if err := c.Subscribe(idleAddress(i)); err != nil {
			t.Fatal(err)
		}
		resting = append(resting, c)
	}
	if err := r.wake(t.Context(), s, resting); !errors.Is(err, void{disordered: 2}) {
		t.Errorf("each gets what is the other's: %v", err)
	}
	abandon(resting[1])
	if err := r.wake(t.Context(), s, resting); err == nil || !strings.Contains(err.Error(), "connection 2") {
		t.Errorf("one is gone: %v", err)
	}
}

// A late joiner that is sent what it should not be makes a run void.
func TestLateNoticesWhatIsWrong(t *testing.T) {
	t.Parallel() // it waits
	r, s := gathered(t)
	if err := r.retain(t.Context(), s, 20); err != nil {
		t.Fatal(err)
	}
	if _, _, err := r.comeLate(t.Context(), s, 15); !errors.Is(err, void{disordered: 5}) {
		t.Errorf("20 values where 15 are due: %v", err)
	}
	if _, _, err := r.comeLate(t.Context(), s, 25); !errors.As(err, new(unable)) || !strings.Contains(err.Error(), "20 of 25") {
		t.Errorf("20 values where 25 are due: %v", err)
	}
	if _, bytes, err := r.comeLate(t.Context(), s, 20); err != nil || bytes < 20*peer.PayloadSize {
		t.Errorf("as many as are due: %d bytes, %v", bytes, err)
	}
}
