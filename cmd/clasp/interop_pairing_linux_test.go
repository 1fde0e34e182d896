// Pairing with the public clients as they are, which know nothing of it: they come without a token and are let in (A), or with
// a PIN where they have a token (B). See pairing sections 2, 3 and 11.

package main_test

import (
	"encoding/json"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestInteropPairingNode(t *testing.T)   { interopPairing(t, javaScriptClient, startNode) }
func TestInteropPairingPython(t *testing.T) { interopPairing(t, pythonClient, startPython) }
func TestInteropPairingRust(t *testing.T)   { interopPairing(t, traits{}, startRust) }

// lobby is a router that lets devices in, its operator, somebody who is in, and a foreign agent that is not.
type lobby struct {
	traits
	*agent
	operator *pairing
	desk     *peer
	url      string
}

func interopPairing(t *testing.T, traits traits, start func(*testing.T) *agent) {
	t.Parallel()
	config := filepath.Join(t.TempDir(), "clasp.yaml")
	write(t, config, `server:
  security:
    pairing:
      enabled: true
      default_permissions: {read: [/lights/**], write: [/lights/**]}
`)
	r := startRouter(t, withSecret, devicesFile(t), "CLASP_CONFIG="+config)
	l := &lobby{traits: traits, agent: start(t), operator: &pairing{port: r.port, url: r.url}, url: r.url}
	l.desk = newPeerWith(t, r.url, createToken(t, "--read", "/**", "--write", "/**"))
	l.desk.subscribe(t, 1, "/**")
	t.Run("knock and approve", l.approves)
	t.Run("back without a token", l.returns)
	t.Run("PIN as token", l.takesPIN)
	if l.resubscribe { // the others try once more or not at all
		t.Run("wrong PIN for ever", l.keepsTrying)
	}
	t.Run("denied", l.denies)
}

func (l *lobby) open(t *testing.T, client, token string) error {
	t.Helper()
	_, err := l.try(t, client, "open", arguments{"url": l.url, "token": token, "reconnect": 0})
	return err
}

// mustOpen is open for what must succeed.
func (l *lobby) mustOpen(t *testing.T, client, token string) {
	t.Helper()
	if err := l.open(t, client, token); err != nil {
		t.Fatal(err)
	}
}

// shown waits for an error that the client prints, the nth like it, and returns the submatches.
func (l *lobby) shown(t *testing.T, n int, pattern string) []string {
	t.Helper()
	expression := regexp.MustCompile(`(?:CLASP|Server) error:? ` + pattern)
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		if all := expression.FindAllStringSubmatch(l.said.String(), -1); len(all) >= n {
			return all[n-1]
		}
		if time.Now().After(deadline) {
			t.Fatalf("the client does not show %q %d times:\n%s", expression, n, l.said)
		}
	}
}

// approves: A. The client connects as ever, receives nothing, is told to show its code to the operator, and goes on where it
// stands when it is let in.
func (l *lobby) approves(t *testing.T) {
	l.desk.set(t, "/lights/1", "1")
	l.mustOpen(t, "FOH iPad", "")
	l.do(t, "FOH iPad", "subscribe", arguments{"sub": "lights", "pattern": "/lights/**"})
	l.do(t, "FOH iPad", "subscribe", arguments{"sub": "sound", "pattern": "/sound/**"}) // more than it will be given
	l.do(t, "FOH iPad", "set", arguments{"address": "/lights/1", "value": 0.25})
	match := l.shown(t, 1, `310\W+Waiting for approval\. Show (\d\d-\d\d) to the operator`)[1]
	waiting := l.operator.list(t).Waiting
	if len(waiting) != 1 || waiting[0].Name != "FOH iPad" || waiting[0].Match != match {
		t.Fatalf("the operator sees %+v, the device %s", waiting, match)
	}
	l.desk.set(t, "/lights/2", "2")
	expect(t, "meanwhile the desk received", l.desk.until(t, "set /lights/2 "), "set /lights/1 i64 1")

	l.operator.operator(t, "paired", "approve", waiting[0].ID)
	l.shown(t, 1, `301`)
	l.desk.set(t, "/lights/3", "3")
	got := slices.DeleteFunc(l.journal("FOH iPad").until(t, "lights /lights/3 3"), func(line string) bool { return line == "connect" })
	slices.Sort(got) // a snapshot has no order
	expect(t, "the client received", slices.Compact(got), "lights /lights/1 1", "lights /lights/2 2")
	l.desk.until(t, "set /lights/3 ")
	l.do(t, "FOH iPad", "set", arguments{"address": "/lights/1", "value": 0.5})
	expect(t, "the desk received", l.desk.until(t, "set /lights/1 f64 0.5"))
}

