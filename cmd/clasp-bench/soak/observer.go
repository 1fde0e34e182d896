// What one session was shown, held against what it may be shown: revisions rise, events come
// one after another, and in the end it has what the router has.

package soak

import (
	"fmt"
	"strings"
	"sync"
)

// observer is the checker's view of one session. Its reader tells it everything, in order.
type observer struct {
	ledger *ledger
	name   string // for words
	// lossy says that the network may lose messages (UDP): then nothing is missed, but what
	// comes still rises.
	lossy bool
	self  int // the publisher that it is itself, whose events it does not get; 0 = none

	mu     sync.Mutex
	params map[string]uint64 // the last revision shown
	below  []string          // what it has subscribed to: all that begins so
	since  int               // the moment, of the book of events, from which on it misses nothing; 0 = it does not take part
	events map[int]int       // by publisher: the place of the last one shown
	gaps   int               // what a lossy network has lost
}

func newObserver(l *ledger, name string, lossy bool) *observer {
	return &observer{ledger: l, name: name, lossy: lossy, params: make(map[string]uint64), events: make(map[int]int)}
}

// snapshot is told of an entry of a SNAPSHOT. One that was asked for again may say what is known.
func (o *observer) snapshot(address string, revision uint64, n id) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if last := o.params[address]; revision < last {
		o.ledger.verdict.fail(rising, "%s is shown revision %d of %s in a snapshot, after %d", o.name, revision, address, last)
	}
	o.take(address, revision, n)
}

// live is told of a SET.
func (o *observer) live(address string, revision uint64, n id) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if last := o.params[address]; revision <= last {
		o.ledger.verdict.fail(rising, "%s is shown revision %d of %s, after %d", o.name, revision, address, last)
	}
	o.take(address, revision, n)
}

func (o *observer) take(address string, revision uint64, n id) {
	o.ledger.verdict.hold(rising, 1)
	o.ledger.shown(address, revision, n)
	o.params[address] = max(o.params[address], revision)
}

// event is told of an event.
func (o *observer) event(publisher, place int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	last, known := o.events[publisher]
	switch {
	case known && place <= last:
		o.ledger.verdict.fail(complete, "%s gets event %d of publisher %d after %d", o.name, place, publisher, last)
	case known && place != last+1 && o.lossy:
		o.gaps += place - last - 1
	case known && place != last+1:
		o.ledger.verdict.fail(complete, "%s gets event %d of publisher %d after %d: %d are missing", o.name, place, publisher, last, place-last-1)
	default:
		o.ledger.verdict.hold(complete, 1)
	}
	o.events[publisher] = place
}

// subscribed notes what it asks for from now on. moment is that of the book of events.
func (o *observer) subscribed(moment int, below ...string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.below, o.since = below, moment
}

// unsubscribed notes that nothing of what it had asked for comes any more. Of what it does not
// ask for meanwhile it misses some, rightly.
func (o *observer) unsubscribed() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.below, o.since = nil, 0
	clear(o.events)
}

// is says which publisher it is itself.
func (o *observer) is(p *publisher) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.self = p.number
}

// last is the last revision it was shown of an address, 0 if none.
func (o *observer) last(address string) uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.params[address]
}

// asks says whether it has subscribed to an address. o.mu must be locked.
func (o *observer) asks(address string) bool {
	for _, prefix := range o.below {
		if strings.HasPrefix(address, prefix) {
			return true
		}
	}
	return false
}

// lags says what this session does not have yet of what the router has, and which promise
// that is. Nobody writes meanwhile, so that a while later it must have everything.
func (o *observer) lags(now map[string]found, book *events) (promise, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.since == 0 || o.lossy {
		return 0, nil
	}
	for address, p := range now {
		last, known := o.params[address]
		switch {
		case last == p.revision || !o.asks(address):
		case known:
			return newest, fmt.Errorf("%s is at revision %d of %s, the router at %d", o.name, last, address, p.revision)
		default:
			return complete, fmt.Errorf("%s was never shown %s, which is at revision %d", o.name, address, p.revision)
		}
	}
	return complete, book.lags(o)
}
