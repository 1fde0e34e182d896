package udp_test

// What is counted of the socket: the bytes of datagrams, whoever they are of.

import (
	"testing"

	"github.com/clasp-studio/clasp/router"
	"github.com/clasp-studio/clasp/router/internal/kit"
	"github.com/clasp-studio/clasp/router/wire"
)

func TestCounted(t *testing.T) {
	r, addr := start(t, router.Limits{})
	c := dial(t, addr)
	bytes := &kit.Bytes{Conn: c.Conn}
	c.Conn = bytes
	c.send(t, wire.Fire, wire.AppendPing(nil)) // before there is a session
	c.expectError(t, wire.CodeUnauthenticated)
	c.send(t, wire.Fire, kit.Hello)
	c.expect(t, wire.TypeWelcome)
	c.send(t, wire.Fire, wire.AppendPing(nil))
	for range 2 { // the SNAPSHOT and the PONG
		c.next(t)
	}
	bytes.Agrees(t, r, "udp")
	if way := r.Counted().Transports["udp"]; way.Opened != 1 {
		t.Errorf("%d opened", way.Opened)
	}
}
