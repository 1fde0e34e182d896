// What is said for the audit log: by a goroutine of its own, so that a log that is stuck, or a
// full disk, holds up neither a revocation nor whoever waits.

package pairing

import (
	"fmt"
	"time"
)

const (
	auditMost     = 1000            // lines that wait; those that come then are lost
	auditPatience = 2 * time.Second // for what waits when the Registry is closed
)

// audit says what has happened. mu must be locked.
func (r *Registry) audit(now time.Time, e Event) {
	if r.o.Audit == nil {
		return
	}
	if r.log.waiting() >= auditMost {
		r.lost++
		return
	}
	r.confessLost(now)
	e.Time, e.Operator = now, clean(e.Operator)
	r.log.add(func() { r.o.Audit(e) })
	go r.log.run()
}

// confessLost says how many lines are missing where the log goes on.
func (r *Registry) confessLost(now time.Time) {
	if r.lost == 0 {
		return
	}
	e := Event{Time: now, What: "lost", Detail: fmt.Sprintf("%d lines: the audit log could not be written for a while", r.lost)}
	r.lost = 0
	r.log.add(func() { r.o.Audit(e) })
}

// audited is closed when all that has been said until now is written.
func (r *Registry) audited() <-chan struct{} {
	done := make(chan struct{})
	r.log.add(func() { close(done) })
	go r.log.run()
	return done
}
