// Pairing as a dashboard shows it. Names in it have been made harmless by package pairing
// when they came.

package main

import (
	"slices"
	"strings"
	"time"

	"github.com/clasp-studio/clasp/pairing"
	"github.com/clasp-studio/clasp/router/monitor"
)

// pairingFresh is how long a look at pairing holds while nothing is said to happen there: an
// online device goes, a PIN runs out.
const pairingFresh = 250 * time.Millisecond

// recentPairing is the last look, and the links of open invites, which are dear to draw.
type recentPairing struct {
	monitor.Pairing
	at    time.Time
	moved uint64
	links map[string][]monitor.Link // by the ID of an invite
}

// pairingNow is how pairing stands. Nobody may change what it returns.
func (w *watched) pairingNow(now time.Time) monitor.Pairing {
	registry := w.s.devices.registry
	if registry == nil {
		return monitor.Pairing{}
	}
	w.pairingMu.Lock()
	defer w.pairingMu.Unlock()
	moved, p := w.s.devices.moved.Load(), &w.pairing
	if moved == p.moved && now.Sub(p.at) < pairingFresh && !p.at.IsZero() {
		return p.Pairing
	}
	p.at, p.moved = now, moved
	o, devices := registry.Overview(), registry.Devices()
	view := monitor.Pairing{Enabled: o.Enabled, Policy: o.Policy}
	if o.Locked {
		view.Locked = o.LockedWhy
	}
	for _, k := range registry.Knocks() {
		view.Knocks = append(view.Knocks, shownKnock(k, devices))
	}
	links := make(map[string][]monitor.Link)
	for _, i := range registry.Invites() {
		known, ok := p.links[i.ID]
		if !ok {
			known = w.drawnLinks(i)
		}
		links[i.ID] = known
		view.Invites = append(view.Invites, shownInvite(i, known))
	}
	p.links = links
	for _, d := range devices {
		view.Devices = append(view.Devices, monitor.Device{
			ID: d.ID, Name: monitor.Clean(d.Name), Profile: monitor.Clean(d.Profile), Lifetime: d.Lifetime, Weak: d.Weak,
			Online: d.Online, LastSeen: d.LastSeen, Expires: d.Expires, Confirmed: d.Confirmed,
		})
	}
	for _, profile := range registry.Profiles() {
		view.Profiles = append(view.Profiles, monitor.Profile{
			Name: monitor.Clean(profile.Name), Read: slices.Clone(profile.Read), Write: slices.Clone(profile.Write), NoPIN: profile.NoPIN,
		})
	}
	p.Pairing = view
	return view
}

func shownKnock(k pairing.Knock, devices []pairing.Device) monitor.Knock {
	shown := monitor.Knock{
		ID: k.ID, Name: monitor.Clean(k.Name), Kind: monitor.Clean(k.Kind), Remote: monitor.Clean(k.Remote), Transport: k.Transport,
		Encrypted: k.Encrypted, Match: k.Match, State: k.State, Code: k.Code, Expires: k.Expires, Since: k.Since,
		Waiting: k.Sessions, Profile: monitor.Clean(k.Profile),
	}
	for _, pattern := range k.Want {
		shown.Want = append(shown.Want, monitor.Clean(pattern))
	}
	if i := slices.IndexFunc(devices, func(d pairing.Device) bool { return d.ID == k.Known }); i >= 0 {
		shown.Known, shown.KnownFrom = monitor.Clean(devices[i].Name), monitor.Clean(devices[i].CreatedFrom)
	}
	return shown
}

func shownInvite(i pairing.Invite, links []monitor.Link) monitor.Invite {
	profile := i.Grant.Profile
	if profile == "" {
		profile = "default"
	}
	return monitor.Invite{ID: i.ID, Name: monitor.Clean(i.Grant.Name), Profile: monitor.Clean(profile), PIN: i.PIN, Links: links, Expires: i.Expires}
}

// links are those of an invite's secret.
func (s *server) links(secret string) ([]linkView, error) {
	return inviteLinks(addressOf(s.watched.inForce.Load().config.Bind), portOfAddr(s.ws.Addr()), s.certs, secret)
}

// drawnLinks are the links of an invite with their QR codes, whose colours whoever shows them
// puts on.
func (w *watched) drawnLinks(i pairing.Invite) (drawn []monitor.Link) {
	links, err := w.s.links(i.Secret)
	if err != nil {
		return nil // the PIN is there all the same
	}
	for _, l := range links {
		link := monitor.Link{Card: l.Card, URL: l.URL}
		if code, err := drawQR(l.URL, false); err == nil {
			for _, line := range code.lines {
				link.QR = append(link.QR, strings.TrimSuffix(strings.TrimPrefix(line, darkOnLight), plainAgain))
			}
		}
		drawn = append(drawn, link)
	}
	return drawn
}
