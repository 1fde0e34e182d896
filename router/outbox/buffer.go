// Buffers for queues: shared by all of them, so that an idle session holds none.

package outbox

import "sync"

// sizes are those of the buffers that are used again. Each has a pool of its own: in one for
// all, every buffer would once carry a snapshot and stay as large as that, until a message to
// thousands of sessions took thousands of large ones. A larger buffer is made for one queue
// alone: a session that was slow once must not hold its memory for good.
var sizes = [...]int{4 << 10, 32 << 10, 128 << 10}

var buffers [len(sizes)]sync.Pool

// buffer boxes a slice, because putting a bare slice into a pool allocates. Empty
// boxes are pooled too.
type buffer struct{ b []byte }

var boxes = sync.Pool{New: func() any { return new(buffer) }}

// larger returns a buffer with what is in b and room for n bytes more, and takes b back.
func larger(b []byte, n int) []byte {
	need := len(b) + n
	for class, size := range sizes {
		if need <= size {
			l := append(getBuffer(class), b...)
			PutBuffer(b)
			return l
		}
	}
	l := append(make([]byte, 0, max(need, min(2*cap(b), Hard+Lossy))), b...)
	PutBuffer(b)
	return l
}

func getBuffer(class int) []byte {
	box, ok := buffers[class].Get().(*buffer)
	if !ok {
		return make([]byte, 0, sizes[class])
	}
	b := box.b
	box.b = nil
	boxes.Put(box)
	return b[:0]
}

// PutBuffer takes back a buffer that Take gave.
func PutBuffer(b []byte) {
	for class, size := range sizes {
		if cap(b) == size {
			box := boxes.Get().(*buffer)
			box.b = b
			buffers[class].Put(box)
			return
		}
	}
}
