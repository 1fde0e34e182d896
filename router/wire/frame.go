package wire

// Frames: the header around a payload (protocol section 1).

import "encoding/binary"

const (
	magic = 0x53

	qosShift       = 6
	flagTimestamp  = 1 << 5
	flagEncrypted  = 1 << 4
	flagCompressed = 1 << 3
	encodingBinary = 1

	timestampSize = 8
)

// QoS says how much the sender wants to hear about what became of a message (protocol section 5, Acknowledgement).
type QoS uint8

// The qualities of service.
const (
	Fire    QoS = iota // no answer
	Confirm            // ACK when applied
	Commit             // ACK when stored
)

// String returns the lower-case name.
func (q QoS) String() string { return nameOf("qos", uint8(q), "fire", "confirm", "commit") }

// Frame is one decoded frame. Payload is a view into the bytes it was read from.
type Frame struct {
	QoS          QoS
	HasTimestamp bool
	Timestamp    uint64 // µs, the sender's clock
	Payload      []byte
}

// ReadFrame reads the frame at the start of b and returns what follows it. A wrong magic, too few bytes, QoS 3 and the
// encrypted and compressed bits are CodeBadFrame. The encoding bits are not looked at: clients set them wrongly, IsLegacy
// tells by the payload (protocol section 1).
func ReadFrame(b []byte) (f Frame, rest []byte, err error) {
	if len(b) < HeaderSize {
		return Frame{}, nil, protocolErrorf(CodeBadFrame, "frame: %d bytes are less than the %d of a header", len(b), HeaderSize)
	}
	flags := b[1]
	if err := checkHeader(b[0], flags); err != nil {
		return Frame{}, nil, err
	}
	f.QoS = QoS(flags >> qosShift)
	size := int(binary.BigEndian.Uint16(b[2:]))
	rest = b[HeaderSize:]
	if flags&flagTimestamp != 0 {
		if len(rest) < timestampSize {
			return Frame{}, nil, protocolErrorf(CodeBadFrame, "frame: timestamp runs past the frame at byte %d", HeaderSize)
		}
		f.HasTimestamp, f.Timestamp = true, binary.BigEndian.Uint64(rest)
		rest = rest[timestampSize:]
	}
	if len(rest) < size {
		return Frame{}, nil, protocolErrorf(CodeBadFrame, "frame: header says %d bytes of payload, %d are there", size, len(rest))
	}
	f.Payload = rest[:size:size]
	return f, rest[size:], nil
}

// checkHeader refuses a frame by its first two bytes.
func checkHeader(first, flags byte) error {
	switch {
	case first != magic:
		return protocolErrorf(CodeBadFrame, "frame: first byte is 0x%02x, want the magic 0x%02x", first, magic)
	case QoS(flags>>qosShift) > Commit:
		return protocolErrorf(CodeBadFrame, "frame: QoS 3 is reserved")
	case flags&flagEncrypted != 0:
		return protocolErrorf(CodeBadFrame, "frame: encrypted frames are not supported")
	case flags&flagCompressed != 0:
		return protocolErrorf(CodeBadFrame, "frame: compressed frames are not supported")
	}
	return nil
}

// FrameSize returns how many bytes the frame at the start of b has, its header included, or 0 as long as b is too short to
// tell. It is for byte streams, where the rest of a frame may be still to come; a header that ReadFrame would refuse is
// CodeBadFrame as soon as it shows.
func FrameSize(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	flags := byte(0)
	if len(b) > 1 {
		flags = b[1]
	}
	if err := checkHeader(b[0], flags); err != nil || len(b) < HeaderSize {
		return 0, err
	}
	size := HeaderSize + int(binary.BigEndian.Uint16(b[2:]))
	if flags&flagTimestamp != 0 {
		size += timestampSize
	}
	return size, nil
}

// BeginFrame appends a frame header with no length yet. Append the payload, then call EndFrame with len(dst) as start.
func BeginFrame(dst []byte, q QoS) []byte {
	return append(dst, magic, byte(q)<<qosShift|encodingBinary, 0, 0)
}

// EndFrame writes the length of the frame whose header is at buf[start:] and whose payload is all that follows. A payload
// over MaxPayload is CodeBadValue, and the frame is cut off again: the buffer that comes back ends at start.
func EndFrame(buf []byte, start int) ([]byte, error) {
	size := len(buf) - start - HeaderSize
	if size > MaxPayload {
		return buf[:start], protocolErrorf(CodeBadValue, "frame: a payload of %d bytes is over the %d a frame holds", size, MaxPayload)
	}
	binary.BigEndian.PutUint16(buf[start+2:], uint16(size))
	return buf, nil
}

// AppendFrame appends a whole frame around payload; over MaxPayload it appends nothing and returns CodeBadValue.
func AppendFrame(dst []byte, q QoS, payload []byte) ([]byte, error) {
	start := len(dst)
	return EndFrame(append(BeginFrame(dst, q), payload...), start)
}
