package router

import (
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/clasp-studio/clasp/router/address"
	"github.com/clasp-studio/clasp/router/wire"
)

// A piece of a snapshot is one frame. It ends at this payload, at this many params
// (which are locked together meanwhile), or after this many looked at, so that nobody
// waits long for a param or the index.
const (
	pieceBytes  = 60 << 10
	pieceParams = 1024
	pieceLooks  = 4096
	// Matching can be slow for patterns made to be; then time ends a piece.
	pieceTime = 500 * time.Microsecond
	// leftMost is how many params are left for later at a time. They take no room in the
	// outbox, so that nothing else bounds what a client that does not read has of them.
	leftMost = 1024
	// snapshotHold bounds how long bundles wait for a snapshot to be complete.
	snapshotHold = 2 * time.Millisecond
)

// patience is how often a piece that holds params tries for one more that somebody
// is busy with, before it ends with those it has.
const patience = 32

// cursor is a snapshot on its way to a session: it walks the params in address
// order, as far as there is room in the outbox.
type cursor struct {
	// Static after construction.
	sub     *subscription // nil for the snapshot that follows WELCOME
	pattern *address.Pattern
	types   uint8

	// Owned by whoever fills.
	next     string // look from here on
	sent     bool   // a frame has been sent
	refused  bool   // the client has been told of one that is too large for it
	clearing bool   // what is left is sent before it goes on

	// Guarded by the session's out: addresses up to pos have been passed, all of them
	// once it has come to the end. What is left is sent then, or when it is too much.
	pos    string
	atEnd  bool
	left   owed
	echoed map[*paramEntry]uint64 // revisions that their writer, this session, has been sent already
}

// hasPassed reports whether the cursor has gone by an address. The session's out must
// be locked.
func (c *cursor) hasPassed(addr string) bool { return c.atEnd || c.pos >= addr }

// hasShown reports whether the cursor has gone by a param and not left it for the end.
// The session's out must be locked.
func (c *cursor) hasShown(p *paramEntry) bool { return c.hasPassed(p.Address) && !c.left.has(p) }

// noteEcho notes that the session has been sent the SET of a param, whose lock is held,
// before the cursor has come to it, or shows it again. Shown as well, its revision would
// come twice (section 7): to a SUBSCRIBE that waits, the SET is the answer. The session's
// out must be locked.
func (c *cursor) noteEcho(p *paramEntry) {
	if c.sub != nil && c.hasPassed(p.Address) || !c.pattern.Match(p.Address) {
		return
	}
	if c.echoed == nil {
		c.echoed = make(map[*paramEntry]uint64)
	}
	c.echoed[p] = p.Revision
}

// shows reports whether the snapshot has the value of a param, whose lock is held, to
// show. The session's out must be locked.
func (c *cursor) shows(p *paramEntry, at int64) bool {
	if !p.Exists(at) || c.types&signalOf(p).Mask() == 0 {
		return false
	}
	revision, echoed := c.echoed[p]
	return !echoed || revision != p.Revision
}

// welcoming knows the sessions whose first snapshot is on its way. They are subscribed
// to nothing yet, so that what a bundle changes behind their cursor has to be sent
// again, or they would see half of the bundle.
type welcoming struct {
	sync.Mutex
	cursors map[*cursor]*Session
}

func (w *welcoming) add(s *Session, c *cursor) {
	w.Lock()
	defer w.Unlock()
	if w.cursors == nil {
		w.cursors = make(map[*cursor]*Session)
	}
	w.cursors[c] = s
}

func (w *welcoming) drop(c *cursor) {
	w.Lock()
	defer w.Unlock()
	delete(w.cursors, c)
}

// redo sees to it that first snapshots show the params of a bundle, which are locked,
// as it left them.
func (w *welcoming) redo(params []*paramEntry) {
	w.Lock()
	waiting := maps.Clone(w.cursors)
	w.Unlock()
	for c, s := range waiting {
		s.out.Lock()
		for _, p := range params {
			if c.hasShown(p) && s.mayRead(p.Address) && !slices.Contains(s.out.redo, p) {
				s.out.redo = append(s.out.redo, p)
			}
		}
		s.out.Unlock()
	}
}

