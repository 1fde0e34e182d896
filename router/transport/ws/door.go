package ws

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"syscall"

	"github.com/clasp-studio/clasp/router/transport/internal/door"
)

// listener lets connections in. What it accepts are *conn.
type listener struct{ *door.Door }

// Accept returns the next connection that may go on to a handshake.
func (l listener) Accept() (net.Conn, error) {
	v, err := l.Next()
	if err != nil {
		return nil, err
	}
	c := &conn{Visitor: v, out: v.Conn}
	if sc, ok := v.Conn.(syscall.Conn); ok {
		if raw, err := sc.SyscallConn(); err == nil {
			c.raw = raw
		}
	}
	return c, nil
}

// connKey is where a request's context has its connection.
type connKey struct{}

func withConn(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, below(c))
}

// connOf returns the connection that a request came over.
func connOf(r *http.Request) *conn {
	c, _ := r.Context().Value(connKey{}).(*conn)
	return c
}

// below returns the connection that the door let in, under the TLS if there is any.
func below(c net.Conn) *conn {
	if secure, ok := c.(*tls.Conn); ok {
		c = secure.NetConn()
	}
	ours, _ := c.(*conn)
	return ours
}
