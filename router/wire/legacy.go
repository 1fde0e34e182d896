package wire

// Legacy payloads (protocol section 4): rewritten to the binary encoding, with the encoders everyone else uses.

import (
	"encoding/binary"
	"math"
	"strconv"
)

// legacyTypes finds a message type by the name a legacy message gives it.
var legacyTypes = func() map[string]Type {
	types := make(map[string]Type)
	for _, t := range Types() {
		types[t.String()] = t
	}
	return types
}()

// IsLegacy says whether a payload is a MessagePack map. The flags of the frame do not tell: clients set them wrongly.
func IsLegacy(payload []byte) bool {
	if len(payload) == 0 {
		return false
	}
	head := payload[0]
	return head >= 0x80 && head <= 0x8F || head == 0xDE || head == 0xDF
}

// Transcode appends the binary payload of the message that a legacy payload holds. It is at most nine times as long (a
// one-byte integer becomes an i64 with its code), which may be over MaxPayload. What a client has no business sending
// (WELCOME, SNAPSHOT, ACK, ERROR, RESULT) becomes its type byte alone: it does not decode, and the router ignores these before
// decoding. Anything wrong is CodeBadMessage, a bundled message over MaxPayload is CodeBadValue, and dst comes back as it was.
func Transcode(dst, payload []byte) ([]byte, error) {
	r := reader{p: payload, what: "MessagePack"}
	out := r.appendLegacy(dst, false)
	if r.err != nil {
		return dst, r.err
	}
	return out, nil
}

// appendLegacy reads one message and leaves the reader behind it. Only SET and PUBLISH may be bundled.
func (r *reader) appendLegacy(dst []byte, bundled bool) []byte {
	start := r.pos
	m := r.packedFields()
	end := r.pos
	m.need(fieldType)
	name := m.text(fieldType)
	t, known := legacyTypes[string(name)]
	switch {
	case r.err != nil:
		return dst
	case !known:
		r.fail("unknown message type "+quote(name), start)
		return dst
	case bundled && t != TypeSet && t != TypePublish:
		r.fail("a bundle cannot hold "+t.String(), start)
		return dst
	}
	outer := r.what
	r.what = t.String()
	dst = m.appendMessage(dst, t)
	r.what = outer
	r.pos = end
	return dst
}

// quote returns the start of a text that a client sent, fit to be part of an error.
func quote(text []byte) string {
	const enough = 32
	return strconv.QuoteToASCII(string(text[:min(len(text), enough)]))
}

func (m *packedFields) appendMessage(dst []byte, t Type) []byte {
	switch t {
	case TypeHello:
		return m.appendHello(dst)
	case TypeAnnounce:
		return m.appendAnnounce(dst)
	case TypeSubscribe:
		return m.appendSubscribe(dst)
	case TypeUnsubscribe:
		m.need(fieldID)
		return AppendUnsubscribe(dst, Unsubscribe{ID: m.u32(fieldID)})
	case TypePublish:
		return m.appendPublish(dst)
	case TypeSet:
		return m.appendSet(dst)
	case TypeGet:
		m.need(fieldAddress)
		return AppendGet(dst, Get{Address: m.text(fieldAddress)})
	case TypeReplay:
		return m.appendReplay(dst)
	case TypeBundle:
		return m.appendBundle(dst)
	case TypeSync:
		m.need(fieldT1)
		return AppendSync(dst, Sync{
			T1:    m.u64(fieldT1),
			HasT2: m.has(fieldT2), T2: m.u64(fieldT2),
			HasT3: m.has(fieldT3), T3: m.u64(fieldT3),
		})
	case TypeQuery:
		m.need(fieldPattern)
		return AppendQuery(dst, Query{Pattern: m.text(fieldPattern)})
	}
	return append(dst, byte(t)) // PING and PONG whole, and what the router ignores
}

func (m *packedFields) appendHello(dst []byte) []byte {
	m.need(fieldVersion)
	h := Hello{
		Version: uint8(m.uint(fieldVersion, math.MaxUint8)),
		Name:    m.text(fieldName),
		Token:   m.text(fieldToken),
	}
	m.names(fieldFeatures, func(name string) {
		switch name { // others are no features of this protocol version and promise nothing
		case "param":
			h.Features |= FeatureParam
		case "event":
			h.Features |= FeatureEvent
		case "stream":
			h.Features |= FeatureStream
		case "gesture":
			h.Features |= FeatureGesture
		case "timeline":
			h.Features |= FeatureTimeline
		}
	})
	return AppendHello(dst, h)
}

