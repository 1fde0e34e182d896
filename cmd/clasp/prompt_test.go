// What keys do at the prompt of a server, in a time of the test's own: who waits, what is shown of them, and what becomes of them.

package main

import (
	"io"
	"net/netip"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/config"
	"github.com/clasp-studio/clasp/pairing"
)

// promptKit is a prompt without a terminal, whose time goes as a test says.
type promptKit struct {
	*prompt
	t       *testing.T
	start   time.Time
	passed  atomic.Int64 // since then; the model looks at any time
	log     strings.Builder
	sources byte // that have knocked
}

func (k *promptKit) now() time.Time       { return k.start.Add(time.Duration(k.passed.Load())) }
func (k *promptKit) pass(d time.Duration) { k.passed.Add(int64(d)) }

func newPromptKit(t *testing.T, s pairing.Settings) *promptKit {
	t.Helper()
	k := &promptKit{t: t, start: time.Now()}
	pairs, err := pairing.Open(pairing.Options{
		Settings: s, Path: filepath.Join(t.TempDir(), "devices"), RouterID: "router", RouterName: "test", Now: k.now,
	})
	if err != nil {
		t.Fatal(err)
	}
	log, err := openLog(config.Logging{Level: "trace", Format: "text"}, &k.log, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	k.prompt = newPrompt(pairs, nil, log, 7330)
	t.Cleanup(func() {
		log.output.close()
		if err := pairs.Close(); err != nil {
			t.Error(err)
		}
	})
	return k
}

// knock has a device of its own source come and wait.
func (k *promptKit) knock(name string) *pairing.Visit {
	k.t.Helper()
	k.sources++
	source := netip.AddrFrom4([4]byte{10, 0, 0, k.sources})
	answer := k.pairs.Hello(pairing.Origin{Name: name, Source: source, Remote: source.String(), Transport: "ws"}, "", nil)
	if answer.Visit == nil {
		k.t.Fatalf("%s does not wait: %+v", name, answer)
	}
	return answer.Visit
}

// types presses keys after a pause each.
func (k *promptKit) types(keys string) {
	for _, key := range []byte(keys) {
		k.look(k.now())
		k.pass(promptGuard)
		k.press(key, k.now())
	}
	k.look(k.now())
}

func (k *promptKit) expect(what string, v *pairing.Visit, want pairing.State) {
	k.t.Helper()
	if got := v.Status().State; got != want {
		k.t.Errorf("%s: %s, want %s; shown:\n%s", what, got, want, k.text(k.now()))
	}
}

func (k *promptKit) shows(parts ...string) {
	k.t.Helper()
	for _, part := range parts {
		if text := k.text(k.now()); !strings.Contains(text, part) {
			k.t.Errorf("no %q in\n%s", part, text)
		}
	}
}

func (k *promptKit) hides(parts ...string) {
	k.t.Helper()
	for _, part := range parts {
		if text := k.text(k.now()); strings.Contains(text, part) {
			k.t.Errorf("%q in\n%s", part, text)
		}
	}
}

var promptSettings = pairing.Settings{Enabled: true, Lobby: true}

// TestPromptApproves: y lets a device in, asked twice where it may write then, and once where it may not.
func TestPromptApproves(t *testing.T) {
	k := newPromptKit(t, promptSettings)
	v := k.knock("FOH iPad")
	k.types("y")
	k.shows("FOH iPad", "Give it read /** and write /**?", "[y] yes")
	k.expect("asked", v, pairing.StateWaiting)
	k.types("y")
	k.expect("approved", v, pairing.StateIssued)
	k.shows("FOH iPad is let in, with the profile default")
	if by := k.pairs.Devices()[0].CreatedBy; by == "" || by != k.by {
		t.Errorf("let in by %q", by)
	}
	k.pass(promptResult + 1)
	k.look(k.now())
	if text := k.text(k.now()); text != "" {
		t.Errorf("shown when nobody waits: %q", text)
	}

	s := promptSettings
	s.Profiles = map[string]pairing.Profile{"default": {Read: []string{"/**"}}}
	k = newPromptKit(t, s)
	v = k.knock("screen")
	k.types("y")
	k.expect("approved at once", v, pairing.StateIssued)
}

// TestPromptGuard: what is typed into a question that has just come, or a key that is held down, answers nothing.
func TestPromptGuard(t *testing.T) {
	k := newPromptKit(t, promptSettings)
	first, second := k.knock("first"), k.knock("second")
	k.look(k.now())
	hold := func(key byte, length time.Duration) {
		for end := k.now().Add(length); k.now().Before(end); k.pass(30 * time.Millisecond) {
			k.press(key, k.now())
			k.look(k.now())
		}
	}
	hold('n', 2*time.Second)
	k.expect("n held from the start", first, pairing.StateWaiting)
	k.types("y")
	k.shows("Give it")
	hold('y', 2*time.Second)
	k.expect("y held", first, pairing.StateWaiting)
	k.types("\x1b")
	k.hides("Give it")

	k.types("n")
	k.expect("denied", first, pairing.StateDenied)
	k.shows("second", "first is turned away")
	k.press('n', k.now().Add(promptGuard-1))
	k.expect("right behind the one before", second, pairing.StateWaiting)
	k.pass(2 * promptGuard)
	k.press('n', k.now())
	k.expect("after a pause", second, pairing.StateDenied)
}

// TestPromptKeepsRow: who comes or goes meanwhile does not move another row under the key, which tab does.
func TestPromptKeepsRow(t *testing.T) {
	k := newPromptKit(t, promptSettings)
	first, second := k.knock("first"), k.knock("second")
	k.types("\t")
	k.shows("second", "next of 2")
	third := k.knock("third")
	first.Leave()
	k.types("n")
	k.expect("the row shown", second, pairing.StateDenied)
	k.expect("another", third, pairing.StateWaiting)
	k.shows("third")
	k.hides("[tab]")
	third.Leave()
	k.types("n")
	k.expect("one that has left", third, pairing.StateWaiting)
}

// TestPromptOtherKeys: all keys but its own do nothing.
func TestPromptOtherKeys(t *testing.T) {
	k := newPromptKit(t, promptSettings)
	v := k.knock("device")
	k.look(k.now())
	before := k.text(k.now())
	for key := range 256 {
		if !strings.ContainsRune("ypn", rune(key)) {
			k.types(string([]byte{byte(key)}))
		}
	}
	k.expect("after all the other keys", v, pairing.StateWaiting)
	if after := k.text(k.now()); after != before {
		t.Errorf("shown before:\n%s\nand after:\n%s", before, after)
	}
}

// TestPromptPIN: p shows a PIN and how long it is good, and nothing else does; it goes when it is used, dead or over.
func TestPromptPIN(t *testing.T) {
	k := newPromptKit(t, promptSettings)
	v := k.knock("device")
	k.types("p")
	pin := k.row.Code
	if len(pin) != 6 {
		t.Fatalf("the code is %q", pin)
	}
	grouped := pin[:3] + " " + pin[3:]
	k.shows(grouped, "good for 5:00")
	k.hides("show a PIN")
	k.pass(61 * time.Second)
	k.look(k.now())
	k.shows(grouped, "good for 3:59")
	k.types("p")
	k.shows(grouped)
	k.pass(5 * time.Minute)
	k.look(k.now())
	k.shows("the time of its PIN is over", "show a PIN")
	k.hides(grouped)

	k.types("p")
	for i := range 5 {
		wrong := []byte(k.row.Code)
		wrong[i] = '0' + (wrong[i]-'0'+1)%10
		if refusal := v.PIN(string(wrong)); refusal == nil {
			t.Fatal("a wrong PIN was right")
		}
	}
	k.look(k.now())
	k.shows("its PIN is dead")

	k.types("p")
	if refusal := v.PIN(k.row.Code); refusal != nil {
		t.Fatal(refusal)
	}
	k.look(k.now())
	if text := k.text(k.now()); text != "" {
		t.Errorf("still shown: %s", text)
	}
	k.prompt.log.output.close()
	if log := k.log.String(); strings.Contains(log, pin) || !strings.Contains(log, "a device waits") {
		t.Errorf("the log: %s", log)
	}
}

// TestPromptPolicies: each approval offers the keys that are enough, and an invite's PIN the rights of the invite.
func TestPromptPolicies(t *testing.T) {
	s := promptSettings
	s.Policy = pairing.PolicyOperator
	k := newPromptKit(t, s)
	v := k.knock("device")
	k.types("p")
	k.hides("PIN")
	k.expect("without codes", v, pairing.StateWaiting)
	k.types("yy")
	k.expect("approved", v, pairing.StateIssued)

	s.Policy = pairing.PolicyBoth
	k = newPromptKit(t, s)
	v = k.knock("device")
	k.types("yy")
	k.hides("let it in")
	k.expect("before the code", v, pairing.StateWaiting)
	k.types("p")
	if refusal := v.PIN(k.row.Code); refusal != nil {
		t.Fatal(refusal)
	}
	k.types("y")
	k.shows("it has typed the right PIN", "Give it read /** and write /**?")
	k.types("y")
	k.expect("approved", v, pairing.StateIssued)

	k = newPromptKit(t, s)
	invite, err := k.pairs.Invite(pairing.Grant{Profile: "sensor"}, true)
	if err != nil {
		t.Fatal(err)
	}
	v = k.knock("mat")
	if refusal := v.PIN(invite.PIN); refusal != nil {
		t.Fatal(refusal)
	}
	k.types("y")
	k.shows("Give it write /sensors/{device}/**?")
	k.types("y")
	if devices := k.pairs.Devices(); len(devices) != 1 || devices[0].Profile != "sensor" {
		t.Errorf("devices: %+v", devices)
	}
}

// TestPromptHostile: nothing that a device says of itself reaches the terminal as anything but letters.
func TestPromptHostile(t *testing.T) {
	k := newPromptKit(t, promptSettings)
	evil := "\x1b[2J\x1b]0;x\a\u202e" + strings.Repeat("A", 10_000) + "\n[y] let it in"
	v := k.knock(evil)
	if refusal := v.Request(evil, evil, []string{evil, evil}); refusal != nil {
		t.Fatal(refusal)
	}
	k.look(k.now())
	text := strings.NewReplacer(boldOn, "", boldOff, "").Replace(k.text(k.now()))
	if strings.ContainsAny(text, "\x1b\a\u202e\r") || strings.Count(text, "\n") != 4 || len(text) > 1000 {
		t.Errorf("shown: %q", text)
	}
}

// TestPromptAnswered: a request that another operator has answered cannot be answered again; the words say so.
func TestPromptAnswered(t *testing.T) {
	k := newPromptKit(t, promptSettings)
	v := k.knock("device")
	k.types("y")
	if err := k.pairs.Deny(k.row.ID, "somebody else"); err != nil {
		t.Fatal(err)
	}
	k.pass(promptGuard)
	k.press('y', k.now()) // before the prompt has looked
	k.expect("answered first", v, pairing.StateDenied)
	k.shows("is over: denied")
}

// TestPromptTells: without a terminal the log says once that a device waits, and how to answer.
func TestPromptTells(t *testing.T) {
	k := newPromptKit(t, promptSettings)
	k.knock("FOH iPad")
	for range 3 {
		k.look(k.now())
		k.pass(time.Minute)
	}
	id := k.row.ID
	k.prompt.log.output.close()
	if log := k.log.String(); strings.Count(log, "\n") != 1 || !strings.Contains(log, `answer="clasp paired approve `+id+` --port 7330"`) || !strings.Contains(log, "FOH iPad") {
		t.Errorf("the log: %s", log)
	}
}

// TestSessionsTold: that several sessions wait as one is to be seen before they are let in.
func TestSessionsTold(t *testing.T) {
	k := newPromptKit(t, promptSettings)
	for n, told := range map[int]bool{1: false, 2: true} {
		row := pairing.Knock{ID: "k7w2", Name: "FOH", Match: "42-17", State: pairing.StateWaiting, Sessions: n}
		k.row = row
		var list strings.Builder
		if err := printWaiting(&list, []knockView{knockView(row)}); err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(k.text(k.now()), "2 sessions"); got != told {
			t.Errorf("%d at the prompt: %v\n%s", n, got, k.text(k.now()))
		}
		if got := strings.Contains(list.String(), "2 sessions"); got != told {
			t.Errorf("%d in the list: %v\n%s", n, got, &list)
		}
	}
}
