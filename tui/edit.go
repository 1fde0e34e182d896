package tui

// The dialog that sets a value, or sends an event. What is typed is read here first; the
// router has the last word, and its answer stands in the dialog.

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"github.com/clasp-studio/clasp/router/monitor"
)

// editor is the dialog.
type editor struct {
	e       *env
	address input
	value   input
	filled  string // what the field of the value was filled with
	fresh   bool   // the address can be typed: it has no value yet
	kind    string // what the value is now, "" = none
	keep    bool   // it has to stay of that type
	event   bool
	onName  bool // the address has the keys
	now     string
	holder  string
	said    string // the answer, or what is wrong with what was typed
	waiting bool
	over    bool
}

// newEditor edits an address; v is what it is now, nil = nothing.
func newEditor(e *env, address string, v *monitor.Value) *editor {
	d := &editor{e: e}
	d.address.set(address)
	if v == nil {
		d.fresh = true
		d.onName = strings.HasSuffix(address, "/")
		return d
	}
	d.kind, d.keep, d.now = v.Type, true, v.Text
	d.holder = stateWriter(e, v.HolderName, v.Holder)
	switch {
	case strings.HasSuffix(v.Text, "…"):
		d.said = "the value is longer than what is shown of it: type all of it anew, or leave it with esc"
	case strings.Contains(v.Text, "·"): // may stand for what cannot be shown
		d.said = "the value may hold what cannot be shown: type all of it anew, or leave it with esc"
	default:
		d.value.set(v.Text)
		d.filled = d.value.String()
	}
	return d
}

func (d *editor) typing() bool { return true }

func (d *editor) apply(f *frame) {
	for i := range f.Values {
		if v := &f.Values[i]; v.Address == d.address.String() && !v.Missing {
			d.now, d.holder = v.Text, stateWriter(d.e, v.HolderName, v.Holder)
		}
	}
}

func (d *editor) key(k tea.KeyPressMsg) (tea.Cmd, bool) {
	switch k.Keystroke() {
	case "esc":
		d.over = true
		return nil, true
	case "enter":
		return d.enter(), false
	case "tab", "shift+tab", "up", "down":
		d.onName = d.fresh && !d.onName
	case "ctrl+t":
		d.keep = d.kind != "" && !d.keep
	case "ctrl+e":
		d.event = !d.event
	default:
		in := &d.value
		if d.onName {
			in = &d.address
		}
		if in.key(k) {
			d.said = ""
		}
	}
	return nil, false
}

// enter sends what was typed, an event only after a question.
func (d *editor) enter() tea.Cmd {
	if d.waiting {
		return nil
	}
	if d.onName {
		d.onName = false
		return nil
	}
	a := monitor.Action{Kind: monitor.Set, Address: d.address.String()}
	if d.keep && !d.event {
		a.Type = d.kind
	}
	var err error
	if a.Value, err = readTyped(d.value.String(), a.Type); err != nil {
		d.said = err.Error()
		return nil
	}
	if strings.HasSuffix(a.Address, "/") {
		d.said, d.onName = "the address is not complete: it ends with /", true
		return nil
	}
	if !d.event && d.untouched() {
		d.said = "nothing has been changed, and nothing is sent"
		if d.now != d.filled { // somebody else has: what it was is not put back
			d.said += ": it is " + d.e.clip(d.now, 60) + " by now"
		}
		return nil
	}
	if !d.event {
		return d.send(a)
	}
	a.Kind = monitor.Emit
	return send(overlayMsg{newConfirm(d.e, "Send an event to "+a.Address+"?",
		[]string{"With " + d.e.clip(a.Value, 200) + ". Whoever listens acts on it at once: it cannot be taken back."},
		func() tea.Cmd { return d.send(a) })})
}

// untouched reports whether the field says what it said at first: to send that would put back
// what the value was when the dialog came up.
func (d *editor) untouched() bool { return d.filled != "" && d.value.String() == d.filled }

// send has the action carried out, and says what came of it.
func (d *editor) send(a monitor.Action) tea.Cmd {
	d.waiting, d.said = true, ""
	return send(actionMsg{action: a, then: func(_ monitor.Result, err error) tea.Cmd {
		d.waiting = false
		switch {
		case err != nil:
			d.said = inWords(err)
			return nil
		case d.over:
			return nil
		}
		d.over = true
		return send(overlayMsg{})
	}})
}