// passed reports whether the snapshot of any of the subscriptions has gone by an
// address, or is complete. The session's out must be locked.
func passed(via []*subscription, addr string) bool {
	for _, sub := range via {
		if sub.types&wire.MaskParam != 0 && (sub.cursor == nil || sub.cursor.hasPassed(addr)) {
			return true
		}
	}
	return false
}

// wants reports whether a snapshot for a session shows an address. A subscription lies
// within its session's rights; what follows WELCOME has to be held against them.
func (c *cursor) wants(s *Session, addr string) bool {
	return c.pattern.Match(addr) && (c.sub != nil || s.mayRead(addr))
}

// startSnapshot lets a cursor loose and sends what there is room for at once: so a
// small snapshot is complete before the next message is answered.
func (s *Session) startSnapshot(b *batch, c *cursor) {
	b.pause()
	c.next = c.pattern.Prefix()
	s.out.Lock()
	s.out.cursors = append(s.out.cursors, c)
	s.out.Unlock()
	if !s.claimFill(b) {
		s.out.Lock()
		s.wakeLocked(b)
		s.out.Unlock()
		return // behind another snapshot, or no room: the flusher goes on with it
	}
	// No bundle is applied between two frames of it, as long as the outbox has room
	// and it does not take long. Past that, the SETs of a bundle reach a subscriber
	// before the frames that show the rest of it.
	began := time.Now()
	s.router.bundles.RLock()
	for s.fill(b) {
		if time.Since(began) > snapshotHold {
			s.router.bundles.RUnlock()
			s.router.bundles.RLock()
			began = time.Now()
		}
	}
	s.router.bundles.RUnlock()
	s.releaseFill(b)
}

// claimFill makes the caller, the reader or the flusher, the one that fills. It
// reports false when there is nothing to fill, no room, or another at it.
func (s *Session) claimFill(b *batch) bool {
	s.out.Lock()
	defer s.out.Unlock()
	if s.out.filling || !s.canFillLocked(b) {
		return false
	}
	s.out.filling = true
	return true
}

func (s *Session) canFillLocked(b *batch) bool {
	return len(s.out.cursors) > 0 && !s.out.queue.Slow() && s.out.closing == ReasonNone &&
		!(s.peer.datagrams() && s.out.burst.over(b.now))
}

func (s *Session) releaseFill(b *batch) {
	s.out.Lock()
	s.out.filling = false
	s.wakeLocked(b)
	s.out.Unlock()
}

// turn sends what makes a large piece, in as many as it takes. The caller has claimed it.
func (s *Session) turn(b *batch) {
	s.router.bundles.RLock()
	defer s.router.bundles.RUnlock()
	began, from := time.Now(), b.bytes
	for s.fill(b) && b.bytes-from < pieceBytes && time.Since(began) < pieceTime {
	}
}

// fill sends one piece of the first snapshot that waits. It reports false when there
// was nothing to do or no room. The caller has claimed it, and holds the router's
// bundles for reading.
func (s *Session) fill(b *batch) bool {
	s.out.Lock()
	if !s.canFillLocked(b) {
		s.out.Unlock()
		return false
	}
	c := s.out.cursors[0]
	s.out.Unlock()
	p := piece{s: s, b: b, c: c, prefix: c.pattern.Prefix(), began: time.Now()}
	p.open()
	if !c.atEnd && !c.clearing {
		s.router.params.Ascend(c.next, p.look, p.close)
		return true
	}
	p.begun = true
	p.full = !p.again() || len(p.locked) > 0 || p.takeLeft() || !c.atEnd
	p.close(false)
	return true
}

