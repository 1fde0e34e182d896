// What refusals, overflows and endings are counted as, and that to count them costs those who send nothing.

package router_test

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/router"
	"github.com/clasp-studio/clasp/router/monitor"
	"github.com/clasp-studio/clasp/router/wire"
)

// TestRefusalsAllocateLittle holds what an ERROR costs, however its address looks: it is remembered while publishers of the
// session may wait.
func TestRefusalsAllocateLittle(t *testing.T) {
	for name, address := range map[string]string{"plain": "/_clasp/x", "hostile": "/_clasp/" + strings.Repeat("\u0301", 500)} {
		s := join(t, openRouter(t))
		frame := setFrame(t, wire.Fire, address)
		for range 100 {
			s.Receive(frame)
		}
		s.Idle()
		if got := testing.AllocsPerRun(1000, func() { s.Receive(frame) }); got > 3.5 {
			t.Errorf("%s: %.2f allocations a refusal, as many as without counting are 3", name, got)
		}
	}
}

// The last ten are shown, in words, oldest first.
func TestRefusalsAreShown(t *testing.T) {
	r := openRouter(t)
	s := join(t, r)
	for i := range 15 {
		s.Receive(setFrame(t, wire.Fire, fmt.Sprintf("/_clasp/%d\u202e", i)))
	}
	s.Idle()
	d, err := r.Client(r.Clients()[0].ID)
	if err != nil || len(d.Recent) != 10 || d.Errors != 15 {
		t.Fatalf("%d of %d are shown, %v", len(d.Recent), d.Errors, err)
	}
	for i, e := range d.Recent {
		if want := fmt.Sprintf(`/_clasp/%d\u202e: `, 5+i); !strings.HasPrefix(e.Text, want) {
			t.Errorf("%q, want %q", e.Text, want)
		}
	}
}

// stuck is a transport whose client takes nothing.
type stuck struct {
	sink
	begun, over chan struct{}
}

func (s stuck) Write([]byte) error {
	s.begun <- struct{}{}
	<-s.over
	return nil
}

// What is given up because it is too much was not sent: it was dropped.
func TestGivenUpIsDropped(t *testing.T) {
	r := openRouter(t)
	begun, over := make(chan struct{}, 10), make(chan struct{})
	s, _ := r.Open(stuck{begun: begun, over: over}, router.Peer{Transport: "stuck", Framing: router.WebSocket})
	t.Cleanup(func() { s.Closed(router.ReasonClientClosed) })
	t.Cleanup(func() { close(over) })
	s.Receive(frameOf(t, wire.Fire, wire.AppendHello(nil, wire.Hello{Version: wire.Version, Name: []byte("stuck")})))
	s.Receive(frameOf(t, wire.Fire, wire.AppendSubscribe(nil, wire.Subscribe{ID: 1, Pattern: []byte("/**"), Types: 0xff})))
	s.Idle()
	<-begun // from here on nothing is taken
	publisher := join(t, r)
	event := frameOf(t, wire.Fire, wire.AppendPublish(nil, wire.Publish{
		Signal: wire.Event, Address: []byte("/e"), HasValue: true,
		Value: wire.Value{Code: wire.BytesCode, Data: append([]byte{0x40, 0}, make([]byte, 0x4000)...)},
	}))
	row := func() (c monitor.Client) {
		for _, c = range r.Clients() {
			if c.Transport == "stuck" {
				break
			}
		}
		return c
	}
	before, n := r.Totals(), uint64(0)
	for c := row(); c.Errors == 0; c = row() {
		publisher.Receive(event)
		publisher.Idle()
		if n++; n > 1000 {
			t.Fatal("16 MB wait, and nothing is said")
		}
	}
	c, total := row(), r.Totals() // the SNAPSHOT may have waited too
	if c.Dropped < n || c.Dropped > n+2 || total.Dropped-before.Dropped != c.Dropped || c.MessagesOut > 4 {
		t.Errorf("of %d events %d are dropped, %d in all; %d messages count as sent", n, c.Dropped, total.Dropped-before.Dropped, c.MessagesOut)
	}
}

