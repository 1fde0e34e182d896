package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
)

// Record is the stored state of one address.
type Record struct {
	Address  []byte
	Value    []byte // encoded, its code first; nil when only the revision is kept
	Revision uint64
	Writer   []byte // id of the session that set the value
	Written  uint64 // Unix µs
	TTL      uint32 // as on the wire (protocol section 3), 0 = never expires
	Expires  uint64 // Unix µs, 0 = never
	Strategy uint8  // of the conflict rules when it was written, for those who read the file
	Timeline bool   // the value came as a timeline
}

// recordFormat is the first byte of every record's body. A build reads this one only.
const recordFormat = 1

// A record is the length and the CRC32C of its body, u32 each, and the body: format u8,
// flags u8, strategy u8, epoch u32, revision u64, written u64, ttl u32, expires u64,
// address (u16 length and bytes), writer (u16 length and bytes), and the value to the end.
// All numbers are big-endian.
const (
	recordHead  = 8
	recordFixed = 3 + 4 + 8 + 8 + 4 + 8 + 2 + 2
)

const (
	flagTimeline = 1 << iota
	flagGone     // there is no value
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// errRecord is what every damaged record's error is.
var errRecord = errors.New("damaged record")

// appendRecord appends r as written in an epoch.
func appendRecord(dst []byte, r *Record, epoch uint32) []byte {
	start := len(dst)
	var flags byte
	if r.Timeline {
		flags |= flagTimeline
	}
	if r.Value == nil {
		flags |= flagGone
	}
	dst = append(dst, make([]byte, recordHead)...)
	dst = append(dst, recordFormat, flags, r.Strategy)
	dst = binary.BigEndian.AppendUint32(dst, epoch)
	dst = binary.BigEndian.AppendUint64(dst, r.Revision)
	dst = binary.BigEndian.AppendUint64(dst, r.Written)
	dst = binary.BigEndian.AppendUint32(dst, r.TTL)
	dst = binary.BigEndian.AppendUint64(dst, r.Expires)
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(r.Address)))
	dst = append(dst, r.Address...)
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(r.Writer)))
	dst = append(dst, r.Writer...)
	dst = append(dst, r.Value...)
	body := dst[start+recordHead:]
	binary.BigEndian.PutUint32(dst[start:], uint32(len(body)))
	binary.BigEndian.PutUint32(dst[start+4:], crc32.Checksum(body, castagnoli))
	return dst
}

// readRecord reads the first record of b, a view into it. In epoch now, its revision is
// what it must count for.
func readRecord(b []byte, now uint32) (r Record, rest []byte, err error) {
	if len(b) < recordHead {
		return r, nil, fmt.Errorf("%w: %d bytes where its head should be", errRecord, len(b))
	}
	length, sum := binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:])
	if uint64(length) > uint64(len(b)-recordHead) {
		return r, nil, fmt.Errorf("%w: %d bytes stated, %d there", errRecord, length, len(b)-recordHead)
	}
	body, rest := b[recordHead:recordHead+length], b[recordHead+length:]
	if crc32.Checksum(body, castagnoli) != sum {
		return r, nil, fmt.Errorf("%w: its checksum does not fit", errRecord)
	}
	if len(body) < recordFixed || body[0] != recordFormat {
		return r, nil, fmt.Errorf("%w: of another format", errRecord)
	}
	r.Strategy = body[2]
	epoch := recordEpoch(b)
	r.Revision = binary.BigEndian.Uint64(body[7:])
	r.Written = binary.BigEndian.Uint64(body[15:])
	r.TTL = binary.BigEndian.Uint32(body[23:])
	r.Expires = binary.BigEndian.Uint64(body[27:])
	r.Timeline = body[1]&flagTimeline != 0
	tail := body[35:]
	var ok bool
	if r.Address, tail, ok = cut(tail); !ok {
		return r, nil, fmt.Errorf("%w: its address does not fit in", errRecord)
	}
	if r.Writer, tail, ok = cut(tail); !ok {
		return r, nil, fmt.Errorf("%w: its writer does not fit in", errRecord)
	}
	if body[1]&flagGone == 0 {
		r.Value = tail
	}
	if epoch > now || r.Revision > math.MaxInt64 {
		return r, nil, fmt.Errorf("%w: epoch %d, revision %d", errRecord, epoch, r.Revision)
	}
	r.Revision += uint64(now-epoch) << epochShift
	return r, rest, nil
}

// recordEpoch is the epoch that the first record of b was written in, once readRecord has
// read it.
func recordEpoch(b []byte) uint32 { return binary.BigEndian.Uint32(b[recordHead+3:]) }

// epochShift says how many revisions an epoch is apart from the next: 2^20.
const epochShift = 20

// cut takes a u16 length and that many bytes off b.
func cut(b []byte) (head, tail []byte, ok bool) {
	if len(b) < 2 {
		return nil, nil, false
	}
	n := 2 + int(binary.BigEndian.Uint16(b))
	if len(b) < n {
		return nil, nil, false
	}
	return b[2:n], b[n:], true
}
