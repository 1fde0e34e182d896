package kit

import (
	"net"
	"testing"

	"github.com/clasp-studio/clasp/router"
)

// Bytes is a connection that counts what goes through it, for one goroutine.
type Bytes struct {
	net.Conn
	In, Out uint64
}

// Read counts what it reads.
func (b *Bytes) Read(p []byte) (int, error) {
	n, err := b.Conn.Read(p)
	b.In += uint64(n)
	return n, err
}

// Write counts what it writes.
func (b *Bytes) Write(p []byte) (int, error) {
	n, err := b.Conn.Write(p)
	b.Out += uint64(n)
	return n, err
}

// Agrees waits until a router, whose only client it is, has counted as much the other way round.
func (b *Bytes) Agrees(t testing.TB, r *router.Router, transport string) {
	t.Helper()
	if !Poll(func() bool {
		c := r.Counted().Transports[transport]
		return c.ReceivedBytes == b.Out && c.SentBytes == b.In
	}) {
		c := r.Counted().Transports[transport]
		t.Errorf("%s: %d bytes received of %d, %d sent of %d", transport, c.ReceivedBytes, b.Out, c.SentBytes, b.In)
	}
}
