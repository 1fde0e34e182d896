package store_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/router/store"
)

// engine is the least that can stand above a store: params in memory, revisions, and a
// list of what has changed.
type engine struct {
	s *store.Store

	mu         sync.Mutex
	params     map[string]store.Record
	changed    map[string]bool
	round      []string // left of the present round, in address order
	rounds     int
	everything int
	keep       bool               // order
	order      []*write           // as settled
	hold       func(first *write) // called when Settle begins
}

func newEngine(s *store.Store) *engine {
	return &engine{s: s, params: map[string]store.Record{}, changed: map[string]bool{}}
}

func clone(r store.Record) store.Record {
	r.Address, r.Value, r.Writer = bytes.Clone(r.Address), bytes.Clone(r.Value), bytes.Clone(r.Writer)
	return r
}

func (e *engine) load() error {
	return e.s.Load(func(r store.Record, journaled bool) {
		if old, ok := e.params[string(r.Address)]; ok && old.Revision > r.Revision {
			return
		}
		e.params[string(r.Address)] = clone(r)
		if journaled {
			e.changed[string(r.Address)] = true
		}
	})
}

// apply makes r the present state of its address, unless a newer one is there.
func (e *engine) apply(r store.Record) {
	if old, ok := e.params[string(r.Address)]; ok && old.Revision > r.Revision {
		return
	}
	e.params[string(r.Address)] = r
	e.changed[string(r.Address)] = true
}

func (e *engine) set(r store.Record) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.apply(r)
}

func (e *engine) get(address string) store.Record {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.params[address]
}

// write is a commit of one or more records.
type write struct {
	records []store.Record
	data    []byte
	done    chan error
}

func (w *write) Records() []byte { return w.data }

// start begins a commit; its outcome comes on done.
func (e *engine) start(records ...store.Record) *write {
	w := &write{records: records, done: make(chan error, 1)}
	for i := range records {
		w.data = e.s.Append(w.data, &records[i])
	}
	e.s.Commit(w)
	return w
}

func (e *engine) commit(records ...store.Record) error { return <-e.start(records...).done }

func (e *engine) Settle(commits []store.Commit, err error) {
	e.mu.Lock()
	hold := e.hold
	e.mu.Unlock()
	if hold != nil {
		hold(commits[0].(*write))
	}
	e.mu.Lock()
	for _, c := range commits {
		w := c.(*write)
		if e.keep {
			e.order = append(e.order, w)
		}
		for i := 0; err == nil && i < len(w.records); i++ {
			e.apply(w.records[i])
		}
	}
	e.mu.Unlock()
	for _, c := range commits {
		c.(*write).done <- err
	}
}

func (e *engine) Checkpoint() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.round) > 0 {
		panic("a round begins before the last one has ended")
	}
	e.rounds++
	for a := range e.changed {
		e.round = append(e.round, a)
	}
	slices.Sort(e.round)
}

func (e *engine) Changed(dst []byte, size int) []byte {
	e.mu.Lock()
	defer e.mu.Unlock()
	start := len(dst)
	for len(e.round) > 0 && len(dst)-start < size {
		r := e.params[e.round[0]]
		dst = e.s.Append(dst, &r)
		delete(e.changed, e.round[0])
		e.round = e.round[1:]
	}
	return dst
}

func (e *engine) Everything() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.everything++
	for a := range e.params {
		e.changed[a] = true
	}
}

func record(address string, revision uint64, value string) store.Record {
	return store.Record{
		Address: []byte(address), Value: []byte("\x08" + value), Revision: revision,
		Writer: []byte("0123456789abcdef"), Written: 1_700_000_000_000_000,
	}
}

// open opens a store and starts an engine on it. The test need not close it.
func open(t testing.TB, o store.Options) *engine {
	t.Helper()
	e := opened(t, o)
	e.s.Start(e)
	return e
}

// opened is open without Start.
func opened(t testing.TB, o store.Options) *engine {
	t.Helper()
	if o.Interval == 0 {
		o.Interval = time.Hour
	}
	s, err := store.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	e := newEngine(s)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = s.Close(ctx)
	})
	if err := e.load(); err != nil {
		t.Fatal(err)
	}
	return e
}

func closed(t testing.TB, e *engine) {
	t.Helper()
	if err := e.s.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// copied is the database as SIGKILL would leave it now, under another name.
func copied(t testing.TB, path string) string {
	t.Helper()
	return written(t, files(t, path))
}

// The files of a database: itself, and its journal.
var suffixes = [3]string{"", ".journal0", ".journal1"}

// files reads them. The journal first: what leaves it is in the database before.
func files(t testing.TB, path string) (all [len(suffixes)][]byte) {
	t.Helper()
	for i := len(suffixes) - 1; i >= 0; i-- {
		b, err := os.ReadFile(path + suffixes[i])
		if err != nil && (i == 0 || !os.IsNotExist(err)) {
			t.Fatal(err)
		}
		all[i] = b
	}
	return all
}

// written puts files of a database into a place of their own.
func written(t testing.TB, all [len(suffixes)][]byte) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "copy.db")
	for i, b := range all {
		if b != nil {
			writeSparse(t, name+suffixes[i], b, len(b))
		}
	}
	return name
}

// writeSparse makes a file of so many bytes, b and then zeros. Pages of zeros take no room, as
// they do where bbolt has made its file longer.
func writeSparse(t testing.TB, name string, b []byte, size int) {
	t.Helper()
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(int64(size)); err != nil {
		t.Fatal(err)
	}
	var none [4096]byte
	for at := 0; at < len(b); at += len(none) {
		page := b[at:min(at+len(none), len(b))]
		if bytes.Equal(page, none[:len(page)]) {
			continue
		}
		if _, err := f.WriteAt(page, int64(at)); err != nil {
			t.Fatal(err)
		}
	}
}

// checkpointed returns when all that has changed is written.
func checkpointed(t testing.TB, e *engine) {
	t.Helper()
	// The next round begins when one has ended.
	for range 2 {
		n := e.begun()
		e.s.Soon()
		eventually(t, "a checkpoint", func() bool {
			e.mu.Lock()
			defer e.mu.Unlock()
			return e.rounds > n && len(e.round) == 0 && len(e.changed) == 0
		})
	}
}

// begun is how many checkpoints have begun.
func (e *engine) begun() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.rounds
}

// reopened opens a copy of the database, as after SIGKILL.
func reopened(t testing.TB, e *engine) *engine {
	t.Helper()
	return opened(t, store.Options{Path: copied(t, e.s.Path())})
}

// eventually waits until ok.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within 20 s", what)
		}
	}
}

// lines counts log lines by level.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *lines) count(level slog.Level) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Count(l.b.Bytes(), fmt.Appendf(nil, "level=%s ", level))
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *lines) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }
