package transport_test

// Promise 6: a bundle is applied whole or not at all.

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/router"
	"github.com/clasp-studio/clasp/router/client"
	"github.com/clasp-studio/clasp/router/internal/kit"
	"github.com/clasp-studio/clasp/router/wire"
)

// setPair sets the two that bundles set, what lies between them, and a param that is locked by a client of its own.
func setPair(t *testing.T, g *ways, between int) {
	t.Helper()
	c := g.client(t)
	for i, addr := range names(between, "/b/m/%03d") {
		set(t, c, addr, kinds(i))
	}
	if _, err := c.Bundle(t.Context(), wire.Confirm, time.Time{}, client.SetItem("/b/a", 0), client.SetItem("/b/z", 0)); err != nil {
		t.Fatal(err)
	}
	set(t, c, "/locked", 1, client.Lock())
}

// writeBundles has two clients write bundles, and one others that are refused.
func (g *ways) writeBundles(t *testing.T, writing *sync.WaitGroup, over *atomic.Bool) {
	t.Helper()
	for _, write := range []func(*testing.T, *client.Client, *atomic.Bool){writePairs, writePairs, writeRefused} {
		c := g.client(t)
		writing.Go(func() { write(t, c, over) })
	}
}

// writePairs sets both at once, again and again, until it is over: in either order, among signals, to values of all kinds.
func writePairs(t *testing.T, c *client.Client, over *atomic.Bool) {
	for n := 0; !over.Load() && !t.Failed(); n++ {
		x := kinds(n)
		items := []client.Item{client.SetItem("/b/z", x), client.PublishItem(client.Publication{Signal: wire.Event, Address: "/e"}), client.SetItem("/b/a", x)}
		if n%8 < 4 {
			slices.Reverse(items)
		}
		if _, err := c.Bundle(t.Context(), wire.Confirm, time.Time{}, items...); err != nil {
			t.Errorf("a bundle: %v", err)
		}
	}
}

// writeRefused does the same with bundles that fail for their last message.
func writeRefused(t *testing.T, c *client.Client, over *atomic.Bool) {
	for !over.Load() && !t.Failed() {
		_, err := c.Bundle(t.Context(), wire.Confirm, time.Time{}, client.SetItem("/b/a", -1), client.SetItem("/b/z", -2), client.SetItem("/locked", 1))
		if !client.IsCode(err, wire.CodeLocked) {
			t.Errorf("a bundle with a locked param: %v", err)
		}
	}
}

// pair is what a reader knows of the two params.
type pair struct {
	who    string
	a, z   uint64          // revisions, which rise together
	params map[string]bool // the others that it has been shown
	slow   bool            // changes of the two have been passed over
}

func newPair(who string) *pair { return &pair{who: who, params: make(map[string]bool)} }

// see takes in a message. It reports whether a snapshot was in it.
func (p *pair) see(payload []byte) (snapshot bool, err error) {
	switch wire.Type(payload[0]) {
	case wire.TypeSet:
		m, err := wire.DecodeSet(payload)
		if err != nil {
			return false, err
		}
		a, z := p.a, p.z
		err = p.note(m.Address, m.Value, m.Revision)
		p.slow = p.slow || a > 0 && p.a > a+1 || z > 0 && p.z > z+1
		return false, err
	case wire.TypeSnapshot:
		m, err := wire.DecodeSnapshot(payload)
		for e, ok := m.Next(); ok && err == nil; e, ok = m.Next() {
			err = p.note(e.Address, e.Value, e.Revision)
		}
		return true, err
	case wire.TypePong:
		return false, nil
	}
	return false, fmt.Errorf("%s gets %v %q", p.who, wire.Type(payload[0]), payload)
}

func (p *pair) note(address []byte, v wire.Value, revision uint64) error {
	if n := kit.Number(v); v.Code == wire.I64Code && n < 0 {
		return fmt.Errorf("%s: %s is %d, of a bundle that was refused", p.who, address, n)
	}
	switch addr := string(address); addr {
	case "/b/a":
		p.a = revision
	case "/b/z":
		p.z = revision
	default:
		p.params[addr] = true
	}
	return nil
}

func (p *pair) known() bool { return p.a > 0 && p.z > 0 }

func (p *pair) half() error {
	return fmt.Errorf("%s: half a bundle: /b/a is at revision %d and /b/z at %d", p.who, p.a, p.z)
}