// A frame that is too large for a client is not sent to it either.
func TestTooLargeIsDropped(t *testing.T) {
	r := openRouter(t)
	s, _ := r.Open(sink{}, router.Peer{Transport: "udp", Framing: router.Bare, MaxFrame: 600})
	t.Cleanup(func() { s.Closed(router.ReasonClientClosed) })
	s.Receive(frameOf(t, wire.Fire, wire.AppendHello(nil, wire.Hello{Version: wire.Version, Name: []byte("x")})))
	s.Receive(frameOf(t, wire.Fire, wire.AppendSubscribe(nil, wire.Subscribe{ID: 1, Pattern: []byte("/**"), Types: 0xff})))
	s.Idle()
	publisher := join(t, r)
	for range 3 {
		publisher.Receive(frameOf(t, wire.Fire, wire.AppendPublish(nil, wire.Publish{
			Signal: wire.Event, Address: []byte("/e"), HasValue: true,
			Value: wire.Value{Code: wire.BytesCode, Data: append([]byte{3, 0}, make([]byte, 0x300)...)},
		})))
	}
	publisher.Idle()
	if got := r.Totals().Dropped; got != 3 {
		t.Errorf("%d dropped, want 3", got)
	}
}

// Whoever is ending already is gone, and what nobody is sent any more counts for nothing.
func TestEndingIsGone(t *testing.T) {
	r := openRouter(t)
	join(t, r)
	id := r.Clients()[0].ID
	if err := r.Disconnect(id); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := r.Disconnect(id); !errors.Is(err, monitor.ErrGone) {
			t.Errorf("%v", err)
		}
	}
	if got := r.Totals().Errors; got != 1 {
		t.Errorf("%d ERRORs, want the one that was sent", got)
	}
}

// Two addresses never look the same.
func TestUnseenLetters(t *testing.T) {
	r := openRouter(t)
	s := join(t, r)
	for _, c := range "\u3164\u115f\u1160\uffa0\u2800\u034f\u17b4\u17b5\ufe0f" {
		s.Receive(setFrame(t, wire.Fire, "/lumen/x"+string(c)))
		s.Idle()
		want := fmt.Sprintf(`/lumen/x\u%04x`, c)
		if row := r.Values([]string{want})[0]; row.Missing {
			t.Errorf("%s is missing", want)
		}
	}
	for _, name := range r.Addresses(nil, 0, nil) {
		if !strings.HasPrefix(name, `/lumen/x\u`) {
			t.Errorf("%+q", name)
		}
	}
}

// A walk ends when it is told to.
func TestAddressesStop(t *testing.T) {
	r := openRouter(t)
	fill(t, r, 5000)
	looked := 0
	r.Addresses(func(*monitor.Value) bool { looked++; return true }, monitor.NeedValue, func() bool { return looked > 300 })
	if looked < 300 || looked > 320 {
		t.Errorf("%d were looked at", looked)
	}
}

// Megabytes that are announced about an address are no megabytes for who looks at it.
func TestAnnouncedIsCut(t *testing.T) {
	r := openRouter(t)
	s := join(t, r)
	s.Receive(setFrame(t, wire.Fire, "/a"))
	datatype := []byte(strings.Repeat("x", 60_000))
	pattern := "/a"
	for i := range 60 {
		p := wire.BeginAnnounce(nil, []byte("/x"))
		p = wire.AppendAnnounceSignal(p, wire.SignalInfo{Address: []byte(pattern), Signal: wire.Param, HasDatatype: true, Datatype: datatype})
		wire.SetAnnounceCount(p, 1)
		s.Receive(frameOf(t, wire.Fire, p))
		pattern = "/" + strings.Repeat("**/", i+1) + "a"
	}
	s.Idle()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	d, err := r.Address("/a")
	runtime.ReadMemStats(&after)
	if err != nil || !strings.HasPrefix(d.Announced, "param xxx") {
		t.Fatalf("%q, %v", d.Announced, err)
	}
	if got := after.TotalAlloc - before.TotalAlloc; got > 256<<10 {
		t.Errorf("%d KB allocated", got>>10)
	}
}

// What a transport has found out is shown.
func TestTrip(t *testing.T) {
	r := openRouter(t)
	s := join(t, r)
	s.Trip(3 * time.Millisecond)
	s.Trip(0) // not known
	if got := r.Clients()[0].RTT; got != 3*time.Millisecond {
		t.Errorf("RTT %v", got)
	}
}
