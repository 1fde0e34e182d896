package tui

// What the Pairing pane says of the selected row: all that an answer should depend on.

import (
	"strings"
	"time"

	"github.com/clasp-studio/clasp/pairing"
	"github.com/clasp-studio/clasp/router/monitor"
)

// pairingLabel is how wide the names of facts are.
const pairingLabel = 9

// pairingLines collects painted lines of a width.
type pairingLines struct {
	e     *env
	w     int
	lines []string
}

// say adds words, on as many lines as they need.
func (c *pairingLines) say(r role, text string) {
	for _, line := range wrap(text, c.w) {
		c.lines = append(c.lines, c.e.theme.paint(r, line))
	}
}

// fact adds a label and what there is to say under it.
func (c *pairingLines) fact(label, text string) {
	const wide = pairingLabel
	for i, line := range wrap(text, max(c.w-wide, 8)) {
		if i > 0 {
			label = ""
		}
		c.lines = append(c.lines, c.e.theme.paint(dim, c.e.fit(label, wide))+line)
	}
}

func (c *pairingLines) gap() { c.lines = append(c.lines, "") }

// digits draws a PIN as large as it can be down to line h, with air around it if there is some.
func (c *pairingLines) digits(pin string, h int) {
	lines := bigDigits(c.e, pin, c.w, h-len(c.lines))
	air := h-len(c.lines)-len(lines) >= 2
	if air {
		c.gap()
	}
	c.lines = append(c.lines, lines...)
	if air {
		c.gap()
	}
}

// match draws the match code: it is what the operator compares, so it is large where that
// leaves the lines below their room.
func (c *pairingLines) match(k *monitor.Knock, h int) {
	const note, below = "has to be on the device too", 11
	var lines []string
	if !c.e.private && k.State == pairing.StateWaiting && strings.Trim(k.Match, "0123456789- ") == "" {
		lines = large(c.e, k.Match, c.w-pairingLabel, h-len(c.lines)-below)
	}
	if lines == nil {
		c.fact("match", k.Match+"  "+note)
		return
	}
	c.gap()
	for i, line := range lines {
		label := ""
		if i == len(lines)/2 {
			label = "match"
		}
		c.lines = append(c.lines, c.e.theme.paint(dim, c.e.fit(label, pairingLabel))+c.e.theme.paint(strong, line))
	}
	c.lines = append(c.lines, blank(pairingLabel)+c.e.theme.paint(dim, note))
	c.gap()
}

// card returns h lines of w cells.
func (p *pairingPanel) card(w, h int, now time.Time) []string {
	c := &pairingLines{e: p.e, w: w}
	switch p.sel.kind {
	case pairingKnock:
		p.knockCard(c, h, p.knock(), now)
	case pairingGone:
		k := &p.gone[p.sel.at]
		c.say(dim, p.e.mask(maskName, k.Name))
		c.say(plain, "This request is over: "+k.became+".")
	case pairingInvite:
		p.inviteText(c, h, p.invite(), now)
	case pairingDevice:
		p.deviceCard(c, p.device(), now)
	default:
		if p.now.Enabled {
			c.say(dim, "Press "+p.e.keys.Invite.Help().Key+" to make an invite: a PIN and a QR code for one device.")
		}
	}
	if p.now.Locked != "" && p.guard.asked.id == "" {
		c.gap()
		c.say(bad, p.e.glyphs.bad+" Invite PINs are locked: "+p.now.Locked+". Press "+p.e.keys.Unlock.Help().Key+" to unlock them; links, QR codes and your own answer work all the same.")
	}
	out := make([]string, 0, h)
	for _, line := range c.lines[:min(len(c.lines), h)] {
		out = append(out, p.e.fit(line, w))
	}
	for len(out) < h {
		out = append(out, blank(w))
	}
	return out
}

