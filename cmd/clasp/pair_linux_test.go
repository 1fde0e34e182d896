// Lets machines in that run clasp pair, at a real router, and has pub, sub, get and set use what it has stored.

package main_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// pairing is a router with --pairing, and its operator.
type pairing struct {
	*service
	port, url string
}

// startPairing starts a router that lets nobody in by itself.
func startPairing(t *testing.T, args ...string) *pairing {
	t.Helper()
	return pairingOf(t, serve(t, []string{devicesFile(t)}, append([]string{"--pairing", "--port", "0", "--bind", "127.0.0.1", "--name", "Studio"}, args...)...))
}

// pairingOf waits for the router to be there.
func pairingOf(t *testing.T, s *service) *pairing {
	t.Helper()
	at := s.until(t, s.stdout.String, `(wss?)://127\.0\.0\.1:(\d+)/clasp`)
	return &pairing{s, at[2], at[1] + "://127.0.0.1:" + at[2]}
}

// operator runs a command on the router's machine, which must succeed.
func (p *pairing) operator(t *testing.T, args ...string) string {
	t.Helper()
	stdout, stderr, code := clasp(t, nil, append(args, "--port", p.port)...)
	if code != 0 {
		t.Fatalf("clasp %q: exit code %d\n%s%s", args, code, stdout, stderr)
	}
	return stdout
}

// invited is what clasp invite --json prints.
type invited struct {
	ID, PIN string
	Links   []struct{ URL string }
}

func (p *pairing) invite(t *testing.T, args ...string) invited {
	t.Helper()
	var i invited
	if err := json.Unmarshal([]byte(p.operator(t, append([]string{"invite", "--json", "--no-wait"}, args...)...)), &i); err != nil || len(i.Links) == 0 {
		t.Fatalf("invite: %+v, %v", i, err)
	}
	return i
}

// seen is what clasp paired list --json prints.
type seen struct {
	Waiting []struct{ ID, Name, Match string }
	Devices []struct {
		ID, Name, Profile string
		Online            int
	}
}

func (p *pairing) list(t *testing.T) (list seen) {
	t.Helper()
	if err := json.Unmarshal([]byte(p.operator(t, "paired", "list", "--json")), &list); err != nil {
		t.Fatal(err)
	}
	return list
}

// names are those of the devices.
func (p *pairing) names(t *testing.T) string {
	t.Helper()
	var names []string
	for _, d := range p.list(t).Devices {
		names = append(names, d.Name)
	}
	return strings.Join(names, ", ")
}

// machine is a computer with a configuration of its own.
type machine struct {
	config string
	url    string // of the router
}

func (p *pairing) machine(t *testing.T) machine { return machine{t.TempDir(), p.url} }

func (m machine) environ(more ...string) []string {
	return append([]string{"XDG_CONFIG_HOME=" + m.config, "HOME=" + m.config, "CLASP_URL=" + m.url}, more...)
}

// tokens are the files that it has.
func (m machine) tokens(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(m.config, "clasp", "tokens", "*"))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// fails runs a command that must fail with words on stderr.
func (m machine) fails(t *testing.T, environ []string, words string, args ...string) {
	t.Helper()
	if stdout, stderr, code := clasp(t, m.environ(environ...), args...); code != 1 || !strings.Contains(stderr, words) {
		t.Errorf("clasp %q: exit code %d, %q, %q; want %q", args, code, stdout, stderr, words)
	}
}

// runs runs a command that must succeed.
func (m machine) runs(t *testing.T, args ...string) {
	t.Helper()
	if _, stderr, code := clasp(t, m.environ(), args...); code != 0 {
		t.Errorf("clasp %q: exit code %d, %q", args, code, stderr)
	}
}

// succeeds runs a command that must succeed without a word.
func (m machine) succeeds(t *testing.T, args ...string) string {
	t.Helper()
	stdout, stderr, code := clasp(t, m.environ(), args...)
	if code != 0 || stderr != "" {
		t.Errorf("clasp %q: exit code %d, %q", args, code, stderr)
	}
	return stdout
}

// pairs lets it in by an invite.
func (m machine) pairs(t *testing.T, p *pairing, name string, args ...string) {
	t.Helper()
	link := p.invite(t, append([]string{"--no-pin"}, args...)...).Links[0].URL
	if stdout, stderr, code := clasp(t, m.environ(), "pair", link, "--name", name); code != 0 {
		t.Fatalf("pair: exit code %d\n%s%s", code, stdout, stderr)
	}
}

// asks starts clasp pair without a terminal, and returns once the router has been asked.
func (m machine) asks(t *testing.T, args ...string) (p *running, match string) {
	t.Helper()
	p = m.begins(t, append([]string{"pair", m.url}, args...)...)
	shows(t, &p.stderr, "see the same code")
	return p, regexp.MustCompile(`Match code: (\d\d-\d\d)\n`).FindStringSubmatch(p.stderr.String())[1]
}

