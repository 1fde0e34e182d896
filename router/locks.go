package router

import "sync"

// held is the set of params a session has locked, so that they are released when it
// goes (protocol section 5.6).
type held struct {
	sync.Mutex
	params map[*paramEntry]struct{}
	gone   bool // the session has ended and can hold nothing any more
}

// hold notes that the session is about to hold a param, whose lock is held. It
// reports false when the session has ended.
func (s *Session) hold(p *paramEntry) bool {
	s.held.Lock()
	defer s.held.Unlock()
	if s.held.gone {
		return false
	}
	if s.held.params == nil {
		s.held.params = make(map[*paramEntry]struct{})
	}
	s.held.params[p] = struct{}{}
	return true
}

// unhold forgets a param, whose lock is held.
func (s *Session) unhold(p *paramEntry) {
	s.held.Lock()
	defer s.held.Unlock()
	delete(s.held.params, p)
}

func (s *Session) releaseLocks() {
	s.held.Lock()
	params := s.held.params
	s.held.params, s.held.gone = nil, true
	s.held.Unlock()
	for p := range params {
		p.Lock()
		if p.Holder() == s.id {
			s.router.counts.countLock(s.id, "")
			p.SetHolder("")
		}
		p.Unlock()
	}
}
