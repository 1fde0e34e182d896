// Who a device is: its name and its full address, never the /64 that a whole LAN shares; and how
// little that is worth.

package pairing_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/pairing"
)

// Two of one LAN: they have one Source.
const (
	victim   = "fe80::1%eth0"
	attacker = "fe80::bad%eth0"
)

// A name and an address do not make a session another one's: each has a row, a match code and
// an answer of its own.
func TestEachSessionHasARow(t *testing.T) {
	for _, addr := range []string{victim, attacker} {
		k := start(t)
		a, b := k.lobby(from("iPad", victim)), k.lobby(from("IPAD", addr))
		if a.Status().ID == b.Status().ID || a.Status().Match == b.Status().Match {
			t.Errorf("from %s: %+v and %+v are one row", addr, a.Status(), b.Status())
		}
		rows := k.Knocks()
		if len(rows) != 1 || rows[0].Sessions != 2 { // the other row comes 10 s later
			t.Errorf("from %s: %+v", addr, rows)
		}
		d, err := k.Approve(a.Status().ID, pairing.Grant{Profile: "admin"})
		k.must(err)
		k.state(a, pairing.StateIssued)
		k.state(b, pairing.StateWaiting)
		if _, refusal := b.Token(); b.Access() != nil || k.refused(refusal, pairing.CodePending).Used || k.device(d.ID).Online != 1 {
			t.Errorf("from %s: let in by another's approval", addr)
		}
	}
}

// The code of one row is nothing to another that looks like it: neither right there nor a miss.
func TestCodeOfALookalike(t *testing.T) {
	k := start(t)
	a, code := k.picked(from("iPad", victim))
	b := k.lobby(from("iPad", attacker))
	for n := range 6 {
		k.refused(b.PIN(wrong(code, n)), pairing.CodePINInvalid)
	}
	k.refused(b.PIN(code), pairing.CodePINInvalid)
	k.ok(a.PIN(code))
	k.state(a, pairing.StateIssued)
	k.state(b, pairing.StateWaiting)
}

// Who has gone finds its row again, from its own address only, and nobody joins it there.
func TestRowIsKeptForWhoHasLeft(t *testing.T) {
	k := start(t)
	a := k.lobby(from("iPad", victim))
	id := a.Status().ID
	a.Leave()
	if b := k.lobby(from("iPad", attacker)); b.Status().ID == id {
		t.Error("another address has the row")
	}
	if b := k.lobby(from("iPad", victim)); b.Status().ID != id {
		t.Error("it has another row when it comes back")
	}
	if c := k.lobby(from("iPad", victim)); c.Status().ID == id {
		t.Error("a second one has joined it")
	}
}

func TestNeighbourThrowsNobodyOut(t *testing.T) {
	k := start(t)
	a := k.lobby(from("iPad", victim))
	for range 5 {
		k.lobby(from("iPad", attacker)) // takes the place of its last one
	}
	k.state(a, pairing.StateWaiting)
	k.refused(k.Hello(from("another", attacker), "", nil).Err, pairing.CodeBusy)
	id := a.Status().ID
	b := k.lobby(from("iPad", victim)) // itself again: takes the place of its first one, not its row
	k.state(a, pairing.StateTimeout)
	if b.Status().ID == id {
		t.Error("it has the row of one that was sent away")
	}
}

func TestDenyMutesOneAddress(t *testing.T) {
	k := start(t)
	v := k.lobby(from("iPad", attacker))
	k.must(k.Deny(v.Status().ID, "ann"))
	k.refused(k.Hello(from("iPad", attacker), "", nil).Err, pairing.CodeDenied)
	k.lobby(from("iPad", victim))
}

func TestGraceIsForOneAddress(t *testing.T) {
	k := start(t)
	v := k.lobby(from("iPad", victim))
	d, err := k.Approve(v.Status().ID, pairing.Grant{})
	k.must(err)
	v.Leave()
	if a := k.Hello(from("iPad", attacker), "", nil); a.Access != nil {
		t.Errorf("a neighbour is let in: %+v", a.Access)
	}
	if a := k.Hello(from("iPad", "fe80::1%eth1"), "", nil); a.Access != nil {
		t.Errorf("one on another link is let in: %+v", a.Access)
	}
	if n := k.heard("returned"); n != 0 {
		t.Errorf("%d have returned", n)
	}
	if a := k.Hello(from("iPad", victim), "", nil); a.Access == nil || a.Access.Device != d.ID {
		t.Errorf("%+v", a)
	}
	k.event("returned", d.ID)
}

// event waits for one with the device and the victim's address.
func (k *kit) event(what, device string) {
	k.t.Helper()
	k.said(what, 1)
	for _, e := range k.all() {
		if e.What == what && (e.Device != device || e.Source != from("", victim).Remote) {
			k.t.Errorf("%+v", e)
		}
	}
}

// Of whom the address is not known it is not said that it was here before.
func TestAddressUnknown(t *testing.T) {
	k := start(t)
	o := from("iPad", victim)
	o.Addr = netip.Addr{}
	v := k.lobby(o)
	if _, err := k.Approve(v.Status().ID, pairing.Grant{Weak: true}); err == nil {
		t.Error("let in by an address that is not known")
	}
	_, err := k.Approve(v.Status().ID, pairing.Grant{})
	k.must(err)
	v.Leave()
	if a := k.Hello(o, "", nil); a.Access != nil {
		t.Errorf("%+v", a.Access)
	}
}

