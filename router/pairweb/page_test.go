package pairweb_test

// The page, clicked through in a browser as on a phone. Under a name in .local it is what it is in a studio: a page that is not
// encrypted and that a browser does not trust with a clipboard.

import (
	"net"
	"strings"
	"testing"

	"github.com/clasp-studio/clasp/pairing"
	"github.com/clasp-studio/clasp/router/internal/kit"
)

// url is where the page is, under a name.
func (s *studio) url(t *testing.T, name, path string) string {
	t.Helper()
	_, port, err := net.SplitHostPort(s.host)
	if err != nil {
		t.Fatal(err)
	}
	return "http://" + net.JoinHostPort(name, port) + path
}

// knocked waits for a device to knock.
func (s *studio) knocked(t *testing.T, name string) pairing.Knock {
	t.Helper()
	var found pairing.Knock
	kit.Eventually(t, name+" to knock", func() bool {
		for _, k := range s.pairs.Knocks() {
			if k.Name == name {
				found = k
				return true
			}
		}
		return false
	})
	return found
}

// good has the token that the page shows tried, and what its button copies held against it.
func (s *studio) good(t *testing.T, b *browser) {
	t.Helper()
	b.sees("This device is in")
	var token string
	b.eval(`document.querySelector("#token").value`, &token)
	if _, err := s.enter(t, token); err != nil {
		t.Errorf("with the token of the page: %v", err)
	}
	b.click("#copy")
	b.sees("Copied")
	var text string
	b.eval(`(() => { const e = document.createElement("textarea"); e.id = "pasted"; document.body.append(e); e.focus(); return "" })()`, &text)
	b.press("v", "paste")
	b.eval(`document.querySelector("#pasted").value`, &text)
	if text != token {
		t.Errorf("the button copies %q, not %q", text, token)
	}
	b.eval(`document.querySelector("#pasted").remove() || ""`, &text)
	var kept int
	if b.eval(`localStorage.length + sessionStorage.length + document.cookie.length`, &kept); kept != 0 {
		t.Error("the page keeps something")
	}
}

// A phone knocks, waits in words, types a wrong code and the right one, and is in.
func TestPageWithPIN(t *testing.T) {
	s := open(t, plain, nil)
	b := startBrowser(t)
	b.open(s.url(t, "studio.local", "/pair"))
	b.sees("Join test router")
	b.sees("not encrypted")
	b.looks("1-ask")
	b.fill("#name", "  ")
	b.click("#go")
	b.sees("Give this device a name.")
	b.fill("#name", "FOH phone")
	b.click("#go")
	k := s.knocked(t, "FOH phone")
	b.sees("Show\n" + k.Match + "\nto the operator")
	b.sees("Waiting for the operator")
	b.hides("#pin") // there is no code yet
	b.looks("2-wait")
	k, err := s.pairs.Pick(k.ID, "the test")
	if err != nil {
		t.Fatal(err)
	}
	b.sees("Type the operator’s code")
	b.fill("#pin", "12")
	b.click("#send")
	b.sees("A code has six digits.")
	b.fill("#pin", wrong(k.Code, 1))
	b.click("#send")
	b.sees("The code is wrong. Look at it again.")
	b.sees("4 tries left.")
	b.looks("3-pin")
	b.fill("#pin", k.Code[:3]+" "+k.Code[3:])
	kit.Eventually(t, "another try to be allowed", func() bool {
		var disabled bool
		b.eval(`document.querySelector("#send").disabled`, &disabled)
		return !disabled
	})
	b.enter()
	b.sees("This device is in")
	b.sees("May change\neverything")
	b.looks("4-done")
	s.good(t, b)
	b.complains()
}

// The operator says yes, and no code is needed. What the device may do is said.
func TestPageApproved(t *testing.T) {
	s := open(t, plain, nil)
	b := startBrowser(t)
	b.open(s.url(t, "127.0.0.1", "/p"))
	b.fill("#name", "FOH phone")
	b.enter()
	k := s.knocked(t, "FOH phone")
	if k.Transport != "http" || k.Kind == "" {
		t.Errorf("the operator sees %+v", k)
	}
	if _, err := s.pairs.Approve(k.ID, pairing.Grant{Profile: "viewer", Lifetime: pairing.LifetimeShow, By: "the test"}); err != nil {
		t.Fatal(err)
	}
	b.sees("May see\n/lights/**\n/sound/**\nMay change\nnothing\n")
	b.sees("until ")
	b.looks("5-viewer")
	s.good(t, b)
	b.complains()
}

