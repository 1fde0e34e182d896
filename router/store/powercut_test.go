package store_test

// What a power cut leaves. bbolt writes the pages of a transaction, syncs, writes one of two
// meta pages, and syncs again (TestOrderOfWrites watches it do so). Until a sync has returned
// the disk may have written any of the sectors before it, in any order. So from the file
// before a transaction and the file after it every state between can be made.

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/clasp-studio/clasp/router/store"
)

const (
	sector   = 512
	metaSize = 2 * 4096 // both meta pages
)

// moment is the file after a transaction, and what had been acknowledged before it ended.
type moment struct {
	file  []byte // without zeros at the end
	size  int
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

// filmed works with a store and returns the file after each of its transactions.
func filmed(t *testing.T, commits int) []moment {
	t.Helper()
	p := path(t)
	var e *engine
	var film []moment
	acked := map[string]uint64{} // under e.mu
	e = opened(t, store.Options{Path: p, Wrote: func(_ time.Duration, err error) {
		if err != nil {
			t.Errorf("a transaction failed: %v", err)
		}
		b, err := os.ReadFile(p)
		if err != nil {
			t.Error(err)
		}
		m := moment{file: trimmed(b), size: len(b), acked: map[string]uint64{}}
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

// wake makes a file of b, opens it and returns what is in it.
func wake(t *testing.T, b []byte, size int) map[string]store.Record {
	t.Helper()
	p := path(t)
	writeSparse(t, p, b, max(size, len(b)))
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

// between makes what the disk may hold while a transaction turns before into after: the
// states before its meta page is written, and those while it is.
func between(before, after []byte) (early, late [][]byte) {
	before = append(bytes.Clone(before), make([]byte, max(0, len(after)-len(before)))...)
	after = append(bytes.Clone(after), make([]byte, len(before)-len(after))...)
	var data, meta []int // sectors that differ
	for at := 0; at < len(after); at += sector {
		if end := min(at+sector, len(after)); !bytes.Equal(before[at:end], after[at:end]) {
			if at < metaSize {
				meta = append(meta, at)
			} else {
				data = append(data, at)
			}
		}
	}
	with := func(state []byte, sectors []int) []byte {
		state = bytes.Clone(state)
		for _, at := range sectors {
			copy(state[at:min(at+sector, len(state))], after[at:])
		}
		return state
	}
	// Every prefix at which a page ends, the last of which is everything.
	for i := range data {
		if i+1 == len(data) || data[i]/4096 != data[i+1]/4096 {
			early = append(early, with(before, data[:i+1]))
		}
	}
	for range 6 { // any order
		shuffled := append([]int(nil), data...)
		rand.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		early = append(early, with(before, shuffled[:rand.IntN(len(shuffled)+1)]))
	}
	written := with(before, data)
	for _, at := range meta {
		// A sector is written whole or not at all, so this is more than a disk would do.
		for _, n := range []int{16, 40, 72, 79, sector} {
			torn := bytes.Clone(written)
			copy(torn[at:at+n], after[at:])
			late = append(late, torn)
		}
	}
	return early, late
}

func TestPowerCut(t *testing.T) {
	commits := 30
	if testing.Short() {
		commits = 8
	}
	film := filmed(t, commits)
	states := 0
	old := wake(t, film[0].file, film[0].size)
	for i := 1; i < len(film); i++ {
		before, after := film[i-1], film[i]
		for a, revision := range after.acked {
			if old[a].Revision < revision {
				t.Fatalf("%s was acknowledged at %d and is stored at %d", a, revision, old[a].Revision)
			}
		}
		now := wake(t, after.file, after.size)
		early, late := between(before.file, after.file)
		for n, state := range early {
			if got := wake(t, state, after.size); !equal(got, old) {
				t.Fatalf("transaction %d of %d, state %d: what was there before has changed", i, len(film), n)
			}
		}
		for n, state := range late {
			if got := wake(t, state, after.size); !equal(got, old) && !equal(got, now) {
				t.Fatalf("transaction %d of %d, meta page torn (%d): neither before nor after", i, len(film), n)
			}
		}
		states += len(early) + len(late)
		old = now
	}
	t.Logf("%d states of %d transactions", states, len(film))
}
