package tui

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"

	"github.com/clasp-studio/clasp/router/monitor"
)

// clientsKit is the pane on a screen, and a router that answers it.
type clientsKit struct {
	t     *testing.T
	e     *env
	clock *testClock
	pane  *clientsView
	all   []monitor.Client
	f     *frame
}

func newClientsKit(t *testing.T, clients, w, h int) *clientsKit {
	t.Helper()
	e, clock, _ := newTestEnv(t)
	k := &clientsKit{t: t, e: e, clock: clock, pane: newClients(e).(*clientsView), f: testFrame(clients, 0)}
	k.all = k.f.Clients.Rows
	k.pane.resize(w, h)
	k.look()
	return k
}

// look asks as the pane wants and answers as a router does.
func (k *clientsKit) look() monitor.ClientQuery {
	k.t.Helper()
	var q monitor.Query
	k.pane.want(&q)
	k.answer(*q.Clients)
	return *q.Clients
}

func (k *clientsKit) answer(q monitor.ClientQuery) {
	rows := slices.Clone(k.all)
	if q.Filter != "" {
		rows = slices.DeleteFunc(rows, func(c monitor.Client) bool { return !strings.Contains(c.Name, q.Filter) })
	}
	if q.Sort == monitor.SortIn {
		slices.SortStableFunc(rows, func(a, b monitor.Client) int { return int(a.Rates.In - b.Rates.In) })
	}
	if q.Reverse {
		slices.Reverse(rows)
	}
	page := monitor.ClientPage{Shown: len(rows), Total: len(k.all)}
	page.Index = slices.IndexFunc(rows, func(c monitor.Client) bool { return c.ID == q.Around && q.Around != "" })
	offset := min(q.Offset, len(rows))
	if page.Index >= 0 {
		offset = max(min(offset, page.Index), page.Index-q.Limit+1)
	}
	page.Offset, page.Rows = offset, rows[offset:min(offset+q.Limit, len(rows))]
	f := *k.f
	f.At, f.Clients = k.clock.now(), page
	k.pane.apply(&f)
}

func (k *clientsKit) press(keys ...string) (last any) {
	k.t.Helper()
	for _, name := range keys {
		cmd, handled := k.pane.key(press(name))
		if !handled {
			k.t.Fatalf("key %q is nobody's", name)
		}
		last = nil
		if msgs := run(cmd); len(msgs) > 0 {
			last = msgs[0]
		}
	}
	return last
}

func (k *clientsKit) screen() string {
	k.t.Helper()
	lines := k.pane.render(true)
	checkLines(k.t, lines, k.pane.w, k.pane.h)
	return textOf(lines)
}

// row is the line with the mark of the selected row.
func (k *clientsKit) row() string {
	k.t.Helper()
	for _, line := range strings.Split(k.screen(), "\n") {
		if strings.HasPrefix(line, k.e.glyphs.cursor) {
			return line
		}
	}
	return ""
}

func TestConnectionsOnEveryScreen(t *testing.T) {
	for _, plainly := range []bool{false, true} {
		for _, clients := range []int{0, 1, 1000} {
			k := newClientsKit(t, clients, 100, 20)
			if plainly {
				plainTestEnv(k.e)
			} else if clients > 1 { // characters of two cells, of none, and none at all
				k.all[0].Name, k.all[1].Name, k.all[2].Name = "照明卓照明卓照明卓照明卓照明卓照明卓", "e\u0301te\u0301", ""
				k.all[3].Remote, k.all[4].Device = "[2001:db8:1234:5678:9abc:def0:1234:5678%eth0]:40000", "卓"
			}
			for w := 0; w < 205; w += 3 {
				for _, h := range []int{0, 1, 2, 3, 10, 47} {
					k.pane.resize(w, h)
					k.look()
					screen := k.screen()
					for _, c := range screen {
						if plainly && c > 0x7e {
							t.Fatalf("%d x %d has %q, which is no ASCII:\n%s", w, h, c, screen)
						}
					}
				}
			}
		}
	}
}

