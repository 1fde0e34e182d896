package ws

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/clasp-studio/clasp/router"
)

// door lets connections in and counts them, in all and by where they come from, from
// the moment they are accepted: one that never finishes its handshake counts too.
//
// A connection over a limit is let in to be told why (HTTP 503), but only a few at a time
// are: it may hold its place until the handshake's time is over, and that must be bounded
// as well. The rest is closed at once.
type door struct {
	net.Listener
	router  *router.Router
	failed  throttled
	refused throttled

	mu   sync.Mutex
	open int
	from map[netip.Addr]int
}

// How many connections over a limit are told why.
const (
	spare       = 64
	spareSource = 4
)

func newDoor(l net.Listener, r *router.Router) *door {
	return &door{Listener: l, router: r, from: make(map[netip.Addr]int)}
}

// Accept returns the next connection that may go on to a handshake, as a *conn.
func (d *door) Accept() (net.Conn, error) {
	for {
		c, err := d.Listener.Accept()
		if err != nil {
			// No descriptors left, most likely: net/http tries again for ever, silently.
			if !errors.Is(err, net.ErrClosed) {
				d.failed.log(d.router.Logger(), "cannot accept a connection; going on", "open", d.count(), "error", err)
			}
			return nil, err
		}
		source := sourceOf(c.RemoteAddr())
		refusal, ok := d.enter(source)
		if refusal != "" {
			d.refused.log(d.router.Logger(), "refused a connection: "+refusal, "remote", c.RemoteAddr().String())
		}
		if !ok {
			_ = c.Close()
			continue
		}
		wrapped := &conn{Conn: c, out: c, refusal: refusal, leave: func() { d.leave(source) }}
		if sc, ok := c.(syscall.Conn); ok {
			if raw, err := sc.SyscallConn(); err == nil {
				wrapped.raw = raw
			}
		}
		return wrapped, nil
	}
}

// enter counts a connection. refusal is why it may not become a session; ok is false when
// it may not even be told, and has not been counted.
func (d *door) enter(source netip.Addr) (refusal string, ok bool) {
	limits := d.router.Limits()
	all, each := limits.MaxConnections, limits.MaxConnectionsPerIP
	d.mu.Lock()
	defer d.mu.Unlock()
	ok = true
	switch here := d.from[source]; {
	case all > 0 && d.open >= all:
		refusal = fmt.Sprintf("this router holds its limit of %d connections", all)
		ok = d.open < all+spare
	case each > 0 && here >= each:
		refusal = fmt.Sprintf("this router holds its limit of %d connections from one address", each)
		ok = here < each+spareSource
	}
	if ok {
		d.open++
		d.from[source]++
	}
	return refusal, ok
}

func (d *door) count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.open
}

func (d *door) leave(source netip.Addr) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.open--
	if d.from[source]--; d.from[source] == 0 {
		delete(d.from, source)
	}
}

// sourceOf is whom a connection counts for: an IPv4 address, or the /64 that one IPv6
// household or hoster's customer has all of.
func sourceOf(a net.Addr) netip.Addr {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.Addr{}
	}
	ip, _ := netip.AddrFromSlice(tcp.IP)
	if ip = ip.Unmap(); ip.Is6() {
		const household = 64
		prefix, _ := ip.WithZone("").Prefix(household) // 64 bits every IPv6 address has
		return prefix.Addr()
	}
	return ip
}

// refusalKey is where a request's context says why its connection was refused.
type refusalKey struct{}

func withRefusal(ctx context.Context, c net.Conn) context.Context {
	if ours := below(c); ours != nil && ours.refusal != "" {
		return context.WithValue(ctx, refusalKey{}, ours.refusal)
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

// throttled logs what may happen a thousand times a second, but not as often.
type throttled struct{ last atomic.Int64 }

func (t *throttled) log(l *slog.Logger, text string, args ...any) {
	const every = 10 * time.Second
	now := time.Now().UnixNano()
	if last := t.last.Load(); now-last >= int64(every) && t.last.CompareAndSwap(last, now) {
		l.Warn(text, args...)
	}
}
