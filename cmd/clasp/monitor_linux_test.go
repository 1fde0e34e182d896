// Looks at a real router the way a dashboard does, and acts as its operator.

package main_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	goclient "github.com/clasp-studio/clasp/router/client"
	"github.com/clasp-studio/clasp/router/monitor"
	"github.com/clasp-studio/clasp/router/monitor/remote"
)

// looker is somebody who looks on.
type looker struct {
	monitor.Source
	ctx context.Context
}

func looksAt(t *testing.T, s *service) looker {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	t.Cleanup(cancel)
	return looker{remote.Dial(ctx, s.socket(t)), ctx}
}

// frame asks until one is as wanted.
func (l looker) frame(t *testing.T, q monitor.Query, what string, want func(*monitor.Frame) bool) monitor.Frame {
	t.Helper()
	for {
		f, err := l.Frame(l.ctx, q)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if want(&f) {
			return f
		}
		l.Wait(l.ctx, f.Seq)
	}
}

func (l looker) does(t *testing.T, a monitor.Action) monitor.Result {
	t.Helper()
	r, err := l.Do(l.ctx, a)
	if err != nil {
		t.Fatalf("%+v: %v", a, err)
	}
	return r
}

func (l looker) refused(t *testing.T, a monitor.Action, kind error) {
	t.Helper()
	if _, err := l.Do(l.ctx, a); !errors.Is(err, kind) {
		t.Errorf("%+v: %v, want one that is %q", a, err, kind)
	}
}

func always(*monitor.Frame) bool { return true }

// TestMonitorOverview: what the first pane says of a router with one listener that is not up.
func TestMonitorOverview(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	port := strconv.Itoa(taken.Addr().(*net.TCPAddr).Port)
	s := serve(t, nil, "--port", "0", "--bind", "127.0.0.1", "--log-level", "debug", "--name", "Stage", "--tcp", "--tcp-port", port, "--udp", "--udp-port", "0",
		"--persist", "--persist-path", t.TempDir()+"/state.db")
	o := looksAt(t, s).frame(t, monitor.Query{}, "overview", always).Overview
	if o.Name != "Stage" || o.PID != s.cmd.Process.Pid || o.Version == "" || o.Host == "" || o.Started.IsZero() || o.Goroutines == 0 || o.Heap == 0 {
		t.Errorf("%+v", o)
	}
	if o.Access != "anybody" || o.Encrypted || !strings.HasSuffix(o.Persistence, "/state.db") {
		t.Errorf("access %q, encrypted %v, persistence %q", o.Access, o.Encrypted, o.Persistence)
	}
	up := map[string]string{}
	for _, l := range o.Listeners {
		up[l.Transport] = l.Error
		if l.Up {
			up[l.Transport] = l.URLs[0]
		}
	}
	if up["WebSocket"] != "ws://"+s.address(t)+"/clasp" || !strings.HasPrefix(up["UDP"], "udp://127.0.0.1:") || !strings.Contains(up["TCP"], "port "+port+" on 127.0.0.1 is in use") {
		t.Errorf("%q", up)
	}
	// Not that anybody may come in: nobody can from elsewhere.
	if len(o.Problems) != 1 || o.Problems[0].Level != monitor.LevelError || !strings.HasPrefix(o.Problems[0].Text, "TCP is not listening: ") || o.Problems[0].Do == "" {
		t.Errorf("%+v", o.Problems)
	}
}

// TestMonitorOpen: that anybody on the network may come in is said, and is no alarm.
func TestMonitorOpen(t *testing.T) {
	cards, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(cards, func(a net.Addr) bool {
		at, err := netip.ParsePrefix(a.String())
		return err == nil && at.Addr().Is4() && !at.Addr().IsLoopback()
	}) {
		t.Skipf("%s needs a network card", t.Name())
	}
	s := serve(t, nil, "--port", "0", "--log-level", "debug")
	o := looksAt(t, s).frame(t, monitor.Query{}, "overview", always).Overview
	if len(o.Problems) != 1 || o.Problems[0].Level != monitor.LevelInfo || !strings.HasPrefix(o.Problems[0].Text, "anybody ") {
		t.Errorf("%+v", o.Problems)
	}
}

