package transport_test

// A conversation of clients of all transports, in all types of signals.

import (
	"fmt"
	"sync"
	"testing"

	"github.com/clasp-studio/clasp/router"
	"github.com/clasp-studio/clasp/router/client"
	"github.com/clasp-studio/clasp/router/internal/kit"
	"github.com/clasp-studio/clasp/router/wire"
)

// said is how many events, stream values and moves each one sends.
const said = 40

// listener is what one client has heard of the others.
type listener struct {
	*client.Client
	t    *testing.T
	name string

	mu        sync.Mutex
	revisions map[string]uint64 // by address of a param or timeline
	numbers   map[string]int    // the last by address of an event or stream
	phases    map[string][]wire.Phase
}

func (l *listener) hear(m *client.Message) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch m.Signal {
	case wire.Timeline: // without a revision; each is published once
		if l.revisions[m.Address]++; l.revisions[m.Address] != 1 {
			l.t.Errorf("%s hears %s twice", l.name, m.Address)
		}
	case wire.Param: // and all of a snapshot
		if old := l.revisions[m.Address]; m.Revision <= old {
			l.t.Errorf("%s hears %s go from revision %d to %d", l.name, m.Address, old, m.Revision)
		}
		l.revisions[m.Address] = m.Revision
	case wire.Event, wire.Stream:
		n, old := kit.Number(m.Value), l.numbers[m.Address]
		if n <= old || m.Signal == wire.Event && n != old+1 {
			l.t.Errorf("%s hears %s say %d after %d", l.name, m.Address, n, old)
		}
		l.numbers[m.Address] = n
	case wire.Gesture:
		l.phases[m.Address] = append(l.phases[m.Address], m.Phase)
	}
}

// speak says everything there is to say, and numbers what has no revision from 1.
func (l *listener) speak() error {
	ctx := l.t.Context()
	for n := 1; n <= said; n++ {
		if _, err := l.Set(ctx, "/talk/shared", n); err != nil {
			return err
		}
		if _, err := l.Set(ctx, "/talk/param/"+l.name, n); err != nil {
			return err
		}
		if err := l.Emit(ctx, "/talk/event/"+l.name, n); err != nil {
			return err
		}
		if err := l.Client.Stream(ctx, "/talk/stream/"+l.name, n); err != nil {
			return err
		}
		phase := wire.Move
		switch n {
		case 1:
			phase = wire.Start
		case said:
			phase = wire.End
		}
		if err := l.Client.Gesture(ctx, "/talk/gesture/"+l.name, 7, phase, n); err != nil {
			return err
		}
	}
	_, err := l.Client.Timeline(ctx, "/talk/timeline/"+l.name, client.Timeline{Keyframes: []client.Keyframe{{Value: 0.0}, {At: 1e9, Value: 1.0}}})
	return err
}

// behind says which param or timeline is not at its newest, "" if all are. What it has published itself does not come back to
// who hears live.
func (l *listener) behind(newest map[string]uint64) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	for addr, want := range newest {
		if got := l.revisions[addr]; got != want && addr != "/talk/timeline/"+l.name {
			return fmt.Sprintf("%s is at revision %d, not %d", addr, got, want)
		}
	}
	return ""
}

// unheard says what of a speaker's signals has not come to its end, "" if all have.
func (l *listener) unheard(speaker string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, addr := range []string{"/talk/event/" + speaker, "/talk/stream/" + speaker} {
		if got := l.numbers[addr]; got != said {
			return fmt.Sprintf("%s is at %d, not %d", addr, got, said)
		}
	}
	phases := l.phases["/talk/gesture/"+speaker]
	if len(phases) < 2 || phases[0] != wire.Start || phases[len(phases)-1] != wire.End {
		return fmt.Sprintf("the gesture of %s has the phases %v", speaker, phases)
	}
	return ""
}

// nothing waits until there is nothing to say.
func (l *listener) nothing(missing func() string) {
	l.t.Helper()
	var text string
	if !kit.Poll(func() bool { text = missing(); return text == "" }) {
		l.t.Fatalf("to %s %s", l.name, text)
	}
}

// TestConversation: a WebSocket, a QUIC, a UDP and a TCP client talk at the same time, in params, events, streams, gestures and
// timelines. Each hears all of the others in order and ends on the newest (promises 1 and 2), and one of each kind that comes
// afterwards is shown the same (promise 3; TestPromises has those that come meanwhile).
func TestConversation(t *testing.T) {
	g := start(t, router.Settings{})
	join := func(transport, name string) *listener {
		l := &listener{
			Client: g.dial(t, transport, client.Options{}), t: t, name: name,
			revisions: make(map[string]uint64), numbers: make(map[string]int), phases: make(map[string][]wire.Phase),
		}
		if _, err := l.Subscribe(t.Context(), "/talk/**", client.SubscribeOptions{}, l.hear); err != nil {
			t.Fatal(err)
		}
		return l
	}
	var all []*listener
	for _, transport := range transports {
		all = append(all, join(transport, transport))
	}
	var speaking sync.WaitGroup
	for _, l := range all {
		speaking.Go(func() {
			if err := l.speak(); err != nil {
				t.Errorf("%s: %v", l.name, err)
			}
		})
	}
	speaking.Wait()
	revisions := map[string]uint64{"/talk/shared": uint64(len(all) * said)}
	for _, l := range all {
		revisions["/talk/param/"+l.name] = said
		revisions["/talk/timeline/"+l.name] = 1
	}
	for _, l := range all {
		l.nothing(func() string { return l.behind(revisions) })
		for _, speaker := range transports {
			if speaker != l.name {
				l.nothing(func() string { return l.unheard(speaker) })
			}
		}
	}
	for _, transport := range transports {
		late := join(transport, "one who comes late over "+transport)
		late.nothing(func() string { return late.behind(revisions) })
	}
}
