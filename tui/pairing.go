package tui

// The Pairing pane: who wants in, what is open to let devices in, and who has been let in.
// It moves in one list; what is selected is shown in full beside it or below.

import (
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"charm.land/bubbles/v2/key"

	"github.com/clasp-studio/clasp/pairing"
	"github.com/clasp-studio/clasp/router/monitor"
)

// pairingKind is what a row of the list is.
type pairingKind uint8

const (
	pairingHeading pairingKind = iota
	pairingNote                // words where there is nothing else
	pairingKnock
	pairingGone // a knock that is over, for some seconds more
	pairingInvite
	pairingDevice
)

// pairingRow is one row; at is its place in the list of its kind.
type pairingRow struct {
	kind pairingKind
	at   int
	id   string
	text string // of headings and notes
}

// on reports whether the cursor can be on a row.
func (r pairingRow) on() bool { return r.kind > pairingNote }

// same reports whether two rows are of one thing, whatever has become of it.
func (r pairingRow) same(o pairingRow) bool {
	wants := func(k pairingKind) bool { return k == pairingKnock || k == pairingGone }
	return r.id == o.id && (r.kind == o.kind || wants(r.kind) && wants(o.kind))
}

// pairingPanel implements pane.
type pairingPanel struct {
	e    *env
	w, h int
	rev  uint64

	now  monitor.Pairing
	seen bool // a frame has come
	gone []pairingOver
	rows []pairingRow
	list vlist
	sel  pairingRow // where the cursor is; kind pairingHeading: nowhere
	held bool       // the operator has moved the cursor: it stays, whoever comes
	hand bool       // and has done so since the pane was drawn last

	guard  pairingGuard
	grants map[string]pairingGrant // what a knock gets, where the operator has changed it
	busy   map[string]string       // knocks that an answer is under way for, in words
	fate   map[string]string       // what the operator's own answer has made of a knock

	crowded map[string]bool // knocks under whose name more than one device has waited at once
}

// pairingOver is a knock that is over, with what became of it.
type pairingOver struct {
	monitor.Knock
	became string
	until  time.Time
}

// pairingGoneFor is how long a knock that is over stays on the screen.
const pairingGoneFor = 5 * time.Second

// pairingGoneMost is how many of them there may be: who comes and goes shall not push out of
// sight who waits.
const pairingGoneMost = 5

func newPairing(e *env) pane {
	return &pairingPanel{e: e, grants: map[string]pairingGrant{}, busy: map[string]string{}, fate: map[string]string{}, crowded: map[string]bool{}}
}

func (p *pairingPanel) name() string { return "Pairing" }

// badge counts those who want an answer.
func (p *pairingPanel) badge() string {
	if n := p.open(); n > 0 {
		return strconv.Itoa(n)
	}
	return ""
}

func (p *pairingPanel) open() (n int) {
	for i := range p.now.Knocks {
		if p.now.Knocks[i].Open() {
			n++
		}
	}
	return n
}

func (p *pairingPanel) title() string {
	parts := []string{"Pairing"}
	if n := p.open(); n > 0 {
		wait := " wait"
		if n == 1 {
			wait = " waits"
		}
		parts = append(parts, count(n)+wait)
	}
	if n := len(p.now.Invites); n > 0 {
		parts = append(parts, pairingCount(n, "open invite"))
	}
	if n := len(p.now.Devices); n > 0 {
		parts = append(parts, pairingCount(n, "device"))
	}
	if p.now.Locked != "" {
		parts = append(parts, "invite PINs LOCKED")
	}
	return strings.Join(parts, " "+p.e.glyphs.dot+" ")
}

func pairingCount(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return count(n) + " " + what
}

func (p *pairingPanel) resize(w, h int) {
	airy := p.airy()
	p.w, p.h = w, h
	p.rev++
	if airy != p.airy() {
		p.build()
	}
	p.place()
	if p.list.at < p.list.height { // a smaller size before may have pushed the heading out
		p.list.top = 0
	}
}

func (p *pairingPanel) want(_ *monitor.Query) {}

func (p *pairingPanel) apply(f *frame) { p.alert(f) }

