package client

// Params and questions: SET, GET, QUERY, ANNOUNCE, SYNC, PING.

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/clasp-studio/clasp/router/address"
	"github.com/clasp-studio/clasp/router/wire"
)

// Ack is what the router says of a message it has applied. A message at fire is not answered: its Ack is zero.
type Ack struct {
	Revision uint64 // the param's new one; of a bundle the last; 0 for signals
	Locked   bool   // after a write that asked for or released a lock
	Holder   string // session that has the lock
}

// Param is a param as GET tells it.
type Param struct {
	Address   string
	Value     wire.Value // a copy; Value.Any() makes Go values of it
	Revision  uint64
	Writer    string // session that wrote it
	Timestamp time.Time
}

// SetOption changes how a param is written.
type SetOption func(*setOptions)

type setOptions struct {
	qos wire.QoS
	set wire.Set
	err error
}

// QoS says when a write is answered: wire.Confirm (the default) when it is applied, wire.Commit when it is on disk as well,
// wire.Fire never (protocol section 5).
func QoS(q wire.QoS) SetOption { return func(o *setOptions) { o.qos = q } }

// IfRevision lets the write happen only while the param has this revision, 0 for only if there is none (protocol section 7).
func IfRevision(n uint64) SetOption {
	return func(o *setOptions) { o.set.HasRevision, o.set.Revision = true, n }
}

// Lock takes the param's lock: until Unlock or the end of the session nobody else can write it.
func Lock() SetOption { return func(o *setOptions) { o.set.Lock = true } }

// Unlock releases the lock with this write.
func Unlock() SetOption { return func(o *setOptions) { o.set.Unlock = true } }

// TTL lets the param expire after d without a write or a read. d is whole seconds; 0 means never.
func TTL(d time.Duration) SetOption { return ttl(d, 0) }

// AbsoluteTTL lets the param expire d after the write, read or not. d is whole seconds.
func AbsoluteTTL(d time.Duration) SetOption { return ttl(d, wire.AbsoluteTTL) }

func ttl(d time.Duration, bit uint32) SetOption {
	return func(o *setOptions) {
		if d < 0 || d%time.Second != 0 || d/time.Second >= wire.AbsoluteTTL {
			o.err = &Error{Code: wire.CodeBadValue, Message: fmt.Sprintf("ttl %v: it must be whole seconds, less than 2^31", d)}
			return
		}
		o.set.HasTTL, o.set.TTL = true, uint32(d/time.Second)|bit
	}
}

// Set writes a param and returns the router's answer. value is what wire.AppendAny takes, or a wire.Value.
func (c *Client) Set(ctx context.Context, addr string, value any, opts ...SetOption) (Ack, error) {
	return c.set(ctx, addr, value, nil, opts)
}

// SetAsync writes a param and returns when the message waits to be sent, so that a loop can have any number on their way.
// done gets the answer, in a goroutine that must not be held up: it calls no method of the client that sends or waits. At
// fire there is no answer, and done is called at once; nil if nobody cares. An error means that nothing was sent, and done is
// not called. When the answers of some thousand writes are on their way SetAsync waits for a part of them.
func (c *Client) SetAsync(ctx context.Context, addr string, value any, done func(Ack, error), opts ...SetOption) error {
	if done == nil {
		done = func(Ack, error) {}
	}
	_, err := c.set(ctx, addr, value, done, opts)
	return err
}

func (c *Client) set(ctx context.Context, addr string, value any, done func(Ack, error), opts []SetOption) (Ack, error) {
	p := packets.Get().(*packet)
	defer packets.Put(p)
	q, err := p.set(addr, value, opts)
	if err != nil {
		return Ack{}, err
	}
	return c.acked(ctx, q, p.payload, &request{kind: kindAcked, address: addr, onAck: done})
}

// packet is the memory that a message is put together in.
type packet struct {
	options                 setOptions
	value, address, payload []byte
}

var packets = sync.Pool{New: func() any { return new(packet) }}

// set makes the payload of a SET.
func (p *packet) set(addr string, value any, opts []SetOption) (wire.QoS, error) {
	o := &p.options
	*o = setOptions{qos: wire.Confirm}
	for _, opt := range opts {
		opt(o)
	}
	if o.err != nil {
		return 0, o.err
	}
	if err := address.Valid(addr); err != nil {
		return 0, badAddress(addr, err)
	}
	var err error
	if o.set.Value, err = p.encode(value); err != nil {
		return 0, refusal(addr, err)
	}
	p.address = append(p.address[:0], addr...)
	o.set.Address = p.address
	p.payload = wire.AppendSet(p.payload[:0], o.set)
	return o.qos, nil
}

