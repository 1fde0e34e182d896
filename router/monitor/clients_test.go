// Pages of the table of connections: order, place, rates; and how health and levels are said.

package monitor_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/router/monitor"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// clientsOf makes n sessions: those of higher number have more of everything, but came later.
func clientsOf(n int) func() []monitor.Client {
	return func() []monitor.Client {
		rows := make([]monitor.Client, n)
		for i := range rows {
			rows[i] = monitor.Client{
				ID: fmt.Sprintf("id%03d", i), Name: fmt.Sprintf("Desk %03d", i), Transport: []string{"quic", "udp", "ws"}[i*3/n], Remote: fmt.Sprintf("10.0.0.%03d", i),
				Subs: i, Queue: i, Dropped: uint64(i), RTT: time.Duration(i), Since: noon.Add(-time.Duration(i) * time.Minute), Idle: time.Duration(i), Slow: i == n/2,
				MessagesIn: uint64(i), MessagesOut: uint64(i), BytesIn: uint64(i),
			}
		}
		return rows
	}
}

func ids(p monitor.ClientPage) string {
	var list []string
	for i := range p.Rows {
		list = append(list, strings.TrimPrefix(p.Rows[i].ID, "id"))
	}
	return strings.Join(list, " ")
}

func TestTablePages(t *testing.T) {
	var table monitor.Table
	for _, test := range []struct {
		q             monitor.ClientQuery
		want          string
		offset, index int
	}{
		{monitor.ClientQuery{Limit: 3}, "000 001 002", 0, -1},
		{monitor.ClientQuery{Limit: 3, Reverse: true}, "009 008 007", 0, -1},
		{monitor.ClientQuery{Limit: 3, Offset: 4}, "004 005 006", 4, -1},
		{monitor.ClientQuery{Limit: 3, Offset: 99}, "007 008 009", 7, -1},
		{monitor.ClientQuery{Limit: 3, Offset: -4}, "000 001 002", 0, -1},
		{monitor.ClientQuery{Limit: 0}, "", 0, -1},
		{monitor.ClientQuery{Limit: 3, Around: "id005"}, "003 004 005", 3, 5},
		{monitor.ClientQuery{Limit: 3, Offset: 4, Around: "id005"}, "004 005 006", 4, 5},
		{monitor.ClientQuery{Limit: 3, Offset: 7, Around: "id002"}, "002 003 004", 2, 2},
		{monitor.ClientQuery{Limit: 3, Offset: 2, Around: "gone"}, "002 003 004", 2, -1},
		{monitor.ClientQuery{Limit: 3, SlowTop: true}, "005 000 001", 0, -1},
		{monitor.ClientQuery{Limit: 3, SlowTop: true, Reverse: true}, "005 009 008", 0, -1},
		{monitor.ClientQuery{Limit: 3, Sort: monitor.SortTransport, Reverse: true}, "007 008 009", 0, -1}, // equals by name
		{monitor.ClientQuery{Limit: 9, Filter: "0.0.*3"}, "003", 0, -1},
		{monitor.ClientQuery{Limit: 2, Sort: "nonsense"}, "000 001", 0, -1},
	} {
		p := table.Page(clientsOf(10), test.q, noon)
		if ids(p) != test.want || p.Offset != test.offset || p.Index != test.index || p.Total != 10 {
			t.Errorf("%+v: %s, offset %d, index %d, total %d", test.q, ids(p), p.Offset, p.Index, p.Total)
		}
	}
	for _, by := range []monitor.ClientSort{monitor.SortRemote, monitor.SortSubs, monitor.SortQueue, monitor.SortDropped, monitor.SortRTT, monitor.SortAge, monitor.SortIdle} {
		if p := table.Page(clientsOf(10), monitor.ClientQuery{Sort: by, Limit: 2, Reverse: true}, noon); ids(p) != "009 008" {
			t.Errorf("by %s: %s", by, ids(p))
		}
	}
	if p := table.Page(clientsOf(10), monitor.ClientQuery{Limit: 3, Filter: "~("}, noon); p.Error == "" || len(p.Rows) > 0 || p.Shown != 0 || p.Total != 10 {
		t.Errorf("a wrong filter: %+v", p)
	}
	if p := table.Page(clientsOf(10), monitor.ClientQuery{Limit: 3}, noon); p.Error != "" || p.Shown != 10 {
		t.Errorf("after a wrong filter: %+v", p)
	}
}

