// What has happened between two looks at a router, as lines for people.

package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/clasp-studio/clasp/pairing"
	"github.com/clasp-studio/clasp/router/monitor"
)

const (
	ratesEvery     = 10 * time.Second
	addressesEvery = time.Second
	// oneByOne is how many of a kind are named in one look. More are counted: a screen reader
	// would read for minutes.
	oneByOne = 20
)

// statusEvents knows what was seen last.
type statusEvents struct {
	last     *monitor.Frame
	clients  map[string]monitor.Client
	knocks   map[string]monitor.Knock
	invites  map[string]monitor.Invite
	problems map[string]monitor.Problem
	rates    monitor.Frame // of which the last rates were made
	params   int           // that were said last
	paramsAt time.Time
	returned bool // the router was gone, and that has been said
}

// begun reports whether there was a look before.
func (e *statusEvents) begun() bool { return e.last != nil }

// knows reports whether the last look was at the same start of the router.
func (e *statusEvents) knows(o *monitor.Overview) bool {
	return e.begun() && o.PID == e.last.Overview.PID && o.Started.Equal(e.last.Overview.Started)
}

// back says that the router can be reached again.
func (e *statusEvents) back() { e.returned = e.begun() }

// take returns what a frame has to say that has not been said. A frame whose Clients.Total is
// negative says nothing of the connections.
func (e *statusEvents) take(f *monitor.Frame) (lines []string) {
	o := &f.Overview
	switch {
	case !e.begun():
		lines = append(lines, "following "+routerWords(o))
		e.restart(f)
	case !e.knows(o):
		lines = append(lines, "router started again: "+routerWords(o))
		e.restart(f)
	case e.returned:
		lines = append(lines, "router back: "+routerWords(o))
	}
	e.returned = false
	lines = e.problemEvents(lines, o)
	if f.Clients.Total >= 0 {
		lines = e.clientEvents(lines, f.Clients.Rows)
	}
	lines = e.pairingEvents(lines, &f.Pairing)
	lines = e.logEvents(lines, &f.Logs)
	lines = e.countEvents(lines, f)
	e.last = f
	return lines
}

// restart takes a frame for the first of a router. Problems and who wants in are news then,
// and the connections only as a number.
func (e *statusEvents) restart(f *monitor.Frame) {
	*e = statusEvents{
		clients: make(map[string]monitor.Client), knocks: make(map[string]monitor.Knock),
		invites: make(map[string]monitor.Invite), problems: make(map[string]monitor.Problem),
		rates: *f, params: f.Overview.Params, paramsAt: f.At,
	}
	for i := range f.Clients.Rows {
		e.clients[f.Clients.Rows[i].ID] = f.Clients.Rows[i]
	}
}

// routerWords say which router it is and how it is.
func routerWords(o *monitor.Overview) string {
	_, health := monitor.Health(o)
	return fmt.Sprintf("%s, version %s, process %d: %s; %s, %s", o.Name, o.Version, o.PID, health, counted(o.Sessions, "client", "clients"), counted(o.Params, "address", "addresses"))
}

func (e *statusEvents) problemEvents(lines []string, o *monitor.Overview) []string {
	now := make(map[string]monitor.Problem, len(o.Problems))
	for _, p := range o.Problems {
		now[p.Text] = p
		if _, known := e.problems[p.Text]; !known {
			lines = append(lines, "problem: "+wrongWords(&p))
		}
	}
	for _, text := range slices.Sorted(maps.Keys(e.problems)) {
		if _, still := now[text]; !still {
			lines = append(lines, "problem over: "+text)
		}
	}
	e.problems = now
	return lines
}

func (e *statusEvents) clientEvents(lines []string, rows []monitor.Client) []string {
	var came, went, in, slow, fine []string
	now := make(map[string]monitor.Client, len(rows))
	for i := range rows {
		c := &rows[i]
		now[c.ID] = *c
		was, known := e.clients[c.ID]
		switch {
		case !known && c.Lobby:
			came = append(came, clientWords(c)+", waits to be let in")
		case !known:
			came = append(came, clientWords(c))
		case was.Lobby && !c.Lobby:
			in = append(in, clientWords(c))
		}
		switch {
		case c.Slow && !was.Slow:
			slow = append(slow, fmt.Sprintf("%s, %s wait for it, %s messages dropped", clientWords(c), unit(number(float64(c.Queue)), "B"), number(float64(c.Dropped))))
		case known && was.Slow && !c.Slow:
			fine = append(fine, clientWords(c))
		}
	}
	gone := slices.SortedFunc(maps.Values(e.clients), func(a, b monitor.Client) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) })
	for i := range gone {
		if _, still := now[gone[i].ID]; !still {
			went = append(went, clientWords(&gone[i]))
		}
	}
	e.clients = now
	for _, list := range []struct {
		kind  string
		items []string
	}{{"client went", went}, {"client came", came}, {"client let in", in}, {"client slow", slow}, {"client no longer slow", fine}} {
		lines = named(lines, list.kind, list.items)
	}
	return lines
}

