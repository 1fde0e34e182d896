package tcp_test

// What is counted of the port: bytes, and connections for which there is no room.

import (
	"bufio"
	"io"
	"testing"

	"github.com/clasp-studio/clasp/router"
	"github.com/clasp-studio/clasp/router/internal/kit"
	"github.com/clasp-studio/clasp/router/wire"
)

func TestCounted(t *testing.T) {
	r, addr := start(t, router.Limits{MaxConnections: 1})
	c := dial(t, addr)
	bytes := &kit.Bytes{Conn: c.Conn}
	c.Conn, c.in = bytes, bufio.NewReader(bytes)
	c.send(t, wire.Fire, kit.Hello)
	c.expect(t, wire.TypeWelcome)
	c.expect(t, wire.TypeSnapshot)
	for i := range 100 {
		c.send(t, wire.Confirm, kit.Set("/a", i))
		c.expect(t, wire.TypeAck)
	}
	bytes.Agrees(t, r, "tcp")

	second := dial(t, addr)
	_, _ = io.ReadAll(second.in) // why there is no room
	way := r.Counted().Transports["tcp"]
	if way.Opened != 1 || way.Failed["limit"] != 1 {
		t.Errorf("%d opened, failed %v", way.Opened, way.Failed)
	}
	c.Conn.Close()
	kit.Eventually(t, "the end to be counted", func() bool {
		return r.Counted().Transports["tcp"].Closed["client_closed"] == 1
	})
}
