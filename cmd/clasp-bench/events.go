// Numbered events: what the fan-out workloads send, and the check that every
// subscriber gets each one once and in order.

package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/clasp-studio/clasp/cmd/clasp-bench/internal/process"
	"github.com/clasp-studio/clasp/router/wire"
)

const (
	eventAddress = "/bench/event"
	eventPattern = "/bench/*"
	// eventBytes is the payload of an event: its number and the time it was meant to
	// be sent, both 8 bytes, and nothing.
	eventBytes = 32
)

// eventMessage returns one event as it goes out on l. Its payload is at the end.
func eventMessage(l *link) []byte {
	value, err := wire.AppendAny(nil, make([]byte, eventBytes))
	if err != nil {
		panic(err) // bytes are a value
	}
	return l.message(nil, wire.Fire, wire.AppendPublish(nil, wire.Publish{
		Signal: wire.Event, Address: []byte(eventAddress), HasValue: true, Value: wire.Value{Code: value[0], Data: value[1:]},
	}))
}

// stamp writes number and time into an event.
func stamp(message []byte, number uint64, at time.Duration) {
	payload := message[len(message)-eventBytes:]
	binary.BigEndian.PutUint64(payload, number)
	binary.BigEndian.PutUint64(payload[8:], uint64(at))
}

// audience is a publisher's connection and those of its subscribers, which are read
// until it is closed.
type audience struct {
	publisher   *link
	subscribers []*link
	readers     sync.WaitGroup
	closed      atomic.Bool
	failed      chan error // the first error
}

// gather connects a publisher and n subscribers. Each subscriber's received tells of
// every event, in its own goroutine.
func gather(r rig, p *process.Process, n int, received func(subscriber int, number uint64, at time.Duration)) (*audience, error) {
	a := &audience{failed: make(chan error, 1)}
	for i := range n {
		l, err := r.dial(p, eventPattern)
		if err != nil {
			a.close()
			return nil, err
		}
		a.subscribers = append(a.subscribers, l)
		a.read(l, fmt.Sprintf("subscriber %d", i), follow(func(number uint64, at time.Duration) { received(i, number, at) }))
	}
	var err error
	if a.publisher, err = r.dial(p, ""); err != nil {
		a.close()
		return nil, err
	}
	a.read(a.publisher, "publisher", func(p []byte) error { return unexpected(p) })
	return a, nil
}

// read gives what comes on l to take, until the audience is closed.
func (a *audience) read(l *link, who string, take func(payload []byte) error) {
	a.readers.Go(func() {
		for {
			p, err := l.next()
			switch {
			case err == nil && p == nil:
				err = l.fill()
			case err == nil:
				err = take(p)
			}
			if err != nil {
				a.fail(fmt.Errorf("%s: %w", who, err))
				return
			}
		}
	})
}

// follow checks that the events that come are numbered from 0 without a gap.
func follow(received func(number uint64, at time.Duration)) func(p []byte) error {
	var next uint64
	return func(p []byte) error {
		if wire.Type(p[0]) != wire.TypePublish || len(p) < eventBytes {
			return unexpected(p)
		}
		payload := p[len(p)-eventBytes:]
		number := binary.BigEndian.Uint64(payload)
		if number != next {
			return fmt.Errorf("event %d came where %d was due: lost, repeated or out of order", number, next)
		}
		next++
		received(number, time.Duration(binary.BigEndian.Uint64(payload[8:])))
		return nil
	}
}

// fail notes an error, unless it comes from closing.
func (a *audience) fail(err error) {
	if a.closed.Load() && errors.Is(err, net.ErrClosed) {
		return
	}
	select {
	case a.failed <- err:
	default:
	}
}

// expire bounds all waiting from now on.
func (a *audience) expire(d time.Duration) {
	for _, l := range append(a.subscribers, a.publisher) {
		_ = l.SetReadDeadline(time.Now().Add(d))
	}
}

// close disconnects all and returns when nobody reads any more.
func (a *audience) close() {
	a.closed.Store(true)
	if a.publisher != nil {
		_ = a.publisher.Close()
	}
	for _, l := range a.subscribers {
		_ = l.Close()
	}
	a.readers.Wait()
}
