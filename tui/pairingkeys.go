package tui

// What the keys of the Pairing pane do.

import (
	"errors"
	"strings"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"github.com/clasp-studio/clasp/pairing"
	"github.com/clasp-studio/clasp/router/monitor"
)

func (p *pairingPanel) key(k tea.KeyPressMsg) (tea.Cmd, bool) {
	keys := p.e.keys
	ask := p.guard.asked
	if ask.id != "" && !key.Matches(k, keys.Approve) {
		p.guard.ask(pairingAsk{}) // any other key is a no to the question
		p.rev++
		if key.Matches(k, keys.Later, keys.Deny) {
			return nil, true
		}
	}
	switch {
	case key.Matches(k, keys.Up):
		p.walk(-1)
	case key.Matches(k, keys.Down):
		p.walk(1)
	case key.Matches(k, keys.PageUp):
		p.walk(-max(p.list.height-1, 1))
	case key.Matches(k, keys.PageDown):
		p.walk(max(p.list.height-1, 1))
	case key.Matches(k, keys.Home):
		p.byHand()
		p.put(0, 1)
	case key.Matches(k, keys.End):
		p.byHand()
		p.put(len(p.rows)-1, -1)
	case key.Matches(k, keys.Later):
		return p.later(), true
	case key.Matches(k, keys.Enter):
		if inv := p.invite(); inv != nil {
			return send(overlayMsg{newInviteCard(p.e, *inv)}), true
		}
	case key.Matches(k, keys.CopyCode):
		return p.copyLink(), true
	case key.Matches(k, keys.Approve, keys.Deny, keys.ShowPIN, keys.Invite, keys.EditGrant, keys.Revoke, keys.Rename, keys.Unlock):
		if p.e.options.ReadOnly {
			return pairingFlash("nothing can be changed from here: the dashboard is read-only"), true
		}
		return p.act(k), true
	default:
		return nil, false
	}
	return nil, true
}

// act is a key that changes something.
func (p *pairingPanel) act(k tea.KeyPressMsg) tea.Cmd {
	keys := p.e.keys
	if key.Matches(k, keys.Invite) {
		if !p.now.Enabled {
			return pairingFlash("pairing is off: start the router with --pairing")
		}
		return send(overlayMsg{newInviteForm(p.e, p.now.Profiles)})
	}
	if key.Matches(k, keys.Unlock) {
		if p.now.Locked == "" {
			return pairingFlash("invite PINs are not locked")
		}
		return send(overlayMsg{newConfirm(p.e, "Unlock the PINs of invites?",
			[]string{"They are locked: " + p.now.Locked + ". Whoever has been guessing can go on guessing then."},
			func() tea.Cmd { return send(actionMsg{action: monitor.Action{Kind: monitor.Unlock}}) })})
	}
	switch p.sel.kind {
	case pairingKnock:
		row := p.knock()
		switch {
		case key.Matches(k, keys.Approve):
			return p.approve(row)
		case key.Matches(k, keys.Deny):
			return p.deny(row)
		case key.Matches(k, keys.ShowPIN):
			return p.pick(row)
		case key.Matches(k, keys.EditGrant):
			return p.editGrant(row)
		}
	case pairingGone:
		if key.Matches(k, keys.Approve, keys.Deny, keys.ShowPIN) {
			return pairingFlash("this request is over: " + p.gone[p.sel.at].became)
		}
	case pairingInvite:
		if key.Matches(k, keys.Revoke) {
			return p.closeInvite(p.invite())
		}
	case pairingDevice:
		switch d := p.device(); {
		case key.Matches(k, keys.Revoke):
			return p.revoke(d)
		case key.Matches(k, keys.Rename):
			return p.rename(d)
		case key.Matches(k, keys.EditGrant):
			return p.setProfile(d)
		}
	}
	return nil
}

func pairingFlash(text string) tea.Cmd { return send(flashMsg{text: text, bad: true}) }

// later leaves a request for another time: the cursor goes to the next one.
func (p *pairingPanel) later() tea.Cmd {
	row := p.knock()
	if row == nil {
		return nil
	}
	if p.sel.at+1 < len(p.now.Knocks) {
		p.walk(1)
	}
	return send(flashMsg{text: p.e.mask(maskName, row.Name) + " goes on waiting"})
}

// mayApprove says why the rules are against an approval, "" if they are not.
func (p *pairingPanel) mayApprove(k *monitor.Knock) string {
	switch {
	case p.busy[k.ID] != "":
		return "an answer to this request is under way"
	case p.now.Policy == pairing.PolicyBoth && k.State != pairing.StateAwait:
		return "the approval is \"both\": show a PIN first, and let it in when the device has typed it"
	case k.State == pairing.StateCode && !k.Expires.IsZero() && !p.e.now().Before(k.Expires):
		return "its PIN has just expired: wait for what becomes of the request"
	}
	return ""
}

// mayPick says why no PIN can be shown, "" if one can.
func (p *pairingPanel) mayPick(k *monitor.Knock) string {
	switch {
	case p.busy[k.ID] != "":
		return "an answer to this request is under way"
	case p.now.Policy == pairing.PolicyOperator:
		return "the approval is \"operator\": there are no PINs, compare the match code and let it in"
	case k.State == pairing.StateAwait:
		return "it has typed the right PIN already: let it in, or turn it away"
	}
	return ""
}

