// Clients for the tests of chaos: they write and read all the while, come back by themselves after whatever is done to their
// router, and hold it to what it promises of params (architecture section 1: 1, 2, 4 and 7).

package main_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	api "github.com/clasp-studio/clasp/router/client"
	"github.com/clasp-studio/clasp/router/wire"
)

var chaosRounds = flag.Int("chaos.rounds", 1, "how often the tests of chaos do the same again")

// Each writer has two params of its own, and all share two more. What is written are numbers, of which none comes twice.
const (
	crowdCommits  = "/crowd/commit/"  // at commit, rising
	crowdConfirms = "/crowd/confirm/" // at confirm, rising
	crowdShared   = "/crowd/shared/"  // at commit
	crowdGrown    = "/crowd/grown/"   // at commit, once each
)

// crowd is some writers and some readers of one router.
type crowd struct {
	padding string               // what a value at commit has besides its number
	grows   atomic.Bool          // commits go to addresses that have never been
	pace    time.Duration        // the least there is between two writes of one writer
	refuses func(err error) bool // what a write at commit may be answered besides; nil = nothing

	numbers atomic.Int64
	// Writes that were acknowledged or refused, and connections that were made again.
	commits, confirms, refused, returns atomic.Int64

	readers []*crowdReader
	writing sync.WaitGroup
	rests   chan struct{} // closed when there has been enough

	mu       sync.Mutex
	told     map[crowdRevision]int64 // the number a revision has, as far as anybody was told
	params   map[string]crowdParam
	problems []string
}

type crowdRevision struct {
	address  string
	revision uint64
}

// crowdParam is the most that anybody was told of an address.
type crowdParam struct {
	highest uint64 // revision
	acked   int64  // number
}

// crowdReader subscribes to everything.
type crowdReader struct {
	heard atomic.Int64

	mu   sync.Mutex
	seen map[string]crowdSight
}

type crowdSight struct {
	revision uint64
	number   int64
}

