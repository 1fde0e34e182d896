package tui

// Connections: who is there, what goes to and fro, and who takes less than is there for him.
// The router sorts and filters; the pane knows the page it was given last and asks for the
// one around its window.

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"github.com/clasp-studio/clasp/router/monitor"
)

// clientsView is the pane.
type clientsView struct {
	e    *env
	w, h int
	rev  uint64

	list   vlist
	id     string // the selected session, "" until its row has come
	asked  string // the session that the last question was about
	waits  bool   // a question is open
	page   monitor.ClientPage
	at     time.Time // of the frame that the pane shows
	lobby  int
	slow   int
	way    string // the first address to connect to, for who sees an empty table
	sort   monitor.ClientSort
	falls  bool // the greatest first
	top    bool // slow ones first
	filter string
	field  input
	edits  bool // the filter is being typed
	hidden map[*clientsColumn]bool
}

// newClients makes the pane.
func newClients(e *env) pane {
	p := &clientsView{e: e, sort: monitor.SortName, hidden: map[*clientsColumn]bool{}}
	for _, c := range clientsColumns {
		p.hidden[c] = c.off
	}
	return p
}

func (p *clientsView) name() string { return "Connections" }

func (p *clientsView) badge() string {
	if p.slow == 0 {
		return ""
	}
	return p.e.glyphs.warn + count(p.slow)
}

func (p *clientsView) title() string {
	parts := []string{"Connections", count(p.page.Total)}
	if p.filter != "" {
		parts = append(parts, fmt.Sprintf("%s pass %q", count(p.page.Shown), p.filter))
	}
	if p.slow > 0 {
		parts = append(parts, count(p.slow)+" slow")
	}
	if p.lobby > 0 {
		parts = append(parts, count(p.lobby)+" in the lobby")
	}
	if p.top {
		parts = append(parts, "slow ones first")
	}
	return strings.Join(parts, p.e.separator())
}

func (p *clientsView) revision() uint64 { return p.rev }
func (p *clientsView) typing() bool     { return p.edits }

func (p *clientsView) resize(w, h int) {
	p.w, p.h = max(w, 0), max(h, 0)
	p.list.resize(p.h - p.above() - p.below())
	p.rev++
}

// above and below are the lines over and under the rows.
func (p *clientsView) above() int {
	if p.h < 2 {
		return 0
	}
	return 1
}

func (p *clientsView) below() int {
	if p.edits || p.page.Error != "" {
		return 1
	}
	return 0
}

// clientsBrief is how far ahead of a short table's window rows are asked for at least.
const clientsBrief = 10

// want asks for three windows around the one on the screen, so that there is something to
// see while the selection runs ahead of the answers.
func (p *clientsView) want(q *monitor.Query) {
	p.asked, p.waits = p.id, true
	q.Clients = &monitor.ClientQuery{
		Sort: p.sort, Reverse: p.falls, SlowTop: p.top, Filter: p.filter, Around: p.id,
		Offset: max(0, p.list.top-max(p.list.height, clientsBrief)),
		Limit:  min(3*max(p.list.height, clientsBrief), monitor.MaxClients),
	}
}

// apply takes a page. It may answer an older question than the last one: what is selected
// is looked for in it by its id, and has gone only if it was asked for and is nowhere.
func (p *clientsView) apply(f *frame) {
	if p.alert(f); !p.waits { // nobody sees the pane, and the page is of no question
		return
	}
	p.waits = false
	same := slices.Equal(p.page.Rows, f.Clients.Rows) && p.page.Offset == f.Clients.Offset && p.page.Shown == f.Clients.Shown &&
		p.page.Total == f.Clients.Total && p.page.Error == f.Clients.Error &&
		!p.at.IsZero() && f.At.Sub(p.at).Abs() < time.Second
	if same && p.id != "" && p.asked == p.id {
		return
	}
	p.at, p.page = f.At, f.Clients
	p.way = overviewWay(f.Overview.Listeners)
	p.list.resize(p.h - p.above() - p.below())
	p.list.length(p.page.Shown)
	switch i := slices.IndexFunc(p.page.Rows, func(c monitor.Client) bool { return c.ID == p.id }); {
	case i >= 0 && p.id != "":
		p.list.to(p.page.Offset + i)
	case p.page.Error != "": // half a filter: what is selected will be back
	case p.id != "" && p.asked == p.id && p.page.Index < 0:
		p.id = ""
		fallthrough
	case p.id == "":
		p.choose()
	}
	p.rev++
}

