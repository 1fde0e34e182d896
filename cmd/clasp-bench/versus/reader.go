// Reading what comes to the subscribers: at once, each in a goroutine of its own, or now and
// then, one after another, for those whose latency nobody asks for. To be woken for every
// single message costs a load more than all else: with each of 100 subscribers woken, it is
// the load whose limits are measured.

package versus

import (
	"errors"
	"fmt"
	"time"

	"github.com/clasp-studio/clasp/cmd/clasp-bench/internal/host"
	"github.com/clasp-studio/clasp/cmd/clasp-bench/versus/peer"
)

// reader reads for one subscriber. Not for several goroutines.
type reader struct {
	a          *audience
	subscriber int
	of         *subscriber
	tell       received

	now   time.Duration // of this read: to ask for each delivery would cost more than the delivery
	fresh bool          // now has yet to be asked for
	n     uint64
	take  func(payload []byte) // made once
}

func (a *audience) reader(i int, s *subscriber, tell received) *reader {
	r := &reader{a: a, subscriber: i, of: s, tell: tell}
	r.take = r.note
	return r
}

// note notes one delivery.
func (r *reader) note(payload []byte) {
	if r.fresh {
		r.now, r.fresh = time.Since(r.a.start), false
	}
	stamp, err := peer.ReadStamp(payload)
	if err != nil {
		r.a.fail(fmt.Errorf("subscriber %d: %w", r.subscriber, err))
		return
	}
	r.n++
	if r.of.ledger.enter(stamp.Publisher, stamp.Sequence) { // what is repeated makes the run void anyway
		r.tell(r.subscriber, stamp, r.now)
	}
}

// once reads once.
func (r *reader) once() error {
	r.fresh = true
	err := r.of.conn.Read(r.take)
	r.of.got.Store(r.n)
	return err
}

// run reads until the connection ends.
func (r *reader) run() {
	for {
		if err := r.once(); err != nil {
			r.a.fail(fmt.Errorf("subscriber %d: %w", r.subscriber, err))
			return
		}
	}
}

const (
	// sweepGroups is how many groups there are of those that are read now and then, and
	// sweepEvery when the next group is: so that who is read at once never waits for long.
	sweepGroups = 10
	sweepEvery  = 400 * time.Microsecond
)

// sweep reads for all of them until the audience is closed.
func (a *audience) sweep(seldom []*reader) {
	clock, err := host.NewAlarm()
	if err != nil {
		a.fail(err)
		return
	}
	defer clock.Close()
	ended := make([]bool, len(seldom))
	for group := 0; ; group = (group + 1) % sweepGroups {
		select {
		case <-a.stop:
			return
		default:
		}
		if err := clock.WaitUntil(time.Now().Add(sweepEvery)); err != nil {
			a.fail(err)
			return
		}
		for i := group; i < len(seldom); i += sweepGroups {
			for !ended[i] {
				err := seldom[i].once()
				if errors.Is(err, errNothingYet) {
					break
				}
				if err != nil {
					a.fail(fmt.Errorf("subscriber %d: %w", seldom[i].subscriber, err))
					ended[i] = true
				}
			}
		}
	}
}

// errNothingYet is what a connection that never waits says when nothing has come.
var errNothingYet = errors.New("nothing has come yet")
