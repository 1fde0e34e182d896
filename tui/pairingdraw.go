package tui

// How the list of the Pairing pane is drawn.

import (
	"fmt"
	"strings"
	"time"

	"github.com/clasp-studio/clasp/pairing"
	"github.com/clasp-studio/clasp/router/monitor"
)

const (
	pairingBesides = 92 // from this width on what is selected stands beside the list
	pairingAiry    = 18 // from this height on the parts of the list have a line between them
	pairingGap     = 3  // the line between them, with its spaces
)

// parts are the width of the list and the height of what stands below it, 0 when that is
// beside it or there is no room.
func (p *pairingPanel) parts() (listWide, below int) {
	switch {
	case p.w >= pairingBesides:
		return p.w * 11 / 20, 0
	case p.h < 6:
		return p.w, 0
	}
	return p.w, min(max(p.h*3/5, 4), 14)
}

// airy reports whether the list has lines to spare.
func (p *pairingPanel) airy() bool {
	_, below := p.parts()
	return p.h-below >= pairingAiry
}

// place gives the list its lines.
func (p *pairingPanel) place() {
	_, below := p.parts()
	p.list.resize(p.h - below)
	if !p.sel.on() {
		p.list.to(0)
	}
}

func (p *pairingPanel) render(focused bool) []string {
	now := p.e.now()
	p.place()
	wide, below := p.parts()
	from, until := p.list.window()
	lines := make([]string, 0, p.h)
	for i := from; i < until; i++ {
		lines = append(lines, p.row(p.rows[i], wide, p.sel.on() && i == p.list.at, focused, now))
	}
	for len(lines) < p.h-below {
		lines = append(lines, blank(wide))
	}
	if focused {
		p.guard.cursor(p.selectedKnock(), p.hand, now)
		p.hand = false
	} else {
		p.guard.hide()
	}
	switch {
	case p.w >= pairingBesides:
		card := p.card(p.w-wide-pairingGap, p.h, now)
		line := p.e.theme.paint(border, p.e.glyphs.vertical)
		for i := range lines {
			lines[i] += " " + line + " " + card[i]
		}
	case below > 0:
		lines = append(lines, p.e.theme.paint(border, strings.Repeat(p.e.glyphs.horizontal, p.w)))
		lines = append(lines, p.card(p.w, below-1, now)...)
	case p.guard.asked.id != "" && p.h > 0: // no room for more than the question
		card := p.card(p.w, p.h, now)
		copy(lines, card)
	}
	return lines[:p.h]
}

func (p *pairingPanel) selectedKnock() string {
	if p.sel.kind == pairingKnock {
		return p.sel.id
	}
	return ""
}

// row draws a line of the list.
func (p *pairingPanel) row(r pairingRow, w int, sel, focused bool, now time.Time) string {
	t, g := p.e.theme, p.e.glyphs
	var text string
	look, mark := plain, plain
	sign := g.dot
	switch r.kind {
	case pairingHeading:
		return t.paint(header, p.heading(r.text, w))
	case pairingNote:
		return t.paint(dim, p.e.fit("  "+r.text, w))
	case pairingKnock:
		k := &p.now.Knocks[r.at]
		if focused {
			p.guard.drawn(k.ID, p.pairingSays(k), now)
		}
		sign, mark, look = g.wait, warn, strong
		text = p.knockText(k, p.knockState(k, now), w-4, now)
	case pairingGone:
		k := &p.gone[r.at]
		look, mark = dim, dim
		text = p.knockText(&k.Knock, k.became, w-4, now)
	case pairingInvite:
		inv := &p.now.Invites[r.at]
		sign, mark = g.open, accent
		text = p.columns(w-4, p.e.mask(maskName, inv.Name), []pairingColumn{
			{p.e.mask(maskPIN, groupedPIN(inv.PIN)), 7}, {pairingLeft(inv.Expires, now), 6}, {inv.Profile, 12},
		})
	case pairingDevice:
		d := &p.now.Devices[r.at]
		if d.Online > 0 {
			sign, mark = g.ok, good
		}
		text = p.columns(w-4, p.e.mask(maskName, d.Name), []pairingColumn{
			{d.Profile, 12}, {pairingOnline(d, now), 12}, {pairingDeviceNote(d, now), 16},
		})
	}
	lead := "  "
	if sel {
		role := unfocSel
		if focused {
			role = selected
		}
		return t.paint(role, p.e.fit(p.e.fit(g.cursor, 1)+" "+sign+" "+text, w))
	}
	return t.paint(mark, p.e.fit(lead+sign+" ", min(4, w))) + t.paint(look, p.e.fit(text, max(w-4, 0)))
}