// gather lets writers and readers loose on a router, which they reach by these URLs in turn.
func (c *crowd) gather(t *testing.T, writers, readers int, urls ...string) {
	t.Helper()
	c.rests = make(chan struct{})
	c.told, c.params = make(map[crowdRevision]int64), make(map[string]crowdParam)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	dial := func(name string, n int) *api.Client {
		client, err := api.Dial(ctx, urls[n%len(urls)], api.Options{
			Name: fmt.Sprint(name, " ", n), Reconnect: true, BackoffMin: 10 * time.Millisecond, BackoffMax: 200 * time.Millisecond,
			OnState: c.state, OnError: func(err error) { c.problem("a client is told: %v", err) },
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(client.Close)
		return client
	}
	for n := range readers {
		r := &crowdReader{seen: make(map[string]crowdSight)}
		if _, err := dial("reader", n).Subscribe(ctx, "/crowd/**", api.SubscribeOptions{}, func(m *api.Message) { c.hears(r, m) }); err != nil {
			t.Fatal(err)
		}
		c.readers = append(c.readers, r)
	}
	for n := range writers {
		client := dial("writer", n)
		c.writing.Go(func() { c.write(client, n) })
	}
	t.Cleanup(c.rest)
}

// rest ends the writing. It may be called again.
func (c *crowd) rest() {
	if !c.resting() {
		close(c.rests)
	}
	c.writing.Wait()
}

func (c *crowd) resting() bool {
	select {
	case <-c.rests:
		return true
	default:
		return false
	}
}

func (c *crowd) state(s api.State, err error) {
	switch s {
	case api.Connected:
		c.returns.Add(1)
	case api.Closed:
		c.problem("a client gives up: %v", err)
	}
}

// problem notes what must not be. The first few will do.
func (c *crowd) problem(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.problems) < 20 {
		c.problems = append(c.problems, fmt.Sprintf(format, args...))
	}
}

// write writes until the crowd rests, and then to each address once more, so that the last of each writer was acknowledged.
func (c *crowd) write(client *api.Client, n int) {
	commit, confirm := fmt.Sprint(crowdCommits, n), fmt.Sprint(crowdConfirms, n)
	for turn := 0; !c.resting(); turn++ {
		c.set(client, commit, wire.Commit)
		time.Sleep(c.pace)
		c.set(client, confirm, wire.Confirm)
		time.Sleep(c.pace)
		shared := fmt.Sprint(crowdShared, turn%2)
		if c.grows.Load() {
			shared = fmt.Sprint(crowdGrown, n, "/", turn)
		}
		c.set(client, shared, wire.Commit)
		time.Sleep(c.pace)
	}
	deadline := time.Now().Add(patience)
	for _, address := range []string{commit, crowdShared + "0", crowdShared + "1", confirm} {
		for !c.set(client, address, wire.Commit) && time.Now().Before(deadline) {
		}
	}
}

// set writes the next number, and reports whether it was acknowledged.
func (c *crowd) set(client *api.Client, address string, qos wire.QoS) bool {
	number := c.numbers.Add(1)
	var value any = number
	if qos == wire.Commit {
		value = []any{number, c.padding}
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	ack, err := client.Set(ctx, address, value, api.QoS(qos))
	switch {
	case err == nil:
		c.acknowledged(address, qos, ack.Revision, number)
		return true
	case errors.Is(err, api.ErrNotConnected):
		time.Sleep(time.Millisecond) // the client dials meanwhile
	case errors.Is(err, api.ErrDisconnected), errors.Is(err, api.ErrClosed): // it may have been applied
	case qos == wire.Commit && c.refuses != nil && c.refuses(err):
		c.refused.Add(1)
	default:
		c.problem("SET %s: %v", address, err)
	}
	return false
}

func (c *crowd) acknowledged(address string, qos wire.QoS, revision uint64, number int64) {
	c.tell("the ACK", address, revision, number)
	c.mu.Lock()
	p := c.params[address]
	p.acked = max(p.acked, number)
	c.params[address] = p
	c.mu.Unlock()
	if qos == wire.Commit {
		c.commits.Add(1)
	} else {
		c.confirms.Add(1)
	}
}

// tell holds a revision that somebody was told of against what others were told of it: no revision is used twice.
func (c *crowd) tell(who, address string, revision uint64, number int64) {
	c.mu.Lock()
	other, known := c.told[crowdRevision{address, revision}]
	c.told[crowdRevision{address, revision}] = number
	p := c.params[address]
	p.highest = max(p.highest, revision)
	c.params[address] = p
	c.mu.Unlock()
	if known && other != number {
		c.problem("%s says that revision %d of %s is %d, and it has been %d", who, revision, address, number, other)
	}
}

// hears takes what a reader gets.
func (c *crowd) hears(r *crowdReader, m *api.Message) {
	now := crowdSight{m.Revision, crowdNumber(m.Value)}
	c.tell("a delivery", m.Address, now.revision, now.number)
	r.mu.Lock()
	last := r.seen[m.Address]
	r.seen[m.Address] = now
	r.mu.Unlock()
	// A connection that was made again begins with what is there, which may be the last one that was heard.
	if now.revision < last.revision || now.revision == last.revision && !m.Snapshot {
		c.problem("a reader of %s hears of revision %d after %d", m.Address, now.revision, last.revision)
	}
	// What was told of a commit is on disk, and no crash takes it back.
	if strings.HasPrefix(m.Address, crowdCommits) && now.number < last.number {
		c.problem("a reader of %s hears of %d after %d", m.Address, now.number, last.number)
	}
	r.heard.Add(1)
}

// crowdNumber is what was written, 0 if nobody wrote such a value.
func crowdNumber(v wire.Value) int64 {
	x := v.Any()
	if list, ok := x.([]any); ok && len(list) == 2 {
		x = list[0]
	}
	number, _ := x.(int64)
	return number
}

// well fails the test if anything has been that must not be.
func (c *crowd) well(t *testing.T) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, problem := range c.problems {
		t.Error(problem)
	}
	if len(c.problems) > 0 {
		t.FailNow()
	}
}

// busy waits until so many more writes of either kind were acknowledged, of commits only if the disk takes them, and every
// reader has heard of that many.
func (c *crowd) busy(t *testing.T, n int64, disk bool) {
	t.Helper()
	commits, confirms := c.commits.Load()+n, c.confirms.Load()+n
	heard := make([]int64, len(c.readers))
	for i, r := range c.readers {
		heard[i] = r.heard.Load() + n
	}
	within(t, "the clients are busy", func() bool {
		c.well(t)
		for i, r := range c.readers {
			if r.heard.Load() < heard[i] {
				return false
			}
		}
		return c.confirms.Load() >= confirms && (!disk || c.commits.Load() >= commits)
	})
}

// noted is what clients were told up to now.
func (c *crowd) noted() map[string]crowdParam {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.params)
}

