// Anything, in any order: what must never be is not.

package pairing_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/pairing"
)

// play is a run of random steps, and what it knows of them.
type play struct {
	*kit
	r      *rand.Rand
	visits []*pairing.Visit // sessions in the lobby, perhaps
	https  []*pairing.Visit
	access []*pairing.Access
	tokens []string
	known  []string        // codes and secrets that were seen, right or not
	right  map[string]bool // those that have let somebody in, or have him wait for the operator
	issued uint64          // devices that somebody may have
}

func one[T any](p *play, list []T) (v T, ok bool) {
	if len(list) == 0 {
		return v, false
	}
	return list[p.r.IntN(len(list))], true
}

func (p *play) who() pairing.Origin {
	return from(fmt.Sprint("device ", p.r.IntN(12)), fmt.Sprintf("10.0.0.%d", 1+p.r.IntN(10)))
}

// used notes that a code or a secret was right.
func (p *play) used(text string) {
	p.t.Helper()
	if p.right[text] {
		p.t.Fatalf("%q was right twice", text)
	}
	p.right[text] = true
}

// recent are the last codes and secrets.
func (p *play) recent() []string { return p.known[max(0, len(p.known)-5):] }

// guess is a code somebody could try.
func (p *play) guess() string {
	if text, ok := one(p, p.recent()); ok && p.r.IntN(5) > 0 && len(text) == 6 {
		return text
	}
	return fmt.Sprintf("%06d", p.r.IntN(1_000_000))
}

func (p *play) row() string {
	row, ok := one(p, p.Knocks())
	if !ok {
		return "none"
	}
	return row.ID
}

func (p *play) steps() []func() {
	return []func(){
		func() { // a HELLO without a token
			a := p.Hello(p.who(), "", nil)
			if a.Visit != nil {
				p.visits = append(p.visits, a.Visit)
			}
			if a.Access != nil {
				p.access = append(p.access, a.Access)
				if !a.Access.Weak {
					p.t.Fatal("let in without a secret, and not weak")
				}
			}
		},
		func() { // with a PIN
			text := p.guess()
			a := p.Hello(p.who(), text, nil)
			switch {
			case a.Token != nil:
				p.used(text)
				p.issued++
				p.access, p.tokens = append(p.access, a.Access), append(p.tokens, a.Token.Text)
			case a.Access != nil: // comes again
				if !p.right[text] {
					p.t.Fatalf("let in by %q, which was never right", text)
				}
				p.access = append(p.access, a.Access)
			case a.Visit != nil:
				p.right[text] = true
				p.visits = append(p.visits, a.Visit)
			}
		},
		func() { // with a token
			if text, ok := one(p, p.tokens); ok {
				if a := p.Hello(p.who(), text, nil); a.Access != nil {
					p.access = append(p.access, a.Access)
				}
			}
		},
		func() {
			if a, ok := one(p, p.access); ok {
				p.Left(a)
			}
		},
		func() {
			if v, _, err := p.Knock(p.who(), []string{"write:/**"}); err == nil {
				p.https = append(p.https, v)
			}
		},
		func() { p.try(p.visits) },
		func() { p.try(p.https) },
		func() {
			if v, ok := one(p, append(p.visits, p.https...)); ok {
				if token, err := v.Token(); err == nil {
					p.tokens = append(p.tokens, token.Text)
				}
				_ = v.Done()
			}
		},
		func() {
			if v, ok := one(p, append(p.visits, p.https...)); ok {
				v.Leave()
			}
		},
		func() {
			if v, ok := one(p, p.visits); ok {
				_ = v.Request(p.who().Name, "kind", nil)
			}
		},
		func() {
			if row, err := p.Pick(p.row(), "ann"); err == nil {
				p.known = append(p.known, row.Code)
			}
		},
		func() {
			g := pairing.Grant{Weak: p.r.IntN(4) == 0, Profile: []string{"", "viewer", "admin"}[p.r.IntN(3)]}
			if _, err := p.Approve(p.row(), g); err == nil {
				p.issued++
			}
		},
		func() { _ = p.Deny(p.row(), "ann") },
		func() {
			g := pairing.Grant{Profile: []string{"", "admin"}[p.r.IntN(2)]}
			if i, err := p.Invite(g, p.r.IntN(3) > 0); err == nil {
				p.known = append(p.known, i.Secret)
				if i.PIN != "" {
					p.known = append(p.known, i.PIN)
				}
			}
		},
		func() {
			if text, ok := one(p, p.recent()); ok {
				if token, err := p.Redeem(p.who(), text); err == nil {
					p.used(text)
					p.issued++
					p.tokens = append(p.tokens, token.Text)
				}
			}
		},
		func() {
			if i, ok := one(p, p.Invites()); ok {
				p.must(p.CloseInvite(i.ID, "ann"))
			}
		},
		func() {
			if d, ok := one(p, p.Devices()); ok {
				if token, err := p.Renew(d.ID); err == nil {
					p.tokens = append(p.tokens, token.Text)
				}
			}
		},
		func() {
			if d, ok := one(p, p.Devices()); ok {
				_, err := p.Revoke(d.Name, "ann")
				p.must(err)
			}
		},
		func() {
			if _, err := p.Allow(pairing.Grant{Name: p.who().Name}, netip.MustParsePrefix("10.0.0.1/32")); err == nil {
				p.issued++
			}
		},
		func() { p.Unlock("ann") },
		func() { p.wait(time.Duration(p.r.IntN(20)) * time.Second) },
		func() { p.wait(time.Duration(p.r.IntN(20)) * time.Minute) },
		func() {
			policies := []pairing.Policy{pairing.PolicyPIN, pairing.PolicyOperator, pairing.PolicyBoth}
			p.configure(func(s *pairing.Settings) {
				s.Enabled, s.Lobby, s.Policy, s.MaxPINs = p.r.IntN(12) > 0, p.r.IntN(12) > 0, policies[p.r.IntN(3)], 1+p.r.IntN(4)
			})
		},
		func() {
			if p.r.IntN(10) == 0 {
				p.kit = p.again()
				p.visits, p.https, p.access, p.issued = nil, nil, nil, 0
			}
		},
	}
}

