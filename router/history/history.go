// Package history records what clients asked of a router and what they were told, and decides whether a router with one copy
// of every param could have said all that. Only tests import it.
//
// # What is checked, and why so
//
// SET, GET and BUNDLE, answered or not, must be linearizable: there is one order of all of them, in keeping with the time at
// which each was asked and answered, in which a param that does one thing after the other (model.go) gives exactly those
// answers. That is what "the last to arrive wins", locks, stated revisions and "applied whole" (protocol sections 7 and 8)
// come to for clients that look at the same param. porcupine searches for the order. Its own words are not trusted when it
// gives up: undecided is a failure.
//
//   - A SET at fire is never answered. It has no return of its own, but the router takes the messages of a session one by one:
//     it has been applied or refused when the next answer on its session comes.
//   - What was on its way when the router was killed may have been applied or not, but not later.
//   - A snapshot is as many reads as it has params. That its params are not of one moment is no mistake; half a bundle would be.
//     (Promise 6 has a test of its own.)
//
// A subscription is not a read: it may lag behind, and leave revisions out (protocol section 9), so it cannot be linearizable.
// It must be a course of the same history (streams.go): per address revisions rise, each with the value that the order has
// there; nothing comes before it was asked for; and whoever goes on reading ends on the newest. What it shows has happened:
// the delivery of a value is held to be the latest moment at which its write can have taken effect. So whoever asks with GET
// after anybody was told must get that value or a newer one.
//
// Not modelled: lifetimes, which are a matter of the clock, and rights.
package history

import (
	"math"
	"sync"
	"time"

	"github.com/clasp-studio/clasp/router/wire"
)

// Kind says what an operation does.
type Kind uint8

// The kinds.
const (
	Write   Kind = iota // a SET, or a BUNDLE of several
	Read                // a GET, or one param of a snapshot
	Leave               // the end of a session: its locks are free
	Restart             // a kill of the router and its next start: no lock is left, and a new epoch begins
)

// Never is the return of an operation that was not answered.
const Never = int64(math.MaxInt64)

// Set is one write. Every Value is written once only, and so names its write.
type Set struct {
	Address      string
	Value        int64
	Stated       bool // only if the param is at Revision, 0 for missing
	Revision     uint64
	Lock, Unlock bool

	seen uint64 // the revision that subscribers were told for it, as of its epoch; 0 = none
}

// Op is one operation of one session.
type Op struct {
	Kind    Kind
	Client  int    // who, for the drawing
	Session string // the router's name for it: it is what holds a lock
	Writes  []Set  // of a Write
	Bundle  bool   // they are one: its answer tells of no lock
	Address string // of a Read
	Fire    bool   // is not answered
	Epoch   int    // how often the router had been killed when it was asked

	Call, Return int64 // ns since the recorder was made
	Answer       Answer
}

// Answer is what the router said.
type Answer struct {
	Unknown  bool      // nothing
	Code     wire.Code // why it is refused, 0 = done
	Revision uint64
	Value    int64  // of a Read
	Holder   string // of a Set that asked for a lock or gave one up
}

// Recorder takes down a history. Its methods may be called by any goroutine.
type Recorder struct {
	start      time.Time
	strategies map[string]Strategy

	mu      sync.Mutex
	ops     []*Op
	streams []*Stream
	last    int64 // how many values have been given out
	epoch   int
}

// New begins a history in which some addresses have another strategy than LastWins.
func New(strategies map[string]Strategy) *Recorder {
	return &Recorder{start: time.Now(), strategies: strategies}
}

func (r *Recorder) now() int64 { return int64(time.Since(r.start)) }

// Value returns a number that no other write has. Those that are asked for later are mostly greater, and some are not.
func (r *Recorder) Value(jitter int) int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last++
	return (r.last+int64(jitter))<<32 | r.last
}

// Begin notes that an operation is being asked for.
func (r *Recorder) Begin(op Op) *Op {
	r.mu.Lock()
	defer r.mu.Unlock()
	op.Call, op.Return, op.Epoch = r.now(), Never, r.epoch
	op.Answer = Answer{Unknown: true}
	r.ops = append(r.ops, &op)
	return &op
}

// End notes an answer.
func (r *Recorder) End(op *Op, a Answer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	op.Answer, op.Return = a, r.now()
}

// done notes that operations which are not answered have been carried out.
func (r *Recorder) done(ops []*Op) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, op := range ops {
		op.Return = min(op.Return, r.now())
	}
}

// Killed notes that the router is about to be killed; what it returns, that the next one is ready.
func (r *Recorder) Killed() (ready func()) {
	op := r.Begin(Op{Kind: Restart})
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		op.Answer, op.Return = Answer{}, r.now()
		for _, lost := range r.ops {
			lost.Return = min(lost.Return, op.Return)
		}
		r.epoch++
	}
}

// add takes in operations that have been answered by now, and were asked for at a time.
func (r *Recorder) add(call int64, ops ...*Op) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, op := range ops {
		op.Call, op.Return, op.Epoch = call, r.now(), r.epoch
	}
	r.ops = append(r.ops, ops...)
}
