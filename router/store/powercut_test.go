package store_test

// What a power cut leaves. A commit is one write to the journal and a sync; bbolt writes the
// pages of a transaction, syncs, writes one of two meta pages, and syncs again
// (TestOrderOfWrites watches them do so). Until a sync has returned the disk may have written
// any of the sectors before it, in any order. So from the files before and after a commit or a
// transaction every state between can be made.

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/clasp-studio/clasp/router/store"
)

const (
	sector   = 512
	metaSize = 2 * 4096 // both meta pages
)

// moment is the files after a write, and what had been acknowledged before it ended.
type moment struct {
	files [len(suffixes)][]byte // without zeros at the end
	sizes [len(suffixes)]int
	acked map[string]uint64
}

// trimmed is b without pages of zeros at the end.
func trimmed(b []byte) []byte {
	var none [4096]byte
	for bytes.HasSuffix(b, none[:]) {
		b = b[:len(b)-len(none)]
	}
	return bytes.Clone(b)
}

// filmed works with a store and returns the files after each of its writes, which come one
// after the other here.
func filmed(t *testing.T, commits int) []moment {
	t.Helper()
	p := path(t)
	var e *engine
	var film []moment
	acked := map[string]uint64{} // under e.mu
	e = opened(t, store.Options{Path: p, Wrote: func(_ time.Duration, err error) {
		if err != nil {
			t.Errorf("a write failed: %v", err)
		}
		m := moment{acked: map[string]uint64{}}
		for i, b := range files(t, p) {
			m.files[i], m.sizes[i] = trimmed(b), len(b)
		}
		if e != nil { // not while it is opened
			e.mu.Lock()
			defer e.mu.Unlock()
			for a, r := range acked {
				m.acked[a] = r
			}
		}
		film = append(film, m)
	}})
	e.s.Start(e)
	revision := uint64(0)
	for i := range commits {
		var bundle []store.Record
		for range 1 + rand.IntN(4) {
			revision++
			bundle = append(bundle, record(fmt.Sprint("/a/", rand.IntN(40)), revision, string(make([]byte, rand.IntN(3000)))))
			if rand.IntN(8) == 0 {
				bundle[len(bundle)-1].Value = nil
			}
		}
		w := e.start(bundle...)
		for range rand.IntN(3) {
			revision++
			e.set(record(fmt.Sprint("/fire/", rand.IntN(200)), revision, string(make([]byte, rand.IntN(300)))))
		}
		if err := <-w.done; err != nil {
			t.Fatal(err)
		}
		e.mu.Lock()
		for _, r := range bundle {
			acked[string(r.Address)] = r.Revision
		}
		e.mu.Unlock()
		if i%7 == 6 {
			checkpointed(t, e)
		}
	}
	closed(t, e)
	return film
}

// wake makes files of a moment, opens them and returns what is in them.
func wake(t *testing.T, m moment) map[string]store.Record {
	t.Helper()
	p := path(t)
	for i, b := range m.files {
		if m.sizes[i] > 0 {
			writeSparse(t, p+suffixes[i], b, max(m.sizes[i], len(b)))
		}
	}
	e := opened(t, store.Options{Path: p})
	if r := e.s.Recovery(); r.Number != 0 || len(r.SetAside) != 0 {
		t.Fatalf("the file was not good: %s", r)
	}
	if err := e.s.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	base := e.s.Base()
	for a, r := range e.params { // as if there were no epochs
		r.Revision -= base
		e.params[a] = r
	}
	if rand.IntN(10) == 0 {
		boltCheck(t, p)
	}
	if err := os.RemoveAll(filepath.Dir(p)); err != nil {
		t.Fatal(err)
	}
	return e.params
}

