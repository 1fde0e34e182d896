package tui

// The dialog that chooses the columns of the table of connections.

import (
	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
)

// clientsChooser shows and hides columns at once, so that one sees what becomes of the table.
type clientsChooser struct {
	p    *clientsView
	list vlist
}

// clientsChoices are the columns that can be hidden: all but the name.
func clientsChoices() []*clientsColumn { return clientsColumns[1:] }

func (d *clientsChooser) key(k tea.KeyPressMsg) (tea.Cmd, bool) {
	keys, all := d.p.e.keys, clientsChoices()
	switch {
	case k.Code == tea.KeySpace:
		c := all[d.list.at]
		d.p.hidden[c] = !d.p.hidden[c]
		d.p.rev++
	case key.Matches(k, keys.Sort) && all[d.list.at].sort != "":
		d.p.order(all[d.list.at].sort)
	case key.Matches(k, keys.Reverse):
		d.p.falls = !d.p.falls
		d.p.rev++
	case key.Matches(k, keys.Up):
		d.list.move(-1)
	case key.Matches(k, keys.Down):
		d.list.move(1)
	case key.Matches(k, keys.Home):
		d.list.to(0)
	case key.Matches(k, keys.End):
		d.list.to(len(all) - 1)
	case k.Code == tea.KeyEnter, k.Code == tea.KeyEscape, key.Matches(k, keys.Columns), key.Matches(k, keys.Quit):
		return nil, true
	}
	return nil, false
}

func (*clientsChooser) apply(*frame) {}
func (*clientsChooser) typing() bool { return false }

func (d *clientsChooser) render(w, h int) []string {
	e, all := d.p.e, clientsChoices()
	width := min(46, w)
	if width < 12 || h < 3 {
		return nil
	}
	d.list.resize(h - 2)
	d.list.length(len(all))
	shown := map[*clientsColumn]bool{}
	for _, place := range d.p.places() {
		shown[place.clientsColumn] = true
	}
	from, until := d.list.window()
	lines := make([]string, 0, until-from)
	for at := from; at < until; at++ {
		c := all[at]
		box, note := "[ ] ", ""
		switch {
		case d.p.hidden[c]:
		case shown[c]:
			box = "[x] "
		default:
			box, note = "[x] ", "no room"
		}
		if c.sort != "" && c.sort == d.p.sort {
			note = "sorted"
		}
		line := e.beside(box+c.name, e.theme.paint(dim, note), width-4)
		if at == d.list.at {
			line = e.theme.over(selected, line)
		}
		lines = append(lines, line)
	}
	return e.box("Columns", lines, width)
}

func (d *clientsChooser) bindings() []key.Binding {
	return []key.Binding{
		key.NewBinding(key.WithKeys("space"), key.WithHelp("space", "show or hide")),
		d.p.e.keys.Sort, d.p.e.keys.Reverse,
		key.NewBinding(key.WithKeys("esc"), key.WithHelp("esc", "done")),
	}
}