// encode turns a Go value into an encoded one, in p's memory.
func (p *packet) encode(value any) (wire.Value, error) {
	if v, ok := value.(wire.Value); ok {
		return v, nil
	}
	var err error
	if p.value, err = wire.AppendAny(p.value[:0], value); err != nil {
		return wire.Value{}, err
	}
	return wire.Value{Code: p.value[0], Data: p.value[1:]}, nil
}

func badAddress(addr string, err error) error {
	return &Error{Code: wire.CodeBadAddress, Message: err.Error(), Address: addr}
}

// acked sends a payload whose answer, unless it goes at fire, is an ACK. With r.onAck it does not wait for it.
func (c *Client) acked(ctx context.Context, q wire.QoS, payload []byte, r *request) (Ack, error) {
	if q == wire.Fire {
		err := c.post(ctx, q, payload, nil)
		if err == nil && r.onAck != nil {
			r.onAck(Ack{}, nil)
		}
		return Ack{}, err
	}
	r.qos = q
	if r.onAck != nil {
		return Ack{}, c.post(ctx, q, payload, r)
	}
	err := c.ask(ctx, q, payload, r)
	return r.ack, err
}

// ask posts a request and waits for its answer.
func (c *Client) ask(ctx context.Context, q wire.QoS, payload []byte, r *request) error {
	r.done = make(chan struct{})
	if err := c.post(ctx, q, payload, r); err != nil {
		return err
	}
	return r.wait(ctx)
}

// post sends a payload and puts r, unless nil, among the requests. An error says that nothing was sent.
func (c *Client) post(ctx context.Context, q wire.QoS, payload []byte, r *request) error {
	f := packets.Get().(*packet)
	defer packets.Put(f)
	var err error
	if f.payload, err = wire.AppendFrame(f.payload[:0], q, payload); err != nil {
		address := ""
		if r != nil {
			address = r.address
		}
		return refusal(address, err)
	}
	return c.postFrame(ctx, f.payload, r)
}

func (c *Client) postFrame(ctx context.Context, frame []byte, r *request) error {
	l := c.link.Load()
	if l == nil {
		return c.notConnected()
	}
	return l.post(ctx, frame, r)
}

// notConnected says why there is no link.
func (c *Client) notConnected() error {
	switch end := c.Err(); {
	case end == nil:
		return ErrNotConnected
	case errors.Is(end, ErrClosed):
		return end
	default:
		return fmt.Errorf("%w: %s", ErrNotConnected, end.Error()) // not wrapped: this message was not on its way
	}
}

// SendPayload sends any payload in a frame of its own, for messages this package has no method for. Its answer is not waited
// for: an ERROR goes to OnError; an ACK or a SNAPSHOT of one param can be taken for the answer of a request about the same
// address, so a client that makes requests sends at fire.
func (c *Client) SendPayload(ctx context.Context, q wire.QoS, payload []byte) error {
	return c.post(ctx, q, payload, nil)
}

// SendFrame sends ready-made bytes: one or more whole frames (protocol section 12), over WebSocket as one message, over UDP each
// in a datagram. What SendPayload says of answers holds here too.
func (c *Client) SendFrame(ctx context.Context, frame []byte) error {
	return c.postFrame(ctx, frame, nil)
}

// Get returns the param at an address. If there is none the error is an *Error with wire.CodeNotFound.
func (c *Client) Get(ctx context.Context, addr string) (Param, error) {
	r, err := c.beginGet(ctx, addr)
	if err != nil {
		return Param{}, err
	}
	err = r.wait(ctx)
	return r.param, err
}

func (c *Client) beginGet(ctx context.Context, addr string) (*request, error) {
	if err := address.Valid(addr); err != nil {
		return nil, badAddress(addr, err)
	}
	r := &request{kind: kindGet, address: addr, done: make(chan struct{})}
	return r, c.post(ctx, wire.Fire, wire.AppendGet(nil, wire.Get{Address: []byte(addr)}), r)
}

// SignalInfo describes a signal: what ANNOUNCE registers and QUERY tells.
type SignalInfo struct {
	Address  string // may be a pattern when announced
	Signal   wire.Signal
	Datatype string // "" = not told
	Access   string // "r", "w", "rw", "" = not told
	Meta     *Meta  // ANNOUNCE only
}

