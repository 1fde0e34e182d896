package ws

import (
	"encoding/binary"
	"errors"
	"net"
	"os"
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

// What has come of a connection.
const (
	cameNothing = iota
	cameBytes   // no whole request
	cameLate    // no whole request, and what was missing has not come in time
	cameRequest // what becomes of it is counted where it is answered
)

// conn is a connection that says when its input is exhausted, and the router's way
// back to the client.
type conn struct {
	*door.Visitor
	out  net.Conn        // what frames are written to: Conn, or the TLS above it
	raw  syscall.RawConn // nil where input cannot be read ahead
	came atomic.Int32    // what has come so far, for who counts those that never become a session

	writing sync.Mutex
	open    bool // there is a session
	said    bool // goodbye has been said, or is about to be: nothing may follow it (RFC 6455 section 5.5.1)
	torn    bool // owned by the flusher: writing is held until Write has brought the rest of a frame

	// Owned by the reader.
	idle  func()  // called when there is nothing more to read; nil before there is a session
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
			n, err := c.Visitor.Read(p)
			c.heard(err)
			return n, err
		}
		if err := c.readAhead(); err != nil {
			c.heard(err)
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

// heard notes that a request has not come in time.
func (c *conn) heard(err error) {
	if came := c.came.Load(); came != cameRequest && errors.Is(err, os.ErrDeadlineExceeded) {
		c.came.CompareAndSwap(came, cameLate)
	}
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
	if !w.torn {
		w.writing.Lock()
	}
	w.torn = false
	defer w.writing.Unlock()
	if w.said {
		return nil // too late: the client has gone
	}
	_, err := w.out.Write(b)
	return err
}

// Limit bounds how long writes may still take.
func (w way) Limit(d time.Duration) { _ = w.Visitor.SetWriteDeadline(time.Now().Add(d)) }

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

// begin says that from now on frames are written.
func (c *conn) begin() {
	c.writing.Lock()
	defer c.writing.Unlock()
	c.open = true
}

// goodbye sends a last frame, unless one has been sent, but does not wait long for room.
func (c *conn) goodbye(frame []byte) {
	_ = c.Visitor.SetWriteDeadline(time.Now().Add(linger)) // a frame that waits for room gives up
	c.writing.Lock()
	defer c.writing.Unlock()
	if !c.said {
		c.said = true
		_, _ = c.out.Write(frame)
	}
}

// SetWriteDeadline is what gorilla calls, through the TLS if there is any, when it is about to say
// goodbye by itself to a client that breaks the WebSocket rules: no other frame may come behind that.
func (c *conn) SetWriteDeadline(t time.Time) error {
	err := c.Visitor.SetWriteDeadline(t) // a frame that waits for room gives up
	c.writing.Lock()
	defer c.writing.Unlock()
	c.said = c.said || c.open // before there is a session it is the HTTP server that calls
	return err
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
