package router

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/clasp-studio/clasp/router/address"
	"github.com/clasp-studio/clasp/router/auth"
	"github.com/clasp-studio/clasp/router/outbox"
	"github.com/clasp-studio/clasp/router/wire"
)

// Conn is the way back to a client, supplied by a transport.
type Conn interface {
	// Write sends whole frames in the session's framing. It may block; one
	// goroutine at a time calls it.
	Write(b []byte) error
	// Limit bounds how long writes may still take from now on.
	Limit(d time.Duration)
	// Finish says goodbye as the transport does and closes. What the client still
	// sends is passed over; the reader ends soon after.
	Finish(r Reason)
	// Abort closes at once.
	Abort()
}

// PromptConn is a Conn that can also write without waiting: then one goroutine serves many
// sessions, and none has to be started for each.
type PromptConn interface {
	Conn
	// WriteNow writes what there is room for at once, and returns how many bytes of b that was.
	// The rest of it, if any was written, goes to the next Write.
	WriteNow(b []byte) (int, error)
}

// Peer describes the other end of a connection.
type Peer struct {
	Transport string     // "ws", for logs and metrics
	Remote    string     // address and port of the client, for logs; a device that shows no token is known by it
	Source    netip.Addr // whom its failures count for: an IPv4 address, the /64 of an IPv6 address; zero where there are none
	Forgeable bool       // Source may have been invented by somebody else: its failures count apart (section 10)
	Encrypted bool       // nobody on the way can read along
	Foreign   bool       // a page of another site, which a browser may have opened for whoever wrote it: it pairs by a device's token alone
	Framing   Framing
	Ping      []byte // bytes that make a live client answer, nil = none
	Deep      bool   // writing takes more stack than a new goroutine has: one flusher stays, and keeps what it has grown

	// Timeout is the silence that ends the session; 0 leaves it to Limits.SessionTimeout,
	// and the shorter of the two counts.
	Timeout time.Duration

	// What the client can take (protocol section 12), in bytes of a CLASP frame with its
	// header, for the framing Bare.
	MaxFrame    int  // a larger frame is refused to it with ERROR 503; 0 = any
	MaxSnapshot int  // params that do not fit it come behind others, at the end or after a thousand, in frames of their own; 0 = any
	Plain       bool // so do arrays and maps
}

// Session is one client. Its exported methods belong to the transport's reading
// goroutine; Control and Fail may be called by others too.
type Session struct {
	// Static after construction.
	router *Router
	conn   Conn
	prompt PromptConn // conn, if it can write without waiting
	peer   Peer
	seq    uint64        // order among sessions, for matching
	opened int64         // µs, monotonic
	wake   chan struct{} // asks the flusher that stays to flush; nil where each is started anew
	over   chan struct{} // ends it

	// Owned by the reader; those up to greeted are static after HELLO.
	id      string
	name    string
	rights  *auth.Rights
	token   *token // nil for a session that needs none
	greeted atomic.Bool
	said    atomic.Bool              // HELLO has come
	waiting atomic.Bool              // in the lobby: rights and token are not there yet, and become so before this is false again
	guest   *guest                   // what it has to do with pairing, nil = nothing
	warned  atomic.Bool              // that its scheduled bundles are not run
	batch   *batch                   // nil while idle
	stretch stretch                  // up to the end of its last batch
	subs    map[subKey]*subscription // changed with subsMu held, for those who look on
	deep    int                      // segments behind a ** in all of subs
	rate    bucket
	allowed allowed
	bundle  *commit // the last bundle at commit, or nil
	in      inflow

	ending atomic.Bool  // closing is or will be set: what still comes in is passed over
	heard  atomic.Int64 // µs, monotonic, of the last sign of life
	pinged atomic.Int64 // µs, monotonic, of the last ping
	asked  atomic.Int64 // the same, 0 once it is answered
	trip   atomic.Int64 // µs, that the last answer to a ping took; 0 = not known

	subsMu sync.Mutex
	tap    atomic.Pointer[tap] // somebody looks at what it sends; nil = nobody

	gestures gestures
	rates    rates
	held     held
	out      out
}

