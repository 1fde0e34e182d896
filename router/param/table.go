package param

import (
	"hash/maphash"
	"sync"
	"sync/atomic"

	"github.com/tidwall/btree"
)

// shards spreads the addresses so that writers of different ones rarely meet.
const shards = 64

// remembered bounds how many expired addresses keep their revision, half of them the
// latest. Without them an address that expires and comes back would start again at 1,
// and its subscribers would see a revision twice.
const remembered = 1 << 16

// Table is all params of a router. Lock order, outermost first: shard, index,
// param. A param found is used under its own lock only.
type Table[R any] struct {
	seed   maphash.Seed
	shards [shards]shard[R]
	index  index[R]
	alive  atomic.Int64 // params with a value

	calendar calendar[R]
	gone     memory
	removed  func(*Param[R])
}

type shard[R any] struct {
	sync.RWMutex
	m map[string]*Param[R]
}

// index keeps the params in address order, for snapshots and queries. It is
// touched only when an address appears or vanishes.
type index[R any] struct {
	rev atomic.Uint64 // how often an address has appeared or vanished
	sync.RWMutex
	tree *btree.BTreeG[*Param[R]]
}

// memory remembers the last revision of addresses that have gone, by their hash: two
// that share one only start higher than they need. The older half is forgotten at a
// time; from then on addresses it does not know start above all that were in it.
type memory struct {
	sync.Mutex
	latest, older map[uint64]uint64
	floor         uint64 // the highest revision forgotten, at least
}

// New returns an empty table. It calls removed for each param it lets go of, under
// the param's lock and before its state is cleared.
func New[R any](removed func(*Param[R])) *Table[R] {
	t := &Table[R]{seed: maphash.MakeSeed(), removed: removed}
	for i := range t.shards {
		t.shards[i].m = make(map[string]*Param[R])
	}
	t.index.tree = btree.NewBTreeGOptions(
		func(a, b *Param[R]) bool { return a.Address < b.Address },
		btree.Options{NoLocks: true, Degree: 32},
	)
	t.gone.latest = make(map[uint64]uint64)
	t.calendar.slots = make(map[int64][]*Param[R])
	return t
}

// BeginAfter sets the revision that addresses begin after which the table does not know.
// Call it before others use the table.
func (t *Table[R]) BeginAfter(base uint64) { t.gone.floor = max(t.gone.floor, base) }

// Len returns the number of params that have a value, those that have expired in
// the last second included.
func (t *Table[R]) Len() int { return int(t.alive.Load()) }

// Rev returns a number that moves whenever an address appears in the index or vanishes from it.
func (t *Table[R]) Rev() uint64 { return t.index.rev.Load() }

// Reserve counts n params that are about to get their first value. It fails, and
// counts none, when that would make more than limit (0 = no limit).
func (t *Table[R]) Reserve(n, limit int) bool {
	for {
		now := t.alive.Load()
		if limit > 0 && n > 0 && now+int64(n) > int64(limit) {
			return false
		}
		if t.alive.CompareAndSwap(now, now+int64(n)) {
			return true
		}
	}
}

// Release takes back a Reserve of n params that have got no value after all.
func (t *Table[R]) Release(n int) { t.alive.Add(-int64(n)) }

func (t *Table[R]) shardOf(address []byte) *shard[R] {
	return &t.shards[maphash.Bytes(t.seed, address)%shards]
}

// Find returns the param of an address, or nil. It may be without a value: ask
// Exists under its lock.
func (t *Table[R]) Find(address []byte) *Param[R] {
	s := t.shardOf(address)
	s.RLock()
	p := s.m[string(address)]
	s.RUnlock()
	return p
}

// FindOrCreate returns the param of an address, made if need be without a value.
// Whoever makes one and then does not store into it calls Discard.
func (t *Table[R]) FindOrCreate(address []byte, strategy func(address string) Strategy) *Param[R] {
	if p := t.Find(address); p != nil {
		return p
	}
	s := t.shardOf(address)
	s.Lock()
	defer s.Unlock()
	if p := s.m[string(address)]; p != nil {
		return p
	}
	p := &Param[R]{Address: string(address)}
	// Nobody can have found it yet, so its lock may be taken before the index's.
	p.Lock()
	defer p.Unlock()
	p.Revision = t.gone.revision(maphash.String(t.seed, p.Address))
	s.m[p.Address] = p
	// In the index before its first value: a snapshot that walks past it now is
	// followed by the live SET, one that comes later finds the value. And before its
	// strategy: rules that change now find it there.
	t.index.Lock()
	t.index.tree.Set(p)
	t.index.rev.Add(1)
	t.index.Unlock()
	p.Strategy = strategy(p.Address)
	return p
}

// Remember notes the revision of an address that has gone, as if it had been here.
func (t *Table[R]) Remember(address []byte, revision uint64) {
	t.gone.put(maphash.Bytes(t.seed, address), revision)
}

// Discard lets go of a param that has no value and none on its way, if that is still so.
func (t *Table[R]) Discard(p *Param[R]) {
	t.remove(p, func() bool { return p.Value == nil && !p.Pending })
}

// remove takes a param out of the table if it is still in it and ok agrees under
// its lock.
func (t *Table[R]) remove(p *Param[R], ok func() bool) bool {
	hash := maphash.String(t.seed, p.Address)
	s := &t.shards[hash%shards]
	s.Lock()
	defer s.Unlock()
	t.index.Lock()
	defer t.index.Unlock()
	p.Lock()
	defer p.Unlock()
	if p.dead.Load() || !ok() {
		return false
	}
	t.removed(p)
	p.dead.Store(true)
	delete(s.m, p.Address)
	t.index.tree.Delete(p)
	t.index.rev.Add(1)
	t.calendar.drop(p)
	t.gone.put(hash, p.Revision)
	// Whoever still points at it must not keep the value in memory.
	p.Value, p.Writer, p.extra = nil, "", nil
	return true
}

// Vacate makes a param that has expired one without a value, for a write that
// comes before Expire did. The param's lock must be held.
func (t *Table[R]) Vacate(p *Param[R]) {
	t.removed(p)
	p.clear()
	t.Release(1)
}

// Ascend calls f for the params at and after an address in address order, those
// without a value included, until f returns false; then end, told whether the last
// param was passed. The index is locked for reading until end has returned, so no
// address appears or vanishes meanwhile: f does little, and the caller stops after
// a while.
func (t *Table[R]) Ascend(from string, f func(p *Param[R]) bool, end func(all bool)) {
	pivot := &Param[R]{Address: from}
	all := true
	t.index.RLock()
	defer t.index.RUnlock()
	t.index.tree.Ascend(pivot, func(p *Param[R]) bool {
		all = f(p)
		return all
	})
	end(all)
}

func (m *memory) put(hash, revision uint64) {
	m.Lock()
	defer m.Unlock()
	if revision <= m.floor {
		return
	}
	if len(m.latest) >= remembered/2 {
		for _, r := range m.older {
			m.floor = max(m.floor, r)
		}
		m.older, m.latest = m.latest, make(map[uint64]uint64)
	}
	m.latest[hash] = revision
}

// revision returns the revision an address had when it went, or one it may have had. It
// stays remembered, for the param may come to nothing.
func (m *memory) revision(hash uint64) uint64 {
	m.Lock()
	defer m.Unlock()
	return max(m.latest[hash], m.older[hash], m.floor)
}
