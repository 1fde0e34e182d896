// One link's side of the announcement: claim the name, say it, answer, defend it, take it
// back (RFC 6762 sections 6 and 8 to 10).

package discovery

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"sync/atomic"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// The pace of RFC 6762: section 8.1 for probes and conflicts, 8.3 for announcements, 6 for
// answers.
const (
	probes        = 3
	probeEvery    = 250 * time.Millisecond
	tieBreakWait  = time.Second
	announcements = 2
	announceEvery = time.Second

	answerSoonest = 20 * time.Millisecond // so that not all routers answer at once
	answerSpread  = 100 * time.Millisecond
	answerEvery   = time.Second
	defendEvery   = 250 * time.Millisecond

	manyConflicts   = 15 // in conflictsWithin of each other: somebody plays tricks, or is broken
	conflictsWithin = 10 * time.Second
	conflictsWait   = 5 * time.Second

	// Unicast answers go to simple resolvers only, and no more of them than there could be
	// people asking.
	legacyPerSource = 10
	legacyInAll     = 50
)

// station announces a router on one link. Everything happens on its goroutine.
type station struct {
	claim  *claim
	log    *slog.Logger
	socket *socket

	records records
	claimed bool
	said    int       // probes, or announcements when claimed
	due     time.Time // for the next of them; zero = no more
	answer  time.Time // when to answer; zero = nobody has asked
	spoke   time.Time // the last time everything was said
	legacy  limit

	conflicts    int
	lastConflict time.Time

	announced atomic.Bool // the name is ours and has been said
	farewell  bool        // written before stop is closed
	stop      chan struct{}
	done      chan struct{} // closed at the end, with err
	err       error
}

// openStation starts to announce a router on a link.
func openStation(c *claim, log *slog.Logger, link Link) (*station, error) {
	socket, err := openSocket(link)
	if err != nil {
		return nil, err
	}
	s := &station{
		claim: c, log: log, socket: socket, legacy: newLimit(legacyPerSource, legacyInAll),
		stop: make(chan struct{}), done: make(chan struct{}),
	}
	go func() {
		defer close(s.done)
		s.err = s.run()
		s.announced.Store(false)
		socket.close()
	}()
	return s, nil
}

// end stops a station and waits for it. With farewell it takes back what it has announced.
func (s *station) end(farewell bool) {
	s.farewell = farewell
	close(s.stop)
	<-s.done
}

// ended reports whether the station has given up, and why.
func (s *station) ended() (bool, error) {
	select {
	case <-s.done:
		return true, s.err
	default:
		return false, nil
	}
}

// run announces until the station is ended or something fails.
func (s *station) run() error {
	changed, err := s.follow()
	for err == nil {
		select {
		case <-s.stop:
			if s.farewell {
				return s.takeBack()
			}
			return nil
		case <-changed:
			changed, err = s.follow()
		case p, more := <-s.socket.packets:
			if !more {
				return s.socket.err
			}
			err = s.hear(p)
		case <-s.alarm():
			err = s.act(time.Now())
		}
	}
	return err
}

// alarm fires when there is something to do.
func (s *station) alarm() <-chan time.Time {
	next := s.due
	if next.IsZero() || !s.answer.IsZero() && s.answer.Before(next) {
		next = s.answer
	}
	if next.IsZero() {
		return nil
	}
	return time.After(time.Until(next))
}

// follow takes up what is claimed now, and returns what is closed when that has changed. A
// new name begins anew, and the one before it is taken back. Anything else is told to those
// who know the old (RFC 6762 section 8.4).
func (s *station) follow() (changed <-chan struct{}, err error) {
	info, host, changed := s.claim.current()
	renamed := info.Name != s.records.info.Name
	if renamed {
		if err := s.takeBack(); err != nil {
			return nil, err
		}
		s.answer = time.Time{}
		s.contend(rand.N(probeEvery))
	} else if s.claimed {
		s.said, s.due = 0, s.spoke.Add(announceEvery)
	}
	s.records, err = newRecords(info, host, s.socket.link)
	return changed, err
}

// contend begins to probe after a while.
func (s *station) contend(after time.Duration) {
	if s.conflicts >= manyConflicts {
		after = conflictsWait
	}
	s.claimed, s.said, s.due = false, 0, time.Now().Add(after)
	s.announced.Store(false)
}