// TestMonitorValues: writes of the operator go by the rules for all, and are seen like others.
func TestMonitorValues(t *testing.T) {
	s := serve(t, nil, "--port", "0", "--bind", "127.0.0.1", "--log-level", "debug")
	l := looksAt(t, s)
	for _, test := range []struct{ value, typed, want string }{
		{"0.5", "", "f64 0.5"}, {"1", "f64", "f64 1"}, {"7", "i32", "i64 7"}, {"hello", "string", `string "hello"`}, {"true", "bool", "bool true"},
	} {
		r := l.does(t, monitor.Action{Kind: monitor.Set, Address: "/a/b", Value: test.value, Type: test.typed})
		if !strings.HasPrefix(r.Text, "/a/b = ") || !strings.Contains(r.Text, ", revision ") {
			t.Errorf("%q", r.Text)
		}
		f := l.frame(t, monitor.Query{Values: []string{"/a/b"}}, "value", always)
		if v := f.Values[0]; v.Type+" "+v.Text != test.want {
			t.Errorf("%s as %q: %s %s, want %s", test.value, test.typed, v.Type, v.Text, test.want)
		}
	}
	for _, a := range []monitor.Action{
		{Address: "/a/b", Value: ""},
		{Address: "/a/b", Value: "{"},
		{Address: "/a/b", Value: "word", Type: "f64"},
		{Address: "/a/b", Value: "0.5", Type: "i64"},
		{Address: "/a/b", Value: "1", Type: "number"},
		{Address: "a b", Value: "1"},
	} {
		a.Kind = monitor.Set
		l.refused(t, a, monitor.ErrInvalid)
	}
	l.refused(t, monitor.Action{Kind: "explode"}, monitor.ErrOff) // it is asked of pairing, which is not there

	holder, err := dials(t, s.address(t), "holder", "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := holder.Set(l.ctx, "/held", parse(t, "1"), goclient.Lock()); err != nil {
		t.Fatal(err)
	}
	l.refused(t, monitor.Action{Kind: monitor.Set, Address: "/held", Value: "2"}, monitor.ErrRefused)

	index, err := l.Index(l.ctx, 0, "")
	if err != nil || !slices.Equal(index.Names, []string{"/a/b", "/held"}) || index.Total != 2 {
		t.Errorf("%+v, %v", index, err)
	}
	if again, err := l.Index(l.ctx, index.Rev, ""); err != nil || !again.Same || again.Names != nil {
		t.Errorf("%+v, %v", again, err)
	}
	if found, err := l.Index(l.ctx, 0, "writer:holder"); err != nil || !slices.Equal(found.Names, []string{"/held"}) {
		t.Errorf("%+v, %v", found, err)
	}
	if _, err := l.Index(l.ctx, 0, "~("); !errors.Is(err, monitor.ErrInvalid) {
		t.Errorf("a filter that is wrong: %v", err)
	}
	branches := l.frame(t, monitor.Query{Branches: []string{"/a", "/none"}}, "the rate of a branch", func(f *monitor.Frame) bool {
		return f.Branches[0].Rate >= 0
	}).Branches
	if branches[0].Address != "/a" || branches[0].Count != 1 || branches[0].Writes != 5 || branches[1].Count != 0 {
		t.Errorf("%+v", branches)
	}
}

