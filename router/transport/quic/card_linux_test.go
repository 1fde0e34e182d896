package quic_test

// A machine whose card changes its address: not a gateway between (see TestMigration), but its own socket sends from another.

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/router/client"
	"github.com/clasp-studio/clasp/router/internal/kit"
	"github.com/clasp-studio/clasp/router/wire"
)

// readdress takes a host's address away, has it send while it has none, and gives it another.
func (h *host) readdress(t *testing.T, from, to string, send func()) {
	t.Helper()
	run := func(args string) {
		t.Helper()
		var err error
		if h.within(func() { err = ip(args) }); err != nil {
			t.Fatal(err)
		}
	}
	run("address del " + from + "/24 dev card")
	before := h.unroutable(t)
	send()
	kit.Eventually(t, "a packet that can go nowhere", func() bool { return h.unroutable(t) != before })
	run("address add " + to + "/24 dev card")
}

// unroutable returns how many packets a host could not send for want of a way (OutNoRoutes), as the kernel writes it.
func (h *host) unroutable(t *testing.T) string {
	t.Helper()
	var text []byte
	var err error
	if h.within(func() { text, err = os.ReadFile("/proc/thread-self/net/snmp") }); err != nil {
		t.Fatal(err)
	}
	var names []string
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "Ip: ") {
			continue
		}
		fields := strings.Fields(line)
		if names == nil {
			names = fields
			continue
		}
		for i, name := range names {
			if name == "OutNoRoutes" {
				return fields[i]
			}
		}
	}
	t.Fatalf("the kernel counts no OutNoRoutes: %s", text)
	return ""
}

// TestCardChanges: a client whose machine gets another address, and for a moment has none, goes on in the same session, with all
// it has subscribed to and locked. So does every session of a router to which that happens, once it has its address again.
func TestCardChanges(t *testing.T) {
	g := start(t)
	f := startFar(t, g, time.Millisecond, 0)
	moving, other := f.dial(t, "quic"), g.dial(t)
	got := make(chan uint64, 1)
	if _, err := moving.Subscribe(t.Context(), "/here", client.SubscribeOptions{}, func(m *client.Message) { got <- m.Revision }); err != nil {
		t.Fatal(err)
	}
	if _, err := moving.Set(t.Context(), "/locked", 1, client.Lock()); err != nil {
		t.Fatal(err)
	}
	session := moving.Session()
	revision, said := uint64(0), uint64(0)
	say := func() {
		said++
		if _, err := moving.Set(t.Context(), "/there", said, client.QoS(wire.Fire)); err != nil {
			t.Error(err)
		}
	}
	hear := func() {
		revision++
		if _, err := other.Set(t.Context(), "/here", revision); err != nil {
			t.Error(err)
		}
	}
	goesOn := func(when string) {
		t.Helper()
		say()
		if p, err := moving.Get(t.Context(), "/there"); err != nil || p.Revision != said {
			t.Errorf("%s: of %d writes %d have come, %v", when, said, p.Revision, err)
		}
		select {
		case n := <-got:
			if n != revision {
				t.Errorf("%s: heard revision %d, not %d", when, n, revision)
			}
		case <-moving.Done():
			t.Fatalf("%s: %v", when, moving.Err())
		}
	}
	address := "10.77.0.1"
	for _, next := range []string{"10.77.0.3", "10.77.0.4", "10.77.0.5"} {
		f.near.readdress(t, address, next, say)
		address = next
		hear()
		goesOn("at " + address)
	}
	f.far.readdress(t, "10.77.0.2", "10.77.0.2", hear)
	goesOn("to a router that had none")
	if moving.Session() != session || g.Stats().Sessions != 2 {
		t.Error("it was not the same session all along")
	}
	if _, err := other.Set(t.Context(), "/locked", 2); !client.IsCode(err, wire.CodeLocked) {
		t.Errorf("its lock has gone: %v", err)
	}
}