// out is what waits to be sent to a session.
type out struct {
	sync.Mutex
	queue    outbox.Queue
	flushing bool          // a flusher runs, or is listed in a batch to be started
	closing  Reason        // set once: nothing more is queued, the connection ends
	gone     bool          // the connection has ended
	cursors  []*cursor     // snapshots on their way, the first being sent
	redo     []*paramEntry // what a bundle has changed behind the first snapshot's cursor
	pending  int           // subscriptions whose snapshot is not complete
	filling  bool          // somebody puts a piece of a snapshot together
	slow     bool          // counted as one that is behind
	burst    burst         // of snapshots, in datagrams
	dirty    owed          // params that have changed while the client was slow
	filters  map[string]*filter
	deferred []*filter // those that hold a message back
	heldBack int       // bytes of signals held back
	drops    notice    // of messages dropped, because the client is slow
	refusals notice    // of messages not sent, because they are too large for it
	flow     outflow
	room     *sync.Cond // the reader waits for room in the queue; nil while it never has
}

// Open makes a session for a new connection. It reports false when the router is
// closing.
func (r *Router) Open(c Conn, p Peer) (*Session, bool) {
	s := &Session{router: r, conn: c, peer: p, seq: r.lastSession.Add(1)}
	s.opened = r.monotonic(time.Now())
	s.heard.Store(s.opened)
	s.prompt, _ = c.(PromptConn)
	if p.Deep {
		s.wake, s.over = make(chan struct{}, 1), make(chan struct{})
	}
	ok := r.sessions.add(s)
	if ok {
		r.ways.of(p.Transport).opened.Add(1)
	}
	if ok && p.Deep {
		go s.flushAlways()
	}
	return s, ok
}

// Receive takes one transport message: one or more whole frames (protocol section
// 12). data is not kept.
func (s *Session) Receive(data []byte) {
	b := s.batch
	if b == nil {
		b = s.router.begin()
		b.stretch = s.stretch
		s.batch = b
		s.heard.Store(b.now)
	}
	for !s.ending.Load() {
		f, rest, err := wire.ReadFrame(data)
		if err != nil {
			if s.heeds(b) {
				s.badBytes(b, err)
			}
			return
		}
		k := s.dispatch(b, f)
		s.countIn(b, k, len(data)-len(rest))
		b.countHandled(s.router, k)
		if b.next(s.router) {
			s.heard.Store(b.now)
			s.in.show()
		}
		if data = rest; len(data) == 0 {
			return
		}
	}
}

// Idle says that the transport has nothing more to read for now, or has to read anew.
func (s *Session) Idle() {
	if b := s.batch; b != nil {
		s.batch = nil
		s.in.show()
		b.flush()
		if b.stretch.messages += b.messages; b.stretch.due() {
			b.turn()
		}
		s.stretch = b.stretch
		b.finish(s.router)
	}
}

// Alive counts a sign of life that is no message, such as a WebSocket pong.
func (s *Session) Alive() { s.heard.Store(s.router.monotonic(time.Now())) }

// Pong counts the answer to a Peer.Ping that is no message, and how long it took.
func (s *Session) Pong() {
	now := s.router.monotonic(time.Now())
	s.heard.Store(now)
	s.answered(now)
}

// Trip says how long the way there and back takes, as the transport has found out.
func (s *Session) Trip(d time.Duration) {
	if d > 0 {
		s.trip.Store(max(d.Microseconds(), 1))
	}
}

// answered times the answer to a ping.
func (s *Session) answered(now int64) {
	if asked := s.asked.Swap(0); asked != 0 {
		s.trip.Store(max(now-asked, 1))
	}
}

// Limit returns how many bytes of payload the next message may have.
func (s *Session) Limit() int {
	limit := s.router.limits.Load().MaxMessageSize
	if !s.inside() {
		limit = min(limit, maxHello)
	}
	return limit
}