// takeBack says goodbye to a name that has been announced (RFC 6762 section 10.1).
func (s *station) takeBack() error {
	if !s.claimed {
		return nil
	}
	goodbye, err := s.records.answer(0)
	if err != nil {
		return err
	}
	return s.socket.send(goodbye)
}

// act does what is due.
func (s *station) act(now time.Time) error {
	if !s.answer.IsZero() && !now.Before(s.answer) {
		if err := s.speak(now); err != nil {
			return err
		}
	}
	switch {
	case s.due.IsZero() || now.Before(s.due):
		return nil
	case !s.claimed && s.said < probes:
		probe, err := s.records.probe()
		if err != nil {
			return err
		}
		s.said++
		s.due = now.Add(probeEvery)
		return s.socket.send(probe)
	case !s.claimed: // nobody has objected
		s.claimed, s.said = true, 0
	}
	if err := s.speak(now); err != nil {
		return err
	}
	if s.said++; s.said == announcements {
		s.due = time.Time{}
		return nil
	}
	s.due = now.Add(announceEvery)
	if !s.announced.Swap(true) {
		s.log.Info("announced by multicast DNS", "name", s.records.info.Name, "interface", s.socket.link.Name, "addresses", fmt.Sprint(s.records.addresses))
	}
	return nil
}

// speak tells everybody everything.
func (s *station) speak(now time.Time) error {
	s.answer, s.spoke = time.Time{}, now
	s.claim.says(s.records.addresses)
	answer, err := s.records.answer(lifetime)
	if err != nil {
		return err
	}
	return s.socket.send(answer)
}

// hear takes in a packet. One that cannot be read is nobody's business.
func (s *station) hear(p packet) error {
	m, err := parse(p.data)
	if err != nil {
		return nil //nolint:nilerr // anybody may send anything
	}
	if m.response {
		if p.from.Port() == uint16(group.Port) && (s.records.rival(m.answers) != nil || s.records.copied(m.answers, s.claim.ours)) {
			s.conflict() // from another port it is no answer: RFC 6762 section 6
		}
		return nil
	}
	probing := s.records.rival(m.proposed)
	if !s.claimed {
		if probing != nil && s.records.compare(probing) < 0 {
			s.contend(tieBreakWait)
		}
		return nil
	}
	q, asked := s.records.asked(m)
	switch {
	case !asked:
	case p.from.Port() != uint16(group.Port):
		return s.answerLegacy(p, m.id, q)
	case probing != nil: // somebody who waits 250 ms for an objection
		s.answerBy(defendEvery, 0)
	default:
		s.answerBy(answerEvery, answerSoonest+rand.N(answerSpread))
	}
	return nil
}

// answerBy sees to it that everything is said after a while, but not less than some time
// after it was said last.
func (s *station) answerBy(apart, after time.Duration) {
	at := time.Now().Add(after)
	if earliest := s.spoke.Add(apart); at.Before(earliest) {
		at = earliest
	}
	if s.answer.IsZero() || at.Before(s.answer) {
		s.answer = at
	}
}

// answerLegacy answers a resolver that knows nothing of multicast. What cannot be sent to one
// host is no failure of the link.
func (s *station) answerLegacy(to packet, id uint16, q dnsmessage.Question) error {
	if !s.legacy.allow(to.from.Addr(), time.Now()) {
		return nil
	}
	answer, err := s.records.legacyAnswer(id, q)
	if err != nil {
		return err
	}
	_ = s.socket.sendTo(answer, net.UDPAddrFromAddrPort(to.from))
	return nil
}

// conflict reacts to another owner of our name. Who had it already asks again, since it may
// be that two networks have become one and the other gives way (RFC 6762 section 9).
func (s *station) conflict() {
	now := time.Now()
	if now.Sub(s.lastConflict) > conflictsWithin {
		s.conflicts = 0
	}
	s.conflicts++
	s.lastConflict = now
	if s.claimed {
		s.contend(rand.N(probeEvery))
		return
	}
	name := s.records.info.Name
	if next, moved := s.claim.taken(name); moved {
		s.log.Warn("another router on the network has this name: taking the next", "name", name, "new", next, "interface", s.socket.link.Name)
	}
}
