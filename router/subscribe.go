package router

import (
	"fmt"
	"strings"

	"github.com/clasp-studio/clasp/router/address"
	"github.com/clasp-studio/clasp/router/wire"
)

// subscription is one pattern of a session under one id. An id may have several
// (protocol section 8).
type subscription struct {
	// Static after construction.
	s       *Session
	seq     uint64 // tells subscriptions apart
	pattern *address.Pattern
	types   uint8
	maxRate uint32  // messages a second and address, 0 = all
	epsilon float64 // least change of a number, 0 = any

	// Guarded by the session's out: the snapshot that answers it, until complete.
	cursor *cursor
}

type subKey struct {
	id      uint32
	pattern string
}

func (sub *subscription) filtered() bool { return sub.maxRate > 0 || sub.epsilon > 0 }

// deep counts the segments behind the pattern's first **: each may have to be tried
// at every depth of an address.
func (sub *subscription) deep() int { return deep(sub.pattern) }

func deep(p *address.Pattern) int {
	_, behind, _ := strings.Cut(p.String(), "/**")
	return strings.Count(behind, "/")
}

// maxBehindDeep is how many segments may stand behind the first ** of one pattern.
const maxBehindDeep = 32

var tooDeep = fmt.Sprintf("over the limit of %d segments behind a **", maxBehindDeep)

// maxDeep bounds what one session's patterns can make matching cost. Written for use,
// a pattern has one or two segments behind a **; a thousand of them with hundreds
// each would hold everybody up for seconds at every new address.
func maxDeep(l *Limits) int { return 4 * max(l.MaxSubscriptions, 1000) }

// onSubscribe does SUBSCRIBE: the answer is the snapshot of what matches.
func (s *Session) onSubscribe(b *batch, payload []byte) error {
	m, err := wire.DecodeSubscribe(payload)
	if err != nil {
		return err
	}
	pattern, err := address.Compile(string(m.Pattern))
	if err != nil {
		s.fail(b, wire.CodeBadPattern, m.Pattern, err.Error())
		return nil
	}
	if s.guest != nil && isPairing(m.Pattern) {
		s.guest.subscribe(b, m.ID, pattern, m.Types)
		return nil
	}
	if m.HasEpsilon && !(m.Epsilon >= 0) {
		return refuse(wire.CodeBadMessage, "SUBSCRIBE: epsilon %v is not a number from 0 up", m.Epsilon)
	}
	sub := &subscription{s: s, seq: s.router.lastSubscription.Add(1), pattern: pattern, types: m.Types}
	if sub.types == 0 {
		sub.types = 0xff // 0 means all, as 0xff does (section 3)
	}
	if m.HasMaxRate {
		sub.maxRate = m.MaxRate
	}
	if m.HasEpsilon {
		sub.epsilon = m.Epsilon
	}

	if sub.deep() > maxBehindDeep {
		s.fail(b, wire.CodeLimit, m.Pattern, tooDeep)
		return nil
	}
	if !s.rights.MaySubscribe(pattern) {
		s.failErr(b, m.Pattern, s.deny(toSubscribe))
		return nil
	}
	key := subKey{m.ID, pattern.String()}
	old := s.subs[key]
	if limit := s.router.limits.Load().MaxSubscriptions; old == nil && limit > 0 && len(s.subs) >= limit {
		s.fail(b, wire.CodeLimit, m.Pattern, fmt.Sprintf("over the limit of %d subscriptions a session", limit))
		return nil
	}
	if limit := maxDeep(s.router.limits.Load()); old == nil && s.deep+sub.deep() > limit {
		s.fail(b, wire.CodeLimit, m.Pattern, fmt.Sprintf("over the limit of %d segments behind a ** in all subscriptions of a session", limit))
		return nil
	}
	c := &cursor{sub: sub, pattern: pattern, types: sub.types & (wire.MaskParam | wire.MaskTimeline)}
	if c.types != 0 {
		// Registered with its snapshot pending, before anything can match it: what is
		// set from now on is either in the snapshot or sent after it.
		s.out.Lock()
		sub.cursor = c
		s.out.pending++
		s.out.Unlock()
	}
	s.subsMu.Lock()
	if s.subs == nil {
		s.subs = make(map[subKey]*subscription)
	}
	s.subs[key] = sub
	s.subsMu.Unlock()
	s.deep += sub.deep()
	s.router.subs.Add(pattern, sub)
	if old != nil {
		// The same pattern again under the same id: the new options count.
		s.removeSubscription(old)
	}
	if c.types != 0 {
		s.startSnapshot(b, c)
	}
	return nil
}

// onUnsubscribe does UNSUBSCRIBE: all patterns of the id go. An unknown id is
// ignored.
func (s *Session) onUnsubscribe(payload []byte) error {
	m, err := wire.DecodeUnsubscribe(payload)
	if err != nil {
		return err
	}
	if s.guest != nil {
		s.guest.unsubscribe(m.ID)
	}
	for key, sub := range s.subs {
		if key.id == m.ID {
			s.subsMu.Lock()
			delete(s.subs, key)
			s.subsMu.Unlock()
			s.removeSubscription(sub)
		}
	}
	return nil
}

func (s *Session) removeSubscription(sub *subscription) {
	s.deep -= sub.deep()
	s.router.subs.Remove(sub.pattern, sub)
	s.out.Lock()
	defer s.out.Unlock()
	if sub.cursor != nil {
		s.dropCursorLocked(sub.cursor)
	}
	if sub.filtered() {
		s.unwantedLocked(sub)
	}
}
