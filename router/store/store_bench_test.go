package store_test

// Commits from one and from 64 clients, each waiting for its answer before the next, beside
// bbolt's own Batch and beside the least that is durable, a file that is appended to and
// synced. Run all of it in one go, the disk decides:
//
//	go test -run '^$' -bench Commit ./router/store

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/clasp-studio/clasp/router/store"
)

// clients runs n goroutines that call f until b.N calls are made, and reports how many
// there were per second and how long 99 of 100 took at most.
func clients(b *testing.B, n int, f func(client, i int) error) {
	var left atomic.Int64
	left.Store(int64(b.N))
	took := make([][]time.Duration, n)
	var wg sync.WaitGroup
	b.ResetTimer()
	began := time.Now()
	for c := range n {
		wg.Go(func() {
			for i := 0; left.Add(-1) >= 0; i++ {
				t := time.Now()
				if err := f(c, i); err != nil {
					b.Error(err)
					return
				}
				took[c] = append(took[c], time.Since(t))
			}
		})
	}
	wg.Wait()
	elapsed := time.Since(began)
	b.StopTimer()
	all := slices.Concat(took...)
	slices.Sort(all)
	b.ReportMetric(float64(len(all))/elapsed.Seconds(), "acks/s")
	b.ReportMetric(float64(all[len(all)*99/100].Microseconds())/1000, "p99-ms")
	b.ReportMetric(0, "ns/op")
}

func address(client, i int) string { return fmt.Sprintf("/stage/light/%03d/dimmer/%02d", client, i%16) }

func benchmarkCommit(b *testing.B, n int) {
	b.Run("store", func(b *testing.B) {
		e := open(b, store.Options{Path: filepath.Join(b.TempDir(), "state.db"), Interval: 5 * time.Second})
		clients(b, n, func(c, i int) error { return e.commit(record(address(c, i), uint64(i), "0.123456")) })
		closed(b, e)
	})
	b.Run("bbolt.Batch", func(b *testing.B) {
		e := opened(b, store.Options{Path: filepath.Join(b.TempDir(), "state.db")})
		db, err := bolt.Open(filepath.Join(b.TempDir(), "batch.db"), 0o600, &bolt.Options{FreelistType: bolt.FreelistMapType, InitialMmapSize: 1 << 30})
		if err != nil {
			b.Fatal(err)
		}
		defer db.Close()
		if err := db.Update(func(tx *bolt.Tx) error { _, err := tx.CreateBucket([]byte("params")); return err }); err != nil {
			b.Fatal(err)
		}
		clients(b, n, func(c, i int) error {
			r := record(address(c, i), uint64(i), "0.123456")
			data := e.s.Append(nil, &r)
			return db.Batch(func(tx *bolt.Tx) error { return tx.Bucket([]byte("params")).Put(r.Address, data) })
		})
	})
	b.Run("log", func(b *testing.B) {
		e := opened(b, store.Options{Path: filepath.Join(b.TempDir(), "state.db")})
		l := newSyncedLog(b)
		clients(b, n, func(c, i int) error {
			r := record(address(c, i), uint64(i), "0.123456")
			return l.append(e.s.Append(nil, &r))
		})
	})
}

func BenchmarkCommit1(b *testing.B)  { benchmarkCommit(b, 1) }
func BenchmarkCommit64(b *testing.B) { benchmarkCommit(b, 64) }

// syncedLog is a file that is appended to and synced, once for all who wait.
type syncedLog struct {
	f       *os.File
	mu      sync.Mutex
	waiting []byte
	group   *group
	busy    bool
}

type group struct {
	done chan struct{}
	err  error
}

