package store_test

// A disk that is full, and then is not: on a tmpfs of a few MiB, which only root can mount, and
// with a limit on the size of files, which anybody can set.

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/router/store"
)

// failing commits until it fails, and says what was stored until then.
func failing(t *testing.T, e *engine, size int) (stored uint64) {
	t.Helper()
	value := string(make([]byte, size))
	for n := uint64(1); n < 10_000; n++ {
		if err := e.commit(record("/fill", n, value)); err != nil {
			t.Logf("after %d commits: %v", n-1, err)
			return n - 1
		}
	}
	t.Fatal("the disk does not get full")
	return 0
}

// fullDisk is what must hold when a disk gets full and free again.
func fullDisk(t *testing.T, p string, full, free func()) {
	var log lines
	var mu sync.Mutex
	var good, bad int
	e := open(t, store.Options{Path: p, Logger: log.logger(), Wrote: func(_ time.Duration, err error) {
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			bad++
		} else {
			good++
		}
	}})
	e.set(record("/before", 1, "x"))
	checkpointed(t, e)
	full()
	stored := failing(t, e, 60_000)
	for i := range 10 {
		if err := e.commit(record(fmt.Sprint("/refused/", i), 1, string(make([]byte, 60_000)))); err == nil {
			t.Fatal("a commit was stored on a full disk")
		}
	}
	e.set(record("/during", 1, string(make([]byte, 60_000))))
	e.s.Soon()
	h := e.s.Health()
	if h.Err == nil || h.Since.IsZero() || h.Failures < 11 {
		t.Errorf("health on a full disk: %+v", h)
	}
	killed := files(t, p)
	if n := log.count(slog.LevelError); n != 1 {
		t.Errorf("%d errors logged: %s", n, &log)
	}

	free()
	eventually(t, "it works again", func() bool { return e.s.Health().Err == nil })
	after := opened(t, store.Options{Path: written(t, killed)})
	if got := after.get("/fill").Revision; got != stored+epoch {
		t.Errorf("revision %d, want %d stored ones", got, stored)
	}
	for a := range after.params {
		if a != "/fill" && a != "/before" && a != "/during" { // there may be room for that one
			t.Errorf("%s is there", a)
		}
	}
	if err := e.commit(record("/after", 1, "x")); err != nil {
		t.Fatal(err)
	}
	checkpointed(t, e)
	if h := e.s.Health(); h.Err != nil || !h.Since.IsZero() || h.LastSuccess.IsZero() {
		t.Errorf("health when it is over: %+v", h)
	}
	closed(t, e)
	if e, i := log.count(slog.LevelError), log.count(slog.LevelInfo); e != 1 || i != 1 {
		t.Errorf("%d errors and %d infos logged: %s", e, i, &log)
	}
	if mu.Lock(); good < 5 || bad < 11 {
		t.Errorf("Wrote was told of %d and %d", good, bad)
	}
	mu.Unlock()
	e = opened(t, store.Options{Path: p})
	same(t, e.get("/after"), record("/after", 1, "x"))
	same(t, e.get("/before"), record("/before", 1, "x"))
	same(t, e.get("/during"), record("/during", 1, string(make([]byte, 60_000))))
	if got := e.get("/fill").Revision; got != stored || len(e.params) != 4 {
		t.Errorf("revision %d, want %d; %d params", got, stored, len(e.params))
	}
}

// tmpfs mounts one of so many bytes.
func tmpfs(t *testing.T, size int) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skipf("%s needs root: only root can mount a tmpfs", t.Name())
	}
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d", size)); err != nil {
		t.Skipf("%s needs a tmpfs, which cannot be mounted here: %v", t.Name(), err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// fill takes all room but so many bytes, and returns how to give it back.
func fill(t *testing.T, dir string, but int64) (free func()) {
	t.Helper()
	name := filepath.Join(dir, "filler")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, size := range []int{1 << 20, 4096} {
		for b := make([]byte, size); ; {
			if _, err := f.Write(b); err != nil {
				break
			}
		}
	}
	info, err := f.Stat()
	if err == nil {
		err = f.Truncate(info.Size() - but)
	}
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := os.Remove(name); err != nil {
			t.Error(err)
		}
	}
}

func TestFullTmpfs(t *testing.T) {
	dir := tmpfs(t, 64<<20)
	var free func()
	fullDisk(t, filepath.Join(dir, "state.db"), func() { free = fill(t, dir, 1<<20) }, func() { free() })
}

