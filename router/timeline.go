package router

import (
	"slices"

	"github.com/clasp-studio/clasp/router/wire"
)

var easings = []string{"linear", "ease-in", "ease-out", "ease-in-out", "step", "cubic-bezier"}

// timeline stores the timeline of an address like a param and sends it on (protocol
// section 8). A timeline without keyframes, as today's JavaScript and Python clients
// put it on the wire (section 3), leaves nothing to store: it is sent on only.
func (s *Session) timeline(b *batch, m *wire.Publish, payload []byte) (revision uint64, err error) {
	if !m.HasValue {
		rt, err := s.router.routeTo(b, m.Address)
		if err != nil {
			return 0, err
		}
		if len(rt.targets) == 0 {
			b.countFanout(0)
			return 0, nil
		}
		if err := b.encodePublish(m, payload); err != nil {
			return 0, err
		}
		s.spread(b, rt, m, reliable)
		return 0, nil
	}
	if err := checkTimeline(m.Value); err != nil {
		return 0, err
	}
	write := wire.Set{Address: m.Address, Value: m.Value}
	err = s.write(b, wire.Confirm, &write, true, func(p *paramEntry) {
		revision = p.Revision
		s.tellTimeline(b, p, m, payload)
	})
	return revision, err
}

// tellTimeline makes a param, whose lock is held, one that holds a timeline, and
// sends the PUBLISH on.
func (s *Session) tellTimeline(b *batch, p *paramEntry, m *wire.Publish, payload []byte) {
	p.Timeline = true
	rt := s.router.routeOf(b, p)
	if len(rt.targets) == 0 {
		b.countFanout(0)
		return
	}
	if b.encodePublish(m, payload) == nil {
		s.spread(b, rt, m, reliable)
	}
}

// checkTimeline holds a value against the form of a timeline (section 3).
func checkTimeline(v wire.Value) error {
	if v.Code != wire.MapCode {
		return refuse(wire.CodeBadValue, "a timeline is a map with keyframes")
	}
	var keyframes wire.Value
	found := false
	v.Range(func(key []byte, item wire.Value) bool {
		if string(key) == "keyframes" {
			keyframes, found = item, true
		}
		return !found
	})
	if !found || keyframes.Code != wire.ArrayCode {
		return refuse(wire.CodeBadValue, "a timeline needs an array of keyframes")
	}
	var err error
	n := 0
	keyframes.Range(func(_ []byte, frame wire.Value) bool {
		n++
		err = checkKeyframe(n, frame)
		return err == nil
	})
	return err
}

func checkKeyframe(n int, frame wire.Value) error {
	if frame.Code != wire.MapCode {
		return refuse(wire.CodeBadValue, "keyframe %d is not a map", n)
	}
	var hasTime, hasValue bool
	var err error
	frame.Range(func(key []byte, item wire.Value) bool {
		switch string(key) {
		case "time":
			at, ok := item.Number()
			hasTime = ok && at >= 0
		case "value":
			hasValue = true
		case "easing":
			name := ""
			if item.Code == wire.StringCode {
				name = string(item.Data[2:])
			}
			if !slices.Contains(easings, name) {
				err = refuse(wire.CodeBadValue, "keyframe %d: easing %q is not one of %q", n, name, easings)
			}
		}
		return err == nil
	})
	if err == nil && (!hasTime || !hasValue) {
		err = refuse(wire.CodeBadValue, "keyframe %d needs a time in µs from 0 up and a value", n)
	}
	return err
}
