//go:build unix

// Pulls the plug: routers that keep their state on disk are killed at random moments while clients write, and what the next
// one has is held against everything that was acknowledged.

package main_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/router/store"
	"github.com/clasp-studio/clasp/router/wire"
	"github.com/gorilla/websocket"
	bolt "go.etcd.io/bbolt"
)

var (
	crashRounds = flag.Int("crash.rounds", 30, "how often TestCrash kills a router")
	crashSeed   = flag.Uint64("crash.seed", 0, "what TestCrash chooses by; 0 = another one each time")
)

// epochShift says how many revisions an epoch is apart from the next: 2^20. A router that finds that the one before it was
// not stopped in order begins a new epoch. Revisions which that one gave, and which are not in the file, must not come again:
// so every revision in the file counts for 2^20 more than it says, and addresses that are not in the file begin there too.
const epochShift = 20

// TestCrash kills a router on one file again and again. See crash.compare for what must hold after each start.
func TestCrash(t *testing.T) {
	seed := *crashSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("-crash.rounds %d -crash.seed %d", *crashRounds, seed)
	c := &crash{
		path:   filepath.Join(t.TempDir(), "state.db"),
		random: rand.New(rand.NewPCG(seed, 0)),
		params: make(map[string]*crashParam),
	}
	for round := range *crashRounds {
		// Sometimes one never gets to serve anybody, or several in a row. Not the first: an empty file is set aside.
		for early := round > 0 && c.random.IntN(6) == 0; early; early = c.random.IntN(2) == 0 {
			c.killStarting(t)
		}
		ok := t.Run(fmt.Sprint(round), c.round)
		if !ok {
			t.Fatalf("in round %d of -crash.seed %d", round, seed)
		}
	}
	t.Logf("%d writes acknowledged, %d of them at commit; %d epochs; %d params that had only been written at confirm were lost",
		c.acks.Load(), c.commits.Load(), c.epoch, c.lost)
}

// TestCrashKeepsCheckpoint: what was written at confirm is on disk after an interval, and then a kill does not lose it, even
// while others go on writing.
func TestCrashKeepsCheckpoint(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	run := func() (*service, *websocket.Conn) {
		s := serve(t, nil, "--bind", "127.0.0.1", "--port", "0", "--persist", "--persist-path", path, "--persist-interval", "1")
		return s, greeted(t, s.address(t))
	}
	s, conn := run()
	revision := setConfirm(t, conn, "/kept", 1)
	copied := filepath.Join(t.TempDir(), "copy.db")
	stored := func() (found bool) {
		// A copy of a file that is being written may be torn: then the next one tells.
		copyFile(t, path, copied)
		_, err := store.Export(copied, func(r store.Record) error {
			if string(r.Address) == "/kept" {
				found = r.Revision >= revision
			}
			return nil
		})
		return found && err == nil
	}
	for deadline := time.Now().Add(patience); !stored(); {
		if time.Now().After(deadline) {
			t.Fatal("not on disk after many intervals")
		}
		for id := range int64(100) {
			setConfirm(t, conn, "/busy", id)
		}
	}
	s.signal(t, syscall.SIGKILL)
	<-s.ended
	_, conn = run()
	got := getAll(t, conn, map[string]*crashParam{"/kept": nil})
	if want := (crashState{revision + 1<<epochShift, 1}); got["/kept"] != want {
		t.Errorf("after the kill it is %+v, want %+v", got["/kept"], want)
	}
}

// crash is what the test knows of one file.
type crash struct {
	path   string
	random *rand.Rand
	ids    atomic.Int64 // of values: none is written twice
	killed atomic.Bool  // connections may end from now on

	// The epoch that was found last, and in which frame all revisions in params are.
	epoch uint64
	// How many epochs must, and how many more can have begun since: a router that was killed while it started may have
	// noted its start or not.
	must, may uint64

	mu     sync.Mutex // the clients write at the same time
	params map[string]*crashParam

	acks, commits atomic.Int64
	lost          int
}

// crashParam is what the test knows of one address.
type crashParam struct {
	commitOnly bool // it is written at commit only
	once       bool // it is not written in later rounds

	written map[int64]bool   // ids of the values somebody tried to write
	valueOf map[uint64]int64 // the ids that revisions had, as far as clients were told
	revOf   map[int64]uint64 // and the other way round
	durable uint64           // the highest revision that must be on disk; 0 = none
	highest uint64           // the highest revision anybody was told of
	most    uint64           // the highest revision it can have, if every write counted
}

