// Numbered SETs of very many params. The number of a SET says everything about it, so
// whoever sees one can tell whether it is right.

package main

import (
	"encoding/binary"
	"fmt"

	"github.com/clasp-studio/clasp/router/wire"
)

const (
	numberedPattern = "/bench/many/*"
	numberedAddress = "/bench/many/0000000"
	numberedDigits  = 7
	// numberedStride spreads neighbouring numbers over the params. It has no divisor in
	// common with any count of them, so that each has one number in every count.
	numberedStride = 7919
)

// numbered are the SETs of so many params: number n, from 0, is the value of the param
// n*numberedStride%count and makes its revision n/count+1.
type numbered struct{ count uint64 }

func (k numbered) param(n uint64) uint64    { return n * numberedStride % k.count }
func (k numbered) revision(n uint64) uint64 { return n/k.count + 1 }

// address appends the address of what number n writes.
func (k numbered) address(dst []byte, n uint64) []byte {
	dst = append(dst, numberedAddress...)
	putDigits(dst[len(dst)-numberedDigits:], k.param(n))
	return dst
}

func putDigits(digits []byte, x uint64) {
	for i := len(digits) - 1; i >= 0; i-- {
		digits[i] = '0' + byte(x%10)
		x /= 10
	}
}

// value appends the value of number n, its code first.
func (numbered) value(dst []byte, n uint64) []byte {
	return binary.BigEndian.AppendUint64(append(dst, wire.I64Code), n)
}

// template returns a SET as it goes out on l, for fill.
func (numbered) template(l *link, q wire.QoS) []byte {
	return l.message(nil, q, wire.AppendSet(nil, wire.Set{
		Address: []byte(numberedAddress), Value: wire.Value{Code: wire.I64Code, Data: make([]byte, 8)},
	}))
}

// fill makes a template number n. A SET ends with its address and 8 bytes of value.
func (k numbered) fill(message []byte, n uint64) {
	value := message[len(message)-8:]
	binary.BigEndian.PutUint64(value, n)
	putDigits(message[len(message)-8-numberedDigits:len(message)-8], k.param(n))
}

// checkAck says whether p is the ACK of number n.
func (k numbered) checkAck(p []byte, n uint64) error {
	const revisionAt = addressAt + len(numberedAddress)
	if wire.Type(p[0]) != wire.TypeAck || len(p) != revisionAt+8 {
		return unexpected(p)
	}
	var digits [numberedDigits]byte
	putDigits(digits[:], k.param(n))
	address := p[addressAt:revisionAt]
	revision := binary.BigEndian.Uint64(p[revisionAt:])
	if string(address[len(address)-numberedDigits:]) != string(digits[:]) || revision != k.revision(n) {
		return fmt.Errorf("number %d got an ACK for %s at revision %d, want %s at %d", n, address, revision, digits, k.revision(n))
	}
	return nil
}

// check says whether a param may be as a SET or a snapshot tells it, and which number
// has made it so.
func (k numbered) check(address []byte, v wire.Value, revision uint64) (n uint64, err error) {
	if v.Code != wire.I64Code || len(address) != len(numberedAddress) {
		return 0, fmt.Errorf("%s has a value of code %d", address, v.Code)
	}
	n = binary.BigEndian.Uint64(v.Data)
	var digits [numberedDigits]byte
	putDigits(digits[:], k.param(n))
	if string(address[len(address)-numberedDigits:]) != string(digits[:]) || revision != k.revision(n) {
		return 0, fmt.Errorf("%s has the value %d at revision %d, which belongs to %s at %d", address, n, revision, digits, k.revision(n))
	}
	return n, nil
}
