package tcp

// The router's way back to a client: a length before each frame.

import (
	"encoding/binary"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/clasp-studio/clasp/router"
	"github.com/clasp-studio/clasp/router/transport/internal/door"
	"github.com/clasp-studio/clasp/router/transport/internal/frame"
	"github.com/clasp-studio/clasp/router/wire"
)

// linger is how long a client has to take in its last frames before the connection is
// cut. Cut at once, what it has not read yet would be lost with it.
const linger = 2 * time.Second

// lengthSize is the size of the length before each frame.
const lengthSize = 4

type conn struct{ *door.Visitor }

var _ router.Conn = (*conn)(nil)

// chunks are what frames are put together in: what goes out at once.
var chunks = sync.Pool{New: func() any {
	b := make([]byte, 0, chunkSize)
	return &b
}}

// chunkSize has room for a length and the largest frame.
const chunkSize = 80 << 10

// Write sends frames, each with its length.
func (c *conn) Write(frames []byte) error {
	chunk := chunks.Get().(*[]byte)
	defer chunks.Put(chunk)
	out := (*chunk)[:0]
	for len(frames) > 0 {
		size, err := wire.FrameSize(frames)
		if err != nil || size == 0 || size > len(frames) {
			return fmt.Errorf("send frames: the next %d bytes are no whole frame", len(frames)) // cannot be: the router makes them
		}
		if len(out)+lengthSize+size > chunkSize {
			if _, err := c.Visitor.Write(out); err != nil {
				return err
			}
			out = out[:0]
		}
		out = binary.BigEndian.AppendUint32(out, uint32(size))
		out = append(out, frames[:size]...)
		frames = frames[size:]
	}
	_, err := c.Visitor.Write(out)
	return err
}

// Limit bounds how long writes may still take.
func (c *conn) Limit(d time.Duration) { _ = c.SetWriteDeadline(time.Now().Add(d)) }

// Finish ends our half, and lets the client read what is on its way. TCP has no words
// for the reason.
func (c *conn) Finish(router.Reason) {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
	_ = c.SetReadDeadline(time.Now().Add(linger))
}

// Abort closes at once.
func (c *conn) Abort() { _ = c.Close() }

// refuse tells a client for which there is no room why, and closes.
func (c *conn) refuse() {
	defer c.Abort()
	c.Limit(linger)
	text := wire.AppendError(nil, wire.ErrorMessage{Code: wire.CodeOverloaded, Message: []byte(c.Refusal)})
	if c.Write(frame.Of(text)) == nil {
		c.Finish(router.ReasonNone)
		_, _ = io.Copy(io.Discard, c.Conn)
	}
}