// readTyped reads a value as `clasp set` does, as far as that can be told from the text, and
// says in words what is wrong with it. kind is the type it has to be of, "" = any.
func readTyped(text, kind string) (string, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return "", errors.New(`the value is empty: for the empty string write ""`)
	}
	valid := json.Valid([]byte(text))
	switch {
	case kind == "string" && (!valid || text[0] != '"'):
		if text[0] == '"' {
			return "", errors.New("the quotes of the string are not closed, or there is one too many inside")
		}
		quoted, err := json.Marshal(text) // whatever it looks like: a string is wanted
		return string(quoted), err
	case kind == "bool" && text != "true" && text != "false":
		return "", errors.New("it has to be true or false (ctrl+t: another type)")
	case kind == "array" && (!valid || text[0] != '['), kind == "map" && (!valid || text[0] != '{'):
		return "", fmt.Errorf("it has to be JSON for %s (ctrl+t: another type)", map[string]string{"array": "an array: [1,2]", "map": `a map: {"x":1}`}[kind])
	case strings.HasPrefix(kind, "f") && text[0] != '{':
		if _, err := strconv.ParseFloat(text, 64); err != nil {
			return "", fmt.Errorf("it has to be a number, as %s (ctrl+t: another type)", kind)
		}
	case strings.HasPrefix(kind, "i") || strings.HasPrefix(kind, "u"):
		if _, err := strconv.ParseInt(text, 10, 64); err != nil {
			if _, err := strconv.ParseUint(text, 10, 64); err != nil {
				return "", fmt.Errorf("it has to be a whole number, as %s (ctrl+t: another type)", kind)
			}
		}
	case !valid && strings.ContainsAny(text[:1], "{[\"'+-.0123456789"):
		return "", errors.New(`it begins like JSON but is not; for a string write "…"`)
	}
	return text, nil
}

func (d *editor) render(w, h int) []string {
	w = min(w, 72)
	if w < 20 || h < 3 {
		return nil
	}
	e, t := d.e, d.e.theme
	inner := w - 4
	field := func(label, value string) string {
		return t.paint(dim, e.fit(label, 9)) + value
	}
	var lines []string
	if d.fresh {
		value := e.fit(d.address.String(), inner-9)
		if d.onName {
			value = d.address.render(e, inner-9)
		}
		lines = append(lines, field("address", value))
	} else {
		lines = append(lines, field("now", e.clip(d.now, inner-9)))
	}
	kind := "whatever it looks like"
	if d.keep && !d.event {
		kind = d.kind
	}
	lines = append(lines, field("type", kind))
	value := e.fit(d.value.String(), inner-9)
	if !d.onName {
		value = d.value.render(e, inner-9)
	}
	as := "value"
	if d.event {
		as = "event: it is passed on and not kept"
	}
	lines = append(lines, field("send as", as), field("new", value))
	if d.holder != "" && !d.event {
		lines = append(lines, "", t.paint(warn, e.clip(e.glyphs.lock+" locked by "+d.holder+": the router may refuse", inner)))
	}
	switch {
	case d.waiting:
		lines = append(lines, "", t.paint(dim, "Asking the router"+e.glyphs.ellipsis))
	case d.said != "":
		lines = append(lines, "")
		for _, line := range wrap(e.glyphs.bad+" "+d.said, inner) {
			lines = append(lines, t.paint(bad, line))
		}
	}
	head := "New value"
	if !d.fresh {
		head = "Set " + leftCut(e, d.address.String(), inner-8)
	}
	if len(lines) > h-2 { // the field and the answer stay
		lines = lines[len(lines)-(h-2):]
	}
	return e.box(head, lines, w)
}

func (d *editor) bindings() []key.Binding {
	b := []key.Binding{formKey("enter", "send"), formKey("esc", "cancel"), formKey("ctrl+e", "value or event")}
	if d.kind != "" {
		b = append(b, formKey("ctrl+t", "keep the type or not"))
	}
	if d.fresh {
		b = append(b, formKey("tab", "address or value"))
	}
	return b
}
