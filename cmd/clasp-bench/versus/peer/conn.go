// One raw connection to a peer, whatever it speaks.

package peer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/clasp-studio/clasp/cmd/clasp-bench/internal/process"
)

const (
	// inputSize is how much a connection reads at once, until a larger message comes.
	// 100 of them stay in the cache.
	inputSize = 16 << 10
	// inputLimit is room for the largest message there is, twice.
	inputLimit = 2 << 20
)

// protocol is what a peer speaks, on one connection.
type protocol interface {
	// greet does what has to be done before anything else, and returns when it is done.
	greet(*Conn) error
	appendSubscribe(dst []byte, pattern string) []byte
	appendPublish(dst []byte, address string, payload []byte) []byte
	appendPing(dst []byte) []byte
	// scan takes the whole messages at the beginning of b and returns where the first
	// incomplete one begins.
	scan(b []byte, in *input) (taken int, err error)
}

// The other things that can be written, where the peer has them.
type (
	setter interface {
		appendSet(dst []byte, address string, payload []byte) []byte
	}
	retainer interface {
		appendRetained(dst []byte, address string, payload []byte) []byte
	}
	durable interface {
		appendDurable(dst []byte, address string, payload []byte) []byte
	}
)

// input is what one scan found.
type input struct {
	payload func([]byte) // nil: nobody wants them
	acks    int          // writes that were acknowledged
	pongs   int          // answers to pings
	subs    int          // subscriptions that were confirmed
	reply   []byte       // what has to be sent: the peer asks whether this side is alive
}

// deliver passes on a payload.
func (in *input) deliver(payload []byte) {
	if in.payload != nil {
		in.payload(payload)
	}
}

// Conn is a connection to a peer. One goroutine may write (Write, with what the Append
// methods have made) while another one reads; Subscribe and RoundTrip do both.
type Conn struct {
	net.Conn
	proto    protocol
	buf      []byte
	from, to int
	in       input // of the reader
}

// Dial opens a connection over plain TCP that is ready to subscribe and to publish.
func (p *Peer) Dial(ctx context.Context, addr string) (*Conn, error) {
	d := net.Dialer{Timeout: process.Patience}
	raw, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", p.Name, err)
	}
	c := &Conn{Conn: raw, proto: p.speak()}
	err = c.bounded(func() error { return c.proto.greet(c) })
	if err != nil {
		_ = raw.Close()
		return nil, fmt.Errorf("greet %s at %s: %w", p.Name, addr, err)
	}
	return c, nil
}

// bounded has something done that has to be through within the usual patience.
func (c *Conn) bounded(do func() error) error {
	if err := c.SetDeadline(time.Now().Add(process.Patience)); err != nil {
		return err
	}
	if err := do(); err != nil {
		return err
	}
	return c.SetDeadline(time.Time{})
}

// Subscribe subscribes to a pattern, in the way of CLASP (/bench/a/12, /bench/*/12,
// /bench/**), and returns once it is in force. What is delivered meanwhile is passed over:
// who wants what is retained writes AppendSubscribe and Reads. It leaves no deadline behind.
func (c *Conn) Subscribe(pattern string) error {
	_, err := c.Write(c.AppendSubscribe(nil, pattern))
	if err == nil {
		err = c.RoundTrip()
	}
	if err != nil {
		return fmt.Errorf("subscribe to %s: %w", pattern, err)
	}
	return nil
}

// RoundTrip returns when the peer has taken everything that was written before, in the
// order of the connection; a subscription among it is in force then. What is delivered
// meanwhile is passed over. The relay takes and copies and answers nothing: over it,
// RoundTrip returns when it has taken the last subscription. It leaves no deadline behind.
func (c *Conn) RoundTrip() error {
	return c.bounded(func() error {
		if w, ok := c.proto.(*rawWire); ok && w.silent() {
			return nil
		}
		if _, err := c.Write(c.proto.appendPing(nil)); err != nil {
			return err
		}
		return c.await(func(in *input) bool { return in.pongs > 0 })
	})
}

