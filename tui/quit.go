package tui

// Ways out, and the questions before them. They say what will happen, and Cancel is what
// Enter does.

import (
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/clasp-studio/clasp/router/monitor"
)

// interrupt is ctrl+c: it asks as q does, and at the second time within two seconds goes.
func (r *root) interrupt() tea.Cmd {
	now := r.e.now()
	twice := !r.quitAsked.IsZero() && now.Sub(r.quitAsked) <= twiceWithin
	r.quitAsked = now
	if twice && r.e.options.ReadOnly && !r.e.options.Attached {
		return r.end(Detach)
	}
	if twice {
		return r.end(Quit)
	}
	if o, ok := r.top().(*confirm); ok && o.leaving {
		return nil // it asks already
	}
	return r.quit(false)
}

// quit ends the dashboard and, unless attached or read-only, the router; keep leaves the last
// screen.
func (r *root) quit(keep bool) tea.Cmd {
	r.keep = keep
	if r.e.options.Attached {
		return r.end(Quit)
	}
	if r.e.options.ReadOnly { // nothing of the router changes from here, least of all whether it runs
		return r.detach()
	}
	if r.newest != nil && r.lost == nil && r.newest.Overview.Sessions == 0 && r.notify.open == 0 {
		return r.end(Quit)
	}
	leave := map[string]func() tea.Cmd{}
	for _, name := range r.e.keys.Detach.Keys() {
		leave[name] = func() tea.Cmd { return r.end(Detach) }
	}
	r.push(&confirm{
		e: r.e, question: "Stop the router? " + upper(whoIsThere(r.newest)) + ".", lines: r.consequences(), leaving: true,
		yesLabel: "Stop the router",
		yes:      func() tea.Cmd { return r.end(Quit) },
		extra:    leave,
	})
	return nil
}

// consequences is what stopping means.
func (r *root) consequences() []string {
	f := r.newest
	lines := []string{"Nothing is routed until it is started again."}
	switch {
	case f == nil || f.Overview.Sessions > 1:
		lines[0] = "All of them lose their connection; nothing is routed until it is started again."
	case f.Overview.Sessions == 1:
		lines[0] = "It loses its connection; nothing is routed until it is started again."
	case wantIn(&f.Pairing) > 0:
		lines[0] = "Who wants in has to ask anew; nothing is routed until it is started again."
	}
	if f != nil && f.Overview.Params > 0 {
		if f.Overview.Persistence == "" {
			lines = append(lines, fmt.Sprintf("%s are in memory only and will be lost.", plural(f.Overview.Params, "address", "addresses")))
		} else {
			lines = append(lines, "The state is kept in "+f.Overview.Persistence+".")
		}
	}
	return append(lines, r.e.keys.Detach.Help().Key+" leaves the dashboard and lets the router go on.")
}

// detach leaves the dashboard; the router goes on.
func (r *root) detach() tea.Cmd {
	if r.e.options.Attached {
		return r.end(Detach)
	}
	var lines []string
	if r.e.options.ReadOnly {
		lines = append(lines, "This dashboard is read only (--tui-readonly): it does not stop the router.")
	}
	lines = append(lines, "It goes on in this terminal without a dashboard, and writes its log here. `clasp tui` shows the dashboard again.")
	if f := r.newest; f != nil && f.Overview.PID != 0 {
		lines = append(lines, fmt.Sprintf("Its process is %d; ctrl+c stops it then without a question.", f.Overview.PID))
	}
	r.push(&confirm{
		e: r.e, question: "Leave the dashboard? The router goes on: " + whoIsThere(r.newest) + ".", lines: lines, leaving: true,
		yesLabel: "Leave",
		yes:      func() tea.Cmd { return r.end(Detach) },
	})
	return nil
}

// end ends the program.
func (r *root) end(o Outcome) tea.Cmd {
	r.outcome, r.ending = o, true
	r.overlays = nil
	r.feed.stop()
	return tea.Quit
}

// whoIsThere is who would notice.
func whoIsThere(f *frame) string {
	if f == nil {
		return "who is connected is not known yet"
	}
	parts := []string{plural(f.Overview.Sessions, "client", "clients") + " connected"}
	if n := wantIn(&f.Pairing); n > 0 {
		parts = append(parts, plural(n, "pairing request", "pairing requests")+" open")
	}
	return strings.Join(parts, ", ")
}

// wantIn counts the requests that can still be answered.
func wantIn(p *monitor.Pairing) int {
	n := 0
	for i := range p.Knocks {
		if p.Knocks[i].Open() {
			n++
		}
	}
	return n
}

// plural is "1 client", "1,204 clients".
func plural(n int, one, many string) string {
	return grouped(n) + " " + nounFor(n, one, many)
}

// nounFor is the word that goes with a number.
func nounFor(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// upper makes the first letter a capital.
func upper(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
