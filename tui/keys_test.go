package tui

// The table of keys: nothing means two things in one place, all of it is in the help, and
// what an operator configures is checked in words.

import (
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"charm.land/bubbles/v2/key"
)

// No key that is pressed without a thought lets anybody in, wherever its own action has gone.
func TestApproveIsNoThoughtlessKey(t *testing.T) {
	for _, name := range []string{"enter", "space"} {
		_, err := newKeyMap(map[string][]string{"approve": {name}, "enter": {"f5"}, "freeze": {"f6"}}, false)
		if err == nil || !strings.Contains(err.Error(), "would let devices in") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := newKeyMap(map[string][]string{"approve": {"f7"}}, false); err != nil {
		t.Error(err)
	}
}

func TestKeysAreWhole(t *testing.T) {
	k, err := newKeyMap(nil, false)
	if err != nil {
		t.Fatal(err)
	}
	// every field of keyMap has its line in the table, once
	fields := reflect.ValueOf(k).Elem()
	if fields.NumField() != len(actions) {
		t.Errorf("%d fields, %d actions", fields.NumField(), len(actions))
	}
	for i := range fields.NumField() {
		b := fields.Field(i).Interface().(key.Binding)
		if len(b.Keys()) == 0 || b.Help().Desc == "" || b.Help().Key == "" {
			t.Errorf("%s has no key or help", fields.Type().Field(i).Name)
		}
	}
	names := map[string]bool{}
	for _, a := range actions {
		if names[a.name] {
			t.Errorf("%s is there twice", a.name)
		}
		names[a.name] = true
		for _, never := range []string{"ctrl+d", "ctrl+k", "ctrl+a", "ctrl+z"} {
			if slices.Contains(a.keys, never) {
				t.Errorf("%s is %s", never, a.name)
			}
		}
	}
	for _, never := range []string{"enter", "space", " "} {
		for _, b := range []key.Binding{k.Approve, k.Deny, k.Revoke, k.Disconnect, k.Ban} {
			if slices.Contains(b.Keys(), never) {
				t.Errorf("%s does %s", never, b.Help().Desc)
			}
		}
	}
}

// What a pane says its keys are is in the table: the footer never shows a key that does not
// work there.
func TestFooterKeysAreBound(t *testing.T) {
	b := newBench(t, 200, 50, 10, 50)
	for id := range panes {
		known := map[string]bool{}
		for _, a := range actions {
			if slices.Contains(contextsOf[id], a.context) {
				for _, name := range a.binding(b.e.keys).Keys() {
					known[name] = true
				}
			}
		}
		b.focusOn(id)
		for _, bind := range b.panes[id].bindings() {
			for _, name := range bind.Keys() {
				if !known[name] {
					t.Errorf("%s shows %q, which is not a key of its own", paneNames[id], name)
				}
			}
		}
	}
}

func TestHelpHasAllKeys(t *testing.T) {
	b := newBench(t, 120, 200, 5, 10)
	b.press("?")
	text := b.text()
	for _, a := range actions {
		if !strings.Contains(text, a.help) || !strings.Contains(text, keyLabel(a.keys, false)) {
			t.Errorf("%s (%s) is not in the help", a.name, keyLabel(a.keys, false))
		}
	}
	b.see("32.0 MB of memory", "Log lines lost")
	b.press("esc")
	b.Update(sizeMsg(50, 12))
	b.press("?", "end")
	b.see("Log lines lost")
	b.press("home")
	b.see("Everywhere")
}

func TestKeysAreRebound(t *testing.T) {
	k, err := newKeyMap(map[string][]string{"quit": {"ctrl+x"}, "mouse": {"f2"}}, false)
	if err != nil {
		t.Fatal(err)
	}
	if got := k.Quit.Keys(); !slices.Equal(got, []string{"ctrl+x", "ctrl+c"}) { // whatever else, ctrl+c is a way out
		t.Errorf("quit is %q", got)
	}
	if got := k.Mouse.Help().Key; got != "f2" {
		t.Errorf("the help says %q", got)
	}
	for name, c := range map[string]struct {
		custom map[string][]string
		want   string
	}{
		"two in one place":      {map[string][]string{"zoom": {"q"}}, `key "q" is both "quit" and "zoom"`},
		"global and of a pane":  {map[string][]string{"zoom": {"x"}}, `key "x" is both "zoom" and "disconnect"`},
		"unknown":               {map[string][]string{"zom": {"x"}}, `there is no action "zom"`},
		"none":                  {map[string][]string{"zoom": {}}, `action "zoom" has no key`},
		"empty":                 {map[string][]string{"zoom": {""}}, `key "" cannot be "zoom"`},
		"suspend":               {map[string][]string{"zoom": {"ctrl+z"}}, "it would stop the router"},
		"twice":                 {map[string][]string{"zoom": {"Z", "Z"}}, "listed twice"},
		"nothing after the +":   {map[string][]string{"zoom": {"ctrl+"}}, "something is missing"},
		"the space bar's name":  {map[string][]string{"zoom": {" "}}, `the space bar is "space"`},
		"enter would let it in": {map[string][]string{"approve": {"enter"}}, `key "enter" is both`},
	} {
		if err := CheckKeys(c.custom); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
	// the same key in two panes is no conflict
	if err := CheckKeys(map[string][]string{"sort": {"f5"}, "edit": {"f5"}}); err != nil {
		t.Error(err)
	}
}

// KEYS.md is made of the table. CLASP_WRITE=1 writes it.
func TestKeysPage(t *testing.T) {
	if os.Getenv("CLASP_WRITE") != "" {
		if err := os.WriteFile("KEYS.md", []byte(KeysMarkdown()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	page, err := os.ReadFile("KEYS.md")
	if err != nil {
		t.Fatal(err)
	}
	if string(page) != KeysMarkdown() {
		t.Error("KEYS.md is not what the table says: CLASP_WRITE=1 go test -run KeysPage ./tui")
	}
}