// param returns what is known of an address; mu must be locked.
func (c *crash) param(address string) *crashParam {
	p := c.params[address]
	if p == nil {
		p = &crashParam{}
		p.restart(0, 0, c.epoch<<epochShift)
		c.params[address] = p
	}
	return p
}

// restart begins a new round with the state that was found: revision 0 is none.
func (p *crashParam) restart(revision uint64, id int64, base uint64) {
	p.written, p.valueOf, p.revOf = make(map[int64]bool), make(map[uint64]int64), make(map[int64]uint64)
	p.durable, p.most = revision, max(base, revision)
	if revision > 0 {
		p.written[id] = true
		_ = p.told(revision, id) // the first thing it is told contradicts nothing
	}
}

// told notes that a client has been told of a revision. It reports what cannot be.
func (p *crashParam) told(revision uint64, id int64) error {
	if other, ok := p.valueOf[revision]; ok && other != id {
		return fmt.Errorf("revision %d is that of value %d and of value %d", revision, other, id)
	}
	if other, ok := p.revOf[id]; ok && other != revision {
		return fmt.Errorf("value %d has revision %d and revision %d", id, other, revision)
	}
	if !p.written[id] {
		return fmt.Errorf("revision %d has the value %d, which nobody has written here", revision, id)
	}
	p.valueOf[revision], p.revOf[id] = id, revision
	p.highest = max(p.highest, revision)
	return nil
}

// start starts a router on the file.
func (c *crash) start(t *testing.T) *service {
	t.Helper()
	return serve(t, nil, "--bind", "127.0.0.1", "--port", "0", "--persist", "--persist-path", c.path, "--persist-interval", "1")
}

// killStarting kills a router that is about to open the file.
func (c *crash) killStarting(t *testing.T) {
	t.Helper()
	s := c.start(t)
	time.Sleep(time.Duration(c.random.Int64N(int64(60 * time.Millisecond)))) // any moment will do
	s.signal(t, syscall.SIGKILL)
	<-s.ended
	c.may++
	checkFile(t, c.path)
}

// round starts a router, compares what it has, lets clients write and ends it: nine times in ten by force.
func (c *crash) round(t *testing.T) {
	s := c.start(t)
	address := s.address(t)
	c.compare(t, address)

	c.killed.Store(false)
	stop := make(chan struct{})
	var clients []*crashClient
	plans := crashPlans
	if c.random.IntN(2) == 0 {
		plans = append(slices.Clip(plans), crashLarge)
	}
	for _, plan := range plans {
		clients = append(clients, c.connect(t, address, plan))
	}
	watcher := c.watch(t, address)
	var all sync.WaitGroup
	for _, client := range clients {
		all.Go(func() { client.write(stop) })
		all.Go(client.read)
	}
	all.Go(watcher.read)
	// Most moments are soon, when little has been written to any page twice; some come after a checkpoint or two.
	longest := 120 * time.Millisecond
	if c.random.IntN(10) == 0 {
		longest = 1500 * time.Millisecond
	}
	time.Sleep(time.Duration(c.random.Int64N(int64(longest))))
	orderly := c.random.IntN(10) == 0
	c.killed.Store(true)
	if orderly {
		s.signal(t, syscall.SIGTERM)
		if code := s.exit(t); code != 0 {
			t.Errorf("told to stop, it ends with exit code %d", code)
		}
		c.must, c.may = 0, 0
	} else {
		s.signal(t, syscall.SIGKILL)
		<-s.ended
		c.must, c.may = 1, 0
	}
	close(stop)
	all.Wait() // with every ACK that was on its way
	for _, client := range append(clients, watcher) {
		if client.err != nil {
			t.Errorf("%s: %v", client.plan.name, client.err)
		}
	}
	checkFile(t, c.path)
}

