package history

// A client that takes down what it does.

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/clasp-studio/clasp/router/client"
	"github.com/clasp-studio/clasp/router/wire"
)

// Hand is a session. One goroutine uses it.
type Hand struct {
	recorder *Recorder
	client   *client.Client
	number   int
	session  string
	open     []*Op             // at fire, and perhaps not yet carried out
	known    map[string]uint64 // revisions, as last read
}

// Hand begins one with a client that has just connected, without Reconnect.
func (r *Recorder) Hand(c *client.Client, number int) *Hand {
	return &Hand{recorder: r, client: c, number: number, session: c.Session(), known: make(map[string]uint64)}
}

// begin notes an operation.
func (h *Hand) begin(op Op) *Op {
	op.Client, op.Session = h.number, h.session
	return h.recorder.Begin(op)
}

// end notes what came of one. A refusal is an answer; any other error is returned, and says that there was none.
func (h *Hand) end(op *Op, a Answer, err error) error {
	var refused *client.Error
	switch {
	case errors.As(err, &refused):
		a = Answer{Code: refused.Code}
	case err != nil:
		return fmt.Errorf("%v: %w", op, err)
	}
	h.recorder.End(op, a)
	h.settled()
	return nil
}

// settled says that the router has come to the end of what was sent.
func (h *Hand) settled() {
	h.recorder.done(h.open)
	h.open = nil
}

// Set writes one param.
func (h *Hand) Set(ctx context.Context, q wire.QoS, s Set) error {
	op := h.begin(Op{Kind: Write, Writes: []Set{s}, Fire: q == wire.Fire})
	ack, err := h.client.Set(ctx, s.Address, s.Value, append(s.options(), client.QoS(q))...)
	if q == wire.Fire && err == nil {
		h.open = append(h.open, op)
		return nil
	}
	if ack.Locked != (ack.Holder != "") {
		ack.Holder = "an ACK that contradicts itself"
	}
	return h.end(op, Answer{Revision: ack.Revision, Holder: ack.Holder}, err)
}

func (s *Set) options() (o []client.SetOption) {
	if s.Stated {
		o = append(o, client.IfRevision(s.Revision))
	}
	if s.Lock {
		o = append(o, client.Lock())
	}
	if s.Unlock {
		o = append(o, client.Unlock())
	}
	return o
}

// Bundle writes several at once.
func (h *Hand) Bundle(ctx context.Context, q wire.QoS, sets ...Set) error {
	op := h.begin(Op{Kind: Write, Bundle: true, Writes: sets, Fire: q == wire.Fire})
	items := make([]client.Item, len(sets))
	for i := range sets {
		items[i] = client.SetItem(sets[i].Address, sets[i].Value, sets[i].options()...)
	}
	ack, err := h.client.Bundle(ctx, q, time.Time{}, items...) // at once
	if q == wire.Fire && err == nil {
		h.open = append(h.open, op)
		return nil
	}
	return h.end(op, Answer{Revision: ack.Revision}, err)
}

// Get reads a param, and returns its revision: 0 if there is none.
func (h *Hand) Get(ctx context.Context, address string) (revision uint64, err error) {
	op := h.begin(Op{Kind: Read, Address: address})
	p, err := h.client.Get(ctx, address)
	return p.Revision, h.end(op, Answer{Revision: p.Revision, Value: Number(p.Value)}, err)
}

// Look reads the params that match a pattern by a snapshot: each that is in it, as if by itself.
func (h *Hand) Look(ctx context.Context, pattern string) error {
	call := h.recorder.now()
	params, err := h.client.Snapshot(ctx, pattern)
	if err != nil {
		return fmt.Errorf("snapshot of %s: %w", pattern, err)
	}
	for _, p := range params {
		h.recorder.add(call, &Op{
			Kind: Read, Client: h.number, Session: h.session, Address: p.Address,
			Answer: Answer{Revision: p.Revision, Value: Number(p.Value)},
		})
	}
	h.settled()
	return nil
}

// Settle returns when the router has carried out all that was asked.
func (h *Hand) Settle(ctx context.Context) error {
	if err := h.client.Ping(ctx); err != nil {
		return fmt.Errorf("ping: %w", err)
	}
	h.settled()
	return nil
}

// Leave ends the session, and returns when gone says that the router has noticed. Settle comes before it.
func (h *Hand) Leave(gone func()) {
	op := h.begin(Op{Kind: Leave})
	h.client.Close()
	gone()
	h.recorder.End(op, Answer{})
}

// Number reads the value of a param of a history: -1 if it is none.
func Number(v wire.Value) int64 {
	n, ok := v.Any().(int64)
	if !ok {
		return -1
	}
	return n
}
