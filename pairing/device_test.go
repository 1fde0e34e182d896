// Devices: tokens, lifetimes, names, profiles, and how they are thrown out.

package pairing_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/pairing"
)

// comes has a device say HELLO with a token, and go again.
func (k *kit) comes(token string) *pairing.Error {
	a := k.Hello(from("whoever", "10.7.7.7"), token, nil)
	if a.Access != nil {
		k.Left(a.Access)
	}
	return a.Err
}

func TestTokens(t *testing.T) {
	k := start(t)
	d, token := k.paired("x", pairing.Grant{})
	k.ok(k.comes(token))
	for _, bad := range []string{
		"clp_", "clp_" + d.ID, "clp_" + d.ID + "_", token[:46], token + "0", token[:46] + "!",
		"clp_0000000000" + token[14:], "clp_" + strings.Repeat("x", 100000),
	} {
		if k.refused(k.comes(bad), pairing.CodeUnauthorized).Hold != 0 {
			t.Error("160 bits need no brake")
		}
	}
	a, err := k.Token(token)
	k.ok(err)
	if a.Device != d.ID || a.Profile != "default" {
		t.Errorf("%+v", a)
	}
	k.Left(a)
	if n := k.device(d.ID).Online; n != 0 {
		t.Errorf("%d online", n)
	}
	_, err = k.Token("clp_x")
	k.refused(err, pairing.CodeUnauthorized)
}

func TestRenew(t *testing.T) {
	k := start(t)
	d, old := k.paired("x", pairing.Grant{})
	k.ok(k.comes(old))
	fresh, err := k.Renew(d.ID)
	k.ok(err)
	_, err = k.Renew(d.ID)
	k.refused(err, pairing.CodeRate)
	k.ok(k.comes(old))
	k = k.again()
	k.ok(k.comes(old))
	k.wait(time.Minute)
	newer, err := k.Renew(d.ID) // the first never arrived
	k.ok(err)
	k.refused(k.comes(fresh.Text), pairing.CodeUnauthorized)
	k.ok(k.comes(old))
	k.ok(k.comes(newer.Text))
	k.refused(k.comes(old), pairing.CodeUnauthorized)
	k = k.again()
	k.refused(k.comes(old), pairing.CodeUnauthorized)
	k.ok(k.comes(newer.Text))

	k.wait(time.Minute)
	last, err := k.Renew(d.ID)
	k.ok(err)
	k.wait(10 * time.Minute)
	k.refused(k.comes(newer.Text), pairing.CodeUnauthorized)
	k.ok(k.comes(last.Text))
	_, err = k.Renew("nobody")
	k.refused(err, pairing.CodeRevoked)
}

func TestReissue(t *testing.T) {
	k := start(t)
	d, old := k.paired("x", pairing.Grant{})
	k.ok(k.comes(old))
	shown, err := k.Reissue("X", "ann")
	k.must(err)
	k.wait(24 * time.Hour)
	k.ok(k.comes(old))
	k.ok(k.comes(shown.Text))
	k.refused(k.comes(old), pairing.CodeUnauthorized)
	if _, err := k.Reissue("nobody", "ann"); !errors.Is(err, pairing.ErrUnknown) {
		t.Errorf("%v", err)
	}
	k.wait(30 * 24 * time.Hour)
	if _, err := k.Reissue(d.ID, "ann"); !errors.Is(err, pairing.ErrConflict) {
		t.Errorf("a token for an expired device: %v", err)
	}
}

func TestLifetimes(t *testing.T) {
	k := start(t)
	_, show := k.paired("show", pairing.Grant{Lifetime: pairing.LifetimeShow})
	_, sliding := k.paired("sliding", pairing.Grant{})
	d, forever := k.paired("forever", pairing.Grant{Lifetime: pairing.LifetimeForever})
	for _, token := range []string{show, sliding, forever} {
		k.ok(k.comes(token))
	}
	k.wait(12*time.Hour - time.Second)
	running := k.Hello(from("show", "10.0.0.1"), show, nil)
	if running.Access == nil {
		t.Fatalf("%+v", running)
	}
	k.wait(time.Second)
	k.refused(k.comes(show), pairing.CodeEnded)
	if len(k.endings()) != 0 {
		t.Error("a session that runs was ended")
	}
	k.Left(running.Access)
	k.wait(29 * 24 * time.Hour)
	k.ok(k.comes(sliding))
	k.wait(30*24*time.Hour - time.Second)
	k.ok(k.comes(sliding))
	k.wait(30 * 24 * time.Hour)
	k.refused(k.comes(sliding), pairing.CodeEnded)
	k.ok(k.comes(forever))
	_, err := k.Renew(d.ID)
	k.ok(err)
	k.wait(30 * 24 * time.Hour)
	if list := k.Devices(); len(list) != 1 || list[0].Name != "forever" {
		t.Errorf("%+v", list)
	}
}