// begins starts a command that goes on until it is stopped.
func (m machine) begins(t *testing.T, args ...string) *running {
	t.Helper()
	p := &running{cmd: claspCommand(t, m.environ(), args...)}
	p.cmd.Stdout, p.cmd.Stderr = &p.stdout, &p.stderr
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if p.cmd.ProcessState == nil {
			_ = p.cmd.Process.Kill()
			_ = p.cmd.Wait() // killed, so an error for certain
		}
	})
	return p
}

// TestPair: a machine asks, the operator compares the codes and lets it in, and the commands use what it was given.
func TestPair(t *testing.T) {
	router := startPairing(t, "--tcp", "--tcp-port", "0")
	m := router.machine(t)
	asking, match := m.asks(t, "--name", "cue laptop", "--want", "write:/cue/**")
	waiting := router.list(t).Waiting
	if len(waiting) != 1 || waiting[0].Match != match || waiting[0].Name != "cue laptop" {
		t.Fatalf("the operator sees %+v, the device %s", waiting, match)
	}
	if out := router.operator(t, "paired", "approve", waiting[0].ID, "--profile", "viewer", "--name", "FOH", "--lifetime", "show"); !regexp.MustCompile(`^FOH is in, with the profile viewer, until 20\d\d-`).MatchString(out) {
		t.Errorf("approve: %q", out)
	}
	if code := asking.wait(t); code != 0 {
		t.Fatalf("exit code %d: %s", code, &asking.stderr)
	}
	files := m.tokens(t)
	if len(files) != 1 {
		t.Fatalf("stored: %q", files)
	}
	if out := asking.stdout.String(); !strings.Contains(out, "Studio has let cue laptop in, with the profile viewer: it may read /**\n") || !strings.Contains(out, files[0]) {
		t.Errorf("it printed %q", out)
	}
	if words := asking.stderr.String(); !strings.Contains(words, "not encrypted: whoever is in its network can read the token") {
		t.Errorf("it does not say that the token is open to all: %q", words)
	}
	for path, want := range map[string]os.FileMode{files[0]: 0o600, filepath.Dir(files[0]): 0o700 | os.ModeDir} {
		if info, err := os.Stat(path); err != nil || info.Mode() != want {
			t.Errorf("%s: %v, %v; want %v", path, info.Mode(), err, want)
		}
	}
	var stored struct{ Token, Router, Name string }
	text, err := os.ReadFile(files[0])
	if err == nil {
		err = json.Unmarshal(text, &stored)
	}
	if err != nil || stored.Router != "Studio" || stored.Name != "cue laptop" || !strings.HasPrefix(stored.Token, "clp_") {
		t.Errorf("stored: %s, %v", text, err)
	}

	m.runs(t, "get", "/**")
	m.fails(t, nil, "(error 301)", "set", "/a", "1")
	if d := router.list(t).Devices; len(d) != 1 || d[0].Name != "FOH" {
		t.Errorf("devices: %+v", d)
	}
	// What somebody says counts more than what is stored.
	m.fails(t, []string{"CLASP_TOKEN=bad"}, "(error 300)", "get", "/**")
	m.fails(t, nil, "(error 300)", "get", "/**", "--token", "bad")
	// Of another transport the host is what it is known by.
	tcp := router.until(t, router.stdout.String, `tcp://127\.0\.0\.1:\d+`)[0]
	m.runs(t, "get", "/**", "--url", tcp)

	router.operator(t, "paired", "revoke", "foh")
	m.fails(t, nil, "(error 317)\nthat was the token which 'clasp pair' has stored: ask to be let in again with 'clasp pair "+m.url+"'", "get", "/**")
	if secret := stored.Token[strings.LastIndex(stored.Token, "_"):]; strings.Contains(router.stdout.String()+router.stderr.String(), secret) {
		t.Error("the router's log has the token")
	}
}

