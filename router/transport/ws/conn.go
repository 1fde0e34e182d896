package ws

import (
	"encoding/binary"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/gorilla/websocket"

	"github.com/clasp-studio/clasp/router"
	"github.com/clasp-studio/clasp/router/transport/internal/door"
)

// linger is how long a client has to take in the goodbye before its connection is
// cut. Cut at once, what it has not read yet would be lost with it.
const linger = 2 * time.Second

// conn is a connection that says when its input is exhausted, and the router's way
// back to the client.
type conn struct {
	*door.Visitor
	out  net.Conn        // what frames are written to: Conn, or the TLS above it
	raw  syscall.RawConn // nil where input cannot be read ahead
	said atomic.Bool     // goodbye has been said: nothing may follow it

	// Owned by the reader.
	idle  func()  // called when there is nothing more to read
	ahead []byte  // input read ahead, in buf
	buf   *[]byte // nil while nothing is read ahead
}

// Read returns input that was read ahead, or says that there is none and waits for
// more.
func (c *conn) Read(p []byte) (int, error) {
	if len(c.ahead) == 0 {
		if c.idle != nil {
			c.idle()
		}
		if c.raw == nil {
			return c.Conn.Read(p)
		}
		if err := c.readAhead(); err != nil {
			return 0, err
		}
	}
	n := copy(p, c.ahead)
	if c.ahead = c.ahead[n:]; len(c.ahead) == 0 {
		inputs.Put(c.buf)
		c.buf = nil
	}
	return n, nil
}

// inputs are buffers to read ahead into: gorilla asks for 512 bytes at a time, which
// for small frames would be a system call for every ten. A connection holds one only
// while it has unread input.
var inputs = sync.Pool{New: func() any {
	b := make([]byte, 16<<10)
	return &b
}}

// way is conn as the router sees it.
type way struct{ *conn }

var _ router.Conn = way{}

// Write sends whole frames.
func (w way) Write(b []byte) error {
	if w.said.Load() {
		return nil // too late: the client has gone
	}
	_, err := w.out.Write(b)
	return err
}

// Limit bounds how long writes may still take.
func (w way) Limit(d time.Duration) { _ = w.SetWriteDeadline(time.Now().Add(d)) }

// Finish sends a close frame with the reason, and lets the client read it.
func (w way) Finish(r router.Reason) {
	w.goodbye(closeFrame(int(r.CloseCode()), r.Text()))
	for _, c := range []net.Conn{w.out, w.Conn} { // TLS has an end of its own
		if half, ok := c.(interface{ CloseWrite() error }); ok {
			_ = half.CloseWrite()
		}
	}
	_ = w.SetReadDeadline(time.Now().Add(linger))
}

// Abort closes at once.
func (w way) Abort() { _ = w.conn.Close() }

// goodbye sends a last frame, but does not wait long for room.
func (c *conn) goodbye(frame []byte) {
	c.said.Store(true)
	_ = c.SetWriteDeadline(time.Now().Add(linger))
	_, _ = c.out.Write(frame)
}

// Opcodes of control frames (RFC 6455 section 5.5), with the bit that says that the
// frame is whole.
const (
	opClose = 0x88
	opPing  = 0x89
	opPong  = 0x8a
)

var pingFrame = controlFrame(opPing, nil)

// controlFrame returns a control frame; its payload is at most 125 bytes.
func controlFrame(op byte, payload []byte) []byte {
	payload = payload[:min(len(payload), 125)]
	return append([]byte{op, byte(len(payload))}, payload...)
}

// closeFrame returns a close frame. Codes that must not be on the wire become none.
func closeFrame(code int, text string) []byte {
	if code == websocket.CloseNoStatusReceived || code == websocket.CloseAbnormalClosure {
		return controlFrame(opClose, nil)
	}
	return controlFrame(opClose, append(binary.BigEndian.AppendUint16(nil, uint16(code)), text...))
}

// noBuffers stands in for gorilla's pool of write buffers: the one frame that gorilla
// may write is a goodbye, which needs none to be kept.
type noBuffers struct{}

func (noBuffers) Get() any { return nil }
func (noBuffers) Put(any)  {}