// A device that stays is not over while it stays.
func TestSlidingWhileOnline(t *testing.T) {
	k := start(t)
	d, token := k.paired("x", pairing.Grant{})
	a := k.Hello(from("x", "10.0.0.1"), token, nil)
	for range 40 {
		k.wait(24 * time.Hour)
	}
	k.Left(a.Access)
	k.ok(k.comes(token))
	if seen := k.device(d.ID).LastSeen; !seen.Equal(k.clock.Now()) {
		t.Errorf("last seen %v", seen)
	}
}

func TestUnconfirmedVanishes(t *testing.T) {
	k := start(t)
	_, token := k.paired("x", pairing.Grant{})
	kept, used := k.paired("y", pairing.Grant{})
	confirmed, _ := k.paired("z", pairing.Grant{})
	k.ok(k.comes(used))
	k.must(k.Confirm(confirmed.ID))
	k.must(k.Confirm(confirmed.ID))
	if err := k.Confirm("nobody"); !errors.Is(err, pairing.ErrUnknown) {
		t.Errorf("%v", err)
	}
	k = k.again()
	k.wait(10 * time.Minute)
	if list := k.Devices(); len(list) != 2 || list[0].ID != kept.ID {
		t.Errorf("%+v", list)
	}
	k.said("forgotten", 1)
	k.refused(k.comes(token), pairing.CodeUnauthorized)
	k = k.again()
	if n := len(k.Devices()); n != 2 {
		t.Errorf("%d devices after a restart", n)
	}
}

func TestNames(t *testing.T) {
	k := start(t)
	names := map[string]bool{}
	for _, name := range []string{"iPad", "IPAD", "iPad", "a/b", "a*b", "a_b", strings.Repeat("ü", 64), strings.Repeat("ü", 64), "iPad (2)"} {
		d, _ := k.paired(name, pairing.Grant{})
		if names[d.Name] {
			t.Errorf("%q twice", d.Name)
		}
		names[d.Name] = true
		if n := len([]rune(d.Name)); n > 64 {
			t.Errorf("%d characters: %q", n, d.Name)
		}
	}
	for _, want := range []string{"iPad", "IPAD (2)", "iPad (3)", "a*b (2)", "a_b (3)", "iPad (2) (2)", strings.Repeat("ü", 60) + " (2)"} {
		if !names[want] {
			t.Errorf("no %q in %v", want, names)
		}
	}
	// Each writes to a part of its own, whatever its name.
	parts := map[string]bool{}
	for _, d := range k.Devices() {
		_, err := k.SetProfile(d.ID, "sensor", "ann")
		k.must(err)
		token, err := k.Reissue(d.ID, "ann")
		k.must(err)
		part := strings.ToLower(token.Write[0])
		if parts[part] || strings.Count(part, "/") != 3 || strings.Count(part, "*") != 2 {
			t.Errorf("%q is the part of two, or more than one", part)
		}
		parts[part] = true
	}
}

func TestNameLikeAnID(t *testing.T) {
	k := start(t)
	d, _ := k.paired("victim", pairing.Grant{})
	thief, _ := k.paired(d.ID, pairing.Grant{})
	if thief.Name == d.ID {
		t.Error("a device is called like another's ID")
	}
	if _, err := k.Rename(thief.ID, strings.ToUpper(d.ID), "ann"); !errors.Is(err, pairing.ErrConflict) {
		t.Errorf("%v", err)
	}
}

func TestRename(t *testing.T) {
	k := start(t)
	d, token := k.paired("x", pairing.Grant{})
	k.paired("y", pairing.Grant{})
	a := k.Hello(from("x", "10.0.0.1"), token, nil).Access
	renamed, err := k.Rename("X", "desk \x1b[31m", "ann")
	k.must(err)
	if renamed.ID != d.ID || renamed.Name != "desk [31m" || renamed.Claimed != "x" || renamed.Online != 1 {
		t.Errorf("%+v", renamed)
	}
	if len(k.endings()) != 0 {
		t.Error("its session was ended for a name")
	}
	if _, err := k.Rename(d.ID, "Y", "ann"); !errors.Is(err, pairing.ErrConflict) {
		t.Errorf("the name of another: %v", err)
	}
	if _, err := k.Rename(d.ID, "DESK [31m", "ann"); err != nil {
		t.Errorf("its own name: %v", err)
	}
	_, err = k.SetProfile(d.ID, "sensor", "ann")
	k.must(err)
	k.Left(a)
	a = k.Hello(from("x", "10.0.0.1"), token, nil).Access
	_, err = k.Rename(d.ID, "mat", "ann") // its name is a part of its rights
	k.must(err)
	k.sessionsEnded(d.ID + " 0")
	k.Left(a)
	k = k.again()
	if d := k.device(d.ID); d.Name != "mat" || d.Profile != "sensor" {
		t.Errorf("%+v", d)
	}
}

