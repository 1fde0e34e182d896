package tui

// Invites: the dialog that makes one, and the card that shows its PIN, its QR code and its
// links while they are worth something.

import (
	"slices"
	"strings"
	"time"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"github.com/clasp-studio/clasp/router/monitor"
)

// newInviteForm asks for whom an invite is, and shows it when it is made.
func newInviteForm(e *env, profiles []monitor.Profile) overlay {
	return &form{
		e: e, head: "Invite a device", button: "Make the invite",
		fields: []formField{{label: "for"}, profileField(profiles, pairingUsual(profiles)), {label: "stays", choices: pairingLives}},
		notes:  rightsNote(profiles, 1),
		submit: func(f *form) (tea.Cmd, string) {
			name := strings.TrimSpace(f.fields[0].text.String())
			if name == "" {
				return nil, "say for whom it is: the device gets this name"
			}
			return send(actionMsg{
				action: monitor.Action{Kind: monitor.NewInvite, Name: name, Profile: f.fields[1].choice(), Lifetime: pairingLifetimes[f.fields[2].pick]},
				then: func(r monitor.Result, err error) tea.Cmd {
					if err != nil || r.Invite == nil {
						return nil
					}
					return send(overlayMsg{newInviteCard(e, *r.Invite)})
				},
			}), ""
		},
	}
}

// inviteCard is the overlay.
type inviteCard struct {
	e      *env
	invite monitor.Invite
	link   int
	hidden bool
	listed bool // it has been in a frame: when it is in none any more it is over
	made   time.Time
	over   string // why there is nothing to show any more
}

func newInviteCard(e *env, invite monitor.Invite) overlay {
	return &inviteCard{e: e, invite: invite, made: e.now()}
}

// inviteUnlisted is how long an invite may be missing in frames that were asked for before
// it was made.
const inviteUnlisted = 3 * time.Second

func (c *inviteCard) apply(f *frame) {
	at := slices.IndexFunc(f.Pairing.Invites, func(i monitor.Invite) bool { return i.ID == c.invite.ID })
	switch {
	case c.over != "":
	case at >= 0:
		c.listed = true
		now := f.Pairing.Invites[at]
		c.invite.PIN, c.invite.Expires = now.PIN, now.Expires
		if len(now.Links) > 0 {
			c.invite.Links = now.Links
			c.link = min(c.link, len(now.Links)-1)
		}
	case c.listed || c.e.now().Sub(c.made) > inviteUnlisted:
		c.end("This invite has been used, or closed.")
	}
	c.expire()
}

func (c *inviteCard) expire() {
	if c.over == "" && !c.e.now().Before(c.invite.Expires) {
		c.end("This invite has expired. Make another one.")
	}
}

// end forgets what was secret.
func (c *inviteCard) end(why string) {
	c.over, c.invite.PIN, c.invite.Links = why, "", nil
}

func (c *inviteCard) typing() bool { return false }

func (c *inviteCard) key(k tea.KeyPressMsg) (tea.Cmd, bool) {
	c.expire()
	switch k.String() {
	case "esc", "enter", "q", "ctrl+c":
		return nil, true
	case "h":
		c.hidden = !c.hidden
	case "tab", "right":
		if n := len(c.invite.Links); n > 0 {
			c.link = (c.link + 1) % n
		}
	case "shift+tab", "left":
		if n := len(c.invite.Links); n > 0 {
			c.link = (c.link + n - 1) % n
		}
	default:
		if key.Matches(k, c.e.keys.CopyCode) && c.over == "" {
			if len(c.invite.Links) > 0 {
				return send(copyMsg{text: c.invite.Links[c.link].URL, what: "the link of the invite"}), false
			}
			return send(copyMsg{text: c.invite.PIN, what: "the PIN of the invite"}), false
		}
	}
	return nil, false
}

func (c *inviteCard) bindings() []key.Binding {
	list := []key.Binding{formKey("esc", "close"), formKey("h", "hide or show")}
	if len(c.invite.Links) > 1 {
		list = append(list, formKey("tab", "next network"))
	}
	if c.over == "" {
		list = append(list, c.e.keys.CopyCode)
	}
	return list
}

