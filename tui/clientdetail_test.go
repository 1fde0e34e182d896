package tui

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"

	"github.com/clasp-studio/clasp/router/monitor"
)

// newDetailKit is the dialog about a client that the source knows.
func newDetailKit(t *testing.T) (*clientDetail, *fakeSource, *env) {
	t.Helper()
	e, _, source := newTestEnv(t)
	c := testFrame(20, 0).Clients.Rows[9]
	source.client = map[string]monitor.ClientDetail{c.ID: {
		Client:        c,
		Subscriptions: []monitor.Subscription{{Pattern: "/lumen/**", Options: "at most 30/s"}, {Pattern: "/show/cue"}},
		Read:          []string{"/**"}, Write: []string{"/lumen/**", "/cue/*"}, Held: []string{"/lumen/scene/0/opacity"},
		Recent:   []monitor.Refusal{{At: testStart, Code: 301, Text: "no right to write /admin"}},
		Messages: []monitor.Message{{At: testStart, Kind: "SET", Text: "/lumen/a 0.5"}},
	}}
	return newClientDetail(e, c), source, e
}

// answer carries out a look at the session and returns the command for the next one.
func (d *clientDetail) answer(t *testing.T, ask tea.Cmd) tea.Cmd {
	t.Helper()
	msgs := run(ask)
	if len(msgs) != 1 {
		t.Fatalf("a look gives %d messages", len(msgs))
	}
	call, ok := msgs[0].(callMsg)
	if !ok {
		t.Fatalf("a look gives a %T", msgs[0])
	}
	return call()
}

func TestConnectionDetailSaysEverything(t *testing.T) {
	d, _, _ := newDetailKit(t)
	first := textOf(d.render(120, 45))
	for _, want := range []string{"desk 009", "SLOW", "192.168.1.11:40009", "WebSocket", "9.0/s", "Asking the router"} {
		if !strings.Contains(first, want) {
			t.Errorf("at once, there is no %q:\n%s", want, first)
		}
	}
	if d.answer(t, d.ask()) == nil {
		t.Error("there is no next look")
	}
	lines := d.render(120, 45)
	checkLines(t, lines, 120, len(lines))
	for _, want := range []string{"/lumen/**  at most 30/s", "/show/cue", "may read   /**", "may write  /lumen/**, /cue/*",
		"/lumen/scene/0/opacity", "301  no right to write /admin", "SET        /lumen/a 0.5", "2 of 3"} {
		if !strings.Contains(textOf(lines), want) {
			t.Errorf("there is no %q:\n%s", want, textOf(lines))
		}
	}
}

// TestConnectionDetailLooksOnlyWhileSeen: the looks end with the dialog, with the session,
// and when nobody draws the dialog any more.
func TestConnectionDetailLooksOnlyWhileSeen(t *testing.T) {
	d, _, _ := newDetailKit(t)
	if d.answer(t, d.ask()) == nil {
		t.Fatal("there is no second look")
	}
	if d.answer(t, d.ask()) != nil {
		t.Error("a dialog that has not been drawn since goes on looking")
	}
	d.render(80, 20)
	d.key(press("esc"))
	if d.answer(t, d.ask()) != nil {
		t.Error("a dialog that is over goes on looking")
	}
	d, source, _ := newDetailKit(t)
	source.client = nil
	if d.answer(t, d.ask()) != nil || !d.gone {
		t.Error("the session has gone, and the looks go on")
	}
	if s := textOf(d.render(80, 20)); !strings.Contains(s, "It has gone") || !strings.Contains(s, "desk 009") {
		t.Errorf("the session has gone:\n%s", s)
	}
	if cmd, done := d.key(press("x")); done || len(run(cmd)) != 1 || run(cmd)[0].(flashMsg).text != "it has gone already" {
		t.Error("one that has gone can be disconnected")
	}
}

func TestConnectionDetailOfARouterThatDoesNotAnswer(t *testing.T) {
	d, _, _ := newDetailKit(t)
	if d.answered(monitor.ClientDetail{}, fmt.Errorf("admin socket: %w", monitor.ErrUnreachable)) == nil {
		t.Error("it is not asked again")
	}
	if s := textOf(d.render(80, 20)); !strings.Contains(s, "admin socket: not reachable") {
		t.Errorf("nothing says so:\n%s", s)
	}
	if !errors.Is(d.err, monitor.ErrUnreachable) || d.gone {
		t.Errorf("error %v, gone %v", d.err, d.gone)
	}
}

func TestConnectionDetailScrolls(t *testing.T) {
	d, _, e := newDetailKit(t)
	d.answer(t, d.ask())
	for w := range 130 {
		for _, h := range []int{0, 2, 3, 7, 20, 60} {
			if lines := d.render(w, h); len(lines) > 0 {
				checkLines(t, lines, min(w, detailWidth), min(h, d.lines+2))
			}
		}
	}
	d.render(60, 10)
	d.key(press("end"))
	if s := textOf(d.render(60, 10)); !strings.Contains(s, "SET        /lumen/a 0.5") || !strings.Contains(s, fmt.Sprintf("of %d", d.lines)) {
		t.Errorf("the end:\n%s", s)
	}
	for range 100 {
		d.key(press("up"))
	}
	if s := textOf(d.render(60, 10)); d.scroll != 0 || !strings.Contains(s, "SLOW") {
		t.Errorf("back at the start, line %d:\n%s", d.scroll, s)
	}
	plainTestEnv(e)
	for _, c := range textOf(d.render(80, 60)) {
		if c > 0x7e {
			t.Fatalf("%q is no ASCII", c)
		}
	}
}

func TestConnectionDetailKeys(t *testing.T) {
	d, _, e := newDetailKit(t)
	d.render(80, 20)
	if cmd, done := d.key(press("x")); done || len(run(cmd)) != 1 {
		t.Error("x closes the dialog or asks nothing")
	} else if msg, ok := run(cmd)[0].(overlayMsg); !ok || !strings.Contains(textOf(msg.overlay.render(80, 20)), "Disconnect desk 009?") {
		t.Errorf("x: %+v", msg)
	}
	if cmd, done := d.key(press("L")); !done || run(cmd)[0].(gotoMsg).session != "c000009" {
		t.Error("L does not go to the log")
	}
	f := testFrame(20, 0)
	f.Clients.Rows[9].Queue = 123456
	d.apply(f)
	if s := textOf(d.render(120, 40)); !strings.Contains(s, "123 kB") {
		t.Errorf("a new frame is not taken:\n%s", s)
	}
	e.options.ReadOnly = true
	for _, b := range d.bindings() {
		if k := b.Keys()[0]; k == "x" || k == "b" {
			t.Errorf("%q is offered in a dashboard that is read-only", k)
		}
	}
}
