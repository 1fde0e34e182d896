package history

// What subscriptions show: a course of the same history.

import "fmt"

// Stream is what one subscription of one session was told, in its order.
type Stream struct {
	recorder *Recorder
	name     string
	epoch    int // of the router that tells
	told     []delivery
	newest   map[string]uint64
	ended    bool // nothing more is expected of it
}

// delivery is one param of a SET or SNAPSHOT.
type delivery struct {
	address  string
	revision uint64
	value    int64
	at       int64
}

// Stream begins one.
func (r *Recorder) Stream(name string) *Stream {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := &Stream{recorder: r, name: name, epoch: r.epoch, newest: make(map[string]uint64)}
	r.streams = append(r.streams, s)
	return s
}

// See takes down what has just come.
func (s *Stream) See(address string, revision uint64, value int64) {
	r := s.recorder
	r.mu.Lock()
	defer r.mu.Unlock()
	s.told = append(s.told, delivery{address, revision, value, r.now()})
	s.newest[address] = max(s.newest[address], revision)
}

// End says that the subscription has been cut: it need not come to the newest.
func (s *Stream) End() {
	s.recorder.mu.Lock()
	defer s.recorder.mu.Unlock()
	s.ended = true
}

// Behind returns where streams that go on have not come to the newest revision that anybody was told.
func (r *Recorder) Behind() (behind []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	newest := r.newest()
	for _, s := range r.streams {
		for address, revision := range newest {
			if !s.ended && s.newest[address] < revision {
				behind = append(behind, fmt.Sprintf("%s has seen %s up to revision %d of %d", s.name, address, s.newest[address], revision))
			}
		}
	}
	return behind
}

// newest returns the highest revision that anybody was told of each address, of this epoch.
func (r *Recorder) newest() map[string]uint64 {
	newest := make(map[string]uint64)
	note := func(address string, revision uint64, epoch int) {
		newest[address] = max(newest[address], revision+uint64(r.epoch-epoch)*epochStep)
	}
	for _, op := range r.ops {
		switch {
		case op.Answer.Unknown || op.Answer.Code != 0:
		case op.Kind == Read:
			note(op.Address, op.Answer.Revision, op.Epoch)
		case op.Kind == Write && !op.Bundle:
			note(op.Writes[0].Address, op.Answer.Revision, op.Epoch)
		}
	}
	for _, s := range r.streams {
		for address, revision := range s.newest {
			note(address, revision, s.epoch)
		}
	}
	return newest
}

// skipped counts the revisions of its epoch that it was not told of, up to the newest that it was.
func (s *Stream) skipped() (n int) {
	for _, revision := range s.newest {
		n += int(revision - uint64(s.epoch)*epochStep)
	}
	return n - len(s.told)
}

// checkStreams holds each stream against the rules, and notes in the writes what was told of them.
func (r *Recorder) checkStreams() error {
	type written struct {
		op  *Op
		set *Set
	}
	writes := make(map[int64]written)
	for _, op := range r.ops {
		for i := range op.Writes {
			w := &op.Writes[i]
			if other, ok := writes[w.Value]; ok {
				return fmt.Errorf("the value %d is written by two operations (%v, %v): the history says nothing", w.Value, other.op, op)
			}
			writes[w.Value] = written{op, w}
		}
	}
	for _, s := range r.streams {
		last := make(map[string]uint64)
		for _, d := range s.told {
			what := fmt.Sprintf("%s is told %s = %d at revision %d", s.name, d.address, d.value, d.revision)
			if d.revision <= last[d.address] {
				return fmt.Errorf("%s after revision %d", what, last[d.address])
			}
			last[d.address] = d.revision
			w, ok := writes[d.value]
			if !ok || w.set.Address != d.address {
				return fmt.Errorf("%s, which nobody has written there", what)
			}
			if d.at < w.op.Call {
				return fmt.Errorf("%s before it is asked for: %v", what, w.op)
			}
			then := d.revision - uint64(s.epoch-w.op.Epoch)*epochStep
			if w.set.seen != 0 && w.set.seen != then {
				return fmt.Errorf("%s; somebody else was told another revision: %v", what, w.op)
			}
			w.set.seen = then
			w.op.Return = min(w.op.Return, d.at)
		}
	}
	return nil
}
