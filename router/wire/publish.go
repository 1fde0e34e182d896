package wire

// PUBLISH: events, streams, gestures, timelines (protocol sections 3 and 8).

import (
	"encoding/binary"
	"strconv"
)

const (
	publishSignalShift  = 5
	publishHasTimestamp = 0x10
	publishHasID        = 0x08
	publishPhaseMask    = 0x07

	publishNothing = 0
	publishValue   = 1
	publishSamples = 2

	sampleSize = 8
	rateSize   = 4
)

// Publish carries a signal. It holds a value, or samples, or neither. Phase means something for gestures only and is else
// kept as it came. Rate, samples a second, is read when four bytes or more follow the message: it has no flag of its own.
type Publish struct {
	Signal  Signal
	Phase   Phase
	Address []byte

	HasValue, HasSamples bool

	Value   Value
	Samples []byte // big-endian f64s, 8 bytes each

	HasTimestamp bool
	Timestamp    uint64 // µs, the sender's clock
	HasID        bool
	ID           uint32
	HasRate      bool
	Rate         uint32

	Size int // bytes of the payload that are the message, rate included; what follows is to be ignored. Not encoded.
}

// DecodePublish reads a PUBLISH payload.
func DecodePublish(p []byte) (m Publish, err error) {
	r := reader{p: p, what: "PUBLISH"}
	r.begin(TypePublish)
	flags := r.u8("flags")
	m.Signal, m.Phase = Signal(flags>>publishSignalShift), Phase(flags&publishPhaseMask)
	if m.Signal > Timeline {
		r.fail("unknown signal "+strconv.Itoa(int(m.Signal)), 1)
	}
	if m.Signal == Gesture && m.Phase > Cancel {
		r.fail("unknown phase "+strconv.Itoa(int(m.Phase)), 1)
	}
	m.Address = r.string("address")
	switch indicator := r.u8("data indicator"); indicator {
	case publishNothing:
	case publishValue:
		m.HasValue = true
		m.Value = r.value(r.u8("value code"))
	case publishSamples:
		m.HasSamples = true
		m.Samples = r.take(int(r.u16("sample count"))*sampleSize, "sample list")
	default:
		r.fail("unknown data indicator "+strconv.Itoa(int(indicator)), r.pos-1)
	}
	if flags&publishHasTimestamp != 0 {
		m.HasTimestamp, m.Timestamp = true, r.u64("timestamp")
	}
	if flags&publishHasID != 0 {
		m.HasID, m.ID = true, r.u32("id")
	}
	if r.left() >= rateSize {
		m.HasRate, m.Rate = true, r.u32("rate")
	}
	m.Size = r.pos
	return m, r.err
}

// AppendPublish appends a PUBLISH payload; a value goes before samples.
func AppendPublish(dst []byte, m Publish) []byte {
	dst = append(dst, byte(TypePublish), byte(m.Signal)<<publishSignalShift|flag(m.HasTimestamp, publishHasTimestamp)|
		flag(m.HasID, publishHasID)|byte(m.Phase))
	dst = appendString(dst, m.Address)
	switch {
	case m.HasValue:
		dst = AppendValue(append(dst, publishValue), m.Value)
	case m.HasSamples:
		dst = append(dst, publishSamples)
		dst = binary.BigEndian.AppendUint16(dst, uint16(len(m.Samples)/sampleSize))
		dst = append(dst, m.Samples...)
	default:
		dst = append(dst, publishNothing)
	}
	if m.HasTimestamp {
		dst = binary.BigEndian.AppendUint64(dst, m.Timestamp)
	}
	if m.HasID {
		dst = binary.BigEndian.AppendUint32(dst, m.ID)
	}
	if m.HasRate {
		dst = binary.BigEndian.AppendUint32(dst, m.Rate)
	}
	return dst
}
