// Ways in by HELLO: a PIN in the token field, a token, a name and an address, the grace.

package pairing_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/pairing"
)

func TestPINAsToken(t *testing.T) {
	for _, form := range []func(string) string{
		func(pin string) string { return pin },
		func(pin string) string { return pin[:3] + "-" + pin[3:] },
		func(pin string) string { return pin[:3] + " " + pin[3:] },
		func(pin string) string { return "pair:" + pin },
	} {
		k := start(t)
		i := k.invite(pairing.Grant{Name: "FOH iPad", Profile: "viewer", By: "ann"})
		a := k.Hello(from("ipad", "10.0.0.1"), form(i.PIN), nil)
		if a.Access == nil || a.Access.Name != "FOH iPad" || a.Access.Profile != "viewer" || a.Err != nil {
			t.Fatalf("%q: %+v", form(i.PIN), a)
		}
		d := k.device(a.Access.Device)
		if d.Claimed != "ipad" || d.CreatedBy != "ann" || d.Online != 1 || d.Confirmed {
			t.Errorf("%+v", d)
		}
		if b := k.Hello(from("ipad", "10.0.0.1"), a.Token.Text, nil); b.Access == nil || b.Token != nil {
			t.Errorf("its token: %+v", b)
		}
		if !k.device(d.ID).Confirmed {
			t.Error("its token was used, and it is not confirmed")
		}
		if len(k.Invites()) != 0 {
			t.Error("the invite is still open")
		}
		_, err := k.Redeem(from("y", "10.0.0.2"), i.Secret)
		if !k.refused(err, pairing.CodePINExpired).Used {
			t.Error("the other face of the invite does not say that it was used")
		}
	}
}

func TestPINMalformed(t *testing.T) {
	k := start(t)
	i := k.invite(pairing.Grant{})
	for _, token := range []string{"12345", "1234567", "12 3456", "1234 56", "pair:", "pair:eyJ", "12345６", " 847291", "847--291"} {
		if a := k.Hello(from("x", "10.0.0.1"), token, nil); a != (pairing.Answer{}) {
			t.Errorf("%q: %+v", token, a)
		}
	}
	v := k.lobby(from("x", "10.0.0.1"))
	if err := k.refused(v.PIN("12345"), pairing.CodePINInvalid); err.Hold != 0 {
		t.Error("what cannot be a code costs nobody time")
	}
	if o := k.Overview(); o.Misses != 0 || o.Invites != 1 {
		t.Errorf("%+v after %+v", o, i)
	}
}

// One who has a code is let in again with it as long as that would have been good, since
// clients that take it for a token come again with it.
func TestPINResumes(t *testing.T) {
	k := start(t)
	i := k.invite(pairing.Grant{})
	o := from("x", "10.0.0.1")
	a := k.Hello(o, i.PIN, nil)
	k.Left(a.Access)
	k.wait(4 * time.Minute)
	b := k.Hello(o, i.PIN, nil)
	if b.Access == nil || b.Access.Device != a.Access.Device || b.Token != nil {
		t.Fatalf("%+v", b)
	}
	for _, o := range []pairing.Origin{from("y", "10.0.0.1"), from("x", "10.0.0.2")} {
		if err := k.refused(k.Hello(o, i.PIN, nil).Err, pairing.CodePINExpired); !err.Used {
			t.Errorf("%+v", err)
		}
	}
	k.Left(b.Access)
	k.wait(time.Minute)
	err := k.refused(k.Hello(o, i.PIN, nil).Err, pairing.CodePINExpired)
	if !strings.Contains(err.Message, "already used") {
		t.Error(err.Message)
	}
	k.wait(10 * time.Minute)
	if c := k.Hello(o, i.PIN, nil); c != (pairing.Answer{}) {
		t.Errorf("long after: %+v", c)
	}
	if k.Overview().Misses != 0 {
		t.Error("a code that was good is counted as a miss")
	}
}

func TestPINOfRevokedDoesNotResume(t *testing.T) {
	k := start(t)
	i := k.invite(pairing.Grant{})
	a := k.Hello(from("x", "10.0.0.1"), i.PIN, nil)
	_, err := k.Revoke(a.Access.Device, "ann")
	k.must(err)
	k.refused(k.Hello(from("x", "10.0.0.1"), i.PIN, nil).Err, pairing.CodePINExpired)
}

