package quic

// From a stream of bytes to whole frames.

import (
	"errors"
	"fmt"
	"io"
	"sync"

	quicgo "github.com/quic-go/quic-go"

	"github.com/clasp-studio/clasp/router"
	"github.com/clasp-studio/clasp/router/wire"
)

var errTooBig = errors.New("frame over the size limit")

// Most frames are small; a buffer that has grown for a large one is kept for others, but
// not one that has grown for the largest.
const (
	smallBuffer = 8 << 10
	keepBuffer  = 64 << 10
)

// buffers are read into. A session holds one only while it has input: nothing, or half a
// frame, is all that waits between two reads.
var buffers = sync.Pool{New: func() any {
	b := make([]byte, smallBuffer)
	return &b
}}

// input splits what comes on a stream into frames.
type input struct {
	stream *quicgo.Stream
	meter  *router.Meter
	first  [1]byte // to wait with
	buf    *[]byte // nil while nothing waits
	done   int     // bytes of buf that have been handed out
	n      int     // bytes in buf
	err    error   // what ended reading
}

// next returns the whole frames that have come, at least one, or an error. They are good
// until the next call. A frame of more than limit bytes is errTooBig; what follows smaller
// ones is held against the limit of the next call, for HELLO raises it.
func (in *input) next(limit int) ([]byte, error) {
	if in.buf != nil {
		in.n = copy(*in.buf, (*in.buf)[in.done:in.n]) // half a frame at most
		in.done = 0
	}
	for {
		if in.n > 0 {
			var bad error
			if in.done, bad = whole((*in.buf)[:in.n], limit); in.done > 0 {
				return (*in.buf)[:in.done], nil
			}
			if bad != nil {
				return nil, bad
			}
		}
		switch {
		case errors.Is(in.err, io.EOF) && in.n > 0:
			return nil, &wire.ProtocolError{Code: wire.CodeBadFrame, Message: fmt.Sprintf("frame: the stream ends %d bytes into it", in.n)}
		case in.err != nil:
			return nil, in.err
		case in.n == 0:
			in.release()
			if _, err := in.stream.Peek(in.first[:]); err != nil {
				return nil, err
			}
			in.buf = buffers.Get().(*[]byte)
		case in.n == len(*in.buf):
			// Grown with what has come, not with what a header announces.
			grown := append(*in.buf, make([]byte, len(*in.buf))...)
			in.buf = &grown
		}
		var got int
		got, in.err = in.stream.Read((*in.buf)[in.n:])
		in.n += got
		in.meter.Received(got)
	}
}

// release gives the buffer back.
func (in *input) release() {
	if in.buf == nil {
		return
	}
	if len(*in.buf) <= keepBuffer {
		buffers.Put(in.buf)
	}
	in.buf, in.done, in.n = nil, 0, 0
}

// whole returns how many bytes at the start of b are whole frames, and what is wrong with
// what follows them.
func whole(b []byte, limit int) (int, error) {
	done := 0
	for {
		size, err := wire.FrameSize(b[done:])
		switch {
		case err != nil:
			return done, err
		case size > limit:
			return done, errTooBig
		case size == 0 || done+size > len(b):
			return done, nil
		}
		done += size
	}
}

// isBadFrame tells an error in what the client sent from one of the connection.
func isBadFrame(err error) bool {
	var bad *wire.ProtocolError
	return errors.As(err, &bad)
}
