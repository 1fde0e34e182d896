// A whole comparison on a small scale, of clasp with the bare relay: real servers, real
// sockets. What it measures is not looked at.

package versus

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/cmd/clasp-bench/internal/host"
	"github.com/clasp-studio/clasp/cmd/clasp-bench/versus/peer"
)

func TestQuick(t *testing.T) {
	if testing.Short() {
		t.Skipf("%s starts real servers", t.Name())
	}
	defer keepCores(t)()
	// Those that are left out differ from others in a number alone.
	ours := []workload{fanOuts[3], fanIn, pairs, openLoops[1], openLoops[3], burst}
	o := Options{Duration: 1, Repeat: 1, Quick: true, JSON: true, Against: []string{limit}, Out: t.TempDir()}
	for _, w := range ours {
		o.Only = append(o.Only, w.name)
	}
	var stdout, progress bytes.Buffer
	if err := Run(t.Context(), o, &stdout, &progress); err != nil {
		t.Fatalf("%v\n%s", err, &progress)
	}
	var rep report
	if err := json.Unmarshal(stdout.Bytes(), &rep); err != nil {
		t.Fatalf("%v in\n%s", err, &stdout)
	}
	places, err := host.Placements()
	if err != nil {
		t.Fatal(err)
	}
	if len(rep.Tables) != len(ours)*len(places) {
		t.Errorf("%d tables, want one a workload and placement: %d", len(rep.Tables), len(ours)*len(places))
	}
	for _, table := range rep.Tables {
		at := slices.IndexFunc(ours, func(w workload) bool { return w.name == table.Workload })
		for _, name := range []string{self, limit} {
			row := table.row(name)
			if row == nil || len(row.Runs) != 1 || row.Cannot != "" {
				t.Errorf("%s, cores %s: %s has %+v; want one run", table.Workload, table.Cores, name, row)
				continue
			}
			for _, n := range ours[at].numbers {
				// CPU time has steps of 10 ms, and a small run may take less.
				measured := n != cpuNumber && n != serverBusyNumber && n != loadBusyNumber
				if value := row.Values[n.key]; measured && value.Median <= 0 {
					t.Errorf("%s, cores %s: %s has the %s %g", table.Workload, table.Cores, name, n.title, value.Median)
				}
			}
		}
		if err := xml.Unmarshal(readFile(t, o.Out, table.Workload+".svg"), new(struct{})); err != nil {
			t.Errorf("%s.svg: %v", table.Workload, err)
		}
	}
	if got := len(rep.Probes); got != len(places) {
		t.Errorf("%d probes, want saturation once a placement: %d", got, len(places))
	}
	// Every delivery is in the samples: 20 subscribers, and the rate at which they were sent.
	for line := range bytes.Lines(readFile(t, o.Out, "raw", "burst.jsonl")) {
		var one struct {
			Latencies map[string]struct {
				Buckets [][2]uint64 `json:"up_to_us_count"`
			} `json:"latencies_us"`
		}
		if err := json.Unmarshal(line, &one); err != nil {
			t.Fatal(err)
		}
		deliveries := uint64(0)
		for _, bucket := range one.Latencies["all deliveries"].Buckets {
			deliveries += bucket[1]
		}
		if want := uint64(3 * burstMessages * 20); deliveries != want {
			t.Errorf("a run of burst has the samples of %d deliveries, want %d", deliveries, want)
		}
	}
	if !strings.Contains(string(readFile(t, o.Out, "README.md")), "Quick: ") {
		t.Error("README.md does not say that a quick run measures nothing")
	}
}

// keepCores returns what gives the tests back the cores that a run takes from them.
func keepCores(t *testing.T) func() {
	t.Helper()
	cores, err := host.AllowedCores()
	if err != nil {
		t.Fatal(err)
	}
	threads := runtime.GOMAXPROCS(0)
	return func() {
		runtime.GOMAXPROCS(threads)
		if err := host.PinSelf(cores); err != nil {
			t.Error(err)
		}
	}
}

