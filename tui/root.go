package tui

// The one model of the program: who gets a message, and in which order. What things look
// like is in draw.go.

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"github.com/clasp-studio/clasp/router/monitor"
)

const (
	flashFor     = 4 * time.Second
	flashBadFor  = 8 * time.Second
	twiceWithin  = 2 * time.Second // ctrl+c twice
	sizeAgain    = 200 * time.Millisecond
	maxPaste     = 1024
	memoryBudget = 32_000_000
)

// root is the model. All of it belongs to the program's loop.
type root struct {
	e       *env
	environ []string

	w, h   int
	layout layout
	focus  paneID
	zoom   bool
	panes  [panes]pane
	make   [panes]func(*env) pane
	broken [panes]*failure
	drawn  [panes]drawn
	strip  *strip
	pins   int
	tabsAt [panes]rect

	overlays []overlay

	feed   feed
	sample sampler
	meter  meter
	shown  *frame    // what the panes have
	newest *frame    // the same unless frozen
	frozen time.Time // since when; zero: it is not
	lost   error     // why the router does not answer
	lostAt time.Time

	notify  notifier
	mouse   bool
	wheel   wheel
	blurred bool

	flashed  flashMsg
	flashGen uint64

	quitAsked time.Time // the last ctrl+c
	outcome   Outcome
	keep      bool // the last screen stays
	ending    bool

	background bool // known to be dark or light
	sixteen    bool
	colourless bool
	written    func() uint64 // bytes to the terminal
	measure    func() (w, h int, err error)
	content    string // of the last View
	dirty      bool
	epoch      uint64 // moves when all panes look different: theme, privacy
}

// newRoot makes the model; ctx ends the commands that wait.
func newRoot(ctx context.Context, e *env, environ []string) *root {
	r := &root{
		e: e, environ: environ,
		make:    [panes]func(*env) pane{newOverview, newClients, newState, newPairing, newLogs},
		feed:    feed{source: e.source, ctx: ctx, now: e.now, every: time.Second / time.Duration(e.options.FPS)},
		written: func() uint64 { return 0 },
		measure: func() (int, int, error) { return 0, 0, errors.ErrUnsupported },
		dirty:   true,
	}
	for id := range panes {
		r.start(id)
	}
	r.strip = newStrip(e)
	return r
}

// start makes a pane, or makes it anew.
func (r *root) start(id paneID) {
	r.broken[id] = nil
	r.panes[id] = r.make[id](r.e)
	if body := r.layout.panes[id].body(); body.shown() {
		r.guard(id, "placing", func(p pane) { p.resize(body.w, body.h) })
	}
	if r.shown != nil {
		r.guard(id, "reading", func(p pane) { p.apply(r.shown) })
	}
}

// guard calls a pane. If the pane fails, it shows why from then on; the others go on.
func (r *root) guard(id paneID, doing string, call func(pane)) {
	if r.broken[id] != nil {
		return
	}
	defer func() {
		if p := recover(); p != nil {
			r.broken[id] = caught(doing+" "+paneNames[id], p)
		}
	}()
	call(r.panes[id])
}

var paneNames = [panes]string{"Overview", "Connections", "State", "Pairing", "Logs"}

// Init implements tea.Model.
func (r *root) Init() tea.Cmd {
	// The library asks for the size before it hears of changes: a window that is made larger
	// in between would stay as it was.
	again := tea.Tick(sizeAgain, func(time.Time) tea.Msg {
		return callMsg(func() tea.Cmd {
			w, h, err := r.measure()
			if err != nil || w <= 0 || h <= 0 || w == r.w && h == r.h { // a terminal without a size says 0 x 0
				return nil
			}
			return func() tea.Msg { return tea.WindowSizeMsg{Width: w, Height: h} }
		})
	})
	return tea.Batch(tea.RequestBackgroundColor, again, r.feed.fetch(r.query()))
}

// query is what the panes on the screen want to know.
func (r *root) query() monitor.Query {
	var q monitor.Query
	for id := range panes {
		if r.layout.panes[id].shown() {
			r.guard(id, "asking in", func(p pane) { p.want(&q) })
		}
	}
	r.strip.want(&q)
	q.Values = unique(q.Values, monitor.MaxValues)
	q.Branches = unique(q.Branches, monitor.MaxBranches)
	if q.Clients != nil {
		q.Clients.Limit = min(q.Clients.Limit, monitor.MaxClients)
	}
	return q
}