// compare holds what a router has against what the one before it told the clients. In the frame of that one, which is 2^20
// for each epoch since below what this one says,
//   - no revision is below one that was acknowledged at commit, or that was found after a start before, nor above what the
//     number of writes allows;
//   - a revision that somebody was told of has the value he was told, and such a value has that revision. All others are
//     values that were on their way when the plug was pulled;
//   - the params of a bundle have come to the same revision and value;
//   - if it was stopped in order, nothing that was acknowledged at all is missing.
//
// And in the frame of this one every revision is above all that anybody was told of that address, those of addresses
// included that were lost.
func (c *crash) compare(t *testing.T, address string) {
	conn := greeted(t, address)
	defer func() { _ = conn.Close() }() // it has told what it had to
	before := c.epoch
	c.mu.Lock()
	defer c.mu.Unlock()

	// An address that never was tells the epoch.
	id := c.ids.Add(1)
	revision := setConfirm(t, conn, fmt.Sprintf("/crash/probe/%d", id), id)
	c.epoch = revision >> epochShift
	if revision != c.epoch<<epochShift+1 || c.epoch < before+c.must || c.epoch > before+c.must+c.may {
		t.Fatalf("a new address begins at revision %d (epoch %d and %d more), before it was epoch %d; %d to %d epochs have begun since",
			revision, c.epoch, revision-c.epoch<<epochShift, before, c.must, c.must+c.may)
	}
	shift := (c.epoch - before) << epochShift
	crashed := c.must+c.may > 0

	found := getAll(t, conn, c.params)
	for name, p := range c.params {
		e, ok := found[name]
		if !ok {
			if p.durable > 0 || !crashed && p.highest > 0 {
				t.Errorf("%s is gone; it had revision %d on disk and %d in all", name, p.durable, p.highest)
			}
			continue
		}
		if e.revision < shift {
			t.Errorf("%s has revision %d in epoch %d", name, e.revision, c.epoch)
			continue
		}
		old := e.revision - shift
		if old < p.durable {
			t.Errorf("%s has revision %d, which was %d; %d was on disk", name, e.revision, old, p.durable)
		}
		if old > p.most {
			t.Errorf("%s has revision %d, which was %d; there were not more than %d", name, e.revision, old, p.most)
		}
		if !crashed && old < p.highest {
			t.Errorf("%s has revision %d after a stop in order; %d had been acknowledged", name, old, p.highest)
		}
		if shift > 0 && e.revision <= p.highest {
			t.Errorf("%s has revision %d, and clients were told of %d", name, e.revision, p.highest)
		}
		if err := p.told(old, e.id); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, group := range crashGroups {
		first, ok := found[group[0]]
		for _, name := range group[1:] {
			if e, also := found[name]; also != ok || e != first {
				t.Errorf("half a bundle: %s is %+v, and %s is %+v", group[0], first, name, e)
			}
		}
	}
	if t.Failed() {
		t.FailNow() // before anything is done to the file that shows it
	}

	base := c.epoch << epochShift
	for name, p := range c.params {
		e, ok := found[name]
		switch {
		case p.once && (ok || p.highest == 0):
			delete(c.params, name)
			continue
		case !ok && p.highest > 0:
			c.lost++
			id := c.ids.Add(1)
			if revision := setConfirm(t, conn, name, id); revision != base+1 || revision <= p.highest {
				t.Errorf("%s, which was lost, begins again at %d; want %d, and it had got to %d", name, revision, base+1, p.highest)
			}
			p.restart(0, 0, base+1)
			p.written[id] = true
			if err := p.told(base+1, id); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		highest := p.highest
		p.restart(e.revision, e.id, base)
		p.highest = max(highest, p.highest)
	}
}

// state is a param as a router tells it.
type crashState struct {
	revision uint64
	id       int64
}

// getAll asks for every address.
func getAll(t *testing.T, conn *websocket.Conn, params map[string]*crashParam) map[string]crashState {
	t.Helper()
	found, open := make(map[string]crashState), make(map[string]bool)
	names := slices.Collect(maps.Keys(params))
	_ = conn.SetWriteDeadline(time.Now().Add(patience)) // a closed connection fails to write too
	var asking sync.WaitGroup
	defer asking.Wait()
	asking.Go(func() { // the answers are read meanwhile
		for _, name := range names {
			if conn.WriteMessage(websocket.BinaryMessage, framed(wire.Fire, wire.AppendGet(nil, wire.Get{Address: []byte(name)}))) != nil {
				return // the reader notices
			}
		}
	})
	for _, name := range names {
		open[name] = true
	}
	for len(open) > 0 {
		p := nextPayload(t, conn)
		if wire.Type(p[0]) == wire.TypeError {
			m, err := wire.DecodeError(p)
			if err != nil || m.Code != wire.CodeNotFound || !open[string(m.Address)] {
				t.Fatalf("GET is answered %+v, %v", m, err)
			}
			delete(open, string(m.Address))
			continue
		}
		m, err := wire.DecodeSnapshot(p)
		if err != nil {
			t.Fatal(err)
		}
		for e, ok := m.Next(); ok; e, ok = m.Next() { // the first snapshot may still be coming
			id, err := crashID(e.Value)
			if err != nil {
				t.Errorf("%s: %v", e.Address, err)
			}
			now := crashState{e.Revision, id}
			if earlier, twice := found[string(e.Address)]; twice && earlier != now {
				t.Errorf("%s is %+v and then %+v, and nobody writes", e.Address, earlier, now)
			}
			found[string(e.Address)] = now
			delete(open, string(e.Address))
		}
	}
	return found
}

// setConfirm writes a param and returns the revision.
func setConfirm(t *testing.T, conn *websocket.Conn, address string, id int64) uint64 {
	t.Helper()
	payload := wire.AppendSet(nil, wire.Set{Address: []byte(address), Value: crashValue(id, 0)})
	if err := conn.WriteMessage(websocket.BinaryMessage, framed(wire.Confirm, payload)); err != nil {
		t.Fatal(err)
	}
	for {
		p := nextPayload(t, conn)
		if wire.Type(p[0]) == wire.TypeSnapshot { // of the start
			continue
		}
		ack, err := wire.DecodeAck(p)
		if err != nil || string(ack.Address) != address {
			t.Fatalf("SET %s is answered % x: %v", address, p, err)
		}
		return ack.Revision
	}
}

// checkFile has bbolt check a copy of the file, if there is one yet, and makes sure that none was set aside as bad.
func checkFile(t *testing.T, path string) {
	t.Helper()
	if bad, _ := filepath.Glob(path + ".bad-*"); len(bad) > 0 { // the pattern is a good one
		t.Fatalf("a router that was killed left a file that the next one took for bad: %q", bad)
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return
	}
	copied := filepath.Join(t.TempDir(), "copy.db")
	copyFile(t, path, copied)
	db, err := bolt.Open(copied, 0o600, &bolt.Options{ReadOnly: true})
	if err != nil {
		t.Fatalf("bbolt does not open the file that a killed router left: %v", err)
	}
	defer func() { _ = db.Close() }() // it was only read
	err = db.View(func(tx *bolt.Tx) error {
		var all []error
		for err := range tx.Check() {
			all = append(all, err)
		}
		return errors.Join(all...)
	})
	if err != nil {
		t.Errorf("bbolt's check of the file that a killed router left: %v", err)
	}
}

// crashPlan is what a client writes, over and over.
type crashPlan struct {
	name   string
	window int        // how many answers it waits for at most
	qos    []wire.QoS // in turn
	params []string   // in turn
	groups [][]string // or in turn, all params of a group in one bundle
	size   int        // bytes of a value, 0 = a number
	fresh  string     // or addresses that have never been, below this one
}

// crashGroups are params that only bundles write, each all of a group.
var crashGroups = [][]string{crashAddresses("/crash/group/a", 2), crashAddresses("/crash/group/b", 5), crashAddresses("/crash/group/c", 40)}

var crashPlans = []crashPlan{
	{name: "own 1", window: 32, qos: []wire.QoS{wire.Commit}, params: crashAddresses("/crash/own/1", 8)},
	{name: "own 2", window: 1, qos: []wire.QoS{wire.Commit}, params: crashAddresses("/crash/own/2", 8)},
	{name: "shared 1", window: 16, qos: []wire.QoS{wire.Commit}, params: crashAddresses("/crash/shared", 4)},
	{name: "shared 2", window: 16, qos: []wire.QoS{wire.Commit}, params: crashAddresses("/crash/shared", 4)},
	{name: "bundles 1", window: 4, qos: []wire.QoS{wire.Commit}, groups: crashGroups},
	{name: "bundles 2", window: 2, qos: []wire.QoS{wire.Commit}, groups: crashGroups},
	{name: "confirm", window: 64, qos: []wire.QoS{wire.Confirm, wire.Fire, wire.Confirm}, params: crashAddresses("/crash/confirm", 20)},
	{name: "mixed", window: 16, qos: []wire.QoS{wire.Commit, wire.Confirm, wire.Fire, wire.Confirm}, params: crashAddresses("/crash/mixed", 5)},
	{name: "fresh", window: 4, qos: []wire.QoS{wire.Confirm, wire.Commit, wire.Confirm, wire.Fire, wire.Confirm}, fresh: "/crash/fresh"},
}

// crashLarge fills the journal in no time, so that it is folded and cleared again and again in a short round.
var crashLarge = crashPlan{name: "large", window: 24, qos: []wire.QoS{wire.Commit}, params: crashAddresses("/crash/large", 12), size: 60_000}

func crashAddresses(prefix string, n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("%s/%d", prefix, i)
	}
	return all
}

// crashClient is a connection whose every ACK is recorded.
type crashClient struct {
	plan  crashPlan
	crash *crash
	conn  *websocket.Conn
	room  chan struct{} // one for each answer that may be waited for
	ended chan struct{} // closed when nothing more comes
	err   error         // why it ended, if it should not have

	mu sync.Mutex
	// What waits for an ACK. The ACK of a SET names its address and those of one address come in order; the ACK of a
	// bundle names none, and those of a session come in order.
	sets    map[string][]crashWrite
	bundles []crashWrite
}

// crashWrite is a value on its way.
type crashWrite struct {
	id        int64
	qos       wire.QoS
	addresses []string
}

func (c *crash) connect(t *testing.T, address string, plan crashPlan) *crashClient {
	t.Helper()
	client := &crashClient{
		plan: plan, crash: c, conn: greeted(t, address), room: make(chan struct{}, plan.window),
		ended: make(chan struct{}), sets: make(map[string][]crashWrite),
	}
	for range plan.window {
		client.room <- struct{}{}
	}
	return client
}

// watch subscribes to what is written at commit only: it may be told of nothing that is not on disk.
func (c *crash) watch(t *testing.T, address string) *crashClient {
	t.Helper()
	w := c.connect(t, address, crashPlan{name: "watcher"})
	for id, pattern := range []string{"/crash/own/**", "/crash/shared/**", "/crash/group/**"} {
		send(t, w.conn, wire.AppendSubscribe(nil, wire.Subscribe{ID: uint32(id), Pattern: []byte(pattern), Types: wire.MaskParam}))
	}
	return w
}

// write follows the plan until stop is closed or the connection ends.
func (c *crashClient) write(stop <-chan struct{}) {
	for turn := 0; ; turn++ {
		w := crashWrite{id: c.crash.ids.Add(1), qos: c.plan.qos[turn%len(c.plan.qos)]}
		switch {
		case c.plan.fresh != "":
			w.addresses = []string{fmt.Sprintf("%s/%d", c.plan.fresh, w.id)}
		case c.plan.groups != nil:
			w.addresses = c.plan.groups[turn%len(c.plan.groups)]
		default:
			w.addresses = []string{c.plan.params[turn%len(c.plan.params)]}
		}
		if w.qos != wire.Fire {
			select {
			case <-c.room:
			case <-c.ended:
				return
			}
		}
		select {
		case <-stop:
			return
		default:
		}
		c.expect(w)
		// An error ends the reader too, which says whether that is as it should be.
		if c.conn.WriteMessage(websocket.BinaryMessage, framed(w.qos, c.encode(w))) != nil {
			return
		}
	}
}

// expect notes a write before it is on its way.
func (c *crashClient) expect(w crashWrite) {
	c.crash.mu.Lock()
	for _, address := range w.addresses {
		p := c.crash.param(address)
		p.commitOnly = len(c.plan.qos) == 1 && w.qos == wire.Commit
		p.once = c.plan.fresh != ""
		p.written[w.id] = true
		p.most++
	}
	c.crash.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case w.qos == wire.Fire:
	case c.plan.groups != nil:
		c.bundles = append(c.bundles, w)
	default:
		c.sets[w.addresses[0]] = append(c.sets[w.addresses[0]], w)
	}
}

