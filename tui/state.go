package tui

// The State pane: the tree of addresses with their values. How it looks is in
// statedraw.go, how it gets its list of addresses in stateindex.go, keys in statekeys.go.

import (
	"strconv"
	"time"
	"unsafe"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"github.com/clasp-studio/clasp/router/monitor"
)

// stateView is the pane.
type stateView struct {
	e     *env
	w, h  int
	tree  *vtree
	list  vlist
	sel   string // the path under the cursor: it keeps it whatever comes and goes around it
	cells stateCells
	past  history // of the selected address
	index stateIndex

	all      folds // without a filter
	hits     folds // with one: every hit is in sight until somebody closes a branch
	foldGen  uint64
	touched  bool // somebody has opened or closed a branch: nothing opens by itself any more
	field    input
	isTyping bool

	rev   uint64
	drawn time.Time // of the last frame that was drawn
}

func newState(e *env) pane {
	return &stateView{e: e, hits: folds{open: true}}
}

func (*stateView) name() string { return "State" }

// weight implements weigher: the tree over the list of addresses is nearly all of it. Of what
// was found last only the list is counted while the tree has the same texts.
func (p *stateView) weight() uint64 {
	n := uint64(cap(p.index.found)) * uint64(unsafe.Sizeof(""))
	if p.tree != nil {
		n += p.tree.weight()
	}
	if p.index.filter == "" {
		n += p.index.text
	}
	return n
}

func (*stateView) badge() string { return "" }

func (p *stateView) title() string {
	t := "State"
	if p.tree == nil {
		return t
	}
	sep := p.e.separator()
	if p.index.filter == "" {
		return t + sep + stateAddresses(p.index.total)
	}
	return t + sep + "filter " + p.index.filter + sep + count(p.tree.names) + " of " + stateAddresses(p.index.total)
}

func stateAddresses(n int) string {
	return plural(n, "address", "addresses")
}

func (p *stateView) resize(w, h int) {
	p.w, p.h = w, h
	p.list.resize(p.room())
	p.rev++
}

// room is how many rows of the tree there are.
func (p *stateView) room() int {
	rows := p.h
	if p.h >= 4 {
		rows-- // the header
	}
	if p.foot() {
		rows--
	}
	return max(rows, 0)
}

// foot reports whether the last line belongs to the filter.
func (p *stateView) foot() bool { return p.h >= 2 && (p.isTyping || p.index.wrong != "") }

// folds are the ones in force.
func (p *stateView) folds() *folds {
	if p.index.filter != "" {
		return &p.hits
	}
	return &p.all
}

// selected is the node under the cursor, nil if there is none.
func (p *stateView) selected() *vnode { return p.tree.at(p.list.at) }

func (p *stateView) want(q *monitor.Query) {
	p.index.visible = true
	if p.tree == nil {
		return
	}
	from, until := p.list.window()
	for row := from; row < until; row++ {
		n := p.tree.at(row)
		if n.value {
			q.Values = append(q.Values, n.path)
		}
		if n.branch() {
			q.Branches = append(q.Branches, n.path)
		}
	}
}

func (p *stateView) apply(f *frame) {
	now := p.e.now()
	p.index.struc, p.index.applied = f.Overview.StructRev, now
	moved := p.cells.apply(f, now)
	if c := p.cells.values[p.sel]; c != nil && !c.v.Missing {
		p.past.look(now, c.v.Revision, c.v.Number, c.v.Numeric)
	}
	if moved || now.Sub(p.drawn) >= time.Second { // ages are in seconds
		p.rev++
		p.drawn = now
	}
}

func (p *stateView) alert(f *frame) {
	if p.cells.fill(f) {
		p.rev++
	}
}

func (p *stateView) typing() bool { return p.isTyping }

func (p *stateView) revision() uint64 { return p.rev }

func (p *stateView) cursor() (x, y int, ok bool) {
	if p.isTyping {
		before := cells(string(p.field.text[:p.field.at]))
		return min(1+before, max(p.w-1, 0)), p.h - 1, p.foot()
	}
	y, ok = p.list.line()
	if p.h >= 4 {
		y++
	}
	return 0, y, ok && p.tree != nil
}

func (p *stateView) click(_, y int) {
	if p.h >= 4 {
		y--
	}
	from, until := p.list.window()
	if row := from + y; y >= 0 && row < until {
		p.moveTo(row)
	}
}

func (p *stateView) wheel(delta int) {
	p.list.scroll(delta)
	p.moveTo(p.list.at)
}

// moveTo puts the cursor on a row.
func (p *stateView) moveTo(row int) {
	p.list.to(row)
	p.rev++
	n := p.selected()
	if n == nil || n.path == p.sel {
		return
	}
	p.sel, p.past = n.path, history{}
}

// resettle keeps the cursor on its address, on the same line of the screen, after rows have
// come or gone.
func (p *stateView) resettle() {
	line := p.list.at - p.list.top
	p.list.total = len(p.tree.rows)
	row := 0
	if p.sel != "" {
		node, exact := p.tree.find(p.sel)
		if node == len(p.tree.nodes) {
			node--
		}
		if row = p.tree.row(max(node, 0)); !exact && node >= 0 {
			row = min(row, max(len(p.tree.rows)-1, 0))
		}
	}
	p.list.top = max(row-line, 0)
	p.moveTo(row)
}

// history is what is known of an address, nil if it is neither selected nor pinned.
func (p *stateView) history(address string) *history {
	if h := p.e.strip.history(address); h != nil {
		return h
	}
	if address == p.sel {
		return &p.past
	}
	return nil
}

// show implements shower: it goes to an address.
func (p *stateView) show(g gotoMsg) tea.Cmd {
	if g.address == "" || p.tree == nil {
		return nil
	}
	node, there := p.tree.find(g.address)
	if !there {
		if p.index.filter != "" {
			p.sel = g.address
			return p.ask("")
		}
		return flash("there is no " + g.address + " now")
	}
	p.tree.reveal(p.folds(), node)
	p.foldGen++
	p.list.length(len(p.tree.rows))
	p.moveTo(p.tree.row(node))
	return nil
}

func (p *stateView) bindings() []key.Binding {
	k := p.e.keys
	if p.isTyping {
		return []key.Binding{formKey("enter", "keep the filter"), formKey("esc", "clear it"), formKey("up/down", "move")}
	}
	b := []key.Binding{k.Filter}
	if n := p.selected(); n != nil {
		if n.value {
			b = append(b, k.Enter, k.Pin)
		}
		if !p.e.options.ReadOnly {
			b = append(b, k.Edit)
		}
		if n.branch() {
			b = append(b, k.Right, k.Left, k.Expand, k.Collapse)
		}
		b = append(b, k.Copy, k.CopyValue)
	}
	if p.index.filter != "" || p.index.search != "" {
		b = append(b, k.Next, k.Previous)
	}
	if p.index.filter != "" {
		b = append(b, k.Back)
	}
	return b
}

// stateNumber is a number in as few cells as say what it is.
func stateNumber(n float64) string { return strconv.FormatFloat(n, 'g', 6, 64) }
