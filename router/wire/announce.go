package wire

// Which signals exist: ANNOUNCE and RESULT, which share the description of a signal (protocol section 3).

import (
	"encoding/binary"
	"math"
)

const (
	signalHasDatatype = 1
	signalHasAccess   = 2
	signalHasMeta     = 4

	metaHasUnit        = 1
	metaHasRange       = 2
	metaHasDefault     = 4
	metaHasDescription = 8

	minSignalInfoSize = 2 + 1 + 1 // empty address, signal, options
)

// SignalInfo describes one signal. Address may be a pattern. Access is "r", "w" or "rw". Meta goes with ANNOUNCE only.
type SignalInfo struct {
	Address []byte
	Signal  Signal

	HasDatatype, HasAccess, HasMeta bool

	Datatype, Access []byte
	Meta             Meta
}

// Meta is what a person or a control surface wants to know about a signal.
type Meta struct {
	HasUnit, HasRange, HasDefault, HasDescription bool

	Unit        []byte
	Min, Max    float64
	Default     Value
	Description []byte
}

// signalInfo reads one signal; only ANNOUNCE has meta.
func (r *reader) signalInfo(withMeta bool) SignalInfo {
	s := SignalInfo{Address: r.string("address"), Signal: r.signal("signal")}
	options := r.u8("options")
	if options&signalHasDatatype != 0 {
		s.HasDatatype, s.Datatype = true, r.string("datatype")
	}
	if options&signalHasAccess != 0 {
		s.HasAccess, s.Access = true, r.string("access")
	}
	if withMeta && options&signalHasMeta != 0 {
		s.HasMeta, s.Meta = true, r.meta()
	}
	return s
}

func (r *reader) meta() Meta {
	flags := r.u8("meta flags")
	var m Meta
	if flags&metaHasUnit != 0 {
		m.HasUnit, m.Unit = true, r.string("unit")
	}
	if flags&metaHasRange != 0 {
		m.HasRange = true
		m.Min = math.Float64frombits(r.u64("range"))
		m.Max = math.Float64frombits(r.u64("range"))
	}
	if flags&metaHasDefault != 0 {
		m.HasDefault, m.Default = true, r.value(r.u8("default"))
	}
	if flags&metaHasDescription != 0 {
		m.HasDescription, m.Description = true, r.string("description")
	}
	return m
}

// appendSignal appends what ANNOUNCE and RESULT have in common; more is the option bits of what the caller appends next.
func appendSignal(dst []byte, s SignalInfo, more byte) []byte {
	dst = appendString(dst, s.Address)
	dst = append(dst, byte(s.Signal), flag(s.HasDatatype, signalHasDatatype)|flag(s.HasAccess, signalHasAccess)|more)
	if s.HasDatatype {
		dst = appendString(dst, s.Datatype)
	}
	if s.HasAccess {
		dst = appendString(dst, s.Access)
	}
	return dst
}

func appendMeta(dst []byte, m Meta) []byte {
	dst = append(dst, flag(m.HasUnit, metaHasUnit)|flag(m.HasRange, metaHasRange)|
		flag(m.HasDefault, metaHasDefault)|flag(m.HasDescription, metaHasDescription))
	if m.HasUnit {
		dst = appendString(dst, m.Unit)
	}
	if m.HasRange {
		dst = binary.BigEndian.AppendUint64(dst, math.Float64bits(m.Min))
		dst = binary.BigEndian.AppendUint64(dst, math.Float64bits(m.Max))
	}
	if m.HasDefault {
		dst = AppendValue(dst, m.Default)
	}
	if m.HasDescription {
		dst = appendString(dst, m.Description)
	}
	return dst
}

// Announce is the signals a client offers under Namespace: Count of them, read with Next.
type Announce struct {
	Namespace []byte
	Count     int
	items     list
}

// DecodeAnnounce reads and checks an ANNOUNCE payload, signals included.
func DecodeAnnounce(p []byte) (Announce, error) {
	r := reader{p: p, what: "ANNOUNCE"}
	r.begin(TypeAnnounce)
	m := Announce{Namespace: r.string("namespace"), Count: r.count(minSignalInfoSize, "count")}
	m.items = list{m.Count, r}
	for n := m.Count; n > 0 && r.err == nil; n-- {
		r.signalInfo(true)
	}
	return m, r.err
}

// Next returns the next signal, false after the last.
func (a *Announce) Next() (SignalInfo, bool) {
	if !a.items.more() {
		return SignalInfo{}, false
	}
	return a.items.rest.signalInfo(true), true
}

// BeginAnnounce appends the start of an ANNOUNCE payload without signals. Append those, then call SetAnnounceCount.
func BeginAnnounce(dst, namespace []byte) []byte {
	return append(appendString(append(dst, byte(TypeAnnounce)), namespace), 0, 0)
}

// AppendAnnounceSignal appends one signal to an ANNOUNCE payload.
func AppendAnnounceSignal(dst []byte, s SignalInfo) []byte {
	dst = appendSignal(dst, s, flag(s.HasMeta, signalHasMeta))
	if s.HasMeta {
		dst = appendMeta(dst, s.Meta)
	}
	return dst
}

// SetAnnounceCount writes the number of signals, at most 65535, into an ANNOUNCE payload.
func SetAnnounceCount(payload []byte, n int) {
	namespace := int(binary.BigEndian.Uint16(payload[1:]))
	binary.BigEndian.PutUint16(payload[3+namespace:], uint16(n))
}

// Result answers a QUERY with Count signals, read with Next.
type Result struct {
	Count int
	items list
}

// DecodeResult reads and checks a RESULT payload, signals included.
func DecodeResult(p []byte) (Result, error) {
	r := reader{p: p, what: "RESULT"}
	r.begin(TypeResult)
	m := Result{Count: r.count(minSignalInfoSize, "count")}
	m.items = list{m.Count, r}
	for n := m.Count; n > 0 && r.err == nil; n-- {
		r.signalInfo(false)
	}
	return m, r.err
}

// Next returns the next signal, false after the last.
func (m *Result) Next() (SignalInfo, bool) {
	if !m.items.more() {
		return SignalInfo{}, false
	}
	return m.items.rest.signalInfo(false), true
}

// BeginResult appends the start of a RESULT payload without signals. Append those, then call SetResultCount.
func BeginResult(dst []byte) []byte { return append(dst, byte(TypeResult), 0, 0) }

// AppendResultSignal appends one signal, without its meta, to a RESULT payload.
func AppendResultSignal(dst []byte, s SignalInfo) []byte { return appendSignal(dst, s, 0) }

// SetResultCount writes the number of signals, at most 65535, into a RESULT payload.
func SetResultCount(payload []byte, n int) { binary.BigEndian.PutUint16(payload[1:], uint16(n)) }