func (c *crashClient) encode(w crashWrite) []byte {
	value := crashValue(w.id, c.plan.size)
	if c.plan.groups == nil {
		return wire.AppendSet(nil, wire.Set{Address: []byte(w.addresses[0]), Value: value})
	}
	payload := wire.BeginBundle(nil, false, 0)
	for _, address := range w.addresses {
		payload, _ = wire.AppendBundleMessage(payload, wire.AppendSet(nil, wire.Set{Address: []byte(address), Value: value})) // it is short
	}
	wire.SetBundleCount(payload, len(w.addresses))
	return payload
}

// read records what comes until the connection ends: what a router has sent before it was killed still counts.
func (c *crashClient) read() {
	defer close(c.ended)
	for {
		_, message, err := c.conn.ReadMessage()
		if err != nil {
			if !c.crash.killed.Load() {
				c.err = fmt.Errorf("the connection ended: %w", err)
			}
			return
		}
		frame, _, err := wire.ReadFrame(message)
		if err == nil {
			err = c.take(frame.Payload)
		}
		if err != nil {
			c.err = err
			_ = c.conn.Close() // ends the writer
			return
		}
	}
}

func (c *crashClient) take(p []byte) error {
	switch wire.Type(p[0]) {
	case wire.TypeSnapshot:
		m, err := wire.DecodeSnapshot(p)
		for e, ok := m.Next(); ok && err == nil; e, ok = m.Next() {
			err = c.saw(string(e.Address), e.Value, e.Revision)
		}
		return err
	case wire.TypeSet:
		m, err := wire.DecodeSet(p)
		if err != nil {
			return err
		}
		return c.saw(string(m.Address), m.Value, m.Revision)
	case wire.TypeAck:
		ack, err := wire.DecodeAck(p)
		if err != nil {
			return err
		}
		return c.acked(ack)
	default:
		return fmt.Errorf("unexpected %v: %q", wire.Type(p[0]), p)
	}
}

