package tui

// What a request gets when it is let in, and the dialogs that change it: before the
// approval for a request, later for a device.

import (
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/clasp-studio/clasp/pairing"
	"github.com/clasp-studio/clasp/router/monitor"
)

// pairingGrant is what the operator gives. Empty fields are the request's own or the usual.
type pairingGrant struct {
	Name     string
	Profile  string
	Lifetime pairing.Lifetime
	Weak     bool
}

// The lifetimes in the order of a choice, with their words.
var (
	pairingLifetimes = []pairing.Lifetime{pairing.LifetimeSliding, pairing.LifetimeShow, pairing.LifetimeForever}
	pairingLives     = []string{"30 days after its last visit", "this show, 12 hours", "until it is revoked"}
)

func pairingLife(l pairing.Lifetime) string {
	if i := slices.Index(pairingLifetimes, l); i >= 0 {
		return pairingLives[i]
	}
	return pairingLives[0]
}

// grant is what a request would get now.
func (p *pairingPanel) grant(k *monitor.Knock) pairingGrant {
	g, ok := p.grants[k.ID]
	if !ok {
		g.Profile = k.Profile
	}
	if g.Profile == "" {
		g.Profile = pairingUsual(p.now.Profiles)
	}
	if g.Lifetime == "" && k.Profile == "" { // an invite has said how long
		g.Lifetime = pairing.LifetimeSliding
	}
	return g
}

// pairingUsual is the profile that a device gets when nobody says another.
func pairingUsual(profiles []monitor.Profile) string {
	if len(profiles) > 0 && !slices.ContainsFunc(profiles, func(o monitor.Profile) bool { return o.Name == "default" }) {
		return profiles[0].Name
	}
	return "default"
}

func (p *pairingPanel) hasProfile(name string) bool {
	return slices.ContainsFunc(p.now.Profiles, func(o monitor.Profile) bool { return o.Name == name })
}

// rights are a profile's patterns.
func (p *pairingPanel) rights(name string) (read, write []string) {
	return pairingRights(p.now.Profiles, name)
}

func pairingRights(profiles []monitor.Profile, name string) (read, write []string) {
	for i := range profiles {
		if profiles[i].Name == name {
			return profiles[i].Read, profiles[i].Write
		}
	}
	return nil, nil
}

// profileField is the choice among profiles.
func profileField(profiles []monitor.Profile, now string) formField {
	f := formField{label: "may"}
	for i := range profiles {
		f.choices = append(f.choices, profiles[i].Name)
		if profiles[i].Name == now {
			f.pick = i
		}
	}
	if len(f.choices) == 0 {
		f.choices = []string{now}
	}
	return f
}

func lifetimeField(now pairing.Lifetime) formField {
	return formField{label: "for", choices: pairingLives, pick: max(slices.Index(pairingLifetimes, now), 0)}
}

// rightsNote says what the profile chosen in a field allows.
func rightsNote(profiles []monitor.Profile, field int) func(*form) []string {
	return func(f *form) []string {
		read, write := pairingRights(profiles, f.fields[field].choice())
		notes := []string{f.fields[field].choice() + " may " + pairingWords(read, write) + "."}
		if len(write) > 0 {
			notes = append(notes, "Write access moves what is on stage.")
		}
		return notes
	}
}

// editGrant changes what a request gets. It is not let in by that.
func (p *pairingPanel) editGrant(k *monitor.Knock) tea.Cmd {
	g, id, claimed := p.grant(k), k.ID, k.Name
	f := &form{e: p.e, head: "What " + p.e.mask(maskName, k.Name) + " gets", button: "Keep for the approval", notes: rightsNote(p.now.Profiles, 1)}
	name := formField{label: "name"}
	masked := p.e.private // a name is not shown there: an empty field leaves it as it is
	switch {
	case masked:
	case g.Name != "":
		name.text.set(g.Name)
	default:
		name.text.set(claimed)
	}
	how := formField{label: "shows", choices: []string{"a token, every time", "nothing: known by name and address (weak)"}}
	if g.Weak {
		how.pick = 1
	}
	f.fields = []formField{name, profileField(p.now.Profiles, g.Profile), lifetimeField(g.Lifetime), how}
	f.at = 1 // the name is seldom what is changed
	f.submit = func(f *form) (tea.Cmd, string) {
		text := strings.TrimSpace(f.fields[0].text.String())
		switch text {
		case "":
			if !masked {
				return nil, "a device needs a name"
			}
			text = g.Name
		case claimed:
			text = ""
		}
		p.grants[id] = pairingGrant{Name: text, Profile: f.fields[1].choice(), Lifetime: pairingLifetimes[f.fields[2].pick], Weak: f.fields[3].pick == 1}
		p.guard.ask(pairingAsk{})
		p.rev++
		return nil, ""
	}
	return send(overlayMsg{f})
}

// rename gives a device another name.
func (p *pairingPanel) rename(d *monitor.Device) tea.Cmd {
	id, old := d.ID, d.Name
	name := formField{label: "name"}
	if !p.e.private {
		name.text.set(old)
	}
	return send(overlayMsg{&form{
		e: p.e, head: "Rename " + p.e.mask(maskName, old), button: "Rename", fields: []formField{name},
		notes: func(*form) []string {
			return []string{"Where its rights have its name in them, its sessions have to come again."}
		},
		submit: func(f *form) (tea.Cmd, string) {
			text := strings.TrimSpace(f.fields[0].text.String())
			switch text {
			case "":
				return nil, "a device needs a name"
			case old:
				return nil, "that is its name already"
			}
			return send(actionMsg{action: monitor.Action{Kind: monitor.Rename, ID: id, Name: text}}), ""
		},
	}})
}

// setProfile changes what a device may do; what that ends is asked about.
func (p *pairingPanel) setProfile(d *monitor.Device) tea.Cmd {
	e, id, old, name, online, profiles := p.e, d.ID, d.Profile, d.Name, d.Online, p.now.Profiles
	return send(overlayMsg{&form{
		e: e, head: "What " + e.mask(maskName, name) + " may do", button: "Change", fields: []formField{profileField(profiles, old)},
		notes: rightsNote(profiles, 0),
		submit: func(f *form) (tea.Cmd, string) {
			chosen := f.fields[0].choice()
			if chosen == old {
				return nil, "it is " + old + " already: choose another with the arrows"
			}
			read, write := pairingRights(profiles, chosen)
			lines := []string{"It may " + pairingWords(read, write) + " then."}
			if online > 0 {
				lines = append(lines, "It is connected now: its "+pairingCount(online, "session")+" have to come again.")
			}
			return send(overlayMsg{newConfirm(e, "Make "+pairingQuote(e, name)+" "+chosen+"?", lines, func() tea.Cmd {
				return send(actionMsg{action: monitor.Action{Kind: monitor.SetProfile, ID: id, Profile: chosen}})
			})}), ""
		},
	}})
}