// knockCard says what matters most first: there may be room for no more.
func (p *pairingPanel) knockCard(c *pairingLines, h int, k *monitor.Knock, now time.Time) {
	e, g := p.e, p.grant(k)
	name := e.mask(maskName, k.Name)
	read, write := p.rights(g.Profile)
	if p.guard.asked.id == k.ID {
		as := ""
		if g.Name != "" && g.Name != k.Name {
			as = " as " + e.mask(maskName, g.Name)
		}
		c.say(warn, e.glyphs.warn+" Give "+name+as+" "+pairingWords(read, write)+"?")
		c.say(strong, e.keys.Approve.Help().Key+" again to confirm, any other key: no")
		if len(c.lines) <= h {
			p.guard.asking(now)
		}
		c.gap()
	}
	c.lines = append(c.lines, e.theme.paint(strong, e.clip(name+pairingIn(k.Kind), c.w)))
	switch {
	case k.Waiting > 1:
		c.say(bad, e.glyphs.bad+" "+count(k.Waiting)+" wait under this name: only the match code tells which is whose.")
	case k.Known != "" && k.KnownFrom != "" && pairingHost(k.KnownFrom) != pairingHost(k.Remote):
		c.say(bad, e.glyphs.bad+" New address: "+e.mask(maskName, k.Known)+" is paired already, and was last let in from "+e.mask(maskRemote, k.KnownFrom)+". This may be another device.")
	case k.Known != "":
		c.say(warn, e.glyphs.warn+" A device with this name is paired already: "+e.mask(maskName, k.Known)+". This will be a second one.")
	}
	match := func() { c.match(k, h) }
	if h >= 7 { // the row has it too: where there is little room the PIN goes first
		match()
	}
	over := transportName(k.Transport)
	if !k.Encrypted {
		over += ", not encrypted"
	}
	p.pinLines(c, h, k, now)
	if h < 7 {
		match()
	}
	c.fact("from", e.mask(maskRemote, k.Remote)+", "+ago(now.Sub(k.Since))+" ago")
	c.fact("over", over)
	c.fact("gets", g.Profile+": "+pairingWords(read, write))
	if len(write) > 0 {
		c.say(warn, e.glyphs.warn+" write access: it can move what is on stage")
	}
	life := "as the invite says"
	if g.Lifetime != "" {
		life = pairingLife(g.Lifetime)
	}
	if g.Weak {
		life += ", without a token: known by name and address (weak)"
	}
	c.fact("for", life)
	if g.Name != "" {
		c.fact("as", e.mask(maskName, g.Name))
	}
	if len(k.Want) > 0 {
		c.fact("asks for", strings.Join(k.Want, ", "))
	}
}

func (p *pairingPanel) pinLines(c *pairingLines, h int, k *monitor.Knock, now time.Time) {
	e := p.e
	switch k.State {
	case pairing.StateCode:
		if now.Before(k.Expires) {
			if h < 7 {
				c.fact("PIN", e.theme.paint(secret, e.mask(maskPIN, groupedPIN(k.Code)))+"  for "+pairingLeft(k.Expires, now))
				return
			}
			c.digits(k.Code, h-2) // its time and where it comes from have their lines in any case
			c.fact("PIN", "type it on the device within "+pairingLeft(k.Expires, now))
			return
		}
		c.fact("PIN", "its time is over")
	case pairing.StateBurned:
		c.fact("PIN", "dead: too many wrong ones were typed. "+e.keys.ShowPIN.Help().Key+" shows another.")
	case pairing.StateExpired:
		c.fact("PIN", "its time is over. "+e.keys.ShowPIN.Help().Key+" shows another.")
	case pairing.StateAwait:
		c.fact("PIN", "typed, and right")
	}
}

func (p *pairingPanel) inviteText(c *pairingLines, h int, inv *monitor.Invite, now time.Time) {
	c.say(strong, p.e.mask(maskName, inv.Name))
	if inv.PIN != "" {
		c.digits(inv.PIN, h-3)
	}
	read, write := p.rights(inv.Profile)
	c.fact("open for", pairingLeft(inv.Expires, now))
	c.fact("gives", inv.Profile+": "+pairingWords(read, write))
	if len(inv.Links) > 0 {
		c.say(dim, "enter shows the QR code, "+p.e.keys.CopyCode.Help().Key+" copies the link")
	}
}

func (p *pairingPanel) deviceCard(c *pairingLines, d *monitor.Device, now time.Time) {
	read, write := p.rights(d.Profile)
	c.say(strong, p.e.mask(maskName, d.Name))
	c.fact("may", d.Profile+": "+pairingWords(read, write))
	c.fact("for", pairingLife(d.Lifetime))
	if !d.Expires.IsZero() {
		c.fact("until", d.Expires.Local().Format("2 Jan 2006 15:04"))
	}
	c.fact("seen", pairingOnline(d, now))
	if d.Weak {
		c.say(warn, p.e.glyphs.warn+" Weak: it is known by its name and address, and shows no token.")
	}
	if !d.Confirmed {
		c.say(dim, "It has not used its token yet.")
	}
	c.fact("id", d.ID)
}

// pairingIn puts what is not empty into brackets.
func pairingIn(s string) string {
	if s == "" {
		return ""
	}
	return " (" + s + ")"
}

// pairingHost is an address without its port: a device that comes back has another one.
func pairingHost(remote string) string {
	if i := strings.LastIndexByte(remote, ':'); i > 0 && (strings.IndexByte(remote, ':') == i || strings.HasSuffix(remote[:i], "]")) {
		return strings.Trim(remote[:i], "[]")
	}
	return remote
}