func TestConnectionsShowTheMostImportantColumns(t *testing.T) {
	k := newClientsKit(t, 20, 200, 20)
	wide := k.screen()
	for _, c := range clientsColumns {
		if !c.off && !strings.Contains(wide, c.head) {
			t.Errorf("200 cells wide, there is no %q:\n%s", c.head, wide)
		}
	}
	for w := 200; w >= 16; w-- { // a column is left out only where it does not fit beside those that matter more
		k.pane.resize(w, 20)
		places := k.pane.places()
		if places[0].name != "name" {
			t.Fatalf("%d wide: the first column is %q", w, places[0].name)
		}
		for _, c := range clientsColumns[1:] {
			taken := clientsMargin + clientsGap + clientsName(w-clientsMargin-clientsGap) + clientsGap + c.width
			if w < clientsStated { // the state stands behind the name there
				if taken += clientsBadge; c.name == clientsStateName {
					continue
				}
			}
			for _, other := range places[1:] {
				if other.rank < c.rank {
					taken += other.width + clientsGap
				}
			}
			shown := slices.ContainsFunc(places, func(p clientsPlace) bool { return p.clientsColumn == c })
			if fits := taken <= w; !c.off && fits != shown {
				t.Fatalf("%d wide: %q takes %d with those before it, and is shown: %v", w, c.name, taken, shown)
			}
		}
	}
	k.pane.resize(40, 8)
	k.look()
	if s := k.screen(); !strings.Contains(s, "IN/S") || strings.Contains(s, "RTT") {
		t.Errorf("40 wide:\n%s", s)
	}
	k.pane.resize(80, 20)
	k.look()
	k.press("end")
	k.look()
	if s := k.row(); !strings.Contains(s, "SLOW") {
		t.Errorf("a slow one is not called so: %q", s)
	}
}

func TestConnectionsShortenAnAddressByItsPort(t *testing.T) {
	for _, c := range [][2]string{{"192.168.100.200:40000", "192.168.100.200"}, {"[2001:db8::1]:40000", "2001:db8::1"}, {"pipe", "pipe"}} {
		if got := withoutPort(c[0]); got != c[1] {
			t.Errorf("withoutPort(%q) = %q, want %q", c[0], got, c[1])
		}
	}
}

// TestConnectionsKeepTheSelectedOne whatever comes, goes and moves around it.
func TestConnectionsKeepTheSelectedOne(t *testing.T) {
	k := newClientsKit(t, 1000, 120, 20)
	k.press("down", "down", "down")
	want := k.pane.id
	if want != "c000003" || !strings.Contains(k.row(), "desk 003") {
		t.Fatalf("selected %q: %q", want, k.row())
	}
	k.press("s", "s", "r") // by another column, the other way round
	for range 3 {
		k.look()
	}
	if k.pane.id != want || !strings.Contains(k.row(), "desk 003") {
		t.Errorf("after sorting, selected %q: %q", k.pane.id, k.row())
	}
	k.all = slices.DeleteFunc(slices.Clone(k.all), func(c monitor.Client) bool { return c.ID < "c000500" && c.ID != want })
	k.look()
	if k.pane.id != want || !strings.Contains(k.row(), "desk 003") {
		t.Errorf("after others have left, selected %q: %q", k.pane.id, k.row())
	}
	at := k.pane.list.at
	k.all = slices.DeleteFunc(slices.Clone(k.all), func(c monitor.Client) bool { return c.ID == want })
	k.look()
	if k.pane.id == want || k.pane.id == "" || k.pane.list.at != min(at, len(k.all)-1) {
		t.Errorf("after it has left itself, selected %q at %d, want its neighbour at %d", k.pane.id, k.pane.list.at, at)
	}
}