// TestMonitorClients: a session is seen, closed, and banned with words about whom that meets.
func TestMonitorClients(t *testing.T) {
	s := serve(t, nil, "--port", "0", "--bind", "127.0.0.1", "--log-level", "debug")
	l := looksAt(t, s)
	all := monitor.Query{Clients: &monitor.ClientQuery{Sort: monitor.SortName, Limit: 10}, LogsMax: 100}
	c, err := dials(t, s.address(t), "desk \x1b[2J", "")
	if err != nil {
		t.Fatal(err)
	}
	find := func(but string) monitor.Client { // the table is some moments old
		return l.frame(t, all, "a client", func(f *monitor.Frame) bool {
			return len(f.Clients.Rows) == 1 && f.Clients.Rows[0].ID != but
		}).Clients.Rows[0]
	}
	row := find("")
	if strings.Contains(row.Name, "\x1b") || !strings.HasPrefix(row.Name, "desk ") || row.Transport != "ws" {
		t.Errorf("%+v", row)
	}
	if d, err := l.Client(l.ctx, row.ID); err != nil || d.ID != row.ID {
		t.Errorf("%+v, %v", d, err)
	}
	l.does(t, monitor.Action{Kind: monitor.Disconnect, ID: row.ID})
	<-c.Done()
	for err := error(nil); !errors.Is(err, monitor.ErrGone); { // the router has an end of its own to come to
		if _, err = l.Client(l.ctx, row.ID); l.ctx.Err() != nil {
			t.Fatalf("one that has gone: %v", err)
		}
	}
	l.refused(t, monitor.Action{Kind: monitor.Disconnect, ID: row.ID}, monitor.ErrGone)
	l.does(t, monitor.Action{Kind: monitor.Emit, Address: "/go", Value: "1"})
	s.until(t, s.stdout.String, `msg="session ended by the operator" session=`+regexp.QuoteMeta(row.ID)+` by=\S`)
	s.until(t, s.stdout.String, `msg="event sent by the operator" address=/go by=\S`)

	c, err = dials(t, s.address(t), "desk", "")
	if err != nil {
		t.Fatal(err)
	}
	r := l.does(t, monitor.Action{Kind: monitor.Ban, ID: find(row.ID).ID})
	if !strings.Contains(r.Text, "banned until the router restarts") {
		t.Errorf("%q", r.Text)
	}
	<-c.Done()
	if _, err := dials(t, s.address(t), "desk", ""); err == nil || !strings.Contains(err.Error(), "banned") {
		t.Errorf("banned: %v", err)
	}
	f := l.frame(t, all, "a word in the log about the ban", func(f *monitor.Frame) bool {
		return slices.ContainsFunc(f.Logs.Lines, func(line monitor.Line) bool { return strings.HasPrefix(line.Text, "banned") })
	})
	if p := f.Overview.Problems; len(p) != 1 || !strings.Contains(p[0].Text, "kept out") {
		t.Errorf("%+v", p)
	}
}

// TestMonitorLogBroken: a log that cannot be written is a problem that is seen.
func TestMonitorLogBroken(t *testing.T) {
	s := serve(t, nil, "--port", "0", "--bind", "127.0.0.1", "--log-file", "/dev/full")
	_, port, _ := strings.Cut(s.address(t), ":")
	problem := regexp.MustCompile(`"the log is not written, [1-9][0-9]* lines? (is|are) lost: [^"]*no space left on device"`)
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) { // the lines come behind the banner
		out, words, _ := clasp(t, nil, "status", "--json", "--port", port)
		if problem.MatchString(out) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("no such problem in %s\n%s", out, words)
		}
	}
}