// piece is one frame of a snapshot in the making. Its params stay locked until the
// frame is in the queue, so that it stands among their SETs where it belongs: behind
// those it has the outcome of, before those that follow.
type piece struct {
	s      *Session
	b      *batch
	c      *cursor
	prefix string
	buf    []byte
	start  int
	locked []*paramEntry
	count  int
	looks  int
	began  time.Time
	last   string // the last address that is dealt with
	full   bool   // there is more to look at
	room   int    // for a payload
	begun  bool   // what is to come again is in
	odd    bool   // holds the one param that goes alone
	laden  bool   // has left so many params that they are to be sent before it goes on
}

func (p *piece) open() {
	p.buf = p.b.reply.begin(wire.Fire)
	p.start = len(p.buf)
	p.buf = wire.BeginSnapshot(p.buf)
	p.locked = p.b.locked[:0]
	p.room = p.s.peer.snapshotPayload()
}

// again takes along what a bundle has changed behind the cursor. It reports whether
// that was all of it.
func (p *piece) again() bool {
	p.s.out.Lock()
	if p.c.sub != nil || len(p.s.out.redo) == 0 {
		p.s.out.Unlock()
		return true
	}
	redo := p.s.out.redo
	p.s.out.redo = nil
	p.s.out.Unlock()
	for i, e := range redo {
		// Not left for the end: the rest of its bundle may be seen before.
		if p.done() || !p.take(e, false) {
			p.s.out.Lock()
			p.s.out.redo = append(redo[i:], p.s.out.redo...)
			p.s.out.Unlock()
			return false
		}
	}
	return true
}

// begin takes along what is to come again, with the index locked: its lock comes before
// those of params. While what is left is sent nobody walks the index, and fill has done it.
func (p *piece) begin() {
	if !p.begun {
		p.full = !p.again()
	}
	p.begun = true
}

// look takes one param of the index along if the snapshot wants it, and reports
// whether there is room for another.
func (p *piece) look(e *paramEntry) bool {
	if !strings.HasPrefix(e.Address, p.prefix) {
		return false
	}
	if p.begin(); p.full {
		return false
	}
	p.looks++
	p.full = p.looks > pieceLooks || p.done() || p.looks%32 == 0 && time.Since(p.began) > pieceTime
	if p.full {
		return false
	}
	if p.c.wants(p.s, e.Address) && !p.take(e, p.s.peer.MaxSnapshot > 0) {
		p.full = true
		return false
	}
	p.last = e.Address
	return true
}

// done reports whether the frame is to take no more.
func (p *piece) done() bool {
	return p.odd || p.laden || len(p.locked) == pieceParams || payloadSize(p.buf) > min(pieceBytes, p.room)
}

// takeLeft takes along one of the params that have been left for the end, and reports
// false when there is none any more.
func (p *piece) takeLeft() bool {
	for {
		p.s.out.Lock()
		if p.c.left.empty() {
			p.s.out.Unlock()
			return false
		}
		e := p.c.left.next()
		p.s.out.Unlock()
		e.Lock()
		p.s.out.Lock()
		left := p.c.left.drop(e)
		p.s.out.Unlock()
		if left && p.put(e, false) {
			p.locked = append(p.locked, e)
			return true
		}
		e.Unlock() // its newest value has been sent meanwhile
	}
}

// take locks a param and appends its value, or leaves it for the end if it has to go
// alone and canWait. It fails when the frame has no room, or when somebody is busy with
// the param while others are locked: they must not wait.
func (p *piece) take(e *paramEntry, canWait bool) bool {
	if len(p.locked) == 0 {
		e.Lock()
	} else if !tryHard(e) {
		return false
	}
	if !p.put(e, canWait) {
		e.Unlock()
		return false
	}
	p.locked = append(p.locked, e)
	return true
}

