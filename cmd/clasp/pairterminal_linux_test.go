// Sits at terminals with clasp pair, clasp invite and clasp paired revoke.

package main_test

import (
	"regexp"
	"strings"
	"testing"
)

// TestPairTypes: at a terminal a PIN is asked for once there is one, and again after a wrong one.
func TestPairTypes(t *testing.T) {
	router := startPairing(t)
	m := router.machine(t)
	s := sit(t, claspCommand(t, m.environ(), "pair", m.url, "--name", "cue laptop"))
	match := s.until(t, `Match code: (\d\d-\d\d)\n`)[1]
	waiting := router.list(t).Waiting
	if len(waiting) != 1 || waiting[0].Match != match {
		t.Fatalf("the operator sees %+v, the device %s", waiting, match)
	}
	if screen := strings.Join(s.screen(), "\n"); strings.Contains(screen, "PIN:") {
		t.Errorf("there is no PIN yet:\n%s", screen)
	}
	picked := sit(t, claspCommand(t, nil, "paired", "pick", waiting[0].ID, "--port", router.port))
	pin := picked.until(t, `PIN    (\d{3} \d{3})\nTo be typed on cue laptop \(127\.0\.0\.1:\d+, match `+match+`\) until \d\d:\d\d:\d\d\n`)[1]
	s.until(t, `PIN: $`)
	wrong := "135 790"
	if pin == wrong {
		wrong = "135 791"
	}
	s.types(t, wrong+"\n")
	s.until(t, `tries left: 4\)\nPIN: $`)
	s.types(t, pin+"\n")
	s.until(t, `Studio has let cue laptop in, with the profile default: it may read /\*\* and write /\*\*\n`)
	if code := s.exit(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
	m.succeeds(t, "set", "/a", "1")
}

// TestPairWithoutTyping: who gives no PIN is let in by the operator's word.
func TestPairWithoutTyping(t *testing.T) {
	router := startPairing(t)
	m := router.machine(t)
	router.invite(t) // so there is a PIN to ask for
	s := sit(t, claspCommand(t, m.environ(), "pair", m.url, "--name", "desk"))
	s.until(t, `PIN: $`)
	s.types(t, "\x04")
	s.until(t, `no PIN, so the operator has to let this machine in\n`)
	router.operator(t, "paired", "approve", router.list(t).Waiting[0].ID)
	if code := s.exit(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
	s.left(t)
}

const drawn = "\x1b[38;5;16;48;5;231m"

// TestInviteTerminal: an invite shows a PIN, a link and a code, and says when somebody has used it.
func TestInviteTerminal(t *testing.T) {
	router := startPairing(t)
	m := router.machine(t)
	invites := func(args ...string) *seat {
		return sit(t, claspCommand(t, nil, append([]string{"invite", "--port", router.port, "--name", "FOH", "--profile", "viewer"}, args...)...))
	}
	s := invites()
	link := s.until(t, `\nlo     (http://127\.0\.0\.1:\d+/p#\S{22})\n\nPIN    \d{3} \d{3}\nFor one device, with the profile viewer, until \d\d:\d\d:\d\d; Ctrl-C takes it back\n`)[1]
	if lines := strings.Count(s.wrote.String(), drawn); lines != 19 { // as pairing section 5 has measured
		t.Errorf("the code has %d lines", lines)
	}
	m.runs(t, "pair", link)
	s.until(t, `FOH is in, with the profile viewer, until 20\d\d-`)
	if code := s.exit(t); code != 0 {
		t.Errorf("used: exit code %d", code)
	}

	s = invites("--link-only")
	link = s.until(t, `\bhttp://127\.0\.0\.1:\d+/p#\S+`)[0]
	s.until(t, `Ctrl-C takes it back\n`)
	s.types(t, "\x03")
	s.until(t, `the invite is taken back\n`)
	if code := s.exit(t); code != 0 {
		t.Errorf("Ctrl-C: exit code %d", code)
	}
	if text := s.wrote.String(); strings.Contains(text, drawn) || strings.Contains(text, "PIN") {
		t.Errorf("more than a link:\n%s", text)
	}
	m.fails(t, nil, "The time of this invite is over", "pair", link)

	s = invites("--no-wait", "--ascii")
	s.until(t, `PIN    \d{3} \d{3}\n.*until \d\d:\d\d:\d\d\n$`)
	if code := s.exit(t); code != 0 {
		t.Errorf("--no-wait: exit code %d", code)
	}
	if text := s.wrote.String(); strings.ContainsAny(text, "█▀▄") || !regexp.MustCompile(regexp.QuoteMeta(drawn)+` {8}#{14}  `).MatchString(text) {
		t.Errorf("--ascii:\n%s", text)
	}
}

// TestInviteAwaits: where a PIN is not enough, both sides are told so, and the operator's word ends it.
func TestInviteAwaits(t *testing.T) {
	router := pairingOf(t, serve(t, []string{devicesFile(t), "CLASP_SECURITY_PAIRING_APPROVAL=both"}, "--pairing", "--port", "0", "--bind", "127.0.0.1", "--name", "Studio"))
	m := router.machine(t)
	s := sit(t, claspCommand(t, nil, "invite", "--port", router.port))
	pin := s.until(t, `PIN    (\d{3} \d{3})\n`)[1]
	asking, _ := m.asks(t, "--pin", pin, "--name", "desk")
	shows(t, &asking.stderr, "the PIN is right; now the operator has to let this machine in\n")
	s.until(t, `its PIN was right; the device waits for your word`)
	router.operator(t, "paired", "approve", router.list(t).Waiting[0].ID)
	s.until(t, `desk is in, with the profile default`)
	if code := s.exit(t); code != 0 {
		t.Errorf("invite: exit code %d", code)
	}
	if code := asking.wait(t); code != 0 {
		t.Errorf("pair: exit code %d", code)
	}
}

// TestInviteOver: an invite that ends otherwise than by being used is a failure.
func TestInviteOver(t *testing.T) {
	router := startPairing(t, "--log-level", "debug") // which says where its socket is
	s := sit(t, claspCommand(t, nil, "invite", "--port", router.port))
	s.until(t, `PIN    \d{3} \d{3}\n`)
	invites, _ := router.asks(t, "GET /pairing", "")["invites"].([]any)
	if len(invites) != 1 {
		t.Fatalf("open: %v", invites)
	}
	router.asks(t, "DELETE /pairing/invites/"+invites[0].(map[string]any)["id"].(string), "")
	s.until(t, `nobody has used the invite in time`)
	if code := s.exit(t); code != 1 {
		t.Errorf("exit code %d", code)
	}
}

// TestRevokeAsks: at a terminal somebody is asked who revokes a device that holds a lock or was the last to write something.
func TestRevokeAsks(t *testing.T) {
	router := startPairing(t)
	m := router.machine(t)
	m.pairs(t, router, "desk")
	revoke := func(answer, facts, words string, want int) {
		t.Helper()
		s := sit(t, claspCommand(t, nil, "paired", "revoke", "desk", "--port", router.port))
		s.until(t, `desk `+facts+`; has sent something .* ago\. Revoke it\? \[y/N\] $`)
		s.types(t, answer)
		s.until(t, words)
		if code := s.exit(t); code != want {
			t.Errorf("%q: exit code %d, want %d", answer, code, want)
		}
	}
	written := sit(t, claspCommand(t, m.environ(), "set", "--hold", "/level", "0.5"))
	written.until(t, `/level revision 1\n`)
	revoke("\n", "last wrote 1 address: /level", "not revoked\n", 1)
	held := sit(t, claspCommand(t, m.environ(), "set", "--lock", "--hold", "/master", "0.5"))
	held.until(t, `/master revision 1 locked\n`)
	if out := router.operator(t, "paired", "show", "desk"); !strings.Contains(out, "\nlocks      1: /master\nlast wrote 2 addresses: /level, /master\nlast sent  ") {
		t.Errorf("shown:\n%s", out)
	}
	const both = "holds a lock on /master; last wrote 2 addresses: /level, /master"
	revoke("\n", both, "not revoked\n", 1)
	revoke("\x04", both, "not revoked\n", 1)
	if names := router.names(t); names != "desk" {
		t.Errorf("devices: %q", names)
	}
	revoke("y\n", both, "desk is revoked\n", 0)
	for _, s := range []*seat{held, written} {
		if code := s.exit(t); code != 1 {
			t.Errorf("the device: exit code %d", code)
		}
	}
}
