package tui

// All there is to say of one address.

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"github.com/clasp-studio/clasp/router/monitor"
)

// addressDetail is the dialog: it asks the router every second for as long as it is looked
// at.
type addressDetail struct {
	p    *stateView
	d    monitor.AddressDetail
	full bool // the router has answered
	gone bool
	err  error
	over bool
	seen bool // has been drawn since the last look
	scroller
}

func newAddressDetail(p *stateView, address string) *addressDetail {
	d := &addressDetail{p: p, seen: true}
	d.d.Address = address
	if c := p.cells.values[address]; c != nil && !c.v.Missing {
		d.d.Value = c.v
	}
	return d
}

// ask looks at the address; the answer comes back to the loop.
func (d *addressDetail) ask() tea.Cmd { return d.look(d.answered) }

func (d *addressDetail) look(then func(monitor.AddressDetail, error) tea.Cmd) tea.Cmd {
	return stateLook(d.p.e, d.d.Address, then)
}

// stateLook asks the router about an address.
func stateLook(e *env, address string, then func(monitor.AddressDetail, error) tea.Cmd) tea.Cmd {
	source := e.source
	return guarded("reading an address", func() tea.Msg {
		ctx, cancel := context.WithTimeout(context.Background(), detailPatient)
		defer cancel()
		got, err := source.Address(ctx, address)
		return callMsg(func() tea.Cmd { return then(got, err) })
	})
}

// copyValue puts all of a value on the clipboard, also what the row has no room for.
func (p *stateView) copyValue(address string) tea.Cmd {
	return stateLook(p.e, address, func(got monitor.AddressDetail, err error) tea.Cmd {
		if err != nil {
			return send(flashMsg{text: inWords(err), bad: true})
		}
		return send(copyMsg{text: got.Pretty, what: "the value"})
	})
}

// answered takes an answer and waits for the time of the next look. A dialog that nobody has
// drawn since then has been taken away.
func (d *addressDetail) answered(got monitor.AddressDetail, err error) tea.Cmd {
	switch {
	case err == nil:
		d.d, d.full, d.gone, d.err = got, true, false, nil
	case errors.Is(err, monitor.ErrGone):
		d.gone = true
	default:
		d.err = err
	}
	if d.over || !d.seen {
		return nil
	}
	d.seen = false
	return tea.Tick(detailEvery, func(time.Time) tea.Msg { return callMsg(d.ask) })
}

func (d *addressDetail) apply(f *frame) {
	for i := range f.Values {
		if v := &f.Values[i]; v.Address == d.d.Address && !v.Missing {
			d.d.Value = *v
		}
	}
}

func (*addressDetail) typing() bool { return false }

func (d *addressDetail) key(k tea.KeyPressMsg) (tea.Cmd, bool) {
	keys := d.p.e.keys
	switch {
	case k.Code == tea.KeyEscape, k.Code == tea.KeyEnter, key.Matches(k, keys.Quit):
		d.over = true
		return nil, true
	case key.Matches(k, keys.Copy):
		return send(copyMsg{text: d.d.Address, what: "the address"}), false
	case key.Matches(k, keys.CopyValue):
		if d.d.Pretty == "" {
			return flash("there is no value to copy yet"), false
		}
		return send(copyMsg{text: d.d.Pretty, what: "the value"}), false
	case key.Matches(k, keys.Pin):
		return send(pinMsg{d.d.Address}), false
	case key.Matches(k, keys.Edit):
		return d.p.edit(d.d.Address), false
	case key.Matches(k, keys.ClearHistory):
		if h := d.p.history(d.d.Address); h != nil {
			*h = history{}
		}
	}
	d.scroller.key(k, keys)
	return nil, false
}

func (d *addressDetail) bindings() []key.Binding {
	k := d.p.e.keys
	b := []key.Binding{k.Up, k.Down, k.Pin, k.Copy, k.CopyValue, k.ClearHistory}
	if !d.p.e.options.ReadOnly {
		b = append(b, k.Edit)
	}
	return append(b, formKey("esc", "close"))
}

func (d *addressDetail) render(w, h int) []string {
	d.seen = true
	w = min(w, detailWidth)
	if w < 20 || h < 3 {
		return nil
	}
	shown := d.shown(d.text(w-4), h-2)
	e := d.p.e
	head := leftCut(e, d.d.Address, w-8)
	if place := d.place(e); place != "" {
		if room := w - 8 - cells(place); room > 8 {
			head = leftCut(e, d.d.Address, room) + place
		}
	}
	return e.box(head, shown, w)
}

