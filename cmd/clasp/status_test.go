// What clasp status prints, of frames that say everything and of frames that follow each other.

package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/pairing"
	"github.com/clasp-studio/clasp/router/monitor"
)

var statusNoon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.Local)

// statusFrame is a frame of a healthy router, so long after noon.
func statusFrame(after time.Duration, change ...func(f *monitor.Frame)) *monitor.Frame {
	f := &monitor.Frame{
		At:       statusNoon.Add(after),
		Overview: monitor.Overview{Name: "Studio", Version: "1.0", PID: 4711, Host: "vm", Started: statusNoon.Add(-26 * time.Hour), Access: "anybody"},
	}
	for _, c := range change {
		c(f)
	}
	return f
}

func clients(list ...monitor.Client) func(f *monitor.Frame) {
	return func(f *monitor.Frame) { f.Clients = monitor.ClientPage{Rows: list, Total: len(list)} }
}

func desk(id string) monitor.Client {
	return monitor.Client{ID: id, Name: "desk " + id, Transport: "ws", Remote: "10.0.0." + id + ":5000", Since: statusNoon}
}

func TestStatusEvents(t *testing.T) {
	slow, lobby := desk("1"), desk("2")
	slow.Slow, slow.Queue, slow.Dropped = true, 65_000, 12
	lobby.Lobby = true
	knock := monitor.Knock{ID: "k", Name: `FOH "iPad"`, Kind: "ipad", Remote: "10.0.0.9", Transport: "ws", Match: "42-17", State: pairing.StateWaiting, Code: ""}
	pinned, approved := knock, knock
	pinned.State, pinned.Code = pairing.StateCode, "847291"
	approved.State = pairing.StateActive
	knocks := func(list ...monitor.Knock) func(f *monitor.Frame) {
		return func(f *monitor.Frame) { f.Pairing.Knocks = list }
	}
	problem := func(f *monitor.Frame) {
		f.Overview.Problems = []monitor.Problem{{Level: monitor.LevelError, Text: "the disk is full", Do: "make room"}}
	}
	params := func(n int) func(f *monitor.Frame) { return func(f *monitor.Frame) { f.Overview.Params = n } }
	var e statusEvents
	for i, step := range []struct {
		frame *monitor.Frame
		want  []string
	}{
		{statusFrame(0, clients(desk("1"))), []string{"following Studio, version 1.0, process 4711: Everything is fine; 0 clients, 0 addresses"}},
		{statusFrame(0, clients(desk("1"))), nil},
		{statusFrame(0, clients(desk("1"), lobby)), []string{"client came: desk 2 (ws, 10.0.0.2:5000), waits to be let in"}},
		{statusFrame(0, clients(slow, desk("2"))), []string{
			"client let in: desk 2 (ws, 10.0.0.2:5000)", "client slow: desk 1 (ws, 10.0.0.1:5000), 65.0 kB wait for it, 12 messages dropped",
		}},
		{statusFrame(0, func(f *monitor.Frame) { f.Clients.Total = -1 }), nil}, // not looked at
		{statusFrame(0, clients(desk("1"), desk("3"))), []string{
			"client went: desk 2 (ws, 10.0.0.2:5000)", "client came: desk 3 (ws, 10.0.0.3:5000)", "client no longer slow: desk 1 (ws, 10.0.0.1:5000)",
		}},
		{statusFrame(0, clients(), problem), []string{
			"problem: error: the disk is full - make room", "client went: desk 1 (ws, 10.0.0.1:5000)", "client went: desk 3 (ws, 10.0.0.3:5000)",
		}},
		{statusFrame(0), []string{"problem over: the disk is full"}},
		{statusFrame(0, knocks(knock)), []string{`pairing request: "FOH \"iPad\"" (ipad) from 10.0.0.9 over ws, not encrypted, match 42-17`}},
		{statusFrame(0, knocks(pinned)), []string{`pairing request of "FOH \"iPad\"": its PIN is 847 291`}},
		{statusFrame(0, knocks(approved)), []string{`pairing request of "FOH \"iPad\"": approved`}},
		{statusFrame(0), nil},
		{statusFrame(0, knocks(knock)), []string{`pairing request: "FOH \"iPad\"" (ipad) from 10.0.0.9 over ws, not encrypted, match 42-17`}},
		{statusFrame(0), []string{`pairing request of "FOH \"iPad\"": over`}},
		{statusFrame(0, func(f *monitor.Frame) {
			f.Pairing.Locked = "too many wrong PINs"
			f.Pairing.Invites = []monitor.Invite{{ID: "i", Profile: "viewer", Expires: statusNoon}}
		}), []string{"invite open: for any name, profile viewer, until 12:00:00", "invite PINs locked: too many wrong PINs"}},
		{statusFrame(0), []string{"invite used or closed: for any name, profile viewer", "invite PINs unlocked"}},
		{statusFrame(0, func(f *monitor.Frame) {
			f.Logs = monitor.LogPage{Dropped: 3, Lines: []monitor.Line{
				{Level: monitor.LevelInfo, Text: "nothing"}, {Level: monitor.LevelWarn, Text: "hot", Attrs: "c=90", Session: "1f"}, {Level: monitor.LevelError, Text: "hotter"},
			}}
		}), []string{"log: 3 lines came too fast to be looked at", "log warn: hot c=90 session=1f", "log error: hotter"}},
		{statusFrame(500*time.Millisecond, params(10)), nil}, // not a second since noon
		{statusFrame(time.Second, params(12)), []string{"addresses: 12 (+12)"}},
		{statusFrame(1500*time.Millisecond, params(5)), nil},
		{statusFrame(2*time.Second, params(7)), []string{"addresses: 7 (-5)"}},
		{statusFrame(10*time.Second, params(7), func(f *monitor.Frame) {
			f.Overview.Totals = monitor.Totals{MessagesIn: 1000, MessagesOut: 200_000, BytesIn: 20_000, BytesOut: 50_000_000, Writes: 5, Dropped: 10}
		}), []string{"rates: 100 messages/s in, 20.0k out, 2000 B/s in, 5.0 MB/s out, 0.5 writes/s, 1 messages/s dropped"}},
		{statusFrame(11*time.Second, func(f *monitor.Frame) { f.Overview.PID = 4712 }), []string{
			"router started again: Studio, version 1.0, process 4712: Everything is fine; 0 clients, 0 addresses",
		}},
	} {
		if got := e.take(step.frame); !slices.Equal(got, step.want) {
			t.Errorf("step %d:\ngot  %q\nwant %q", i, got, step.want)
		}
	}
}

