package client

// UDP (protocol section 12): one frame a datagram. Nothing but HELLO is said twice, so what else is lost stays lost: a request
// whose answer does not come ends with its context. While it waits, the answer to another one about the same address may be
// taken for its own; whoever must know uses one request an address at a time, or another transport.

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/clasp-studio/clasp/router/internal/datagram"
	"github.com/clasp-studio/clasp/router/wire"
)

// HELLO is said again after these waits, until the session is open.
const firstAgain, longestAgain = 200 * time.Millisecond, 2 * time.Second

// atOnce is how many datagrams one system call takes in; each has 64 KiB of room.
const atOnce = 8

var errNoSession = errors.New("the router has no session for this client any more")

// datagrams is a carrier.
type datagrams struct {
	*datagram.Socket

	// Owned by the reader.
	arrived  []datagram.Message // read, and not handed out yet
	welcomed bool

	// Owned by the writer.
	list [][]byte

	mu    sync.Mutex
	hello []byte      // the first frame; nil once the session is open
	again *time.Timer // says it again
}

func dialUDP(ctx context.Context, address string, _ *tls.Config) (carrier, error) {
	conn, err := dialNet(ctx, "udp", address)
	if err != nil {
		return nil, err
	}
	socket, err := datagram.New(conn.(*net.UDPConn), atOnce)
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return &datagrams{Socket: socket}, nil
}

func (d *datagrams) frame(dst, frame []byte) []byte { return append(dst, frame...) }

// Write sends frames, each in a datagram. The first is HELLO, which is said again until the session is open.
func (d *datagrams) Write(b []byte) (int, error) {
	d.mu.Lock()
	if d.hello == nil && d.again == nil {
		var err error
		if b, err = padded(b); err != nil {
			d.mu.Unlock()
			return 0, err
		}
		d.hello = append([]byte{}, b...)
		d.again = time.AfterFunc(firstAgain, func() { d.sayAgain(firstAgain) })
	}
	d.mu.Unlock()
	d.list = d.list[:0]
	for rest := b; len(rest) > 0; {
		size, err := wire.FrameSize(rest)
		if err != nil || size == 0 || size > len(rest) {
			return 0, fmt.Errorf("the next %d bytes are no whole frame", len(rest)) // cannot be: the link makes them
		}
		if size > datagram.MaxSize {
			return 0, fmt.Errorf("a message of %d bytes is over the %d that a datagram holds", size, datagram.MaxSize)
		}
		d.list = append(d.list, rest[:size:size])
		rest = rest[size:]
	}
	if err := d.Socket.Write(datagram.Way{}, d.list); errors.Is(err, net.ErrClosed) || errors.Is(err, syscall.ECONNREFUSED) {
		return 0, err
	}
	return len(b), nil // what the system would not send is lost, like any other
}

// helloSize is the least size of a HELLO. An address that has sent one datagram gets less than three times its bytes (section
// 12), and that has to do for WELCOME, whatever the router's name.
const helloSize = 128

// padded makes a frame long enough. What is left over after a message is ignored (section 3).
func padded(frame []byte) ([]byte, error) {
	if len(frame) >= helloSize {
		return frame, nil
	}
	f, _, err := wire.ReadFrame(frame)
	if err != nil {
		return nil, err
	}
	payload := append(append(make([]byte, 0, helloSize), f.Payload...), make([]byte, helloSize-len(frame))...)
	return wire.AppendFrame(nil, f.QoS, payload)
}

// sayAgain says HELLO again, and again later.
func (d *datagrams) sayAgain(waited time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.hello == nil {
		return
	}
	_ = d.Socket.Write(datagram.Way{}, [][]byte{d.hello}) // lost like any other
	wait := min(2*waited, longestAgain)
	d.again = time.AfterFunc(wait, func() { d.sayAgain(wait) })
}

// opening reports whether the session is still to be opened.
func (d *datagrams) opening() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.hello != nil
}

// opened stops saying HELLO.
func (d *datagrams) opened() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.hello != nil {
		d.hello = nil
		d.again.Stop()
	}
}

func (d *datagrams) next(func(raw []byte)) ([]byte, error) {
	for {
		for len(d.arrived) > 0 {
			b := d.arrived[0].Data
			d.arrived = d.arrived[1:]
			use, err := d.sort(b)
			if use || err != nil {
				return b, err
			}
		}
		messages, err := d.Read()
		if err != nil {
			return nil, err
		}
		d.arrived = messages
	}
}

// sort reports whether a datagram is for the link. While the session opens, what overtakes WELCOME is passed over: it comes
// again. Afterwards, an ERROR 300 says that the router does not know us any more.
func (d *datagrams) sort(b []byte) (use bool, err error) {
	payload := payloadOf(b)
	if len(payload) == 0 {
		return false, nil // not from a router
	}
	switch wire.Type(payload[0]) {
	case wire.TypeWelcome:
		if d.welcomed {
			return false, nil // the answer to a HELLO that was said again is the same
		}
		d.welcomed = true
		d.prove()
		return true, nil
	case wire.TypeSnapshot:
		if d.welcomed {
			d.opened()
		}
	case wire.TypeError:
		if m, bad := wire.DecodeError(payload); bad == nil {
			if d.welcomed && m.Code == wire.CodeUnauthenticated && !m.HasAddress {
				return false, errNoSession
			}
			// A param that is too large for a datagram is no matter for the handshake.
			return !m.HasAddress || !d.opening(), nil
		}
	}
	return d.welcomed, nil
}

// payloadOf returns the payload of a datagram that is a frame, nil of another.
func payloadOf(b []byte) []byte {
	f, _, err := wire.ReadFrame(b)
	if err != nil {
		return nil
	}
	return f.Payload
}

// prove says HELLO a second time at once: the router holds a large SNAPSHOT back until it has heard from us twice, and if the
// SNAPSHOT was lost, it sends another.
func (d *datagrams) prove() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.hello != nil {
		_ = d.Socket.Write(datagram.Way{}, [][]byte{d.hello}) // lost like any other
	}
}

// Close closes the socket.
func (d *datagrams) Close() error {
	d.opened()
	return d.Socket.Close()
}

// goodbye only ends the reading: UDP has no goodbye, and the router ends the session when it has been silent for 30 s.
func (d *datagrams) goodbye() error { return d.SetReadDeadline(time.Now()) }
