// The values that are written: each one carries the number of its write, so that whoever sees
// it can tell where it came from and whether it is whole.

package soak

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/clasp-studio/clasp/router/wire"
)

// id is the number of a write: 1, 2, 3... over the whole run. A bundle is one write.
type id int64

// valueOf makes a value of a number: the number itself, or so many bytes that begin with it.
func valueOf(n id, size int) wire.Value {
	data := binary.BigEndian.AppendUint64(nil, uint64(n))
	if size == 0 {
		return wire.Value{Code: wire.I64Code, Data: data}
	}
	data = append(data, bytes.Repeat(data[7:], size-8)...)
	return wire.Value{Code: wire.BytesCode, Data: append(binary.BigEndian.AppendUint16(nil, uint16(size)), data...)}
}

// idOf returns the number of a value that is as it was made.
func idOf(v wire.Value) (id, error) {
	data, size := v.Data, 0
	if v.Code == wire.BytesCode && len(data) > 2 {
		data = data[2:]
		size = len(data)
	}
	if len(data) < 8 {
		return 0, fmt.Errorf("a value of type %s in %d bytes, which nobody has written", v.TypeName(), len(v.Data))
	}
	n := id(binary.BigEndian.Uint64(data))
	if want := valueOf(n, size); v.Code != want.Code || !bytes.Equal(v.Data, want.Data) {
		return 0, fmt.Errorf("a damaged value of %d bytes", len(v.Data))
	}
	return n, nil
}

// An event carries the number of its publisher and its place among that one's events: 1, 2, 3...
const placeBits = 32

func eventOf(publisher, place int, size int) wire.Value {
	return valueOf(id(publisher)<<placeBits|id(place), size)
}

func splitEvent(n id) (publisher, place int) {
	return int(n >> placeBits), int(n & (1<<placeBits - 1))
}
