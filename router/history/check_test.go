package history

// The checker must be able to fail: one good history, and what becomes of it when the router lies.

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/router/wire"
)

// tale is a history made by hand: every operation takes half of its moment, of 10 ns, unless its return says otherwise.
type tale struct {
	*Recorder
	moment int64
}

func newTale() *tale {
	return &tale{Recorder: New(map[string]Strategy{"/max": Max, "/owned": Locking})}
}

func (t *tale) do(op Op) *Op {
	t.moment += 10
	op.Call, op.Epoch = t.moment, t.epoch
	if op.Return == 0 {
		op.Return = t.moment + 5
	}
	if op.Kind == Restart {
		t.epoch++
	}
	t.ops = append(t.ops, &op)
	return &op
}

func (t *tale) set(who, address string, value int64, answer Answer) *Op {
	return t.do(Op{Session: who, Kind: Write, Writes: []Set{{Address: address, Value: value}}, Answer: answer})
}

// fire is not answered: it is over with the next answer, which is one moment later.
func (t *tale) fire(who, address string, value int64) *Op {
	return t.do(Op{Session: who, Kind: Write, Writes: []Set{{Address: address, Value: value}}, Fire: true, Return: t.moment + 25, Answer: Answer{Unknown: true}})
}

func (t *tale) get(who, address string, value int64, revision uint64) *Op {
	return t.do(Op{Session: who, Kind: Read, Address: address, Answer: Answer{Value: value, Revision: revision}})
}

func (t *tale) missing(who, address string) *Op {
	return t.do(Op{Session: who, Kind: Read, Address: address, Answer: Answer{Code: wire.CodeNotFound}})
}

func (t *tale) lock(who, address string, value int64, answer Answer) *Op {
	op := t.set(who, address, value, answer)
	op.Writes[0].Lock = true
	return op
}

// stream is told one revision after another at the present moment.
func (t *tale) stream(name, address string, told ...[2]int64) *Stream {
	s := t.Stream(name)
	for _, d := range told {
		s.told = append(s.told, delivery{address, uint64(d[0]), d[1], t.moment})
		s.newest[address] = max(s.newest[address], uint64(d[0]))
	}
	return s
}

func at(revision uint64) Answer     { return Answer{Revision: revision} }
func refused(code wire.Code) Answer { return Answer{Code: code} }