// put is take for a param whose lock is held. It stays locked until the cursor has passed
// it, also when it is left, so that no SET slips in before.
func (p *piece) put(e *paramEntry, canWait bool) bool {
	p.s.out.Lock()
	shows := p.c.shows(e, p.b.now)
	p.s.out.Unlock()
	if !shows {
		return true
	}
	before := len(p.buf)
	p.buf = appendEntry(p.buf, e)
	alone := p.alone(e, len(p.buf)-before)
	switch {
	case alone && canWait:
		p.buf = p.buf[:before]
		p.s.out.Lock()
		p.c.left.add(e)
		p.laden = p.c.left.crowded(leftMost)
		p.s.out.Unlock()
	case alone && p.count > 0, !alone && payloadSize(p.buf) > p.room, payloadSize(p.buf) > wire.MaxPayload:
		p.buf = p.buf[:before]
		return false
	default:
		p.odd = alone
		p.count++
		p.s.router.touch(p.b, e)
	}
	return true
}

// alone reports whether a param, whose lock is held and whose entry has so many bytes,
// goes in a frame of its own (section 12).
func (p *piece) alone(e *paramEntry, size int) bool {
	const head = 3 // type and count
	code := e.Value[0]
	return head+size > p.room || p.s.peer.Plain && (code == wire.ArrayCode || code == wire.MapCode)
}

// snapshotPayload is how large the payload of a SNAPSHOT of several params may be.
func (p *Peer) snapshotPayload() int {
	if p.MaxSnapshot == 0 {
		return wire.MaxPayload
	}
	return p.MaxSnapshot - wire.HeaderSize
}

func tryHard(e *paramEntry) bool {
	for range patience {
		if e.TryLock() {
			return true
		}
		runtime.Gosched()
	}
	return false
}

// close queues the frame and moves the cursor. The index is still locked, so no
// param can appear behind the cursor unseen.
func (p *piece) close(bool) {
	p.begin()
	s, c := p.s, p.c
	// One frame at least answers HELLO; SUBSCRIBE gets none when nothing matches.
	send := p.count > 0 || !p.full && c.sub == nil && !c.sent
	if send {
		wire.SetSnapshotCount(p.buf[p.start:], p.count)
		send = p.b.end(&p.b.reply, p.buf) == nil
	}
	s.out.Lock()
	if send {
		c.sent = true
		s.out.burst.bytes += len(p.buf)
		p.queueLocked(p.b.reply.bytes(s.peer.Framing))
	}
	for _, e := range p.locked {
		shown := c.shows(e, p.b.now) && !c.left.has(e)
		delete(c.echoed, e)
		if !shown {
			continue // not yet, or not at all: what another subscription is owed stays owed
		}
		if c.sub != nil && c.sub.filtered() {
			s.filterOf(e.Address) // from now on it is remembered what was sent
		}
		s.passedParam(e, p.b.now)
		s.out.dirty.drop(e)
	}
	switch {
	case !p.full && !c.left.empty():
		c.atEnd = true
	case !p.full:
		s.dropCursorLocked(c)
	case p.last != "":
		c.pos = p.last
		c.next = p.last + "\x00" // the first string after it
	}
	c.clearing = !c.left.empty() && (c.clearing || c.left.crowded(leftMost))
	s.out.Unlock()
	for _, e := range p.locked {
		e.Unlock()
	}
	clear(p.locked)
	p.b.locked = p.locked[:0]
}

// queueLocked queues the frame. A SUBSCRIBE is told of the first one that is too large
// for the client in any case, as the answer; of more of them now and then. out must be
// locked.
func (p *piece) queueLocked(frame []byte) {
	if p.c.sub != nil && !p.c.refused && p.s.peer.tooLarge(frame) {
		p.c.refused = true
		p.s.answerLocked(p.b, frame)
		return
	}
	p.s.queueLocked(p.b, frame)
}

func (s *Session) dropCursorLocked(c *cursor) {
	if c.sub != nil && c.sub.cursor != nil {
		c.sub.cursor = nil
		s.out.pending--
	}
	if c.sub == nil {
		s.router.welcoming.drop(c)
		s.out.redo = nil
	}
	for i, other := range s.out.cursors {
		if other == c {
			s.out.cursors = append(s.out.cursors[:i], s.out.cursors[i+1:]...)
			return
		}
	}
}
