// Workload set: one client writes params at confirm, another subscribes to them. A SET
// counts once it is acknowledged and the subscriber has its value, or a newer one of
// the same param.

package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync"
	"time"

	"github.com/clasp-studio/clasp/router/wire"
)

const (
	// setWindow is how many SETs wait for their ACK at most.
	setWindow = 512
	// setParams is how many params are written in turn: the SETs are numbered from 0,
	// number n is the value of param n%setParams, and makes revision n/setParams+1.
	setParams  = 100
	setPattern = "/bench/*"
	setAddress = "/bench/00"
	// addressAt is where SET and ACK have their address: after type, flags, length.
	addressAt = 1 + 1 + 2
)

func runSet(ctx context.Context, r rig) (result, error) {
	p, err := r.start(ctx)
	if err != nil {
		return result{}, err
	}
	defer p.Stop()

	reader, err := r.dial(p, setPattern)
	if err != nil {
		return result{}, p.Explain(err)
	}
	defer reader.Close()
	acks := "" // they come unasked; the relay has to send each SET back
	if r.relay {
		acks = setPattern
	}
	l, err := r.dial(p, acks)
	if err != nil {
		return result{}, p.Explain(err)
	}
	defer l.Close()

	w := newWriter(l, r.relay)
	s := &subscriber{link: reader, relay: r.relay, failed: make(chan error, 1)}
	go s.run()
	if _, err := exchange(w, s, r.scale.duration/5); err != nil { // buffers grow, caches fill
		return result{}, p.Explain(err)
	}
	before := s.received()
	m := measure(p)
	sets, err := exchange(w, s, r.scale.duration)
	if err != nil {
		return result{}, p.Explain(err)
	}
	u := m.stop(sets)
	conflated := sets - (s.received() - before)
	return result{[]float64{float64(sets) / u.wall.Seconds(), 100 * float64(conflated) / float64(sets)}, u}, nil
}

// exchange writes for as long as d and returns when everything is acknowledged and
// the subscriber has the last value of every param.
func exchange(w *writer, s *subscriber, d time.Duration) (sets int, err error) {
	deadline := time.Now().Add(d + patience)
	_ = w.SetReadDeadline(deadline)
	_ = s.SetReadDeadline(deadline)
	before := w.next
	if err := w.run(d); err != nil {
		return 0, fmt.Errorf("writer: %w", err)
	}
	select {
	case <-s.has(w.next):
		return int(w.next - before), nil
	case err := <-s.failed:
		return 0, fmt.Errorf("subscriber: %w", err)
	}
}

// writer sends SETs.
type writer struct {
	*link
	relay bool
	out   []byte // setWindow of them
	size  int    // of one
	next  uint64 // number
	acked uint64 // so many
}

func newWriter(l *link, relay bool) *writer {
	w := &writer{link: l, relay: relay}
	value, err := wire.AppendAny(nil, int64(0))
	if err != nil {
		panic(err) // integers are values
	}
	message := appendMessage(nil, wire.Confirm, wire.AppendSet(nil, wire.Set{
		Address: []byte(setAddress), Value: wire.Value{Code: value[0], Data: value[1:]},
	}))
	w.size = len(message)
	for range setWindow {
		w.out = append(w.out, message...)
	}
	return w
}

// send sends n SETs in one write, n ≤ setWindow.
func (w *writer) send(n int) error {
	for i := range n {
		// A SET ends with the two digits of its address and 8 bytes of value.
		end := w.out[(i+1)*w.size-8-2 : (i+1)*w.size]
		param := w.next % setParams
		end[0], end[1] = '0'+byte(param/10), '0'+byte(param%10)
		binary.BigEndian.PutUint64(end[2:], w.next)
		w.next++
	}
	_, err := w.Write(w.out[:n*w.size])
	return err
}

// run writes for as long as d: a window at once, then a SET for each ACK. It returns
// when everything is acknowledged.
func (w *writer) run(d time.Duration) error {
	start := time.Now()
	if err := w.send(setWindow); err != nil {
		return err
	}
	for w.acked < w.next {
		before := w.acked
		if err := w.takeAcks(); err != nil {
			return err
		}
		if time.Since(start) < d {
			if err := w.send(int(w.acked - before)); err != nil {
				return err
			}
		}
	}
	return nil
}

// takeAcks reads once and counts ACKs. They come in the order of the SETs.
func (w *writer) takeAcks() error {
	if err := w.fill(); err != nil {
		return err
	}
	for {
		p, err := w.link.next()
		if err != nil || p == nil {
			return err
		}
		if !w.relay {
			const revisionAt = addressAt + len(setAddress)
			if wire.Type(p[0]) != wire.TypeAck || len(p) != revisionAt+8 {
				return unexpected(p)
			}
			if param, revision := paramOf(p), binary.BigEndian.Uint64(p[revisionAt:]); param != w.acked%setParams || revision != w.acked/setParams+1 {
				return fmt.Errorf("ACK of param %d revision %d came where param %d revision %d was due",
					param, revision, w.acked%setParams, w.acked/setParams+1)
			}
		}
		w.acked++
	}
}

// paramOf reads which param the address of a SET or ACK names.
func paramOf(p []byte) uint64 {
	digits := p[addressAt+len(setAddress)-2:]
	return uint64(digits[0]-'0')*10 + uint64(digits[1]-'0')
}

// subscriber checks that the values of each param rise, that each came with its
// revision, and that the last ones come.
type subscriber struct {
	*link
	relay  bool
	failed chan error // ends reading

	mu      sync.Mutex
	count   int
	newest  [setParams]uint64
	awaited uint64        // how many SETs there are in all, 0 = not known yet
	done    chan struct{} // closed once their last values are here
}

// run reads until the connection ends or something is wrong.
func (s *subscriber) run() {
	for {
		err := s.fill()
		if err == nil {
			s.mu.Lock()
			err = s.take()
			s.check()
			s.mu.Unlock()
		}
		if err != nil {
			s.failed <- err
			return
		}
	}
}

// take looks at what has been read. mu must be locked.
func (s *subscriber) take() error {
	for {
		p, err := s.next()
		if err != nil || p == nil {
			return err
		}
		const valueAt = addressAt + len(setAddress)
		if wire.Type(p[0]) != wire.TypeSet || len(p) < valueAt+8 {
			return unexpected(p)
		}
		param, value := paramOf(p), binary.BigEndian.Uint64(p[valueAt:])
		if value%setParams != param || value <= s.newest[param] && value >= setParams {
			return fmt.Errorf("param %d has the value %d after %d", param, value, s.newest[param])
		}
		if !s.relay {
			if len(p) != valueAt+8+8 {
				return unexpected(p)
			}
			if revision := binary.BigEndian.Uint64(p[valueAt+8:]); revision != value/setParams+1 {
				return fmt.Errorf("param %d has the value %d at revision %d", param, value, revision)
			}
		}
		s.newest[param] = value
		s.count++
	}
}

// has returns a channel that is closed once the last values of so many SETs are here.
func (s *subscriber) has(sets uint64) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.awaited, s.done = sets, make(chan struct{})
	done := s.done
	s.check()
	return done
}

// check closes done when it is time to. mu must be locked.
func (s *subscriber) check() {
	if s.awaited == 0 {
		return
	}
	for _, value := range s.newest {
		if value+setParams < s.awaited {
			return
		}
	}
	close(s.done)
	s.awaited = 0
}

func (s *subscriber) received() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count
}
