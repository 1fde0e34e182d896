package wire

// Names and numbers: message types, signals, phases, features (protocol section 3).

import "fmt"

// Type is the first byte of a binary payload.
type Type uint8

// Every message type of protocol section 3.
const (
	TypeHello       Type = 0x01
	TypeWelcome     Type = 0x02
	TypeAnnounce    Type = 0x03
	TypeSubscribe   Type = 0x10
	TypeUnsubscribe Type = 0x11
	TypePublish     Type = 0x20
	TypeSet         Type = 0x21
	TypeGet         Type = 0x22
	TypeSnapshot    Type = 0x23
	TypeReplay      Type = 0x24
	TypeBundle      Type = 0x30
	TypeSync        Type = 0x40
	TypePing        Type = 0x41
	TypePong        Type = 0x42
	TypeAck         Type = 0x50
	TypeError       Type = 0x51
	TypeQuery       Type = 0x60
	TypeResult      Type = 0x61
)

// Types returns every message type, in the order of their numbers.
func Types() []Type {
	return []Type{
		TypeHello, TypeWelcome, TypeAnnounce, TypeSubscribe, TypeUnsubscribe, TypePublish, TypeSet, TypeGet, TypeSnapshot,
		TypeReplay, TypeBundle, TypeSync, TypePing, TypePong, TypeAck, TypeError, TypeQuery, TypeResult,
	}
}

// String returns the upper-case name, as legacy messages carry it and errors print it: "SET".
func (t Type) String() string {
	switch t {
	case TypeHello:
		return "HELLO"
	case TypeWelcome:
		return "WELCOME"
	case TypeAnnounce:
		return "ANNOUNCE"
	case TypeSubscribe:
		return "SUBSCRIBE"
	case TypeUnsubscribe:
		return "UNSUBSCRIBE"
	case TypePublish:
		return "PUBLISH"
	case TypeSet:
		return "SET"
	case TypeGet:
		return "GET"
	case TypeSnapshot:
		return "SNAPSHOT"
	case TypeReplay:
		return "REPLAY"
	case TypeBundle:
		return "BUNDLE"
	case TypeSync:
		return "SYNC"
	case TypePing:
		return "PING"
	case TypePong:
		return "PONG"
	case TypeAck:
		return "ACK"
	case TypeError:
		return "ERROR"
	case TypeQuery:
		return "QUERY"
	case TypeResult:
		return "RESULT"
	}
	return fmt.Sprintf("type 0x%02x", uint8(t))
}

// Signal is the kind of a signal.
type Signal uint8

// The five kinds, with the numbers they have on the wire.
const (
	Param Signal = iota
	Event
	Stream
	Gesture
	Timeline
)

// Masks of SUBSCRIBE and REPLAY. 0 and 0xFF both mean every kind.
const (
	MaskParam    = 1
	MaskEvent    = 2
	MaskStream   = 4
	MaskGesture  = 8
	MaskTimeline = 16
)

// Features of HELLO and WELCOME.
const (
	FeatureParam    = 0x80
	FeatureEvent    = 0x40
	FeatureStream   = 0x20
	FeatureGesture  = 0x10
	FeatureTimeline = 0x08
)

// String returns the lower-case name.
func (s Signal) String() string {
	return nameOf("signal", uint8(s), "param", "event", "stream", "gesture", "timeline")
}

// Mask returns the bit that stands for s in a SUBSCRIBE.
func (s Signal) Mask() uint8 { return 1 << s }

// Phase is where in its life a gesture is.
type Phase uint8

// The phases of a gesture.
const (
	Start Phase = iota
	Move
	End
	Cancel
)

// String returns the lower-case name.
func (p Phase) String() string { return nameOf("phase", uint8(p), "start", "move", "end", "cancel") }

func nameOf(kind string, n uint8, names ...string) string {
	if int(n) < len(names) {
		return names[n]
	}
	return fmt.Sprintf("%s %d", kind, n)
}