// TestConnectionsTakeLateAnswers: an answer to an older question moves nothing.
func TestConnectionsTakeLateAnswers(t *testing.T) {
	k := newClientsKit(t, 1000, 120, 20)
	var q monitor.Query
	k.pane.want(&q) // asked while the first row was selected
	k.press("end")
	k.answer(*q.Clients)
	if k.pane.list.at != 999 {
		t.Fatalf("selected place %d, want the last", k.pane.list.at)
	}
	if s := k.row(); !strings.Contains(s, k.e.glyphs.ellipsis) {
		t.Errorf("the row that has not come yet: %q", s)
	}
	k.look()
	if s := k.row(); k.pane.id != "c000999" || !strings.Contains(s, "desk 999") {
		t.Errorf("selected %q: %q", k.pane.id, s)
	}
	if k.pane.apply(k.f); k.pane.page.Shown != 1000 || k.pane.id != "c000999" { // no question was open
		t.Errorf("a page that nobody asked for was taken: %d, %q", k.pane.page.Shown, k.pane.id)
	}
}

// TestConnectionsOf10000 goes through all of them: no question asks for more than a few screens.
func TestConnectionsOf10000(t *testing.T) {
	k := newClientsKit(t, 10000, 120, 30)
	for _, key := range append(slices.Repeat([]string{"pgdown"}, 40), "end", "pgup", "end") {
		k.press(key)
		if q := k.look(); q.Limit > monitor.MaxClients || q.Limit < 29 {
			t.Fatalf("asked for %d rows", q.Limit)
		}
	}
	if !strings.Contains(k.row(), "desk 9999") {
		t.Errorf("selected %q", k.row())
	}
	k.press("home")
	k.look()
	if !strings.Contains(k.row(), "desk 000") {
		t.Errorf("selected %q", k.row())
	}
}

func TestConnectionsFilter(t *testing.T) {
	k := newClientsKit(t, 1000, 100, 20)
	k.press("/")
	if !k.pane.typing() {
		t.Fatal("the filter does not take the keys")
	}
	for _, key := range []string{"0", "0", "7", "x", "backspace"} { // x would disconnect, q quit
		if msg := k.press(key); msg != nil {
			t.Fatalf("typing %q sent %T", key, msg)
		}
	}
	if q := k.look(); q.Filter != "007" {
		t.Fatalf("asked for %q", q.Filter)
	}
	if s := k.screen(); !strings.Contains(s, "/ 007") || !strings.Contains(s, "1 of 1,000") || k.pane.id != "c000007" {
		t.Errorf("selected %q:\n%s", k.pane.id, s)
	}
	if k.press("enter"); k.pane.typing() || k.pane.filter != "007" {
		t.Error("Enter does not keep the filter")
	}
	if s := k.pane.title(); !strings.Contains(s, `"007"`) {
		t.Errorf("the title is silent about the filter: %q", s)
	}
	k.press("esc")
	if q := k.look(); q.Filter != "" || k.pane.list.total != 1000 || k.pane.id != "c000007" {
		t.Errorf("after Esc: filter %q, %d rows, selected %q", q.Filter, k.pane.list.total, k.pane.id)
	}
	if _, handled := k.pane.key(press("esc")); handled {
		t.Error("a second Esc is not the pane's")
	}
	k.press("/", "z", "z")
	k.look()
	if s := k.screen(); !strings.Contains(s, "No connection passes the filter.") {
		t.Errorf("nothing is found:\n%s", s)
	}
	k.pane.waits = true
	k.f.Clients = monitor.ClientPage{Error: "~( is no regular expression", Total: 1000}
	k.pane.apply(k.f)
	if s := k.screen(); !strings.Contains(s, "no regular expression") {
		t.Errorf("a filter that is wrong:\n%s", s)
	}
}

