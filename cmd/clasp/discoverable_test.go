package main

import (
	"log/slog"
	"net/netip"
	"testing"

	"github.com/clasp-studio/clasp/router/discovery"
)

// TestAnswersUntilClosed: while sessions of the UDP transport last, their socket goes on hearing probes of a router that stops.
func TestAnswersUntilClosed(t *testing.T) {
	links := func() ([]discovery.Link, error) { return discovery.Links(netip.MustParseAddr("127.0.0.1")) }
	d := &discoverable{
		log: slog.New(slog.DiscardHandler), links: links,
		responder: discovery.NewResponder(discovery.Info{ID: "1", Name: "Studio", Port: 7330}, discovery.ResponderOptions{Links: links}),
	}
	at := netip.MustParseAddrPort("127.0.0.1:7331")
	if reply, probe := d.answer([]byte("CLASP-DISCOVER"), at, at); reply == nil || !probe {
		t.Errorf("before: answered %q, probe %v", reply, probe)
	}
	d.close()
	if reply, probe := d.answer([]byte("CLASP-DISCOVER"), at, at); reply != nil || !probe {
		t.Errorf("after: answered %q, probe %v", reply, probe)
	}
}
