package tui

// A dialog with a few fields: text to type, or one of several to choose with the arrows.
// Nothing happens until its button is reached and pressed.

import (
	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
)

// formField is one line of a form: text, or the choice at pick when there are choices.
type formField struct {
	label   string
	text    input
	choices []string
	pick    int
}

// choice is what is chosen.
func (f *formField) choice() string { return f.choices[f.pick] }

// form is the dialog.
type form struct {
	e      *env
	head   string
	fields []formField
	button string
	notes  func(*form) []string          // what the fields mean, in words
	submit func(*form) (tea.Cmd, string) // the button; a text that is not empty keeps the form and says why
	wrong  string
	at     int // the field with the keys, len(fields) = the button
}

func (f *form) apply(_ *frame) {}

func (f *form) typing() bool { return f.at < len(f.fields) && f.fields[f.at].choices == nil }

func (f *form) key(k tea.KeyPressMsg) (tea.Cmd, bool) {
	name := k.String()
	switch name {
	case "esc", "ctrl+c":
		return nil, true
	case "tab", "down":
		f.at = (f.at + 1) % (len(f.fields) + 1)
		return nil, false
	case "shift+tab", "up":
		f.at = (f.at + len(f.fields)) % (len(f.fields) + 1)
		return nil, false
	case "enter":
		if f.at < len(f.fields) {
			f.at++
			return nil, false
		}
		cmd, wrong := f.submit(f)
		f.wrong = wrong
		return cmd, wrong == ""
	}
	if f.at == len(f.fields) {
		return nil, false
	}
	in := &f.fields[f.at]
	if in.choices == nil {
		in.text.key(k)
		return nil, false
	}
	switch n := len(in.choices); name {
	case "left":
		in.pick = (in.pick + n - 1) % n
	case "right", "space":
		in.pick = (in.pick + 1) % n
	}
	return nil, false
}

func (f *form) render(w, h int) []string {
	width := min(w-4, 64)
	if width < 16 || h < 4 {
		return []string{f.e.fit(f.head, w)}
	}
	labels := 0
	for i := range f.fields {
		labels = max(labels, cells(f.fields[i].label))
	}
	body := []string{""}
	focus := 0
	for i := range f.fields {
		in, active := &f.fields[i], i == f.at
		lead := "  "
		if active {
			lead, focus = f.e.glyphs.cursor+" ", len(body)
		}
		room := width - labels - 4
		var value string
		switch {
		case in.choices == nil:
			if value = f.e.fit(in.text.String(), room); active {
				value = in.text.render(f.e, room)
			}
		case active:
			value = f.e.fit("< "+f.e.theme.paint(strong, f.e.fit(in.choice(), min(room-4, cells(in.choice()))))+" >", room)
		default:
			value = f.e.fit(in.choice(), room)
		}
		body = append(body, f.e.fit(lead, 2)+f.e.theme.paint(dim, f.e.fit(in.label, labels))+"  "+value)
	}
	body = append(body, "")
	if f.notes != nil {
		for _, note := range f.notes(f) {
			for _, line := range wrap(note, width) {
				body = append(body, f.e.theme.paint(dim, line))
			}
		}
		body = append(body, "")
	}
	if f.wrong != "" {
		for _, line := range wrap(f.e.glyphs.bad+" "+f.wrong, width) {
			body = append(body, f.e.theme.paint(bad, line))
		}
		body = append(body, "")
	}
	button := "  [ " + f.button + " ]"
	if f.at == len(f.fields) {
		button = f.e.theme.paint(selected, f.e.fit(f.e.glyphs.cursor, 1)+" [ "+f.button+" ]")
		focus = len(body)
	}
	body = append(body, f.e.fit(button, min(width, cells(button)))+"   "+f.e.theme.paint(dim, "tab next field   esc cancel"))
	if room := h - 2; len(body) > room { // what has the keys stays in sight
		from := max(0, min(focus-room/2, len(body)-room))
		body = body[from : from+room]
	}
	return f.e.box(f.head, body, width+4)
}

func (f *form) bindings() []key.Binding {
	return []key.Binding{
		formKey("tab", "next field"), formKey("enter", "go on"), formKey("esc", "cancel"),
	}
}

// formKey is a key that is the same in all dialogs, whatever keys the panes have been given.
func formKey(name, does string) key.Binding {
	return key.NewBinding(key.WithKeys(name), key.WithHelp(name, does))
}
