package tui

// The keys: which mean what where, how they are rebound, and that no key means two things
// in one place.

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"charm.land/bubbles/v2/key"
)

// keyMap has every key that means something, by action.
type keyMap struct {
	Quit, QuitKeep, Detach, Help, Palette, Zoom, Freeze, Mouse, Privacy, Marks         key.Binding
	NextPane, PrevPane, Pane1, Pane2, Pane3, Pane4, Pane5, Pairing                     key.Binding
	Up, Down, PageUp, PageDown, Home, End, Left, Right, Enter, Back                    key.Binding
	Filter, Next, Previous, Copy, CopyValue                                            key.Binding
	Sort, Reverse, Columns, SlowTop, Disconnect, Ban, LogsOf                           key.Binding // Connections
	Pin, Edit, Expand, Collapse, ClearHistory                                          key.Binding // State
	Approve, Deny, Later, ShowPIN, Invite, EditGrant, CopyCode, Revoke, Rename, Unlock key.Binding // Pairing
	LevelUp, LevelDown, Follow, Wrap, Times, Mark, Save                                key.Binding // Logs
}

// newKeyMap returns the usual keys with the ones in custom (by an action's name) in their
// place. The error lists all that is wrong with custom, in words.
func newKeyMap(custom map[string][]string, ascii bool) (*keyMap, error) {
	k := &keyMap{}
	var wrong []error
	known := make(map[string]bool, len(actions))
	for _, a := range actions {
		known[a.name] = true
		keys := a.keys
		if own, ok := custom[a.name]; ok {
			if keys = own; len(own) == 0 {
				wrong = append(wrong, fmt.Errorf("action %q has no key: give it at least one", a.name))
			}
		}
		for i, name := range keys {
			if slices.Contains(keys[:i], name) {
				wrong = append(wrong, fmt.Errorf("key %q is listed twice for %q", name, a.name))
			}
			if a.name == "approve" && (name == "enter" || name == "space") {
				wrong = append(wrong, fmt.Errorf("key %q cannot be %q: it is pressed without a thought, and would let devices in", name, a.name))
			}
			if why := unusable(name); why != "" {
				wrong = append(wrong, fmt.Errorf("key %q cannot be %q: %s", name, a.name, why))
			}
		}
		*a.binding(k) = key.NewBinding(key.WithKeys(keys...), key.WithHelp(keyLabel(keys, ascii), a.help))
	}
	for _, name := range sortedKeys(custom) {
		if !known[name] {
			wrong = append(wrong, fmt.Errorf("there is no action %q; `?` in the dashboard lists them", name))
		}
	}
	if !slices.Contains(k.Quit.Keys(), "ctrl+c") { // whatever was configured, there is a way out
		k.Quit.SetKeys(append(slices.Clone(k.Quit.Keys()), "ctrl+c")...)
	}
	wrong = append(wrong, conflicts(k)...)
	if len(wrong) > 0 {
		return nil, fmt.Errorf("keys of the dashboard: %w", errors.Join(wrong...))
	}
	return k, nil
}

// conflicts returns one error for each key that means two things in one place.
func conflicts(k *keyMap) []error {
	var wrong []error
	seen := map[[2]string]bool{}
	for _, contexts := range contextsOf {
		by := map[string]string{}
		for _, a := range actions {
			if !slices.Contains(contexts, a.context) {
				continue
			}
			for _, name := range a.binding(k).Keys() {
				other, taken := by[name]
				by[name] = a.name
				if pair := [2]string{other, a.name}; taken && other != a.name && !seen[pair] {
					seen[pair] = true
					wrong = append(wrong, fmt.Errorf("key %q is both %q and %q", name, other, a.name))
				}
			}
		}
	}
	return wrong
}

// unusable says why a key cannot be bound, "" if it can.
func unusable(name string) string {
	switch {
	case name == "":
		return "it is empty"
	case name == "ctrl+z":
		return "it would stop the router with the screen in a shell, and is kept free for a hint"
	case strings.TrimSpace(name) != name:
		return `it has spaces around it (the space bar is "space")`
	case strings.Contains(name, "+") && name != "+":
		for _, mod := range strings.Split(strings.TrimSuffix(name, "++"), "+") {
			if mod == "" {
				return "something is missing beside a +"
			}
		}
	}
	return ""
}

// keyLabel is how keys are written in help and footer: "↑/k".
func keyLabel(keys []string, ascii bool) string {
	labels := make([]string, 0, len(keys))
	for _, name := range keys {
		if name == "ctrl+c" && len(keys) > 1 { // everybody knows it
			continue
		}
		labels = append(labels, keyName(name, ascii))
	}
	return strings.Join(labels, "/")
}

// keyName is one key as it is written for people.
func keyName(name string, ascii bool) string {
	if ascii {
		return name
	}
	if sign, ok := map[string]string{
		"up": "↑", "down": "↓", "left": "←", "right": "→", "shift+tab": "⇧tab",
	}[name]; ok {
		return sign
	}
	return name
}

func sortedKeys(m map[string][]string) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