// Control queues bytes of the transport's own, such as a WebSocket pong. Before HELLO one
// answer at a time is enough: who takes none must not have them pile up.
func (s *Session) Control(raw []byte) {
	b := s.router.begin()
	s.out.Lock()
	if s.greeted.Load() || s.out.queue.Len() == 0 {
		s.queueRawLocked(b, raw)
	}
	s.out.Unlock()
	b.finish(s.router)
}

// Reject answers input that is no CLASP frame at all, such as a text message, with
// ERROR 100; the session stays (protocol section 5.1). Before HELLO it ends the
// connection, as other bytes that are no message do (5.2).
func (s *Session) Reject(message string) {
	b := s.router.begin()
	if s.heeds(b) {
		s.badBytes(b, &wire.ProtocolError{Code: wire.CodeBadFrame, Message: message})
	}
	b.finish(s.router)
}

// Fail ends the session after an ERROR, for what only the transport can see.
func (s *Session) Fail(r Reason, code wire.Code, message string) {
	b := s.router.begin()
	s.end(b, r, code, message)
	b.finish(s.router)
}

// end ends the session after an ERROR, and reports false if it is ending already.
func (s *Session) end(b *batch, r Reason, code wire.Code, message string) bool {
	m := wire.ErrorMessage{Code: code, Message: []byte(message)}
	err := b.encode(&b.reply, wire.Fire, func(dst []byte) []byte { return wire.AppendError(dst, m) })
	s.out.Lock()
	goesOn := s.out.closing == ReasonNone
	if err == nil && s.queueLocked(b, b.reply.bytes(s.peer.Framing)) { // err is always nil: the texts are short
		s.countErrorLocked(b, &m)
	}
	s.closeLocked(b, r)
	s.out.Unlock()
	s.logRefused(&m)
	return goesOn
}

// Closed ends the session after its connection has: the reader calls it last.
// Subscriptions go, locks are released, open gestures are cancelled (section 5.6).
func (s *Session) Closed(r Reason) {
	s.Idle()
	if s.guest != nil {
		s.guest.close()
	}
	s.out.Lock()
	if s.out.closing == ReasonNone {
		s.out.closing = r
	}
	r = s.out.closing
	s.out.gone = true
	s.out.queue.Clear()
	s.giveUpLocked()
	s.countCaughtUpLocked()
	s.out.filters, s.out.deferred = nil, nil
	s.out.Unlock()
	s.conn.Abort()

	b := s.router.begin()
	for _, sub := range s.subs {
		s.router.subs.Remove(sub.pattern, sub)
	}
	s.subsMu.Lock()
	s.subs = nil
	s.subsMu.Unlock()
	s.releaseLocks()
	s.cancelGestures(b)
	s.router.announced.drop(s)
	s.router.deferred.drop(s)
	if s.token != nil && s.token.counted {
		s.guesses().leave(s.peer.Source)
	}
	if s.guest != nil {
		s.guest.leave()
	}
	b.finish(s.router)
	s.router.sessions.remove(s)
	s.countGone(r)
	if s.over != nil {
		close(s.over)
	}
	switch {
	case s.inside():
		s.router.log.Info("session ended", s.attrs(slog.String("reason", r.String()))...)
	case s.greeted.Load():
		s.router.log.Debug("session ended in the lobby", s.attrs(slog.String("reason", r.String()))...)
	default:
		s.router.log.Debug("connection ended before HELLO", "remote", s.peer.Remote, "transport", s.peer.Transport, "reason", r.String())
	}
}

// attrs are what every log line of a session carries.
func (s *Session) attrs(more ...any) []any {
	all := []any{"session", s.id, "name", s.name, "remote", s.peer.Remote, "transport", s.peer.Transport}
	if s.waiting.Load() || s.token == nil {
		return append(all, more...) // in the lobby there may be a token just now
	}
	if s.token.device != "" {
		all = append(all, "device", s.token.device, "device_name", s.token.subject)
	} else if s.token.subject != "" {
		all = append(all, "subject", s.token.subject)
	}
	return append(all, more...)
}