// returns: within the grace the client comes back as it is; after it was thrown out it waits again.
func (l *lobby) returns(t *testing.T) {
	l.do(t, "FOH iPad", "close", nil)
	l.mustOpen(t, "FOH iPad", "")
	if got := l.do(t, "FOH iPad", "get", arguments{"address": "/lights/1"}); got != "0.5" {
		t.Errorf("get returned %s", got)
	}
	if list := l.operator.list(t); len(list.Waiting) != 0 || len(list.Devices) != 1 || list.Devices[0].Profile != "default" {
		t.Errorf("the operator sees %+v", list)
	}

	l.operator.operator(t, "paired", "revoke", "FOH iPad", "--yes")
	l.shown(t, 1, `317`)
	l.journal("FOH iPad").until(t, "disconnect")
	l.mustOpen(t, "FOH iPad", "")
	l.waits(t, "FOH iPad")
	if list := l.operator.list(t); len(list.Devices) != 0 {
		t.Errorf("after it was revoked the operator sees %+v", list)
	}
	l.do(t, "FOH iPad", "close", nil)
}

// waits returns the request of a client. The operator is shown one more of an address every ten seconds.
func (l *lobby) waits(t *testing.T, client string) (id string) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		list := l.operator.list(t).Waiting
		if len(list) == 1 && list[0].Name == client {
			return list[0].ID
		}
		if time.Now().After(deadline) {
			t.Fatalf("the operator sees %+v, and not %s", list, client)
		}
	}
}

// fails has a client refused at HELLO. What it hands its application are the words of the close.
func (l *lobby) fails(t *testing.T, client, token, words string) {
	t.Helper()
	if err := l.open(t, client, token); err == nil || !regexp.MustCompile(words).MatchString(err.Error()) {
		t.Errorf("%s: %v, want %q", client, err, words)
	}
}

// takesPIN: B. A PIN is good once, for one device, which may come back with it; then the token is what counts.
func (l *lobby) takesPIN(t *testing.T) {
	l.fails(t, "early", "847291", "no token that this router accepts")
	invite := l.operator.invite(t, "--name", "house left", "--profile", "viewer")
	pin := strings.ReplaceAll(invite.PIN, " ", "")
	l.fails(t, "phone", wrongPIN(pin), "(code|PIN) is wrong")
	l.mustOpen(t, "phone", pin[:3]+" "+pin[3:])
	if got := l.do(t, "phone", "get", arguments{"address": "/lights/1"}); got != "0.5" {
		t.Errorf("get returned %s", got)
	}
	l.do(t, "phone", "set", arguments{"address": "/lights/1", "value": 1})
	l.shown(t, 2, `301`)
	house := func(when string) {
		t.Helper()
		if all := l.operator.list(t).Devices; len(all) != 1 || all[0].Name != "house left" || all[0].Profile != "viewer" || all[0].Online != 1 {
			t.Errorf("%s the operator sees %+v", when, all)
		}
	}
	house("with the PIN")
	l.do(t, "phone", "close", nil)
	l.mustOpen(t, "phone", pin)
	house("with the PIN again")
	l.fails(t, "thief", pin, "(already|been) used")

	l.do(t, "phone", "close", nil)
	var token struct{ Token string }
	if err := json.Unmarshal([]byte(l.operator.operator(t, "paired", "token", "house left", "--json")), &token); err != nil {
		t.Fatal(err)
	}
	l.mustOpen(t, "phone", token.Token)
	house("with the token")
	l.do(t, "phone", "close", nil)
}

// wrongPIN is not the right one, nor one that nobody is given.
func wrongPIN(pin string) string {
	if pin == "473920" {
		return "830264"
	}
	return "473920"
}

// keepsTrying: a client that connects again and again with a wrong PIN burns one attempt, not the PIN.
func (l *lobby) keepsTrying(t *testing.T) {
	pin := strings.ReplaceAll(l.operator.invite(t).PIN, " ", "")
	before := strings.Count(l.said.String(), "The code is wrong")
	if _, err := l.try(t, "lost", "open", arguments{"url": l.url, "token": wrongPIN(pin), "reconnect": 1}); err == nil {
		t.Fatal("a wrong PIN lets in")
	}
	l.shown(t, before+6, `313: The code is wrong`)
	l.do(t, "lost", "close", nil)
	l.mustOpen(t, "late", pin)
	l.do(t, "late", "close", nil)
}

// denies: a device that is turned away is told so, then and when it comes back.
func (l *lobby) denies(t *testing.T) {
	l.mustOpen(t, "stranger", "")
	l.operator.operator(t, "paired", "deny", l.waits(t, "stranger"))
	l.shown(t, 1, `316`)
	l.journal("stranger").until(t, "disconnect")
	l.fails(t, "stranger", "", "turned this device away|said no")
}
