package tui

// The rules of the Pairing pane with the whole dashboard around it: what is typed elsewhere,
// and what a dialog covers.

import (
	"testing"

	"github.com/clasp-studio/clasp/router/monitor"
)

// later lets a frame come and the screen be drawn.
func (b *bench) later(knocks ...monitor.Knock) {
	b.t.Helper()
	b.source.mu.Lock()
	b.source.frame.Pairing.Knocks = knocks
	b.source.mu.Unlock()
	b.get()
	b.View()
	b.clock.advance(pairingGrace)
	b.get()
	b.View()
}

func TestTypingInAFilterAnswersNoRequest(t *testing.T) {
	for _, pane := range []string{"2", "3", "5"} {
		b := newBench(t, 120, 30, 10, 10)
		b.later()
		b.press(pane, "/")
		for _, c := range "yny:P4yyn" {
			b.later(waiting("k1", "Ana", "look"), waiting("k2", "Bo", "look"))
			b.press(string(c))
		}
		if got := b.source.actions(); len(got) != 0 {
			t.Errorf("pane %s: %v", pane, got)
		}
		b.press("esc", "P", "y") // the pane is there for the first time
		if got := b.source.actions(); len(got) != 0 {
			t.Errorf("pane %s: approved at first sight: %v", pane, got)
		}
		b.later(waiting("k1", "Ana", "look"), waiting("k2", "Bo", "look"))
		b.press("y")
		if got := b.source.actions(); len(got) != 1 || got[0].Kind != monitor.Approve || got[0].ID != "k1" {
			t.Errorf("pane %s: not approved in the end: %v", pane, got)
		}
	}
}

// A request that comes while a dialog is in front of the pane has not been seen.
func TestDialogInFrontOfThePane(t *testing.T) {
	b := newBench(t, 80, 24, 10, 10)
	b.later()
	b.press("P", "?")
	b.later(waiting("k1", "Ana", "look"))
	b.press("esc", "y")
	if got := b.source.actions(); len(got) != 0 {
		t.Fatalf("approved what the help has covered: %v", got)
	}
	b.View()
	b.later(waiting("k1", "Ana", "look"))
	b.press("y")
	if got := b.source.actions(); len(got) != 1 {
		t.Fatalf("not approved after it was seen: %v", got)
	}
}

// Who leaves the pane, or makes the window too small for it, and comes back at once has to
// look again: what was pressed meanwhile may have been meant for something else.
func TestComingBackIsLookingAnew(t *testing.T) {
	away := map[string]func(b *bench){
		"another pane": func(b *bench) {
			b.press("3")
			b.View()
			b.press("P")
		},
		"too small": func(b *bench) {
			b.Update(sizeMsg(39, 9))
			b.View()
			b.press("y") // nobody has seen what this answers
			b.Update(sizeMsg(79, 24))
		},
	}
	for name, away := range away {
		b := newBench(t, 79, 24, 10, 10) // one pane at a time
		b.later()
		b.press("P")
		b.later(waiting("k1", "Ana", "look"))
		away(b)
		b.View()
		b.press("y")
		if got := b.source.actions(); len(got) != 0 {
			t.Errorf("%s: approved what has just come back: %v", name, got)
		}
		b.later(waiting("k1", "Ana", "look"))
		b.press("y")
		if got := b.source.actions(); len(got) != 1 {
			t.Errorf("%s: not approved after it was seen: %v", name, got)
		}
	}
}

// An invite is made, shown, and hidden once it is used; the keys on the way ask the router
// for nothing else.
func TestInviteThroughTheDashboard(t *testing.T) {
	b := newBench(t, 120, 40, 10, 10)
	made := monitor.Invite{ID: "i1", Name: "Ana", Profile: "look", PIN: "847291", Expires: testStart.Add(pairingGrace * 600)}
	b.source.do = func(monitor.Action) (monitor.Result, error) {
		return monitor.Result{Text: "made", Invite: &made}, nil
	}
	b.press("4", "i", "A", "n", "a", "enter", "enter", "enter", "enter")
	if got := b.source.actions(); len(got) != 1 || got[0].Kind != monitor.NewInvite || got[0].Name != "Ana" {
		t.Fatalf("%v", got)
	}
	card, ok := b.top().(*inviteCard)
	if !ok {
		t.Fatalf("on top is %T", b.top())
	}
	b.source.frame.Pairing.Invites = []monitor.Invite{made}
	b.get()
	b.source.frame.Pairing.Invites = nil
	b.get()
	if card.over == "" || card.invite.PIN != "" {
		t.Errorf("a used invite is still shown: %+v", card)
	}
}