// Meta is what a control surface wants to know about a signal. Empty fields are not sent.
type Meta struct {
	Unit, Description string
	Range             *[2]float64 // least and greatest value
	Default           any
}

// Query returns what matches a pattern: live params and announced signals, as far as this session may see them.
func (c *Client) Query(ctx context.Context, pattern string) ([]SignalInfo, error) {
	p, err := address.Compile(pattern)
	if err != nil {
		return nil, badPattern(pattern, err)
	}
	r := &request{kind: kindQuery, address: p.String()}
	err = c.ask(ctx, wire.Fire, wire.AppendQuery(nil, wire.Query{Pattern: []byte(p.String())}), r)
	if err != nil {
		return nil, err
	}
	return r.signals, nil
}

func badPattern(pattern string, err error) error {
	return &Error{Code: wire.CodeBadPattern, Message: err.Error(), Address: pattern}
}

// Announce registers signals under a namespace, an address, for as long as the session lasts (protocol section 8).
func (c *Client) Announce(ctx context.Context, namespace string, signals []SignalInfo) error {
	if err := address.Valid(namespace); err != nil {
		return badAddress(namespace, err)
	}
	payload := wire.BeginAnnounce(nil, []byte(namespace))
	for _, s := range signals {
		info, err := s.encode()
		if err != nil {
			return err
		}
		payload = wire.AppendAnnounceSignal(payload, info)
	}
	if len(signals) > math.MaxUint16 {
		return &Error{Code: wire.CodeLimit, Message: fmt.Sprintf("%d signals in one announcement", len(signals)), Address: namespace}
	}
	wire.SetAnnounceCount(payload, len(signals))
	_, err := c.acked(ctx, wire.Confirm, payload, &request{kind: kindAnnounce, address: namespace})
	return err
}

func (s *SignalInfo) encode() (wire.SignalInfo, error) {
	if _, err := address.Compile(s.Address); err != nil {
		return wire.SignalInfo{}, badAddress(s.Address, err)
	}
	info := wire.SignalInfo{
		Address: []byte(s.Address), Signal: s.Signal,
		HasDatatype: s.Datatype != "", Datatype: []byte(s.Datatype),
		HasAccess: s.Access != "", Access: []byte(s.Access),
	}
	if m := s.Meta; m != nil {
		info.HasMeta = true
		info.Meta.HasUnit, info.Meta.Unit = m.Unit != "", []byte(m.Unit)
		info.Meta.HasDescription, info.Meta.Description = m.Description != "", []byte(m.Description)
		if m.Range != nil {
			info.Meta.HasRange, info.Meta.Min, info.Meta.Max = true, m.Range[0], m.Range[1]
		}
		if m.Default != nil {
			var p packet
			v, err := p.encode(m.Default)
			if err != nil {
				return wire.SignalInfo{}, refusal(s.Address, err)
			}
			info.Meta.HasDefault, info.Meta.Default = true, v
		}
	}
	return info, nil
}

// Ping returns when the router has answered everything sent before. Over the router's rate it fails like any request, with
// wire.CodeLimit.
func (c *Client) Ping(ctx context.Context) error {
	_, err := c.syncRequest(ctx)
	return err
}

// syncRequest asks with a SYNC and returns its answer.
func (c *Client) syncRequest(ctx context.Context) (*request, error) {
	r := &request{kind: kindSync, t1: c.stamp()}
	return r, c.ask(ctx, wire.Fire, wire.AppendSync(nil, wire.Sync{T1: r.t1}), r)
}

// stamp returns the time in µs, Unix, and never the same twice.
func (c *Client) stamp() uint64 {
	for {
		last := c.stamped.Load()
		next := max(last+1, uint64(time.Now().UnixMicro()))
		if c.stamped.CompareAndSwap(last, next) {
			return next
		}
	}
}

// Sync measures how far the router's clock is ahead of this machine's, and how long a message takes there and back. Now follows
// the router's clock from then on.
func (c *Client) Sync(ctx context.Context) (offset, roundTrip time.Duration, err error) {
	sent := time.Now()
	r, err := c.syncRequest(ctx)
	if err != nil {
		return 0, 0, err
	}
	elapsed := r.answered.Sub(sent)
	received, replied := unixMicro(r.sync.T2), unixMicro(r.sync.T3)
	roundTrip = elapsed - replied.Sub(received)
	there := replied.Add(roundTrip / 2)
	c.clock.Store(&clock{r.answered, there})
	return there.Sub(r.answered.Round(0)), roundTrip, nil
}
