package tui

// The palette: all actions by name, for those who do not know the key.

import (
	"strings"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
)

// palette is a list that gets shorter while one types.
type palette struct {
	r    *root
	line input
	at   int
}

func newPalette(r *root) overlay { return &palette{r: r} }

// matches are the actions that have all the words typed.
func (p *palette) matches() []action {
	words := strings.Fields(strings.ToLower(p.line.String()))
	var list []action
next:
	for _, a := range actions {
		if a.context == inLists || a.name == "palette" { // nobody moves a cursor by name
			continue
		}
		text := strings.ToLower(a.name + " " + a.help + " " + a.context.String())
		for _, w := range words {
			if !strings.Contains(text, w) {
				continue next
			}
		}
		list = append(list, a)
	}
	return list
}

// key implements overlay.
func (p *palette) key(k tea.KeyPressMsg) (tea.Cmd, bool) {
	switch k.String() {
	case "esc":
		return nil, true
	case "enter":
		list := p.matches()
		if p.at >= len(list) {
			return nil, false
		}
		a := list[p.at]
		return func() tea.Msg { return callMsg(func() tea.Cmd { return p.r.do(a) }) }, true
	case "up", "shift+tab":
		p.at = max(p.at-1, 0)
	case "down", "tab":
		p.at = min(p.at+1, max(len(p.matches())-1, 0))
	default:
		if p.line.key(k) {
			p.at = 0
		}
	}
	return nil, false
}

// do carries an action out as its key would, in the pane it belongs to. What lets somebody
// in or turns him away is not done from a list: it only goes there.
func (r *root) do(a action) tea.Cmd {
	switch a.context {
	case inClients:
		r.focusOn(clientsPane)
	case inState:
		r.focusOn(statePane)
	case inLogs:
		r.focusOn(logsPane)
	case inPairing:
		r.focusOn(pairingPane)
		return r.flash(flashMsg{text: "press " + a.binding(r.e.keys).Help().Key + " here: " + a.help})
	case inTables:
		if r.focus == overviewPane || r.focus == pairingPane {
			r.focusOn(statePane)
		}
	}
	for _, name := range a.binding(r.e.keys).Keys() {
		return r.key(keyPress(name))
	}
	return nil
}

// keyPress is the press of a key by the name it has in a binding.
func keyPress(name string) tea.KeyPressMsg {
	if code, ok := map[string]rune{
		"space": tea.KeySpace, "tab": tea.KeyTab, "enter": tea.KeyEnter, "esc": tea.KeyEscape,
		"up": tea.KeyUp, "down": tea.KeyDown, "left": tea.KeyLeft, "right": tea.KeyRight,
		"home": tea.KeyHome, "end": tea.KeyEnd, "pgup": tea.KeyPgUp, "pgdown": tea.KeyPgDown,
	}[name]; ok {
		return tea.KeyPressMsg{Code: code}
	}
	if rest, ok := strings.CutPrefix(name, "shift+"); ok && rest != "" {
		k := keyPress(rest)
		k.Mod |= tea.ModShift
		return k
	}
	if rest, ok := strings.CutPrefix(name, "ctrl+"); ok && rest != "" {
		k := keyPress(rest)
		k.Mod, k.Text = k.Mod|tea.ModCtrl, ""
		return k
	}
	if rest, ok := strings.CutPrefix(name, "alt+"); ok && rest != "" {
		k := keyPress(rest)
		k.Mod, k.Text = k.Mod|tea.ModAlt, ""
		return k
	}
	c := []rune(name)
	return tea.KeyPressMsg{Code: c[0], Text: name}
}

// apply implements overlay.
func (*palette) apply(*frame) {}

// typing implements overlay.
func (*palette) typing() bool { return true }

// bindings implements overlay.
func (*palette) bindings() []key.Binding {
	return []key.Binding{
		key.NewBinding(key.WithKeys("enter"), key.WithHelp("enter", "do it")),
		key.NewBinding(key.WithKeys("up", "down"), key.WithHelp("up/down", "choose")),
		key.NewBinding(key.WithKeys("esc"), key.WithHelp("esc", "close")),
	}
}

// render implements overlay.
func (p *palette) render(w, h int) []string {
	e := p.r.e
	w = min(w, 72)
	inner, rows := w-4, min(h, 22)-4
	if inner < 20 || rows < 1 {
		return nil
	}
	list := p.matches()
	p.at = min(p.at, max(len(list)-1, 0))
	from := max(0, min(p.at-rows/2, len(list)-rows))
	body := []string{e.theme.paint(accent, ": ") + p.line.render(e, inner-2), ""}
	for i := range rows {
		if from+i >= len(list) {
			body = append(body, blank(inner))
			continue
		}
		a := list[from+i]
		where := ""
		if a.context != everywhere {
			where = a.context.String()
		}
		text := e.fit(upper(a.help), inner-24) + " " + e.fit(where, 12) + e.right(keyLabel(a.binding(e.keys).Keys(), e.glyphs.ascii), 8)
		if from+i == p.at {
			body = append(body, e.theme.paint(selected, e.fit(e.glyphs.cursor+" "+text, inner)))
		} else {
			body = append(body, "  "+text)
		}
	}
	if len(list) == 0 {
		body[2] = e.theme.paint(dim, "no action has these words")
	}
	return e.box("Actions", body, w)
}
