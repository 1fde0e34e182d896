package client

// Subscriptions: made, made again after a reconnect, ended.

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/clasp-studio/clasp/router/address"
	"github.com/clasp-studio/clasp/router/wire"
)

// SubscribeOptions shape what the router sends for a pattern (protocol section 8). They hold for the connection: where two
// subscriptions overlap, both see what the wider one lets through.
type SubscribeOptions struct {
	Types   uint8   // wire.MaskParam | wire.MaskEvent ..., 0 = all
	MaxRate uint32  // messages a second and address, the last one always comes; 0 = no limit
	Epsilon float64 // numbers that differ by less from the last one sent are left out; 0 = none are
}

// Handler is called with what matches a subscription. All handlers of a client, and its OnState, are called from one goroutine, in the order in which things came in. The Message is valid until the handler returns; Clone keeps it.
//
// A handler may call any method of the client, those that wait for an answer included. While it works, what arrives waits:
// past 256 KiB the client stops reading, and the router does what it does for slow subscribers (protocol section 9). Past
// 64 MiB, which takes requests that keep the reader going all the while, the connection ends with ErrSlowHandler. A router
// that hears nothing from a client for its session timeout (300 s unless configured) ends the session, stuck handler or not.
type Handler func(m *Message)

// Subscription is a pattern with its handler. It lives until its Close or that of the client, across reconnects.
type Subscription struct {
	client  *Client
	id      uint32
	pattern *address.Pattern
	options SubscribeOptions
	handler Handler
	begin   []byte // frame of its SUBSCRIBE
	closed  atomic.Bool
}

// subscriptions of a client.
type subscriptions struct {
	generation atomic.Uint64 // changes with byID; tells the dispatcher to look again

	last atomic.Uint32 // id given

	mu   sync.Mutex // before the lock of a link
	byID map[uint32]*Subscription
}

// nextID returns an id that no other subscription of the client has had.
func (s *subscriptions) nextID() uint32 { return s.last.Add(1) }

// Subscribe asks for what matches pattern and returns when the router has accepted that. The present values of matching
// params come first, marked Snapshot; they may come before Subscribe returns or after. A refusal is an *Error.
func (c *Client) Subscribe(ctx context.Context, pattern string, o SubscribeOptions, h Handler) (*Subscription, error) {
	p, err := address.Compile(pattern)
	if err != nil {
		return nil, badPattern(pattern, err)
	}
	if o.Types == 0 {
		o.Types = 0xFF
	}
	s := &Subscription{client: c, pattern: p, options: o, handler: h}
	s.id = c.subs.nextID()
	c.subs.mu.Lock()
	l := c.link.Load()
	if l == nil {
		c.subs.mu.Unlock()
		return nil, fmt.Errorf("subscribe to %s: %w", pattern, c.notConnected())
	}
	if s.begin, err = s.frame(); err != nil {
		c.subs.mu.Unlock()
		return nil, fmt.Errorf("subscribe to %s: %w", pattern, err)
	}
	c.subs.byID[s.id] = s
	c.subs.generation.Add(1)
	c.subs.mu.Unlock()

	r := &request{kind: kindSubscribe, address: p.String(), done: make(chan struct{})}
	if err = l.post(ctx, s.begin, r); err == nil {
		err = r.wait(ctx)
	}
	if err != nil {
		s.Close()
		return nil, fmt.Errorf("subscribe to %s: %w", pattern, err)
	}
	return s, nil
}

// Pattern returns what the subscription matches.
func (s *Subscription) Pattern() string { return s.pattern.String() }

// Close ends the subscription. Its handler may be running; it is not called again. Close may be called any number of times.
func (s *Subscription) Close() {
	if s.closed.Swap(true) {
		return
	}
	subs := &s.client.subs
	subs.mu.Lock()
	delete(subs.byID, s.id)
	subs.generation.Add(1)
	subs.mu.Unlock()
	// If it cannot be sent there is no session, and so no subscription.
	_ = s.client.post(s.client.ctx, wire.Fire, wire.AppendUnsubscribe(nil, wire.Unsubscribe{ID: s.id}), nil)
}

func (s *Subscription) frame() ([]byte, error) {
	return wire.AppendFrame(nil, wire.Fire, wire.AppendSubscribe(nil, wire.Subscribe{
		ID: s.id, Pattern: []byte(s.pattern.String()), Types: s.options.Types,
		HasMaxRate: s.options.MaxRate > 0, MaxRate: s.options.MaxRate,
		HasEpsilon: s.options.Epsilon > 0, Epsilon: s.options.Epsilon,
	}))
}

// resubscribe makes the subscriptions of the last session on a new one, and lets requests onto it. One that is refused
// stays, silent, for the next session.
func (c *Client) resubscribe(l *link) {
	c.subs.mu.Lock()
	defer c.subs.mu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(c.subs.byID)) {
		s := c.subs.byID[id]
		r := &request{kind: kindSubscribe, address: s.pattern.String()}
		r.onAck = func(_ Ack, err error) {
			if refused := new(Error); errors.As(err, &refused) {
				c.report(fmt.Errorf("subscribe to %s again: %w", s.pattern, err))
			}
		}
		if l.postLocked(s.begin, r) != nil {
			break // lost again already: the reader will see it
		}
	}
	c.link.Store(l)
	if c.closed.Load() { // Close may have come before there was a link to end
		go l.goodbye()
	}
}