// A crowd is a number.
func TestStatusCrowd(t *testing.T) {
	var e statusEvents
	e.take(statusFrame(0))
	var many []monitor.Client
	lines := monitor.LogPage{}
	for i := range 300 {
		many = append(many, desk(fmt.Sprint(i)))
		lines.Lines = append(lines.Lines, monitor.Line{Level: monitor.LevelError, Text: "bad"})
	}
	got := e.take(statusFrame(0, clients(many...), func(f *monitor.Frame) { f.Logs = lines }))
	if len(got) != 22 || got[0] != "client came: 300 of them" || got[21] != "log 280 more warnings and errors" {
		t.Errorf("%d lines: %q", len(got), got)
	}
}

// TestStatusText holds a whole print against what was looked at once.
func TestStatusText(t *testing.T) {
	slow := desk("1")
	slow.Slow, slow.Queue, slow.RTT, slow.Rates = true, 2048, 1500*time.Microsecond, monitor.ClientRates{Known: true, In: 12_300, Out: 0.25, Bytes: 3}
	before := statusFrame(0)
	now := statusFrame(2*time.Second, clients(slow, monitor.Client{ID: "2", Lobby: true, Transport: "udp", Remote: "10.0.0.2:1", Since: statusNoon}), func(f *monitor.Frame) {
		o := &f.Overview
		o.Encrypted, o.CertExpires, o.Persistence, o.Params, o.Sessions, o.Lobby, o.Slow, o.Subscriptions = true, statusNoon, "/var/lib/clasp", 1204, 1, 1, 1, 3
		o.Transports = map[string]int{"ws": 1}
		o.Totals.MessagesIn = 8
		o.Problems = []monitor.Problem{{Level: monitor.LevelWarn, Text: "one client is slow"}}
		o.Listeners = []monitor.Listener{{Transport: "WebSocket", URLs: []string{"wss://10.0.0.1:7330"}, Up: true}, {Transport: "QUIC", Error: "the port is taken"}}
		f.Pairing.Knocks = []monitor.Knock{
			{Name: "a", Remote: "r", Transport: "ws", Encrypted: true, Match: "11-22", State: pairing.StateCode, Code: "847291", Known: "a", Want: []string{"/x/**"}}, {Name: "over", State: pairing.StateDenied},
		}
		f.Pairing.Invites = []monitor.Invite{{Name: "n", Profile: "viewer", Expires: statusNoon, PIN: "123456", Links: []monitor.Link{{Card: "eth0", URL: "http://h/p#s"}}}}
	})
	const want = `Health:      one client is slow
Router:      Studio, version 1.0, process 4711 on vm, up 1 day 2 h
Access:      anybody, encrypted, certificate until 2026-11-23
State:       1204 addresses with a value, kept in /var/lib/clasp
Clients:     1 client (1 ws), 1 waiting to be let in, 1 slow, 3 subscriptions
Rates:       4 messages/s in, 0 out, 0 B/s in, 0 B/s out, 0 writes/s
Since start: 8 messages in, 0 out, 0 dropped, 0 errors, 0 writes, 0 came, 0 left

Problems and notes:
  warn: one client is slow

Listeners:
  WebSocket: wss://10.0.0.1:7330
  QUIC: DOWN: the port is taken

Pairing requests:
  "a" from r over ws, match 11-22, asks for /x/**, but "a" is paired already, PIN 847 291

Open invites:
  n, profile viewer, until 12:00:00, PIN 123 456
    eth0: http://h/p#s

Connections:
  NAME     STATE  VIA  REMOTE         SUBS  IN/S   OUT/S  B/S  QUEUE  DROPPED  RTT     AGE  IDLE
  desk 1   SLOW   ws   10.0.0.1:5000  0     12.3k  0.2    3    2048   0        1.5 ms  2 s  0 s
  unnamed  waits  udp  10.0.0.2:1     0     -      -      -    0      0        -       2 s  0 s
`
	var out bytes.Buffer
	if err := printStatus(&out, before, now); err != nil || out.String() != want {
		t.Errorf("%v, got\n%s\nwant\n%s", err, out.String(), want)
	}
	withoutPINs(&now.Pairing)
	out.Reset()
	if err := printStatus(&out, before, now); err != nil || strings.Contains(out.String(), "PIN") || strings.Contains(out.String(), "#s") {
		t.Errorf("%v, secrets in\n%s", err, out.String())
	}
}

