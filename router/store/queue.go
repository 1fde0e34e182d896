package store

import (
	"context"
	"sync"
)

const (
	// maxBacklog is how many bytes of records may wait for the disk or for Settle.
	maxBacklog = 16 << 20
	// maxBatch is about how many bytes of records go into one batch.
	maxBatch = 4 << 20
)

// queue holds commits on their way to the disk and, as outcomes, on to Settle. One backlog
// bounds both.
type queue struct {
	mu       sync.Mutex
	room     sync.Cond // the backlog is shorter, or the queue closed
	told     sync.Cond // there is an outcome, or ended
	settled  sync.Cond // open is 0
	waiting  []Commit
	outcomes []outcome
	backlog  int  // bytes of records of the open commits
	open     int  // commits that Settle has not returned for
	closed   bool // commits are refused
	ended    bool // nothing but refusals will follow
	gone     bool // nobody takes outcomes any more
}

// outcome is a batch of commits and what has become of it.
type outcome struct {
	commits []Commit
	bytes   int
	err     error
	next    uint64 // the number after the batch, when there is no error
}

func (q *queue) init() {
	q.room.L, q.told.L, q.settled.L = &q.mu, &q.mu, &q.mu
}

// put adds a commit when there is room for it, or returns false when the queue is closed.
// first says that it is the only one that waits.
func (q *queue) put(c Commit) (first, ok bool) {
	n := len(c.Records())
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.open > 0 && q.backlog+n > maxBacklog && !q.closed {
		q.room.Wait()
	}
	if q.closed {
		return false, false
	}
	q.backlog += n
	q.open++
	q.waiting = append(q.waiting, c)
	return len(q.waiting) == 1, true
}

// take removes the oldest commits that wait and appends their records to dst.
func (q *queue) take(dst []byte) (batch []Commit, records []byte) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(batch) < len(q.waiting) && len(dst) < maxBatch {
		c := q.waiting[len(batch)]
		dst = append(dst, c.Records()...)
		batch = q.waiting[:len(batch)+1]
	}
	batch = append([]Commit(nil), batch...)
	rest := copy(q.waiting, q.waiting[len(batch):])
	clear(q.waiting[rest:])
	q.waiting = q.waiting[:rest]
	return batch, dst
}

func (q *queue) isClosed() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.closed
}

// close refuses commits from now on. Those that wait are still taken.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.room.Broadcast()
}

// tell hands an outcome to settle.
func (q *queue) tell(o outcome) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.outcomes = append(q.outcomes, o)
	q.told.Signal()
}

// refuse is tell for a commit that was not put. It returns false when it must be told in
// another way.
func (q *queue) refuse(c Commit) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.gone {
		return false
	}
	q.open++
	q.outcomes = append(q.outcomes, outcome{commits: []Commit{c}, err: ErrClosed})
	q.told.Signal()
	return true
}

// end lets settle return when it has told everything.
func (q *queue) end() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.ended = true
	q.told.Signal()
}

// settle calls f with every outcome, until the end.
func (q *queue) settle(f func(outcome)) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for {
		for len(q.outcomes) == 0 && !q.ended {
			q.told.Wait()
		}
		if len(q.outcomes) == 0 {
			q.gone = true
			return
		}
		outcomes := q.outcomes
		q.outcomes = nil
		for _, o := range outcomes {
			q.mu.Unlock()
			f(o)
			q.mu.Lock()
			q.backlog -= o.bytes
			if q.open -= len(o.commits); q.open == 0 {
				q.settled.Broadcast()
			}
			q.room.Broadcast()
		}
	}
}

// drain waits until all commits are settled, or ctx ends.
func (q *queue) drain(ctx context.Context) error {
	defer context.AfterFunc(ctx, func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		q.settled.Broadcast()
	})()
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.open > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		q.settled.Wait()
	}
	return nil
}
