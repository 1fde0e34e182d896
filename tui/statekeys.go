package tui

// What keys do in the State pane.

import (
	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
)

func (p *stateView) key(k tea.KeyPressMsg) (tea.Cmd, bool) {
	if p.isTyping {
		return p.typeKey(k), true
	}
	keys := p.e.keys
	switch {
	case key.Matches(k, keys.Filter):
		p.field.set(p.index.filter)
		p.isTyping = true
		p.said(nil)
	case key.Matches(k, keys.Back):
		if p.index.wrong == "" && p.index.filter == "" {
			return nil, false
		}
		return p.clear(), true
	case key.Matches(k, keys.Next):
		return p.hit(1), true
	case key.Matches(k, keys.Previous):
		return p.hit(-1), true
	case p.walk(k):
	default:
		return p.act(k)
	}
	return nil, true
}

// typeKey is a key while the filter is being typed.
func (p *stateView) typeKey(k tea.KeyPressMsg) tea.Cmd {
	p.rev++
	switch k.Keystroke() {
	case "enter":
		p.isTyping = false
		p.index.typed++ // the pause is over
		p.list.resize(p.room())
		if text := p.field.String(); text != p.index.asking || text != p.index.filter && !p.index.busy {
			return p.ask(text)
		}
		return nil
	case "esc":
		return p.clear()
	case "up":
		p.moveTo(p.list.at - 1)
		return nil
	case "down":
		p.moveTo(p.list.at + 1)
		return nil
	}
	before := p.field.String()
	if p.field.key(k); p.field.String() == before {
		return nil
	}
	return p.later()
}

// clear takes the filter away; n and N still go to what it has found.
func (p *stateView) clear() tea.Cmd {
	p.isTyping = false
	p.field.set("")
	p.index.typed++
	p.said(nil)
	if p.index.filter == "" && !p.index.busy {
		return nil
	}
	return p.ask("")
}

// walk moves the cursor; it reports false for keys that do not.
func (p *stateView) walk(k tea.KeyPressMsg) bool {
	keys := p.e.keys
	switch {
	case key.Matches(k, keys.Up):
		p.moveTo(p.list.at - 1)
	case key.Matches(k, keys.Down):
		p.moveTo(p.list.at + 1)
	case key.Matches(k, keys.PageUp):
		p.list.page(-1)
		p.moveTo(p.list.at)
	case key.Matches(k, keys.PageDown):
		p.list.page(1)
		p.moveTo(p.list.at)
	case key.Matches(k, keys.Home):
		p.moveTo(0)
	case key.Matches(k, keys.End):
		p.moveTo(p.list.total - 1)
	default:
		return false
	}
	return true
}

// act is what keys do to the row under the cursor.
func (p *stateView) act(k tea.KeyPressMsg) (tea.Cmd, bool) {
	n, keys := p.selected(), p.e.keys
	if n == nil {
		if key.Matches(k, keys.Edit) {
			return p.edit("/"), true
		}
		return nil, false
	}
	cell := p.cells.values[n.path]
	switch {
	case key.Matches(k, keys.Enter):
		if !n.value {
			p.fold(!n.open, false)
			return nil, true
		}
		d := newAddressDetail(p, n.path)
		return tea.Batch(send(overlayMsg{d}), d.ask()), true
	case key.Matches(k, keys.Right):
		switch {
		case n.branch() && !n.open:
			p.fold(true, false)
		case n.branch():
			p.moveTo(p.list.at + 1)
		}
	case key.Matches(k, keys.Left):
		switch {
		case n.branch() && n.open:
			p.fold(false, false)
		case n.parent >= 0:
			p.moveTo(p.tree.row(int(n.parent)))
		}
	case key.Matches(k, keys.Expand):
		p.fold(true, true)
	case key.Matches(k, keys.Collapse):
		p.fold(false, true)
	case key.Matches(k, keys.Pin):
		if !n.value {
			return flash("a branch has no value to watch: pin one of its addresses"), true
		}
		p.rev++
		return send(pinMsg{n.path}), true
	case key.Matches(k, keys.Edit):
		return p.edit(n.path), true
	case key.Matches(k, keys.ClearHistory):
		p.past = history{}
		if h := p.e.strip.history(n.path); h != nil {
			*h = history{}
		}
		p.rev++
		return flash("history forgotten: " + n.path), true
	case key.Matches(k, keys.Copy):
		return send(copyMsg{text: n.path, what: "the address"}), true
	case key.Matches(k, keys.CopyValue):
		if cell == nil || cell.v.Missing {
			return flash("there is no value to copy"), true
		}
		return p.copyValue(n.path), true
	default:
		return nil, false
	}
	return nil, true
}

// fold opens or closes the branch under the cursor.
func (p *stateView) fold(open, all bool) {
	n := p.selected()
	if n == nil || !n.branch() {
		return
	}
	p.tree.fold(p.folds(), int(p.tree.rows[p.list.at]), open, all)
	p.foldGen++
	p.touched = true
	p.list.length(len(p.tree.rows))
	p.rev++
}

// edit opens the dialog that sets a value: of an address, or of a new one below a branch.
func (p *stateView) edit(path string) tea.Cmd {
	if p.e.options.ReadOnly {
		return send(flashMsg{text: "nothing can be changed from here: the dashboard was started with --tui-readonly", bad: true})
	}
	if c := p.cells.values[path]; c != nil && !c.v.Missing {
		return send(overlayMsg{newEditor(p.e, path, &c.v)})
	}
	if n := p.selected(); n != nil && n.value && n.path == path {
		return send(overlayMsg{newEditor(p.e, path, nil)})
	}
	if path != "/" {
		path += "/"
	}
	return send(overlayMsg{newEditor(p.e, path, nil)})
}

// hit goes to the next address that passes the filter, or the one that was in force last.
func (p *stateView) hit(way int) tea.Cmd {
	if p.index.search == "" || p.tree == nil {
		return flash("nothing has been searched for yet: type " + p.e.keys.Filter.Help().Key + " and a text")
	}
	best, first := "", "" // the nearest one on that side; the one to begin again with
	for _, name := range p.index.found {
		if first == "" || way*treeOrder(name, first) < 0 {
			first = name
		}
		if way*treeOrder(name, p.sel) > 0 && (best == "" || way*treeOrder(name, best) < 0) {
			if _, there := p.tree.find(name); there {
				best = name
			}
		}
	}
	around := best == ""
	if around {
		best = first
	}
	if best == "" {
		return flash("nothing matches " + p.index.search)
	}
	cmd := p.show(gotoMsg{pane: statePane, address: best})
	if around && cmd == nil {
		return flash("from the other end again")
	}
	return cmd
}
