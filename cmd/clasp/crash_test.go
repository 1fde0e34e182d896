//go:build unix

// Promises 4 and 7 with the real program: SIGKILL at a random moment under load, restart, and everything that was acknowledged is
// there. 30 rounds; more with -crash.rounds N.

package main_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	api "github.com/clasp-studio/clasp/router/client"
	"github.com/clasp-studio/clasp/router/wire"
	bolt "go.etcd.io/bbolt"
)

var crashRounds = flag.Int("crash.rounds", 30, "how often TestCrash kills the router")

// crashEpoch is how far a crash moves the revisions of all params.
const crashEpoch = 1 << 20

// fact is what the test knows of an address.
type fact struct {
	revision uint64 // the highest acknowledged at commit, 0 if none
	value    int64  // at that revision
	seen     uint64 // the highest revision ever told, at any QoS
}

// facts is what has been acknowledged so far.
type facts struct {
	sync.Mutex
	of map[string]fact
}

func (k *facts) note(addr string, revision uint64, value int64, durable bool) {
	k.Lock()
	defer k.Unlock()
	f := k.of[addr]
	if durable && revision > f.revision {
		f.revision, f.value = revision, value
	}
	f.seen = max(f.seen, revision)
	k.of[addr] = f
}

func TestCrash(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	known := &facts{of: map[string]fact{}}
	commits := 0
	for round := range *crashRounds {
		s := keep(t, path, "--persist-interval", "1", "--log-level", "warn")
		c := s.dialed(t)
		known.check(t, c, round)
		var all sync.WaitGroup
		acked := make(chan int, 8)
		ctx, cancel := context.WithCancel(context.Background())
		for i := range 4 {
			all.Go(func() { acked <- hammer(ctx, t, s, known, i, int64(round)<<32) })
		}
		all.Go(func() { acked <- bundles(ctx, t, s, known, int64(round)<<32) })
		all.Go(func() { passing(ctx, t, s, known, round) })
		time.Sleep(time.Duration(50+rand.IntN(250)) * time.Millisecond) // the moment is what is tried
		if err := s.cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		<-s.ended
		cancel()
		all.Wait()
		close(acked)
		for n := range acked {
			commits += n
		}
		checkDatabase(t, path)
		if t.Failed() {
			t.Fatalf("in round %d", round)
		}
	}
	s := keep(t, path)
	known.check(t, s.dialed(t), *crashRounds)
	t.Logf("%d commits acknowledged in %d rounds", commits, *crashRounds)
	if commits < 100**crashRounds {
		t.Errorf("%d commits acknowledged in %d rounds: too few to prove anything", commits, *crashRounds)
	}
}

// check holds what the router has against what was acknowledged before it was killed. All its params have moved on by an
// epoch: a revision in the file is that many less.
func (k *facts) check(t *testing.T, c *api.Client, round int) {
	t.Helper()
	for addr, f := range k.of {
		p, err := got(t, c, addr)
		if err != nil {
			if f.revision > 0 || !api.IsCode(err, wire.CodeNotFound) {
				t.Fatalf("round %d: %s: %v, was acknowledged as %+v", round, addr, err, f)
			}
			// Only ever at fire or confirm, and lost: it must not start over either.
			p.Revision = setTo(t, c, addr, 0)
		} else if stored := p.Revision - crashEpoch; stored < f.revision || stored == f.revision && p.Value.Any() != f.value {
			t.Fatalf("round %d: %s is at stored revision %d with %v, was acknowledged as %+v", round, addr, stored, p.Value.Any(), f)
		}
		if p.Revision <= f.seen {
			t.Fatalf("round %d: %s is at revision %d, and was at %d before", round, addr, p.Revision, f.seen)
		}
		if f.revision > 0 {
			f.revision, f.value = p.Revision, p.Value.Any().(int64)
		}
		f.seen = p.Revision
		k.of[addr] = f
	}
	for n := range bundleCount {
		var values [bundleSize]any
		for i := range values {
			if p, err := got(t, c, bundled(n, i)); err == nil {
				values[i] = p.Value.Any()
			}
		}
		for _, v := range values {
			if v != values[0] {
				t.Fatalf("round %d: half of bundle %d is there: %v", round, n, values)
			}
		}
	}
}