func TestPINWantsTheOperatorToo(t *testing.T) {
	for what, change := range map[string]func(*pairing.Options){
		"both":  func(o *pairing.Options) { o.Policy = pairing.PolicyBoth },
		"admin": func(*pairing.Options) {},
	} {
		k := start(t, change)
		g := pairing.Grant{Name: "desk"}
		if what == "admin" {
			g.Profile = "admin"
		}
		i := k.invite(g)
		o := from("x", "10.0.0.1")
		a := k.Hello(o, i.PIN, nil)
		if a.Visit == nil || a.Access != nil {
			t.Fatalf("%s: %+v", what, a)
		}
		k.state(a.Visit, pairing.StateAwait)
		k.refused(k.Hello(from("y", "10.0.0.2"), i.PIN, nil).Err, pairing.CodePINExpired)
		// The Wi-Fi is gone, and for a moment the router does not know.
		busy := k.refused(k.Hello(o, i.PIN, nil).Err, pairing.CodeBusy)
		a.Visit.Leave()
		k.wait(busy.RetryAfter) // whoever obeys has its place
		v := k.Hello(o, i.PIN, nil).Visit
		k.state(v, pairing.StateAwait)
		w := k.lobby(o) // somebody who looks like it, and shows nothing
		_, err := k.Approve(v.Status().ID, pairing.Grant{By: "ann"})
		k.must(err)
		k.state(v, pairing.StateIssued)
		k.state(w, pairing.StateWaiting)
		if d := k.device(v.Access().Device); d.Name != "desk" || what == "admin" && d.Profile != "admin" {
			t.Errorf("%s: %+v", what, d)
		}
	}
}

// TestEncrypted: where that is wanted, nobody is let in whom others could watch. Who has a token comes as it likes.
func TestEncrypted(t *testing.T) {
	k := start(t)
	plain, safe, local := from("plain", "10.0.0.1"), from("safe", "10.0.0.2"), from("local", "127.0.0.1")
	safe.Encrypted = true
	_, token := k.paired("desk", pairing.Grant{})
	v := k.lobby(plain)
	k.configure(func(s *pairing.Settings) { s.Encrypted = true })
	k.state(v, pairing.StateTimeout) // who waits already is not let in either
	if _, err := k.Approve(v.Status().ID, pairing.Grant{}); err == nil {
		t.Error("approved")
	}
	i := k.invite(pairing.Grant{})
	k.refused(k.Hello(plain, "", nil).Err, pairing.CodeTransport)
	k.refused(k.Hello(plain, wrong(i.PIN, 1), nil).Err, pairing.CodeTransport)
	_, _, refusal := k.Knock(plain, nil)
	k.refused(refusal, pairing.CodeTransport)
	_, refusal = k.Redeem(plain, i.Secret)
	k.refused(refusal, pairing.CodeTransport)
	if a := k.Hello(plain, token, nil); a.Access == nil {
		t.Errorf("with a token: %+v", a)
	}
	k.lobby(safe)
	k.lobby(local) // nothing leaves the machine
	// What was sent in the clear may have been read: it is good no more.
	k.refused(k.Hello(safe, i.PIN, nil).Err, pairing.CodePINExpired)
	_, refusal = k.Redeem(safe, i.Secret)
	k.refused(refusal, pairing.CodePINExpired)
	i = k.invite(pairing.Grant{})
	k.refused(k.Hello(plain, i.PIN, nil).Err, pairing.CodeTransport)
	k.refused(k.Hello(safe, i.PIN, nil).Err, pairing.CodePINExpired)
	k.refused(k.Hello(plain, i.PIN, nil).Err, pairing.CodeTransport) // again, and no PIN is open
	if token, refusal := k.Redeem(safe, i.Secret); refusal != nil || token.Text == "" {
		t.Errorf("its link was not sent: %+v", refusal)
	}
	if a := k.Hello(plain, "473920", nil); a.Err != nil || a.Visit != nil {
		t.Errorf("no PIN is open, so this is a token of somebody else's: %+v", a)
	}
}

func TestTwoRaceForOneInvite(t *testing.T) {
	k := start(t)
	i := k.invite(pairing.Grant{})
	answers := make(chan pairing.Answer)
	for n := range 20 {
		go func() {
			if n%2 == 0 {
				answers <- k.Hello(other(n), i.PIN, nil)
				return
			}
			token, err := k.Redeem(other(n), i.Secret)
			answers <- pairing.Answer{Token: &token, Err: err}
		}()
	}
	in := 0
	for range 20 {
		a := <-answers
		if a.Err == nil {
			in++
		} else if a.Err.Code != pairing.CodePINExpired || !a.Err.Used {
			t.Errorf("%+v", a.Err)
		}
	}
	if in != 1 || len(k.Devices()) != 1 {
		t.Errorf("%d came in, %d devices", in, len(k.Devices()))
	}
}

