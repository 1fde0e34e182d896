package store_test

// The journal beside the database: what becomes of it when one of the two is damaged, lost or exchanged.

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/clasp-studio/clasp/router/store"
)

// killed is what a router leaves that is killed after commits to these addresses.
func killed(t *testing.T, addresses ...string) [len(suffixes)][]byte {
	t.Helper()
	e := open(t, store.Options{Path: path(t)})
	for i, a := range addresses {
		if err := e.commit(record(a, uint64(i+1), "x")); err != nil {
			t.Fatal(err)
		}
	}
	return files(t, e.s.Path())
}

// aside lists what was set aside beside a database.
func aside(t *testing.T, path string) []string {
	t.Helper()
	names, err := filepath.Glob(path + ".bad-*")
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func has(t *testing.T, e *engine, addresses ...string) {
	t.Helper()
	for _, a := range addresses {
		if e.get(a).Value == nil {
			t.Errorf("%s is lost", a)
		}
	}
}

// After a stop in order that follows a crash, the journal is gone and nothing of it is lost.
func TestJournalGoesWithAStopInOrder(t *testing.T) {
	p := written(t, killed(t, "/a", "/b"))
	closed(t, open(t, store.Options{Path: p}))
	for _, suffix := range suffixes[1:] {
		if _, err := os.Stat(p + suffix); !os.IsNotExist(err) {
			t.Errorf("%s: %v", suffix, err)
		}
	}
	has(t, opened(t, store.Options{Path: p}), "/a", "/b")
}

func TestJournalWithoutItsHead(t *testing.T) {
	all := killed(t, "/a", "/b")
	all[1][3] ^= 1
	p := written(t, all)
	if r := check(t, p); r.Journaled != 2 {
		t.Errorf("%+v", r)
	}
	e := open(t, store.Options{Path: p})
	has(t, e, "/a", "/b")
	if err := e.commit(record("/c", 1<<30, "x")); err != nil { // goes on in the same file, which has a head again
		t.Fatal(err)
	}
	all = files(t, p)
	all[0] = nil
	has(t, opened(t, store.Options{Path: written(t, all)}), "/a", "/b", "/c")
}

// What is missing in the midst of the journal is told, and the rest is there.
func TestJournalWithAHole(t *testing.T) {
	all := killed(t, "/a", "/b", "/c")
	at := bytes.Index(all[1], []byte("/b"))
	all[1][at] ^= 1
	p := written(t, all)
	if _, err := store.Check(p); err == nil {
		t.Error("a check finds nothing")
	}
	var log lines
	e := opened(t, store.Options{Path: p, Logger: log.logger()})
	has(t, e, "/a", "/c")
	if log.count(slog.LevelWarn) != 1 {
		t.Errorf("not told once: %s", &log)
	}
}

// A journal of another database, and what is no file, are set aside and not lost.
func TestForeignJournal(t *testing.T) {
	a, b := killed(t, "/a"), killed(t, "/b")
	other := written(t, [len(suffixes)][]byte{b[0], a[1]})
	directory := written(t, [len(suffixes)][]byte{b[0]})
	if err := os.Mkdir(directory+suffixes[1], 0o700); err != nil {
		t.Fatal(err)
	}
	text := written(t, [len(suffixes)][]byte{b[0], []byte("my shopping list")})
	for name, p := range map[string]string{"other": other, "directory": directory, "text": text} {
		t.Run(name, func(t *testing.T) {
			var log lines
			e := open(t, store.Options{Path: p, Logger: log.logger()})
			if len(e.params) != 0 || log.count(slog.LevelWarn) != 1 {
				t.Errorf("%d params; %s", len(e.params), &log)
			}
			if err := e.commit(record("/c", 1<<30, "x")); err != nil {
				t.Fatal(err)
			}
			closed(t, e)
			if len(aside(t, p)) != 1 {
				t.Fatalf("set aside: %q", aside(t, p))
			}
		})
	}
	// Given its name and its database back, it counts.
	if err := os.Rename(aside(t, other)[0], other+suffixes[1]); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(other, a[0], 0o600); err != nil {
		t.Fatal(err)
	}
	has(t, opened(t, store.Options{Path: other}), "/a")
	if _, err := store.NewImport(written(t, [len(suffixes)][]byte{nil, a[1]})); err == nil {
		t.Error("an import beside a journal that stayed")
	}
}

// A lost database gets what its journal has, whichever generation takes its place, and
// begins far above. It can be given back its place at any time.
func TestJournalOfALostDatabase(t *testing.T) {
	a, b := killed(t, "/a"), killed(t, "/b")
	for name, generation := range map[string][]byte{"none": nil, "its own": b[0], "another": a[0]} {
		t.Run(name, func(t *testing.T) {
			lost := b
			lost[0] = nil
			p := written(t, lost)
			if generation != nil {
				if err := os.WriteFile(p+".gen-20261123T093000.123Z", generation, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			var log lines
			e := open(t, store.Options{Path: p, Logger: log.logger()})
			has(t, e, "/b")
			if base := e.s.Base(); base < 4096*epoch || e.get("/b").Revision < base || e.s.Recovery().Number == 0 {
				t.Errorf("base %d, %+v, %+v", base, e.get("/b"), e.s.Recovery())
			}
			if log.count(slog.LevelWarn) != 1 {
				t.Errorf("not told once: %s", &log)
			}
			if err := e.commit(record("/new", 1<<40, "x")); err != nil {
				t.Fatal(err)
			}
			has(t, reopened(t, e), "/b", "/new") // killed before the first checkpoint
			all := files(t, p)
			all[0] = b[0]
			q := written(t, all)
			back := open(t, store.Options{Path: q})
			closed(t, back)
			if len(aside(t, q)) != 1 {
				t.Errorf("set aside: %q", aside(t, q))
			}
		})
	}
}

// A copy that was closed in order, put by hand beside the journal of a later run, has not
// been closed in order.
func TestOldCopyBesideJournal(t *testing.T) {
	p := path(t)
	e := open(t, store.Options{Path: p})
	if err := e.commit(record("/a", 1, "x")); err != nil {
		t.Fatal(err)
	}
	closed(t, e)
	copied := files(t, p)[0]
	for revision := uint64(2); revision < 1<<22; revision += 1 << 20 {
		e = open(t, store.Options{Path: p})
		if err := e.commit(record("/a", revision, "y")); err != nil {
			t.Fatal(err)
		}
		all := files(t, p)
		all[0] = copied
		after := opened(t, store.Options{Path: written(t, all)})
		if got := after.get("/a"); got.Revision < revision+epoch || string(got.Value) != "\x08y" {
			t.Fatalf("%d told, restored as %+v", revision, got)
		}
		p = written(t, files(t, p)) // killed: a new epoch
	}
}

// Before the file says the epoch nothing is committed, even where the journal has room.
func TestNoCommitBeforeTheEpoch(t *testing.T) {
	e := opened(t, store.Options{Path: path(t)})
	e.s.Unstamp()
	e.s.Start(e)
	if err := e.commit(record("/a", 1, "x")); err == nil {
		t.Fatal("a commit before the epoch is on the disk")
	}
	e.set(record("/b", 1, "x"))
	checkpointed(t, e)
	if err := e.commit(record("/a", 1, "x")); err != nil {
		t.Fatal(err)
	}
}