func (m *packedFields) appendAnnounce(dst []byte) []byte {
	m.need(fieldSignals)
	start := len(dst)
	dst = BeginAnnounce(dst, m.text(fieldNamespace))
	n := m.list(fieldSignals)
	for i := 0; i < n && m.err == nil; i++ {
		s := m.packedFields()
		next := m.pos
		dst = AppendAnnounceSignal(dst, s.signalInfo())
		m.pos = next
	}
	SetAnnounceCount(dst[start:], n)
	return dst
}

func (m *packedFields) signalInfo() SignalInfo {
	m.need(fieldAddress)
	m.need(fieldType)
	s := SignalInfo{
		Address:     m.text(fieldAddress),
		Signal:      m.signalOf(fieldType),
		HasDatatype: m.has(fieldDatatype), Datatype: m.text(fieldDatatype),
		HasAccess: m.has(fieldAccess), Access: m.text(fieldAccess),
	}
	if m.has(fieldMeta) {
		meta := m.fields(fieldMeta)
		s.HasMeta, s.Meta = true, meta.meta()
	}
	return s
}

func (m *packedFields) meta() Meta {
	meta := Meta{
		HasUnit: m.has(fieldUnit), Unit: m.text(fieldUnit),
		HasDescription: m.has(fieldDescription), Description: m.text(fieldDescription),
	}
	if m.has(fieldRange) {
		meta.HasRange = true
		if m.list(fieldRange) != 2 {
			m.wrong(fieldRange, "a list of two numbers")
			return meta
		}
		low, high := m.packed(), m.packed()
		if !low.isNumber() || !high.isNumber() {
			m.wrong(fieldRange, "a list of two numbers")
		}
		meta.Min, meta.Max = low.float, high.float
	}
	if m.has(fieldDefault) {
		meta.HasDefault, meta.Default = true, m.value(fieldDefault)
	}
	return meta
}

func (m *packedFields) appendSubscribe(dst []byte) []byte {
	m.need(fieldID)
	m.need(fieldPattern)
	s := Subscribe{ID: m.u32(fieldID), Pattern: m.text(fieldPattern), Types: m.types()}
	if m.has(fieldOptions) {
		o := m.fields(fieldOptions)
		s.HasMaxRate, s.MaxRate = o.has(fieldMaxRate), o.u32(fieldMaxRate)
		s.HasEpsilon, s.Epsilon = o.has(fieldEpsilon), o.number(fieldEpsilon)
		s.HasHistory, s.History = o.has(fieldHistory), o.u32(fieldHistory)
		s.HasWindow, s.Window = o.has(fieldWindow), o.u32(fieldWindow)
	}
	return AppendSubscribe(dst, s)
}

func (m *packedFields) appendReplay(dst []byte) []byte {
	m.need(fieldPattern)
	return AppendReplay(dst, Replay{
		Pattern: m.text(fieldPattern),
		Types:   m.types(),
		HasFrom: m.has(fieldFrom), From: m.u64(fieldFrom),
		HasTo: m.has(fieldTo), To: m.u64(fieldTo),
		HasLimit: m.has(fieldLimit), Limit: m.u32(fieldLimit),
	})
}

// types reads the list of signals a client asks for; all, if it names none.
func (m *packedFields) types() uint8 {
	if !m.has(fieldTypes) {
		return math.MaxUint8
	}
	var mask uint8
	m.names(fieldTypes, func(name string) {
		mask |= m.signalNamed(fieldTypes, name).Mask()
	})
	return mask
}

func (m *packedFields) signalOf(f field) Signal {
	return m.signalNamed(f, string(m.text(f)))
}

func (m *packedFields) signalNamed(f field, name string) Signal {
	for s := Param; s <= Timeline; s++ {
		if s.String() == name {
			return s
		}
	}
	m.wrong(f, "param, event, stream, gesture or timeline")
	return Param
}

func (m *packedFields) phase() Phase {
	name := string(m.text(fieldPhase))
	for p := Start; p <= Cancel; p++ {
		if p.String() == name {
			return p
		}
	}
	m.wrong(fieldPhase, "start, move, end or cancel")
	return Start
}

