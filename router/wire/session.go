package wire

// The messages of a session itself: HELLO, WELCOME, SYNC, PING, PONG, ACK, ERROR (protocol sections 3 and 5).

import "encoding/binary"

// Hello is the first message of a client. An empty Token means none.
type Hello struct {
	Version, Features uint8
	Name, Token       []byte
}

// DecodeHello reads a HELLO payload.
func DecodeHello(p []byte) (Hello, error) {
	r := reader{p: p, what: "HELLO"}
	r.begin(TypeHello)
	m := Hello{Version: r.u8("version"), Features: r.u8("features"), Name: r.string("name"), Token: r.string("token")}
	return m, r.err
}

// AppendHello appends a HELLO payload.
func AppendHello(dst []byte, m Hello) []byte {
	dst = append(dst, byte(TypeHello), m.Version, m.Features)
	dst = appendString(dst, m.Name)
	return appendString(dst, m.Token)
}

// Welcome is the router's answer to HELLO. Time is Unix µs; an empty Token means none.
type Welcome struct {
	Version, Features    uint8
	Time                 uint64
	Session, Name, Token []byte
}

// DecodeWelcome reads a WELCOME payload.
func DecodeWelcome(p []byte) (Welcome, error) {
	r := reader{p: p, what: "WELCOME"}
	r.begin(TypeWelcome)
	m := Welcome{
		Version: r.u8("version"), Features: r.u8("features"), Time: r.u64("time"),
		Session: r.string("session"), Name: r.string("name"), Token: r.string("token"),
	}
	return m, r.err
}

// AppendWelcome appends a WELCOME payload.
func AppendWelcome(dst []byte, m Welcome) []byte {
	dst = append(dst, byte(TypeWelcome), m.Version, m.Features)
	dst = binary.BigEndian.AppendUint64(dst, m.Time)
	dst = appendString(dst, m.Session)
	dst = appendString(dst, m.Name)
	return appendString(dst, m.Token)
}

const (
	syncHasT2 = 1
	syncHasT3 = 2
)

// Sync measures the distance between two clocks; all times are Unix µs (protocol section 5, Time).
type Sync struct {
	HasT2, HasT3 bool
	T1, T2, T3   uint64
}

// DecodeSync reads a SYNC payload.
func DecodeSync(p []byte) (Sync, error) {
	r := reader{p: p, what: "SYNC"}
	r.begin(TypeSync)
	flags := r.u8("flags")
	m := Sync{T1: r.u64("t1")}
	if flags&syncHasT2 != 0 {
		m.HasT2, m.T2 = true, r.u64("t2")
	}
	if flags&syncHasT3 != 0 {
		m.HasT3, m.T3 = true, r.u64("t3")
	}
	return m, r.err
}

// AppendSync appends a SYNC payload.
func AppendSync(dst []byte, m Sync) []byte {
	dst = append(dst, byte(TypeSync), flag(m.HasT2, syncHasT2)|flag(m.HasT3, syncHasT3))
	dst = binary.BigEndian.AppendUint64(dst, m.T1)
	if m.HasT2 {
		dst = binary.BigEndian.AppendUint64(dst, m.T2)
	}
	if m.HasT3 {
		dst = binary.BigEndian.AppendUint64(dst, m.T3)
	}
	return dst
}

// AppendPing appends a PING payload, which is its type and nothing else.
func AppendPing(dst []byte) []byte { return append(dst, byte(TypePing)) }

// AppendPong appends a PONG payload, which is its type and nothing else.
func AppendPong(dst []byte) []byte { return append(dst, byte(TypePong)) }

const (
	ackHasAddress     = 1
	ackHasRevision    = 2
	ackHasLocked      = 4
	ackHasHolder      = 8
	ackHasCorrelation = 16
)

// Ack says that a message was applied. Locked and Holder answer a write that asked for or released a lock.
type Ack struct {
	HasAddress, HasRevision, HasLocked, HasHolder, HasCorrelation bool

	Address     []byte
	Revision    uint64
	Locked      bool
	Holder      []byte
	Correlation uint32
}

// DecodeAck reads an ACK payload.
func DecodeAck(p []byte) (Ack, error) {
	r := reader{p: p, what: "ACK"}
	r.begin(TypeAck)
	flags := r.u8("flags")
	var m Ack
	if flags&ackHasAddress != 0 {
		m.HasAddress, m.Address = true, r.string("address")
	}
	if flags&ackHasRevision != 0 {
		m.HasRevision, m.Revision = true, r.u64("revision")
	}
	if flags&ackHasLocked != 0 {
		m.HasLocked, m.Locked = true, r.u8("locked") != 0
	}
	if flags&ackHasHolder != 0 {
		m.HasHolder, m.Holder = true, r.string("holder")
	}
	if flags&ackHasCorrelation != 0 {
		m.HasCorrelation, m.Correlation = true, r.u32("correlation")
	}
	return m, r.err
}

// AppendAck appends an ACK payload.
func AppendAck(dst []byte, m Ack) []byte {
	flags := flag(m.HasAddress, ackHasAddress) | flag(m.HasRevision, ackHasRevision) | flag(m.HasLocked, ackHasLocked) |
		flag(m.HasHolder, ackHasHolder) | flag(m.HasCorrelation, ackHasCorrelation)
	dst = append(dst, byte(TypeAck), flags)
	if m.HasAddress {
		dst = appendString(dst, m.Address)
	}
	if m.HasRevision {
		dst = binary.BigEndian.AppendUint64(dst, m.Revision)
	}
	if m.HasLocked {
		dst = append(dst, flag(m.Locked, 1))
	}
	if m.HasHolder {
		dst = appendString(dst, m.Holder)
	}
	if m.HasCorrelation {
		dst = binary.BigEndian.AppendUint32(dst, m.Correlation)
	}
	return dst
}

const (
	errorHasAddress     = 1
	errorHasCorrelation = 2
)

// ErrorMessage is an ERROR: a code of protocol section 11, words for a person, and the address it is about.
type ErrorMessage struct {
	Code                       Code
	Message, Address           []byte
	HasAddress, HasCorrelation bool
	Correlation                uint32
}

// DecodeError reads an ERROR payload.
func DecodeError(p []byte) (ErrorMessage, error) {
	r := reader{p: p, what: "ERROR"}
	r.begin(TypeError)
	m := ErrorMessage{Code: Code(r.u16("code")), Message: r.string("message")}
	flags := r.u8("flags")
	if flags&errorHasAddress != 0 {
		m.HasAddress, m.Address = true, r.string("address")
	}
	if flags&errorHasCorrelation != 0 {
		m.HasCorrelation, m.Correlation = true, r.u32("correlation")
	}
	return m, r.err
}

// AppendError appends an ERROR payload.
func AppendError(dst []byte, m ErrorMessage) []byte {
	dst = append(dst, byte(TypeError))
	dst = binary.BigEndian.AppendUint16(dst, uint16(m.Code))
	dst = appendString(dst, m.Message)
	dst = append(dst, flag(m.HasAddress, errorHasAddress)|flag(m.HasCorrelation, errorHasCorrelation))
	if m.HasAddress {
		dst = appendString(dst, m.Address)
	}
	if m.HasCorrelation {
		dst = binary.BigEndian.AppendUint32(dst, m.Correlation)
	}
	return dst
}

// flag returns bit if set, else 0.
func flag(set bool, bit byte) byte {
	if set {
		return bit
	}
	return 0
}
