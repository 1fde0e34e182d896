package tui

// The pictures of the dashboard in the README: drawn from the dashboard itself, so that they
// show what there is. -update writes them.

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/pairing"
	"github.com/clasp-studio/clasp/router/monitor"
)

// pictureSize is how many bytes a picture may have.
const pictureSize = 60_000

func TestPictures(t *testing.T) {
	for _, c := range []struct {
		name  string
		w, h  int
		light bool
		keys  []string
		see   []string
	}{
		{"overview", 120, 35, false, []string{"1", "z"}, []string{"Everything is fine", "ws://192.168.1.20:7330/clasp", "WebSocket"}},
		{"state", 120, 32, false, []string{"3", "left", "down", "left", "down", "+", "down", "down", "down", "p", "down", "p", "down", "down", "down"}, []string{"/lumen/back/1/dim", "/lumen/back/1/pan", "tilt", "Watched"}},
		{"pairing", 104, 24, false, []string{"4", "z"}, []string{"Ana's phone", "waits", "DEVICES"}},
		{"connections", 120, 32, true, []string{"2", "z", "S"}, []string{"SLOW", "FOH iPad", "ws"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newPicture(t, c.w, c.h, !c.light, c.name == "connections")
			b.busy(c.keys...)
			over := b.panes[overviewPane].(*overview)
			over.now.cost = cost{frame: 1200 * time.Microsecond, view: 100 * time.Microsecond, fps: 20, cpu: 0.041, bytes: 1700, heap: 295_000} // as measured: the clock of a test stands still
			over.changed()
			b.flashed, b.dirty = flashMsg{}, true
			screen := b.View().Content
			for _, want := range c.see {
				if !strings.Contains(screen, want) {
					t.Errorf("there is no %q:\n%s", want, textOf([]string{screen}))
				}
			}
			svg := svgOf(screen, !c.light)
			if len(svg) > pictureSize {
				t.Errorf("it has %d bytes, at most %d were meant", len(svg), pictureSize)
			}
			path := filepath.Join("..", "assets", "dashboard-"+c.name+".svg")
			if *update {
				if err := os.WriteFile(path, []byte(svg), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if kept, err := os.ReadFile(path); err != nil || string(kept) != svg {
				t.Errorf("%s is not what the dashboard looks like (%v): go test ./tui -run Pictures -update", path, err)
			}
		})
	}
}

// newPicture is a bench with an evening's studio.
func newPicture(t *testing.T, w, h int, dark, slow bool) *bench {
	t.Helper()
	b := newGolden(t, w, h, false)
	b.e.options.Theme = map[bool]string{true: "dark", false: "light"}[dark]
	b.e.theme = newTheme(b.e.options.Theme, dark, false)
	f := &b.source.frame
	o := &f.Overview
	o.Name, o.Version, o.Problems, o.Slow, o.Subscriptions, o.Totals = "Main stage", "1.0.0", nil, 0, 131, monitor.Totals{}
	if slow {
		o.Slow, o.Totals.Dropped = 1, 318
		o.Problems = []monitor.Problem{{Level: monitor.LevelWarn, Text: "1 client cannot keep up and loses messages", Do: "look at the rows marked SLOW in Connections: a weak network, or a client that hangs"}}
	}
	o.Listeners = []monitor.Listener{
		{Transport: "WebSocket", URLs: []string{"ws://192.168.1.20:7330/clasp", "ws://main-stage.local:7330/clasp"}, Up: true},
		{Transport: "QUIC", URLs: []string{"quic://192.168.1.20:7330"}, Up: true},
		{Transport: "UDP", URLs: []string{"udp://192.168.1.20:7331"}, Up: true},
		{Transport: "TCP", URLs: []string{"tcp://192.168.1.20:7332"}, Up: true},
	}
	pictureClients(f, slow)
	pictureValues(f)
	b.source.index = nil
	for i := range f.Values {
		b.source.index = append(b.source.index, f.Values[i].Address)
	}
	o.Params = len(f.Values)
	f.Pairing.Knocks = []monitor.Knock{
		{ID: "k1", Name: "Ana's phone", Kind: "browser", Remote: "192.168.1.77:50112", Transport: "http", Encrypted: true, Match: "41-07", State: pairing.StateWaiting, Waiting: 1, Since: testStart.Add(-8 * time.Second)},
		{ID: "k2", Name: "lighting desk 2", Kind: "computer", Remote: "192.168.1.78:41380", Transport: "ws", Match: "99-12", State: pairing.StateWaiting, Waiting: 1, Since: testStart.Add(-3 * time.Second)},
	}
	f.Pairing.Devices = nil
	for i, d := range []struct{ name, profile string }{{"FOH iPad", "operate"}, {"GrandMA bridge", "operate"}, {"stage left tablet", "look"}, {"Resolume Arena", "operate"}, {"floor sensors", "sensor"}} {
		f.Pairing.Devices = append(f.Pairing.Devices, monitor.Device{
			ID: fmt.Sprint("d", i), Name: d.name, Profile: d.profile, Online: min(i%3, 1), LastSeen: testStart.Add(-time.Duration(i*7) * time.Hour), Confirmed: true,
		})
	}
	f.Pairing.Profiles = []monitor.Profile{{Name: "operate", Read: []string{"/**"}, Write: []string{"/lumen/**"}}, {Name: "look", Read: []string{"/**"}}}
	f.Logs.Lines = nil
	for i, c := range f.Clients.Rows {
		f.Logs.Lines = append(f.Logs.Lines, monitor.Line{Seq: uint64(i + 1), At: testStart.Add(time.Duration(i-60) * 13 * time.Second), Level: monitor.LevelInfo, Text: "session started", Attrs: fmt.Sprintf("name=%q remote=%s transport=%s", c.Name, c.Remote, c.Transport)})
	}
	n := uint64(len(f.Logs.Lines))
	f.Logs.Lines = append(f.Logs.Lines,
		monitor.Line{Seq: n + 1, At: testStart.Add(-8 * time.Second), Level: monitor.LevelInfo, Text: "a device waits to be let in", Attrs: `name="Ana's phone" remote=192.168.1.77:50112`},
		monitor.Line{Seq: n + 2, At: testStart.Add(-3 * time.Second), Level: monitor.LevelInfo, Text: "a device waits to be let in", Attrs: `name="lighting desk 2" remote=192.168.1.78:41380`})
	f.Logs.Next = n + 3
	return b
}

func pictureClients(f *monitor.Frame, slow bool) {
	names := []string{"Ableton Live", "cue laptop", "floor sensors", "FOH iPad", "GrandMA bridge", "projector north", "projector south", "Resolume Arena", "stage left tablet", "TouchDesigner", "web remote"}
	vias := []string{"ws", "ws", "udp", "ws", "quic", "tcp", "tcp", "ws", "ws", "quic", "ws"}
	f.Clients.Rows, f.Overview.Transports = nil, map[string]int{}
	for i := range 44 {
		name := names[i%len(names)]
		if i >= len(names) {
			name = fmt.Sprintf("%s %d", name, i/len(names)+1)
		}
		c := monitor.Client{
			ID: fmt.Sprintf("c%06d", i), Name: name, Transport: vias[i%len(vias)], Remote: fmt.Sprintf("192.168.1.%d:%d", 30+i, 40112+i*631), Subs: 1 + i*7%5,
			RTT: time.Duration(4+i*13%40) * 100 * time.Microsecond, Since: testStart.Add(-time.Duration(200-i*3) * time.Minute), Idle: time.Duration(i*5%7) * time.Second,
			Rates: monitor.ClientRates{Known: true, In: float64(i * 37 % 220), Out: float64(40 + i*91%700), Bytes: float64(3000 + i*5113%60000)},
		}
		if i == 6 && slow {
			c.Slow, c.Queue, c.Dropped = true, 1_240_000, 318
		}
		f.Overview.Transports[c.Transport]++
		f.Clients.Rows = append(f.Clients.Rows, c)
	}
	slices.SortFunc(f.Clients.Rows, func(a, b monitor.Client) int {
		if a.Slow != b.Slow {
			return map[bool]int{true: -1, false: 1}[a.Slow]
		}
		return strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name))
	})
	f.Overview.Sessions, f.Clients.Total, f.Clients.Shown = 44, 44, 44
}