func TestWeakByFullAddress(t *testing.T) {
	k := start(t)
	v := k.lobby(from("mat", victim))
	d, err := k.Approve(v.Status().ID, pairing.Grant{Weak: true})
	k.must(err)
	if d.From != victim {
		t.Errorf("%+v", d)
	}
	k.lobby(from("mat", attacker))
	if a := k.Hello(from("mat", victim), "", nil); a.Access == nil || !a.Access.Weak {
		t.Errorf("%+v", a)
	}
}

// Who comes again with its PIN has shown no more than anybody has seen on the screen.
func TestResumedIsWeak(t *testing.T) {
	k := start(t)
	i := k.invite(pairing.Grant{})
	a := k.Hello(from("iPad", victim), i.PIN, nil)
	k.ok(a.Err)
	k.refused(k.Hello(from("iPad", attacker), i.PIN, nil).Err, pairing.CodePINExpired)
	b := k.Hello(from("iPad", victim), i.PIN, nil)
	if b.Access == nil || !b.Access.Weak || a.Access.Weak {
		t.Fatalf("%+v, then %+v", a, b)
	}
	k.event("resumed", a.Access.Device)
	if c := k.Hello(from("iPad", victim), a.Token.Text, nil); c.Access == nil || c.Access.Weak {
		t.Errorf("by its token: %+v", c)
	}
	k.refused(k.Hello(from("iPad", victim), i.PIN, nil).Err, pairing.CodePINExpired) // it has its token now
}

// A profile that a PIN alone does not give is not given by one a second time.
func TestNoResumeOfAnAdmin(t *testing.T) {
	k := start(t)
	i := k.invite(pairing.Grant{Profile: "admin"})
	o := from("iPad", victim)
	v := k.Hello(o, i.PIN, nil).Visit
	k.refused(k.Hello(o, i.PIN, nil).Err, pairing.CodeBusy) // while it is there
	v.Leave()
	v = k.Hello(o, i.PIN, nil).Visit
	k.state(v, pairing.StateAwait)
	k.event("resumed", "")
	_, err := k.Approve(v.Status().ID, pairing.Grant{})
	k.must(err)
	v.Leave()
	k.refused(k.Hello(o, i.PIN, nil).Err, pairing.CodePINExpired)

	i = k.invite(pairing.Grant{})
	a := k.Hello(o, i.PIN, nil)
	k.ok(a.Err)
	_, err = k.SetProfile(a.Access.Device, "admin", "ann")
	k.must(err)
	k.refused(k.Hello(o, i.PIN, nil).Err, pairing.CodePINExpired)
}

// The PIN of an invite that was used by its link is over, for its own device too.
func TestPINOfAUsedLink(t *testing.T) {
	for _, profile := range []string{"operator", "admin"} {
		k := start(t)
		i := k.invite(pairing.Grant{Profile: profile})
		o := from("iPhone", victim)
		token, refusal := k.Redeem(o, i.Secret)
		k.ok(refusal)
		if err := k.refused(k.Hello(o, i.PIN, nil).Err, pairing.CodePINExpired); !err.Used {
			t.Errorf("%+v", err)
		}
		if f, err := k.Fate(i.ID); err != nil || f.Device != token.Device {
			t.Errorf("%+v, %v", f, err)
		}
	}
}

// The grace is for who has no token to show.
func TestUnconfirmedOutlivesNoGrace(t *testing.T) {
	k := start(t, func(o *pairing.Options) { o.Grace = 24 * time.Hour })
	_, link := k.paired("link", pairing.Grant{})
	a := k.Hello(from("pin", victim), k.invite(pairing.Grant{}).PIN, nil)
	k.ok(a.Err)
	k.Left(a.Access)
	v := k.lobby(from("tokenless", attacker))
	d, err := k.Approve(v.Status().ID, pairing.Grant{})
	k.must(err)
	v.Leave()
	k.wait(10 * time.Minute)
	for _, text := range []string{link, a.Token.Text} {
		_, refusal := k.Token(text)
		k.refused(refusal, pairing.CodeUnauthorized)
	}
	if list := k.Devices(); len(list) != 1 || list[0].ID != d.ID {
		t.Errorf("%+v", list)
	}
}

// Who comes while the disk writes is let in neither beside nor in place of who was approved.
func TestNobodyJoinsWhileTheDiskWrites(t *testing.T) {
	k := start(t)
	for what, leaves := range map[string]bool{"beside": false, "in place": true} {
		o := from(what, victim)
		v, code := k.picked(o)
		id := v.Status().ID
		free, err := pairing.HoldDisk(k.Registry)
		k.must(err)
		done := make(chan *pairing.Error)
		go func() { done <- v.PIN(code) }()
		eventually(t, "the device to be written", func() bool { return k.Issuing(id) })
		if leaves {
			v.Leave()
		}
		w := k.lobby(o)
		k.refused(v.Request("another", "", nil), pairing.CodeClosed)
		free()
		k.ok(<-done)
		if w.Access() != nil || w.Status().State != pairing.StateWaiting {
			t.Errorf("%s: who has typed no code is in: %+v", what, w.Status())
		}
		if !leaves {
			k.state(v, pairing.StateIssued)
		}
		w.Leave()
		v.Leave()
	}
}
