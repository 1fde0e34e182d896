package tui

// One line of text being typed: for filters, names, values.

import (
	"strings"
	"unicode"

	tea "charm.land/bubbletea/v2"
)

// maxInput is how many characters a line takes.
const maxInput = 1024

// input is a line with a cursor. Its zero value is empty.
type input struct {
	text []rune
	at   int
}

// newInput returns a line that holds s, the cursor at its end.
func newInput(s string) *input {
	in := &input{}
	in.set(s)
	return in
}

// set replaces the text.
func (in *input) set(s string) {
	in.text = []rune(s)
	if len(in.text) > maxInput {
		in.text = in.text[:maxInput]
	}
	in.at = len(in.text)
}

// String is the text.
func (in *input) String() string { return string(in.text) }

// key takes a key of editing; handled is false for all others, Enter and Esc among them.
func (in *input) key(k tea.KeyPressMsg) (handled bool) {
	switch k.Keystroke() {
	case "left":
		in.at = max(0, in.at-1)
	case "right":
		in.at = min(len(in.text), in.at+1)
	case "home":
		in.at = 0
	case "end", "ctrl+e":
		in.at = len(in.text)
	case "backspace", "ctrl+h":
		if in.at > 0 {
			in.text = append(in.text[:in.at-1], in.text[in.at:]...)
			in.at--
		}
	case "delete":
		if in.at < len(in.text) {
			in.text = append(in.text[:in.at], in.text[in.at+1:]...)
		}
	case "ctrl+u":
		in.text, in.at = in.text[in.at:], 0
	case "ctrl+w", "alt+backspace":
		from := in.at
		for from > 0 && in.text[from-1] == ' ' {
			from--
		}
		for from > 0 && in.text[from-1] != ' ' {
			from--
		}
		in.text = append(in.text[:from], in.text[in.at:]...)
		in.at = from
	default:
		if k.Text == "" || k.Mod&(tea.ModCtrl|tea.ModAlt) != 0 {
			return false
		}
		in.insert(k.Text)
	}
	return true
}

// insert puts text at the cursor, without what cannot be seen.
func (in *input) insert(s string) {
	add := make([]rune, 0, len(s))
	for _, c := range s {
		if unicode.IsGraphic(c) && len(in.text)+len(add) < maxInput {
			add = append(add, c)
		}
	}
	in.text = append(in.text[:in.at], append(add, in.text[in.at:]...)...)
	in.at += len(add)
}

// render returns the line in w cells with its cursor, scrolled so that the cursor is seen.
func (in *input) render(e *env, w int) string {
	if w < 2 {
		return blank(w)
	}
	from := 0
	for from < in.at && cells(string(in.text[from:in.at])) > w-2 {
		from++
	}
	under, rest := " ", ""
	if in.at < len(in.text) {
		under, rest = string(in.text[in.at]), string(in.text[in.at+1:])
	}
	if cells(under) == 0 { // a mark that sits on the letter before it
		under = " " + under
	}
	var b strings.Builder
	b.WriteString(e.theme.paint(strong, string(in.text[from:in.at])))
	b.WriteString("\x1b[7m" + under + reset)
	b.WriteString(e.theme.paint(strong, rest))
	return e.fit(b.String(), w)
}