// unique leaves out of a list what is there twice, and what is too much.
func unique(list []string, most int) []string {
	seen := make(map[string]struct{}, len(list))
	out := list[:0]
	for _, s := range list {
		if _, twice := seen[s]; !twice && len(out) < most {
			seen[s] = struct{}{}
			out = append(out, s)
		}
	}
	return out
}

// Update implements tea.Model.
func (r *root) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	start := r.e.now()
	cmd := r.update(msg)
	if _, ok := msg.(dueMsg); !ok {
		r.dirty = true
	}
	for id := range panes {
		r.guard(id, "working in", func(p pane) {
			if w, ok := p.(worker); ok && !r.ending {
				cmd = tea.Batch(cmd, w.work())
			}
		})
	}
	if more := r.feed.hurry(r.query()); more != nil && !r.ending {
		cmd = tea.Batch(cmd, more)
	}
	r.meter.add(r.e.now().Sub(start))
	return r, cmd
}

func (r *root) update(msg tea.Msg) tea.Cmd {
	switch m := msg.(type) {
	case tea.WindowSizeMsg:
		return r.resized(m.Width, m.Height)
	case tea.KeyPressMsg:
		return r.key(m)
	case tea.PasteMsg:
		return r.paste(m.Content)
	case tea.MouseClickMsg:
		return r.click(m)
	case tea.MouseWheelMsg:
		return r.turn(m)
	case wheelEndMsg:
		return r.wheelEnd()
	case tea.FocusMsg:
		r.blurred, r.feed.blurred, r.e.away = false, false, false
		return r.feed.wait()
	case tea.BlurMsg:
		r.blurred, r.feed.blurred, r.e.away = true, true, true
	case tea.BackgroundColorMsg:
		r.e.theme = newTheme(r.themeName(), m.IsDark(), r.sixteen)
		r.background = true
		r.epoch++
	case tea.ColorProfileMsg:
		r.colours(m.String())

	case dueMsg:
		if m.gen == r.feed.gen {
			return r.feed.fetch(r.query())
		}
	case frameMsg:
		if m.gen == r.feed.gen {
			return r.take(m)
		}
	case actionMsg:
		return r.act(m)
	case actionDoneMsg:
		return r.acted(m)
	case callMsg:
		return m()
	case failedMsg:
		return tea.Batch(r.failed(m.failure), r.feed.retry())

	case flashMsg:
		return r.flash(m)
	case flashEndMsg:
		if m.gen == r.flashGen {
			r.flashed = flashMsg{}
		}
	case overlayMsg:
		r.push(m.overlay)
	case gotoMsg:
		return r.goTo(m)
	case copyMsg:
		return r.copyOut(m)
	case copiedMsg:
		return r.copied(m)
	case pinMsg:
		return r.pin(m.address)
	}
	return nil
}

// resized takes a new size. A terminal that has not said its size at first is drawn on as one of
// 80 x 24, and what scrolls in it is set to those lines; one that then says its size, without
// having changed it, keeps them, and everything below goes wrong. So they are set back.
func (r *root) resized(w, h int) tea.Cmd {
	first, same := r.w == 0, w == r.w && h == r.h
	r.w, r.h = w, h
	r.place()
	if first || same {
		return nil
	}
	return tea.Sequence(tea.Raw("\x1b[r"), tea.ClearScreen)
}

// place lays everything out anew and tells the panes their sizes.
func (r *root) place() {
	r.layout = compute(size{w: r.w, h: r.h, focus: r.focus, zoom: r.zoom, pins: r.pins})
	for id := range panes {
		if body := r.layout.panes[id].body(); body.shown() {
			r.guard(id, "placing", func(p pane) { p.resize(body.w, body.h) })
		}
	}
}

// focusOn gives a pane the keys.
func (r *root) focusOn(id paneID) {
	if id >= 0 && id < panes && id != r.focus {
		r.focus = id
		r.place()
	}
}

// typing reports whether a text field has the keys.
func (r *root) typing() bool {
	if o := r.top(); o != nil {
		return o.typing()
	}
	is := false
	r.guard(r.focus, "typing in", func(p pane) { is = p.typing() })
	return is
}

// key: ctrl+c is always the way out; then the dialog on top, a text field, the keys that
// mean the same everywhere, and the pane, in this order.
func (r *root) key(k tea.KeyPressMsg) tea.Cmd {
	switch k.String() {
	case "ctrl+c":
		return r.interrupt()
	case "ctrl+z":
		return r.flash(flashMsg{text: "nothing stopped; " + r.e.keys.Detach.Help().Key + " leaves the dashboard, the router goes on"})
	}
	if r.layout.small { // nobody sees what a key would do, or what question it would answer
		return nil
	}
	if o := r.top(); o != nil {
		return r.overlayKey(o, k)
	}
	if r.typing() {
		return r.paneKey(k)
	}
	if r.broken[r.focus] != nil {
		switch k.String() {
		case "enter":
			r.start(r.focus)
			return nil
		case "y":
			return r.copyOut(copyMsg{r.broken[r.focus].String(), "the report"})
		}
	}
	if cmd, handled := r.global(k); handled {
		return cmd
	}
	return r.paneKey(k)
}