// kept holds a router that was started on the state of one that was killed against what had been noted before: commits that
// were acknowledged are there, and no revision is one that was used.
func (c *crowd) kept(t *testing.T, s *service, before map[string]crowdParam) {
	t.Helper()
	client := s.dialed(t)
	defer client.Close()
	for address, noted := range before {
		p, err := got(t, client, address)
		switch {
		case strings.HasPrefix(address, crowdConfirms) && api.IsCode(err, wire.CodeNotFound):
			continue // it was never on disk
		case err != nil:
			t.Fatalf("%s after the kill: %v", address, err)
		}
		if err := noted.keptAs(address, crowdSight{p.Revision, crowdNumber(p.Value)}); err != nil {
			t.Error(err)
		}
	}
}

// keptAs says what is wrong with what a router has after one before it was killed.
func (noted crowdParam) keptAs(address string, now crowdSight) error {
	if now.revision <= noted.highest {
		return fmt.Errorf("%s has revision %d after the kill, and clients had been told of %d", address, now.revision, noted.highest)
	}
	if (strings.HasPrefix(address, crowdCommits) || strings.HasPrefix(address, crowdGrown)) && now.number < noted.acked {
		return fmt.Errorf("%s is %d after the kill, and %d had been acknowledged at commit", address, now.number, noted.acked)
	}
	return nil
}

// agree ends the writing: every reader ends on what the router has, and that is the last that was acknowledged.
func (c *crowd) agree(t *testing.T, s *service) {
	t.Helper()
	c.rest()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	params, err := s.dialed(t).Snapshot(ctx, "/crowd/**")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range params {
		now := crowdSight{p.Revision, crowdNumber(p.Value)}
		for _, r := range c.readers {
			within(t, fmt.Sprintf("a reader ends on %+v of %s", now, p.Address), func() bool {
				r.mu.Lock()
				defer r.mu.Unlock()
				return r.seen[p.Address] == now
			})
		}
	}
	last := c.noted()
	if len(params) != len(last) {
		t.Errorf("the router has %d params, clients were told of %d", len(params), len(last))
	}
	for _, p := range params {
		now, noted := crowdSight{p.Revision, crowdNumber(p.Value)}, last[p.Address]
		own := strings.HasPrefix(p.Address, crowdCommits) || strings.HasPrefix(p.Address, crowdConfirms)
		if now.revision != noted.highest || own && now.number != noted.acked {
			t.Errorf("%s ends as %+v, clients were told of %+v", p.Address, now, noted)
		}
	}
	c.well(t)
}

// TestCrowdNotices: the clients see it when a router breaks what it promises.
func TestCrowdNotices(t *testing.T) {
	commit := crowdCommits + "0"
	value := func(n int64) wire.Value {
		text, err := wire.AppendAny(nil, []any{n, ""})
		must(t, err)
		v, _, err := wire.ReadValue(text)
		must(t, err)
		return v
	}
	for name, test := range map[string]struct {
		heard []api.Message
		fine  bool
	}{
		"rising":                {fine: true, heard: []api.Message{{Revision: 1, Value: value(1)}, {Revision: 3, Value: value(2)}}},
		"again at a return":     {fine: true, heard: []api.Message{{Revision: 1, Value: value(1)}, {Revision: 1, Value: value(1), Snapshot: true}}},
		"twice":                 {heard: []api.Message{{Revision: 1, Value: value(1)}, {Revision: 1, Value: value(1)}}},
		"back":                  {heard: []api.Message{{Revision: 2, Value: value(1)}, {Revision: 1, Value: value(2)}}},
		"a revision used twice": {heard: []api.Message{{Revision: 1, Value: value(1)}, {Revision: 1, Value: value(2), Snapshot: true}}},
		"a commit taken back":   {heard: []api.Message{{Revision: 1, Value: value(2)}, {Revision: 2, Value: value(1)}}},
	} {
		c := &crowd{told: make(map[crowdRevision]int64), params: make(map[string]crowdParam)}
		r := &crowdReader{seen: make(map[string]crowdSight)}
		for _, m := range test.heard {
			m.Address = commit
			c.hears(r, &m)
		}
		if fine := len(c.problems) == 0; fine != test.fine {
			t.Errorf("%s: %q", name, c.problems)
		}
	}
	noted := crowdParam{highest: 5, acked: 7}
	for now, fine := range map[crowdSight]bool{{6, 7}: true, {6, 8}: true, {6, 6}: false, {5, 7}: false} {
		if err := noted.keptAs(commit, now); (err == nil) != fine {
			t.Errorf("%+v after %+v: %v", now, noted, err)
		}
	}
	if err := noted.keptAs(crowdConfirms+"0", crowdSight{6, 6}); err != nil {
		t.Error(err) // at confirm what was last may be lost
	}
}
