package ws_test

// What pairing has to keep up while others do something: rights that are taken away in the moment of approval, and pages of other
// sites (pairing sections 9 and 10).

import (
	"testing"
	"time"

	"github.com/clasp-studio/clasp/pairing"
	"github.com/clasp-studio/clasp/router/sites"
	"github.com/clasp-studio/clasp/router/transport/ws"
	"github.com/clasp-studio/clasp/router/wire"
)

// 9: what is taken away between the approval and the moment in which the session sees it is taken away. The second that its wrong
// PIN costs is a long such moment.
func TestRightsTakenAtTheDoor(t *testing.T) {
	for _, test := range []struct {
		name string
		do   func(s *studio, d pairing.Device) error
	}{
		{"profile", func(s *studio, d pairing.Device) error {
			_, err := s.pairs.SetProfile(d.ID, "viewer", "the test")
			return err
		}},
		{"reload", func(s *studio, _ pairing.Device) error {
			narrow := pairing.Settings{Enabled: true, Lobby: true, Policy: pairing.PolicyPIN, Timeout: 5 * time.Minute, MaxPINs: 1}
			narrow.Profiles = map[string]pairing.Profile{"lights": {Name: "lights", Read: []string{"/lights/**"}}}
			return s.pairs.Configure(narrow)
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := openStudio(t)
			c, k := s.wait(t, "x")
			k, err := s.pairs.Pick(k.ID, "the test")
			if err != nil {
				t.Fatal(err)
			}
			c.send(t, wire.Confirm, set(pinAt, wrong(k.Code)))
			eventually(t, "the PIN to be looked at", func() bool { return s.pairs.Overview().Failures["request"] == 1 })
			d := s.approve(t, k, "lights")
			if err := test.do(s, d); err != nil {
				t.Fatal(err)
			}
			c.expectErrorAbout(t, 313, pinAt)
			c.send(t, wire.Confirm, set("/lights/1", 1))
			// It is let in with less, or has to come again.
			for {
				f := c.next(t)
				if f.kind == wire.TypeError {
					if m := must(t, f, wire.DecodeError); m.Code != wire.CodeForbidden {
						t.Errorf("a SET is answered with ERROR %d %s", m.Code, m.Message)
					}
					break
				}
				if f.kind != wire.TypeSnapshot {
					t.Fatalf("a SET is answered with %v", f)
				}
			}
			if n := s.Stats().Params; n != 0 {
				t.Errorf("%d params are written by who may not", n)
			}
			if got := c.readValue(t, tokenAt); len(got["write"].([]any)) != 0 {
				t.Errorf("the token that it is shown says %v", got)
			}
		})
	}
}

// 10: a page of another site neither waits nor types a PIN, wherever it is opened; the router's own and listed ones do. A name
// that anybody on the LAN can answer for is not the router's own.
func TestForeignOrigins(t *testing.T) {
	s := openStudioOn(t, ws.Options{Sites: func() sites.Rules {
		return sites.Rules{Origins: []string{"any", "https://panel.example"}, Names: []string{"stage.example"}}
	}})
	in := s.invite(t, "lights")
	greet := func(origin, token string) *client {
		c := s.dial(t, dialOptions{headers: "Origin: " + origin + "\r\n"})
		c.send(t, wire.Fire, wire.AppendHello(nil, wire.Hello{Version: wire.Version, Name: []byte("page of " + origin), Token: []byte(token)}))
		return c
	}
	for _, origin := range []string{"https://evil.example", "null", "http://evil.local:7330", "http://" + s.addr + "1"} {
		for _, token := range []string{"", in.PIN} {
			c := greet(origin, token)
			m := c.expectError(t, wire.CodeUnauthenticated)
			if token == "" {
				mention(t, m, "security.allowed_origins")
			}
			c.expectClose(t, 4401)
		}
	}
	if n := len(s.pairs.Knocks()); n != 0 {
		t.Errorf("%d foreign pages wait", n)
	}
	for _, origin := range []string{"https://panel.example", "http://" + s.addr} {
		s.clock.Move(11 * time.Second)
		greet(origin, "").expectWelcome(t)
	}
	if n := len(s.pairs.Knocks()); n != 2 {
		t.Errorf("%d pages wait that may, want 2", n)
	}
	given := string(greet("http://"+s.addr, in.PIN).expectWelcome(t).Token)
	if w := greet("https://evil.example", given).expectWelcome(t); len(w.Token) > 0 {
		t.Error("who shows a token is given another one")
	}
}
