package client

// From what came in to the handlers that want it.

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/clasp-studio/clasp/router/wire"
)

// Message is one change or signal. What it points to is valid until the handler returns.
type Message struct {
	Signal  wire.Signal // Param for changes of params and for snapshots
	Address string

	HasValue bool
	Value    wire.Value // a view; Value.Any() copies it into Go values
	Samples  []float64  // instead of a value, for streams

	Revision  uint64    // of a param, 0 for signals
	Snapshot  bool      // the value a param had when it was subscribed to, or when the connection came back
	Writer    string    // session that wrote it; snapshots only
	Timestamp time.Time // when it was written (snapshots), or what the sender says (signals); zero if unknown

	Phase wire.Phase // of a gesture
	HasID bool
	ID    uint32
	Rate  uint32 // samples a second, 0 if not told
}

// Clone returns a copy that stays valid.
func (m *Message) Clone() *Message {
	kept := *m
	kept.Value.Data = slices.Clone(m.Value.Data)
	kept.Samples = slices.Clone(m.Samples)
	return &kept
}

// dispatcher calls the handlers. It belongs to one goroutine.
type dispatcher struct {
	client  *Client
	routes  map[string]*route
	limit   int // number of routes at which those without a revision are dropped
	message Message
	samples []float64
}

// route is what is known about an address that something came from.
type route struct {
	address    string
	generation uint64
	targets    []target
}

// target is a subscription that matches the address, and the newest revision it has seen there. A snapshot that comes because
// another subscription began, or that a live change has overtaken, is not news to it.
type target struct {
	sub      *Subscription
	revision uint64
}

const minRouteLimit = 1 << 16

func (c *Client) dispatch() {
	d := dispatcher{client: c}
	d.forget()
	var b batch
	for {
		var more bool
		if b, more = c.inbox.take(b); !more {
			return
		}
		for _, it := range b.items {
			if c.closed.Load() {
				return
			}
			if it.note != nil {
				d.note(it.note)
			} else {
				d.deliver(b.bytes[it.start:it.end])
			}
		}
	}
}

func (d *dispatcher) forget() {
	d.routes, d.limit = make(map[string]*route), minRouteLimit
}

func (d *dispatcher) note(n *note) {
	if n.state == Connected {
		d.forget() // the router may be another one, with revisions of its own
	}
	if d.client.options.OnState != nil {
		d.client.options.OnState(n.state, n.err)
	}
}

func (d *dispatcher) deliver(payload []byte) {
	var err error
	switch wire.Type(payload[0]) {
	case wire.TypeSet:
		err = d.set(payload)
	case wire.TypePublish:
		err = d.publish(payload)
	case wire.TypeSnapshot:
		err = d.snapshot(payload)
	}
	if err != nil {
		d.client.report(fmt.Errorf("from the router: %w", err))
	}
}

func (d *dispatcher) set(payload []byte) error {
	m, err := wire.DecodeSet(payload)
	if err != nil {
		return err
	}
	rt := d.route(m.Address)
	for i := range rt.targets {
		t := &rt.targets[i]
		t.revision = m.Revision
		d.message = Message{Address: rt.address, HasValue: true, Value: m.Value, Revision: m.Revision}
		d.call(t.sub, wire.MaskParam)
	}
	return nil
}

func (d *dispatcher) snapshot(payload []byte) error {
	m, err := wire.DecodeSnapshot(payload)
	if err != nil {
		return err
	}
	for e, ok := m.Next(); ok; e, ok = m.Next() {
		rt := d.route(e.Address)
		for i := range rt.targets {
			t := &rt.targets[i]
			if e.Revision <= t.revision {
				continue
			}
			t.revision = e.Revision
			d.message = Message{
				Address: rt.address, HasValue: true, Value: e.Value, Revision: e.Revision,
				Snapshot: true, Writer: string(e.Writer),
			}
			if e.HasTimestamp {
				d.message.Timestamp = unixMicro(e.Timestamp)
			}
			// A stored timeline comes in snapshots too, and looks like any param there.
			d.call(t.sub, wire.MaskParam|wire.MaskTimeline)
		}
	}
	return nil
}

func (d *dispatcher) publish(payload []byte) error {
	m, err := wire.DecodePublish(payload)
	if err != nil {
		return err
	}
	if m.HasSamples {
		d.samples = d.samples[:0]
		for b := m.Samples; len(b) > 0; b = b[8:] {
			d.samples = append(d.samples, math.Float64frombits(binary.BigEndian.Uint64(b)))
		}
	}
	rt := d.route(m.Address)
	for _, t := range rt.targets {
		d.message = Message{
			Signal: m.Signal, Address: rt.address, HasValue: m.HasValue, Value: m.Value,
			Phase: m.Phase, HasID: m.HasID, ID: m.ID, Rate: m.Rate,
		}
		if m.HasSamples {
			d.message.Samples = d.samples
		}
		if m.HasTimestamp {
			d.message.Timestamp = unixMicro(m.Timestamp)
		}
		d.call(t.sub, m.Signal.Mask())
	}
	return nil
}

// call hands the message to a subscription that has one of the types.
func (d *dispatcher) call(s *Subscription, types uint8) {
	if s.options.Types&types != 0 && !s.closed.Load() && !d.client.closed.Load() {
		s.handler(&d.message)
	}
}

// route finds the subscriptions that match an address. The string made for the first message from it serves all others.
func (d *dispatcher) route(addr []byte) *route {
	subs := &d.client.subs
	generation := subs.generation.Load()
	rt := d.routes[string(addr)]
	if rt != nil && rt.generation == generation {
		return rt
	}
	if rt == nil {
		rt = &route{address: string(addr)}
		d.makeRoom()
		d.routes[rt.address] = rt
	}
	old := rt.targets
	rt.generation, rt.targets = generation, nil
	subs.mu.Lock()
	defer subs.mu.Unlock()
	for _, s := range subs.byID {
		if !s.pattern.Match(rt.address) {
			continue
		}
		t := target{sub: s}
		if i := slices.IndexFunc(old, func(t target) bool { return t.sub == s }); i >= 0 {
			t.revision = old[i].revision
		}
		rt.targets = append(rt.targets, t)
	}
	slices.SortFunc(rt.targets, func(a, b target) int { return int(a.sub.id) - int(b.sub.id) })
	return rt
}

// makeRoom drops what only saves time, when signals come from ever new addresses. Revisions are kept.
func (d *dispatcher) makeRoom() {
	if len(d.routes) < d.limit {
		return
	}
	for addr, rt := range d.routes {
		if !slices.ContainsFunc(rt.targets, func(t target) bool { return t.revision > 0 }) {
			delete(d.routes, addr)
		}
	}
	d.limit = max(minRouteLimit, 2*len(d.routes))
}
