// One raw connection of the load generator: WebSocket by hand, because a library
// would cost more than the server that is measured. Over other transports (way.go) the
// frames go as they are.

package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/clasp-studio/clasp/cmd/clasp-bench/internal/process"
	"github.com/clasp-studio/clasp/router/wire"
)

const (
	// inputSize is how much a connection reads at once, until a larger message comes.
	// 100 of them stay in the cache.
	inputSize = 16 << 10
	// inputLimit is room for the largest message there is, twice.
	inputLimit = 128 << 10
	// patience bounds the wait for an answer, and for what is still under way when a
	// run ends: longer than that, it is lost.
	patience = process.Patience
)

// WebSocket (RFC 6455 section 5.2).
const (
	wsBinary = 0x82 // a whole binary message
	wsClose  = 0x88
	wsMasked = 0x80
	maskSize = 4
)

// link is a connection and what it has read but not yet looked at.
type link struct {
	net.Conn
	bare     bool // CLASP frames one after another, not in WebSocket messages
	buf      []byte
	from, to int
}

func connect(addr string) (*link, error) {
	conn, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		return nil, err
	}
	l := &link{Conn: conn}
	return l, l.SetDeadline(time.Now().Add(patience))
}

// dialRouter connects over WebSocket, says HELLO and, unless pattern is empty, subscribes
// to it. The connection has no deadline then.
func dialRouter(addr, pattern string) (*link, error) {
	l, err := connect(addr)
	if err != nil {
		return nil, err
	}
	return l.join(addr, pattern)
}

// join begins the session of a new connection. One that cannot have it is closed.
func (l *link) join(addr, pattern string) (_ *link, err error) {
	if !l.bare {
		err = l.upgrade()
	}
	if err == nil {
		err = l.greet()
	}
	if err == nil && pattern != "" {
		err = l.subscribe(pattern)
	}
	if err != nil {
		_ = l.Close()
		return nil, fmt.Errorf("connect to the router at %s: %w", addr, err)
	}
	return l, l.SetDeadline(time.Time{})
}

// upgrade makes it a WebSocket connection.
func (l *link) upgrade() error {
	_, err := fmt.Fprintf(l, "GET /clasp HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: clasp\r\n\r\n", l.RemoteAddr())
	for whole := false; err == nil && !whole; {
		if err = l.fill(); err != nil {
			return fmt.Errorf("upgrade: %w", err)
		}
		var head []byte
		head, _, whole = bytes.Cut(l.buf[:l.to], []byte("\r\n\r\n"))
		if whole && !bytes.HasPrefix(head, []byte("HTTP/1.1 101 ")) {
			return fmt.Errorf("upgrade refused: %q", head)
		}
	}
	l.from = l.to // a router says nothing before HELLO
	return err
}

// greet says HELLO and waits until the session has begun.
func (l *link) greet() error {
	err := l.hello()
	if err == nil {
		_, err = l.await(wire.TypeWelcome)
	}
	if err == nil {
		_, err = l.await(wire.TypeSnapshot) // there is always one (protocol section 5.3)
	}
	return err
}

func (l *link) hello() error {
	_, err := l.Write(l.message(nil, wire.Fire, wire.AppendHello(nil, wire.Hello{Version: wire.Version, Features: 0xf8, Name: []byte("clasp-bench")})))
	return err
}

// subscribe returns when the subscription is in force: messages are answered in
// order, so PONG says so.
func (l *link) subscribe(pattern string) error {
	out := l.message(nil, wire.Fire, wire.AppendSubscribe(nil, wire.Subscribe{ID: 1, Pattern: []byte(pattern), Types: 0xff}))
	if _, err := l.Write(out); err != nil {
		return err
	}
	return l.ping()
}

func (l *link) ping() error {
	if _, err := l.Write(l.message(nil, wire.Fire, wire.AppendPing(nil))); err != nil {
		return err
	}
	_, err := l.await(wire.TypePong)
	return err
}

// await passes over messages until one of type t comes, and returns it. It is a view
// that is good until the next read.
func (l *link) await(t wire.Type) ([]byte, error) {
	for {
		p, err := l.next()
		switch {
		case err != nil:
			return nil, fmt.Errorf("wait for %s: %w", t, err)
		case p == nil:
			if err := l.fill(); err != nil {
				return nil, fmt.Errorf("wait for %s: %w", t, err)
			}
		case wire.Type(p[0]) == t:
			return p, nil
		case wire.Type(p[0]) == wire.TypeError:
			return nil, unexpected(p)
		}
	}
}

