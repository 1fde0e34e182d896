// Package outbox is the bounded queue of frames on their way to one session.
//
// It is a pure data structure: one byte buffer of whole, ready-made frames, which
// leaves in one write. No goroutine, no lock, no network; the session that owns a
// queue guards it. Protocol section 9 is the source of its rules.
package outbox

import "sync"

const (
	// Soft is the number of waiting bytes from which a session counts as slow:
	// params are then kept by the session instead, and streams are held to Lossy.
	Soft = 64 << 10
	// Lossy is how many bytes of droppable frames may wait beyond Soft.
	Lossy = 64 << 10
	// Hard is the number of waiting bytes that ends the session.
	Hard = 1 << 20
	// keep is the largest buffer that is used again: a session that was slow once
	// must not hold its memory for good.
	keep = 128 << 10
)

// Queue holds the frames that wait. The zero value is empty and ready.
//
// While it is held (Hold), new frames go behind a gap which Release fills: so a
// snapshot can be put together without a lock and still stands in the order in
// which its values were read.
type Queue struct {
	head segment
	tail segment // used only while held
	held bool
}

// segment is a run of frames in order.
type segment struct {
	buf   []byte
	lossy []span // droppable frames, oldest first
	gone  []span // dropped frames whose bytes are still in buf, in order
	// bytes in lossy and in gone
	lossyBytes, goneBytes int
}

type span struct{ from, to int }

// Len returns the number of bytes that wait.
func (q *Queue) Len() int { return q.head.len() + q.tail.len() }

func (s *segment) len() int { return len(s.buf) - s.goneBytes }

// Slow reports whether the reader has fallen behind.
func (q *Queue) Slow() bool { return q.Len() >= Soft }

// Append adds a frame that must not be lost. It reports false, and adds nothing,
// when the queue would pass Hard: the session has to end.
func (q *Queue) Append(frame []byte) bool {
	if q.Len()+len(frame) > Hard {
		return false
	}
	q.last().add(frame)
	return true
}

// AppendLossy adds a frame that may be dropped, and returns how many were: the
// oldest ones beyond Lossy, or this one when there is no room at all.
func (q *Queue) AppendLossy(frame []byte) (dropped int) {
	n := q.Len()
	if n+len(frame) > Hard {
		return 1
	}
	s := q.last()
	from := len(s.buf)
	s.add(frame)
	// What goes out with the next write anyway is not worth remembering.
	if n < Soft {
		return 0
	}
	s.lossy = append(s.lossy, span{from, from + len(frame)})
	s.lossyBytes += len(frame)
	for q.head.lossyBytes+q.tail.lossyBytes > Lossy {
		oldest := &q.head
		if len(oldest.lossy) == 0 {
			oldest = &q.tail
		}
		if oldest == s && len(s.lossy) == 1 {
			break // the newest always stays
		}
		oldest.drop()
		dropped++
	}
	return dropped
}

func (q *Queue) last() *segment {
	if q.held {
		return &q.tail
	}
	return &q.head
}

func (s *segment) add(frame []byte) {
	if s.buf == nil {
		s.buf = getBuffer()
	}
	s.buf = append(s.buf, frame...)
}

// drop gives up the oldest droppable frame. Its bytes go when enough have gathered
// to make moving the rest worth it.
func (s *segment) drop() {
	oldest := s.lossy[0]
	s.lossy = s.lossy[1:]
	n := oldest.to - oldest.from
	s.lossyBytes -= n
	s.goneBytes += n
	if last := len(s.gone) - 1; last >= 0 && s.gone[last].to == oldest.from {
		s.gone[last].to = oldest.to
	} else {
		s.gone = append(s.gone, oldest)
	}
	if s.goneBytes > Lossy {
		s.compact()
	}
}

// compact moves the frames that are left together.
func (s *segment) compact() {
	if len(s.gone) == 0 {
		return
	}
	// shift walks the dropped spans beside the droppable ones, both in order.
	shift, next := 0, 0
	for i := range s.lossy {
		for next < len(s.gone) && s.gone[next].from < s.lossy[i].from {
			shift += s.gone[next].to - s.gone[next].from
			next++
		}
		s.lossy[i].from -= shift
		s.lossy[i].to -= shift
	}
	to := s.gone[0].from
	for i, g := range s.gone {
		end := len(s.buf)
		if i+1 < len(s.gone) {
			end = s.gone[i+1].from
		}
		to += copy(s.buf[to:], s.buf[g.to:end])
	}
	s.buf = s.buf[:to]
	s.gone, s.goneBytes = s.gone[:0], 0
}

// Hold makes a gap behind the frames that wait now.
func (q *Queue) Hold() { q.held = true }

// Held reports whether there is a gap.
func (q *Queue) Held() bool { return q.held }

// Release fills the gap with frames, any number of bytes of them.
func (q *Queue) Release(frames []byte) {
	q.held = false
	h := &q.head
	if len(frames) > 0 {
		h.add(frames)
	}
	t := &q.tail
	if len(t.buf) > 0 {
		t.compact()
		base := len(h.buf)
		h.add(t.buf)
		for _, sp := range t.lossy {
			h.lossy = append(h.lossy, span{sp.from + base, sp.to + base})
		}
		h.lossyBytes += t.lossyBytes
	}
	PutBuffer(t.buf)
	q.tail = segment{}
}

// Take returns the frames before the gap, or nil when there are none. The caller
// gives the buffer back with PutBuffer once it is written.
func (q *Queue) Take() []byte {
	h := &q.head
	h.compact()
	buf := h.buf
	if len(buf) == 0 {
		return nil
	}
	*h = segment{}
	return buf
}

// Clear drops everything that waits.
func (q *Queue) Clear() {
	PutBuffer(q.head.buf)
	PutBuffer(q.tail.buf)
	*q = Queue{}
}

// buffers are shared by all queues, so that an idle session holds none.
var buffers = sync.Pool{New: func() any { return new(buffer) }}

// buffer boxes a slice, because putting a bare slice into a pool allocates. Empty
// boxes are pooled too.
type buffer struct{ b []byte }

var boxes = sync.Pool{New: func() any { return new(buffer) }}

func getBuffer() []byte {
	box := buffers.Get().(*buffer)
	b := box.b
	box.b = nil
	boxes.Put(box)
	if b == nil {
		b = make([]byte, 0, 2<<10)
	}
	return b[:0]
}

// PutBuffer takes back a buffer that Take gave.
func PutBuffer(b []byte) {
	if cap(b) == 0 || cap(b) > keep {
		return
	}
	box := boxes.Get().(*buffer)
	box.b = b
	buffers.Put(box)
}