func TestStatusCSV(t *testing.T) {
	evil := desk("1")
	evil.Name = `=cmd|"/C calc",x`
	var out bytes.Buffer
	if err := printClientsCSV(&out, []monitor.Client{evil}); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&out).ReadAll()
	if err != nil || len(rows) != 2 || rows[0][1] != "name" || rows[1][1] != `'=cmd|"/C calc",x` || rows[1][20] != "" {
		t.Errorf("%v, %q", err, rows)
	}
}

func TestStatusNumbers(t *testing.T) {
	for want, n := range map[string]float64{"0": 0, "0.2": 0.25, "9": 9, "10": 9.96, "950": 950, "9999": 9999, "12.3k": 12_300, "1.0M": 999_960, "4.1M": 4_100_000, "1.0G": 1e9} {
		if got := number(n); got != want {
			t.Errorf("%v: %q, want %q", n, got, want)
		}
	}
	for want, d := range map[string]time.Duration{"0 s": -time.Second, "59 s": 59 * time.Second, "12 min": 12 * time.Minute, "4 h 10 min": 250 * time.Minute, "1 day 0 h": 24 * time.Hour, "3 days 2 h": 74 * time.Hour} {
		if got := since(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}

// sourceOf answers questions for frames from a function; the follower asks for nothing else.
type sourceOf struct {
	monitor.Source
	frame func(q monitor.Query) (monitor.Frame, error)
}

func (s sourceOf) Frame(_ context.Context, q monitor.Query) (monitor.Frame, error) { return s.frame(q) }

// A table of connections that is older than the count of them is looked at again; one that nothing has happened to is not.
func TestFollowLooksAtConnections(t *testing.T) {
	now, rows, joined, asked := statusNoon, []monitor.Client(nil), uint64(0), 0
	var wrong error
	source := sourceOf{frame: func(q monitor.Query) (monitor.Frame, error) {
		f := statusFrame(now.Sub(statusNoon))
		f.Overview.Totals.Joined = joined
		f.Logs.Next = q.LogsSince + 7
		if q.Clients != nil {
			asked++
			clients(rows...)(f)
		}
		return *f, wrong
	}}
	var out bytes.Buffer
	f := newFollower(source, &out, false)
	look := func(after time.Duration, want string) {
		t.Helper()
		out.Reset()
		now = now.Add(after)
		if _, err := f.look(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := out.String(); !strings.Contains(got, want) || (want == "" && got != "") {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	look(0, "12:00:00 following Studio")
	look(2*time.Second, "")
	before := asked
	look(2*time.Second, "")
	if asked != before {
		t.Error("asked for connections that have not changed")
	}
	joined++
	look(time.Second, "") // the table does not have it yet
	rows = append(rows, desk("1"))
	look(settle/2, "client came: desk 1")
	wrong = monitor.ErrUnreachable
	look(0, "router gone: it cannot be reached any more; trying again")
	look(0, "")
	wrong, rows = nil, nil
	look(time.Minute, "router back: Studio")
	if !strings.Contains(out.String(), "client went: desk 1") {
		t.Errorf("what happened meanwhile: %q", out.String())
	}
	if f.logs == 0 {
		t.Error("the log is read from the beginning again and again")
	}
	wrong = errors.New("no")
	look(0, "cannot look at the router: no; trying again")
}

// More connections than fit into a frame are fetched in pieces, each once.
func TestStatusPages(t *testing.T) {
	var all []monitor.Client
	for i := range 2*monitor.MaxClients + 30 {
		all = append(all, desk(fmt.Sprintf("%04d", i)))
	}
	var table monitor.Table
	f, err := wholeFrame(t.Context(), sourceOf{frame: func(q monitor.Query) (monitor.Frame, error) {
		f := *statusFrame(0)
		f.Clients = table.Page(func() []monitor.Client { return slices.Clone(all) }, *q.Clients, statusNoon)
		return f, nil
	}})
	if err != nil || len(f.Clients.Rows) != len(all) || f.Clients.Rows[len(all)-1].ID != all[len(all)-1].ID {
		t.Errorf("%d of %d, %v", len(f.Clients.Rows), len(all), err)
	}
}
