package wire

// Asking for signals: SUBSCRIBE, UNSUBSCRIBE, QUERY, REPLAY (protocol section 3).

import (
	"encoding/binary"
	"math"
)

const (
	subscribeHasMaxRate = 1
	subscribeHasEpsilon = 2
	subscribeHasHistory = 4
	subscribeHasWindow  = 8
)

// Subscribe asks for what matches Pattern. Types is a mask of MaskParam and its like; 0 and 0xFF mean all.
// MaxRate is messages a second and address, Epsilon the least change worth sending (protocol section 8).
type Subscribe struct {
	ID      uint32
	Pattern []byte
	Types   uint8

	HasMaxRate, HasEpsilon, HasHistory, HasWindow bool

	MaxRate         uint32
	Epsilon         float64
	History, Window uint32
}

// DecodeSubscribe reads a SUBSCRIBE payload.
func DecodeSubscribe(p []byte) (Subscribe, error) {
	r := reader{p: p, what: "SUBSCRIBE"}
	r.begin(TypeSubscribe)
	m := Subscribe{ID: r.u32("id"), Pattern: r.string("pattern"), Types: r.u8("types")}
	options := r.u8("options")
	if options&subscribeHasMaxRate != 0 {
		m.HasMaxRate, m.MaxRate = true, r.u32("max rate")
	}
	if options&subscribeHasEpsilon != 0 {
		m.HasEpsilon, m.Epsilon = true, math.Float64frombits(r.u64("epsilon"))
	}
	if options&subscribeHasHistory != 0 {
		m.HasHistory, m.History = true, r.u32("history")
	}
	if options&subscribeHasWindow != 0 {
		m.HasWindow, m.Window = true, r.u32("window")
	}
	return m, r.err
}

// AppendSubscribe appends a SUBSCRIBE payload.
func AppendSubscribe(dst []byte, m Subscribe) []byte {
	dst = append(dst, byte(TypeSubscribe))
	dst = binary.BigEndian.AppendUint32(dst, m.ID)
	dst = appendString(dst, m.Pattern)
	dst = append(dst, m.Types, flag(m.HasMaxRate, subscribeHasMaxRate)|flag(m.HasEpsilon, subscribeHasEpsilon)|
		flag(m.HasHistory, subscribeHasHistory)|flag(m.HasWindow, subscribeHasWindow))
	if m.HasMaxRate {
		dst = binary.BigEndian.AppendUint32(dst, m.MaxRate)
	}
	if m.HasEpsilon {
		dst = binary.BigEndian.AppendUint64(dst, math.Float64bits(m.Epsilon))
	}
	if m.HasHistory {
		dst = binary.BigEndian.AppendUint32(dst, m.History)
	}
	if m.HasWindow {
		dst = binary.BigEndian.AppendUint32(dst, m.Window)
	}
	return dst
}

// Unsubscribe ends every subscription the session made under ID.
type Unsubscribe struct{ ID uint32 }

// DecodeUnsubscribe reads an UNSUBSCRIBE payload.
func DecodeUnsubscribe(p []byte) (Unsubscribe, error) {
	r := reader{p: p, what: "UNSUBSCRIBE"}
	r.begin(TypeUnsubscribe)
	m := Unsubscribe{ID: r.u32("id")}
	return m, r.err
}

// AppendUnsubscribe appends an UNSUBSCRIBE payload.
func AppendUnsubscribe(dst []byte, m Unsubscribe) []byte {
	return binary.BigEndian.AppendUint32(append(dst, byte(TypeUnsubscribe)), m.ID)
}

// Query asks which signals exist under Pattern; RESULT answers.
type Query struct{ Pattern []byte }

// DecodeQuery reads a QUERY payload.
func DecodeQuery(p []byte) (Query, error) {
	r := reader{p: p, what: "QUERY"}
	r.begin(TypeQuery)
	m := Query{Pattern: r.string("pattern")}
	return m, r.err
}

// AppendQuery appends a QUERY payload.
func AppendQuery(dst []byte, m Query) []byte {
	return appendString(append(dst, byte(TypeQuery)), m.Pattern)
}

const (
	replayHasFrom  = 0x80
	replayHasTo    = 0x40
	replayHasLimit = 0x20
)

// Replay asks for what was published under Pattern between From and To, both Unix µs, at most Limit messages.
type Replay struct {
	HasFrom, HasTo, HasLimit bool

	Pattern  []byte
	From, To uint64
	Limit    uint32
	Types    uint8
}

// DecodeReplay reads a REPLAY payload.
func DecodeReplay(p []byte) (Replay, error) {
	r := reader{p: p, what: "REPLAY"}
	r.begin(TypeReplay)
	flags := r.u8("flags")
	m := Replay{Pattern: r.string("pattern")}
	if flags&replayHasFrom != 0 {
		m.HasFrom, m.From = true, r.u64("from")
	}
	if flags&replayHasTo != 0 {
		m.HasTo, m.To = true, r.u64("to")
	}
	if flags&replayHasLimit != 0 {
		m.HasLimit, m.Limit = true, r.u32("limit")
	}
	m.Types = r.u8("types")
	return m, r.err
}

// AppendReplay appends a REPLAY payload.
func AppendReplay(dst []byte, m Replay) []byte {
	dst = append(dst, byte(TypeReplay),
		flag(m.HasFrom, replayHasFrom)|flag(m.HasTo, replayHasTo)|flag(m.HasLimit, replayHasLimit))
	dst = appendString(dst, m.Pattern)
	if m.HasFrom {
		dst = binary.BigEndian.AppendUint64(dst, m.From)
	}
	if m.HasTo {
		dst = binary.BigEndian.AppendUint64(dst, m.To)
	}
	if m.HasLimit {
		dst = binary.BigEndian.AppendUint32(dst, m.Limit)
	}
	return append(dst, m.Types)
}
