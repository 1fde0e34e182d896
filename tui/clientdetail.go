package tui

// All there is to say of one connection.

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

const (
	detailEvery   = time.Second     // between two looks at the session
	detailPatient = 5 * time.Second // a router that takes longer says so
)

// clientDetail is the dialog. It shows what it knows from the table at once, and asks the
// router again every second for as long as it is looked at.
type clientDetail struct {
	e    *env
	d    monitor.ClientDetail
	full bool  // d has more than the table knows
	gone bool  // it has ended: what is shown is the last that was known
	err  error // of the last look
	over bool
	seen bool // has been drawn since the last look
	scroller
}

func newClientDetail(e *env, c monitor.Client) *clientDetail {
	return &clientDetail{e: e, d: monitor.ClientDetail{Client: c}, seen: true}
}

// ask looks at the session; the answer comes back to the loop, and the next look with it.
func (d *clientDetail) ask() tea.Cmd {
	source, id := d.e.source, d.d.ID
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(context.Background(), detailPatient)
		defer cancel()
		detail, err := source.Client(ctx, id)
		return callMsg(func() tea.Cmd { return d.answered(detail, err) })
	}
}

// answered takes an answer and waits for the time of the next look. A dialog that nobody
// has drawn since then has been taken away.
func (d *clientDetail) answered(detail monitor.ClientDetail, err error) tea.Cmd {
	switch {
	case err == nil:
		rates := d.d.Rates
		d.d, d.full, d.err = detail, true, nil
		if !detail.Rates.Known { // the table samples them, one look cannot
			d.d.Rates = rates
		}
	case errors.Is(err, monitor.ErrGone):
		d.gone = true
	default:
		d.err = err
	}
	if d.over || d.gone || !d.seen {
		return nil
	}
	d.seen = false
	return tea.Tick(detailEvery, func(time.Time) tea.Msg { return callMsg(d.ask) })
}

// apply takes the rates from the table, where the session is on its page.
func (d *clientDetail) apply(f *frame) {
	for i := range f.Clients.Rows {
		if c := &f.Clients.Rows[i]; c.ID == d.d.ID && !d.gone {
			d.d.Client = *c
		}
	}
}

func (d *clientDetail) key(k tea.KeyPressMsg) (tea.Cmd, bool) {
	keys := d.e.keys
	switch {
	case k.Code == tea.KeyEscape, k.Code == tea.KeyEnter, key.Matches(k, keys.Quit):
		d.over = true
		return nil, true
	case key.Matches(k, keys.Copy):
		return send(copyMsg{text: d.d.Remote, what: "the address it comes from"}), false
	case key.Matches(k, keys.LogsOf):
		d.over = true
		return clientsAct(d.e, k, &d.d.Client), true
	case key.Matches(k, keys.Disconnect, keys.Ban):
		if d.gone {
			return flash("it has gone already"), false
		}
		return clientsAct(d.e, k, &d.d.Client), false
	}
	d.scroller.key(k, keys)
	return nil, false
}

func (*clientDetail) typing() bool { return false }

func (d *clientDetail) bindings() []key.Binding {
	keys := d.e.keys
	b := []key.Binding{keys.Up, keys.Down, keys.LogsOf, keys.Copy}
	if !d.e.options.ReadOnly && !d.gone {
		b = append(b, keys.Disconnect, keys.Ban)
	}
	return append(b, key.NewBinding(key.WithKeys("esc"), key.WithHelp("esc", "close")))
}

// detailWidth is as wide as the dialog gets: longer lines are hard to read.
const detailWidth = 120

func (d *clientDetail) render(w, h int) []string {
	d.seen = true
	w = min(w, detailWidth)
	if w < 12 || h < 3 {
		return nil
	}
	shown := d.shown(d.text(w-4), h-2)
	return d.e.box(clientsWho(d.e, &d.d.Client)+d.place(d.e), shown, w)
}

