package ws

import (
	"context"
	"crypto/tls"
	"net"
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

// refusalKey is where a request's context says why its connection was refused.
type refusalKey struct{}

func withRefusal(ctx context.Context, c net.Conn) context.Context {
	if ours := below(c); ours != nil && ours.Refusal != "" {
		return context.WithValue(ctx, refusalKey{}, ours.Refusal)
	}
	return ctx
}

// below returns the connection that the door let in, under the TLS if there is any.
func below(c net.Conn) *conn {
	if secure, ok := c.(*tls.Conn); ok {
		c = secure.NetConn()
	}
	ours, _ := c.(*conn)
	return ours
}
