package client

// UDP (protocol section 12): one frame a datagram. Nothing is said twice but what opens the session, so what else is
// lost stays lost: a request whose answer does not come ends with its context. While it waits, the answer to another one about
// the same address may be taken for its own; whoever must know uses one request an address at a time, or another transport.

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"

	"github.com/clasp-studio/clasp/router/internal/datagram"
	"github.com/clasp-studio/clasp/router/wire"
)

// atOnce is how many datagrams one system call takes in; each has 64 KiB of room.
const atOnce = 8

var errNoSession = errors.New("the router has no session for this client any more")

// datagrams is a carrier.
type datagrams struct {
	*datagram.Socket
	opening

	// Owned by the reader.
	arrived []datagram.Message // read, and not handed out yet

	// Owned by the writer.
	list [][]byte
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
	return &datagrams{Socket: socket, opening: opening{socket: socket}}, nil
}

func (d *datagrams) refuses(frames []byte) string {
	for len(frames) > 0 {
		size, err := wire.FrameSize(frames)
		switch {
		case err != nil || size == 0 || size > len(frames):
			return fmt.Sprintf("over UDP frames are sent one by one, and the next %d bytes are none", len(frames))
		case size > datagram.MaxSize:
			return fmt.Sprintf("the message takes %d bytes of the %d that a UDP datagram holds: send it over another transport", size, datagram.MaxSize)
		}
		frames = frames[size:]
	}
	return ""
}

func (d *datagrams) frame(dst, frame []byte) []byte { return append(dst, frame...) }

// Write sends frames, each in a datagram. The first is HELLO.
func (d *datagrams) Write(b []byte) (int, error) {
	d.list = d.list[:0]
	for rest := b; len(rest) > 0; {
		size, _ := wire.FrameSize(rest) // as refuses has found
		d.list = append(d.list, rest[:size:size])
		rest = rest[size:]
	}
	if err := d.begin(d.list); err != nil {
		return 0, err
	}
	if err := d.Socket.Write(datagram.Way{}, d.list); errors.Is(err, net.ErrClosed) || errors.Is(err, syscall.ECONNREFUSED) {
		return 0, err
	}
	return len(b), nil // what the system would not send is lost, like any other
}

func (d *datagrams) next(func(raw []byte)) ([]byte, error) {
	for {
		for len(d.arrived) > 0 {
			b := d.arrived[0].Data
			d.arrived = d.arrived[1:]
			if b, err := d.sort(b); b != nil || err != nil {
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

// Close closes the socket.
func (d *datagrams) Close() error {
	d.silence()
	return d.Socket.Close()
}

// goodbye only ends the reading: UDP has no goodbye, and the router ends the session when it has been silent for 30 s.
func (d *datagrams) goodbye() error { return d.SetReadDeadline(time.Now()) }
