package tcp

// The way in: lengths and frames, however they are cut into segments.

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/clasp-studio/clasp/router"
	"github.com/clasp-studio/clasp/router/wire"
)

// idleBuffer is what a connection holds while nothing comes. It takes dozens of a
// microcontroller's messages at a time.
const idleBuffer = 2 << 10

// read hands frames to the session until the connection ends, and says why it did.
func (s *Server) read(c *conn, sess *router.Session) router.Reason {
	buf := make([]byte, idleBuffer)
	n := 0 // bytes in buf
	for {
		got, err := c.Read(buf[n:])
		n += got
		rest := buf[:n]
		for len(rest) >= lengthSize {
			size := binary.BigEndian.Uint32(rest)
			if reason, why := refusal(size, sess.Limit()); why != "" {
				sess.Fail(reason, wire.CodeBadFrame, why)
				// What the client still sends is passed over until the ERROR is out.
				_, _ = io.Copy(io.Discard, c.Conn)
				return reason
			}
			if uint32(len(rest)-lengthSize) < size {
				break
			}
			end := lengthSize + int(size)
			sess.Receive(rest[lengthSize:end])
			rest = rest[end:]
		}
		sess.Idle()
		switch {
		case errors.Is(err, io.EOF) && len(rest) == 0:
			return router.ReasonClientClosed
		case err != nil:
			return router.ReasonLost
		}
		buf, n = keep(buf, rest)
	}
}

// refusal says why no frame is so long, if none is, for a payload of at most limit bytes. Nothing is allocated for a length:
// the buffer grows with what has come.
func refusal(size uint32, limit int) (router.Reason, string) {
	switch {
	case size == 0:
		return router.ReasonBadFrame, "a length of 0 bytes: a frame has at least 4"
	case uint64(size) > uint64(limit)+wire.MaxHeader:
		return router.ReasonTooBig, fmt.Sprintf("a length of %d bytes: the limit of a message is %d", size, limit)
	}
	return router.ReasonNone, ""
}

// keep moves what is left to the start of a buffer that has room for more, and that is
// small again once a large frame has gone.
func keep(buf, rest []byte) ([]byte, int) {
	switch {
	case len(rest) == len(buf):
		buf = append(rest, make([]byte, len(rest))...)
	case len(buf) > idleBuffer && len(rest) < idleBuffer:
		buf = append(make([]byte, 0, idleBuffer), rest...)[:idleBuffer]
	default:
		copy(buf, rest)
	}
	return buf, len(rest)
}
