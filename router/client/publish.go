package client

// Signals and bundles: PUBLISH, BUNDLE.

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"github.com/clasp-studio/clasp/router/address"
	"github.com/clasp-studio/clasp/router/wire"
)

// Publication is one PUBLISH (protocol sections 3 and 8).
type Publication struct {
	Signal  wire.Signal
	Address string
	Value   any       // as for Set; nil = none (a null is wire.Value{})
	Samples []float64 // of a stream, instead of a value
	Phase   wire.Phase
	HasID   bool // of a gesture: which of those that go on at the same time
	ID      uint32
	Rate    uint32    // samples a second, 0 = not told
	Time    time.Time // the sender's clock, zero = not told
	QoS     wire.QoS  // wire.Fire is not answered
}

// Publish sends a signal. The Ack has a revision where the router stores something: for a timeline, or a param.
func (c *Client) Publish(ctx context.Context, m Publication) (Ack, error) {
	p := packets.Get().(*packet)
	defer packets.Put(p)
	if err := p.publish(&m); err != nil {
		return Ack{}, err
	}
	return c.acked(ctx, m.QoS, p.payload, &request{kind: kindAcked, address: m.Address})
}

// publish makes the payload of a PUBLISH.
func (p *packet) publish(m *Publication) error {
	if err := address.Valid(m.Address); err != nil {
		return badAddress(m.Address, err)
	}
	p.address = append(p.address[:0], m.Address...)
	out := wire.Publish{
		Signal: m.Signal, Phase: m.Phase, Address: p.address, HasID: m.HasID, ID: m.ID, HasRate: m.Rate > 0, Rate: m.Rate,
	}
	if !m.Time.IsZero() {
		out.HasTimestamp, out.Timestamp = true, uint64(m.Time.UnixMicro())
	}
	switch {
	case m.Value != nil:
		var err error
		if out.Value, err = p.encode(m.Value); err != nil {
			return refusal(m.Address, err)
		}
		out.HasValue = true
	case m.Samples != nil:
		if len(m.Samples)*8 > wire.MaxPayload {
			return &Error{Code: wire.CodeBadValue, Message: fmt.Sprintf("%d samples do not fit one message", len(m.Samples)), Address: m.Address}
		}
		p.value = p.value[:0]
		for _, x := range m.Samples {
			p.value = binary.BigEndian.AppendUint64(p.value, math.Float64bits(x))
		}
		out.HasSamples, out.Samples = true, p.value
	}
	p.payload = wire.AppendPublish(p.payload[:0], out)
	return nil
}

// Emit publishes an event and returns when the router has it. value may be nil.
func (c *Client) Emit(ctx context.Context, addr string, value any) error {
	_, err := c.Publish(ctx, Publication{Signal: wire.Event, Address: addr, Value: value, QoS: wire.Confirm})
	return err
}

// Stream publishes one value of a stream, at fire: on the way it may be dropped for a newer one.
func (c *Client) Stream(ctx context.Context, addr string, value any) error {
	_, err := c.Publish(ctx, Publication{Signal: wire.Stream, Address: addr, Value: value})
	return err
}

// Gesture publishes one step of the gesture id, at fire. Its moves may be thinned out, start and end are not.
func (c *Client) Gesture(ctx context.Context, addr string, id uint32, phase wire.Phase, value any) error {
	_, err := c.Publish(ctx, Publication{Signal: wire.Gesture, Address: addr, Value: value, Phase: phase, HasID: true, ID: id})
	return err
}

// Timeline is a course of values over time (protocol section 3, Timelines).
type Timeline struct {
	Keyframes []Keyframe
	Loop      bool
	Start     time.Time     // router's clock; zero = not told
	Duration  time.Duration // 0 = up to the last keyframe
}

// Keyframe is a value at a time after the start.
type Keyframe struct {
	At     time.Duration
	Value  any        // as wire.AppendAny takes it
	Easing string     // linear, ease-in, ease-out, ease-in-out, step or cubic-bezier; "" = linear
	Bezier [4]float64 // for cubic-bezier
}

// Timeline publishes a timeline, which the router keeps like a param, and returns when it is stored (on disk, if the router
// keeps its state).
func (c *Client) Timeline(ctx context.Context, addr string, t Timeline) (Ack, error) {
	frames := make([]any, len(t.Keyframes))
	for i, k := range t.Keyframes {
		frame := map[string]any{"time": k.At.Microseconds(), "value": k.Value, "easing": "linear"}
		if k.Easing != "" {
			frame["easing"] = k.Easing
		}
		if k.Easing == "cubic-bezier" {
			frame["bezier"] = []any{k.Bezier[0], k.Bezier[1], k.Bezier[2], k.Bezier[3]}
		}
		frames[i] = frame
	}
	value := map[string]any{"keyframes": frames, "loop": t.Loop}
	if !t.Start.IsZero() {
		value["start_time"] = t.Start.UnixMicro()
	}
	if t.Duration > 0 {
		value["duration"] = t.Duration.Microseconds()
	}
	return c.Publish(ctx, Publication{Signal: wire.Timeline, Address: addr, Value: value, QoS: wire.Commit})
}

// Item is a message of a bundle: see SetItem and PublishItem.
type Item struct {
	payload []byte
	err     error
}

// SetItem is a SET in a bundle. The bundle's QoS counts, an option QoS is ignored.
func SetItem(addr string, value any, opts ...SetOption) Item {
	var p packet
	_, err := p.set(addr, value, opts)
	return Item{p.payload, err}
}

// PublishItem is a PUBLISH in a bundle. The bundle's QoS counts.
func PublishItem(m Publication) Item {
	var p packet
	err := p.publish(&m)
	return Item{p.payload, err}
}

// Bundle has the router apply all items or, if one is refused, none; the *Error names it. With a zero at it happens at once,
// and the answer (at wire.Fire there is none) has the last revision.
//
// With a time, of the router's clock (see Now) and at most 24 h ahead, Bundle returns when the router has accepted the items,
// whatever the QoS. What happens when the time comes is not waited for, as it could be a day: a refusal then goes to
// Options.OnError, success shows in the messages themselves.
func (c *Client) Bundle(ctx context.Context, q wire.QoS, at time.Time, items ...Item) (Ack, error) {
	var us uint64
	if !at.IsZero() {
		us = uint64(at.UnixMicro())
	}
	payload := wire.BeginBundle(nil, !at.IsZero(), us)
	for i, item := range items {
		err := item.err
		if err == nil {
			if payload, err = wire.AppendBundleMessage(payload, item.payload); err != nil {
				err = refusal("", err)
			}
		}
		if err != nil {
			return Ack{}, fmt.Errorf("message %d of the bundle: %w", i+1, err)
		}
	}
	if len(items) > math.MaxUint16 {
		return Ack{}, &Error{Code: wire.CodeBadValue, Message: fmt.Sprintf("%d messages in one bundle", len(items))}
	}
	wire.SetBundleCount(payload, len(items))
	if at.IsZero() {
		return c.acked(ctx, q, payload, &request{kind: kindBundle})
	}
	// At fire, so that no ACK without an address comes at a time when another bundle waits for its own.
	return Ack{}, c.ask(ctx, wire.Fire, payload, &request{kind: kindScheduled})
}
