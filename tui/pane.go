package tui

import (
	"time"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"github.com/clasp-studio/clasp/router/monitor"
)

// pane is one of the views that a number key reaches. A pane keeps what it was given last
// and draws from that alone: it never asks the router while it draws.
type pane interface {
	// name is for the tabs: "State".
	name() string
	// badge is what the tab has to say besides, "" = nothing: "2 wait".
	badge() string
	// title is the line above the pane, without padding: name, counts, the filter in force.
	title() string
	// resize says how many cells and lines there are inside the pane.
	resize(w, h int)
	// want adds what is visible to the question for the next frame.
	want(q *monitor.Query)
	// apply takes a new frame. While the screen is frozen only alert is called.
	apply(f *frame)
	// alert takes of a new frame what must be seen even on a frozen screen.
	alert(f *frame)
	// key is a key that nothing above the pane wanted.
	key(k tea.KeyPressMsg) (cmd tea.Cmd, handled bool)
	// click and wheel have coordinates of the pane's own; wheel's delta is in lines.
	click(x, y int)
	wheel(delta int)
	// typing reports whether a text field has the keys: nothing else may take them then.
	typing() bool
	// render returns exactly h lines of exactly w cells. It is called only when revision,
	// size, focus or theme are others than at the last call.
	render(focused bool) []string
	// revision moves whenever render would return something else.
	revision() uint64
	// cursor is where the terminal's cursor shall be for a screen reader: the selected row.
	cursor() (x, y int, ok bool)
	// bindings are the keys that mean something to the pane now.
	bindings() []key.Binding
}

// shower is a pane that can be sent to something: root hands it the gotoMsg that names the
// pane, after giving it the keys.
type shower interface {
	show(g gotoMsg) tea.Cmd
}

// weigher is a pane that knows how many bytes it holds, for the cost on the screen.
type weigher interface {
	weight() uint64
}

// hider is a pane that has to know when the screen is drawn without it.
type hider interface {
	hidden()
}

// worker is a pane that has more to ask of the router than a frame: root calls work after
// every message, and carries out the Cmd it returns, nil nearly always.
type worker interface {
	work() tea.Cmd
}

// frame is a monitor.Frame with what takes two of them.
type frame struct {
	monitor.Frame
	rates rates
	cost  cost
}

// rates are a second's; known is false before the second frame.
type rates struct {
	known                                     bool
	in, out, bytesIn, bytesOut, drops, writes float64
}

// cost is what the dashboard itself takes.
type cost struct {
	frame time.Duration // to get the last frame
	view  time.Duration // to draw it
	fps   float64
	cpu   float64 // cores, of drawing and fetching alone
	bytes float64 // a second, to the terminal
	heap  uint64  // bytes that the panes hold, as far as they count it
}

// env is what all panes share. Only root changes it.
type env struct {
	source  monitor.Source
	theme   *theme
	glyphs  *glyphs
	keys    *keyMap
	now     func() time.Time
	options Options
	private bool   // names, addresses of machines and PINs are masked
	quiet   bool   // changes are not marked
	away    bool   // the terminal says that the keys go elsewhere
	strip   *strip // the pinned addresses; nil where there is no strip
}

// Messages that panes send to root.
type (
	// flashMsg is a line for a few seconds.
	flashMsg struct {
		text string
		bad  bool
	}
	// overlayMsg puts a dialog on top; nil takes the top one away.
	overlayMsg struct{ overlay overlay }
	// actionMsg has root carry out an action and flash what came of it; then is called, if
	// not nil, with the answer, on the loop.
	actionMsg struct {
		action monitor.Action
		then   func(monitor.Result, error) tea.Cmd
	}
	// gotoMsg shows something in another pane: a session's log lines, an address.
	gotoMsg struct {
		pane    paneID
		session string // select it, or show its log lines
		address string
	}
	// copyMsg puts text on the clipboard.
	copyMsg struct{ text, what string }
	// pinMsg puts an address into the watch strip, or takes it out.
	pinMsg struct{ address string }
	// callMsg has root call a function on the loop and carry out what it returns: so an
	// answer of the router comes back to the pane or dialog that has asked.
	callMsg func() tea.Cmd
)

// paneID is a pane's place among the number keys.
type paneID int

// The panes.
const (
	overviewPane paneID = iota
	clientsPane
	statePane
	pairingPane
	logsPane
	panes
)

// overlay is a dialog on top of the panes: it gets the keys first.
type overlay interface {
	// key returns done when the dialog is over.
	key(k tea.KeyPressMsg) (cmd tea.Cmd, done bool)
	// apply takes a new frame: what the dialog is about may have gone.
	apply(f *frame)
	// render returns lines of equal width, at most w cells and h lines.
	render(w, h int) []string
	typing() bool
	bindings() []key.Binding
}
