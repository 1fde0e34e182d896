// A closed loop: volleys of messages, of which only so many are under way to everybody.
// The slowest subscriber sets the pace, nothing piles up, and nothing needs to be dropped.

package versus

import (
	"context"
	"sync/atomic"
	"time"
)

// loop is the pace of one publisher. Its messages are numbered from 0 and are the only ones
// of its publisher.
type loop struct {
	volley      uint64         // messages that go out in one write
	subscribers atomic.Int32   // that have to have a volley before another one goes
	room        chan struct{}  // one for each volley that may go
	arrived     []atomic.Int32 // for each volley under way, the subscribers that have all of it
	came        [][]uint64     // for each subscriber and volley under way, the messages that it has of it
}

func newLoop(volley uint64, volleys, subscribers int) *loop {
	l := &loop{volley: volley, room: make(chan struct{}, volleys), arrived: make([]atomic.Int32, volleys)}
	for range subscribers {
		l.came = append(l.came, make([]uint64, volleys))
	}
	l.subscribers.Store(int32(subscribers))
	for range volleys {
		l.room <- struct{}{}
	}
	return l
}

// note notes that a subscriber has a message that it did not have, in the order of its
// volley or not. Each subscriber has a goroutine of its own.
func (l *loop) note(subscriber int, sequence uint64) {
	under := sequence / l.volley % uint64(len(l.arrived))
	if l.came[subscriber][under]++; l.came[subscriber][under] < l.volley {
		return
	}
	l.came[subscriber][under] = 0
	slot := &l.arrived[under]
	if slot.Add(1) == l.subscribers.Load() {
		slot.Store(0)
		l.room <- struct{}{}
	}
}

// send sends for as long as d and returns when everybody has everything. add makes the
// next message of m.
func (l *loop) send(ctx context.Context, a *audience, m *messages, d time.Duration, add func()) (sent uint64, err error) {
	before := m.sent
	for start := time.Now(); time.Since(start) < d; {
		if _, err := await(ctx, a, l.room); err != nil {
			return 0, err
		}
		for range l.volley {
			add()
		}
		if err := m.flush(); err != nil {
			return 0, err
		}
	}
	return m.sent - before, settle(ctx, a, l.room)
}