// approve lets a request in: at once, where it may only look, and otherwise after a question.
func (p *pairingPanel) approve(k *monitor.Knock) tea.Cmd {
	now, says := p.e.now(), p.pairingSays(k)
	if why := p.mayApprove(k); why != "" {
		return pairingFlash(why)
	}
	if why := p.guard.blocked(k.ID, says, now); why != "" {
		p.guard.ask(pairingAsk{})
		p.rev++
		return pairingFlash(why)
	}
	g := p.grant(k)
	if _, write := p.rights(g.Profile); len(write) > 0 || !p.hasProfile(g.Profile) {
		if p.guard.asked.id != k.ID || p.guard.asked.says != says {
			p.guard.ask(pairingAsk{id: k.ID, says: says})
			p.rev++
			return nil
		}
		if p.guard.asked.since.IsZero() {
			return pairingFlash("there is no room for the whole question: make the window larger, or press " + p.e.keys.Zoom.Help().Key)
		}
		if !p.guard.sure(now) {
			return pairingFlash("read the question, then press again")
		}
	}
	p.guard.ask(pairingAsk{})
	id := k.ID
	p.wait(id, "letting it in")
	return send(actionMsg{
		action: monitor.Action{Kind: monitor.Approve, ID: id, Name: g.Name, Profile: g.Profile, Lifetime: g.Lifetime, Weak: g.Weak},
		then:   p.answered(id, "let in"),
	})
}

// deny turns a request away, at once: it can knock again later.
func (p *pairingPanel) deny(k *monitor.Knock) tea.Cmd {
	if p.busy[k.ID] != "" {
		return pairingFlash("an answer to this request is under way")
	}
	if why := p.guard.unread(k.ID, p.e.now()); why != "" {
		return pairingFlash(why)
	}
	p.wait(k.ID, "turning it away")
	return send(actionMsg{action: monitor.Action{Kind: monitor.Deny, ID: k.ID}, then: p.answered(k.ID, "turned away")})
}

func (p *pairingPanel) pick(k *monitor.Knock) tea.Cmd {
	if why := p.mayPick(k); why != "" {
		return pairingFlash(why)
	}
	p.wait(k.ID, "making a PIN")
	return send(actionMsg{action: monitor.Action{Kind: monitor.Pick, ID: k.ID}, then: p.answered(k.ID, "")})
}

// wait notes that an answer is under way, so that a second one is not sent.
func (p *pairingPanel) wait(id, words string) {
	p.busy[id] = words
	p.rev++
}

// answered takes what came of an answer; fate is what has become of the request then.
func (p *pairingPanel) answered(id, fate string) func(monitor.Result, error) tea.Cmd {
	return func(_ monitor.Result, err error) tea.Cmd {
		delete(p.busy, id)
		p.rev++
		if errors.Is(err, monitor.ErrGone) {
			fate = "already expired, or answered elsewhere"
		} else if err != nil {
			return nil // root says why; the request still waits
		}
		if fate == "" {
			return nil
		}
		for i := range p.gone { // a frame was faster than the answer
			if p.gone[i].ID == id {
				p.gone[i].became = fate
				return nil
			}
		}
		for i := range p.now.Knocks {
			if p.now.Knocks[i].ID == id {
				p.fate[id] = fate
			}
		}
		return nil
	}
}

// copyLink copies what a phone needs. In privacy it stays where it is: whoever shares the
// screen may well paste into it.
func (p *pairingPanel) copyLink() tea.Cmd {
	inv := p.invite()
	switch {
	case inv == nil:
		return pairingFlash("only an open invite has a link to copy")
	case len(inv.Links) == 0 && inv.PIN == "":
		return pairingFlash("this invite has nothing to copy")
	case len(inv.Links) == 0:
		return send(copyMsg{text: inv.PIN, what: "the PIN of the invite"})
	}
	return send(copyMsg{text: inv.Links[0].URL, what: "the link of the invite"})
}

func (p *pairingPanel) closeInvite(inv *monitor.Invite) tea.Cmd {
	id := inv.ID
	return send(overlayMsg{newConfirm(p.e, "Close the invite "+pairingQuote(p.e, inv.Name)+"?",
		[]string{"Its PIN and its link are worth nothing then. Who has been let in by it stays."},
		func() tea.Cmd { return send(actionMsg{action: monitor.Action{Kind: monitor.CloseInvite, ID: id}}) })})
}

func (p *pairingPanel) revoke(d *monitor.Device) tea.Cmd {
	id := d.ID
	lines := []string{"It has to pair anew to come back."}
	if d.Online > 0 {
		lines = append([]string{"It is connected now: " + pairingCount(d.Online, "session") + " will be closed at once."}, lines...)
	}
	return send(overlayMsg{newConfirm(p.e, "Revoke the device "+pairingQuote(p.e, d.Name)+"?", lines,
		func() tea.Cmd { return send(actionMsg{action: monitor.Action{Kind: monitor.Revoke, ID: id}}) })})
}

func pairingQuote(e *env, name string) string {
	if e.private {
		return e.mask(maskName, name)
	}
	return "\"" + name + "\""
}

// pairingWords says what patterns allow.
func pairingWords(read, write []string) string {
	switch {
	case len(read)+len(write) == 0:
		return "nothing"
	case len(write) == 0:
		return "read " + strings.Join(read, " ")
	case len(read) == 0:
		return "write " + strings.Join(write, " ")
	}
	return "read " + strings.Join(read, " ") + " and write " + strings.Join(write, " ")
}