func TestSetProfile(t *testing.T) {
	k := start(t)
	d, token := k.paired("x", pairing.Grant{})
	a := k.Hello(from("x", "10.0.0.1"), token, nil).Access
	if _, err := k.SetProfile(d.ID, "guru", "ann"); !errors.Is(err, pairing.ErrInvalid) || !strings.Contains(err.Error(), "viewer") {
		t.Errorf("%v", err)
	}
	_, err := k.SetProfile(d.ID, "operator", "ann") // the same rights
	k.must(err)
	changed, err := k.SetProfile(d.ID, "viewer", "ann")
	k.must(err)
	if changed.Profile != "viewer" {
		t.Errorf("%+v", changed)
	}
	k.sessionsEnded(d.ID + " 0")
	if len(k.endings()) != 1 {
		t.Errorf("%q", k.endings())
	}
	k.Left(a)
	if a := k.Hello(from("x", "10.0.0.1"), token, nil).Access; a == nil || len(a.Write) != 0 {
		t.Errorf("%+v", a)
	}
}

func TestRevoke(t *testing.T) {
	k := start(t)
	d, token := k.paired("x", pairing.Grant{})
	a := k.Hello(from("x", "10.0.0.1"), token, nil).Access
	if _, err := k.Revoke("nobody", "ann"); !errors.Is(err, pairing.ErrUnknown) {
		t.Errorf("%v", err)
	}
	gone, err := k.Revoke("x", "ann")
	k.must(err)
	if gone.ID != d.ID || gone.Online != 1 {
		t.Errorf("%+v", gone)
	}
	k.sessionsEnded(d.ID + " 317")
	k.Left(a)
	k = k.again()
	k.refused(k.comes(token), pairing.CodeRevoked)
	k.refused(k.comes(token[:46]+"!"), pairing.CodeUnauthorized) // who does not have it learns nothing
	if len(k.Devices()) != 0 {
		t.Error("it is still there")
	}
	k.paired("x", pairing.Grant{}) // its name is free
	k.wait(30 * 24 * time.Hour)
	k.refused(k.comes(token), pairing.CodeUnauthorized)
}

func TestRevokeAll(t *testing.T) {
	k := start(t)
	var tokens []string
	for _, name := range []string{"a", "b", "c", "d"} {
		_, token := k.paired(name, pairing.Grant{})
		k.ok(k.comes(token))
		tokens = append(tokens, token)
	}
	gone, err := k.RevokeAll("ann", func(d pairing.Device) bool { return d.Name == "c" })
	k.must(err)
	if len(gone) != 3 || gone[0].Name != "a" || len(k.Devices()) != 1 {
		t.Errorf("%+v", gone)
	}
	k = k.again()
	k.ok(k.comes(tokens[2]))
	k.refused(k.comes(tokens[0]), pairing.CodeRevoked)
}

func TestProfiles(t *testing.T) {
	k := start(t, func(o *pairing.Options) {
		o.Profiles = map[string]pairing.Profile{
			"default": {Read: []string{"/a/**"}, Write: []string{"/a/{device}"}},
			"lights":  {Read: []string{"**"}},
			"admin":   {Read: []string{"/**"}},
		}
	})
	var names []string
	for _, p := range k.Profiles() {
		names = append(names, p.Name)
		if p.NoPIN != (p.Name == "admin") {
			t.Errorf("%+v", p)
		}
	}
	if want := []string{"admin", "default", "lights", "operator", "sensor", "viewer"}; !slices.Equal(names, want) {
		t.Errorf("%q", names)
	}
	d, token := k.paired("x", pairing.Grant{})
	_, lights := k.paired("y", pairing.Grant{Profile: "lights"})
	a := k.Hello(from("x", "10.0.0.1"), token, nil).Access
	if a.Write[0] != "/a/x" {
		t.Errorf("%+v", a)
	}
	k.ok(k.comes(lights))
	k.configure(func(s *pairing.Settings) { s.Profiles = nil })
	k.sessionsEnded(d.ID + " 0")
	k.refused(k.comes(lights), pairing.CodeUnauthorized)
	if _, err := k.Invite(pairing.Grant{Profile: "lights"}, false); !errors.Is(err, pairing.ErrInvalid) {
		t.Errorf("%v", err)
	}
}