func TestConnectionsOrder(t *testing.T) {
	k := newClientsKit(t, 50, 160, 20)
	if !strings.Contains(k.screen(), "NAME↑") {
		t.Errorf("no mark at the name:\n%s", k.screen())
	}
	seen := map[monitor.ClientSort]bool{}
	for range clientsColumns {
		q := k.look()
		seen[q.Sort] = true
		i := slices.IndexFunc(clientsColumns, func(c *clientsColumn) bool { return c.sort == q.Sort })
		if q.Reverse == clientsColumns[i].text {
			t.Errorf("%q starts with reverse %v", q.Sort, q.Reverse)
		}
		k.press("s")
	}
	if len(seen) != 12 {
		t.Errorf("s reaches %d orders, want all 12", len(seen))
	}
	was := k.look()
	if k.press("r"); k.look().Reverse == was.Reverse {
		t.Error("r does not reverse")
	}
	if k.press("S"); !k.look().SlowTop || !strings.Contains(k.pane.title(), "slow ones first") {
		t.Error("S does not put slow ones first")
	}
	for _, place := range k.pane.places() { // a click at each head
		if place.sort == "" {
			continue
		}
		k.pane.order(monitor.SortName)
		if place.sort == monitor.SortName {
			k.pane.order(monitor.SortIn)
		}
		if k.pane.click(clientsMargin+place.x, 0); k.pane.sort != place.sort {
			t.Errorf("a click at %q sorts by %q", place.head, k.pane.sort)
		}
		falls := k.pane.falls
		if k.pane.click(clientsMargin+place.x+place.w-1, 0); k.pane.sort != place.sort || k.pane.falls == falls {
			t.Errorf("a second click at %q does not reverse", place.head)
		}
	}
}

func TestConnectionsMouse(t *testing.T) {
	k := newClientsKit(t, 100, 100, 11)
	if k.pane.click(5, 4); k.pane.id != "c000003" {
		t.Errorf("a click at the fourth row selects %q", k.pane.id)
	}
	k.pane.wheel(5)
	if k.pane.list.top != 5 || k.pane.id != "c000005" {
		t.Errorf("the wheel: first row %d, selected %q", k.pane.list.top, k.pane.id)
	}
	if x, y, ok := k.pane.cursor(); x != 0 || y != 1 || !ok {
		t.Errorf("the terminal's cursor is at %d, %d, %v", x, y, ok)
	}
}

func TestConnectionsChooser(t *testing.T) {
	k := newClientsKit(t, 20, 200, 20)
	msg, ok := k.press("c").(overlayMsg)
	if !ok {
		t.Fatal("c opens nothing")
	}
	for at, c := range clientsChoices() {
		was := k.pane.hidden[c]
		revision := k.pane.revision()
		if _, done := msg.overlay.key(press("space")); done || k.pane.hidden[c] == was || k.pane.revision() == revision {
			t.Errorf("space does not switch %q", c.name)
		}
		lines := msg.overlay.render(100, 30)
		if line := ansi.Strip(lines[at+1]); !strings.Contains(line, c.name) || strings.Contains(line, "[ ]") == was {
			t.Errorf("the line of %q is %q", c.name, line)
		}
		msg.overlay.key(press("down"))
	}
	k.pane.resize(200, 20)
	if places := k.pane.places(); places[0].name != "name" || len(places) != 3 {
		t.Errorf("with all switched, %d columns, the first is %q, want the name, locks and errors", len(places), places[0].name)
	}
	if _, done := msg.overlay.key(press("esc")); !done {
		t.Error("Esc does not close")
	}
	for w := range 60 {
		for h := range 25 {
			if lines := msg.overlay.render(w, h); len(lines) > 0 {
				checkLines(t, lines, min(46, w), min(h, len(clientsChoices())+2))
			}
		}
	}
}

