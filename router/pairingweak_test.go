// What the engine does about sessions that have shown no secret, and about connections that anybody could read.

package router_test

import (
	"log/slog"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/pairing"
	"github.com/clasp-studio/clasp/router"
	"github.com/clasp-studio/clasp/router/wire"
)

// weakDevice makes one that is let in by its name and the address 192.0.2.9, and returns a token that it has not shown yet.
func weakDevice(t testing.TB, pairs *pairing.Registry) string {
	t.Helper()
	d, err := pairs.Allow(pairing.Grant{Name: "caller", By: "the test"}, netip.MustParsePrefix("192.0.2.9/32"))
	if err != nil {
		t.Fatal(err)
	}
	token, err := pairs.Reissue(d.ID, "the test")
	if err != nil {
		t.Fatal(err)
	}
	return token.Text
}

// A session that comes by name and address while the device shows its token is not inside afterwards, whenever between what pairing
// says to it and the end of its greeting that is.
func TestWeakAtHello(t *testing.T) {
	between := 0
	for after := range int32(4) {
		pairs := openPairs(t, pairingOn)
		token := weakDevice(t, pairs)
		log := &meddler{Handler: slog.DiscardHandler}
		r := openGuarded(t, router.Options{Settings: guarded(t, true), Pairing: pairs, Logger: slog.New(log)})
		log.after.Store(after)
		show := func() {
			at := netip.MustParseAddr("192.0.2.7")
			if a := pairs.Hello(pairing.Origin{Name: "caller", Addr: at, Source: at, Remote: "192.0.2.7:1", Transport: "test"}, token, nil); a.Access == nil {
				t.Errorf("the token is answered %+v", a)
			}
		}
		log.armed.Store(&show)
		weak := knock(t, r, "192.0.2.9:1", "")
		got := weak.heard(t)
		// The log may be asked by another goroutine, and the token be shown beside the greeting.
		ended := func() bool { return weak.door.reason() == router.ReasonRightsChanged }
		waits := func() bool { return len(pairs.Knocks()) == 1 } // like any, since the token came first
		for until := time.Now().Add(10 * time.Second); !ended() && !waits(); time.Sleep(time.Millisecond) {
			if time.Now().After(until) {
				t.Fatalf("%d: answered %q, and is inside (%v)", after, got, weak.door.reason())
			}
		}
		if ended() {
			between++
		}
		weak.leave()
	}
	if between == 0 {
		t.Error("the token was never shown in between")
	}
}

// Where pairing is to be encrypted, who asks to be let in over what others can read hears why not, and that the way is wrong and
// not its token. Loopback cannot be read.
func TestEncryptedOnly(t *testing.T) {
	encrypted := pairingOn
	encrypted.Encrypted = true
	pairs := openPairs(t, encrypted)
	r := openGuarded(t, router.Options{Settings: guarded(t, true), Pairing: pairs})
	in, err := pairs.Invite(pairing.Grant{Name: "desk", By: "the test"}, true)
	if err != nil {
		t.Fatal(err)
	}
	for _, token := range []string{"", in.PIN} {
		c := knock(t, r, "192.0.2.10:1", token)
		if got := c.heard(t); !slices.Equal(got, []string{"ERROR 319"}) {
			t.Errorf("with %q: answered %q", token, got)
		}
		if why := c.door.reason(); why != router.ReasonTransport || why.CloseCode() != 4403 {
			t.Errorf("with %q: ended for %v (%d)", token, why, why.CloseCode())
		}
		c.leave()
	}
	for _, p := range []router.Peer{{Remote: "127.0.0.1:1"}, {Remote: "192.0.2.11:1", Encrypted: true}} {
		p.Transport, p.Source = "test", netip.MustParseAddrPort(p.Remote).Addr()
		c := knockAs(t, r, p, "")
		if got := c.heard(t); len(got) == 0 || got[0] != "WELCOME" {
			t.Errorf("%+v: answered %q", p, got)
		}
		c.leave()
	}
	device, _ := enter(t, r, sign(t, secret, rights("/**", "/**", "", "")))
	if got := device.ask(t, wire.Confirm, setPayload("/a", 0.5)); !slices.Equal(got, []string{"ACK"}) {
		t.Errorf("with a token: %q", got)
	}
}
