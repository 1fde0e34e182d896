package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/router/store"
)

func path(t testing.TB) string { return filepath.Join(t.TempDir(), "state.db") }

// epoch is how much a stop that was not in order adds to every revision.
const epoch = 1 << 20

func same(t *testing.T, got, want store.Record) {
	t.Helper()
	if !bytes.Equal(got.Value, want.Value) || (got.Value == nil) != (want.Value == nil) || got.Revision != want.Revision ||
		!bytes.Equal(got.Writer, want.Writer) || got.Written != want.Written || got.TTL != want.TTL ||
		got.Expires != want.Expires || got.Strategy != want.Strategy || got.Timeline != want.Timeline {
		t.Fatalf("%s: got %+v, want %+v", want.Address, got, want)
	}
}

func TestWhatIsSettledSurvivesWithoutClose(t *testing.T) {
	e := open(t, store.Options{Path: path(t)})
	want := record("/a", 7, "one")
	want.TTL, want.Expires, want.Strategy, want.Timeline = 30, 1_700_000_030_000_000, 2, true
	if err := e.commit(want); err != nil {
		t.Fatal(err)
	}
	after := reopened(t, e)
	want.Revision += epoch
	same(t, after.get("/a"), want)
	if !after.changed["/a"] {
		t.Error("a record of the journal is not told to be one")
	}
	if got := after.s.Base(); got != epoch {
		t.Errorf("base %d after the first unclean stop, want %d", got, epoch)
	}
}

