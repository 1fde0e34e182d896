// What the keys of a prompt do.

package main

import (
	"fmt"
	"time"

	"github.com/clasp-studio/clasp/pairing"
)

// noKey stands for several characters at once: a function key, something pasted, a letter
// beyond ASCII.
const noKey = 0

// press does what a key says about the row that is shown.
func (p *prompt) press(key byte, now time.Time) {
	deaf := now.Before(p.deaf)
	p.deaf = now.Add(promptGuard)
	sure := p.sure
	switch {
	case deaf || p.row.ID == "":
	case sure:
		p.sure = false
		if key == 'y' {
			p.approve(now)
		}
	case key == 'y' && p.mayApprove():
		if len(p.profile().Write) > 0 {
			p.sure = true
		} else {
			p.approve(now)
		}
	case key == 'p' && p.mayPick():
		p.pick(now)
	case key == 'n':
		p.deny(now)
	case key == '\t':
		p.next(now)
	}
}

// mayApprove reports whether the operator's word is enough, or the last that lacks.
func (p *prompt) mayApprove() bool {
	return p.pairs.Overview().Policy != pairing.PolicyBoth || p.row.State == pairing.StateAwait
}

// mayPick reports whether a PIN can be shown: there are some, and none is.
func (p *prompt) mayPick() bool {
	return p.pairs.Overview().Policy != pairing.PolicyOperator && p.row.State != pairing.StateAwait && p.row.State != pairing.StateCode
}

func (p *prompt) approve(now time.Time) {
	d, err := p.pairs.Approve(p.row.ID, pairing.Grant{By: p.by})
	if err != nil {
		p.say(err.Error(), now)
		return
	}
	p.say(fmt.Sprintf("%s is let in, with the profile %s. To throw it out: %s", d.Name, d.Profile, p.command("revoke", d.ID)), now)
}

func (p *prompt) pick(now time.Time) {
	if _, err := p.pairs.Pick(p.row.ID, p.by); err != nil {
		p.say(err.Error(), now)
	}
}

func (p *prompt) deny(now time.Time) {
	name := p.row.Name
	if err := p.pairs.Deny(p.row.ID, p.by); err != nil {
		p.say(err.Error(), now)
		return
	}
	p.say(name+" is turned away", now)
}

// next goes to the row behind.
func (p *prompt) next(now time.Time) {
	for i, k := range p.rows {
		if k.ID == p.row.ID {
			p.turn(p.rows[(i+1)%len(p.rows)], now)
			return
		}
	}
}