// TestCheck: each tale is told once as it may be, and once with a lie, which has to be found out.
func TestCheck(t *testing.T) {
	for name, tell := range map[string]func(h *tale, lie bool){
		"a stale read": func(h *tale, lie bool) {
			h.set("a", "/x", 1, at(1))
			h.set("a", "/x", 2, at(2))
			if lie {
				h.get("b", "/x", 1, 1)
			} else {
				h.get("b", "/x", 2, 2)
			}
		},
		"a read that goes back": func(h *tale, lie bool) {
			h.set("a", "/x", 1, at(1))
			h.set("a", "/x", 2, at(2)).Return = Never // its ACK comes late, so either may be read
			values := [][2]int64{{1, 1}, {2, 2}}
			if lie {
				slices.Reverse(values)
			}
			for _, v := range values {
				h.get("b", "/x", v[1], uint64(v[0]))
			}
		},
		"a write that is acknowledged and lost": func(h *tale, lie bool) {
			h.set("a", "/x", 1, at(1))
			if lie {
				h.set("b", "/x", 2, at(1))
			} else {
				h.set("b", "/x", 2, at(2))
			}
		},
		"a revision that is given to nobody": func(h *tale, lie bool) {
			h.set("a", "/x", 1, at(1))
			h.set("a", "/x", 2, at(map[bool]uint64{false: 2, true: 3}[lie]))
		},
		"the value of another revision": func(h *tale, lie bool) {
			h.set("a", "/x", 1, at(1))
			h.set("a", "/x", 2, at(2))
			h.get("b", "/x", map[bool]int64{false: 2, true: 1}[lie], 2)
		},
		"nothing where something is": func(h *tale, lie bool) {
			h.missing("b", "/x")
			h.set("a", "/x", 1, at(1))
			if lie {
				h.missing("b", "/x")
			}
		},
		"fire that comes after the next answer": func(h *tale, lie bool) {
			h.set("a", "/x", 1, at(1))
			h.fire("a", "/x", 2)
			h.missing("a", "/y")
			if lie {
				h.get("b", "/x", 1, 1)
			}
			h.get("b", "/x", 2, 2)
		},
		"fire that is never done": func(h *tale, lie bool) {
			h.set("a", "/x", 1, at(1))
			h.fire("a", "/x", 2)
			h.missing("a", "/y")
			h.set("a", "/x", 3, at(map[bool]uint64{false: 3, true: 2}[lie]))
		},
		"a stated revision that does not count": func(h *tale, lie bool) {
			h.set("a", "/x", 1, at(1))
			h.set("b", "/x", 2, at(2))
			op := h.set("a", "/x", 3, refused(wire.CodeConflict))
			op.Writes[0].Stated, op.Writes[0].Revision = true, 1
			if lie {
				op.Answer = at(3)
			}
		},
		"a lock that does not hold": func(h *tale, lie bool) {
			h.lock("a", "/x", 1, Answer{Revision: 1, Holder: "a"})
			if lie {
				h.set("b", "/x", 2, at(2))
			} else {
				h.set("b", "/x", 2, refused(wire.CodeLocked))
			}
		},
		"a lock of somebody else": func(h *tale, lie bool) {
			h.set("b", "/x", 1, at(1))
			h.lock("a", "/x", 2, Answer{Revision: 2, Holder: map[bool]string{false: "a", true: "b"}[lie]})
		},
		"a lock of nobody known": func(h *tale, lie bool) {
			h.lock("a", "/x", 1, Answer{Revision: 1, Holder: map[bool]string{false: "a", true: "?"}[lie]})
		},
		"a lock that outlives its session": func(h *tale, lie bool) {
			h.lock("a", "/x", 1, Answer{Revision: 1, Holder: "a"})
			h.do(Op{Kind: Leave, Session: "a"})
			if lie {
				h.set("b", "/x", 2, refused(wire.CodeLocked))
			} else {
				h.set("b", "/x", 2, at(2))
			}
		},
		"the strategy max taking less": func(h *tale, lie bool) {
			h.set("a", "/max", 5, at(1))
			if lie {
				h.set("b", "/max", 4, at(2))
			} else {
				h.set("b", "/max", 4, refused(wire.CodeConflict))
			}
		},
		"the strategy lock giving none": func(h *tale, lie bool) {
			h.set("a", "/owned", 1, at(1))
			if lie {
				h.set("b", "/owned", 2, at(2))
			} else {
				h.set("b", "/owned", 2, refused(wire.CodeLocked))
			}
		},
		"half a bundle": func(h *tale, lie bool) {
			h.do(Op{Kind: Write, Bundle: true, Session: "a", Writes: []Set{{Address: "/x", Value: 1}, {Address: "/y", Value: 2}}, Answer: at(1), Return: 100})
			h.get("b", "/x", 1, 1)
			if lie {
				h.missing("b", "/y")
			} else {
				h.get("b", "/y", 2, 1)
			}
		},
		"a bundle that is refused, and yet does something": func(h *tale, lie bool) {
			h.lock("a", "/x", 1, Answer{Revision: 1, Holder: "a"})
			h.do(Op{Kind: Write, Bundle: true, Session: "b", Writes: []Set{{Address: "/y", Value: 2}, {Address: "/x", Value: 3}}, Answer: refused(wire.CodeLocked)})
			if lie {
				h.get("b", "/y", 2, 1)
			} else {
				h.missing("b", "/y")
			}
		},
		"a stream that goes back": func(h *tale, lie bool) {
			h.set("a", "/x", 1, at(1))
			h.set("a", "/x", 2, at(2))
			told := [][2]int64{{1, 1}, {2, 2}}
			if lie {
				slices.Reverse(told)
			}
			h.stream("s", "/x", told...)
		},
		"a stream that says a thing twice": func(h *tale, lie bool) {
			h.set("a", "/x", 1, at(1))
			h.stream("s", "/x", [][2]int64{{1, 1}, {1, 1}}[:map[bool]int{false: 1, true: 2}[lie]]...)
		},
		"a stream that does not end on the newest": func(h *tale, lie bool) {
			h.set("a", "/x", 1, at(1))
			h.set("a", "/x", 2, at(2))
			h.stream("s", "/x", [][2]int64{{1, 1}, {2, 2}}[:map[bool]int{false: 2, true: 1}[lie]]...)
		},
		"a stream with the value of another revision": func(h *tale, lie bool) {
			h.set("a", "/x", 1, at(1))
			h.set("a", "/x", 2, at(2))
			h.set("a", "/x", 3, at(3))
			h.stream("s", "/x", [2]int64{2, map[bool]int64{false: 2, true: 1}[lie]}, [2]int64{3, 3})
		},
		"streams that contradict each other": func(h *tale, lie bool) {
			h.fire("a", "/x", 1)
			h.fire("a", "/x", 2)
			h.missing("a", "/y")
			h.stream("one", "/x", [2]int64{1, 1}, [2]int64{2, 2})
			if lie {
				h.stream("two", "/x", [2]int64{1, 2}, [2]int64{2, 1})
			} else {
				h.stream("two", "/x", [2]int64{2, 2})
			}
		},
		"a value that nobody has written": func(h *tale, lie bool) {
			h.set("a", "/x", 1, at(1))
			h.stream("s", "/x", [2]int64{1, map[bool]int64{false: 1, true: 9}[lie]})
		},
		"a value before it is written": func(h *tale, lie bool) {
			s := h.Stream("s")
			h.set("a", "/x", 1, at(1))
			s.told, s.newest["/x"] = []delivery{{"/x", 1, 1, map[bool]int64{false: h.moment, true: h.moment - 1}[lie]}}, 1
		},
		"a refused write that is told of": func(h *tale, lie bool) {
			h.set("a", "/max", 5, at(1))
			h.set("a", "/max", 4, refused(wire.CodeConflict))
			if h.set("a", "/max", 6, at(2)); lie {
				h.stream("s", "/max", [2]int64{1, 4}, [2]int64{2, 6})
			} else {
				h.stream("s", "/max", [2]int64{1, 5}, [2]int64{2, 6})
			}
		},
		"a read that is behind what somebody has been told": func(h *tale, lie bool) {
			h.set("a", "/x", 1, at(1))
			h.set("a", "/x", 2, at(2)).Return = 1000 // the ACK comes late
			h.stream("s", "/x", [2]int64{2, 2})
			if lie {
				h.get("b", "/x", 1, 1)
			} else {
				h.get("b", "/x", 2, 2)
			}
		},
		"a revision that is reused after a kill": func(h *tale, lie bool) {
			h.set("a", "/x", 1, at(1))
			h.do(Op{Kind: Restart})
			h.set("b", "/x", 2, at(map[bool]uint64{false: epochStep + 2, true: 2}[lie]))
		},
		"a revision that is reused after a kill, where nothing was": func(h *tale, lie bool) {
			h.missing("a", "/x")
			h.do(Op{Kind: Restart})
			h.set("b", "/x", 2, at(map[bool]uint64{false: epochStep + 1, true: 1}[lie]))
		},
		"a commit that a kill undoes": func(h *tale, lie bool) {
			h.set("a", "/x", 1, at(1))
			h.do(Op{Kind: Restart})
			if lie {
				h.missing("b", "/x")
			} else {
				h.get("b", "/x", 1, epochStep+1)
			}
		},
		"a write that a kill undoes although it was told of": func(h *tale, lie bool) {
			h.set("a", "/x", 1, Answer{Unknown: true}).Return = 25
			if lie {
				h.stream("s", "/x", [2]int64{1, 1}).ended = true
			}
			h.do(Op{Kind: Restart})
			h.missing("b", "/x")
		},
		"a write that comes after the kill of its router": func(h *tale, lie bool) {
			h.set("a", "/x", 1, Answer{Unknown: true}).Return = 25
			h.do(Op{Kind: Restart})
			if h.missing("b", "/x"); lie {
				h.get("b", "/x", 1, epochStep+1)
			}
		},
		"a lock that outlives its router": func(h *tale, lie bool) {
			h.lock("a", "/x", 1, Answer{Revision: 1, Holder: "a"})
			h.do(Op{Kind: Restart})
			if lie {
				h.set("b", "/x", 2, refused(wire.CodeLocked))
			} else {
				h.set("b", "/x", 2, at(epochStep+2))
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			good, bad := newTale(), newTale()
			tell(good, false)
			if _, err := good.Check(time.Minute); err != nil {
				t.Errorf("as it may be: %v", err)
			}
			tell(bad, true)
			var v *Violation
			if _, err := bad.Check(time.Minute); !errors.As(err, &v) {
				t.Errorf("the lie: %v", err)
			}
		})
	}
}

