// How long messages take. To ask for the time costs as much as a tenth of a message does, so
// that of the kinds that come by the million only some are timed.

package router

import (
	"time"

	"github.com/clasp-studio/clasp/router/wire"
)

// timedEvery is how many messages of the frequent kinds there are to one that is timed, in each
// batch that is used again. It is a prime: a batch has up to 64 messages, and each place in it is
// to have its turn.
const timedEvery = 61

// rare are the kinds that are always timed, and handled all that a client has business sending.
var (
	rare    = kindsOf(wire.TypeHello, wire.TypeAnnounce, wire.TypeSubscribe, wire.TypeUnsubscribe, wire.TypeReplay, wire.TypeBundle, wire.TypeQuery)
	handled = rare | kindsOf(wire.TypePublish, wire.TypeSet, wire.TypeGet, wire.TypeSync, wire.TypePing, wire.TypePong)
)

// countHandled times a message that has been handled, if it is its turn, from when its batch began:
// then it had come, with all others of the batch.
func (b *batch) countHandled(r *Router, k kind) {
	if b.untimed > 0 && !rare.has(k) {
		b.untimed--
		return
	}
	b.timeHandled(r, k)
}

func (b *batch) timeHandled(r *Router, k kind) {
	if !rare.has(k) {
		b.untimed = timedEvery - 1
	}
	r.counts.handled[k].add(time.Since(b.began))
}
