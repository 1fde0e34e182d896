// The tap: a sample of what one client sends, noted while somebody looks at it. Without one it
// costs a message one look at a pointer.

package router

import (
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/clasp-studio/clasp/router/monitor"
	"github.com/clasp-studio/clasp/router/wire"
)

const (
	// tapFor is how long messages are noted after the last look.
	tapFor = 10 * time.Second
	// tapKept is how many are kept.
	tapKept = 20
	// tapRate is how many a second are noted: to write one down costs some µs.
	tapRate = 20
	// tapBytes is the size from which only the address of a message is noted.
	tapBytes = 4 << 10
)

// tap is what has been noted of one session.
type tap struct {
	sync.Mutex
	until    int64 // µs, monotonic
	over     bool  // the session has let go of it
	rate     bucket
	messages []monitor.Message // newest last
}

// listen has the session's messages noted, and returns those that have been.
func (s *Session) listen() []monitor.Message {
	until := s.router.monotonic(time.Now().Add(tapFor))
	for {
		t := s.tap.Load()
		if t == nil {
			if s.tap.CompareAndSwap(nil, &tap{until: until}) {
				return nil
			}
			continue
		}
		if messages, ok := t.listen(until); ok {
			return messages
		}
	}
}

// listen reports false when the session has just let go of the tap.
func (t *tap) listen(until int64) (messages []monitor.Message, ok bool) {
	t.Lock()
	defer t.Unlock()
	if t.over {
		return nil, false
	}
	t.until = until
	return append(messages, t.messages...), true
}

// note writes a message of the session's reader down, if it is its turn.
func (s *Session) note(t *tap, b *batch, payload []byte) {
	t.Lock()
	defer t.Unlock()
	if b.now > t.until {
		t.over = true
		s.tap.Store(nil) // only a listener replaces it, and none replaces one that is there
		return
	}
	if !t.rate.take(b.now, 1, tapRate) {
		return
	}
	if len(t.messages) == tapKept {
		t.messages = append(t.messages[:0], t.messages[1:]...)
	}
	t.messages = append(t.messages, monitor.Message{
		At: time.UnixMicro(int64(b.wall)), Kind: monitor.Clean(wire.Type(payload[0]).String()), Text: monitor.Clean(gist(payload)),
	})
}

// gist says what a message is about, on one line.
func gist(payload []byte) string {
	var words []string
	say := func(addr []byte, v *wire.Value) {
		words = append(words, string(addr))
		switch {
		case v == nil:
		case isPairing(addr):
			words = append(words, "…") // PINs and tokens are nobody's to see
		case len(payload) > tapBytes:
			words = append(words, v.TypeName(), "of", strconv.Itoa(len(v.Data)), "bytes")
		default:
			words = append(words, string(wire.AppendJSON(nil, *v)))
		}
	}
	switch wire.Type(payload[0]) {
	case wire.TypeSet:
		if m, err := wire.DecodeSet(payload); err == nil {
			say(m.Address, &m.Value)
			switch {
			case m.Lock:
				words = append(words, "lock")
			case m.Unlock:
				words = append(words, "unlock")
			}
		}
	case wire.TypePublish:
		if m, err := wire.DecodePublish(payload); err == nil {
			words = append(words, m.Signal.String())
			if m.Signal == wire.Gesture {
				words = append(words, m.Phase.String())
			}
			if m.HasValue {
				say(m.Address, &m.Value)
			} else {
				say(m.Address, nil)
			}
		}
	case wire.TypeGet:
		if m, err := wire.DecodeGet(payload); err == nil {
			say(m.Address, nil)
		}
	case wire.TypeSubscribe:
		if m, err := wire.DecodeSubscribe(payload); err == nil {
			say(m.Pattern, nil)
		}
	case wire.TypeUnsubscribe:
		if m, err := wire.DecodeUnsubscribe(payload); err == nil {
			words = append(words, "id", strconv.FormatUint(uint64(m.ID), 10))
		}
	case wire.TypeQuery:
		if m, err := wire.DecodeQuery(payload); err == nil {
			say(m.Pattern, nil)
		}
	case wire.TypeReplay:
		if m, err := wire.DecodeReplay(payload); err == nil {
			say(m.Pattern, nil)
		}
	case wire.TypeAnnounce:
		if m, err := wire.DecodeAnnounce(payload); err == nil {
			words = append(words, string(m.Namespace), strconv.Itoa(m.Count), "signals")
		}
	case wire.TypeBundle:
		if m, err := wire.DecodeBundle(payload); err == nil {
			words = append(words, strconv.Itoa(m.Count), "messages")
			if m.HasTimestamp {
				words = append(words, "for", time.UnixMicro(int64(m.Timestamp)).Format("15:04:05.000"))
			}
		}
	}
	return strings.Join(words, " ")
}