// await reads until done says so, and passes deliveries over.
func (c *Conn) await(done func(*input) bool) error {
	for total := (input{}); !done(&total); {
		if err := c.read(nil); err != nil {
			return err
		}
		total.pongs += c.in.pongs
		total.subs += c.in.subs
		total.acks += c.in.acks
	}
	return nil
}

// AppendSubscribe appends what asks for a subscription, without waiting for anything. Who
// sends many has to call RoundTrip now and then (each 1,000), as the peer may stop reading
// while its answers are not read.
func (c *Conn) AppendSubscribe(dst []byte, pattern string) []byte {
	return c.proto.appendSubscribe(dst, pattern)
}

// AppendPublish appends a message as it goes out, which is neither stored nor acknowledged.
// The address is that of CLASP; it and the payload are text.
func (c *Conn) AppendPublish(dst []byte, address string, payload []byte) []byte {
	return c.proto.appendPublish(dst, address, payload)
}

// AppendRetained is AppendPublish with a message that is kept for who subscribes later. It
// is not acknowledged. It panics if the peer does not have Retain.
func (c *Conn) AppendRetained(dst []byte, address string, payload []byte) []byte {
	return c.proto.(retainer).appendRetained(dst, address, payload)
}

// AppendSet appends a write that the peer applies, acknowledges and passes on to those who
// have subscribed. It panics if the peer does not have Set.
func (c *Conn) AppendSet(dst []byte, address string, payload []byte) []byte {
	return c.proto.(setter).appendSet(dst, address, payload)
}

// AppendDurable appends a write that the peer acknowledges once it is on disk. It panics if
// the peer does not have Durable.
func (c *Conn) AppendDurable(dst []byte, address string, payload []byte) []byte {
	return c.proto.(durable).appendDurable(dst, address, payload)
}

// Read waits for one read of the socket and calls onPayload for every whole delivery in it,
// in order; there may be none. A payload is good during the call. It answers what asks
// whether this side is alive, and fails when the peer reports an error.
func (c *Conn) Read(onPayload func(payload []byte)) error { return c.read(onPayload) }

// ReadAcks is Read for a connection that writes AppendSet or AppendDurable: it also returns
// how many more of them have been acknowledged. Every peer acknowledges the writes of one
// connection in their order, so the n-th is that of the n-th write. onPayload may be nil.
func (c *Conn) ReadAcks(onPayload func(payload []byte)) (acks int, err error) {
	err = c.read(onPayload)
	return c.in.acks, err
}

// read reads once and takes what is whole.
func (c *Conn) read(onPayload func(payload []byte)) error {
	c.in = input{payload: onPayload, reply: c.in.reply[:0]}
	if err := c.fill(); err != nil {
		return err
	}
	taken, err := c.proto.scan(c.buf[c.from:c.to], &c.in)
	c.from += taken
	if len(c.in.reply) > 0 {
		if _, wrote := c.Write(c.in.reply); err == nil {
			err = wrote
		}
	}
	return err
}

// fill reads more, behind what is still incomplete.
func (c *Conn) fill() error {
	if c.buf == nil {
		c.buf = make([]byte, inputSize)
	}
	if c.from > 0 {
		c.to = copy(c.buf, c.buf[c.from:c.to])
		c.from = 0
	}
	if c.to == len(c.buf) {
		if c.to >= inputLimit {
			return fmt.Errorf("a message of more than %d bytes", inputLimit)
		}
		c.buf = append(c.buf, make([]byte, len(c.buf))...)
	}
	n, err := c.Conn.Read(c.buf[c.to:])
	c.to += n
	if n > 0 { // what came before the end counts; the end comes again
		return nil
	}
	if err == nil {
		err = errors.New("an empty read")
	}
	return err
}

// Rest lets go of the buffer, for a connection that is going to be idle.
func (c *Conn) Rest() {
	if c.from == c.to {
		c.buf, c.from, c.to = nil, 0, 0
	}
}

// until takes what comes before and with end, at the beginning of a connection.
func (c *Conn) until(end string) ([]byte, error) {
	for {
		if i := bytes.Index(c.buf[c.from:c.to], []byte(end)); i >= 0 {
			found := c.buf[c.from : c.from+i+len(end)]
			c.from += len(found)
			return found, nil
		}
		if err := c.fill(); err != nil {
			return nil, err
		}
	}
}
