package ws

import (
	"encoding/binary"
	"errors"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/gorilla/websocket"

	"github.com/clasp-studio/clasp/router"
)

// linger is how long a client has to take in the goodbye before its connection is
// cut. Cut at once, what it has not read yet would be lost with it.
const linger = 2 * time.Second

// listener makes each connection one of ours and counts it.
type listener struct {
	net.Listener
	open *atomic.Int64
	log  *slog.Logger
	told throttled
}

// throttled logs what may happen a thousand times a second, but not as often.
type throttled struct{ last atomic.Int64 }

func (t *throttled) log(l *slog.Logger, text string, args ...any) {
	const every = 10 * time.Second
	now := time.Now().UnixNano()
	if last := t.last.Load(); now-last >= int64(every) && t.last.CompareAndSwap(last, now) {
		l.Warn(text, args...)
	}
}

func (l *listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		// No descriptors left, most likely: net/http tries again for ever, silently.
		if !errors.Is(err, net.ErrClosed) {
			l.told.log(l.log, "cannot accept a connection; going on", "open", l.open.Load(), "error", err)
		}
		return nil, err
	}
	l.open.Add(1)
	wrapped := &conn{Conn: c, open: l.open}
	if sc, ok := c.(syscall.Conn); ok {
		if raw, err := sc.SyscallConn(); err == nil {
			wrapped.raw = raw
		}
	}
	return wrapped, nil
}

// conn is a connection that says when its input is exhausted, and the router's way
// back to the client.
type conn struct {
	net.Conn
	raw   syscall.RawConn // nil where input cannot be read ahead
	open  *atomic.Int64
	close sync.Once
	said  atomic.Bool // goodbye has been said: nothing may follow it

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

// Close closes once.
func (c *conn) Close() error {
	err := net.ErrClosed
	c.close.Do(func() {
		c.open.Add(-1)
		err = c.Conn.Close()
	})
	return err
}

// way is conn as the router sees it.
type way struct{ *conn }

var _ router.Conn = way{}

// Write sends whole frames.
func (w way) Write(b []byte) error {
	if w.said.Load() {
		return nil // too late: the client has gone
	}
	_, err := w.conn.Conn.Write(b)
	return err
}

// Limit bounds how long writes may still take.
func (w way) Limit(d time.Duration) { _ = w.SetWriteDeadline(time.Now().Add(d)) }

// Finish sends a close frame with the reason, and lets the client read it.
func (w way) Finish(r router.Reason) {
	w.goodbye(closeFrame(int(r.CloseCode()), r.Text()))
	if half, ok := w.Conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
	_ = w.SetReadDeadline(time.Now().Add(linger))
}

// Abort closes at once.
func (w way) Abort() { _ = w.conn.Close() }

// goodbye sends a last frame, but does not wait long for room.
func (c *conn) goodbye(frame []byte) {
	c.said.Store(true)
	_ = c.SetWriteDeadline(time.Now().Add(linger))
	_, _ = c.Conn.Write(frame)
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