// TestPairNot: a machine that is turned away, that gives up, or that asks where nobody new is let in, has nothing and leaves
// nothing.
func TestPairNot(t *testing.T) {
	router := startPairing(t)
	m := router.machine(t)
	asking, _ := m.asks(t)
	router.operator(t, "paired", "deny", router.list(t).Waiting[0].ID)
	if code := asking.wait(t); code != 1 || !strings.Contains(asking.stderr.String(), "turned this device away") {
		t.Errorf("denied: exit code %d, %s", code, &asking.stderr)
	}

	router = startPairing(t)
	m.url = router.url
	asking, _ = m.asks(t)
	if code := asking.interrupt(t); code != 1 || !strings.HasSuffix(asking.stderr.String(), "clasp: stopped; the request is taken back\n") {
		t.Errorf("Ctrl-C: exit code %d, %s", code, &asking.stderr)
	}
	if list := router.list(t); len(list.Waiting)+len(list.Devices) > 0 {
		t.Errorf("after Ctrl-C there are %+v", list)
	}

	used := router.invite(t).Links[0].URL
	other := router.machine(t)
	if _, stderr, code := clasp(t, other.environ(), "pair", used); code != 0 {
		t.Fatalf("an invite: exit code %d, %s", code, stderr)
	}
	m.fails(t, nil, "used already", "pair", used)
	m.fails(t, nil, "does not know this invite", "pair", m.url+"#"+strings.Repeat("A", 22))
	m.fails(t, nil, "no CLASP router, or one without --pairing", "pair", startRouter(t).url)
	m.fails(t, nil, "nothing listens at ws://127.0.0.1:1: see that the router runs there, with --pairing", "pair", "ws://127.0.0.1:1")
	for _, url := range []string{"tcp://localhost", "localhost:7330", "ws://me:secret@localhost", "http://localhost/p#%zz"} {
		if _, stderr, code := clasp(t, nil, "pair", url); code != 2 || strings.Contains(stderr, "secret") {
			t.Errorf("%s: exit code %d, %s", url, code, stderr)
		}
	}
	if files := m.tokens(t); len(files) > 0 {
		t.Errorf("stored: %q", files)
	}
}

// TestPairUnkept: when the token cannot be kept, the router has no device either.
func TestPairUnkept(t *testing.T) {
	router := startPairing(t)
	m := router.machine(t)
	m.pairs(t, router, "first")
	file := m.tokens(t)[0]
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(mkdir(t, file), "in the way"), "")
	m.fails(t, nil, "keep the token", "pair", router.invite(t).Links[0].URL, "--name", "second")
	if names := router.names(t); names != "first" {
		t.Errorf("devices: %s", names)
	}
	if files := m.tokens(t); len(files) != 1 {
		t.Errorf("left: %q", files)
	}
	// Found out before the router is asked.
	m = machine{t.TempDir(), router.url}
	write(t, filepath.Join(m.config, "clasp"), "a file")
	m.fails(t, nil, "make the directory of tokens", "pair", router.invite(t, "--no-pin").Links[0].URL)
	if names := router.names(t); names != "first" {
		t.Errorf("devices: %s", names)
	}
}