// TestUnanswered: what was not answered before a kill may have been done or not.
func TestUnanswered(t *testing.T) {
	for _, done := range []bool{true, false} {
		h := newTale()
		h.set("a", "/x", 1, Answer{Unknown: true}).Return = 25
		h.do(Op{Kind: Restart})
		if done {
			h.get("b", "/x", 1, epochStep+1)
		} else {
			h.missing("b", "/x")
		}
		if _, err := h.Check(time.Minute); err != nil {
			t.Errorf("done %t: %v", done, err)
		}
	}
}

// TestDraw: a violation that an order was searched for can be drawn, and says what could not be ordered.
func TestDraw(t *testing.T) {
	h := newTale()
	h.set("a", "/x", 1, at(1))
	h.get("b", "/x", 7, 1)
	_, err := h.Check(time.Minute)
	var v *Violation
	if !errors.As(err, &v) || !strings.Contains(err.Error(), "get /x: 7 at 1") {
		t.Fatalf("%v", err)
	}
	var page strings.Builder
	if err := v.Draw(&page); err != nil || !strings.Contains(page.String(), "set /x 1: at 1") {
		t.Errorf("drawn as %d bytes, %v", page.Len(), err)
	}
}

// TestSummary: what is checked is counted, by parts that bundles tie together.
func TestSummary(t *testing.T) {
	h := newTale()
	h.set("a", "/x", 1, at(1))
	h.do(Op{Kind: Write, Bundle: true, Session: "a", Writes: []Set{{Address: "/y", Value: 2}, {Address: "/z", Value: 3}}, Answer: at(1)})
	h.fire("a", "/x", 4)
	h.missing("a", "/q")
	h.set("a", "/x", 5, at(3))
	h.stream("s", "/x", [2]int64{1, 1}, [2]int64{2, 4}).ended = true
	h.stream("s", "/x", [2]int64{1, 1}, [2]int64{3, 5})
	got, err := h.Check(time.Minute)
	if want := (Summary{Operations: 5, Unanswered: 1, Deliveries: 4, Skipped: 1, Parts: 3}); err != nil || got != want {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
}