// inFlight is how many commits each client has on their way.
const inFlight = 32

// hammer commits to addresses of its own and to shared ones until the router is gone, and returns how many were acknowledged.
func hammer(ctx context.Context, t *testing.T, s *service, known *facts, id int, from int64) (acked int) {
	c, err := api.Dial(ctx, "ws://"+s.address(t), api.Options{})
	if err != nil {
		return 0 // killed already
	}
	defer c.Close()
	var mu sync.Mutex
	tickets := make(chan struct{}, inFlight)
	for n := from; ; n++ {
		addr := fmt.Sprintf("/own/%d/%d", id, rand.IntN(20))
		if rand.IntN(3) == 0 {
			addr = fmt.Sprintf("/shared/%d", rand.IntN(3))
		}
		value := n*8 + int64(id)
		tickets <- struct{}{}
		err := c.SetAsync(ctx, addr, value, func(ack api.Ack, err error) {
			if err == nil {
				known.note(addr, ack.Revision, value, true)
				mu.Lock()
				acked++
				mu.Unlock()
			}
			<-tickets
		}, api.QoS(wire.Commit))
		if err != nil {
			c.Close()
			mu.Lock()
			defer mu.Unlock()
			return acked
		}
	}
}

const bundleCount, bundleSize = 5, 4

func bundled(n, i int) string { return fmt.Sprintf("/bundle/%d/%d", n, i) }

// bundles commits bundles that give all their params one value.
func bundles(ctx context.Context, t *testing.T, s *service, known *facts, from int64) (acked int) {
	c, err := api.Dial(ctx, "ws://"+s.address(t), api.Options{})
	if err != nil {
		return 0
	}
	defer c.Close()
	for value := from; ; value++ {
		n := rand.IntN(bundleCount)
		var items []api.Item
		for i := range bundleSize {
			items = append(items, api.SetItem(bundled(n, i), value))
		}
		ack, err := c.Bundle(ctx, wire.Commit, time.Time{}, items...)
		if err != nil {
			return acked
		}
		known.note(bundled(n, bundleSize-1), ack.Revision, value, true) // the ACK tells the last one's
		acked++
	}
}

// passing writes at fire and confirm, also to addresses that are new in this round.
func passing(ctx context.Context, t *testing.T, s *service, known *facts, round int) {
	c, err := api.Dial(ctx, "ws://"+s.address(t), api.Options{})
	if err != nil {
		return
	}
	defer c.Close()
	for n := 0; ; n++ {
		for _, addr := range []string{"/passing/always", fmt.Sprintf("/passing/%d", round)} {
			ack, err := c.Set(ctx, addr, n)
			if err != nil {
				return
			}
			known.note(addr, ack.Revision, 0, false)
		}
		if c.SendPayload(ctx, wire.Fire, wire.AppendPublish(nil, wire.Publish{Signal: wire.Event, Address: []byte("/event")})) != nil {
			return
		}
	}
}

// checkDatabase has bbolt check a copy of a file that a killed router has left.
func checkDatabase(t *testing.T, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	copied := path + ".copy"
	if err := os.WriteFile(copied, b, 0o600); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.Remove(copied) }() // the next round writes over it
	db, err := bolt.Open(copied, 0o600, &bolt.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.View(func(tx *bolt.Tx) error {
		for err := range tx.Check() {
			t.Errorf("bbolt: %v", err)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
}

// TestCrashLosesLittle: what was written at confirm longer ago than the interval survives SIGKILL.
func TestCrashLosesLittle(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	s := keep(t, path, "--persist-interval", "1", "--metrics", "--metrics-port", "0")
	c := s.dialed(t)
	written := s.metric(t, "clasp_persist_duration_seconds_count")
	setTo(t, c, "/confirmed", 1)
	for deadline := time.Now().Add(patience); s.metric(t, "clasp_persist_duration_seconds_count") == written; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("nothing is written")
		}
	}
	if err := s.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-s.ended
	if p, err := got(t, keep(t, path).dialed(t), "/confirmed"); err != nil || p.Revision != 1+crashEpoch {
		t.Errorf("%+v, %v", p, err)
	}
}