// try types a code on a visit.
func (p *play) try(visits []*pairing.Visit) {
	v, ok := one(p, visits)
	if !ok {
		return
	}
	before := v.Status().State
	text := p.guess()
	err := v.PIN(text)
	after := v.Status().State
	if err != nil || after == before {
		return
	}
	p.used(text)
	if after == pairing.StateIssued {
		p.issued++
	}
}

func (p *play) check() {
	p.t.Helper()
	o := p.Overview()
	pins := 0
	for _, i := range p.Invites() {
		if i.PIN != "" {
			pins++
		}
	}
	if pins > 4 || o.Codes["invite"] != pins || o.Locked && pins > 0 {
		p.t.Fatalf("%d PINs are open: %+v", pins, o)
	}
	if o.Misses > 10 || o.Misses == 10 && !o.Locked {
		p.t.Fatalf("%+v", o)
	}
	if o.Requests["issued"] != p.issued {
		p.t.Fatalf("%d devices were made, and %d had a reason to be", o.Requests["issued"], p.issued)
	}
	sessions, rows := 0, p.Knocks()
	https := 0
	of := map[string]int{}
	for _, row := range rows {
		if row.Transport == "http" {
			https++
		} else {
			sessions++
			of[row.Remote]++
		}
		if (row.Code != "") != (row.State == pairing.StateCode) {
			p.t.Fatalf("%+v", row)
		}
	}
	for remote, n := range of {
		if n > 2+1 { // one who has shown the right PIN and lost its connection may come again
			p.t.Fatalf("%d sessions of %s wait", n, remote)
		}
	}
	if sessions > 16 || https > 20 {
		p.t.Fatalf("%d sessions and %d requests wait", sessions, https)
	}
	names := map[string]bool{}
	for _, d := range p.Devices() {
		if names[d.Name] || d.Online < 0 || d.Weak && d.Profile == "admin" {
			p.t.Fatalf("%+v", d)
		}
		names[d.Name] = true
	}
	for _, v := range slices.Concat(p.visits, p.https) {
		s := v.Status()
		if in := s.State == pairing.StateIssued || s.State == pairing.StateActive; in != (v.Access() != nil) {
			p.t.Fatalf("%+v has access %+v", s, v.Access())
		}
		if s.ExpiresIn < 0 || s.RetryAfter < 0 || s.AttemptsLeft < 0 || s.AttemptsLeft > 5 {
			p.t.Fatalf("%+v", s)
		}
	}
}

func TestProperties(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			p := &play{kit: start(t), r: rand.New(rand.NewPCG(seed, 6)), right: map[string]bool{}}
			steps := p.steps()
			for range 1000 {
				steps[p.r.IntN(len(steps))]()
				p.check()
			}
			if len(p.right) == 0 || len(p.tokens) == 0 {
				t.Error("nobody has paired: this test tries nothing")
			}
		})
	}
}