// TestConnectionsActOnlyWhenConfirmed: what reaches the router is about the session that was
// selected when the question was asked.
func TestConnectionsActOnlyWhenConfirmed(t *testing.T) {
	for key, kind := range map[string]monitor.ActionKind{"x": monitor.Disconnect, "b": monitor.Ban} {
		k := newClientsKit(t, 20, 100, 20)
		k.press("down")
		msg, ok := k.press(key).(overlayMsg)
		if !ok {
			t.Fatalf("%s asks nothing", key)
		}
		if text := textOf(msg.overlay.render(80, 20)); !strings.Contains(text, "desk 001") || !strings.Contains(text, "192.168.1.3") {
			t.Errorf("the question does not say whom:\n%s", text)
		}
		if cmd, done := msg.overlay.key(press("enter")); !done || len(run(cmd)) > 0 {
			t.Errorf("%s: Enter is not Cancel", key)
		}
		k.press("down")
		cmd, _ := msg.overlay.key(press("y"))
		msgs := run(cmd)
		if len(msgs) != 1 {
			t.Fatalf("%s, y: %d messages", key, len(msgs))
		}
		if act, ok := msgs[0].(actionMsg); !ok || act.action.Kind != kind || act.action.ID != "c000001" {
			t.Errorf("%s, y: %+v", key, msgs[0])
		}
		k.e.options.ReadOnly = true
		if msg, ok := k.press(key).(flashMsg); !ok || !msg.bad || !strings.Contains(msg.text, "read-only") {
			t.Errorf("%s does something in a dashboard that is read-only: %+v", key, msg)
		}
	}
}

// The question before a ban says whom it hits, in the words of the ban itself.
func TestBanSaysWhom(t *testing.T) {
	k := newClientsKit(t, 1, 100, 20)
	for _, c := range []struct {
		client monitor.Client
		want   string
	}{
		{monitor.Client{Device: "Ana", Remote: "10.0.0.5:4000"}, "device or token Ana is refused"},
		{monitor.Client{Remote: "10.0.0.5:4000"}, "everybody from 10.0.0.5 who has none"},
		{monitor.Client{Remote: "[::ffff:10.0.0.5]:4000"}, "everybody from ::ffff:10.0.0.5 who has none"},
		{monitor.Client{Remote: "127.0.0.1:4000"}, "everybody on this computer"},
		{monitor.Client{Remote: "[::1]:4000"}, "everybody on this computer"},
		{monitor.Client{Remote: "[fe80::7%eth0]:4000"}, "everybody in the network of fe80::7%eth0 (/64)"},
		{monitor.Client{Remote: "pipe"}, "everybody from where it comes"},
	} {
		if got := clientsBanned(k.e, &c.client); !strings.Contains(got, c.want) {
			t.Errorf("%+v: %q", c.client, got)
		}
	}
	k.e.private = true
	if got := clientsBanned(k.e, &monitor.Client{Device: "Ana", Remote: "10.0.0.5:4000"}) + clientsBanned(k.e, &monitor.Client{Remote: "10.0.0.5:4000"}); strings.Contains(got, "Ana") || strings.Contains(got, "10.0") {
		t.Errorf("private: %q", got)
	}
}

func TestConnectionsOtherKeys(t *testing.T) {
	k := newClientsKit(t, 20, 100, 20)
	if msg, ok := k.press("L").(gotoMsg); !ok || msg.pane != logsPane || msg.session != "c000000" {
		t.Errorf("L: %+v", msg)
	}
	if msg, ok := k.press("y").(copyMsg); !ok || msg.text != "192.168.1.2:40000" {
		t.Errorf("y: %+v", msg)
	}
	if msg, ok := k.press("Y").(copyMsg); !ok || !strings.Contains(msg.text, `"name": "desk 000"`) {
		t.Errorf("Y: %+v", msg)
	}
	empty := newClientsKit(t, 0, 100, 20)
	for _, key := range []string{"x", "b", "L", "y", "Y", "enter"} {
		if msg, ok := empty.press(key).(flashMsg); !ok {
			t.Errorf("%s without a row: %+v", key, msg)
		}
	}
	if s := empty.screen(); !strings.Contains(s, "Nobody is connected.") || !strings.Contains(s, "ws://192.168.1.20:7330/clasp") {
		t.Errorf("an empty table:\n%s", s)
	}
}