func pictureValues(f *monitor.Frame) {
	f.Values = nil
	add := func(address, kind, text, who string, number float64) {
		f.Values = append(f.Values, monitor.Value{
			Address: address, Type: kind, Text: text, Number: number, Numeric: kind == "f64", Revision: 1, Writer: "c000001", WriterName: who, Written: testStart.Add(-time.Duration(len(f.Values)*7%90) * time.Second),
		})
	}
	for _, group := range []string{"back", "front"} {
		for n := 1; n <= 6; n++ {
			for _, p := range []string{"dim", "pan", "tilt"} {
				v := float64((n*317+len(p)*151+len(group))%1000) / 1000
				add(fmt.Sprintf("/lumen/%s/%d/%s", group, n, p), "f64", fmt.Sprintf("%.3f", v), "GrandMA bridge", v)
			}
		}
	}
	for n := 1; n <= 8; n++ {
		add(fmt.Sprintf("/audio/strip/%d/gain", n), "f64", fmt.Sprintf("%.2f", float64(n)/9), "Ableton Live", float64(n)/9)
	}
	add("/cue/current", "string", `"Act 2, storm"`, "cue laptop", 0)
	add("/cue/go", "bool", "true", "cue laptop", 0)
	for n := 1; n <= 4; n++ {
		add(fmt.Sprintf("/vj/layer/%d/opacity", n), "f64", fmt.Sprintf("%.2f", float64(n)/4), "Resolume Arena", float64(n)/4)
	}
	slices.SortFunc(f.Values, func(a, b monitor.Value) int { return strings.Compare(a.Address, b.Address) })
}

// busy presses keys and lets two minutes pass in which the studio works.
func (b *bench) busy(keys ...string) {
	b.t.Helper()
	f := &b.source.frame
	for i := range 150 {
		if i >= 20 && i < 20+len(keys) {
			b.tap(keys[i-20])
		}
		f.Seq++
		b.clock.advance(time.Second)
		f.At = b.clock.now()
		beat := float64(i)
		n := uint64(8200 + 1900*math.Sin(beat/11) + 700*math.Sin(beat/3.1))
		f.Overview.Totals.MessagesIn += n
		f.Overview.Totals.MessagesOut += 3*n + uint64(900*math.Cos(beat/5))
		f.Overview.Totals.BytesIn += 38 * n
		f.Overview.Totals.BytesOut += 104 * n
		f.Overview.Totals.Writes += n * 9 / 10
		for j := range f.Values {
			v := &f.Values[j]
			if v.Numeric && (i+j*7)%5 < 2 {
				v.Number = math.Abs(math.Sin(beat/17 + float64(j)))
				v.Text, v.Written = fmt.Sprintf("%.3f", v.Number), f.At
				v.Revision += uint64(8 + j%9)
			}
		}
		for j := range f.Clients.Rows {
			f.Clients.Rows[j].Idle = time.Duration(j%4) * time.Second / 2
		}
		for j := range f.Pairing.Knocks {
			f.Pairing.Knocks[j].Since = f.At.Add(-time.Duration(8-3*j) * time.Second)
		}
		b.look()
	}
}