func readFile(t *testing.T, path ...string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// harnessOf is one with a workload that does as it is told, of peers that exist.
func harnessOf(run func(context.Context, *rig) (result, error)) (*harness, workload) {
	w := workload{name: "told", title: "Told", raw: true, numbers: []number{rateNumber}, run: run}
	h := &harness{workloads: []workload{w}, places: []host.Placement{{Name: "shared"}}, options: Options{Repeat: 2}, progress: io.Discard}
	return h, w
}

// What a run says of itself decides what becomes of it.
func TestRunsThatDoNotCount(t *testing.T) {
	for _, c := range []struct {
		name   string
		err    error
		void   int
		cannot string
		runs   int
	}{
		{"good", nil, 0, "", 2},
		{"void", void{lost: 3}, 2, "", 2},
		{"out of order, which is void for the relay and for clasp", disorder{7}, 2, "", 2},
		{"failed", errors.New("connection refused"), 2, "", 2},
		{"unable", unable{"does not keep up"}, 0, "does not keep up", 1}, // and is not asked again
		{"unable, and lost messages", errors.Join(unable{"slow"}, void{lost: 3}), 2, "", 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			defer keepCores(t)()
			cores, err := host.AllowedCores()
			if err != nil {
				t.Fatal(err)
			}
			h, _ := harnessOf(func(context.Context, *rig) (res result, err error) {
				res.set(rateNumber.key, 5)
				return res, c.err
			})
			h.places[0].Server, h.places[0].Load, h.dir = cores, cores, t.TempDir()
			h.peers = append(h.peers, rawPeer(t))
			rep := h.newReport()
			if err := h.compare(t.Context(), rep); err != nil {
				t.Fatal(err)
			}
			row := rep.Tables[0].Rows[0]
			if len(rep.failed) != c.void {
				t.Errorf("%q make the comparison fail, want %d", rep.failed, c.void)
			}
			if len(rep.Void) != c.void || row.Cannot != c.cannot || len(row.Runs) != c.runs {
				t.Errorf("void %q, cannot %q, %d runs; want %d, %q, %d", rep.Void, row.Cannot, len(row.Runs), c.void, c.cannot, c.runs)
			}
			if _, counts := row.number(rep.Tables[0].Columns[0]); counts != (c.err == nil) {
				t.Errorf("its number counts: %t", counts)
			}
		})
	}
}

// A peer that keeps no order has its numbers, and is named.
func TestDisorderOfAPeerCounts(t *testing.T) {
	defer keepCores(t)()
	cores, err := host.AllowedCores()
	if err != nil {
		t.Fatal(err)
	}
	h, _ := harnessOf(func(context.Context, *rig) (res result, err error) {
		res.set(rateNumber.key, 5)
		return res, disorder{7}
	})
	h.places[0].Server, h.places[0].Load, h.dir = cores, cores, t.TempDir()
	other := *rawPeer(t)
	other.Name = "other"
	h.peers = append(h.peers, &other)
	rep := h.newReport()
	if err := h.compare(t.Context(), rep); err != nil {
		t.Fatal(err)
	}
	row := rep.Tables[0].Rows[0]
	if got, counts := row.number(rep.Tables[0].Columns[0]); !counts || got.Median != 5 || len(rep.Void) > 0 || row.remark() != "does not keep the order of messages" {
		t.Errorf("%v, counts %t, void %q, remark %q", got, counts, rep.Void, row.remark())
	}
}

