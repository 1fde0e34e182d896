package tui

// The help: every key, from the same table that binds them, and what the dashboard takes.

import (
	"fmt"
	"strings"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
)

// help is a sheet that scrolls.
type help struct {
	r   *root
	top int
}

func newHelp(r *root) overlay { return &help{r: r} }

// contexts in the order in which the sheet has them.
var contexts = []keyContext{everywhere, inLists, inTables, inClients, inState, inPairing, inLogs}

// section is the keys of one context: a heading and a line for each.
func (e *env) section(c keyContext, w int) []string {
	lines := []string{e.theme.paint(header, e.fit(c.String(), w))}
	for _, a := range actions {
		if a.context == c {
			keys := a.binding(e.keys).Keys()
			lines = append(lines, e.theme.paint(accent, e.fit(keyLabel(keys, e.glyphs.ascii), 11))+" "+e.fit(a.help, w-12))
		}
	}
	return lines
}

// sheet is all lines of the help in w cells: two columns where there is room.
func (h *help) sheet(w int) []string {
	e := h.r.e
	columns := 1
	if w >= 84 {
		columns = 2
	}
	colw := (w - 3*(columns-1)) / columns
	var sections [][]string
	total := 0
	for _, c := range contexts {
		s := append(e.section(c, colw), blank(colw))
		sections = append(sections, s)
		total += len(s)
	}
	var lines []string
	if columns == 1 {
		for _, s := range sections {
			lines = append(lines, s...)
		}
	} else {
		var cols [2][]string
		for _, s := range sections {
			c := 0
			if len(cols[0]) > 0 && len(cols[0])+len(s)/2 > total/2 {
				c = 1
			}
			cols[c] = append(cols[c], s...)
		}
		for i := range max(len(cols[0]), len(cols[1])) {
			a, b := blank(colw), blank(colw)
			if i < len(cols[0]) {
				a = cols[0][i]
			}
			if i < len(cols[1]) {
				b = cols[1][i]
			}
			lines = append(lines, a+"   "+b)
		}
	}
	for _, line := range h.about() {
		for _, l := range wrap(line, w) {
			lines = append(lines, e.theme.paint(dim, l))
		}
	}
	return lines
}

// about is what the dashboard takes, and what it promises.
func (h *help) about() []string {
	lines := []string{"Dialogs: Enter presses the button in brackets, Tab goes to the other one, Esc cancels. Filters: text, /pattern/**, !not, ~regex, type: writer: value:."}
	f := h.r.newest
	if f == nil {
		return lines
	}
	c := f.cost
	return append(lines,
		fmt.Sprintf("clasp %s. The dashboard is meant to hold at most %s of memory (counted: %s, of logs, addresses, histories and drawing), and takes %s of a core, %s for a frame, %s to draw it, %.0f frames/s, %s/s to the terminal.",
			f.Overview.Version, bytesOf(memoryBudget), bytesOf(c.heap), percent(c.cpu), delay(c.frame), delay(c.view), c.fps, bytesOf(c.bytes)),
		fmt.Sprintf("Log lines lost, overwritten or not written: %s.", count(f.Overview.LogDropped)))
}

// key implements overlay.
func (h *help) key(k tea.KeyPressMsg) (tea.Cmd, bool) {
	m := h.r.e.keys
	switch {
	case key.Matches(k, m.Help, m.Quit, m.Back), k.String() == "esc", k.String() == "enter":
		return nil, true
	case key.Matches(k, m.Up):
		h.top--
	case key.Matches(k, m.Down):
		h.top++
	case key.Matches(k, m.PageUp):
		h.top -= 10
	case key.Matches(k, m.PageDown), k.String() == "space":
		h.top += 10
	case key.Matches(k, m.Home):
		h.top = 0
	case key.Matches(k, m.End):
		h.top = len(actions) * 2 // render knows where the last line is
	}
	return nil, false
}

// apply implements overlay.
func (*help) apply(*frame) {}

// typing implements overlay.
func (*help) typing() bool { return false }

// bindings implements overlay.
func (h *help) bindings() []key.Binding {
	m := h.r.e.keys
	return []key.Binding{m.Up, m.Down, m.PageDown, key.NewBinding(key.WithKeys("esc"), key.WithHelp("esc", "close"))}
}

// render implements overlay.
func (h *help) render(w, hh int) []string {
	w = min(w, 110)
	if w < 24 || hh < 4 {
		return nil
	}
	sheet := h.sheet(w - 4)
	rows := min(hh-2, len(sheet))
	last := len(sheet) - rows
	h.top = max(0, min(h.top, last))
	name := "Help"
	if last > 0 {
		name = fmt.Sprintf("Help, lines %d to %d of %d", h.top+1, h.top+rows, len(sheet))
	}
	return h.r.e.box(name, sheet[h.top:h.top+rows], w)
}

// KeysMarkdown is the page of all keys for the documentation, made of the same table.
func KeysMarkdown() string {
	var b strings.Builder
	b.WriteString("# Keys of the dashboard\n\nThe names in the last column are for `tui.keys` in the configuration. This page is made of the table that binds the keys.\n")
	for _, c := range contexts {
		fmt.Fprintf(&b, "\n## %s\n\n| key | does | name |\n|---|---|---|\n", c)
		for _, a := range actions {
			if a.context == c {
				keys := make([]string, len(a.keys))
				for i, k := range a.keys {
					keys[i] = "`" + keyName(k, false) + "`"
				}
				fmt.Fprintf(&b, "| %s | %s | `%s` |\n", strings.Join(keys, " "), a.help, a.name)
			}
		}
	}
	return b.String()
}