// boltCheck is bbolt's own opinion of a file.
func boltCheck(t *testing.T, path string) {
	t.Helper()
	db, err := bolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.View(func(tx *bolt.Tx) error {
		for err := range tx.Check() {
			t.Error(err)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

func equal(a, b map[string]store.Record) bool {
	if len(a) != len(b) {
		return false
	}
	for address, r := range a {
		o, ok := b[address]
		if !ok || o.Revision != r.Revision || !bytes.Equal(o.Value, r.Value) || (o.Value == nil) != (r.Value == nil) {
			return false
		}
	}
	return true
}

// patch makes files in which some sectors differ: between two moments of one file.
type patch struct{ before, after []byte }

func newPatch(before, after []byte) patch {
	size := max(len(before), len(after))
	return patch{
		append(bytes.Clone(before), make([]byte, size-len(before))...),
		append(bytes.Clone(after), make([]byte, size-len(after))...),
	}
}

// differing lists the sectors that differ, those before limit and the others.
func (p patch) differing(limit int) (below, above []int) {
	for at := 0; at < len(p.after); at += sector {
		if end := min(at+sector, len(p.after)); bytes.Equal(p.before[at:end], p.after[at:end]) {
			continue
		}
		if at < limit {
			below = append(below, at)
		} else {
			above = append(above, at)
		}
	}
	return below, above
}

// with is what there was before, with some sectors written.
func (p patch) with(sectors []int) []byte {
	state := bytes.Clone(p.before)
	for _, at := range sectors {
		copy(state[at:min(at+sector, len(state))], p.after[at:])
	}
	return state
}

// partly makes every prefix of the sectors at which a page ends, the last of which is
// everything, and some of them in any order.
func (p patch) partly(sectors []int) (states [][]byte) {
	for i := range sectors {
		if i+1 == len(sectors) || sectors[i]/4096 != sectors[i+1]/4096 {
			states = append(states, p.with(sectors[:i+1]))
		}
	}
	for range 6 {
		shuffled := append([]int(nil), sectors...)
		rand.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		states = append(states, p.with(shuffled[:rand.IntN(len(shuffled)+1)]))
	}
	return states
}

// transaction makes what the disk may hold while a transaction turns before into after: the
// states before its meta page is written, and those while it is.
func transaction(before, after []byte) (early, late [][]byte) {
	p := newPatch(before, after)
	meta, data := p.differing(metaSize)
	written := p.with(data)
	for _, at := range meta {
		// A sector is written whole or not at all, so this is more than a disk would do.
		for _, n := range []int{16, 40, 72, 79, sector} {
			torn := bytes.Clone(written)
			copy(torn[at:at+n], p.after[at:])
			late = append(late, torn)
		}
	}
	return p.partly(data), late
}

func TestPowerCut(t *testing.T) {
	commits := 30
	if testing.Short() {
		commits = 8
	}
	film := filmed(t, commits)
	states, batches := 0, 0
	old := wake(t, film[0])
	for i := 1; i < len(film); i++ {
		before, after := film[i-1], film[i]
		for a, revision := range after.acked {
			if old[a].Revision < revision {
				t.Fatalf("%s was acknowledged at %d and is stored at %d", a, revision, old[a].Revision)
			}
		}
		now := wake(t, after)
		cut := func(file int, state []byte, may ...map[string]store.Record) {
			m := after
			m.files = before.files
			m.files[file] = state
			m.sizes[file] = max(len(state), after.sizes[file])
			states++
			got := wake(t, m)
			if !slices.ContainsFunc(may, func(want map[string]store.Record) bool { return equal(got, want) }) {
				t.Fatalf("write %d of %d, %s: neither before nor after", i, len(film), suffixes[file])
			}
		}
		if early, late := transaction(before.files[0], after.files[0]); len(late) > 0 {
			for _, state := range early {
				cut(0, state, old)
			}
			for _, state := range late {
				cut(0, state, old, now)
			}
		}
		for file := 1; file < len(suffixes); file++ {
			p := newPatch(before.files[file], after.files[file])
			_, sectors := p.differing(0)
			if len(sectors) == 0 {
				continue
			}
			batches++
			for _, state := range p.partly(sectors) {
				cut(file, state, old, now)
			}
		}
		old = now
	}
	if batches < commits {
		t.Errorf("%d commits, %d batches", commits, batches)
	}
	t.Logf("%d states of %d writes", states, len(film))
}
