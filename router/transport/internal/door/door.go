// Package door lets TCP connections in, as WebSocket and plain TCP have them. They have their
// place among the router's connections from the moment they are accepted: one that never
// finishes its handshake counts too.
//
// A connection over a limit is let in to be told why, but only a few at a time are: each may
// take its time to listen. The rest is closed at once.
package door

import (
	"errors"
	"net"
	"sync"

	"github.com/clasp-studio/clasp/router"
	"github.com/clasp-studio/clasp/router/transport/internal/network"
	"github.com/clasp-studio/clasp/router/transport/internal/quiet"
)

// Door is a listener of a router's.
type Door struct {
	net.Listener
	router    *router.Router
	transport string
	failed    quiet.Log
	refused   quiet.Log
}

// New makes a door of a listener. transport is its name in logs and metrics.
func New(l net.Listener, r *router.Router, transport string) *Door {
	r.Meter(transport) // shown from the start
	return &Door{Listener: l, router: r, transport: transport}
}

// Visitor is a connection that was let in.
type Visitor struct {
	net.Conn
	Refusal string // why it may not become a session, in words for the client; "" if it may

	meter *router.Meter
	place router.Place
	close sync.Once
}

// Read counts what it reads.
func (v *Visitor) Read(b []byte) (int, error) {
	n, err := v.Conn.Read(b)
	v.Came(n)
	return n, err
}

// Came counts bytes that were read by another way.
func (v *Visitor) Came(n int) { v.meter.Received(n) }

// Went counts bytes that were written by another way.
func (v *Visitor) Went(n int) { v.meter.Sent(n) }

// Write counts what it writes.
func (v *Visitor) Write(b []byte) (int, error) {
	n, err := v.Conn.Write(b)
	v.meter.Sent(n)
	return n, err
}

// Close closes the connection and gives its place free. From the second time on it is
// net.ErrClosed.
func (v *Visitor) Close() error {
	err := net.ErrClosed
	v.close.Do(func() {
		v.place.Leave()
		err = v.Conn.Close()
	})
	return err
}

// Next waits for the next connection. Its errors are those of Accept.
func (d *Door) Next() (*Visitor, error) {
	for {
		c, err := d.Listener.Accept()
		if err != nil {
			// No descriptors left, most likely: net/http tries again for ever, silently.
			if !errors.Is(err, net.ErrClosed) {
				d.failed.Warn(d.router.Logger(), "cannot accept a connection; going on", "transport", d.transport, "error", err)
			}
			return nil, err
		}
		v := &Visitor{Conn: c, meter: d.router.Meter(d.transport)}
		source, ok := network.SourceOf(c.RemoteAddr()), true
		if v.place, err = d.router.Enter(source); err != nil {
			d.refused.Warn(d.router.Logger(), "refused a connection: "+err.Error(), "remote", c.RemoteAddr().String(), "transport", d.transport)
			d.router.CountFailure(d.transport, router.FailedLimit)
			v.Refusal = err.Error()
			v.place, ok = d.router.Tell(source)
		}
		if ok {
			return v, nil
		}
		_ = v.Close()
	}
}
