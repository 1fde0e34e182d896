// The book of events: what every publisher has had confirmed, so that whoever had subscribed
// before must have got it.

package soak

import (
	"fmt"
	"maps"
	"sync"
)

// events is the book. Moments count what is written into it.
type events struct {
	mu         sync.Mutex
	moment     int
	publishers map[string]map[int]*publisher // by address, by number
	next       int
}

// publisher is one session that publishes at one address.
type publisher struct {
	address   string
	number    int
	began     int // the moment of its first event
	sent      int
	confirmed int // the place of the last one that the router has acknowledged
	gone      bool
}

func newEvents() *events { return &events{publishers: make(map[string]map[int]*publisher)} }

// now is the moment up to which all that is confirmed may have passed.
func (e *events) now() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.moment++
	return e.moment
}

// enter notes a new publisher.
func (e *events) enter(address string) *publisher {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.next++
	p := &publisher{address: address, number: e.next}
	if e.publishers[address] == nil {
		e.publishers[address] = make(map[int]*publisher)
	}
	e.publishers[address][p.number] = p
	return p
}

// leave notes that one publishes no more.
func (e *events) leave(p *publisher) {
	e.mu.Lock()
	defer e.mu.Unlock()
	p.gone = true
}

// sweep lets go of all who have left: everybody has what they have published.
func (e *events) sweep() {
	e.mu.Lock()
	defer e.mu.Unlock()
	for address, all := range e.publishers {
		maps.DeleteFunc(all, func(_ int, p *publisher) bool { return p.gone })
		if len(all) == 0 {
			delete(e.publishers, address)
		}
	}
}

// place is that of the next event.
func (e *events) place(p *publisher) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	if p.sent++; p.sent == 1 {
		e.moment++
		p.began = e.moment
	}
	return p.sent
}

// confirm notes that the router has acknowledged one.
func (e *events) confirm(p *publisher, place int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	p.confirmed = max(p.confirmed, place)
}

// lags says what an observer, which is locked, has missed.
func (e *events) lags(o *observer) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	for address, all := range e.publishers {
		if !o.asks(address) {
			continue
		}
		for number, p := range all {
			last, known := o.events[number]
			if (known || p.began > o.since) && last < p.confirmed && number != o.self {
				return fmt.Errorf("%s has event %d of publisher %d at %s, and %d is confirmed", o.name, last, number, address, p.confirmed)
			}
		}
	}
	return nil
}
