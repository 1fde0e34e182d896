package wire

// The cursor all binary decoding goes through: it never reads past the end, and remembers the first thing that went wrong.

import (
	"encoding/binary"
	"unicode/utf8"
)

// reader walks a payload. After a failure it stands at the end, so that every further read fails too and returns zero:
// decoders read all their fields straight down and ask once, at the end, for the error.
type reader struct {
	p    []byte
	pos  int
	what string // the message being read, for errors
	err  error  // a *ProtocolError
}

// begin reads the type byte, which must be t.
func (r *reader) begin(t Type) {
	if r.u8("type") != uint8(t) {
		r.fail("the payload is not of this type", 0)
	}
}

// fail records that something at byte at is wrong, unless something was wrong before.
func (r *reader) fail(problem string, at int) {
	if r.err == nil {
		r.err = protocolErrorf(CodeBadMessage, "%s: %s at byte %d", r.what, problem, at)
	}
	r.pos = len(r.p)
}

// truncated is fail for a field that ends after the payload does. It is kept out of line so that the reads around it stay
// small, and builds no text for the second failure and those after it.
//
//go:noinline
func (r *reader) truncated(field string) (zero uint8) {
	if r.err == nil {
		r.fail(field+" runs past the payload", r.pos)
	}
	return 0
}

func (r *reader) left() int { return len(r.p) - r.pos }

func (r *reader) u8(field string) uint8 {
	if r.pos >= len(r.p) {
		return r.truncated(field)
	}
	r.pos++
	return r.p[r.pos-1]
}

func (r *reader) u16(field string) uint16 {
	if r.left() < 2 {
		r.truncated(field)
		return 0
	}
	x := binary.BigEndian.Uint16(r.p[r.pos:])
	r.pos += 2
	return x
}

func (r *reader) u32(field string) uint32 {
	if r.left() < 4 {
		r.truncated(field)
		return 0
	}
	x := binary.BigEndian.Uint32(r.p[r.pos:])
	r.pos += 4
	return x
}

func (r *reader) u64(field string) uint64 {
	if r.left() < 8 {
		r.truncated(field)
		return 0
	}
	x := binary.BigEndian.Uint64(r.p[r.pos:])
	r.pos += 8
	return x
}

// take returns the next n bytes as a view that cannot grow into what follows it.
func (r *reader) take(n int, field string) []byte {
	if r.left() < n {
		r.truncated(field)
		return nil
	}
	b := r.p[r.pos : r.pos+n : r.pos+n]
	r.pos += n
	return b
}

// bytes reads a u16 length and that many bytes.
func (r *reader) bytes(field string) []byte {
	return r.take(int(r.u16(field)), field)
}

// string reads a u16 length and that many bytes of UTF-8.
func (r *reader) string(field string) []byte {
	s := r.bytes(field)
	r.checkUTF8(s, field, r.pos-len(s))
	return s
}

func (r *reader) checkUTF8(s []byte, field string, at int) {
	if !utf8.Valid(s) {
		r.fail(field+" is not valid UTF-8", at)
	}
}

// enoughFor checks a count against the bytes that are left, given the least bytes one item takes.
func (r *reader) enoughFor(n, itemSize int, field string) bool {
	if n*itemSize > r.left() {
		r.fail(field+" is more than the rest of the payload can hold", r.pos)
		return false
	}
	return true
}

// count reads a u16 count and checks it. What it returns is safe to loop over and to allocate by.
func (r *reader) count(itemSize int, field string) int {
	n := int(r.u16(field))
	if !r.enoughFor(n, itemSize, field) {
		return 0
	}
	return n
}

// list is what is left to read of the items of a message that was checked whole when it was decoded.
type list struct {
	left int
	rest reader
}

// more steps to the next item and says whether there is one.
func (l *list) more() bool {
	if l.left == 0 {
		return false
	}
	l.left--
	return true
}

// signal reads the code of a signal.
func (r *reader) signal(field string) Signal {
	s := Signal(r.u8(field))
	if s > Timeline {
		r.fail(field+" is not a signal", r.pos-1)
	}
	return s
}

// appendString appends a u16 length and s. One over MaxPayload bytes gets a wrong length, which no peer ever sees: the
// payload around it is then over MaxPayload as well, and EndFrame refuses it.
func appendString(dst, s []byte) []byte {
	return append(binary.BigEndian.AppendUint16(dst, uint16(len(s))), s...)
}
