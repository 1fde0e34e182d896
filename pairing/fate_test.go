package pairing_test

import (
	"errors"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/pairing"
)

// TestFate: whoever made an invite hears what became of it, by whichever face it was used, for
// as long as its codes are remembered.
func TestFate(t *testing.T) {
	k := start(t, func(o *pairing.Options) { o.Settings.MaxPINs = 4 })
	fate := func(i pairing.Invite) pairing.Fate {
		t.Helper()
		f, err := k.Fate(i.ID)
		k.must(err)
		return f
	}
	open, byPIN, byLink, closed := k.invite(pairing.Grant{}), k.invite(pairing.Grant{}), k.invite(pairing.Grant{}), k.invite(pairing.Grant{})
	if f := fate(open); !f.Open || f.Invite.Secret != open.Secret {
		t.Errorf("open: %+v", f)
	}
	a := k.Hello(from("one", "10.0.0.1"), byPIN.PIN, nil)
	k.ok(a.Err)
	if f := fate(byPIN); f.Open || !f.Used || f.Device != a.Access.Device {
		t.Errorf("by its PIN: %+v", f)
	}
	token, refusal := k.Redeem(from("two", "10.0.0.2"), byLink.Secret)
	k.ok(refusal)
	if f := fate(byLink); !f.Used || f.Device != token.Device {
		t.Errorf("by its link: %+v", f)
	}
	k.must(k.CloseInvite(closed.ID, "ann"))
	if f := fate(closed); f.Open || f.Used || f.Device != "" {
		t.Errorf("closed: %+v", f)
	}
	k.wait(5 * time.Minute)
	if f := fate(open); f.Open || f.Used {
		t.Errorf("expired: %+v", f)
	}
	k.wait(10 * time.Minute)
	for _, id := range []string{byPIN.ID, open.ID, "", "nothing"} {
		if f, err := k.Fate(id); !errors.Is(err, pairing.ErrUnknown) {
			t.Errorf("%q: %+v, %v", id, f, err)
		}
	}
}

// TestFateAwaits: where the operator has to agree, the device is named once that is so, however its
// PIN was typed.
func TestFateAwaits(t *testing.T) {
	k := start(t, func(o *pairing.Options) { o.Settings.Policy = pairing.PolicyBoth })
	for _, typed := range []func(pin string) *pairing.Visit{
		func(pin string) *pairing.Visit { return k.Hello(from("one", "10.0.0.1"), pin, nil).Visit },
		func(pin string) *pairing.Visit {
			v := k.lobby(from("two", "10.0.0.2"))
			k.ok(v.PIN(pin))
			return v
		},
	} {
		i := k.invite(pairing.Grant{})
		v := typed(i.PIN)
		if f, err := k.Fate(i.ID); err != nil || !f.Used || f.Device != "" {
			t.Fatalf("while it waits: %+v, %v", f, err)
		}
		d, err := k.Approve(v.Status().ID, pairing.Grant{})
		k.must(err)
		k.ok(v.Done()) // its row goes, what became of the invite stays
		if f, err := k.Fate(i.ID); err != nil || f.Device != d.ID {
			t.Errorf("let in: %+v, %v", f, err)
		}
	}
}

// TestSettingsCheck: what Open refuses is told beforehand.
func TestSettingsCheck(t *testing.T) {
	good := pairing.Settings{Enabled: true}
	if err := good.Check(); err != nil {
		t.Error(err)
	}
	bad := good
	bad.Profiles = map[string]pairing.Profile{"x\u202e": {}}
	if err := bad.Check(); !errors.Is(err, pairing.ErrInvalid) {
		t.Errorf("got %v", err)
	}
}
