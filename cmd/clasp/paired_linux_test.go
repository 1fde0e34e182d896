// Does with the devices of a real router what clasp paired can.

package main_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
)

// refused runs a command of the operator's that must fail with words.
func (p *pairing) refused(t *testing.T, words string, args ...string) {
	t.Helper()
	if stdout, stderr, code := clasp(t, nil, append(args, "--port", p.port)...); code != 1 || !strings.Contains(stderr, words) || stdout != "" {
		t.Errorf("clasp %q: exit code %d, %q, %q; want %q", args, code, stdout, stderr, words)
	}
}

// TestPaired: devices are listed, shown, renamed, changed, exported and thrown out, by name or ID.
func TestPaired(t *testing.T) {
	router := startPairing(t)
	if stdout, stderr, code := clasp(t, nil, "paired", "list", "--port", router.port); code != 0 || stdout != "" || stderr != "clasp: no device has been let in\n" {
		t.Errorf("none: exit code %d, %q, %q", code, stdout, stderr)
	}
	desk, mat, pad := router.machine(t), router.machine(t), router.machine(t)
	desk.pairs(t, router, "desk")
	mat.pairs(t, router, "mat", "--profile", "sensor", "--lifetime", "forever")
	pad.pairs(t, router, "pad", "--name", "FOH iPad", "--profile", "viewer", "--lifetime", "show")
	if out := router.operator(t, "paired", "list"); !regexp.MustCompile(`^NAME +PROFILE +ID +SEEN +LET IN +\n` +
		`desk +default +\w{10} +\w.* until 20\d\d-\S+ \d\d:\d\d +\nFOH iPad +viewer .*\nmat +sensor +\w{10} .* until it is revoked +\n$`).MatchString(out) {
		t.Errorf("list:\n%s", out)
	}
	id := router.list(t).Devices[0].ID
	if out := router.operator(t, "paired", "show", id); !regexp.MustCompile(`(?s)^name       desk\nclaimed    desk\nid         ` + id + `\nprofile    default\nlet in     20.*, by \w+\nfrom       127\.0\.0\.1:\d+ http\nlasts      until 20`).MatchString(out) {
		t.Errorf("show:\n%s", out)
	}

	if out := router.operator(t, "paired", "rename", "foh ipad", "Balcony"); out != "foh ipad is called Balcony now\n" {
		t.Errorf("rename: %q", out)
	}
	router.refused(t, "another device has the name", "paired", "rename", "desk", "balcony")
	pad.fails(t, nil, "(error 301)", "set", "/a", "1")
	if out := router.operator(t, "paired", "set-profile", "Balcony", "operator"); out != "Balcony has the profile operator now\n" {
		t.Errorf("set-profile: %q", out)
	}
	pad.succeeds(t, "set", "/a", "1")
	router.refused(t, `no profile is called "king"`, "paired", "set-profile", "Balcony", "king")

	lines := strings.Split(strings.TrimSpace(router.operator(t, "paired", "export")), "\n")
	if len(lines) != 3 {
		t.Fatalf("export: %q", lines)
	}
	for i, name := range []string{"Balcony", "desk", "mat"} {
		var d struct{ Name string }
		if err := json.Unmarshal([]byte(lines[i]), &d); err != nil || d.Name != name || strings.Contains(lines[i], "clp_") {
			t.Errorf("export: %s, %v; want %s", lines[i], err, name)
		}
	}

	// The old token is good until the new one is used.
	var fresh struct{ Token string }
	if err := json.Unmarshal([]byte(router.operator(t, "paired", "token", "desk", "--json")), &fresh); err != nil || fresh.Token == "" {
		t.Fatal(err)
	}
	desk.succeeds(t, "set", "/a", "2")
	desk.succeeds(t, "set", "/a", "3", "--token", fresh.Token)
	desk.fails(t, nil, "(error 300)", "set", "/a", "4")

	router.refused(t, "clasp: no device has the name or ID", "paired", "revoke-all", "--keep", "desk", "--keep", "nobody")
	if names := router.names(t); names != "Balcony, desk, mat" {
		t.Errorf("devices: %s", names)
	}
	if out := router.operator(t, "paired", "revoke-all", "--keep", "MAT"); out != "Balcony is revoked\ndesk is revoked\n" {
		t.Errorf("revoke-all: %q", out)
	}
	if out := router.operator(t, "paired", "revoke", "mat"); out != "mat is revoked\n" {
		t.Errorf("revoke: %q", out)
	}
	for _, args := range [][]string{{"show", "mat"}, {"revoke", "mat"}, {"rename", "mat", "x"}, {"token", "mat", "--json"}, {"approve", "mat"}, {"deny", "mat"}, {"pick", "mat", "--json"}} {
		router.refused(t, "no device", append([]string{"paired"}, args...)...)
	}
}