// bundlesAreWhole: no snapshot that answers SUBSCRIBE, and no two GETs, show half of a bundle, and nothing shows one that was
// refused.
func bundlesAreWhole(t *testing.T, start starter) {
	const looks, between = 400, 80
	g := start(t, unasked)
	setPair(t, g, between)
	var over atomic.Bool
	var writing, reading sync.WaitGroup
	g.writeBundles(t, &writing, &over)
	for range g.over {
		by := g.turn()
		for _, look := range []func(*conn) (int, error){lookBySubscribing, lookByAsking} {
			c := g.join(t, by)
			reading.Go(func() {
				checked := 0
				for range looks {
					n, err := look(c)
					if err != nil {
						t.Error(err)
						return
					}
					checked += n
				}
				if checked < looks/10 {
					t.Errorf("over %s: %d looks at the two params, of which %d could tell", c.over, looks, checked)
				}
			})
		}
	}
	reading.Wait()
	over.Store(true)
	writing.Wait()
}

// lookBySubscribing returns how many frames of the snapshot came when both were known. At each of them the two have to agree: what
// bundles do meanwhile comes by SETs, and never with a frame between the two of a bundle. (One that is slow gets what bundles
// change param by param, like all else: then nothing can be told.)
func lookBySubscribing(c *conn) (checked int, err error) {
	p := newPair("a subscriber over " + c.over)
	var half error
	began := false
	see := func(payload []byte) error {
		if began = began || wire.Type(payload[0]) == wire.TypeSnapshot; !began {
			return nil // a SET for the look before, which was on its way when that ended
		}
		snapshot, err := p.see(payload)
		if err != nil || !snapshot || !p.known() {
			return err
		}
		if checked++; p.a != p.z && half == nil {
			half = p.half()
		}
		return nil
	}
	err = c.say(kit.Subscribe(1, "/b/**"))
	for err == nil && !p.known() {
		err = c.fence(see)
	}
	if err == nil {
		err = c.say(wire.AppendUnsubscribe(nil, wire.Unsubscribe{ID: 1}))
	}
	if err == nil {
		err = c.fence(see)
	}
	switch {
	case err != nil:
		return 0, err
	case p.slow:
		return 0, nil
	}
	return checked, half
}

// lookByAsking asks for one and then for the other, which must not be older.
func lookByAsking(c *conn) (checked int, err error) {
	for _, order := range [][2]string{{"/b/a", "/b/z"}, {"/b/z", "/b/a"}} {
		p := newPair("one who asks over " + c.over)
		if err := c.say(kit.Get(order[0]), kit.Get(order[1])); err != nil {
			return 0, err
		}
		if err := c.fence(func(payload []byte) error { _, err := p.see(payload); return err }); err != nil {
			return 0, err
		}
		if !p.known() && !c.lossy() {
			return 0, fmt.Errorf("%s gets no answer", p.who)
		}
		first, second := p.a, p.z
		if order[0] == "/b/z" {
			first, second = second, first
		}
		if p.known() {
			if checked++; second < first {
				return 0, fmt.Errorf("%s is shown %s at revision %d and then %s at %d", p.who, order[0], first, order[1], second)
			}
		}
	}
	return checked, nil
}

// bundlesAreWholeInWelcome: the first snapshot, of one frame or of hundreds, with nothing live to complete it, does not end on half
// of a bundle.
func bundlesAreWholeInWelcome(t *testing.T, start starter) {
	// Two frames over WebSocket, hundreds over TCP, and more than waits for a client at once: so bundles come in between.
	const visits, between = 40, 600
	g := start(t, router.Options{})
	setPair(t, g, between)
	var over atomic.Bool
	var writing, visiting sync.WaitGroup
	g.writeBundles(t, &writing, &over)
	for range g.over {
		by := g.turn()
		visiting.Go(func() {
			for range visits {
				if err := g.welcome(t, by, between); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	visiting.Wait()
	over.Store(true)
	writing.Wait()
}

// welcome opens a session, takes in its first snapshot and holds the two params against each other. While the snapshot is on its
// way, what a bundle has changed behind it comes again, over TCP in another frame, so what counts is how it ends: a half that is
// never made whole.
func (g *ways) welcome(t *testing.T, over string, between int) error {
	c, err := g.open(t, over)
	if err != nil {
		return err
	}
	defer c.leave()
	p := newPair("one who comes over " + over)
	see := func(payload []byte) error { _, err := p.see(payload); return err }
	whole := func() error {
		for until := time.Now().Add(kit.Patience / 4); !p.known() || p.a != p.z || len(p.params) < between+1; {
			_ = c.SetReadDeadline(until)
			payload, err := c.take()
			if err == nil {
				err = see(payload)
			}
			if err != nil {
				return fmt.Errorf("%w, and %d of %d params have come: %w", p.half(), len(p.params), between+1, err)
			}
		}
		return nil
	}
	if err := whole(); err != nil {
		return err
	}
	if err := c.fence(see); err != nil { // and what was left of it
		return err
	}
	return whole()
}