// alert notes what tab and title say.
func (p *clientsView) alert(f *frame) { p.slow, p.lobby = f.Overview.Slow, f.Overview.Lobby }

// choose makes the row at the selected place the selected one, if it has come.
func (p *clientsView) choose() {
	p.id = ""
	if c := p.row(p.list.at); c != nil {
		p.id = c.ID
	}
	p.rev++
}

// row returns a row of the page, nil if it is not in it.
func (p *clientsView) row(at int) *monitor.Client {
	if i := at - p.page.Offset; i >= 0 && i < len(p.page.Rows) {
		return &p.page.Rows[i]
	}
	return nil
}

// selected returns the row under the cursor, nil without one.
func (p *clientsView) selected() *monitor.Client {
	if c := p.row(p.list.at); c != nil && c.ID == p.id {
		return c
	}
	return nil
}

func (p *clientsView) key(k tea.KeyPressMsg) (tea.Cmd, bool) {
	if p.edits {
		p.edit(k)
		return nil, true
	}
	keys := p.e.keys
	switch {
	case key.Matches(k, keys.Up):
		p.list.move(-1)
	case key.Matches(k, keys.Down):
		p.list.move(1)
	case key.Matches(k, keys.PageUp):
		p.list.page(-1)
	case key.Matches(k, keys.PageDown):
		p.list.page(1)
	case key.Matches(k, keys.Home):
		p.list.to(0)
	case key.Matches(k, keys.End):
		p.list.to(p.list.total - 1)
	case key.Matches(k, keys.Sort):
		p.order(p.after(p.sort))
		return nil, true
	case key.Matches(k, keys.Reverse):
		p.falls = !p.falls
		p.rev++
		return nil, true
	case key.Matches(k, keys.SlowTop):
		p.top = !p.top
		p.rev++
		if p.top {
			return flash("slow connections first"), true
		}
		return flash("slow connections where the order puts them"), true
	case key.Matches(k, keys.Columns):
		return show(&clientsChooser{p: p}), true
	case key.Matches(k, keys.Filter):
		p.edits = true
		p.field.set(p.filter)
		p.resize(p.w, p.h)
		return nil, true
	case key.Matches(k, keys.Back) && p.filter != "":
		p.narrow("")
		return nil, true
	default:
		return p.act(k)
	}
	p.choose()
	return nil, true
}

// act is what can be done to the selected row.
func (p *clientsView) act(k tea.KeyPressMsg) (tea.Cmd, bool) {
	keys := p.e.keys
	if !key.Matches(k, keys.Enter, keys.Disconnect, keys.Ban, keys.LogsOf, keys.Copy, keys.CopyValue) {
		return nil, false
	}
	c := p.selected()
	if c == nil {
		return flash("no connection is selected"), true
	}
	switch {
	case key.Matches(k, keys.Enter):
		d := newClientDetail(p.e, *c)
		return tea.Batch(show(d), d.ask()), true
	case key.Matches(k, keys.Copy):
		return send(copyMsg{text: c.Remote, what: "the address it comes from"}), true
	case key.Matches(k, keys.CopyValue):
		text, err := json.MarshalIndent(c, "", "  ")
		if err != nil {
			return flash("the row could not be written as JSON: " + err.Error()), true
		}
		return send(copyMsg{text: string(text), what: "the row as JSON"}), true
	}
	return clientsAct(p.e, k, c), true
}

// clientsAct is what the table and the detail view can do about a session.
func clientsAct(e *env, k tea.KeyPressMsg, c *monitor.Client) tea.Cmd {
	who := clientsWho(e, c)
	switch {
	case key.Matches(k, e.keys.LogsOf):
		return send(gotoMsg{pane: logsPane, session: c.ID})
	case e.options.ReadOnly:
		return send(flashMsg{text: "this dashboard is read-only (--tui-readonly)", bad: true})
	case key.Matches(k, e.keys.Disconnect):
		return show(newConfirm(e, "Disconnect "+who+"?", []string{
			clientsFacts(e, c), "It may connect again at once.",
		}, clientsDo(monitor.Disconnect, c.ID)))
	}
	return show(newConfirm(e, "Ban "+who+" until the router restarts?", []string{
		clientsFacts(e, c), "It is disconnected now. " + clientsBanned(e, c),
	}, clientsDo(monitor.Ban, c.ID)))
}