// Clients that go on committing do not take the room that somebody makes from the checkpoint,
// without which their commits never end.
func TestRoomIsTheDatabases(t *testing.T) {
	dir := tmpfs(t, 64<<20)
	e := open(t, store.Options{Path: filepath.Join(dir, "state.db"), Interval: 100 * time.Millisecond})
	e.set(record("/before", 1, "x"))
	checkpointed(t, e)
	spare := filepath.Join(dir, "spare")
	if err := os.WriteFile(spare, make([]byte, 8<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	fill(t, dir, 3<<20)
	e.set(record("/large", 1, string(make([]byte, 6<<20))))
	e.s.Soon()
	eventually(t, "the checkpoint fails", func() bool { return e.s.Health().Err != nil })
	var clients sync.WaitGroup
	var over atomic.Bool
	t.Cleanup(clients.Wait)
	t.Cleanup(func() { over.Store(true) })
	for c := range 4 {
		address, value := fmt.Sprint("/client/", c), string(make([]byte, 60_000))
		clients.Go(func() {
			for n := uint64(1); !over.Load(); {
				if e.commit(record(address, n, value)) == nil {
					n++
				}
			}
		})
	}
	if err := os.Remove(spare); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it works again", func() bool { return e.s.Health().Err == nil })
}

// limitFiles sets how large files may be until the test ends, and returns how to lift that.
func limitFiles(t *testing.T, size uint64) (lift func()) {
	t.Helper()
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &old); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: size, Max: old.Max}); err != nil {
		t.Fatal(err)
	}
	lift = func() {
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &old); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(lift)
	return lift
}

func TestFileSizeLimit(t *testing.T) {
	p := path(t)
	var lift func()
	fullDisk(t, p, func() {
		lift = limitFiles(t, 2<<20)
	}, func() { lift() })
}

// A slice that is too large for the disk does not keep smaller commits from it, and the store
// does not call itself well because of them.
func TestCommitsBesideFailingCheckpoint(t *testing.T) {
	var log lines
	e := open(t, store.Options{Path: path(t), Logger: log.logger()})
	lift := limitFiles(t, 12<<20)
	e.set(record("/big", 1, string(make([]byte, 12<<20))))
	e.s.Soon()
	eventually(t, "the checkpoint fails", func() bool { return e.s.Health().Failures > 0 })
	for i := range 20 {
		if err := e.commit(record("/small", uint64(i+1), "x")); err != nil {
			t.Fatal(err)
		}
		if e.s.Health().Err == nil {
			t.Fatal("the store calls itself well")
		}
	}
	// Now with commits in the very transactions that fail.
	var wg sync.WaitGroup
	failures := e.s.Health().Failures
	for c := range 8 {
		wg.Go(func() {
			for n := uint64(1); e.s.Health().Failures < failures+2; n++ {
				time.Sleep(time.Millisecond) // so that the journal stays small
				if err := e.commit(record(fmt.Sprint("/client/", c), n, "x")); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	lift()
	eventually(t, "it works again", func() bool { return e.s.Health().Err == nil })
	closed(t, e)
	if e, i := log.count(slog.LevelError), log.count(slog.LevelInfo); e != 1 || i != 1 {
		t.Errorf("%d errors and %d infos logged: %s", e, i, &log)
	}
	e = opened(t, store.Options{Path: e.s.Path()})
	same(t, e.get("/small"), record("/small", 20, "x"))
	if len(e.get("/big").Value) != 12<<20+1 {
		t.Errorf("/big: %d bytes", len(e.get("/big").Value))
	}
}

// A router that starts on a full disk routes, and stores as soon as it can.
func TestOpenOnFullDisk(t *testing.T) {
	for _, fresh := range []bool{true, false} {
		t.Run(map[bool]string{true: "fresh", false: "known"}[fresh], func(t *testing.T) {
			dir := tmpfs(t, 64<<20)
			p := filepath.Join(dir, "state.db")
			if !fresh {
				e := open(t, store.Options{Path: p})
				e.set(record("/before", 1, "x"))
				checkpointed(t, e)
				b, err := os.ReadFile(p)
				if err != nil {
					t.Fatal(err)
				}
				p = filepath.Join(dir, "copy.db")
				writeSparse(t, p, b, len(b))
			}
			free := fill(t, dir, 0)
			var log lines
			e := open(t, store.Options{Path: p, Logger: log.logger(), Interval: time.Millisecond})
			if err := e.commit(record("/a", 1, string(make([]byte, 60_000)))); err == nil {
				t.Error("a commit was stored on a full disk")
			}
			if h := e.s.Health(); h.Err == nil || log.count(slog.LevelError) != 1 {
				t.Errorf("%+v %s", h, &log)
			}
			base := e.s.Base()
			e.set(record("/b", base+1, "x"))
			free()
			eventually(t, "it works again", func() bool { return e.s.Health().Err == nil })
			if err := e.commit(record("/c", base+1, "x")); err != nil {
				t.Fatal(err)
			}
			if err := e.s.Close(context.Background()); err != nil {
				t.Fatal(err)
			}
			e = opened(t, store.Options{Path: p})
			same(t, e.get("/b"), record("/b", base+1, "x"))
			same(t, e.get("/c"), record("/c", base+1, "x"))
			if e.s.Base() != base {
				t.Errorf("base %d, want %d", e.s.Base(), base)
			}
			if !fresh {
				same(t, e.get("/before"), record("/before", 1+epoch, "x"))
			}
		})
	}
}