// paneKey hands a key to the pane that has the keys.
func (r *root) paneKey(k tea.KeyPressMsg) (cmd tea.Cmd) {
	r.guard(r.focus, "taking a key in", func(p pane) { cmd, _ = p.key(k) })
	return cmd
}

// global is what keys mean whatever pane has them.
func (r *root) global(k tea.KeyPressMsg) (cmd tea.Cmd, handled bool) {
	m := r.e.keys
	for id, b := range [panes]key.Binding{m.Pane1, m.Pane2, m.Pane3, m.Pane4, m.Pane5} {
		if key.Matches(k, b) {
			r.focusOn(paneID(id))
			return nil, true
		}
	}
	switch {
	case key.Matches(k, m.Quit):
		return r.quit(false), true
	case key.Matches(k, m.QuitKeep):
		return r.quit(true), true
	case key.Matches(k, m.Detach):
		return r.detach(), true
	case key.Matches(k, m.Help):
		r.push(newHelp(r))
	case key.Matches(k, m.Palette):
		r.push(newPalette(r))
	case key.Matches(k, m.Zoom):
		r.zoom = !r.zoom
		r.place()
	case key.Matches(k, m.Freeze):
		if r.focus == pairingPane && r.frozen.IsZero() { // space does nothing there: it answers no question by accident
			return nil, true
		}
		r.freeze()
	case key.Matches(k, m.Mouse):
		r.mouse = !r.mouse
		if r.mouse {
			return r.flash(flashMsg{text: "the mouse clicks and scrolls here now; " + m.Mouse.Help().Key + " gives it back to the terminal for selecting text"}), true
		}
		return r.flash(flashMsg{text: "the mouse selects text again"}), true
	case key.Matches(k, m.Privacy):
		r.e.private = !r.e.private
		r.epoch++
	case key.Matches(k, m.Marks):
		r.e.quiet = !r.e.quiet
		r.epoch++
		if r.e.quiet {
			return r.flash(flashMsg{text: "changes are not marked"}), true
		}
		return r.flash(flashMsg{text: "changes are marked"}), true
	case key.Matches(k, m.NextPane):
		r.focusOn((r.focus + 1) % panes)
	case key.Matches(k, m.PrevPane):
		r.focusOn((r.focus + panes - 1) % panes)
	case key.Matches(k, m.Pairing):
		r.focusOn(pairingPane)
	default:
		return nil, false
	}
	return nil, true
}

// paste types text into the field that has the keys; where there is none, it is dropped: a
// clipboard shall not press keys.
func (r *root) paste(text string) tea.Cmd {
	var cmds []tea.Cmd
	for i, c := range []rune(text) {
		if i >= maxPaste || !r.typing() {
			break
		}
		if c == '\n' || c == '\t' {
			c = ' '
		}
		if c < ' ' || c == 0x7f {
			continue
		}
		k := tea.KeyPressMsg{Code: c, Text: string(c)}
		if o := r.top(); o != nil {
			cmds = append(cmds, r.overlayKey(o, k))
		} else {
			cmds = append(cmds, r.paneKey(k))
		}
	}
	return tea.Batch(cmds...)
}

// freeze stops or starts the screen. The router is not touched by it.
func (r *root) freeze() {
	if r.frozen.IsZero() {
		r.frozen = r.e.now()
		return
	}
	r.frozen = time.Time{}
	if r.newest != nil {
		r.show(r.newest)
	}
}

// take is given an answer to the question for a frame.
func (r *root) take(m frameMsg) tea.Cmd {
	next := r.feed.got(m)
	if m.err != nil {
		if r.lost == nil {
			r.lostAt = r.e.now()
		}
		r.lost = m.err
		return next
	}
	r.lost = nil
	f := &frame{Frame: m.frame, rates: r.sample.add(m.frame.At, m.frame.Overview.Totals)}
	f.cost = r.meter.frame(r.e.now(), m.took, r.written())
	f.cost.heap = r.weight()
	r.newest = f
	for id := range panes {
		r.guard(id, "reading", func(p pane) { p.alert(f) })
	}
	for _, o := range slices.Clone(r.overlays) {
		r.apply(o, f)
	}
	if r.frozen.IsZero() {
		r.show(f)
	}
	if fresh := r.notify.look(&f.Pairing); fresh && r.blurred && r.e.options.Notify {
		return tea.Batch(next, attention(r.notify.open))
	}
	return next
}