// close ends the session: what is queued goes out, then the connection is closed
// with the reason. The reader does the rest in Closed.
func (s *Session) close(r Reason) {
	b := s.router.begin()
	s.out.Lock()
	s.closeLocked(b, r)
	s.out.Unlock()
	b.finish(s.router)
}

func (s *Session) closeLocked(b *batch, r Reason) {
	if s.out.closing != ReasonNone {
		return
	}
	s.out.closing = r
	s.ending.Store(true)
	s.giveUpLocked()
	if s.out.room != nil {
		s.out.room.Broadcast()
	}
	// A client that does not read its last words must not hold the router up.
	s.conn.Limit(lastWords)
	s.wakeLocked(b)
}

// giveUpLocked drops the snapshots and values that were still to be sent.
func (s *Session) giveUpLocked() {
	for _, c := range s.out.cursors {
		s.router.welcoming.drop(c)
	}
	s.out.cursors, s.out.redo, s.out.dirty = nil, nil, owed{}
}

// lastWords is how long a client has to take what is queued when its session ends.
const lastWords = 3 * time.Second

// badBytes answers bytes that are no frame or no message.
func (s *Session) badBytes(b *batch, err error) {
	if !s.greeted.Load() {
		s.router.log.Debug("first bytes are not CLASP", "remote", s.peer.Remote, "error", err)
		s.close(ReasonBadHello)
		return
	}
	s.failErr(b, nil, err)
}

// dispatch does one message, and says of what kind it was.
func (s *Session) dispatch(b *batch, f wire.Frame) (k kind) {
	payload := f.Payload
	if len(payload) > 0 {
		k = kindOf[payload[0]]
	}
	lobby := s.waiting.Load()
	switch {
	case lobby:
		if !s.guest.heeds(b, payload) && (s.ending.Load() || s.guest.stillWaits()) {
			return k
		}
	case s.greeted.Load():
		if s.endExpired(b) || !s.withinRate(b, 1) {
			return k
		}
	}
	if len(payload) == 0 {
		s.badBytes(b, &wire.ProtocolError{Code: wire.CodeBadMessage, Message: "the frame is empty"})
		return k
	}
	if wire.IsLegacy(payload) {
		var err error
		if b.legacy, err = wire.Transcode(b.legacy[:0], payload); err != nil {
			s.badBytes(b, err)
			return k
		}
		payload = b.legacy
		k = kindOf[payload[0]]
	}
	if b.trace {
		s.trace(f, payload)
	}
	if t := s.tap.Load(); t != nil {
		s.note(t, b, payload)
	}
	if !s.greeted.Load() {
		s.greet(b, payload)
		return k
	}
	if lobby && s.inLobby(b, payload) {
		return k
	}
	var err error
	switch t := wire.Type(payload[0]); t {
	case wire.TypeSet:
		err = s.onSet(b, f.QoS, payload)
	case wire.TypePublish:
		err = s.onPublish(b, f.QoS, payload)
	case wire.TypeGet:
		err = s.onGet(b, payload)
	case wire.TypeSubscribe:
		err = s.onSubscribe(b, payload)
	case wire.TypeUnsubscribe:
		err = s.onUnsubscribe(payload)
	case wire.TypeBundle:
		err = s.onBundle(b, f.QoS, payload)
	case wire.TypeSync:
		err = s.onSync(b, payload)
	case wire.TypePing:
		s.respond(b, wire.Fire, wire.AppendPong)
	case wire.TypeAnnounce:
		err = s.onAnnounce(b, f.QoS, payload)
	case wire.TypeQuery:
		err = s.onQuery(b, payload)
	case wire.TypeReplay:
		err = s.onReplay(b, payload)
	case wire.TypeHello:
		s.fail(b, wire.CodeBadFrame, nil, "HELLO a second time: the session goes on as it is")
	case wire.TypePong:
		s.answered(b.now)
	case wire.TypeWelcome, wire.TypeSnapshot, wire.TypeAck, wire.TypeError, wire.TypeResult:
		// No client has business sending these: ignored (section 5).
	default:
		err = wire.Check(payload) // says that there is no such type
	}
	if err != nil {
		s.failErr(b, nil, err)
	}
	return k
}