func TestTableRates(t *testing.T) {
	var table monitor.Table
	collected, sent := 0, uint64(0)
	all := func() []monitor.Client {
		collected++
		return []monitor.Client{{ID: "a", MessagesIn: sent, MessagesOut: 2 * sent, BytesIn: 10 * sent, BytesOut: 10 * sent}}
	}
	look := func(after time.Duration) monitor.Client {
		return table.Page(all, monitor.ClientQuery{Sort: monitor.SortIn, Limit: 1}, noon.Add(after)).Rows[0]
	}
	if c := look(0); c.Rates.Known {
		t.Errorf("after one sample: %+v", c.Rates)
	}
	sent = 100
	if look(100 * time.Millisecond); collected != 1 {
		t.Errorf("collected %d times within 100 ms", collected)
	}
	if c := look(300 * time.Millisecond); c.Rates.Known || collected != 2 || c.MessagesIn != 100 {
		t.Errorf("after 300 ms: %+v, collected %d times", c, collected)
	}
	want := monitor.ClientRates{Known: true, In: 200, Out: 400, Bytes: 4000}
	if c := look(500 * time.Millisecond); c.Rates != want || collected != 2 { // too young to be collected anew
		if c = look(550 * time.Millisecond); !c.Rates.Known || collected != 3 {
			t.Errorf("after 550 ms: %+v, collected %d times", c, collected)
		}
	}
	sent = 50 // another of that id
	if c := look(2 * time.Second); !c.Rates.Known || c.Rates.In != 0 {
		t.Errorf("counts that have gone back: %+v", c.Rates)
	}
	sent = 1050
	if c := look(3 * time.Second); c.Rates != (monitor.ClientRates{Known: true, In: 1000, Out: 2000, Bytes: 20000}) {
		t.Errorf("after a second more: %+v", c.Rates)
	}
}

func BenchmarkTablePage(b *testing.B) {
	rows := clientsOf(1000)()
	var table monitor.Table
	q := monitor.ClientQuery{Sort: monitor.SortIn, Limit: 50, Around: "id500"}
	now := noon
	for b.Loop() {
		now = now.Add(50 * time.Millisecond) // 20 times a second
		table.Page(func() []monitor.Client { return rows }, q, now)
	}
}

func TestHealth(t *testing.T) {
	warn, bad := monitor.Problem{Level: monitor.LevelWarn, Text: "one is slow"}, monitor.Problem{Level: monitor.LevelError, Text: "the disk is full"}
	for want, problems := range map[string][]monitor.Problem{
		"info Everything is fine":                      nil,
		"info Everything is fine ":                     {{Level: monitor.LevelInfo, Text: "anybody may come in"}},
		"warn one is slow":                             {warn, {Level: monitor.LevelInfo, Text: "anybody may come in"}},
		"error the disk is full, and one more problem": {warn, bad},
		"error the disk is full, and 2 more problems":  {bad, warn, warn},
	} {
		level, text := monitor.Health(&monitor.Overview{Problems: problems})
		if got := level.String() + " " + text; got != strings.TrimSpace(want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestLevelJSON(t *testing.T) {
	for level, word := range map[monitor.Level]string{monitor.LevelTrace: "trace", monitor.LevelDebug: "debug", monitor.LevelInfo: "info", monitor.LevelWarn: "warn", monitor.LevelError: "error"} {
		text, err := json.Marshal(level)
		if err != nil || string(text) != `"`+word+`"` {
			t.Errorf("%d: %s, %v", level, text, err)
		}
		var again monitor.Level
		if err := json.Unmarshal(text, &again); err != nil || again != level {
			t.Errorf("%s: %v, %v", text, again, err)
		}
	}
	if err := new(monitor.Level).UnmarshalText([]byte("loud")); !errors.Is(err, monitor.ErrInvalid) {
		t.Errorf("%v", err)
	}
}