func TestUDP(t *testing.T) {
	k := start(t)
	o := from("mat", "10.0.0.40")
	_, err := k.Allow(pairing.Grant{Name: "mat"}, netip.MustParsePrefix("10.0.0.40/32"))
	k.must(err)
	_, token := k.paired("x", pairing.Grant{})
	i := k.invite(pairing.Grant{})
	o.Transport = "udp"
	for _, shown := range []string{"", i.PIN, "pair:" + i.PIN} {
		if a := k.Hello(o, shown, nil); a != (pairing.Answer{}) {
			t.Errorf("%q over UDP: %+v", shown, a)
		}
	}
	if a := k.Hello(o, token, nil); a.Access == nil {
		t.Errorf("a token over UDP: %+v", a)
	}
}

func TestWeakDevices(t *testing.T) {
	k := start(t, func(o *pairing.Options) { o.Grace = 0 })
	for prefix, addr := range map[string]string{"10.0.0.40/32": "10.0.0.40", "10.1.0.0/16": "10.1.2.3", "fd00:1:2:3:4:5:6:7/128": "fd00:1:2:3:4:5:6:7", "fe80::7/128": "fe80::7%eth0"} {
		k.configure(func(s *pairing.Settings) { s.Enabled = true })
		name := "mat " + strings.NewReplacer("/", "-", ":", "-").Replace(prefix)
		d, err := k.Allow(pairing.Grant{Name: name, Profile: "sensor", By: "ann"}, netip.MustParsePrefix(prefix))
		k.must(err)
		if !d.Weak || !d.Confirmed || d.Lifetime != pairing.LifetimeForever || !d.Expires.IsZero() {
			t.Errorf("%+v", d)
		}
		k.configure(func(s *pairing.Settings) { s.Enabled = false }) // known devices come in
		o := from(name, addr)
		o.Transport = "tcp"
		a := k.Hello(o, "", nil)
		if a.Access == nil || !a.Access.Weak || len(a.Access.Read) != 0 || a.Access.Write[0] != "/sensors/"+name+"/**" {
			t.Fatalf("%s: %+v", prefix, a)
		}
		o.Name += "!"
		if a := k.Hello(o, "", nil); a != (pairing.Answer{}) {
			t.Errorf("another name: %+v", a)
		}
		if a := k.Hello(from(name, "10.9.9.9"), "", nil); a != (pairing.Answer{}) {
			t.Errorf("another address: %+v", a)
		}
		if a := k.Hello(from(name, netip.MustParseAddr(addr).Next().String()), "", nil); a.Access != nil && strings.HasSuffix(prefix, "/128") {
			t.Errorf("%s lets another host of its /64 in: %+v", prefix, a)
		}
	}
}

func TestWeakDeviceOfAShow(t *testing.T) {
	k := start(t)
	g, here := pairing.Grant{Name: "mat", Lifetime: pairing.LifetimeShow}, netip.MustParsePrefix("10.0.0.1/32")
	_, err := k.Allow(g, here)
	k.must(err)
	k.wait(12 * time.Hour)
	k.refused(k.Hello(from("mat", "10.0.0.1"), "", nil).Err, pairing.CodeEnded)
	next, err := k.Allow(g, here)
	k.must(err)
	for range 20 { // in whatever order devices are looked at
		if a := k.Hello(from("mat", "10.0.0.1"), "", nil); a.Access == nil || a.Access.Device != next.ID {
			t.Fatalf("%+v", a)
		}
	}
}