// clientsBanned says whom a ban hits: what a client is known by when it comes again, as the
// router has it (Router.Ban).
func clientsBanned(e *env, c *monitor.Client) string {
	if c.Device != "" {
		return "The device or token " + e.mask(maskName, c.Device) + " is refused from then on, with all its other connections."
	}
	host := pairingHost(c.Remote)
	from := "from " + e.mask(maskRemote, host)
	switch ip, err := netip.ParseAddr(host); {
	case err != nil:
		from = "from where it comes"
	case ip.Unmap().IsLoopback():
		from = "on this computer"
	case !ip.Unmap().Is4():
		from = "in the network of " + e.mask(maskRemote, host) + " (/64)"
	}
	return "It has no token: everybody " + from + " who has none is refused from then on; who is connected already stays."
}

// clientsDo has the router do it, once it is confirmed.
func clientsDo(kind monitor.ActionKind, id string) func() tea.Cmd {
	return func() tea.Cmd { return send(actionMsg{action: monitor.Action{Kind: kind, ID: id}}) }
}

// clientsWho names a session for people.
func clientsWho(e *env, c *monitor.Client) string {
	if c.Name == "" {
		return "the client without a name"
	}
	return e.mask(maskName, c.Name)
}

// clientsFacts is a session in a line.
func clientsFacts(e *env, c *monitor.Client) string {
	subs := count(c.Subs) + " subscriptions"
	if c.Subs == 1 {
		subs = "1 subscription"
	}
	return fmt.Sprintf("%s from %s, here for %s, %s", transportName(c.Transport), e.mask(maskRemote, c.Remote), ago(e.now().Sub(c.Since)), subs)
}

// edit is a key while the filter is typed: the table follows every letter.
func (p *clientsView) edit(k tea.KeyPressMsg) {
	switch k.Code {
	case tea.KeyEnter:
		p.edits = false
		p.resize(p.w, p.h)
	case tea.KeyEscape:
		p.edits = false
		p.narrow("")
	default:
		if p.field.key(k) {
			p.narrow(p.field.String())
		}
	}
}

// narrow sets the filter. What is selected stays so if it passes.
func (p *clientsView) narrow(filter string) {
	if filter != p.filter {
		p.filter, p.page.Error = filter, "" // what was wrong was so with the old one
	}
	p.resize(p.w, p.h)
}

// order sorts by another column: numbers from the greatest, texts from the first letter.
func (p *clientsView) order(by monitor.ClientSort) {
	i := slices.IndexFunc(clientsColumns, func(c *clientsColumn) bool { return c.sort == by })
	if i < 0 {
		return
	}
	p.sort, p.falls = by, !clientsColumns[i].text
	p.rev++
}

// after is the next column on the screen that the table can be ordered by.
func (p *clientsView) after(by monitor.ClientSort) monitor.ClientSort {
	var all []monitor.ClientSort
	for _, place := range p.places() {
		if place.sort != "" {
			all = append(all, place.sort)
		}
	}
	if len(all) == 0 {
		return by
	}
	return all[(slices.Index(all, by)+1)%len(all)]
}

// click orders the table by a head, and selects a row.
func (p *clientsView) click(x, y int) {
	if y -= p.above(); y < 0 {
		x -= clientsMargin
		for _, place := range p.places() {
			switch {
			case x < place.x || x >= place.x+place.w || place.sort == "":
			case place.sort == p.sort:
				p.falls = !p.falls
				p.rev++
			default:
				p.order(place.sort)
			}
		}
		return
	}
	if y < p.list.height && p.list.top+y < p.list.total {
		p.list.to(p.list.top + y)
		p.choose()
	}
}

func (p *clientsView) wheel(delta int) {
	p.list.scroll(delta)
	p.choose()
}

func (p *clientsView) bindings() []key.Binding {
	keys := p.e.keys
	if p.edits {
		return []key.Binding{
			key.NewBinding(key.WithKeys("enter"), key.WithHelp("enter", "keep filter")),
			key.NewBinding(key.WithKeys("esc"), key.WithHelp("esc", "clear")),
		}
	}
	b := []key.Binding{keys.Enter, keys.Filter, keys.Sort, keys.Reverse, keys.SlowTop, keys.Columns, keys.LogsOf}
	if !p.e.options.ReadOnly {
		b = append(b, keys.Disconnect, keys.Ban)
	}
	b = append(b, keys.Copy, keys.CopyValue)
	if p.filter != "" {
		b = append([]key.Binding{keys.Back}, b...)
	}
	return b
}

// Messages to root, as commands.
func send(msg tea.Msg) tea.Cmd  { return func() tea.Msg { return msg } }
func flash(text string) tea.Cmd { return send(flashMsg{text: text}) }
func show(o overlay) tea.Cmd    { return send(overlayMsg{overlay: o}) }
