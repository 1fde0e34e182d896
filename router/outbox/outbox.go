// Package outbox is the bounded queue of frames on their way to one session.
//
// It is a pure data structure: one byte buffer of whole, ready-made frames, which
// leaves in one write. No goroutine, no lock, no network; the session that owns a
// queue guards it. Protocol section 9 is the source of its rules.
package outbox

const (
	// Soft is the number of waiting bytes from which a session counts as slow:
	// params are then kept by the session instead, and streams are held to Lossy.
	Soft = 64 << 10
	// Lossy is how many bytes of droppable frames may wait beyond Soft.
	Lossy = 64 << 10
	// Hard is the number of waiting bytes that ends the session.
	Hard = 1 << 20
)

// Queue holds the frames that wait. The zero value is empty and ready.
type Queue struct {
	buf   []byte
	lossy []span // droppable frames, oldest first
	gone  []span // dropped frames whose bytes are still in buf, in order
	// bytes in lossy and in gone
	lossyBytes, goneBytes int
}

type span struct{ from, to int }

// Len returns the number of bytes that wait.
func (q *Queue) Len() int { return len(q.buf) - q.goneBytes }

// Slow reports whether the reader has fallen behind.
func (q *Queue) Slow() bool { return q.Len() >= Soft }

// Append adds a frame that must not be lost. It reports false, and adds nothing,
// when the queue would pass Hard: the session has to end.
func (q *Queue) Append(frame []byte) bool {
	if q.Len()+len(frame) > Hard {
		return false
	}
	q.add(frame)
	return true
}

// AppendLossy adds a frame that may be dropped, and returns how many were: the
// oldest ones beyond Lossy, or this one when there is no room at all.
func (q *Queue) AppendLossy(frame []byte) (dropped int) {
	n := q.Len()
	if n+len(frame) > Hard {
		return 1
	}
	from := len(q.buf)
	q.add(frame)
	// What goes out with the next write anyway is not worth remembering.
	if n < Soft {
		return 0
	}
	q.lossy = append(q.lossy, span{from, from + len(frame)})
	q.lossyBytes += len(frame)
	for q.lossyBytes > Lossy && len(q.lossy) > 1 { // the newest always stays
		q.drop()
		dropped++
	}
	return dropped
}

func (q *Queue) add(frame []byte) {
	if cap(q.buf)-len(q.buf) < len(frame) {
		q.buf = larger(q.buf, len(frame))
	}
	q.buf = append(q.buf, frame...)
}

// drop gives up the oldest droppable frame. Its bytes go when enough have gathered
// to make moving the rest worth it.
func (q *Queue) drop() {
	oldest := q.lossy[0]
	q.lossy = q.lossy[1:]
	n := oldest.to - oldest.from
	q.lossyBytes -= n
	q.goneBytes += n
	if last := len(q.gone) - 1; last >= 0 && q.gone[last].to == oldest.from {
		q.gone[last].to = oldest.to
	} else {
		q.gone = append(q.gone, oldest)
	}
	if q.goneBytes > Lossy {
		q.compact()
	}
}

// compact moves the frames that are left together.
func (q *Queue) compact() {
	if len(q.gone) == 0 {
		return
	}
	// shift walks the dropped spans beside the droppable ones, both in order.
	shift, next := 0, 0
	for i := range q.lossy {
		for next < len(q.gone) && q.gone[next].from < q.lossy[i].from {
			shift += q.gone[next].to - q.gone[next].from
			next++
		}
		q.lossy[i].from -= shift
		q.lossy[i].to -= shift
	}
	to := q.gone[0].from
	for i, g := range q.gone {
		end := len(q.buf)
		if i+1 < len(q.gone) {
			end = q.gone[i+1].from
		}
		to += copy(q.buf[to:], q.buf[g.to:end])
	}
	q.buf = q.buf[:to]
	q.gone, q.goneBytes = q.gone[:0], 0
}

// Take returns what waits, or nil when nothing does. The caller gives the buffer
// back with PutBuffer once it is written.
func (q *Queue) Take() []byte {
	q.compact()
	buf := q.buf
	if len(buf) == 0 {
		return nil
	}
	*q = Queue{}
	return buf
}

// Clear drops everything that waits.
func (q *Queue) Clear() {
	PutBuffer(q.buf)
	*q = Queue{}
}