func (m *packedFields) appendPublish(dst []byte) []byte {
	m.need(fieldAddress)
	p := Publish{
		Signal:       Event, // what the public clients take an unnamed signal for
		Address:      m.text(fieldAddress),
		HasTimestamp: m.has(fieldTimestamp), Timestamp: m.u64(fieldTimestamp),
		HasID: m.has(fieldID), ID: m.u32(fieldID),
		HasRate: m.has(fieldRate), Rate: m.u32(fieldRate),
	}
	if m.has(fieldSignal) {
		p.Signal = m.signalOf(fieldSignal)
	}
	if m.has(fieldPhase) {
		p.Phase = m.phase()
	}
	switch {
	case m.has(fieldValue):
		p.HasValue, p.Value = true, m.value(fieldValue)
	case m.has(fieldPayload):
		p.HasValue, p.Value = true, m.value(fieldPayload)
	case m.has(fieldSamples):
		p.HasSamples, p.Samples = true, m.samples()
	case m.has(fieldTimeline):
		timeline := m.fields(fieldTimeline)
		p.HasValue, p.Value = true, timeline.timeline()
	case m.has(fieldKeyframes):
		p.HasValue, p.Value = true, m.timeline()
	}
	return AppendPublish(dst, p)
}

func (m *packedFields) samples() []byte {
	n := m.list(fieldSamples)
	samples := make([]byte, 0, n*sampleSize)
	for range n {
		it := m.packed()
		if !it.isNumber() {
			m.wrong(fieldSamples, "a list of numbers")
			return nil
		}
		samples = binary.BigEndian.AppendUint64(samples, math.Float64bits(it.float))
	}
	return samples
}

// timeline builds the map that is a timeline's value (protocol section 3): keyframes, loop, start_time?, duration?
func (m *packedFields) timeline() Value {
	m.need(fieldKeyframes)
	m.list(fieldKeyframes)
	m.number(fieldStartTime)
	m.number(fieldDuration)
	loop := m.flag(fieldLoop)
	if m.err != nil {
		return Value{}
	}
	v := appendContainer(nil, MapCode, 2)
	v = m.appendEntry(v, fieldKeyframes)
	v = appendBool(appendString(v, []byte(fieldNames[fieldLoop])), loop)
	for _, f := range []field{fieldStartTime, fieldDuration} {
		if m.has(f) {
			v = m.appendEntry(v, f)
			v[containerHeaderSize-1]++ // the low byte of the count
		}
	}
	return valueOf(v)
}

// appendEntry appends a map entry: the name of the field and its value.
func (m *packedFields) appendEntry(dst []byte, f field) []byte {
	m.pos = m.at[f]
	return m.appendPacked(appendString(dst, []byte(fieldNames[f])))
}

func (m *packedFields) appendSet(dst []byte) []byte {
	m.need(fieldAddress)
	if m.at[fieldValue] == 0 { // a nil is there: it is the value null
		m.need(fieldValue)
		return dst
	}
	return AppendSet(dst, Set{
		Address:     m.text(fieldAddress),
		Value:       m.value(fieldValue),
		HasRevision: m.has(fieldRevision), Revision: m.u64(fieldRevision),
		Lock:   m.flag(fieldLock),
		Unlock: m.flag(fieldUnlock),
		HasTTL: m.has(fieldTTL), TTL: m.ttl(),
	})
}

// ttl reads seconds, alone or beside absolute: true, or {"Sliding": n}, {"Absolute": n}, "Never".
func (m *packedFields) ttl() uint32 {
	switch it := m.item(fieldTTL); it.code {
	case StringCode:
		if string(it.data) != "Never" {
			m.wrong(fieldTTL, `seconds, {"Sliding": n}, {"Absolute": n} or "Never"`)
		}
		return 0
	case MapCode:
		kind := m.fields(fieldTTL)
		if kind.has(fieldAbsolute) {
			return kind.seconds(fieldAbsolute) | AbsoluteTTL
		}
		kind.need(fieldSliding)
		return kind.seconds(fieldSliding)
	}
	seconds := m.seconds(fieldTTL)
	if m.flag(fieldAbsolute) {
		seconds |= AbsoluteTTL
	}
	return seconds
}

// seconds reads a ttl without its highest bit, which is AbsoluteTTL.
func (m *packedFields) seconds(f field) uint32 { return uint32(m.uint(f, AbsoluteTTL-1)) }

func (m *packedFields) appendBundle(dst []byte) []byte {
	m.need(fieldMessages)
	start := len(dst)
	dst = BeginBundle(dst, m.has(fieldTimestamp), m.u64(fieldTimestamp))
	n := m.list(fieldMessages)
	var message []byte
	for i := 0; i < n && m.err == nil; i++ {
		message = m.appendLegacy(message[:0], true)
		if m.err == nil {
			dst, m.err = AppendBundleMessage(dst, message)
		}
	}
	SetBundleCount(dst[start:], n)
	return dst
}