func TestAllowRefuses(t *testing.T) {
	k := start(t)
	here := netip.MustParsePrefix("10.0.0.0/24")
	_, err := k.Allow(pairing.Grant{Name: "mat"}, here)
	k.must(err)
	for what, c := range map[string]struct {
		g    pairing.Grant
		from netip.Prefix
		kind error
	}{
		"no name":       {pairing.Grant{Name: "\x1b"}, here, pairing.ErrInvalid},
		"no address":    {pairing.Grant{Name: "x"}, netip.Prefix{}, pairing.ErrInvalid},
		"admin":         {pairing.Grant{Name: "x", Profile: "admin"}, here, pairing.ErrInvalid},
		"no profile":    {pairing.Grant{Name: "x", Profile: "guru"}, here, pairing.ErrInvalid},
		"no lifetime":   {pairing.Grant{Name: "x", Lifetime: "long"}, here, pairing.ErrInvalid},
		"there already": {pairing.Grant{Name: "MAT"}, netip.MustParsePrefix("10.0.0.7/32"), pairing.ErrConflict},
	} {
		if _, err := k.Allow(c.g, c.from); !errors.Is(err, c.kind) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if n := len(k.Devices()); n != 1 {
		t.Errorf("%d devices", n)
	}
}

func TestApproveWeak(t *testing.T) {
	k := start(t)
	o := from("mat", "10.0.0.40")
	v := k.lobby(o)
	id := v.Status().ID
	if _, err := k.Approve(id, pairing.Grant{Weak: true, Profile: "admin"}); !errors.Is(err, pairing.ErrInvalid) {
		t.Errorf("a weak admin: %v", err)
	}
	d, err := k.Approve(id, pairing.Grant{Weak: true, Lifetime: pairing.LifetimeForever})
	k.must(err)
	if d.From != "10.0.0.40" || !d.Weak {
		t.Errorf("%+v", d)
	}
	_, refusal := v.Token()
	k.refused(refusal, pairing.CodePINExpired)
	v.Leave()
	k.wait(48 * time.Hour)
	if a := k.Hello(o, "", nil); a.Access == nil || a.Access.Device != d.ID {
		t.Errorf("%+v", a)
	}
	// Given a token, it is weak no more once it shows it; but it may still come without.
	token, err := k.Reissue(d.ID, "ann")
	k.must(err)
	if a := k.Hello(from("mat", "10.0.0.99"), token.Text, nil); a.Access == nil {
		t.Errorf("%+v", a)
	}
}

func TestGrace(t *testing.T) {
	k := start(t)
	o := from("iPad", "10.0.0.1")
	v := k.lobby(o)
	d, err := k.Approve(v.Status().ID, pairing.Grant{})
	k.must(err)
	// It seems to be there still: its connection is half gone.
	a := k.Hello(from("IPAD", "10.0.0.1"), "", nil)
	if a.Access == nil || a.Access.Device != d.ID || !a.Access.Weak {
		t.Fatalf("%+v", a)
	}
	v.Leave()
	k.Left(a.Access)
	k.wait(10*time.Minute - time.Second)
	k.lobby(from("iPad", "10.0.0.2"))
	k.lobby(from("iPhone", "10.0.0.1"))
	b := k.Hello(o, "", nil)
	if b.Access == nil || b.Access.Device != d.ID {
		t.Fatalf("%+v", b)
	}
	k.wait(24 * time.Hour) // a long show
	k.device(d.ID)
	k.Left(b.Access)
	k.wait(10 * time.Minute)
	if len(k.Devices()) != 0 {
		t.Error("it has gone for good, and its row is still there")
	}
	k.lobby(o)
}

func TestGraceSurvivesARestart(t *testing.T) {
	k := start(t)
	o := from("iPad", "10.0.0.1")
	v := k.lobby(o)
	_, err := k.Approve(v.Status().ID, pairing.Grant{})
	k.must(err)
	k.wait(time.Hour)
	k = k.again()
	k.wait(9 * time.Minute)
	if a := k.Hello(o, "", nil); a.Access == nil {
		t.Errorf("%+v", a)
	}
}

func TestNoGrace(t *testing.T) {
	for what, c := range map[string]struct {
		grace time.Duration
		g     pairing.Grant
		then  func(*kit, *pairing.Visit)
	}{
		"off":         {0, pairing.Grant{}, func(*kit, *pairing.Visit) {}},
		"admin":       {time.Hour, pairing.Grant{Profile: "admin"}, func(*kit, *pairing.Visit) {}},
		"has a token": {time.Hour, pairing.Grant{}, func(k *kit, v *pairing.Visit) { k.ok(v.Done()) }},
		"show over":   {24 * time.Hour, pairing.Grant{Lifetime: pairing.LifetimeShow}, func(k *kit, _ *pairing.Visit) { k.wait(12 * time.Hour) }},
	} {
		k := start(t, func(o *pairing.Options) { o.Grace = c.grace })
		v := k.lobby(from("iPad", "10.0.0.1"))
		_, err := k.Approve(v.Status().ID, c.g)
		k.must(err)
		c.then(k, v)
		v.Leave()
		if a := k.Hello(from("iPad", "10.0.0.1"), "", nil); a.Visit == nil {
			t.Errorf("%s: %+v", what, a)
		}
	}
}

// Who has come by a PIN or over HTTP has a token to show.
func TestNoGraceForPINsAndHTTP(t *testing.T) {
	k := start(t)
	o := from("x", "10.0.0.1")
	i := k.invite(pairing.Grant{})
	k.Left(k.Hello(o, i.PIN, nil).Access)
	k.lobby(o).Leave()
	k.paired("y", pairing.Grant{})
	k.lobby(from("y", "10.0.0.9"))
}
