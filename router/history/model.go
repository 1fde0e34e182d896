package history

// The model: a few params that do one thing after the other, as protocol sections 7 and 8 have it. It is written from that
// page, and shares nothing with the router.

import (
	"fmt"
	"strings"

	"github.com/anishathalye/porcupine"

	"github.com/clasp-studio/clasp/router/wire"
)

// Strategy decides between a write and the value that is there (protocol section 7).
type Strategy uint8

// The strategies.
const (
	LastWins Strategy = iota
	Max
	Min
	Locking // whoever writes has the lock
)

// String is the name that the configuration has for it.
func (s Strategy) String() string { return [...]string{"lww", "max", "min", "lock"}[s] }

// epochStep is how far revisions of one epoch are from those of the next (promise 7).
const epochStep = 1 << 20

// most is how many addresses bundles may tie together.
const most = 8

// param is one of them.
type param struct {
	exists   bool
	revision uint64
	value    int64
	holder   int // session, 0 = none
}

// state is comparable: the search passes over those it has been in.
type state struct {
	epoch  int
	params [most]param
}

// input is an operation with its addresses and its session as numbers.
type input struct {
	*Op
	at      []int // of each write, or of the read
	session int
}

// model does what is asked of a set of addresses.
type model struct {
	strategies [most]Strategy
	names      []string       // of the addresses
	sessions   map[string]int // from 1
}

// step reports whether the answer is right in a state, and returns the state after it.
func (m *model) step(s state, in *input) (bool, state) {
	a := &in.Answer
	switch in.Kind {
	case Restart:
		s.epoch++
		for i := range s.params {
			s.params[i].holder = 0
			if s.params[i].exists {
				s.params[i].revision += epochStep
			}
		}
		return true, s
	case Leave:
		for i := range s.params {
			if s.params[i].holder == in.session {
				s.params[i].holder = 0
			}
		}
		return true, s
	case Read:
		p := &s.params[in.at[0]]
		if !p.exists {
			return a.Unknown || a.Code == wire.CodeNotFound, s
		}
		return a.Unknown || a.Code == 0 && a.Revision == p.revision && a.Value == p.value, s
	}
	if in.Epoch < s.epoch { // it died with its router
		return a.Unknown && !in.wasSeen(), s
	}
	after, code, last := s, wire.Code(0), -1
	for i := range in.Writes {
		done, c := m.write(&after, in, i)
		if c != 0 {
			code = c
			break
		}
		if done {
			last = in.at[i]
		}
		if seen := in.Writes[i].seen; seen != 0 && (!done || seen != after.params[in.at[i]].revision) {
			return false, s
		}
	}
	switch {
	case code != 0:
		return !in.wasSeen() && (a.Unknown || a.Code == code), s
	case a.Unknown:
		return true, after
	case a.Code != 0 || last < 0 || a.Revision != after.params[last].revision:
		return false, s
	}
	if w := &in.Writes[0]; !in.Bundle && (w.Lock || w.Unlock) {
		holder, known := m.sessions[a.Holder]
		return (known || a.Holder == "") && holder == after.params[last].holder, after
	}
	return true, after
}

// write does one SET, or returns why it is refused. It is not done when the strategy keeps the value and nobody asked for an
// answer.
func (m *model) write(s *state, in *input, i int) (done bool, refused wire.Code) {
	w, p, strategy := &in.Writes[i], &s.params[in.at[i]], m.strategies[in.at[i]]
	current := p.revision
	if !p.exists {
		current = 0
	}
	outdone := p.exists && (strategy == Max && w.Value <= p.value || strategy == Min && w.Value >= p.value)
	switch {
	case p.holder != 0 && p.holder != in.session:
		return false, wire.CodeLocked
	case w.Stated && w.Revision != current:
		return false, wire.CodeConflict
	case outdone && in.Fire:
		return false, 0
	case outdone:
		return false, wire.CodeConflict
	}
	if !p.exists {
		p.revision = uint64(s.epoch) * epochStep
	}
	p.exists, p.revision, p.value = true, p.revision+1, w.Value
	switch {
	case w.Unlock:
		p.holder = 0
	case w.Lock || strategy == Locking:
		p.holder = in.session
	}
	return true, 0
}

func (op *Op) wasSeen() bool {
	for i := range op.Writes {
		if op.Writes[i].seen != 0 {
			return true
		}
	}
	return false
}

// porcupine returns the model as the checker wants it.
func (m *model) porcupine() porcupine.Model {
	return porcupine.Model{
		Init:              func() any { return state{} },
		Step:              func(s, in, _ any) (bool, any) { return m.step(s.(state), in.(*input)) },
		DescribeOperation: func(in, _ any) string { return in.(*input).String() },
		DescribeState: func(s any) string {
			var b strings.Builder
			for i, name := range m.names {
				if p := s.(state).params[i]; p.exists {
					fmt.Fprintf(&b, "%s = %d at %d, held by %d; ", name, p.value, p.revision, p.holder)
				}
			}
			return b.String()
		},
	}
}

// String says what was asked and answered.
func (op *Op) String() string {
	var b strings.Builder
	switch op.Kind {
	case Restart:
		return "restart"
	case Leave:
		return "leave"
	case Read:
		fmt.Fprintf(&b, "get %s", op.Address)
	default:
		for i, w := range op.Writes {
			if i > 0 {
				b.WriteString(" + ")
			}
			fmt.Fprintf(&b, "set %s %d", w.Address, w.Value)
			if w.Stated {
				fmt.Fprintf(&b, " if at %d", w.Revision)
			}
			if w.Lock {
				b.WriteString(" lock")
			}
			if w.Unlock {
				b.WriteString(" unlock")
			}
			if w.seen != 0 {
				fmt.Fprintf(&b, " (seen at %d)", w.seen)
			}
		}
	}
	switch a := &op.Answer; {
	case a.Unknown:
		b.WriteString(": no answer")
	case a.Code != 0:
		fmt.Fprintf(&b, ": error %d", a.Code)
	case op.Kind == Read:
		fmt.Fprintf(&b, ": %d at %d", a.Value, a.Revision)
	default:
		fmt.Fprintf(&b, ": at %d", a.Revision)
	}
	return b.String()
}
