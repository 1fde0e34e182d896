package client

// What has arrived for the handlers and has not been handled: the reader puts in, the dispatcher takes out.

import "sync"

const (
	// inboxSoft is how many bytes may wait before the reader pauses, inboxHard how many before the connection is given up:
	// while a request waits for its answer the reader goes on, because the answer may be what a handler waits for.
	inboxSoft = 256 << 10
	inboxHard = 64 << 20
)

// item is a message (bytes of the batch) or a note.
type item struct {
	start, end int
	note       *note
}

// note is news about the connection, in its place among the messages.
type note struct {
	state State
	err   error
}

// batch is what the dispatcher takes at once.
type batch struct {
	items []item
	bytes []byte
}

func (b *batch) size() int { return len(b.bytes) + 64*len(b.items) }

// inbox is safe for one reader and one dispatcher, and whoever ends it.
type inbox struct {
	wake chan struct{} // for the dispatcher: there is something
	room chan struct{} // for the reader: there is room again

	mu      sync.Mutex
	waiting batch
	ended   bool // nothing more comes in
}

func (in *inbox) init() {
	in.wake = make(chan struct{}, 1)
	in.room = make(chan struct{}, 1)
}

// put adds a message, of which it keeps a copy, and returns how many bytes wait now.
func (in *inbox) put(payload []byte) int {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.ended {
		return 0
	}
	w := &in.waiting
	start := len(w.bytes)
	w.bytes = append(w.bytes, payload...)
	w.items = append(w.items, item{start: start, end: len(w.bytes)})
	in.wakeLocked()
	return w.size()
}

func (in *inbox) tell(n note) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.ended {
		return
	}
	in.waiting.items = append(in.waiting.items, item{note: &n})
	in.wakeLocked()
}

func (in *inbox) wakeLocked() {
	if len(in.waiting.items) == 1 {
		signal(in.wake)
	}
}

// full reports whether the reader should pause.
func (in *inbox) full() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.waiting.size() > inboxSoft
}

// end lets nothing more in; take goes on until all is out.
func (in *inbox) end() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.ended = true
	signal(in.wake)
}

// take waits for something to arrive and takes all of it, giving back the memory of the batch before. False when nothing will
// come any more.
func (in *inbox) take(used batch) (batch, bool) {
	const keep = 4 * inboxSoft // a rare flood must not stay in memory for good
	if cap(used.bytes) > keep {
		used = batch{}
	}
	clear(used.items)
	used.items, used.bytes = used.items[:0], used.bytes[:0]
	for {
		in.mu.Lock()
		b := in.waiting
		if len(b.items) > 0 {
			in.waiting = used
			in.mu.Unlock()
			signal(in.room)
			return b, true
		}
		ended := in.ended
		in.mu.Unlock()
		if ended {
			return batch{}, false
		}
		<-in.wake
	}
}

// signal wakes whoever waits on c, or will next.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