// TestPairedWaiting: those that wait are listed above, with what has to be compared, and a name plays no tricks.
func TestPairedWaiting(t *testing.T) {
	router := startPairing(t)
	address := strings.TrimPrefix(router.url, "ws://")
	knocks(t, address, "\x1b[31mFOH\x1b]0;x\a\u202e iPad"+strings.Repeat("y", 200))
	list := router.list(t)
	if len(list.Waiting) != 1 {
		t.Fatalf("waiting: %+v", list)
	}
	out := router.operator(t, "paired", "list")
	if !regexp.MustCompile(`^WAITING +MATCH +NAME +FROM +TRANSPORT +STATE\n`+list.Waiting[0].ID+` +`+list.Waiting[0].Match+` +.*FOH.* iPady+ +127\.1\.\S+ +ws \(not encrypted\) +waiting\nAnswer with`).MatchString(out) || strings.ContainsAny(out, "\x1b\a\u202e") {
		t.Errorf("list:\n%q", out)
	}
	if out := router.operator(t, "paired", "deny", list.Waiting[0].ID); out != "turned away\n" {
		t.Errorf("deny: %q", out)
	}
	if out := router.operator(t, "paired", "unlock"); out != "PINs of invites work again\n" {
		t.Errorf("unlock: %q", out)
	}
}

// TestPairAllow: a device without a token is in by its name and address, and nobody else is.
func TestPairAllow(t *testing.T) {
	router := startPairing(t)
	stdout, stderr, code := clasp(t, nil, "pair", "allow", "--port", router.port, "--name", "mat", "--from", "127.0.0.1", "--profile", "sensor")
	if code != 0 || stdout != "mat is allowed from 127.0.0.1, with the profile sensor, until it is revoked\n" || !strings.Contains(stderr, "mat shows no token") {
		t.Errorf("exit code %d, %q, %q", code, stdout, stderr)
	}
	m := router.machine(t)
	m.succeeds(t, "set", "/sensors/mat/pressure", "1", "--name", "mat")
	m.fails(t, nil, "(error 301)", "set", "/lights/1", "1", "--name", "mat")
	m.fails(t, nil, "(error 310)", "set", "/sensors/mat/pressure", "1", "--name", "other")
	if out := router.operator(t, "paired", "list"); !strings.Contains(out, "WEAK: by name and address 127.0.0.1") {
		t.Errorf("list:\n%s", out)
	}
	router.refused(t, `clasp: "home" is neither an address`, "pair", "allow", "--name", "x", "--from", "home")
	if _, _, code := clasp(t, nil, "pair", "allow", "--port", router.port, "--name", "x"); code != 2 {
		t.Errorf("without --from: exit code %d", code)
	}
}

// TestPairSecretsOnTerminals: what lets somebody in is printed where somebody looks, or asks for JSON, and nothing is made before
// that is clear.
func TestPairSecretsOnTerminals(t *testing.T) {
	router := startPairing(t)
	m := router.machine(t)
	m.pairs(t, router, "desk")
	knocks(t, strings.TrimPrefix(router.url, "ws://"), "FOH")
	waiting := router.list(t).Waiting[0].ID
	for _, args := range [][]string{{"invite"}, {"invite", "--link-only"}, {"paired", "token", "desk"}, {"paired", "pick", waiting}} {
		stdout, stderr, code := clasp(t, nil, append(args, "--port", router.port)...)
		if code != 2 || stdout != "" || !strings.Contains(stderr, "stdout is not a terminal") {
			t.Errorf("clasp %q: exit code %d, %q, %q", args, code, stdout, stderr)
		}
	}
	var k struct{ Code, State string }
	if err := json.Unmarshal([]byte(router.operator(t, "paired", "pick", waiting, "--json")), &k); err != nil || len(k.Code) != 6 {
		t.Errorf("pick: %+v, %v", k, err)
	}
	if list := router.operator(t, "paired", "list", "--json"); strings.Contains(list, k.Code) || !strings.Contains(list, waiting) {
		t.Errorf("the list, which nobody asks for a PIN, has one: %s", list)
	}
	pin := router.invite(t).PIN // the only one there may be, so the others have made none
	if len(pin) != 6 {
		t.Errorf("PIN %q", pin)
	}
	router.refused(t, "1 of 1 PINs is open", "invite", "--json", "--no-wait")
	m.succeeds(t, "set", "/a", "1") // its token is still the one it had
	if said := router.stdout.String() + router.stderr.String(); strings.Contains(said, pin) || strings.Contains(said, k.Code) {
		t.Error("the log has a PIN")
	}
}
