// A session of the soak: it greets, asks and waits for answers, and its reader tells the
// checker all that comes.

package soak

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/clasp-studio/clasp/router/wire"
)

// patience is the longest that an answer may take, over bad networks and on a busy machine
// too: longer than that, somebody is hurt.
const patience = 20 * time.Second

// errUnanswered is no ending of the network: an answer has not come.
var errUnanswered = errors.New("no answer")

// session is one connection with a session on it.
type session struct {
	name  string
	line  line
	obs   *observer
	check *verdict

	// take, unless nil, gets the entries of snapshots instead of the checker, and those that
	// there are not: of who asks with GET, which a subscription has nothing to do with.
	take func(address string, f found, err error)

	sending sync.Mutex    // the reader answers PING itself
	gate    sync.Mutex    // the reader stands while it is locked
	answers chan answer   // of what was asked last
	greeted chan struct{} // closed at WELCOME
	ended   chan struct{} // closed when nothing more comes
	why     error         // good once ended

	far    bool        // on a bad network: an answer that does not come says nothing of the router
	unruly atomic.Bool // its end needs no reason: we, or its network, end it
	told   atomic.Bool // the router has said that it is too slow
}

// answer is an ACK, an ERROR or a PONG.
type answer struct {
	kind     wire.Type
	revision uint64
	code     wire.Code
	words    string
}

// errRefused is an ERROR as the answer.
type errRefused answer

func isRefusal(err error) bool { return errors.As(err, new(errRefused)) }

func (e errRefused) Error() string {
	return fmt.Sprintf("the router answers ERROR %d: %s", e.code, e.words)
}

// open begins a session. Its first snapshot has begun to come when it returns.
func open(ctx context.Context, d dialer, w way, name string, obs *observer, unruly bool, take func(string, found, error)) (*session, error) {
	tries := 1
	if w == overUDP {
		tries = 5 // a datagram may be lost, the first of all
	}
	var last error
	for range tries {
		l, err := d.dial(ctx, w)
		if err != nil {
			return nil, fmt.Errorf("connect %s: %w", name, err)
		}
		s := &session{
			name: name, line: l, obs: obs, check: obs.ledger.verdict, take: take,
			answers: make(chan answer, 8), greeted: make(chan struct{}), ended: make(chan struct{}),
		}
		s.unruly.Store(true) // until it is open, whoever opens it says what is wrong
		go s.read()
		stop := context.AfterFunc(ctx, s.reset)
		hello := wire.AppendHello(nil, wire.Hello{Version: wire.Version, Features: 0xf8, Name: []byte(name)})
		if last = s.send(framed(wire.Fire, hello)); last == nil {
			wait := patience
			if w == overUDP {
				wait /= 10
			}
			// What is too long for the answer to a first datagram waits for the next one.
			_, last = s.ask(wire.Fire, wire.AppendPing(nil), wait)
		}
		if !stop() && last == nil {
			last = context.Cause(ctx)
		}
		if last == nil {
			select {
			case <-s.greeted:
				s.unruly.Store(unruly)
				return s, nil
			default:
				last = errors.New("PONG came before WELCOME")
			}
		}
		s.reset()
		<-s.ended
	}
	return nil, fmt.Errorf("begin %s: %w", name, last)
}

// send sends a frame. Any goroutine may.
func (s *session) send(frame []byte) error {
	s.sending.Lock()
	defer s.sending.Unlock()
	return s.line.send(frame)
}

// framed puts a payload into a frame.
func framed(q wire.QoS, payload []byte) []byte {
	frame, err := wire.AppendFrame(nil, q, payload)
	if err != nil {
		panic(err) // what this program sends is small
	}
	return frame
}

// ask sends something and waits for the answer to it. At fire only an ERROR is one: a PING
// goes with it, so that its PONG says that there is none. After an ERROR it is still to come.
func (s *session) ask(q wire.QoS, payload []byte, wait time.Duration) (answer, error) {
	err := s.send(framed(q, payload))
	if err == nil && q == wire.Fire && wire.Type(payload[0]) != wire.TypePing {
		err = s.send(framed(wire.Fire, wire.AppendPing(nil)))
	}
	if err != nil {
		return answer{}, err
	}
	return s.answered(wait)
}

// answered waits for the next answer.
func (s *session) answered(wait time.Duration) (answer, error) {
	late := time.NewTimer(wait)
	defer late.Stop()
	select {
	case a := <-s.answers:
		if a.kind == wire.TypeError {
			return a, errRefused(a)
		}
		return a, nil
	case <-s.ended:
		return answer{}, s.why
	case <-late.C:
		return answer{}, fmt.Errorf("%s: %w within %v", s.name, errUnanswered, wait)
	}
}