// alert is all there is to apply: who wants in is never frozen.
func (p *pairingPanel) alert(f *frame) {
	now, changed := p.e.now(), false
	next := f.Pairing
	next.Knocks = slices.Clone(next.Knocks)
	for i := range p.now.Knocks {
		old := &p.now.Knocks[i]
		at := slices.IndexFunc(next.Knocks, func(k monitor.Knock) bool { return k.ID == old.ID })
		if old.Open() && (at < 0 || !next.Knocks[at].Open()) {
			p.end(old, next, at, now)
			changed = true
		}
	}
	// Of what is over only what was open here is shown: the rest was never on this screen.
	next.Knocks = slices.DeleteFunc(next.Knocks, func(k monitor.Knock) bool { return !k.Open() })
	for i := range next.Knocks {
		if k := &next.Knocks[i]; k.Waiting > 1 {
			p.crowded[k.ID] = true
		}
	}
	if n := len(p.gone); n > 0 {
		p.gone = slices.DeleteFunc(p.gone, func(o pairingOver) bool { return !now.Before(o.until) })
		if over := len(p.gone) - pairingGoneMost; over > 0 { // not the one that the operator is at
			p.gone = slices.DeleteFunc(p.gone, func(o pairingOver) bool {
				cut := over > 0 && o.ID != p.sel.id
				if cut {
					over--
				}
				return cut
			})
		}
		changed = changed || len(p.gone) != n
	}
	if !changed && p.seen && pairingSame(&p.now, &next) {
		return
	}
	next.Knocks = pairingOrder(p.now.Knocks, next.Knocks)
	p.now, p.seen = next, true
	p.build()
}

// end moves a knock to those that are over.
func (p *pairingPanel) end(k *monitor.Knock, next monitor.Pairing, at int, now time.Time) {
	became := p.fate[k.ID]
	switch {
	case became != "":
	case at >= 0:
		became = pairingEnds[next.Knocks[at].State]
	case slices.ContainsFunc(next.Devices, func(d monitor.Device) bool {
		return strings.HasPrefix(d.Name, k.Name) && !slices.ContainsFunc(p.now.Devices, func(o monitor.Device) bool { return o.ID == d.ID })
	}):
		became = "let in"
	}
	if became == "" {
		became = "gone, or answered elsewhere"
	}
	p.gone = append(p.gone, pairingOver{Knock: *k, became: became, until: now.Add(pairingGoneFor)})
	delete(p.grants, k.ID)
	delete(p.busy, k.ID)
	delete(p.fate, k.ID)
	delete(p.crowded, k.ID)
	p.guard.forget(k.ID)
}

var pairingEnds = map[pairing.State]string{
	pairing.StateIssued: "let in", pairing.StateActive: "let in", pairing.StateDenied: "turned away",
	pairing.StateTimeout: "gone: it has waited too long", pairing.StateRevoked: "revoked",
}

// pairingSame reports whether nothing has changed. There may be a thousand devices: they
// are compared without reflection.
func pairingSame(a, b *monitor.Pairing) bool {
	return a.Enabled == b.Enabled && a.Policy == b.Policy && a.Locked == b.Locked && slices.Equal(a.Devices, b.Devices) &&
		reflect.DeepEqual(a.Knocks, b.Knocks) && reflect.DeepEqual(a.Invites, b.Invites) && reflect.DeepEqual(a.Profiles, b.Profiles)
}

// pairingOrder keeps those who were there at their places and puts new ones behind: no row
// moves under the hand of the operator because somebody else came.
func pairingOrder(before, now []monitor.Knock) []monitor.Knock {
	place := map[string]int{}
	for i := range before {
		place[before[i].ID] = i
	}
	rank := func(k monitor.Knock) int {
		if i, ok := place[k.ID]; ok {
			return i
		}
		return len(before)
	}
	slices.SortStableFunc(now, func(a, b monitor.Knock) int { return rank(a) - rank(b) })
	return now
}

// build makes the rows anew and finds the cursor's in them.
func (p *pairingPanel) build() {
	p.rev++
	cursor := p.sel
	defer func() { p.hand = p.hand && p.sel.same(cursor) }()
	was := slices.IndexFunc(p.rows, func(r pairingRow) bool { return r.on() && r.same(p.sel) })
	p.rows = p.rows[:0]
	add := func(r pairingRow) { p.rows = append(p.rows, r) }
	switch {
	case !p.now.Enabled && len(p.now.Devices) == 0:
		add(pairingRow{kind: pairingNote, text: "Pairing is off: who has no token cannot ask to be let in."})
		add(pairingRow{kind: pairingNote, text: "Start the router with --pairing to have devices asked in from here."})
	case !p.now.Enabled:
		add(pairingRow{kind: pairingNote, text: "Pairing is off: nobody new is let in. Start with --pairing to change that."})
	default:
		add(pairingRow{kind: pairingHeading, text: headKnocks})
		for i := range p.now.Knocks {
			add(pairingRow{kind: pairingKnock, at: i, id: p.now.Knocks[i].ID})
		}
		for i := range p.gone {
			add(pairingRow{kind: pairingGone, at: i, id: p.gone[i].ID})
		}
		if len(p.now.Knocks)+len(p.gone) == 0 {
			add(pairingRow{kind: pairingNote, text: "Nobody waits."})
		}
	}
	gap := func() { // between the parts, where the list leaves room for it
		if p.airy() {
			add(pairingRow{kind: pairingNote})
		}
	}
	if len(p.now.Invites) > 0 {
		gap()
		add(pairingRow{kind: pairingHeading, text: headInvites})
	}
	for i := range p.now.Invites {
		add(pairingRow{kind: pairingInvite, at: i, id: p.now.Invites[i].ID})
	}
	if len(p.now.Devices) > 0 {
		gap()
		add(pairingRow{kind: pairingHeading, text: headDevices})
	}
	for i := range p.now.Devices {
		add(pairingRow{kind: pairingDevice, at: i, id: p.now.Devices[i].ID})
	}
	p.list.length(len(p.rows))
	at := slices.IndexFunc(p.rows, func(r pairingRow) bool { return r.on() && r.same(p.sel) })
	first := slices.IndexFunc(p.rows, func(r pairingRow) bool { return r.on() })
	if !p.held && first >= 0 && p.rows[first].kind == pairingKnock && p.sel.kind != pairingKnock && p.sel.kind != pairingGone {
		at = first // somebody wants in, and nobody has touched the list
	}
	switch {
	case at >= 0:
		p.list.to(at)
		p.sel = p.rows[at]
	case first < 0:
		p.sel = pairingRow{}
	case p.sel.kind == pairingGone && p.rows[first].kind == pairingKnock:
		p.put(first, 1) // the next one that wants an answer
	default:
		p.put(max(was, first), 1)
	}
}

