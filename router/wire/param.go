package wire

// Params: SET, GET, SNAPSHOT (protocol sections 3 and 7).

import "encoding/binary"

const (
	setHasRevision = 0x80
	setLock        = 0x40
	setUnlock      = 0x20
	setHasTTL      = 0x10
	setCodeMask    = 0x0F
)

// AbsoluteTTL is the bit of a TTL that makes it count from the write; without it reads renew it (protocol section 3).
const AbsoluteTTL = 1 << 31

// Set writes a param. TTL is seconds, with AbsoluteTTL or without; 0 never expires. Towards a router Revision is the one
// the writer expects to replace, from a router the one the param has now.
type Set struct {
	Address []byte
	Value   Value

	HasRevision, Lock, Unlock, HasTTL bool

	Revision uint64
	TTL      uint32
}

// DecodeSet reads a SET payload.
func DecodeSet(p []byte) (m Set, err error) {
	r := reader{p: p, what: "SET"}
	r.begin(TypeSet)
	flags := r.u8("flags")
	m.Lock, m.Unlock = flags&setLock != 0, flags&setUnlock != 0
	m.Address = r.string("address")
	m.Value = r.value(flags & setCodeMask)
	if flags&setHasRevision != 0 {
		m.HasRevision, m.Revision = true, r.u64("revision")
	}
	if flags&setHasTTL != 0 {
		m.HasTTL, m.TTL = true, r.u32("ttl")
	}
	return m, r.err
}

// AppendSet appends a SET payload.
func AppendSet(dst []byte, m Set) []byte {
	dst = append(dst, byte(TypeSet), flag(m.HasRevision, setHasRevision)|flag(m.Lock, setLock)|
		flag(m.Unlock, setUnlock)|flag(m.HasTTL, setHasTTL)|m.Value.Code)
	dst = appendString(dst, m.Address)
	dst = append(dst, m.Value.Data...)
	if m.HasRevision {
		dst = binary.BigEndian.AppendUint64(dst, m.Revision)
	}
	if m.HasTTL {
		dst = binary.BigEndian.AppendUint32(dst, m.TTL)
	}
	return dst
}

// Get asks for one param; a SNAPSHOT of one answers.
type Get struct{ Address []byte }

// DecodeGet reads a GET payload.
func DecodeGet(p []byte) (Get, error) {
	r := reader{p: p, what: "GET"}
	r.begin(TypeGet)
	m := Get{Address: r.string("address")}
	return m, r.err
}

// AppendGet appends a GET payload.
func AppendGet(dst []byte, m Get) []byte {
	return appendString(append(dst, byte(TypeGet)), m.Address)
}

const (
	entryHasWriter    = 1
	entryHasTimestamp = 2

	minSnapshotEntrySize = 2 + 1 + 8 + 1 // empty address, null, revision, options
)

// SnapshotEntry is one param of a SNAPSHOT: who wrote it last, and when (Unix µs).
type SnapshotEntry struct {
	Address      []byte
	Value        Value
	Revision     uint64
	HasWriter    bool
	Writer       []byte
	HasTimestamp bool
	Timestamp    uint64
}

// Snapshot is a list of Count params, read with Next.
type Snapshot struct {
	Count int
	items list
}

// DecodeSnapshot reads and checks a SNAPSHOT payload, entries included.
func DecodeSnapshot(p []byte) (Snapshot, error) {
	r := reader{p: p, what: "SNAPSHOT"}
	r.begin(TypeSnapshot)
	m := Snapshot{Count: r.count(minSnapshotEntrySize, "count")}
	m.items = list{m.Count, r}
	for n := m.Count; n > 0 && r.err == nil; n-- {
		r.snapshotEntry()
	}
	return m, r.err
}

// Next returns the next entry, false after the last.
func (s *Snapshot) Next() (SnapshotEntry, bool) {
	if !s.items.more() {
		return SnapshotEntry{}, false
	}
	return s.items.rest.snapshotEntry(), true
}

func (r *reader) snapshotEntry() SnapshotEntry {
	e := SnapshotEntry{Address: r.string("address")}
	e.Value = r.value(r.u8("value code"))
	e.Revision = r.u64("revision")
	options := r.u8("options")
	if options&entryHasWriter != 0 {
		e.HasWriter, e.Writer = true, r.string("writer")
	}
	if options&entryHasTimestamp != 0 {
		e.HasTimestamp, e.Timestamp = true, r.u64("timestamp")
	}
	return e
}

// BeginSnapshot appends the start of a SNAPSHOT payload without entries. Append those, then call SetSnapshotCount.
func BeginSnapshot(dst []byte) []byte { return append(dst, byte(TypeSnapshot), 0, 0) }

// AppendSnapshotEntry appends one entry to a SNAPSHOT payload.
func AppendSnapshotEntry(dst []byte, e SnapshotEntry) []byte {
	dst = appendString(dst, e.Address)
	dst = AppendValue(dst, e.Value)
	dst = binary.BigEndian.AppendUint64(dst, e.Revision)
	dst = append(dst, flag(e.HasWriter, entryHasWriter)|flag(e.HasTimestamp, entryHasTimestamp))
	if e.HasWriter {
		dst = appendString(dst, e.Writer)
	}
	if e.HasTimestamp {
		dst = binary.BigEndian.AppendUint64(dst, e.Timestamp)
	}
	return dst
}

// SetSnapshotCount writes the number of entries, at most 65535, into a SNAPSHOT payload.
func SetSnapshotCount(payload []byte, n int) { binary.BigEndian.PutUint16(payload[1:], uint16(n)) }