// named adds a line for each item, or one for all where they are too many to listen to.
func named(lines []string, kind string, items []string) []string {
	if len(items) > oneByOne {
		return append(lines, fmt.Sprintf("%s: %d of them", kind, len(items)))
	}
	for _, item := range items {
		lines = append(lines, kind+": "+item)
	}
	return lines
}

func (e *statusEvents) pairingEvents(lines []string, p *monitor.Pairing) []string {
	knocks := make(map[string]monitor.Knock, len(p.Knocks))
	var asking []string
	for i := range p.Knocks {
		k := &p.Knocks[i]
		knocks[k.ID] = *k
		was, known := e.knocks[k.ID]
		switch {
		case !known && k.Open():
			asking = append(asking, knockWords(k))
		case known && was.State != k.State:
			lines = append(lines, fmt.Sprintf("pairing request of %q: %s", k.Name, fate(k)))
		}
	}
	lines = named(lines, "pairing request", asking)
	for _, id := range slices.Sorted(maps.Keys(e.knocks)) {
		was := e.knocks[id]
		if _, still := knocks[id]; !still && was.Open() {
			lines = append(lines, fmt.Sprintf("pairing request of %q: over", was.Name))
		}
	}
	invites := make(map[string]monitor.Invite, len(p.Invites))
	for i := range p.Invites {
		v := &p.Invites[i]
		invites[v.ID] = *v
		if _, known := e.invites[v.ID]; !known {
			lines = append(lines, "invite open: "+inviteWords(v))
		}
	}
	for _, id := range slices.Sorted(maps.Keys(e.invites)) {
		if _, still := invites[id]; !still {
			was := e.invites[id]
			lines = append(lines, "invite used or closed: "+cmp.Or(was.Name, "for any name")+", profile "+was.Profile)
		}
	}
	if e.last != nil && p.Locked != e.last.Pairing.Locked {
		if p.Locked != "" {
			lines = append(lines, "invite PINs locked: "+p.Locked)
		} else {
			lines = append(lines, "invite PINs unlocked")
		}
	}
	e.knocks, e.invites = knocks, invites
	return lines
}

// fate is what has become of a request, in words.
func fate(k *monitor.Knock) string {
	switch k.State {
	case pairing.StateCode:
		if k.Code != "" {
			return "its PIN is " + grouped(k.Code)
		}
		return "a PIN is shown for it"
	case pairing.StateBurned:
		return "its PIN was typed wrong too often"
	case pairing.StateExpired:
		return "its PIN has expired"
	case pairing.StateAwait:
		return "its PIN was right, it waits for your word"
	case pairing.StateIssued, pairing.StateActive:
		return "approved"
	case pairing.StateDenied:
		return "rejected"
	case pairing.StateTimeout:
		return "withdrawn, or waited for too long"
	case pairing.StateRevoked:
		return "revoked"
	default:
		return "waits"
	}
}

// logEvents picks warnings and errors.
func (e *statusEvents) logEvents(lines []string, p *monitor.LogPage) []string {
	if p.Dropped > 0 {
		lines = append(lines, fmt.Sprintf("log: %d lines came too fast to be looked at", p.Dropped))
	}
	var bad []string
	for i := range p.Lines {
		if p.Lines[i].Level >= monitor.LevelWarn {
			bad = append(bad, lineWords(&p.Lines[i]))
		}
	}
	if more := len(bad) - oneByOne; more > 0 { // the first say what has begun
		bad = append(bad[:oneByOne], fmt.Sprintf("%d more warnings and errors", more))
	}
	for _, words := range bad {
		lines = append(lines, "log "+words)
	}
	return lines
}

// countEvents says now and then how many addresses there are and how much goes through.
func (e *statusEvents) countEvents(lines []string, f *monitor.Frame) []string {
	if n := f.Overview.Params; n != e.params && f.At.Sub(e.paramsAt) >= addressesEvery {
		lines = append(lines, fmt.Sprintf("addresses: %d (%+d)", n, n-e.params))
		e.params, e.paramsAt = n, f.At
	}
	if f.At.Sub(e.rates.At) >= ratesEvery {
		if words := rateWords(&e.rates, f); words != "" {
			lines = append(lines, "rates: "+words)
		}
		e.rates = monitor.Frame{At: f.At, Overview: monitor.Overview{PID: f.Overview.PID, Started: f.Overview.Started, Totals: f.Overview.Totals}}
	}
	return lines
}