func TestSettingsAreChecked(t *testing.T) {
	k := start(t)
	for n, s := range []pairing.Settings{
		{Policy: "none"},
		{Timeout: 29 * time.Second},
		{Timeout: time.Hour + 1},
		{MaxPINs: 5},
		{MaxPINs: -1},
		{Grace: -1},
		{Profiles: map[string]pairing.Profile{"x": {Read: []string{"a"}}}},
		{Profiles: map[string]pairing.Profile{"x": {Write: []string{"/a//{device}"}}}},
		{Profiles: map[string]pairing.Profile{"": {}}},
		{Profiles: map[string]pairing.Profile{"x\x1b": {}}},
	} {
		if err := k.Configure(s); !errors.Is(err, pairing.ErrInvalid) {
			t.Errorf("%d: %v", n, err)
		}
	}
	if !k.Overview().Enabled {
		t.Error("half of them counts")
	}
}

func TestLook(t *testing.T) {
	k := start(t)
	i := k.invite(pairing.Grant{Name: "desk", Profile: "viewer"})
	for range 3 {
		seen, err := k.Look(i.Secret)
		k.ok(err)
		if seen.Grant.Profile != "viewer" || seen.PIN != "" {
			t.Errorf("%+v", seen)
		}
	}
	_, err := k.Look("guessed")
	k.refused(err, pairing.CodeUnauthorized)
	_, err = k.Redeem(from("x", "10.0.0.1"), i.Secret)
	k.ok(err)
	_, err = k.Look(i.Secret)
	k.refused(err, pairing.CodePINExpired)
}

// Nothing secret is in what is audited, whatever happens.
func TestAuditHoldsNoSecret(t *testing.T) {
	k := start(t)
	i := k.invite(pairing.Grant{})
	v, code := k.picked(from("x\x1b]0;title\a", "10.0.0.1"))
	bad := wrong(code, 1)
	k.refused(v.PIN(bad), pairing.CodePINInvalid)
	k.refused(k.Hello(from("z", "10.0.0.3"), wrong(i.PIN, 5), nil).Err, pairing.CodePINInvalid)
	k.ok(v.PIN(code))
	token, err := v.Token()
	k.ok(err)
	k.ok(v.Done())
	b := k.Hello(from("y", "10.0.0.2"), i.PIN, nil)
	renewed, err := k.Renew(token.Device)
	k.ok(err)
	_, e := k.Revoke(token.Device, "ann\x1b")
	k.must(e)
	k.said("revoked", 1)
	for _, what := range []string{"knock", "code_opened", "miss", "issued", "invite", "renewed"} {
		if k.heard(what) == 0 {
			t.Errorf("%s is not audited", what)
		}
	}
	text := fmt.Sprint(k.all())
	for _, secret := range []string{i.PIN, i.Secret, code, bad, token.Text, token.Text[15:], b.Token.Text, renewed.Text, "\x1b", "\a"} {
		if strings.Contains(text, secret) {
			t.Errorf("%q is in %s", secret, text)
		}
	}
}

// Whoever is told may ask at once: no lock is held.
func TestCallbacksMayCallBack(t *testing.T) {
	k := start(t)
	done := make(chan pairing.State, 100)
	var v *pairing.Visit
	ready := make(chan struct{})
	k.OnKnock(func() { k.Knocks() })
	v = k.Hello(from("x", "10.0.0.1"), "", func() {
		<-ready
		if v.Access() != nil {
			_ = v.Done()
		}
		done <- v.Status().State
	}).Visit
	close(ready)
	_, err := k.Approve(v.Status().ID, pairing.Grant{})
	k.must(err)
	eventually(t, "it has said so", func() bool { return <-done == pairing.StateActive })
}

func TestClosed(t *testing.T) {
	k := start(t)
	_, token := k.paired("x", pairing.Grant{})
	i := k.invite(pairing.Grant{})
	v := k.lobby(from("y", "10.0.0.2"))
	k.close()
	k.close()
	k.refused(k.comes(token), pairing.CodeUnauthorized)
	_, err := k.Redeem(from("z", "10.0.0.3"), i.Secret)
	k.refused(err, pairing.CodeInternal)
	if _, err := k.Approve(v.Status().ID, pairing.Grant{}); !errors.Is(err, pairing.ErrStorage) {
		t.Errorf("%v", err)
	}
	v.Leave()
	k.Tick()
}