// LevelTrace is the level of one record for every message: one step below slog's
// lowest.
const LevelTrace = slog.LevelDebug - 4

// trace logs one message received.
func (s *Session) trace(f wire.Frame, payload []byte) {
	s.router.log.Log(context.Background(), LevelTrace, "received",
		s.attrs("type", wire.Type(payload[0]).String(), "qos", f.QoS.String(), "bytes", len(f.Payload))...)
}

// inside reports whether a session is neither before HELLO nor in the lobby. If it is, its
// rights and its token are there, and never change.
func (s *Session) inside() bool { return s.greeted.Load() && !s.waiting.Load() }

// heeds counts what is no message, and reports whether it is to be answered.
func (s *Session) heeds(b *batch) bool {
	switch {
	case s.waiting.Load():
		return s.guest.heeds(b, nil)
	case s.greeted.Load():
		return s.withinRate(b, 1)
	}
	return true
}

// withinRate counts n messages, or answers that they are over the limit and ignored.
func (s *Session) withinRate(b *batch, n int) bool {
	limit := s.router.limits.Load().MaxMessagesPerSecond
	if limit == 0 || s.rate.take(b.now, n, float64(limit)) {
		return true
	}
	s.fail(b, wire.CodeLimit, nil, fmt.Sprintf("over the limit of %d messages a second: message ignored", limit))
	return false
}

// respond queues one frame for the session itself.
func (s *Session) respond(b *batch, q wire.QoS, f func(dst []byte) []byte) {
	if err := b.encode(&b.reply, q, f); err != nil {
		s.failErr(b, nil, err)
		return
	}
	s.out.Lock()
	s.answerLocked(b, b.reply.bytes(s.peer.Framing))
	s.out.Unlock()
}

// fail answers with an ERROR, the address with it if there is one that can be one.
func (s *Session) fail(b *batch, code wire.Code, addr []byte, message string) {
	m := wire.ErrorMessage{Code: code, Message: []byte(message)}
	if len(addr) > 0 && len(addr) <= address.MaxLength {
		m.Address, m.HasAddress = addr, true
	}
	if err := b.encode(&b.reply, wire.Fire, func(dst []byte) []byte { return wire.AppendError(dst, m) }); err != nil {
		s.failErr(b, nil, err)
		return
	}
	s.out.Lock()
	if frame := b.reply.bytes(s.peer.Framing); s.peer.tooLarge(frame) {
		s.answerLocked(b, frame) // with an ERROR that is shorter
	} else if s.queueLocked(b, frame) {
		s.countErrorLocked(b, &m)
	}
	s.out.Unlock()
	s.logRefused(&m)
}

func (s *Session) logRefused(m *wire.ErrorMessage) {
	if s.router.log.Enabled(context.Background(), slog.LevelDebug) {
		s.router.log.Debug("refused", s.attrs("code", int(m.Code), "error", string(m.Message), "address", string(m.Address))...)
	}
}

// failErr answers with the ERROR that an error stands for.
func (s *Session) failErr(b *batch, addr []byte, err error) {
	var pe *wire.ProtocolError
	if errors.As(err, &pe) {
		s.fail(b, pe.Code, addr, pe.Message)
		return
	}
	s.fail(b, wire.CodeInternal, addr, err.Error())
}

// refuse makes the error a refused message is answered with.
func refuse(code wire.Code, format string, args ...any) error {
	return &wire.ProtocolError{Code: code, Message: fmt.Sprintf(format, args...)}
}