// put moves the cursor to a row, or where it cannot be there, on in the direction given and
// otherwise back.
func (p *pairingPanel) put(at, step int) {
	for _, d := range [2]int{step, -step} {
		for i := max(0, min(at, len(p.rows)-1)); i >= 0 && i < len(p.rows); i += d {
			if p.rows[i].on() {
				if i == slices.IndexFunc(p.rows, pairingRow.on) {
					p.list.to(0) // the heading above comes into sight with it
				}
				p.list.to(i)
				p.sel = p.rows[i]
				p.rev++
				return
			}
		}
	}
}

func (p *pairingPanel) byHand() { p.held, p.hand = true, true }

// walk moves the cursor by rows that it can be on.
func (p *pairingPanel) walk(rows int) {
	p.byHand()
	step := 1
	if rows < 0 {
		step = -1
	}
	at := p.list.at
	for left := rows; left != 0; left -= step {
		i := at + step
		for i >= 0 && i < len(p.rows) && !p.rows[i].on() {
			i += step
		}
		if i < 0 || i >= len(p.rows) {
			break
		}
		at = i
	}
	p.put(at, step)
}

// knock returns the one under the cursor that can be answered.
func (p *pairingPanel) knock() *monitor.Knock {
	if p.sel.kind != pairingKnock {
		return nil
	}
	return &p.now.Knocks[p.sel.at]
}

func (p *pairingPanel) device() *monitor.Device {
	if p.sel.kind != pairingDevice {
		return nil
	}
	return &p.now.Devices[p.sel.at]
}

func (p *pairingPanel) invite() *monitor.Invite {
	if p.sel.kind != pairingInvite {
		return nil
	}
	return &p.now.Invites[p.sel.at]
}

func (p *pairingPanel) click(x, y int) {
	if w, _ := p.parts(); x >= w || y < 0 || y >= p.list.height {
		return
	}
	if at := p.list.top + y; at < len(p.rows) && p.rows[at].on() {
		p.byHand()
		p.guard.ask(pairingAsk{})
		p.put(at, 1)
	}
}

func (p *pairingPanel) wheel(delta int) {
	p.guard.ask(pairingAsk{})
	p.walk(delta)
}

func (p *pairingPanel) typing() bool { return false }

// revision moves with the clock too while something is shown that counts down or up.
func (p *pairingPanel) revision() uint64 {
	rev := p.rev
	if len(p.rows) > 0 {
		rev += uint64(p.e.now().Unix())
	}
	rev <<= 1
	if p.e.private {
		rev |= 1
	}
	return rev
}

func (p *pairingPanel) cursor() (int, int, bool) {
	y, ok := p.list.line()
	return 0, y, ok && p.sel.on()
}

func (p *pairingPanel) bindings() []key.Binding {
	k := p.e.keys
	var list []key.Binding
	if p.e.options.ReadOnly || !p.now.Enabled && len(p.now.Devices) == 0 {
		return list
	}
	if row := p.knock(); row != nil {
		if p.mayApprove(row) == "" {
			list = append(list, k.Approve)
		}
		if p.mayPick(row) == "" {
			list = append(list, k.ShowPIN)
		}
		list = append(list, k.Deny, k.EditGrant, k.Later)
	}
	switch p.sel.kind {
	case pairingInvite:
		list = append(list, k.Enter, k.CopyCode, k.Revoke)
	case pairingDevice:
		list = append(list, k.EditGrant, k.Rename, k.Revoke)
	}
	if p.now.Enabled {
		list = append(list, k.Invite)
	}
	if p.now.Locked != "" {
		list = append(list, k.Unlock)
	}
	return list
}