// TestMonitorPairing: all that the operator can do about devices.
func TestMonitorPairing(t *testing.T) {
	s, _ := pairs(t, "--pairing")
	l := looksAt(t, s)
	q := monitor.Query{LogsMax: monitor.MaxLogs}
	knock := func() monitor.Knock {
		return l.frame(t, q, "a request", func(f *monitor.Frame) bool { return len(f.Pairing.Knocks) == 1 && f.Pairing.Knocks[0].Open() }).Pairing.Knocks[0]
	}
	gone := func() {
		l.frame(t, q, "its end", func(f *monitor.Frame) bool { return len(f.Pairing.Knocks) == 0 })
	}
	knocks(t, s.address(t), "phone\u202e")
	k := knock()
	if strings.Contains(k.Name, "\u202e") || k.Match == "" || k.Transport != "ws" || k.Code != "" || k.State != "waiting" {
		t.Errorf("%+v", k)
	}
	l.does(t, monitor.Action{Kind: monitor.Pick, ID: k.ID})
	if k = knock(); len(k.Code) != 6 {
		t.Errorf("no PIN: %+v", k)
	}
	l.refused(t, monitor.Action{Kind: monitor.Approve, ID: k.ID, Profile: "nobody"}, monitor.ErrInvalid)
	r := l.does(t, monitor.Action{Kind: monitor.Approve, ID: k.ID, Name: "Phone", Profile: "viewer"})
	if !strings.HasPrefix(r.Text, "Phone is let in") {
		t.Errorf("%q", r.Text)
	}
	gone()
	for _, kind := range []monitor.ActionKind{monitor.Approve, monitor.Deny, monitor.Pick} {
		l.refused(t, monitor.Action{Kind: kind, ID: k.ID}, monitor.ErrGone)
	}

	knocks(t, s.address(t), "Phone")
	if k = knock(); k.Known != "Phone" || k.KnownFrom == "" {
		t.Errorf("another of the same name: %+v", k)
	}
	l.does(t, monitor.Action{Kind: monitor.Deny, ID: k.ID})
	gone()

	p := l.frame(t, q, "a device", func(f *monitor.Frame) bool { return len(f.Pairing.Devices) == 1 }).Pairing
	d := p.Devices[0]
	if !p.Enabled || d.Name != "Phone" || d.Profile != "viewer" || len(p.Profiles) < 5 {
		t.Errorf("%+v", p)
	}
	l.does(t, monitor.Action{Kind: monitor.Rename, ID: d.ID, Name: "Desk"})
	l.does(t, monitor.Action{Kind: monitor.SetProfile, ID: d.ID, Profile: "operator"})
	l.frame(t, q, "another name and profile", func(f *monitor.Frame) bool {
		return f.Pairing.Devices[0].Name == "Desk" && f.Pairing.Devices[0].Profile == "operator"
	})
	l.does(t, monitor.Action{Kind: monitor.Revoke, ID: d.ID})
	l.refused(t, monitor.Action{Kind: monitor.Revoke, ID: d.ID}, monitor.ErrGone)

	invite := l.does(t, monitor.Action{Kind: monitor.NewInvite, Name: "Tablet", Profile: "operator"}).Invite
	if invite == nil || len(invite.PIN) != 6 || len(invite.Links) == 0 || !strings.Contains(invite.Links[0].URL, "/p#") || len(invite.Links[0].QR) < 15 {
		t.Fatalf("%+v", invite)
	}
	if strings.Contains(strings.Join(invite.Links[0].QR, ""), "\x1b") {
		t.Error("a QR code has colours of its own")
	}
	open := l.frame(t, q, "the invite", func(f *monitor.Frame) bool { return len(f.Pairing.Invites) == 1 }).Pairing.Invites[0]
	if open.PIN != invite.PIN || !slices.Equal(open.Links[0].QR, invite.Links[0].QR) {
		t.Errorf("%+v, was %+v", open, invite)
	}
	l.does(t, monitor.Action{Kind: monitor.Unlock})
	l.does(t, monitor.Action{Kind: monitor.CloseInvite, ID: invite.ID})
	l.refused(t, monitor.Action{Kind: monitor.CloseInvite, ID: invite.ID}, monitor.ErrGone)
	l.refused(t, monitor.Action{Kind: "explode"}, monitor.ErrInvalid)

	// Nothing of what only the screen may show is in the log.
	for _, line := range l.frame(t, q, "the log", always).Logs.Lines {
		if text := line.Text + line.Attrs; strings.Contains(text, invite.PIN) || strings.Contains(text, k.Match) {
			t.Errorf("the log has a PIN: %s", text)
		}
	}
}

// TestMonitorOff: without pairing there is nothing to do about it.
func TestMonitorOff(t *testing.T) {
	s := serve(t, nil, "--port", "0", "--bind", "127.0.0.1", "--log-level", "debug")
	l := looksAt(t, s)
	l.refused(t, monitor.Action{Kind: monitor.Approve, ID: "1"}, monitor.ErrOff)
	if p := l.frame(t, monitor.Query{}, "pairing", always).Pairing; p.Enabled || p.Devices != nil {
		t.Errorf("%+v", p)
	}
}

// TestMonitorWait: who waits for a change hears of each kind.
func TestMonitorWait(t *testing.T) {
	s, _ := pairs(t, "--pairing")
	l := looksAt(t, s)
	for what, change := range map[string]func(){
		"a request": func() { knocks(t, s.address(t), "phone") },
		"an invite": func() { l.does(t, monitor.Action{Kind: monitor.NewInvite}) },
		"a value":   func() { l.does(t, monitor.Action{Kind: monitor.Set, Address: "/x", Value: "1"}) },
	} {
		before := l.frame(t, monitor.Query{}, what, always).Seq
		change()
		if after := l.frame(t, monitor.Query{}, what, func(f *monitor.Frame) bool { return f.Seq != before }); after.Seq < before {
			t.Errorf("%s: %d after %d", what, after.Seq, before)
		}
	}
}
