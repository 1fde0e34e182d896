package ws_test

// maxRate where it meets the rest: what is held back must come in its place, once, or not at all (protocol sections 7 and 8).

import (
	"slices"
	"testing"

	"github.com/clasp-studio/clasp/router/wire"
)

// heldBack subscribes with a maxRate and has the second of two SETs held back: the client has got revision 1, of 1.
func heldBack(t *testing.T, g *rig) (writer, c *client) {
	t.Helper()
	writer, c = g.join(t), g.join(t)
	c.send(t, wire.Fire, option(1, "/p", 0, maxRate(5)))
	c.send(t, wire.Fire, option(9, "/guard", 0, maxRate(5)))
	c.quiet(t)
	writer.set(t, "/p", 1)
	c.expectSet(t, "/p", val(1), 1)
	writer.set(t, "/p", 2)
	return writer, c
}

// allHeldBack returns what comes until everything held back so far has come: a second SET of another address is held back longer.
func (c *client) allHeldBack(t *testing.T, writer *client) []frame {
	t.Helper()
	writer.send(t, wire.Fire, set("/guard", 1))
	writer.send(t, wire.Fire, set("/guard", 2))
	var all []frame
	for {
		f := c.next(t)
		if f.kind == wire.TypeSet {
			if m := must(t, f, wire.DecodeSet); string(m.Address) == "/guard" {
				if same(m.Value, val(2)) {
					return all
				}
				continue
			}
		}
		all = append(all, f)
	}
}

// rises holds frames against the rule that the revisions of an address strictly rise, snapshots included, and returns the last.
func rises(t *testing.T, from uint64, frames []frame) uint64 {
	t.Helper()
	w := &watch{seen: map[string]known{"/p": {from, from}}}
	for _, f := range frames {
		var err error
		switch f.kind {
		case wire.TypeSet:
			m := must(t, f, wire.DecodeSet)
			err = w.note(m.Address, m.Value, m.Revision, true)
		case wire.TypeSnapshot:
			for _, e := range entries(t, f) {
				err = w.note(e.Address, e.Value, e.Revision, false)
			}
		default:
			t.Fatalf("got %v", f)
		}
		if err != nil {
			t.Errorf("%v: %v", f, err)
		}
	}
	return w.seen["/p"].revision
}

func TestHeldBack(t *testing.T) {
	for name, test := range map[string]struct {
		act  func(t *testing.T, writer, c *client)
		last uint64
	}{
		"comes": {func(*testing.T, *client, *client) {}, 2},
		"is overtaken by another": {func(t *testing.T, writer, _ *client) {
			writer.set(t, "/p", 3)
		}, 3},
		"GET": {func(t *testing.T, _, c *client) {
			c.send(t, wire.Fire, get("/p"))
		}, 2},
		"another subscription": {func(t *testing.T, _, c *client) {
			c.send(t, wire.Fire, subscribe(2, "/p*", 0))
		}, 2},
		"another subscription with a filter": {func(t *testing.T, _, c *client) {
			c.send(t, wire.Fire, option(2, "/p*", 0, maxRate(1000)))
		}, 2},
		"the same subscription again": {func(t *testing.T, _, c *client) {
			c.send(t, wire.Fire, option(1, "/p", 0, maxRate(5)))
		}, 2},
		"a SET that another subscription lets through": {func(t *testing.T, writer, c *client) {
			c.send(t, wire.Fire, subscribe(2, "/p", 0))
			c.send(t, wire.Fire, wire.AppendSync(nil, wire.Sync{}))
			for f := c.next(t); f.kind != wire.TypeSync; f = c.next(t) { // its snapshot
				rises(t, 1, []frame{f})
			}
			writer.set(t, "/p", 3)
		}, 3},
		"UNSUBSCRIBE": {func(t *testing.T, _, c *client) {
			c.send(t, wire.Fire, unsubscribe(1))
			rises(t, 1, c.fence(t)) // it may just have come
		}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			g := start(t)
			writer, c := heldBack(t, g)
			test.act(t, writer, c)
			if last := rises(t, 1, c.allHeldBack(t, writer)); last != test.last {
				t.Errorf("the last revision is %d, want %d", last, test.last)
			}
		})
	}
}

// A param and a stream of one address are held back each for itself: the last of both arrives.
func TestHeldBackOfTwoKinds(t *testing.T) {
	for name, order := range map[string][2][]byte{
		"stream first": {publish(wire.Stream, "/p", 5), set("/p", 6)},
		"param first":  {set("/p", 6), publish(wire.Stream, "/p", 5)},
	} {
		t.Run(name, func(t *testing.T) {
			g := start(t)
			writer, c := heldBack(t, g)
			for range 2 {
				for _, payload := range order {
					writer.send(t, wire.Confirm, payload)
					writer.expectAck(t, "/p")
				}
			}
			var stream, param bool
			for _, f := range c.allHeldBack(t, writer) {
				_, v := signalOf(t, f)
				stream = stream || f.kind == wire.TypePublish && same(v, val(5))
				param = param || f.kind == wire.TypeSet && same(v, val(6))
			}
			if !stream || !param {
				t.Errorf("the last of the stream has come: %v, of the param: %v", stream, param)
			}
		})
	}
}

// Held back by the filter, and kept for later because the reader is slow: the newest value comes once.
func TestHeldBackWhileSlow(t *testing.T) {
	g := start(t)
	writer, c := g.join(t), g.join(t)
	c.send(t, wire.Fire, option(1, "/p", 0, maxRate(1)))
	c.send(t, wire.Fire, option(9, "/guard", 0, maxRate(1)))
	c.send(t, wire.Fire, subscribe(2, "/slow", 0))
	c.quiet(t)
	c.makeSlow(t, writer)
	writer.set(t, "/p", 1)                                 // waits for room
	writer.set(t, "/p", 2)                                 // waits for its time
	all := append(c.fence(t), c.allHeldBack(t, writer)...) // it has caught up before the other address is written
	params := slices.DeleteFunc(all, func(f frame) bool {
		return f.kind == wire.TypePublish || f.kind == wire.TypeError // streams, and word of those that were dropped
	})
	if last := rises(t, 0, params); last != 2 {
		t.Errorf("the last revision is %d, want 2", last)
	}
}