func (s *session) ping() error {
	_, err := s.ask(wire.Fire, wire.AppendPing(nil), patience)
	return err
}

// subscribe asks for all below some addresses and returns when that is in force.
func (s *session) subscribe(number uint32, moment func() int, below ...string) error {
	for _, prefix := range below {
		m := wire.Subscribe{ID: number, Pattern: []byte(prefix + "**"), Types: wire.MaskParam | wire.MaskEvent}
		if err := s.send(framed(wire.Fire, wire.AppendSubscribe(nil, m))); err != nil {
			return err
		}
	}
	if err := s.ping(); err != nil {
		return err
	}
	if s.take == nil {
		s.obs.subscribed(moment(), below...)
	}
	return nil
}

// unsubscribe returns when nothing of it comes any more.
func (s *session) unsubscribe(number uint32) error {
	if err := s.send(framed(wire.Fire, wire.AppendUnsubscribe(nil, wire.Unsubscribe{ID: number}))); err != nil {
		return err
	}
	err := s.ping()
	s.obs.unsubscribed()
	return err
}

// close ends it politely, reset without a word. The router may end it meanwhile.
func (s *session) close() {
	s.unruly.Store(true)
	s.line.close()
}

func (s *session) reset() {
	s.unruly.Store(true)
	s.line.reset()
}

// read tells the checker what comes, until nothing more does.
func (s *session) read() {
	defer close(s.ended)
	for {
		s.gate.Lock()
		s.gate.Unlock() //nolint:staticcheck // it only waits here
		p, err := s.line.receive()
		if err == nil {
			err = s.heed(p)
			if err != nil {
				s.check.fail(standing, "%s is sent what makes no sense: %v", s.name, err)
			}
		}
		if err != nil {
			s.why = err
			if !s.unruly.Load() && !s.told.Load() {
				s.check.fail(standing, "%s ended unasked: %v", s.name, err)
			} else {
				s.check.hold(standing, 1)
			}
			s.line.reset()
			return
		}
	}
}

// heed takes one message.
func (s *session) heed(p []byte) error {
	switch kind := wire.Type(p[0]); kind {
	case wire.TypeWelcome:
		select {
		case <-s.greeted:
			return errors.New("a second WELCOME")
		default:
			close(s.greeted)
		}
	case wire.TypeSnapshot:
		m, err := wire.DecodeSnapshot(p)
		if err != nil {
			return err
		}
		for e, ok := m.Next(); ok; e, ok = m.Next() {
			n, err := idOf(e.Value)
			switch {
			case !bytes.HasPrefix(e.Address, []byte("/soak/")): // a WELCOME shows what vandals have left, too
			case s.take != nil:
				s.take(string(e.Address), found{e.Revision, n}, err)
			case err != nil:
				return fmt.Errorf("%s: %w", e.Address, err)
			default:
				s.obs.snapshot(string(e.Address), e.Revision, n)
			}
		}
	case wire.TypeSet:
		m, err := wire.DecodeSet(p)
		if err != nil {
			return err
		}
		n, err := idOf(m.Value)
		if err != nil {
			return fmt.Errorf("%s: %w", m.Address, err)
		}
		s.obs.live(string(m.Address), m.Revision, n)
	case wire.TypePublish:
		m, err := wire.DecodePublish(p)
		if err != nil {
			return err
		}
		n, err := idOf(m.Value)
		if err != nil {
			return fmt.Errorf("%s: %w", m.Address, err)
		}
		s.obs.event(splitEvent(n))
	case wire.TypeAck:
		m, err := wire.DecodeAck(p)
		if err != nil {
			return err
		}
		s.answer(answer{kind: kind, revision: m.Revision})
	case wire.TypeError:
		m, err := wire.DecodeError(p)
		if err != nil {
			return err
		}
		if m.Code == wire.CodeNotFound && s.take != nil {
			s.take(string(m.Address), found{}, nil)
			return nil
		}
		if m.Code == wire.CodeOverloaded {
			s.told.Store(true) // it may be closed now; what it was shown still counts
			return nil
		}
		s.answer(answer{kind: kind, code: m.Code, words: string(m.Message)})
	case wire.TypePing: // of a router that has not heard from us for a while, where the transport has none
		_ = s.send(framed(wire.Fire, wire.AppendPong(nil))) // if not, the next receive says why
	case wire.TypePong:
		s.answer(answer{kind: kind})
	default:
		return fmt.Errorf("unexpected %s", kind)
	}
	return nil
}

// answer passes one on. Where nobody waits any more there is room for some.
func (s *session) answer(a answer) {
	select {
	case s.answers <- a:
	default:
	}
}
