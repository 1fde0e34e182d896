// The ways to a router besides plain WebSocket over TCP, which is connect in link.go.

package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/clasp-studio/clasp/router/cert"
)

// way opens a connection to a router, without a session yet, that has a deadline of
// patience.
type way func(addr string) (*link, error)

// connectTLS is connect over TLS.
func connectTLS(addr string, trust *tls.Config) (*link, error) {
	l, err := connect(addr)
	if err == nil {
		l.Conn = tls.Client(l.Conn, trust)
	}
	return l, err
}

// quicWindow is room for all that the closed loop has under way to one subscriber, so
// that no connection waits for room: its readers always read.
const quicWindow = 1 << 20

// connectQUIC opens a connection and its stream, through a socket of its own if from is nil.
func connectQUIC(from *quic.Transport, addr string, trust *tls.Config) (*link, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	// The report says what there is to say about this machine; the router has hinted.
	if err := os.Setenv("QUIC_GO_DISABLE_RECEIVE_BUFFER_WARNING", "true"); err != nil {
		return nil, err
	}
	trust = trust.Clone()
	trust.NextProtos = []string{"clasp/2"}
	dial := func(c *quic.Config) (*quic.Conn, error) { return quic.DialAddr(ctx, addr, trust, c) }
	if from != nil {
		to, err := net.ResolveUDPAddr("udp", addr)
		if err != nil {
			return nil, err
		}
		dial = func(c *quic.Config) (*quic.Conn, error) { return from.Dial(ctx, to, trust, c) }
	}
	c, err := dial(&quic.Config{
		InitialStreamReceiveWindow: quicWindow, MaxStreamReceiveWindow: quicWindow,
		InitialConnectionReceiveWindow: quicWindow, MaxConnectionReceiveWindow: quicWindow,
	})
	if err != nil {
		return nil, fmt.Errorf("connect over QUIC to %s: %w", addr, err)
	}
	s, err := c.OpenStreamSync(ctx)
	if err != nil {
		_ = c.CloseWithError(0, "")
		return nil, fmt.Errorf("open the stream to %s: %w", addr, err)
	}
	l := &link{Conn: quicConn{s, c}, bare: true}
	return l, l.SetDeadline(time.Now().Add(patience))
}

// quicConn is a QUIC connection that is used for its one stream.
type quicConn struct {
	*quic.Stream
	conn *quic.Conn
}

func (q quicConn) LocalAddr() net.Addr  { return q.conn.LocalAddr() }
func (q quicConn) RemoteAddr() net.Addr { return q.conn.RemoteAddr() }
func (q quicConn) Close() error         { return q.conn.CloseWithError(0, "") }

// dialUDP has a session with a frame in each datagram. A router listens for UDP after it
// does for WebSocket, and a datagram that comes before that is lost.
func dialUDP(addr string) (*link, error) {
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		l, err := tryUDP(addr)
		if err == nil || time.Now().After(deadline) {
			return l, err
		}
	}
}

func tryUDP(addr string) (*link, error) {
	c, err := net.Dial("udp", addr)
	if err != nil {
		return nil, err
	}
	l := &link{Conn: c, bare: true}
	err = l.SetDeadline(time.Now().Add(patience / 10))
	if err == nil {
		err = l.hello()
	}
	if err == nil {
		// What is too long for an answer to HELLO waits for this: by then it is known that
		// the address has not been invented.
		err = l.ping()
	}
	if err != nil {
		_ = l.Close()
		return nil, fmt.Errorf("connect to the router at udp %s: %w", addr, err)
	}
	return l, l.SetDeadline(time.Time{})
}

// freePort finds a UDP port that is free now.
func freePort() (addr, port string, err error) {
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return "", "", fmt.Errorf("find a free port: %w", err)
	}
	addr = c.LocalAddr().String()
	if _, port, err = net.SplitHostPort(addr); err != nil {
		return "", "", err
	}
	return addr, port, c.Close()
}

// certified makes a certificate in dir, as clasp tls init does, and returns the flags that
// have a router show it, and what trusts it.
func certified(dir string) (flags []string, trust *tls.Config, err error) {
	const host = "127.0.0.1"
	now := time.Now()
	authority, err := cert.MakeAuthority("clasp-bench", now)
	if err != nil {
		return nil, nil, err
	}
	files, err := cert.MakeServer(authority, []string{host}, 1, now)
	if err != nil {
		return nil, nil, err
	}
	shown, key := filepath.Join(dir, "server.pem"), filepath.Join(dir, "server-key.pem")
	if err := errors.Join(os.WriteFile(shown, files.Cert, 0o600), os.WriteFile(key, files.Key, 0o600)); err != nil {
		return nil, nil, err
	}
	roots := x509.NewCertPool()
	roots.AddCert(authority.Leaf)
	return []string{"--tls-cert", shown, "--tls-key", key}, &tls.Config{RootCAs: roots, ServerName: host}, nil
}