// text is all that is to be said, in lines of at most w cells.
func (d *clientDetail) text(w int) []string {
	e, c := d.e, &d.d.Client
	t := e.theme
	var lines []string
	switch {
	case d.gone:
		lines = append(lines, t.paint(warn, e.glyphs.warn+" It has gone. This is the last that was known of it."), "")
	case d.err != nil:
		lines = append(lines, t.paint(bad, e.clip(e.glyphs.bad+" "+d.err.Error(), w)), "")
	case c.Slow:
		lines = append(lines, t.paint(warn, e.clip(e.glyphs.warn+" SLOW: it takes less than is there for it, "+bytesOf(c.Queue)+" wait", w)), "")
	case c.Lobby:
		lines = append(lines, t.paint(accent, e.clip(e.glyphs.wait+" It waits in the lobby to be let in.", w)), "")
	}
	lines = append(lines, d.facts(w)...)
	if !d.full && d.gone {
		return lines
	}
	if !d.full {
		return append(lines, "", t.paint(dim, "Asking the router for more"+e.glyphs.ellipsis))
	}
	list := func(head string, all []string, none string) {
		lines = append(lines, "", t.paint(header, head))
		if len(all) == 0 {
			lines = append(lines, "  "+t.paint(dim, none))
		}
		for _, s := range all {
			lines = append(lines, "  "+e.clip(s, w-2))
		}
	}
	list(detailCount("Subscriptions", len(d.d.Subscriptions), c.Subs), each(d.d.Subscriptions, func(s monitor.Subscription) string {
		if s.Options == "" {
			return s.Pattern
		}
		return s.Pattern + "  " + t.paint(dim, s.Options)
	}), "none: it is sent nothing unasked")
	list("Rights", []string{detailGrant("may read ", d.d.Read), detailGrant("may write", d.d.Write)}, "")
	if len(d.d.Held) > 0 {
		list(detailCount("Locks it holds", len(d.d.Held), c.Locks), d.d.Held, "")
	}
	list(detailCount("Errors it was sent", len(d.d.Recent), int(min(c.Errors, 1<<31))), each(d.d.Recent, func(r monitor.Refusal) string {
		return t.paint(dim, detailClock(r.At)) + "  " + t.paint(warn, fmt.Sprint(r.Code)) + "  " + r.Text
	}), "none")
	list("Messages it has sent, a sample", each(d.d.Messages, func(m monitor.Message) string {
		return t.paint(dim, detailClock(m.At)) + "  " + e.fit(m.Kind, 9) + "  " + m.Text
	}), "none since this window was opened")
	return lines
}

// facts are pairs of names and values, in two columns where there is room.
func (d *clientDetail) facts(w int) []string {
	e, c := d.e, &d.d.Client
	yesNo := map[bool]string{true: "yes", false: "no"}
	rtt := "not known"
	if c.RTT > 0 {
		rtt = delay(c.RTT)
	}
	in, out, both := e.none(), e.none(), e.none()
	if c.Rates.Known {
		in, out, both = perSecond(c.Rates.In), perSecond(c.Rates.Out), bytesOf(c.Rates.Bytes)+"/s"
	}
	device := e.mask(maskName, c.Device)
	if device == "" {
		device = "none"
	}
	total := func(now string, n uint64) string {
		return e.right(now, flowWidth) + e.theme.paint(dim, "   "+count(n)+" so far")
	}
	left := [][2]string{
		{"transport", transportName(c.Transport)},
		{"from", e.mask(maskRemote, c.Remote)},
		{"encrypted", yesNo[c.Encrypted]},
		{"device or token", device},
		{"rights", orNone(c.Profile)},
		{"session", c.ID},
		{"here for", ago(e.now().Sub(c.Since)) + e.theme.paint(dim, "   since "+detailClock(c.Since))},
		{"last message", ago(c.Idle) + " ago"},
	}
	right := [][2]string{
		{"messages in", total(in, c.MessagesIn)},
		{"messages out", total(out, c.MessagesOut)},
		{"bytes, both ways", e.right(both, flowWidth) + e.theme.paint(dim, "   "+bytesOf(c.BytesIn)+" in, "+bytesOf(c.BytesOut)+" out")},
		{"waiting for it", e.right(bytesOf(c.Queue), flowWidth)},
		{"dropped", e.right(count(c.Dropped), flowWidth)},
		{"errors sent to it", e.right(count(c.Errors), flowWidth)},
		{"locks", e.right(count(c.Locks), flowWidth)},
		{"round trip", e.right(rtt, flowWidth)},
	}
	pair := func(f [2]string, w int) string {
		return e.fit(e.theme.paint(dim, e.fit(f[0], 17))+" "+f[1], w)
	}
	if w >= 92 {
		lines := make([]string, len(left))
		for i := range lines {
			lines[i] = pair(left[i], w/2) + pair(right[i], w-w/2)
		}
		return lines
	}
	return each(append(left, right...), func(f [2]string) string { return pair(f, w) })
}

// detailCount says how many of all are shown, if not all are.
func detailCount(head string, shown, all int) string {
	if shown < all {
		return fmt.Sprintf("%s  %s of %s", head, count(shown), count(all))
	}
	if all == 0 {
		return head
	}
	return fmt.Sprintf("%s  %s", head, count(shown))
}

func detailGrant(what string, patterns []string) string {
	if len(patterns) == 0 {
		return what + "  nothing"
	}
	return what + "  " + strings.Join(patterns, ", ")
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// each makes a text of every element.
func each[T any](all []T, text func(T) string) []string {
	lines := make([]string, len(all))
	for i, v := range all {
		lines[i] = text(v)
	}
	return lines
}

// detailClock is a time of day.
func detailClock(t time.Time) string { return t.Format("15:04:05") }
