package client

// Plain TCP (protocol section 12): each frame behind its length, both ways.

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/url"
)

// maxFrame is the longest a frame can be: 12 bytes of header and 65535 of payload.
const maxFrame = 12 + 65535

// stream is a carrier.
type stream struct {
	*net.TCPConn

	// Owned by the reader.
	in  *bufio.Reader
	buf []byte
}

func dialTCP(ctx context.Context, address string, _ *tls.Config) (carrier, error) {
	conn, err := dialNet(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return &stream{TCPConn: conn.(*net.TCPConn), in: bufio.NewReaderSize(conn, 32<<10)}, nil
}

// dialNet connects to the host and port of a URL.
func dialNet(ctx context.Context, network, address string) (net.Conn, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBadURL, err)
	}
	conn, err := new(net.Dialer).DialContext(ctx, network, u.Host)
	if err != nil && ctx.Err() != nil {
		err = ctx.Err()
	}
	return conn, err
}

func (*stream) refuses([]byte) string { return "" }

func (s *stream) frame(dst, frame []byte) []byte {
	return append(binary.BigEndian.AppendUint32(dst, uint32(len(frame))), frame...)
}

func (s *stream) next(func(raw []byte)) ([]byte, error) {
	var length [4]byte
	if _, err := io.ReadFull(s.in, length[:]); err != nil {
		return nil, err
	}
	size := binary.BigEndian.Uint32(length[:])
	if size == 0 || size > maxFrame {
		return nil, fmt.Errorf("the router says that a frame of %d bytes follows: is this its TCP port?", size)
	}
	if int(size) > cap(s.buf) {
		s.buf = make([]byte, size)
	}
	_, err := io.ReadFull(s.in, s.buf[:size])
	return s.buf[:size], err
}

// goodbye ends our half.
func (s *stream) goodbye() error { return s.CloseWrite() }
