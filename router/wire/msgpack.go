package wire

// Reading MessagePack (protocol section 4): as much of it as has a place in CLASP, which is all but the extension types.

import (
	"math"
	"strconv"
)

const packedNil = 0xC0

// packed is one MessagePack item, or the head of one that has items of its own. Its code is the value code it is turned
// into: every integer is an I64Code, except that one beyond i64 is an F64Code, as is every float.
type packed struct {
	code    byte
	integer int64
	float   float64 // the number, of integers too
	data    []byte  // of strings and bytes
	n       int     // items of an array, entries of a map
}

// packed reads the next item or head. Counts and lengths have been checked against what is left, and text for UTF-8.
func (r *reader) packed() packed {
	start := r.pos
	head := r.u8("item")
	switch {
	case head < 0x80: // positive fixint
		return packedInt(int64(head))
	case head < 0x90: // fixmap
		return r.packedMap(uint64(head & 0x0F))
	case head < 0xA0: // fixarray
		return r.packedArray(uint64(head & 0x0F))
	case head < 0xC0: // fixstr
		return r.packedString(uint64(head & 0x1F))
	case head >= 0xE0: // negative fixint
		return packedInt(int64(int8(head)))
	}
	switch head {
	case packedNil:
		return packed{code: NullCode}
	case 0xC2, 0xC3:
		return packed{code: BoolCode, integer: int64(head & 1)}
	case 0xC4:
		return r.packedBytes(uint64(r.u8("length")))
	case 0xC5:
		return r.packedBytes(uint64(r.u16("length")))
	case 0xC6:
		return r.packedBytes(uint64(r.u32("length")))
	case 0xCA:
		return packed{code: F64Code, float: float64(math.Float32frombits(r.u32("float")))}
	case 0xCB:
		return packed{code: F64Code, float: math.Float64frombits(r.u64("float"))}
	case 0xCC:
		return packedInt(int64(r.u8("integer")))
	case 0xCD:
		return packedInt(int64(r.u16("integer")))
	case 0xCE:
		return packedInt(int64(r.u32("integer")))
	case 0xCF:
		x := r.u64("integer")
		if x > math.MaxInt64 {
			return packed{code: F64Code, float: float64(x)}
		}
		return packedInt(int64(x))
	case 0xD0:
		return packedInt(int64(int8(r.u8("integer"))))
	case 0xD1:
		return packedInt(int64(int16(r.u16("integer"))))
	case 0xD2:
		return packedInt(int64(int32(r.u32("integer"))))
	case 0xD3:
		return packedInt(int64(r.u64("integer")))
	case 0xD9:
		return r.packedString(uint64(r.u8("length")))
	case 0xDA:
		return r.packedString(uint64(r.u16("length")))
	case 0xDB:
		return r.packedString(uint64(r.u32("length")))
	case 0xDC:
		return r.packedArray(uint64(r.u16("count")))
	case 0xDD:
		return r.packedArray(uint64(r.u32("count")))
	case 0xDE:
		return r.packedMap(uint64(r.u16("count")))
	case 0xDF:
		return r.packedMap(uint64(r.u32("count")))
	}
	r.fail("MessagePack type 0x"+strconv.FormatUint(uint64(head), 16)+" has no CLASP value", start)
	return packed{}
}

func packedInt(x int64) packed {
	return packed{code: I64Code, integer: x, float: float64(x)}
}

func (r *reader) packedString(n uint64) packed {
	start := r.pos
	it := r.packedBytes(n)
	it.code = StringCode
	r.checkUTF8(it.data, "string", start)
	return it
}

func (r *reader) packedBytes(n uint64) packed {
	return packed{code: BytesCode, data: r.take(r.packedSize(n, 1), "string")}
}

func (r *reader) packedArray(n uint64) packed {
	return packed{code: ArrayCode, n: r.packedSize(n, 1)}
}

func (r *reader) packedMap(n uint64) packed {
	return packed{code: MapCode, n: r.packedSize(n, 2)}
}

// packedSize checks a count or length against the bytes left and against what the 16 bits of the binary form can say.
func (r *reader) packedSize(n uint64, itemSize int) int {
	if n > math.MaxUint16 {
		r.fail("size "+strconv.FormatUint(n, 10)+" is over 65535", r.pos)
		return 0
	}
	if !r.enoughFor(int(n), itemSize, "size") {
		return 0
	}
	return int(n)
}

// checkPacked checks one item with all it contains and steps over it. levels is how many arrays and maps deep it may go.
func (r *reader) checkPacked(levels int) {
	it := r.packed()
	if it.code != ArrayCode && it.code != MapCode {
		return
	}
	if levels == 0 {
		r.fail("nested too deep", r.pos)
	}
	for n := it.n; n > 0 && r.err == nil; n-- {
		if it.code == MapCode {
			r.packedKey()
		}
		r.checkPacked(levels - 1)
	}
}

// packedKey reads a map key.
func (r *reader) packedKey() []byte {
	start := r.pos
	key := r.packed()
	if key.code != StringCode {
		r.fail("map key is not a string", start)
	}
	return key.data
}

// appendPacked appends the item, which checkPacked has found good, as code and data of a value.
func (r *reader) appendPacked(dst []byte) []byte {
	it := r.packed()
	switch it.code {
	case NullCode:
		return append(dst, NullCode)
	case BoolCode:
		return appendBool(dst, it.integer != 0)
	case I64Code:
		return appendI64(dst, it.integer)
	case F64Code:
		return appendF64(dst, it.float)
	case StringCode, BytesCode:
		return appendString(append(dst, it.code), it.data)
	}
	dst = appendContainer(dst, it.code, it.n)
	for range it.n {
		if it.code == MapCode {
			dst = appendString(dst, r.packedKey())
		}
		dst = r.appendPacked(dst)
	}
	return dst
}
