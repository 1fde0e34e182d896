// What runs out in the lobby and behind it, by a clock of the test's own: messages, bytes and the minute of a token (pairing
// sections 3 and 7).

package router_test

import (
	"fmt"
	"log/slog"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/clasp-studio/clasp/pairing"
	"github.com/clasp-studio/clasp/router"
	"github.com/clasp-studio/clasp/router/wire"
)

const (
	pairStatus = "/_clasp/pair/status"
	pairToken  = "/_clasp/pair/token"
)

// inBubble runs a test with a router that pairs, where time passes when everybody waits.
func inBubble(t *testing.T, test func(t *testing.T, r *router.Router, pairs *pairing.Registry)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		pairs, err := pairing.Open(pairing.Options{Settings: pairingOn, Path: filepath.Join(t.TempDir(), "devices"), RouterID: "router id", RouterName: "test"})
		if err != nil {
			t.Fatal(err)
		}
		defer pairs.Close()
		r, err := router.New(router.Options{Settings: guarded(t, true), Pairing: pairs})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = r.Close(t.Context()) }()
		test(t, r, pairs)
	})
}

// waits is a session in the lobby.
func waits(t *testing.T, r *router.Router, remote string) caller {
	t.Helper()
	c := knock(t, r, remote, "")
	if got := c.heard(t); !slices.Equal(got, []string{"WELCOME", "SNAPSHOT"}) {
		t.Fatalf("greeted with %q", got)
	}
	return c
}

// 7: so many messages a second are looked at, and no more.
func TestLobbyRate(t *testing.T) {
	inBubble(t, func(t *testing.T, r *router.Router, _ *pairing.Registry) {
		c := waits(t, r, "192.0.2.1:1")
		defer c.leave()
		for range 2 {
			time.Sleep(time.Second)
			for range 50 {
				c.send(t, wire.Fire, getPayload(pairStatus))
			}
			if n := len(c.heard(t)); n != 20 {
				t.Errorf("%d of 50 questions in one moment are answered, want 20", n)
			}
		}
	})
}

// 7: what is passed over is bounded too: who sends more than a second may have loses the seat, and who does not keeps it.
func TestLobbyFlow(t *testing.T) {
	inBubble(t, func(t *testing.T, r *router.Router, _ *pairing.Registry) {
		fader := waits(t, r, "192.0.2.1:1")
		flood := waits(t, r, "192.0.2.2:1")
		defer fader.leave()
		defer flood.leave()
		move := wire.AppendSet(nil, wire.Set{Address: []byte("/a"), Value: textValue(strings.Repeat("x", 1<<10))})
		for range 10 {
			time.Sleep(time.Second)
			for range 60 {
				fader.send(t, wire.Fire, move)
			}
			fader.heard(t)
		}
		if why := fader.door.reason(); why != router.ReasonNone {
			t.Errorf("60 KiB a second end the session: %v", why)
		}
		for range 65 {
			flood.send(t, wire.Fire, move)
		}
		got := flood.heard(t)
		if why := flood.door.reason(); why != router.ReasonPairingBusy || !slices.Contains(got, fmt.Sprintf("ERROR %d", wire.CodeLimit)) {
			t.Errorf("65 KiB in a moment: answered %q, ended for %v", got, why)
		}
	})
}

// 3: what the session has just become a device with can be fetched for a minute.
func TestTokenForAMinute(t *testing.T) {
	inBubble(t, func(t *testing.T, r *router.Router, pairs *pairing.Registry) {
		in, err := pairs.Invite(pairing.Grant{Name: "desk", By: "the test"}, true)
		if err != nil {
			t.Fatal(err)
		}
		c := knock(t, r, "192.0.2.1:1", in.PIN)
		defer c.leave()
		c.heard(t)
		for _, how := range []string{"at HELLO", "by renew"} {
			time.Sleep(59 * time.Second)
			if got := c.ask(t, wire.Fire, getPayload(pairToken)); !slices.Equal(got, []string{"SNAPSHOT " + pairToken}) {
				t.Errorf("made %s, after 59 s: %q", how, got)
			}
			time.Sleep(2 * time.Second)
			if got := c.ask(t, wire.Fire, getPayload(pairToken)); !slices.Equal(got, []string{"ERROR 201 " + pairToken}) {
				t.Errorf("made %s, after 61 s: %q", how, got)
			}
			if got := c.ask(t, wire.Confirm, wire.AppendSet(nil, wire.Set{Address: []byte("/_clasp/pair/renew"), Value: textValue("")})); !slices.Equal(got, []string{"ACK"}) {
				t.Errorf("renew: %q", got)
			}
		}
	})
}