func newSyncedLog(b *testing.B) *syncedLog {
	f, err := os.Create(filepath.Join(b.TempDir(), "log"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { f.Close() })
	return &syncedLog{f: f, group: &group{done: make(chan struct{})}}
}

func (l *syncedLog) append(data []byte) error {
	l.mu.Lock()
	l.waiting = binary.BigEndian.AppendUint32(l.waiting, uint32(len(data)))
	l.waiting = append(l.waiting, data...)
	mine := l.group
	if !l.busy {
		l.busy = true
		go l.flush()
	}
	l.mu.Unlock()
	<-mine.done
	return mine.err
}

func (l *syncedLog) flush() {
	for {
		l.mu.Lock()
		data, g := l.waiting, l.group
		if len(data) == 0 {
			l.busy = false
			l.mu.Unlock()
			return
		}
		l.waiting, l.group = nil, &group{done: make(chan struct{})}
		l.mu.Unlock()
		if _, g.err = l.f.Write(data); g.err == nil {
			g.err = l.f.Sync()
		}
		close(g.done)
	}
}

// BenchmarkCommitBesideCheckpoint is 64 clients while a checkpoint of a million params runs
// all the time, of which all or every hundredth have changed.
func BenchmarkCommitBesideCheckpoint(b *testing.B) {
	for _, bench := range []struct {
		name string
		step int
	}{{"all", 1}, {"every hundredth", 100}} {
		b.Run(bench.name, func(b *testing.B) {
			const interval = time.Millisecond
			s, err := store.Open(store.Options{Path: filepath.Join(b.TempDir(), "state.db"), Interval: interval})
			if err != nil {
				b.Fatal(err)
			}
			e := &crowd{engine: newEngine(s), n: 1_000_000, step: 1}
			s.Start(e)
			eventually(b, "the first round", func() bool { return e.rounds.Load() > 1 })
			e.mu.Lock()
			e.step = bench.step
			e.mu.Unlock()
			before := e.given.Load()
			clients(b, 64, func(c, i int) error { return e.commit(record(address(c, i), uint64(i), "0.123456")) })
			b.ReportMetric(float64(e.given.Load()-before)/b.Elapsed().Seconds(), "params/s")
			e.mu.Lock()
			e.n = 0
			e.mu.Unlock()
			closed(b, e.engine)
		})
	}
}

// crowd is an engine with many more params, which change between two rounds.
type crowd struct {
	*engine
	n, step, next int
	rounds, given atomic.Int64
}

func (c *crowd) Checkpoint() {
	c.engine.Checkpoint()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.next = 0
	c.rounds.Add(1)
}

func (c *crowd) Changed(dst []byte, size int) []byte {
	start := len(dst)
	dst = c.engine.Changed(dst, size)
	c.mu.Lock()
	defer c.mu.Unlock()
	for ; len(dst)-start < size && c.next < c.n; c.next += c.step {
		r := record(fmt.Sprintf("/many/%07d", c.next), uint64(c.rounds.Load()), "0.123456")
		dst = c.s.Append(dst, &r)
		c.given.Add(1)
	}
	return dst
}

// BenchmarkLoad reads a million params.
func BenchmarkLoad(b *testing.B) {
	path := filepath.Join(b.TempDir(), "state.db")
	e := open(b, store.Options{Path: path})
	const n = 1_000_000
	for i := range n {
		e.set(record(fmt.Sprintf("/many/%06d", i), 1, "0.123456"))
	}
	t := time.Now()
	closed(b, e)
	b.Logf("checkpoint and generation: %v", time.Since(t))
	info, err := os.Stat(path)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		t := time.Now()
		s, err := store.Open(store.Options{Path: path, Interval: time.Hour})
		if err != nil {
			b.Fatal(err)
		}
		opened := time.Since(t)
		got := 0
		if err := s.Load(func(store.Record, bool) { got++ }); err != nil || got != n {
			b.Fatal(got, err)
		}
		b.ReportMetric(opened.Seconds(), "open-s")
		b.ReportMetric((time.Since(t) - opened).Seconds(), "load-s")
		b.ReportMetric(float64(info.Size())/n, "file-B/param")
		b.StopTimer()
		if err := s.Close(b.Context()); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}