// weight is most of what the dashboard holds: logs, addresses, histories, and what was drawn
// last. The newest frame and a page of clients are not counted: both are small and bounded.
func (r *root) weight() uint64 {
	n := uint64(len(r.content)) + r.strip.weight()
	for id := range panes {
		for _, line := range r.drawn[id].lines {
			n += uint64(len(line))
		}
		r.guard(id, "weighing", func(p pane) {
			if w, ok := p.(weigher); ok {
				n += w.weight()
			}
		})
	}
	return n
}

// show gives a frame to the panes.
func (r *root) show(f *frame) {
	r.shown = f
	for id := range panes {
		r.guard(id, "reading", func(p pane) { p.apply(f) })
	}
	r.strip.apply(f)
}

// apply gives a frame to a dialog; one that fails is taken away.
func (r *root) apply(o overlay, f *frame) {
	defer func() {
		if p := recover(); p != nil {
			r.pop(o)
			r.failed(caught("reading in a dialog", p))
		}
	}()
	o.apply(f)
}

// act carries out what a pane or dialog has asked for.
func (r *root) act(m actionMsg) tea.Cmd {
	if r.e.options.ReadOnly {
		return r.flash(flashMsg{text: "read only (--tui-readonly): nothing can be changed from here", bad: true})
	}
	source, parent := r.e.source, r.feed.ctx
	return guarded("asking the router to act", func() tea.Msg {
		ctx, cancel := context.WithTimeout(parent, actTimeout)
		defer cancel()
		result, err := source.Do(ctx, m.action)
		return actionDoneMsg{m, result, err}
	})
}

// acted says what came of it.
func (r *root) acted(m actionDoneMsg) tea.Cmd {
	say := flashMsg{text: m.result.Text}
	if m.err != nil {
		say = flashMsg{text: inWords(m.err), bad: true}
	}
	var cmds []tea.Cmd
	if say.text != "" {
		cmds = append(cmds, r.flash(say))
	}
	if m.of.then != nil {
		cmds = append(cmds, m.of.then(m.result, m.err))
	}
	return tea.Batch(append(cmds, r.feed.wait())...)
}

// inWords is an error as it is shown.
func inWords(err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return "the router has not answered in time; what was asked for may still happen"
	}
	return oneLine(err.Error())
}

// failed says that something has failed that has no place of its own.
func (r *root) failed(f *failure) tea.Cmd {
	return r.flash(flashMsg{text: "the dashboard has failed while " + f.doing + " (" + oneLine(f.what) + "); the router goes on", bad: true})
}

// flash shows a line for a while.
func (r *root) flash(m flashMsg) tea.Cmd {
	m.text = strings.TrimSpace(oneLine(m.text))
	r.flashed = m
	r.flashGen++
	gen, d := r.flashGen, flashFor
	if m.bad {
		d = flashBadFor
	}
	return tea.Tick(d, func(time.Time) tea.Msg { return flashEndMsg{gen} })
}

// goTo shows something in another pane.
func (r *root) goTo(m gotoMsg) (cmd tea.Cmd) {
	r.focusOn(m.pane)
	r.guard(r.focus, "showing something in", func(p pane) {
		if s, ok := p.(shower); ok {
			cmd = s.show(m)
		}
	})
	return cmd
}

// pin puts an address into the watch strip or takes it out.
func (r *root) pin(address string) tea.Cmd {
	if address == "" {
		return nil
	}
	text := "not watched any more: " + address
	if r.strip.toggle(address) {
		text = "watched: " + address
	}
	r.pins = max(0, len(r.strip.render(max(r.w, 1)))-1)
	r.place()
	return r.flash(flashMsg{text: text})
}

// themeName is the theme asked for, or mono where there are no colours at all: the others
// show a selected row by its colour alone then.
func (r *root) themeName() string {
	if r.colourless {
		return "mono"
	}
	return r.e.options.Theme
}

// colours is told by the terminal's library how many colours there are.
func (r *root) colours(profile string) {
	r.sixteen = profile == "ANSI"
	r.colourless = profile == "Ascii" || profile == "NoTTY"
	r.e.theme = newTheme(r.themeName(), r.e.theme.dark, r.sixteen)
	r.epoch++
}
