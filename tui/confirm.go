package tui

// The question before something that cannot be undone. Cancel is what Enter does; the other
// answer takes a key of its own, or a step to the second button.

import (
	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
)

// confirm is a question with two buttons.
type confirm struct {
	e        *env
	question string
	lines    []string
	yesLabel string
	yes      func() tea.Cmd
	second   bool                      // the second button is under the cursor
	extra    map[string]func() tea.Cmd // what other keys do; it ends the question too
	leaving  bool                      // it is about leaving the dashboard
}

// newConfirm asks a question, with lines that say what will happen; yes is called on the
// loop when the answer is yes.
func newConfirm(e *env, question string, lines []string, yes func() tea.Cmd) overlay {
	return &confirm{e: e, question: question, lines: lines, yesLabel: "Yes", yes: yes}
}

// key implements overlay.
func (c *confirm) key(k tea.KeyPressMsg) (tea.Cmd, bool) {
	switch k.String() {
	case "y", "Y":
		return c.yes(), true
	case "n", "N", "esc", "q", "ctrl+c":
		return nil, true
	case "enter":
		if c.second {
			return c.yes(), true
		}
		return nil, true
	case "left", "h":
		c.second = false
	case "right", "l":
		c.second = true
	case "tab", "shift+tab":
		c.second = !c.second
	default:
		if do, ok := c.extra[k.String()]; ok {
			return do(), true
		}
	}
	return nil, false
}

// apply implements overlay.
func (*confirm) apply(*frame) {}

// typing implements overlay.
func (*confirm) typing() bool { return false }

// bindings implements overlay.
func (c *confirm) bindings() []key.Binding {
	return []key.Binding{
		key.NewBinding(key.WithKeys("y"), key.WithHelp("y", c.yesLabel)),
		key.NewBinding(key.WithKeys("esc", "n"), key.WithHelp("esc/n", "Cancel")),
		key.NewBinding(key.WithKeys("tab"), key.WithHelp("tab", "other button")),
	}
}

// render implements overlay.
func (c *confirm) render(w, h int) []string {
	t := c.e.theme
	inner := min(64, w-4)
	if inner < 8 || h < 4 {
		return nil
	}
	var body []string
	for _, line := range wrap(c.question, inner) {
		body = append(body, t.paint(strong, line))
	}
	room := h - 4 - len(body) // frame, blank line, buttons
	var more []string
	for _, line := range c.lines {
		more = append(more, wrap(line, inner)...)
	}
	if len(more) > max(room-1, 0) {
		more = more[:max(room-1, 0)]
	}
	if len(more) > 0 {
		body = append(append(body, ""), more...)
	}
	cancel, yes := c.button("Cancel", !c.second), c.button(c.yesLabel, c.second)
	body = append(body, "", cancel+"  "+yes)
	if len(body) > h-2 {
		body = append(body[:max(h-3, 0)], cancel+"  "+yes)
	}
	return c.e.box("", body, inner+4)
}

// button is a button; brackets say which one Enter presses, where there is no colour.
func (c *confirm) button(label string, on bool) string {
	if on {
		return c.e.theme.paint(selected, "[ "+label+" ]")
	}
	return c.e.theme.paint(dim, "  "+label+"  ")
}