// What a peer loses is a result; that a run could not be made is none.
func TestLossOfAPeerIsNoFailure(t *testing.T) {
	other := *rawPeer(t)
	other.Name = "other"
	for _, c := range []struct {
		of   *peer.Peer
		err  error
		fail bool
	}{
		{&other, void{lost: 3}, false},
		{&other, fmt.Errorf("%w: %w", void{lost: 3}, errors.New("nothing has come")), false},
		{&other, errors.New("connection refused"), true},
		{rawPeer(t), void{lost: 3}, true},
		{peer.All()[0], void{repeated: 1}, true}, // clasp
	} {
		rep := example(map[string][][2]float64{self: {{3e6, 2}}})
		rep.noteVoid(c.of, "fan", c.err)
		if err := rep.publish(Options{JSON: true}, io.Discard); (err != nil) != c.fail || len(rep.Void) != 1 {
			t.Errorf("%s: %v: the comparison ends with %v, void %q", c.of.Name, c.err, err, rep.Void)
		}
	}
}

// What a peer has failed to do once it is not waited for again.
func TestGivenUp(t *testing.T) {
	r := &rig{peer: rawPeer(t), gaveUp: map[string]string{}}
	r.giveUp("match 1m", "too many")
	other := *rawPeer(t)
	other.Name = "other"
	if got, ofOther := r.hasGivenUp("match 1m"), (&rig{peer: &other, gaveUp: r.gaveUp}).hasGivenUp("match 1m"); got != "too many" || ofOther != "" {
		t.Errorf("%q, and another peer %q", got, ofOther)
	}
	for _, c := range []struct {
		took time.Duration
		made int
		soon bool
	}{{9 * time.Second, 1, true}, {11 * time.Second, 170_000, false}, {11 * time.Second, 200_000, true}, {59 * time.Second, 1_000_000, true}, {61 * time.Second, 1_000_000, false}} {
		if err := soonEnough(c.took, c.made, 1_000_000); (err == nil) != c.soon {
			t.Errorf("%d of a million after %v: %v", c.made, c.took, err)
		}
	}
}

func TestRoundsTakeTurns(t *testing.T) {
	defer keepCores(t)()
	cores, err := host.AllowedCores()
	if err != nil {
		t.Fatal(err)
	}
	var order []string
	h, _ := harnessOf(func(_ context.Context, r *rig) (result, error) {
		order = append(order, r.peer.Name)
		return result{}, nil
	})
	h.places[0].Server, h.places[0].Load, h.dir = cores, cores, t.TempDir()
	a, b := *rawPeer(t), *rawPeer(t)
	a.Name, b.Name = "a", "b"
	h.peers = append(h.peers, &a, &b)
	if err := h.compare(t.Context(), h.newReport()); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(order, " "); got != "a b b a" {
		t.Errorf("the runs were of %s, want a b b a", got)
	}
}

func TestPeersThatCannot(t *testing.T) {
	h, w := harnessOf(nil)
	raw := *rawPeer(t)
	raw.Name = "other"
	w.needs = peer.Wildcards // which the relay has not
	if got := h.cannot(w, &raw); !strings.HasPrefix(got, "has no ") {
		t.Errorf("%q", got)
	}
	w.raw = false
	if got := h.cannot(w, rawPeer(t)); got == "" {
		t.Error("the relay takes part in what it cannot do")
	}
}

func TestCancelled(t *testing.T) {
	h, _ := harnessOf(nil)
	h.peers = append(h.peers, rawPeer(t))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := h.compare(ctx, h.newReport()); !errors.Is(err, context.Canceled) {
		t.Errorf("%v; want that it was cancelled", err)
	}
}

func TestCommonRate(t *testing.T) {
	for _, c := range []struct {
		probed map[string]peak
		want   float64
	}{
		{map[string]peak{"a": {Rate: 136_000}, "b": {Rate: 2_592}}, 1200}, {map[string]peak{"a": {Rate: 999}}, 490}, {map[string]peak{"a": {Rate: 35}}, 17},
	} {
		if got, err := commonRate(&rig{probed: c.probed}); err != nil || got != c.want {
			t.Errorf("%v: %g, %v; want %g", c.probed, got, err, c.want)
		}
	}
	if _, err := commonRate(&rig{}); err == nil {
		t.Error("there is a rate that nobody was measured for")
	}
}
