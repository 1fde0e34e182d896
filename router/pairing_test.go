// What the engine does about pairing that no transport shows: which HELLOs pairing is asked about, and what becomes of a device
// that is revoked while it is being let in.

package router_test

import (
	"context"
	"log/slog"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/pairing"
	"github.com/clasp-studio/clasp/router"
	"github.com/clasp-studio/clasp/router/wire"
)

func openPairs(t testing.TB, s pairing.Settings) *pairing.Registry {
	t.Helper()
	pairs, err := pairing.Open(pairing.Options{Settings: s, Path: filepath.Join(t.TempDir(), "devices"), RouterID: "router id", RouterName: "test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pairs.Close() })
	return pairs
}

var pairingOn = pairing.Settings{Enabled: true, Lobby: true, Policy: pairing.PolicyPIN, Timeout: time.Minute, MaxPINs: 1}

// makeDevice makes one, and returns its token.
func makeDevice(t testing.TB, pairs *pairing.Registry, name, profile string) string {
	t.Helper()
	in, err := pairs.Invite(pairing.Grant{Name: name, Profile: profile, By: "the test"}, false)
	if err != nil {
		t.Fatal(err)
	}
	made, refused := pairs.Redeem(pairing.Origin{Name: name, Source: netip.MustParseAddr("192.0.2.7"), Remote: "192.0.2.7:1", Transport: "http"}, in.Secret)
	if refused != nil {
		t.Fatal(refused)
	}
	return made.Text
}

// A router that asks for no token has no lobby, and a device's token restricts there as any other does.
func TestPairingWhereNoTokenIsNeeded(t *testing.T) {
	pairs := openPairs(t, pairingOn)
	device := makeDevice(t, pairs, "viewer of "+t.Name(), "viewer")
	r := openGuarded(t, router.Options{Settings: guarded(t, false), Pairing: pairs})
	free, _ := enter(t, r, "")
	if got := free.ask(t, wire.Confirm, setPayload("/a", 0.5)); !slices.Equal(got, []string{"ACK"}) {
		t.Errorf("without a token: %q", got)
	}
	if n := len(pairs.Knocks()); n != 0 {
		t.Errorf("%d wait in the lobby", n)
	}
	restricted, _ := enter(t, r, device)
	if got := restricted.ask(t, wire.Confirm, setPayload("/a", 0.5)); !slices.Equal(got, []string{"ERROR 301 /a"}) {
		t.Errorf("with a viewer's token: %q", got)
	}
	issued, _ := enter(t, r, sign(t, secret, rights("/**", "/a", "", "")))
	if got := issued.ask(t, wire.Confirm, setPayload("/a", 0.5)); !slices.Equal(got, []string{"ACK"}) {
		t.Errorf("with an issuer's token: %q", got)
	}
}

// Pairing off: those that were let in before come in with their tokens, nobody new does, and a PIN is a bad token like any.
func TestPairingOff(t *testing.T) {
	pairs := openPairs(t, pairingOn)
	device := makeDevice(t, pairs, "desk", "default")
	off := pairingOn
	off.Enabled = false
	if err := pairs.Configure(off); err != nil {
		t.Fatal(err)
	}
	r := openGuarded(t, router.Options{Settings: guarded(t, true), Pairing: pairs})
	enter(t, r, device)
	enter(t, r, sign(t, secret, rights("/**", "/**", "", "")))
	for i, token := range []string{"", "473920"} {
		c := knock(t, r, "192.0.2.10:1", token)
		if got := c.heard(t); !slices.Equal(got, []string{"ERROR 300"}) || c.door.reason() != router.ReasonUnpaired {
			t.Errorf("%d: answered %q, ended for %v", i, got, c.door.reason())
		}
	}
}

// Log lines of a device say which one it is, and never its token, whatever the level.
func TestDeviceInTheLog(t *testing.T) {
	pairs := openPairs(t, pairingOn)
	device := makeDevice(t, pairs, "desk", "default")
	var log journal
	r := openGuarded(t, router.Options{Settings: guarded(t, true), Pairing: pairs, Logger: log.logger()})
	c, _ := enter(t, r, device)
	c.ask(t, wire.Confirm, setPayload("/a", 0.5))
	id, secret := strings.Split(device, "_")[1], strings.Split(device, "_")[2]
	for _, want := range []string{`msg="session started"`, "device=" + id, "device_name=desk", "type=SET"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log says no %s:\n%s", want, log.String())
		}
	}
	if strings.Contains(log.String(), secret) {
		t.Error("the token is in the log")
	}
}

// meddler is a log that does something when it is asked whether to log, which the engine does between what it asks pairing and
// what it makes of the answer.
type meddler struct {
	slog.Handler
	armed atomic.Pointer[func()]
	after atomic.Int32 // times it is asked before
}

func (m *meddler) Enabled(context.Context, slog.Level) bool {
	if m.after.Add(-1) < 0 {
		if f := m.armed.Swap(nil); f != nil {
			(*f)()
		}
	}
	return false
}

// Whoever is revoked while it says HELLO is not inside afterwards.
func TestRevokedAtHello(t *testing.T) {
	pairs := openPairs(t, pairingOn)
	device := makeDevice(t, pairs, "desk", "default")
	log := &meddler{Handler: slog.DiscardHandler}
	r := openGuarded(t, router.Options{Settings: guarded(t, true), Pairing: pairs, Logger: slog.New(log)})
	for after := range int32(4) { // before pairing is asked, and behind it
		if after > 0 {
			device = makeDevice(t, pairs, "desk", "default")
		}
		log.after.Store(after)
		revoke := func() {
			if _, err := pairs.Revoke("desk", "the test"); err != nil {
				t.Errorf("revoke: %v", err)
			}
		}
		log.armed.Store(&revoke)
		c := knock(t, r, "192.0.2.10:1", device)
		if got := c.heard(t); !slices.Contains(got, "ERROR 317") && !slices.Contains(got, "ERROR 300") {
			t.Errorf("%d: answered %q", after, got)
		}
		c.leave()
	}
}

// Where the source may be invented nobody waits in the lobby, and no PIN is looked at.
func TestForgeableSource(t *testing.T) {
	pairs := openPairs(t, pairingOn)
	in, err := pairs.Invite(pairing.Grant{Name: "desk", By: "the test"}, true)
	if err != nil {
		t.Fatal(err)
	}
	device := makeDevice(t, pairs, "other", "default")
	r := openGuarded(t, router.Options{Settings: guarded(t, true), Pairing: pairs})
	for token, want := range map[string]string{"": "ERROR 300", in.PIN: "ERROR 300", device: "WELCOME"} {
		c := caller{door: &door{}}
		c.Session, _ = r.Open(c.door, router.Peer{Transport: "test", Remote: "192.0.2.9:1", Source: netip.MustParseAddr("192.0.2.9"), Forgeable: true})
		c.leave = func() { c.Closed(router.ReasonClientClosed) }
		c.send(t, wire.Fire, wire.AppendHello(nil, wire.Hello{Version: wire.Version, Name: []byte("caller"), Token: []byte(token)}))
		if got := c.heard(t); len(got) == 0 || got[0] != want {
			t.Errorf("with a token of %d bytes it is answered %q, want %s", len(token), got, want)
		}
		c.leave()
	}
}

// A wrong PIN is answered a second later, whichever way it came, and till then nothing tells that it was wrong.
func TestMissCostsTime(t *testing.T) {
	inBubble(t, func(t *testing.T, r *router.Router, pairs *pairing.Registry) {
		in, err := pairs.Invite(pairing.Grant{Name: "desk", By: "the test"}, true)
		if err != nil {
			t.Fatal(err)
		}
		pin := "473920"
		if pin == in.PIN {
			pin = "473921"
		}
		answer, reason, took := turnedAway(t, r, "192.0.2.1:1", pin)
		if answer != "ERROR 313" || reason != router.ReasonPINInvalid || took < time.Second {
			t.Errorf("at HELLO: answered %q after %v, ended for %v", answer, took, reason)
		}
		c := knock(t, r, "192.0.2.2:1", "")
		c.ask(t, wire.Fire, subscribePayload("/_clasp/pair/status"))
		began := time.Now()
		got := c.ask(t, wire.Fire, wire.AppendSet(nil, wire.Set{Address: []byte("/_clasp/pair/pin"), Value: textValue("473922")}))
		if took := time.Since(began); len(got) != 2 || got[0] != "ERROR 313 /_clasp/pair/pin" || took < time.Second {
			t.Errorf("in the lobby: answered %q after %v", got, took)
		}
		c.leave()
	})
}

func textValue(text string) wire.Value {
	b, _ := wire.AppendAny(nil, text)
	return wire.Value{Code: b[0], Data: b[1:]}
}