// fill reads more, behind what is still incomplete.
func (l *link) fill() error {
	if l.buf == nil {
		l.buf = make([]byte, inputSize)
	}
	if l.from > 0 {
		l.to = copy(l.buf, l.buf[l.from:l.to])
		l.from = 0
	}
	if l.to == len(l.buf) {
		if l.to >= inputLimit {
			return fmt.Errorf("a message of more than %d bytes", inputLimit)
		}
		l.buf = append(l.buf, make([]byte, len(l.buf))...)
	}
	n, err := l.Read(l.buf[l.to:])
	l.to += n
	return err
}

// rest lets go of the input buffer, for a connection that is going to be idle.
func (l *link) rest() {
	if l.from == l.to {
		l.buf, l.from, l.to = nil, 0, 0
	}
}

// next returns the next whole CLASP payload that has been read, nil when there is
// none.
func (l *link) next() ([]byte, error) {
	if l.bare {
		return l.nextFrame()
	}
	return l.nextMessage()
}

func (l *link) nextFrame() ([]byte, error) {
	b := l.buf[l.from:l.to]
	size, err := wire.FrameSize(b)
	if err != nil || size == 0 || size > len(b) {
		return nil, err
	}
	l.from += size
	return payload(b[:size])
}

// nextMessage is next over WebSocket. Its pings are passed over: a router does not end a
// session for one that is not answered as long as a run takes.
func (l *link) nextMessage() ([]byte, error) {
	for {
		b := l.buf[l.from:l.to]
		if len(b) < 2 {
			return nil, nil
		}
		head, size := 2, int(b[1]&^wsMasked)
		switch size {
		case 126:
			if len(b) < 4 {
				return nil, nil
			}
			head, size = 4, int(binary.BigEndian.Uint16(b[2:]))
		case 127:
			if len(b) < 10 {
				return nil, nil
			}
			long := binary.BigEndian.Uint64(b[2:])
			if long > inputLimit {
				return nil, fmt.Errorf("a message of %d bytes", long)
			}
			head, size = 10, int(long)
		}
		if b[1]&wsMasked != 0 {
			head += maskSize // from the relay, which passes on what we have sent; the key is 0
		}
		if len(b) < head+size {
			return nil, nil
		}
		l.from += head + size
		switch b[0] {
		case wsBinary:
			return payload(b[head : head+size])
		case wsClose:
			return nil, fmt.Errorf("closed by the server: %q", b[head:head+size])
		}
	}
}

// payload returns what a frame carries.
func payload(frame []byte) ([]byte, error) {
	f, _, err := wire.ReadFrame(frame)
	if err == nil && len(f.Payload) == 0 {
		err = errors.New("an empty CLASP frame")
	}
	return f.Payload, err
}

// unexpected is the error for a message that has no business here.
func unexpected(p []byte) error {
	if m, err := wire.DecodeError(p); err == nil {
		return fmt.Errorf("the router answers ERROR %d: %s", m.Code, m.Message)
	}
	return fmt.Errorf("unexpected %s: % x", wire.Type(p[0]), p)
}

// message appends a CLASP frame as it goes out on this connection.
func (l *link) message(dst []byte, q wire.QoS, payload []byte) []byte {
	if l.bare {
		return appendFrame(dst, q, payload)
	}
	return appendMessage(dst, q, payload)
}

// appendMessage appends a CLASP frame as the masked WebSocket message of a client.
// The mask key is 0, which leaves the bytes as they are.
func appendMessage(dst []byte, q wire.QoS, payload []byte) []byte {
	size := wire.HeaderSize + len(payload)
	if size < 126 {
		dst = append(dst, wsBinary, wsMasked|byte(size))
	} else {
		dst = append(dst, wsBinary, wsMasked|126, byte(size>>8), byte(size))
	}
	return appendFrame(append(dst, 0, 0, 0, 0), q, payload)
}

func appendFrame(dst []byte, q wire.QoS, payload []byte) []byte {
	dst, err := wire.AppendFrame(dst, q, payload)
	if err != nil {
		panic(err) // the messages of this program are small
	}
	return dst
}