func (c *inviteCard) render(w, h int) []string {
	c.expire()
	e := c.e
	width, room := min(w-4, 72), h-2
	if width < 16 || room < 2 {
		return []string{e.fit("invite: no room to show it", w)}
	}
	l := &pairingLines{e: e, w: width}
	head := "Invite for " + e.mask(maskName, c.invite.Name)
	switch {
	case c.over != "":
		l.say(warn, c.over)
	case e.away:
		l.say(plain, "PIN and QR code are hidden while another window has the keys.")
	case e.private || c.hidden:
		l.say(plain, "PIN and QR code are hidden.")
		if e.private {
			l.say(dim, e.keys.Privacy.Help().Key+", when this is closed, ends privacy.")
		} else {
			l.say(dim, "h shows them again.")
		}
	default:
		foot := c.foot(width)
		if left := room - len(foot) - 2; len(c.invite.Links) > 0 {
			qr := inviteQR(e, c.invite.Links[c.link].QR, width)
			pin := bigDigits(e, c.invite.PIN, width, max(left-len(qr), 0))
			switch {
			case len(qr) == 0 || left-len(qr) < 1:
				l.lines = append(l.lines, inviteMiddle(e, bigDigits(e, c.invite.PIN, width, max(left-1, 0)), width)...)
				l.say(dim, "The QR code needs a larger window.")
			default:
				l.lines = append(l.lines, inviteMiddle(e, pin, width)...)
				if left-len(qr)-len(pin) > 0 {
					l.gap()
				}
				l.lines = append(l.lines, qr...)
			}
		} else {
			l.lines = append(l.lines, inviteMiddle(e, bigDigits(e, c.invite.PIN, width, max(left, 0)), width)...)
		}
		l.lines = append(l.lines, foot...)
	}
	return e.box(head, l.lines[:min(len(l.lines), room)], width+4)
}

// foot is what stands under PIN and QR code.
func (c *inviteCard) foot(w int) []string {
	l := &pairingLines{e: c.e, w: w}
	if len(c.invite.Links) > 0 {
		link := c.invite.Links[c.link]
		l.fact("link", link.URL)
		if n := len(c.invite.Links); n > 1 {
			l.fact("network", link.Card+", "+count(c.link+1)+" of "+count(n)+" (tab)")
		}
	}
	l.fact("gives", c.invite.Profile)
	l.fact("good for", pairingLeft(c.invite.Expires, c.e.now())+", for one device")
	return l.lines
}

// inviteMiddle centres lines.
func inviteMiddle(e *env, lines []string, w int) []string {
	out := make([]string, len(lines))
	for i, line := range lines {
		out[i] = e.fit(blank(max((w-cells(line))/2, 0))+line, w)
	}
	return out
}

// inviteQR draws a QR code of half blocks dark on light whatever the theme, since that is
// what cameras look for; nil when it is too wide. Without Unicode a module is two spaces
// with a background.
func inviteQR(e *env, code []string, w int) []string {
	if len(code) == 0 {
		return nil
	}
	const (
		dark, light = "\x1b[48;5;16m", "\x1b[48;5;231m"
		ink         = "\x1b[38;5;16;48;5;231m"
	)
	var lines []string
	switch {
	case !e.glyphs.ascii && e.theme.name == "mono":
		// No colours: reverse is dark on light where the terminal is light on dark.
		for _, line := range code {
			if e.theme.dark {
				line = "\x1b[7m" + line + reset
			}
			lines = append(lines, line)
		}
	case !e.glyphs.ascii:
		for _, line := range code {
			lines = append(lines, ink+line+reset)
		}
	case e.theme.name == "mono":
		return nil // neither blocks nor colours: there is nothing to draw it with
	default:
		for _, line := range code {
			var rows [2]string
			for _, c := range line {
				upper, lower := c == '█' || c == '▀', c == '█' || c == '▄'
				for i, on := range [2]bool{upper, lower} {
					if on {
						rows[i] += dark + "  "
					} else {
						rows[i] += light + "  "
					}
				}
			}
			lines = append(lines, rows[0]+reset, rows[1]+reset)
		}
	}
	if cells(lines[0]) > w {
		return nil
	}
	return inviteMiddle(e, lines, w)
}