// text is all that is to be said, in lines of at most w cells.
func (d *addressDetail) text(w int) []string {
	e, v := d.p.e, &d.d
	t := e.theme
	var lines []string
	switch {
	case d.gone:
		lines = append(lines, t.paint(warn, e.clip(e.glyphs.warn+" It has no value now. This is the last that was known of it.", w)), "")
	case d.err != nil:
		lines = append(lines, t.paint(bad, e.clip(e.glyphs.bad+" "+oneLine(d.err.Error()), w)), "")
	}
	pretty := v.Pretty
	if pretty == "" {
		pretty = v.Text
	}
	for _, line := range strings.Split(pretty, "\n") {
		for _, part := range wrap(line, w) {
			lines = append(lines, t.paint(strong, part))
		}
	}
	lines = append(lines, "")
	lines = append(lines, d.graph(w)...)
	for _, fact := range d.facts() {
		if fact[1] != "" {
			lines = append(lines, e.clip(t.paint(dim, e.fit(fact[0], 13))+fact[1], w))
		}
	}
	if !d.full {
		return append(lines, "", t.paint(dim, "Asking the router for more"+e.glyphs.ellipsis))
	}
	lines = append(lines, "", t.paint(header, detailCount("Subscribers", len(v.Subscribers), v.Subscribed)))
	if len(v.Subscribers) == 0 {
		lines = append(lines, "  "+t.paint(dim, "none: nobody is told when it changes"))
	}
	for _, s := range v.Subscribers {
		line := e.fit(stateWriter(e, s.Name, s.Session), min(24, w/3)) + "  " + s.Pattern
		if s.Options != "" {
			line += "  " + t.paint(dim, s.Options)
		}
		lines = append(lines, "  "+e.clip(line, w-2))
	}
	return lines
}

// graph is the history: of numbers as a line, of all others how often they changed.
func (d *addressDetail) graph(w int) []string {
	e := d.p.e
	past := d.p.history(d.d.Address)
	switch {
	case past == nil || past.since.IsZero():
		return nil
	case past.n == 0:
		return []string{e.theme.paint(dim, fmt.Sprintf("%s changes in %s, since it is watched", count(past.changes), ago(e.now().Sub(past.since)))), ""}
	}
	width := min(w, 80, historySize)
	lines := make([]string, 0, 6)
	samples := past.samples(width)
	low, high := samples[0], samples[0]
	for _, n := range samples {
		low, high = min(low, n), max(high, n)
	}
	for _, line := range chart(e, samples, width, 3, low, high) {
		lines = append(lines, e.theme.paint(accent, line))
	}
	facts := fmt.Sprintf("min %s   max %s   last %s   %s changes in %s",
		stateNumber(past.least), stateNumber(past.greatest), stateNumber(past.last), count(past.changes), ago(e.now().Sub(past.since)))
	return append(lines, e.theme.paint(dim, e.clip(facts, w)), "")
}

// facts are names and values; those without a value are left out.
func (d *addressDetail) facts() [][2]string {
	e, v := d.p.e, &d.d
	kind := v.Type
	if v.Timeline {
		kind += ", moved by a timeline"
	}
	written := ""
	if !v.Written.IsZero() {
		written = ago(e.now().Sub(v.Written)) + " ago"
	}
	ttl := ""
	if v.TTL > 0 {
		ttl = v.TTL.String()
		if !v.Expires.IsZero() {
			ttl += ", vanishes in " + ago(max(0, v.Expires.Sub(e.now())))
		}
	}
	stored := ""
	if d.full {
		stored = map[bool]string{true: "survives a restart", false: "in memory only"}[v.Stored]
	}
	return [][2]string{
		{"type", kind},
		{"revision", grouped(int(min(v.Revision, 1<<62)))},
		{"written", written},
		{"by", stateWriter(e, v.WriterName, v.Writer)},
		{"locked by", stateWriter(e, v.HolderName, v.Holder)},
		{"conflicts", v.Strategy},
		{"lives", ttl},
		{"kept", stored},
		{"announced", v.Announced},
	}
}
