package wire

// BUNDLE: messages to be applied together (protocol sections 3 and 8).

import "encoding/binary"

const (
	bundleHasTimestamp = 0x80
	minBundleItemSize  = 2 // its length
)

// Bundle is a list of Count messages, read with Next, to be applied at Timestamp (Unix µs) or at once.
type Bundle struct {
	HasTimestamp bool
	Timestamp    uint64
	Count        int
	items        list
}

// DecodeBundle reads a BUNDLE payload. The lengths of the inner payloads are checked, the payloads themselves are not.
func DecodeBundle(p []byte) (Bundle, error) {
	r := reader{p: p, what: "BUNDLE"}
	r.begin(TypeBundle)
	flags := r.u8("flags")
	m := Bundle{Count: int(r.u16("count"))}
	if flags&bundleHasTimestamp != 0 {
		m.HasTimestamp, m.Timestamp = true, r.u64("timestamp")
	}
	r.enoughFor(m.Count, minBundleItemSize, "count")
	m.items = list{m.Count, r}
	for n := m.Count; n > 0 && r.err == nil; n-- {
		r.bytes("message")
	}
	return m, r.err
}

// Next returns the next inner payload, type byte first, false after the last.
func (b *Bundle) Next() (payload []byte, ok bool) {
	if !b.items.more() {
		return nil, false
	}
	return b.items.rest.bytes("message"), true
}

// BeginBundle appends the start of a BUNDLE payload without messages. Append those, then call SetBundleCount.
func BeginBundle(dst []byte, hasTimestamp bool, timestamp uint64) []byte {
	dst = append(dst, byte(TypeBundle), flag(hasTimestamp, bundleHasTimestamp), 0, 0)
	if hasTimestamp {
		dst = binary.BigEndian.AppendUint64(dst, timestamp)
	}
	return dst
}

// AppendBundleMessage appends one inner payload. One over MaxPayload bytes is CodeBadValue and nothing is appended.
func AppendBundleMessage(dst, payload []byte) ([]byte, error) {
	if len(payload) > MaxPayload {
		return dst, protocolErrorf(CodeBadValue, "BUNDLE: a message of %d bytes is over the %d one may have", len(payload), MaxPayload)
	}
	return appendString(dst, payload), nil
}

// SetBundleCount writes the number of messages, at most 65535, into a BUNDLE payload.
func SetBundleCount(payload []byte, n int) { binary.BigEndian.PutUint16(payload[2:], uint16(n)) }