// acked notes an ACK: of a bundle it counts for all its params, which are written together only and so have the same
// revision.
func (c *crashClient) acked(ack wire.Ack) error {
	c.mu.Lock()
	waiting := c.bundles
	if ack.HasAddress {
		waiting = c.sets[string(ack.Address)]
	}
	if len(waiting) == 0 {
		c.mu.Unlock()
		return fmt.Errorf("an ACK for %q, revision %d, which nothing waits for", ack.Address, ack.Revision)
	}
	w := waiting[0]
	if ack.HasAddress {
		c.sets[string(ack.Address)] = waiting[1:]
	} else {
		c.bundles = waiting[1:]
	}
	c.mu.Unlock()
	c.room <- struct{}{}
	c.crash.acks.Add(1)
	if w.qos == wire.Commit {
		c.crash.commits.Add(1)
	}

	c.crash.mu.Lock()
	defer c.crash.mu.Unlock()
	for _, address := range w.addresses {
		p := c.crash.param(address)
		if err := p.told(ack.Revision, w.id); err != nil {
			return fmt.Errorf("ACK of %s: %w", address, err)
		}
		if w.qos == wire.Commit {
			p.durable = max(p.durable, ack.Revision)
		}
	}
	return nil
}

// saw notes that a client has been shown a value.
func (c *crashClient) saw(address string, v wire.Value, revision uint64) error {
	id, err := crashID(v)
	if err != nil {
		return fmt.Errorf("%s: %w", address, err)
	}
	c.crash.mu.Lock()
	defer c.crash.mu.Unlock()
	p := c.crash.params[address]
	if p == nil {
		return nil // one that is not compared any more
	}
	if err := p.told(revision, id); err != nil {
		return fmt.Errorf("%s: %w", address, err)
	}
	if p.commitOnly {
		p.durable = max(p.durable, revision)
	}
	return nil
}