// heading is a heading with the names of its columns.
func (p *pairingPanel) heading(text string, w int) string {
	heads := pairingHeads[text]
	if text == headKnocks {
		heads = knockColumns(w-4, "MATCH", "", "SINCE", "FROM")
	}
	cols := blank(4) + p.columns(w-4, "", heads)
	if w < 16 {
		return p.e.fit(text, w)
	}
	return p.e.fit(text+cols[len(text):], w) // columns leave a name twelve cells
}

// pairingHeads are the columns under each heading, as wide as in the rows.
var pairingHeads = map[string][]pairingColumn{
	headInvites: {{"PIN", 7}, {"OPEN", 6}, {"GIVES", 12}},
	headDevices: {{"MAY", 12}, {"SEEN", 12}, {"", 16}},
}

// The headings.
const (
	headKnocks  = "WHO WANTS IN"
	headInvites = "OPEN INVITES"
	headDevices = "DEVICES"
)

// pairingColumn is a text and its width.
type pairingColumn struct {
	text string
	wide int
}

// columns puts as many columns behind a name as leave it twelve cells; the last ones go first.
func (p *pairingPanel) columns(w int, name string, cols []pairingColumn) string {
	room := w - 12
	var rest strings.Builder
	for _, c := range cols {
		if room -= c.wide + 2; room < 0 {
			break
		}
		rest.WriteString("  " + p.e.fit(c.text, c.wide))
	}
	return p.e.fit(name, w-cells(rest.String())) + rest.String()
}

func (p *pairingPanel) knockText(k *monitor.Knock, state string, w int, now time.Time) string {
	name := p.e.mask(maskName, k.Name)
	if state != "" && w < 12+9+26 { // what has become of it matters more than where it is
		return p.columns(w, name, []pairingColumn{{k.Match, 7}, {state, 14}})
	}
	return p.columns(w, name, knockColumns(w, k.Match, state, ago(now.Sub(k.Since)), p.e.mask(maskRemote, k.Remote)))
}

// knockColumns are a request's in a list of w cells: where there is less room, what is said
// about it gives way to its name.
func knockColumns(w int, match, state, since, from string) []pairingColumn {
	wide := 24
	if w < 84 {
		wide = 17
	}
	return []pairingColumn{{match, 7}, {state, wide}, {since, agoWidth}, {from, 18}}
}

// knockState says in words where a request stands.
func (p *pairingPanel) knockState(k *monitor.Knock, now time.Time) string {
	if busy := p.busy[k.ID]; busy != "" {
		return busy + p.e.glyphs.ellipsis
	}
	switch k.State {
	case pairing.StateCode:
		return "PIN shown, " + pairingLeft(k.Expires, now)
	case pairing.StateBurned:
		return "PIN dead: wrong 5 times"
	case pairing.StateExpired:
		return "its PIN is over"
	case pairing.StateAwait:
		return "has typed the PIN"
	}
	if k.Waiting > 1 {
		return fmt.Sprintf("%d of this name", k.Waiting)
	}
	if k.Known != "" {
		return "waits: name known"
	}
	return "waits"
}

// pairingLeft counts down: "4:59".
func pairingLeft(until, now time.Time) string {
	left := max(until.Sub(now), 0).Truncate(time.Second)
	return fmt.Sprintf("%d:%02d", left/time.Minute, left%time.Minute/time.Second)
}

func pairingOnline(d *monitor.Device, now time.Time) string {
	switch {
	case d.Online == 1:
		return "online"
	case d.Online > 1:
		return "online, " + count(d.Online)
	case d.LastSeen.IsZero():
		return "never seen"
	}
	return ago(now.Sub(d.LastSeen)) + " ago"
}

// pairingDeviceNote is what is unusual about a device.
func pairingDeviceNote(d *monitor.Device, now time.Time) string {
	switch {
	case !d.Expires.IsZero() && !now.Before(d.Expires):
		return "expired"
	case !d.Confirmed:
		return "not used yet"
	case d.Weak:
		return "weak"
	case !d.Expires.IsZero() && d.Expires.Sub(now) < 7*24*time.Hour && d.Lifetime != pairing.LifetimeShow:
		return "ends in " + ago(d.Expires.Sub(now))
	}
	return ""
}