func mkdir(t *testing.T, path string) string {
	t.Helper()
	if err := os.MkdirAll(path, 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestPairAnotherRouter: what was given by one router is not shown to another that is at its address now, and somebody is told.
func TestPairAnotherRouter(t *testing.T) {
	router := startPairing(t)
	m := router.machine(t)
	m.pairs(t, router, "desk")
	if err := router.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-router.ended
	another := startPairing(t, "--port", router.port)
	const warning = "was the router Studio (ID "
	m.fails(t, nil, warning, "get", "/**")
	m.fails(t, nil, "(error 310)", "get", "/**") // as without a token
	link := another.invite(t).Links[0].URL
	if _, stderr, code := clasp(t, m.environ(), "pair", link); code != 0 || !strings.Contains(stderr, warning) {
		t.Errorf("pair: exit code %d, %s", code, stderr)
	}
	if files := m.tokens(t); len(files) != 2 {
		t.Errorf("stored: %q", files)
	}
}

// TestPairSecure: the link of an invite names the router's key, which is then enough; any other key is not, and a token that came
// over TLS does not go without.
func TestPairSecure(t *testing.T) {
	dir := t.TempDir()
	if _, stderr, code := clasp(t, nil, "tls", "init", "--dir", dir); code != 0 {
		t.Fatal(stderr)
	}
	router := startPairing(t, "--tcp", "--tcp-port", "0", "--tls", "--tls-cert", filepath.Join(dir, "cert.pem"), "--tls-key", filepath.Join(dir, "key.pem"))
	m := router.machine(t)
	link := router.invite(t).Links[0].URL
	at := strings.LastIndex(link, ".")
	wrong := link[:at+1] + strings.Repeat("A", 43)
	m.fails(t, nil, "has another key", "pair", wrong)
	m.fails(t, nil, "nothing here trusts who signed", "pair", link[:at])
	m.succeeds(t, "pair", link, "--name", "desk") // without a word about the network
	m.succeeds(t, "set", "/a", "1")
	m.fails(t, nil, "nothing here trusts who signed", "get", "/**", "--token", "x")
	tcp := router.until(t, router.stdout.String, `tcp://127\.0\.0\.1:\d+`)[0]
	m.fails(t, nil, "came over TLS and is not sent without", "get", "/**", "--url", tcp)
}

// TestStoredTokenFiles: what is no token of the router is passed over, and said.
func TestStoredTokenFiles(t *testing.T) {
	router := startPairing(t)
	m := router.machine(t)
	m.pairs(t, router, "desk")
	file := m.tokens(t)[0]
	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(filepath.Dir(file), "00000000-0000-4000-8000-000000000000.json")
	for text, words := range map[string]string{
		string(good): "of another router than its name says", "{}": "there is none in it", "no JSON": "cannot be used",
	} {
		write(t, other, text)
		stdout, stderr, code := clasp(t, m.environ(), "set", "/a", "1")
		if code != 0 || !strings.Contains(stderr, words) {
			t.Errorf("%q: exit code %d, %q, %q", text, code, stdout, stderr)
		}
	}
	if err := os.Remove(other); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(filepath.Dir(file), "123.new"), "what a crash has left")
	m.succeeds(t, "set", "/a", "1")
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, stderr, code := clasp(t, m.environ(), "set", "/a", "1"); code != 0 || !strings.Contains(stderr, "chmod 600 it") {
		t.Errorf("open to all: exit code %d, %q", code, stderr)
	}
}

// TestPairWaitsLong: a machine that has waited so long that another command took its file for a leftover keeps its token.
func TestPairWaitsLong(t *testing.T) {
	router := startPairing(t)
	m := router.machine(t)
	asking, _ := m.asks(t)
	begun, err := filepath.Glob(filepath.Join(m.config, "clasp", "tokens", "*.new"))
	if err != nil || len(begun) != 1 {
		t.Fatalf("begun: %q, %v", begun, err)
	}
	if err := os.Remove(begun[0]); err != nil {
		t.Fatal(err)
	}
	router.operator(t, "paired", "approve", router.list(t).Waiting[0].ID)
	if code := asking.wait(t); code != 0 || len(m.tokens(t)) != 1 {
		t.Errorf("exit code %d, %s, stored %q", code, &asking.stderr, m.tokens(t))
	}
	m.succeeds(t, "set", "/a", "1")
}

// TestPairPINFromStdin: a PIN may come from a program, one line a try.
func TestPairPINFromStdin(t *testing.T) {
	router := startPairing(t)
	m := router.machine(t)
	pin := router.invite(t, "--profile", "operator").PIN
	wrong := "135790"
	if pin == wrong {
		wrong = "135791"
	}
	pair := claspCommand(t, m.environ(), "pair", m.url, "--name", "cue laptop", "--pin", "-")
	pair.Stdin = strings.NewReader(wrong + "\n" + pin + "\n")
	out, err := pair.CombinedOutput()
	if err != nil || !regexp.MustCompile(`tries left: \d\)\nStudio has let cue laptop in, with the profile operator`).Match(out) {
		t.Errorf("%v\n%s", err, out)
	}

	// One of the command line is tried once.
	router = startPairing(t)
	m.url = router.url
	pin = router.invite(t).PIN
	if pin == wrong {
		wrong = "135792"
	}
	m.fails(t, nil, "The code is wrong", "pair", m.url, "--pin", wrong)
	if list := router.list(t); len(list.Waiting)+len(list.Devices) > 0 {
		t.Errorf("after it there are %+v", list)
	}
}

// TestSubWaits: a subscription without a token says what it waits for, and goes on when it is let in.
func TestSubWaits(t *testing.T) {
	router := startPairing(t)
	m := router.machine(t)
	sub := m.begins(t, "sub", "--count", "1", "/a")
	shows(t, &sub.stderr, "waiting for the operator of the router, who sees the match code ")
	waiting := router.list(t).Waiting
	if len(waiting) != 1 || !strings.Contains(sub.stderr.String(), "match code "+waiting[0].Match+"; 'clasp pair "+m.url+"' gets") {
		t.Fatalf("the operator sees %+v, it says %s", waiting, &sub.stderr)
	}
	if out := router.operator(t, "paired", "approve", waiting[0].ID); !regexp.MustCompile(`default, while it is here; if it uses its token, until 20\d\d-`).MatchString(out) {
		t.Errorf("approve: %s", out)
	}
	if out := router.operator(t, "paired", "list"); !strings.Contains(out, "while it is here; if it uses its token, until 20") || !strings.Contains(out, "WITHOUT TOKEN: back by name and address") {
		t.Errorf("list:\n%s", out)
	}
	desk := router.machine(t)
	desk.pairs(t, router, "desk")
	desk.succeeds(t, "set", "/a", "1")
	if code := sub.wait(t); code != 0 || sub.stdout.String() != "param    /a 1\n" {
		t.Errorf("exit code %d, %q", code, &sub.stdout)
	}
}