// crashValue makes a value of an id: a number, or so many bytes that begin with it and go on with its last byte.
func crashValue(id int64, size int) wire.Value {
	data := binary.BigEndian.AppendUint64(nil, uint64(id))
	if size == 0 {
		return wire.Value{Code: wire.I64Code, Data: data}
	}
	data = append(data, bytes.Repeat(data[7:], size-8)...)
	return wire.Value{Code: wire.BytesCode, Data: append(binary.BigEndian.AppendUint16(nil, uint16(size)), data...)}
}

// crashID returns the id of a value that is whole.
func crashID(v wire.Value) (int64, error) {
	data, size := v.Data, 0
	if v.Code == wire.BytesCode {
		data = data[2:]
		size = len(data)
	}
	if len(data) < 8 {
		return 0, fmt.Errorf("a value of code %d and %d bytes, which nobody has written", v.Code, len(v.Data))
	}
	id := int64(binary.BigEndian.Uint64(data))
	if want := crashValue(id, size); v.Code != want.Code || !bytes.Equal(v.Data, want.Data) {
		return 0, fmt.Errorf("a damaged value of %d bytes", len(v.Data))
	}
	return id, nil
}

// nextPayload returns the next message.
func nextPayload(t *testing.T, conn *websocket.Conn) []byte {
	t.Helper()
	_ = conn.SetReadDeadline(time.Now().Add(patience)) // a closed connection fails to read too
	_, message, err := conn.ReadMessage()
	if err != nil {
		t.Fatal(err)
	}
	frame, _, err := wire.ReadFrame(message)
	if err != nil {
		t.Fatal(err)
	}
	return frame.Payload
}

// framed puts a payload into a frame.
func framed(q wire.QoS, payload []byte) []byte {
	frame, err := wire.AppendFrame(nil, q, payload)
	if err != nil {
		panic(err) // the messages of these tests are small enough
	}
	return frame
}