// A link from a QR code: its secret is nowhere but in the page, it is shown what it is for, and used by a tap.
func TestPageWithInvite(t *testing.T) {
	s := open(t, plain, nil)
	b := startBrowser(t)
	in, err := s.pairs.Invite(pairing.Grant{Name: "FOH iPad", Profile: "operator", By: "the test"}, false)
	if err != nil {
		t.Fatal(err)
	}
	link := s.url(t, "studio.local", "/p#"+in.Secret)
	b.open(link + ".fingerprint-of-a-certificate")
	b.sees("You are invited with the profile operator.")
	var name string
	if b.eval(`document.querySelector("#name").value`, &name); name != "FOH iPad" {
		t.Errorf("it offers the name %q", name)
	}
	b.looks("6-invite")
	if len(s.pairs.Invites()) != 1 {
		t.Error("looking at the page has used the invite up")
	}
	b.click("#go")
	b.sees("Profile\noperator")
	s.good(t, b)
	var at string
	if b.eval(`location.href`, &at); strings.Contains(at, in.Secret) {
		t.Errorf("the invite is still in the address: %s", at)
	}
	b.open("about:blank")
	b.open(link)
	b.sees("This invite was used")
	b.looks("7-used")
	b.click("#again") // without it
	b.sees("Then the operator lets it in.")
	b.complains()
}

// No is an answer too, and so is later.
func TestPageRefused(t *testing.T) {
	s := open(t, plain, nil)
	b := startBrowser(t)
	b.open(s.url(t, "studio.local", "/p"))
	b.fill("#name", `<img src=x onerror=alert(1)>`)
	b.click("#go")
	k := s.knocked(t, `<img src=x onerror=alert(1)>`)
	if err := s.pairs.Deny(k.ID, "the test"); err != nil {
		t.Fatal(err)
	}
	b.sees("The operator said no")
	b.looks("8-no")
	b.click("#again")
	b.fill("#name", "another")
	b.click("#go")
	b.sees("A request came from this address a moment ago.")
	b.looks("9-slow")
	b.complains()
}

// A phone that has lost its network says so, and goes on where it was when it is back.
func TestPageWithoutNetwork(t *testing.T) {
	s := open(t, plain, nil)
	b := startBrowser(t)
	b.open(s.url(t, "studio.local", "/p"))
	b.fill("#name", "FOH phone")
	b.network(false)
	b.click("#go")
	b.sees("The router does not answer. Is this device still in the same network?")
	b.network(true)
	b.click("#go")
	k := s.knocked(t, "FOH phone")
	b.sees("Waiting for the operator")
	b.network(false)
	b.sees("The router does not answer. Trying again")
	if _, err := s.pairs.Approve(k.ID, pairing.Grant{By: "the test"}); err != nil {
		t.Fatal(err)
	}
	b.network(true)
	s.good(t, b)
	b.complains()
}

// Who gives up, or leaves the page, makes room.
func TestPageLeft(t *testing.T) {
	for what, leave := range map[string]func(*browser){
		"cancelled": func(b *browser) { b.click("#cancel") },
		"left":      func(b *browser) { b.open("about:blank") },
	} {
		t.Run(what, func(t *testing.T) {
			s := open(t, plain, nil)
			b := startBrowser(t)
			b.open(s.url(t, "studio.local", "/p"))
			b.fill("#name", "FOH phone")
			b.click("#go")
			b.sees("Waiting for the operator")
			leave(b)
			kit.Eventually(t, "the request to be taken back", func() bool { return len(s.pairs.Knocks()) == 0 })
			b.complains()
		})
	}
}

func TestPageOff(t *testing.T) {
	s := open(t, pairing.Settings{}, nil)
	b := startBrowser(t)
	b.open(s.url(t, "studio.local", "/p"))
	b.sees("Pairing is off on this router.")
	if err := s.pairs.Configure(plain); err != nil {
		t.Fatal(err)
	}
	b.click("#again")
	b.sees("Join test router")
	b.complains()
}