// TestConnectionsRedrawOnlyWhatIsNew: a frame with the same rows within the same second
// costs no drawing, one that differs does.
func TestConnectionsRedrawOnlyWhatIsNew(t *testing.T) {
	k := newClientsKit(t, 100, 100, 20)
	k.look()
	before := k.pane.revision()
	k.clock.advance(100 * time.Millisecond)
	if k.look(); k.pane.revision() != before {
		t.Error("the same rows are drawn again")
	}
	k.all = slices.Clone(k.all)
	k.all[1].Queue++
	if k.look(); k.pane.revision() == before {
		t.Error("another row is not drawn")
	}
	before = k.pane.revision()
	k.clock.advance(time.Second)
	if k.look(); k.pane.revision() == before {
		t.Error("the ages stand still")
	}
}

func TestConnectionsHideWhoTheyAre(t *testing.T) {
	k := newClientsKit(t, 20, 200, 20)
	k.e.private = true
	k.press("home")
	detail := newClientDetail(k.e, k.all[0])
	confirm := k.press("x").(overlayMsg)
	for what, s := range map[string]string{"table": k.screen(), "detail": textOf(detail.render(120, 40)), "question": textOf(confirm.overlay.render(80, 20))} {
		if strings.Contains(s, "desk 0") || strings.Contains(s, "192.168") {
			t.Errorf("the %s tells who it is:\n%s", what, s)
		}
	}
}

// TestConnectionsAnyKeys presses whatever there is while rows come and go: nothing panics,
// every screen is whole, and nothing is done to anybody without a yes.
func TestConnectionsAnyKeys(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	k := newClientsKit(t, 300, 100, 20)
	all := k.all
	keys := []string{"up", "down", "pgup", "pgdown", "home", "end", "s", "r", "S", "c", "/", "esc", "enter", "x", "b", "L", "y", "Y", "0", "backspace", "n", "N", "tab", "space"}
	for i := range 2000 {
		cmd, _ := k.pane.key(press(keys[rng.IntN(len(keys))]))
		for _, msg := range run(cmd) {
			if act, ok := msg.(actionMsg); ok {
				t.Fatalf("step %d: %+v was asked for", i, act.action)
			}
		}
		switch rng.IntN(8) {
		case 0:
			k.pane.resize(rng.IntN(220), rng.IntN(60))
		case 1:
			k.all = all[:rng.IntN(len(all)+1)]
		case 2:
			k.pane.click(rng.IntN(200)-10, rng.IntN(60)-10)
		case 3:
			k.pane.wheel(rng.IntN(100) - 50)
		}
		if rng.IntN(2) == 0 {
			k.look()
		}
		if i%10 == 0 {
			k.screen()
		}
	}
}

func BenchmarkConnections(b *testing.B) {
	for _, clients := range []int{100, 10000} {
		b.Run(fmt.Sprint(clients), func(b *testing.B) {
			e, _, _ := newTestEnv(b)
			p := newClients(e).(*clientsView)
			p.resize(200, 47)
			p.want(&monitor.Query{})
			f := testFrame(clients, 0)
			f.Clients.Rows = f.Clients.Rows[:100]
			p.apply(f)
			b.ReportAllocs()
			for b.Loop() {
				p.render(true)
			}
		})
	}
}

// TestConnectionsBadgeBehindTheName where there is no column for it.
func TestConnectionsBadgeBehindTheName(t *testing.T) {
	k := newClientsKit(t, 20, 60, 30)
	s := k.screen()
	if strings.Contains(s, "STATE") || !strings.Contains(s, "desk 009") || !strings.Contains(s, "SLOW") {
		t.Errorf("narrow:\n%s", s)
	}
}