func TestSettleInOrder(t *testing.T) {
	e := open(t, store.Options{Path: path(t)})
	e.keep = true
	var all []*write
	for i := range 3000 {
		all = append(all, e.start(record(fmt.Sprint("/a/", i%10), uint64(i), fmt.Sprint(i))))
	}
	for _, w := range all {
		if err := <-w.done; err != nil {
			t.Fatal(err)
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for i, w := range e.order {
		if w != all[i] {
			t.Fatalf("commit %d was settled out of order", i)
		}
	}
	if len(e.order) != len(all) {
		t.Fatalf("%d settled of %d", len(e.order), len(all))
	}
}

func TestCleanStopKeepsEpoch(t *testing.T) {
	p := path(t)
	e := open(t, store.Options{Path: p})
	e.set(record("/fire", 3, "x"))
	if err := e.commit(record("/commit", 4, "y")); err != nil {
		t.Fatal(err)
	}
	closed(t, e)
	for range 3 {
		e = opened(t, store.Options{Path: p})
		same(t, e.get("/fire"), record("/fire", 3, "x"))
		same(t, e.get("/commit"), record("/commit", 4, "y"))
		if len(e.changed) != 0 || e.s.Base() != 0 {
			t.Fatalf("after a clean stop: %d journaled, base %d", len(e.changed), e.s.Base())
		}
		closed(t, e)
	}
}

func TestUncleanStopsRaiseRevisions(t *testing.T) {
	e := open(t, store.Options{Path: path(t)})
	e.set(record("/a", 5, "x"))
	checkpointed(t, e)
	for n := uint64(1); n <= 3; n++ {
		e = reopened(t, e)
		same(t, e.get("/a"), record("/a", 5+n*epoch, "x"))
		if e.s.Base() != n*epoch {
			t.Fatalf("base %d after %d unclean stops", e.s.Base(), n)
		}
	}
	// A record that is written now counts as it says, not as the file's first epoch.
	e.s.Start(e)
	if err := e.commit(record("/b", 3*epoch+1, "y")); err != nil {
		t.Fatal(err)
	}
	closed(t, e)
	e = opened(t, store.Options{Path: e.s.Path()})
	same(t, e.get("/a"), record("/a", 5+3*epoch, "x"))
	same(t, e.get("/b"), record("/b", 3*epoch+1, "y"))
}

func TestHigherRevisionStays(t *testing.T) {
	p := path(t)
	e := open(t, store.Options{Path: p})
	for _, r := range []store.Record{record("/a", 9, "nine"), record("/a", 5, "five"), record("/b", 5, "first"), record("/b", 5, "second")} {
		e.mu.Lock()
		e.params[string(r.Address)], e.changed[string(r.Address)] = r, true
		e.mu.Unlock()
		checkpointed(t, e)
	}
	closed(t, e)
	e = opened(t, store.Options{Path: p})
	same(t, e.get("/a"), record("/a", 9, "nine"))
	same(t, e.get("/b"), record("/b", 5, "second"))
}

func gone(address string, revision uint64) store.Record {
	r := record(address, revision, "")
	r.Value = nil
	return r
}

func TestExpiredIsNotRestored(t *testing.T) {
	p := path(t)
	e := open(t, store.Options{Path: p})
	e.set(record("/a", 1, "x"))
	e.set(record("/b", 1, "x"))
	checkpointed(t, e)
	e.set(gone("/a", 2))
	if err := e.commit(gone("/b", 2)); err != nil {
		t.Fatal(err)
	}
	same(t, reopened(t, e).get("/b"), gone("/b", 2+epoch))
	closed(t, e)
	e = opened(t, store.Options{Path: p})
	same(t, e.get("/a"), gone("/a", 2))
	same(t, e.get("/b"), gone("/b", 2))
	if report := check(t, copied(t, p)); report.Params != 0 || report.Gone != 2 {
		t.Fatalf("%+v", report)
	}
}

func check(t testing.TB, path string) store.Report {
	t.Helper()
	report, err := store.Check(path)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// journaled is how many records are in the journal, -1 when the copy was made in the midst
// of a transaction.
func journaled(t testing.TB, e *engine) int {
	t.Helper()
	report, err := store.Check(copied(t, e.s.Path()))
	if err != nil {
		return -1
	}
	return report.Journaled
}

// Revisions of expired addresses do not pile up, and an address that the file has forgotten
// does not begin below where it had been.
func TestGoneIsBounded(t *testing.T) {
	p := path(t)
	e := open(t, store.Options{Path: p})
	const first = 5_000_000
	n := 0
	for range 4 {
		for range store.MaxGone - 1000 {
			e.set(gone(fmt.Sprintf("/ghost/%06d", n), uint64(first-n)))
			n++
		}
		checkpointed(t, e)
		if got := check(t, copied(t, p)).Gone; got > 2*store.MaxGone || got < min(n, store.MaxGone) {
			t.Fatalf("%d kept of %d", got, n)
		}
	}
	closed(t, e)
	e = opened(t, store.Options{Path: p})
	if e.get("/ghost/000000").Revision != 0 || e.s.Base() != first {
		t.Fatalf("revision %d, base %d", e.get("/ghost/000000").Revision, e.s.Base())
	}
	same(t, e.get(fmt.Sprintf("/ghost/%06d", n-1)), gone("", uint64(first-n+1)))
	after := reopened(t, e)
	if after.s.Base() != first+epoch {
		t.Fatalf("base %d after an unclean stop", after.s.Base())
	}
}

// A commit that is stored but not settled yet is not among what has changed, so a checkpoint
// must leave it in the journal.
func TestCheckpointKeepsWhatIsNotSettled(t *testing.T) {
	e := open(t, store.Options{Path: path(t)})
	for i := range 20 {
		if err := e.commit(record(fmt.Sprint("/settled/", i), 1, "x")); err != nil {
			t.Fatal(err)
		}
	}
	entered, leave := make(chan struct{}), make(chan struct{})
	e.mu.Lock()
	e.hold = func(w *write) {
		if string(w.records[0].Address) == "/held" {
			close(entered)
			<-leave
		}
	}
	e.mu.Unlock()
	held := e.start(record("/held", 1, "x"))
	<-entered
	behind := e.start(record("/behind", 1, "y"))
	checkpointed(t, e)
	eventually(t, "only what is not settled is left in the journal", func() bool { return journaled(t, e) == 2 })
	after := reopened(t, e)
	for _, a := range []string{"/held", "/behind"} {
		if after.get(a).Revision != 1+epoch || !after.changed[a] {
			t.Errorf("%s is lost: %+v", a, after.get(a))
		}
	}
	if len(after.params) != 22 || len(after.changed) != 2 {
		t.Errorf("%d params, %d journaled", len(after.params), len(after.changed))
	}
	close(leave)
	if err := errors.Join(<-held.done, <-behind.done); err != nil {
		t.Fatal(err)
	}
	checkpointed(t, e)
	eventually(t, "the journal is empty", func() bool { return journaled(t, e) == 0 })
	if report := check(t, copied(t, e.s.Path())); report.Params != 22 {
		t.Errorf("%+v", report)
	}
}

// A journal that has grown is not left for Interval.
func TestLargeJournalBeginsCheckpoint(t *testing.T) {
	e := open(t, store.Options{Path: path(t)})
	value := string(make([]byte, 60_000))
	for i := range 300 {
		if err := e.commit(record("/big", uint64(i+1), value)); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the journal is short again", func() bool { n := journaled(t, e); return n >= 0 && n < 150 })
}

func TestIntervalAndCopies(t *testing.T) {
	p := path(t)
	e := open(t, store.Options{Path: p, Interval: 5 * time.Millisecond, Copies: 5 * time.Millisecond})
	e.set(record("/a", 1, "x"))
	eventually(t, "a checkpoint", func() bool {
		report, err := store.Check(copied(t, p))
		return err == nil && report.Params == 1
	})
	generations := func() int {
		names, err := filepath.Glob(p + ".gen-*")
		if err != nil {
			t.Fatal(err)
		}
		return len(names)
	}
	eventually(t, "a generation", func() bool { return generations() == 1 })
	n := e.begun()
	eventually(t, "more checkpoints", func() bool { return e.begun() > n+20 })
	if n := generations(); n != 1 {
		t.Errorf("%d generations of what has not changed", n)
	}
	closed(t, e)
	if n := generations(); n != 1 {
		t.Errorf("%d generations of what has not changed", n)
	}
}

func TestGenerationOnClose(t *testing.T) {
	p := path(t)
	e := open(t, store.Options{Path: p})
	e.set(record("/a", 1, "x"))
	closed(t, e)
	if err := os.Truncate(p, 5000); err != nil {
		t.Fatal(err)
	}
	var log lines
	e = opened(t, store.Options{Path: p, Logger: log.logger()})
	if r := e.s.Recovery(); r.Number != 1 || len(r.SetAside) != 1 {
		t.Fatalf("%+v", r)
	}
	if log.count(slog.LevelWarn) != 1 {
		t.Errorf("not told once: %s", &log)
	}
	got := e.get("/a")
	if got.Revision < 4096*epoch || string(got.Value) != "\x08x" || e.s.Base() != got.Revision-1 {
		t.Errorf("%+v, base %d", got, e.s.Base())
	}
}

func TestCloseStoresWhatWaits(t *testing.T) {
	p := path(t)
	e := open(t, store.Options{Path: p})
	var all []*write
	for i := range 2000 {
		all = append(all, e.start(record(fmt.Sprintf("/a/%04d", i), 1, "x")))
	}
	closed(t, e)
	for _, w := range all {
		select {
		case err := <-w.done:
			if err != nil {
				t.Fatal(err)
			}
		default:
			t.Fatal("a commit was not settled before Close returned")
		}
	}
	if err := e.commit(record("/late", 1, "x")); !errors.Is(err, store.ErrClosed) {
		t.Fatalf("commit after Close: %v", err)
	}
	closed(t, e) // once more is no harm
	e = opened(t, store.Options{Path: p})
	if len(e.params) != len(all) || len(e.changed) != 0 {
		t.Fatalf("%d params, %d journaled", len(e.params), len(e.changed))
	}
}

func TestCommitsBesideClose(t *testing.T) {
	p := path(t)
	e := open(t, store.Options{Path: p})
	results := make(chan string, 64)
	for c := range 16 {
		go func() {
			last := ""
			for i := 0; ; i++ {
				a := fmt.Sprintf("/a/%02d/%06d", c, i)
				if err := e.commit(record(a, 1, "x")); err != nil {
					if !errors.Is(err, store.ErrClosed) {
						last = err.Error()
					}
					results <- last
					return
				}
				last = a
			}
		}()
	}
	eventually(t, "some commits", func() bool { e.mu.Lock(); defer e.mu.Unlock(); return len(e.params) > 50 })
	closed(t, e)
	e = opened(t, store.Options{Path: p})
	for range 16 {
		if last := <-results; last != "" && e.get(last).Revision != 1 {
			t.Errorf("%s is not there", last)
		}
	}
}

func TestCloseEndsWithContext(t *testing.T) {
	p := path(t)
	e := open(t, store.Options{Path: p})
	e.set(record("/a", 1, "x"))
	entered, leave := make(chan struct{}), make(chan struct{})
	e.mu.Lock()
	e.hold = func(*write) { close(entered); <-leave }
	e.mu.Unlock()
	w := e.start(record("/b", 1, "x"))
	<-entered
	ctx, cancel := context.WithCancel(context.Background())
	closing := make(chan error)
	go func() { closing <- e.s.Close(ctx) }()
	cancel()
	if err := <-closing; !errors.Is(err, context.Canceled) {
		t.Fatalf("Close: %v", err)
	}
	close(leave)
	if err := <-w.done; err != nil {
		t.Fatal(err)
	}
	eventually(t, "the lock is given back", func() bool {
		s, err := store.Open(store.Options{Path: p})
		if err != nil {
			return false
		}
		e = newEngine(s)
		return true
	})
	defer e.s.Close(context.Background())
	if err := e.load(); err != nil {
		t.Fatal(err)
	}
	same(t, e.get("/b"), record("/b", 1+epoch, "x"))
}

func TestBacklogMakesCommitWait(t *testing.T) {
	e := open(t, store.Options{Path: path(t)})
	leave := make(chan struct{})
	e.mu.Lock()
	e.hold = func(*write) { <-leave }
	e.mu.Unlock()
	value := string(make([]byte, 1<<20))
	taken := make(chan int, 64)
	go func() {
		for i := range 40 {
			e.start(record("/big", uint64(i+1), value))
			taken <- i
		}
	}()
	for range 15 {
		<-taken
	}
	if n := len(taken); n > 0 { // with their heads, sixteen are more than 16 MiB
		t.Errorf("%d more were taken", n)
	}
	close(leave)
	for i := 15; i < 40; i++ {
		<-taken
	}
	closed(t, e)
	if got := e.get("/big").Revision; got != 40 {
		t.Errorf("revision %d", got)
	}
}

// After a sync that has failed, everything is written once more.
func TestEverythingAfterFailedSync(t *testing.T) {
	p := path(t)
	e := opened(t, store.Options{Path: p, Interval: time.Millisecond})
	e.params["/a"] = record("/a", 1, "x") // as if it had been written
	e.s.Suspect()
	e.s.Start(e)
	checkpointed(t, e)
	closed(t, e)
	if e.everything != 1 {
		t.Errorf("Everything was called %d times", e.everything)
	}
	same(t, opened(t, store.Options{Path: p}).get("/a"), record("/a", 1, "x"))
}

func TestInUse(t *testing.T) {
	p := path(t)
	if os.Getenv("CLASP_TEST_OPEN") != "" {
		p = os.Getenv("CLASP_TEST_OPEN")
		_, err := store.Open(store.Options{Path: p})
		_, _ = fmt.Fprintf(os.Stdout, "%T\n", err) // the parent looks at it
		return
	}
	open(t, store.Options{Path: p})
	var in *store.InUseError
	if _, err := store.Open(store.Options{Path: p}); !errors.As(err, &in) || in.Path != p || in.PID != os.Getpid() {
		t.Errorf("in the same process: %v", err)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestInUse$")
	cmd.Env = append(os.Environ(), "CLASP_TEST_OPEN="+p)
	out, err := cmd.Output()
	if err != nil || !bytes.HasPrefix(out, []byte("*store.InUseError\n")) {
		t.Errorf("in another process: %s %v", out, err)
	}
}

// A file that loses its pages while it is mapped fails transactions, not the process.
func TestTruncatedUnderneath(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skipf("%s: Windows does not let a mapped file be truncated", t.Name())
	}
	p := path(t)
	var log lines
	e := open(t, store.Options{Path: p, Logger: log.logger()})
	for i := range 1000 {
		e.set(record(fmt.Sprintf("/a/%04d", i), 1, "x"))
	}
	checkpointed(t, e)
	if err := os.Truncate(p, 0); err != nil {
		t.Fatal(err)
	}
	e.set(record("/a/0000", 2, "x"))
	e.s.Soon()
	eventually(t, "the checkpoint fails", func() bool { return e.s.Health().Failures > 0 })
	if err := e.commit(record("/b", 1, "x")); err != nil {
		t.Error(err) // the journal is another file
	}
	if h := e.s.Health(); h.Err == nil {
		t.Errorf("%+v", h)
	}
	if err := e.s.Close(context.Background()); err == nil {
		t.Error("Close says that all is well")
	}
	if log.count(slog.LevelError) != 1 {
		t.Errorf("not told once: %s", &log)
	}
	e = opened(t, store.Options{Path: p})
	if r := e.s.Recovery(); r.Number != -1 || !strings.Contains(r.String(), "but for the last commits, which its journal still had") {
		t.Errorf("%+v %s", r, r)
	}
	if got := e.get("/b"); string(got.Value) != "\x08x" || got.Revision <= epoch {
		t.Errorf("the commit is lost with the database: %+v", got)
	}
}

// A router that never got as far as Start leaves the journal as it was.
func TestCloseWithoutStartKeepsJournal(t *testing.T) {
	e := open(t, store.Options{Path: path(t)})
	if err := e.commit(record("/a", 1, "x")); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		e = reopened(t, e)
		if !e.changed["/a"] {
			t.Fatal("the commit is lost")
		}
		closed(t, e)
	}
}

func TestCloseWithoutStart(t *testing.T) {
	p := path(t)
	e := opened(t, store.Options{Path: p})
	closed(t, e)
	if report := check(t, p); !report.Clean || report.Epoch != 0 {
		t.Errorf("%+v", report)
	}
}

// Whatever happens, what was committed is there.
func TestRandomStops(t *testing.T) {
	p := path(t)
	rounds := 12
	if testing.Short() {
		rounds = 4
	}
	want := map[string]store.Record{}
	for n := range rounds {
		e := open(t, store.Options{Path: p, Interval: 3 * time.Millisecond})
		for a, r := range want {
			got := e.get(a)
			if got.Revision < r.Revision || got.Revision%epoch != r.Revision%epoch || !bytes.Equal(got.Value, r.Value) {
				t.Fatalf("round %d, %s: %+v, want %+v", n, a, got, r)
			}
		}
		for i := range 200 {
			a := fmt.Sprint("/a/", rand.IntN(30))
			r := record(a, max(e.get(a).Revision, e.s.Base())+1, fmt.Sprint(n, "/", i))
			if err := e.commit(r); err != nil {
				t.Fatal(err)
			}
			want[a] = r
		}
		if n%3 == 2 {
			closed(t, e)
		} else {
			p = copied(t, p)
		}
	}
}