// UNSUBSCRIBE in the lobby ends what is told of pairing, as it does inside.
func TestLobbyUnsubscribe(t *testing.T) {
	inBubble(t, func(t *testing.T, r *router.Router, pairs *pairing.Registry) {
		var all [2]caller
		for i, remote := range []string{"192.0.2.1:1", "192.0.2.2:1"} {
			all[i] = waits(t, r, remote)
			defer all[i].leave()
			if got := all[i].ask(t, wire.Fire, subscribePayload(pairStatus)); !slices.Equal(got, []string{"SNAPSHOT " + pairStatus}) {
				t.Fatalf("SUBSCRIBE is answered with %q", got)
			}
		}
		all[1].send(t, wire.Fire, wire.AppendUnsubscribe(nil, wire.Unsubscribe{ID: 1}))
		for _, k := range pairs.Knocks() {
			if _, err := pairs.Pick(k.ID, "the test"); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		for i, want := range [][]string{{"SET " + pairStatus}, nil} {
			if got := all[i].heard(t); !slices.Equal(got, want) {
				t.Errorf("%d: of the code it hears %q, want %q", i, got, want)
			}
		}
	})
}

// 10: a page of another site comes in with a device's token, and by nothing else: not by waiting, a PIN, or a name and an address.
func TestForeignPage(t *testing.T) {
	pairs := openPairs(t, pairingOn)
	if _, err := pairs.Allow(pairing.Grant{Name: "caller", By: "the test"}, netip.MustParsePrefix("192.0.2.9/32")); err != nil {
		t.Fatal(err)
	}
	in, err := pairs.Invite(pairing.Grant{Name: "desk", By: "the test"}, true)
	if err != nil {
		t.Fatal(err)
	}
	device := makeDevice(t, pairs, "other", "default")
	r := openGuarded(t, router.Options{Settings: guarded(t, true), Pairing: pairs})
	issued := sign(t, secret, rights("/**", "/**", "", ""))
	for _, test := range []struct{ remote, token, foreign, own string }{
		{"192.0.2.9:1", "", "ERROR 300", "WELCOME"},
		{"192.0.2.8:1", "", "ERROR 300", "WELCOME"}, // into the lobby
		{"192.0.2.7:1", device, "WELCOME", "WELCOME"},
		{"192.0.2.6:1", issued, "WELCOME", "WELCOME"},
		{"192.0.2.5:1", in.PIN, "ERROR 300", "WELCOME"},
	} {
		for _, foreign := range []bool{true, false} {
			waiting := len(pairs.Knocks())
			want := test.own
			if foreign {
				want = test.foreign
			}
			c := knockAs(t, r, router.Peer{Transport: "test", Remote: test.remote, Source: netip.MustParseAddrPort(test.remote).Addr(), Foreign: foreign}, test.token)
			if got := c.heard(t); len(got) == 0 || got[0] != want {
				t.Errorf("%s, foreign %v: answered %q, want %s", test.remote, foreign, got, want)
			}
			if foreign && len(pairs.Knocks()) != waiting {
				t.Errorf("%s: a foreign page waits in the lobby", test.remote)
			}
			c.leave()
		}
	}
	free := openGuarded(t, router.Options{Settings: guarded(t, false), Pairing: pairs})
	c := knockAs(t, free, router.Peer{Transport: "test", Remote: "192.0.2.9:1", Source: netip.MustParseAddr("192.0.2.9"), Foreign: true}, "")
	if got := c.heard(t); len(got) == 0 || got[0] != "WELCOME" {
		t.Errorf("where no token is needed: %q", got)
	}
}

// What a session sends while it is being let in, in answer to its first snapshot perhaps, is done and not passed over.
func TestSpeaksWhileLetIn(t *testing.T) {
	pairs := openPairs(t, pairingOn)
	log := &meddler{Handler: slog.DiscardHandler}
	r := openGuarded(t, router.Options{Settings: guarded(t, true), Pairing: pairs, Logger: slog.New(log)})
	c := waits(t, r, "192.0.2.9:1")
	c.send(t, wire.Fire, subscribePayload("/beyond/its/rights")) // its refusal is logged while it is let in
	c.ask(t, wire.Confirm, setPayload("/sensors/caller/x", 0.5)) // the notice of this second is used up
	said := make(chan struct{})
	speak := func() {
		go func() {
			defer close(said)
			c.send(t, wire.Confirm, setPayload("/sensors/caller/x", 0.5))
		}()
		select {
		case <-said:
			t.Error("the moment was missed: it was not held up") // or the mend has gone, and it was passed over
		case <-time.After(100 * time.Millisecond):
		}
	}
	log.after.Store(1) // what is asked before the refusal
	log.armed.Store(&speak)
	if _, err := pairs.Approve(pairs.Knocks()[0].ID, pairing.Grant{Profile: "sensor"}); err != nil {
		t.Fatal(err)
	}
	select {
	case <-said:
	case <-time.After(10 * time.Second):
		t.Fatal("nothing was refused while it was let in")
	}
	var heard []string
	for until := time.Now().Add(10 * time.Second); !slices.Contains(heard, "ACK") && time.Now().Before(until); time.Sleep(time.Millisecond) {
		heard = append(heard, c.heard(t)...)
	}
	if !slices.Contains(heard, "ACK") {
		t.Errorf("it has heard %q", heard)
	}
}

// A weak device's session ends when the device comes with its token; the new one stays.
func TestWeakEndsAtTheToken(t *testing.T) {
	pairs := openPairs(t, pairingOn)
	token := weakDevice(t, pairs)
	r := openGuarded(t, router.Options{Settings: guarded(t, true), Pairing: pairs})
	weak := knock(t, r, "192.0.2.9:1", "")
	if got := weak.heard(t); len(got) == 0 || got[0] != "WELCOME" {
		t.Fatalf("by its name: %q", got)
	}
	strong, _ := enter(t, r, token)
	if why := weak.door.reason(); why != router.ReasonRightsChanged {
		t.Errorf("the weak session ended for %v", why)
	}
	if got := strong.ask(t, wire.Confirm, setPayload("/a", 0.5)); !slices.Equal(got, []string{"ACK"}) {
		t.Errorf("the one with the token: %q", got)
	}
}

// 3 D and 7: a device is known by its whole address, however many share what its failures count for.
func TestWholeAddress(t *testing.T) {
	pairs := openPairs(t, pairingOn)
	if _, err := pairs.Allow(pairing.Grant{Name: "caller", By: "the test"}, netip.MustParsePrefix("2001:db8::1/128")); err != nil {
		t.Fatal(err)
	}
	r := openGuarded(t, router.Options{Settings: guarded(t, true), Pairing: pairs})
	source := netip.MustParseAddr("2001:db8::")
	for remote, waiting := range map[string]int{"[2001:db8::1]:1": 0, "[2001:db8::bad]:1": 1} {
		c := knockAs(t, r, router.Peer{Transport: "test", Remote: remote, Source: source}, "")
		c.heard(t)
		if n := len(pairs.Knocks()); n != waiting {
			t.Errorf("%s: %d wait, want %d", remote, n, waiting)
		}
		if k := pairs.Knocks(); len(k) > 0 {
			_ = pairs.Deny(k[0].ID, "the test")
		}
		c.leave()
	}
}

// 9: what a device calls itself is harmless in a log of any form.
func TestNameInTheLog(t *testing.T) {
	pairs := openPairs(t, pairingOn)
	var log journal
	r := openGuarded(t, router.Options{Settings: guarded(t, true), Pairing: pairs, Logger: slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: router.LevelTrace}))})
	for _, token := range []string{"", "nonsense"} {
		c := caller{door: &door{}}
		c.Session, _ = r.Open(c.door, router.Peer{Transport: "test", Remote: "192.0.2.9:1", Source: netip.MustParseAddr("192.0.2.9")})
		c.leave = func() { c.Closed(router.ReasonClientClosed) }
		c.send(t, wire.Fire, wire.AppendHello(nil, wire.Hello{Version: wire.Version, Name: []byte("a\u202e\x1b[31mb" + strings.Repeat("x", 1000)), Token: []byte(token)}))
		c.heard(t)
		c.leave()
	}
	text := log.String()
	if strings.ContainsAny(text, "\u202e\x1b") || strings.Contains(text, `\u00`) || strings.Contains(text, strings.Repeat("x", 200)) || strings.Count(text, `"name":"a[31mb`) < 3 {
		t.Errorf("the log has it as it came:\n%q", text)
	}
}
