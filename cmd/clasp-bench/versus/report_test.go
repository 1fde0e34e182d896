// What the report says of given runs: its tables, its sentences, its plots and its files.

package versus

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/cmd/clasp-bench/versus/peer"
)

// example is a report with a table of these rates and waits, a run each, of clasp and its
// peers; none = a run without that number.
func example(rows map[string][][2]float64) *report {
	t := &table{
		Workload: "fan", Title: "Fan", About: "About it.", Cores: "apart",
		Columns: []column{{"rate", "deliveries", perSecond, "higher"}, {"p99", "p99", millis, "lower"}, {"load_busy", "load busy", percent, ""}},
	}
	rep := &report{Started: time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC), Repeat: 3, Tables: []*table{t}, Losses: []string{}, Void: []string{}}
	for _, name := range []string{self, "nats", "redis", limit} {
		runs, there := rows[name]
		if !there {
			continue
		}
		r := &row{Peer: name, Title: strings.ToUpper(name), Values: map[string]spread{}}
		for _, values := range runs {
			h := new(histogram)
			h.add(time.Duration(values[1]) * time.Millisecond)
			one := run{Values: map[string]float64{}, Latencies: map[string]*histogram{"latency": h}}
			for i, c := range t.Columns[:2] {
				if !math.IsNaN(values[i]) {
					one.Values[c.Key] = values[i]
				}
			}
			r.add(one)
		}
		t.Rows = append(t.Rows, r)
	}
	return rep
}

var none = math.NaN()

func TestSentences(t *testing.T) {
	for _, c := range []struct {
		name string
		rows map[string][][2]float64
		want []string
	}{
		{"first in everything", map[string][][2]float64{self: {{3e6, 1}}, "nats": {{2e6, 2}}, limit: {{9e6, 0.1}}}, nil},
		{"one is better", map[string][][2]float64{self: {{2e6, 1}}, "nats": {{3e6, 2}}},
			[]string{"Fan (cores apart), deliveries: clasp, with 2.00 M/s, loses to NATS (3.00 M/s, 1.50×)."}},
		{"two are better, the best first", map[string][][2]float64{self: {{2e6, 8}}, "nats": {{2e6, 4}}, "redis": {{1e6, 2}}},
			[]string{"Fan (cores apart), p99: clasp, with 8.00 ms, loses to REDIS (2.00 ms, 4.00×) and NATS (4.00 ms, 2.00×)."}},
		{"within the noise", map[string][][2]float64{self: {{2.0e6, 1}, {2.2e6, 1}, {2.1e6, 1}}, "nats": {{2.2e6, 2}, {2.1e6, 2}, {2.3e6, 2}}},
			[]string{"Fan (cores apart), deliveries: clasp, with 2.10 M/s, is level with NATS (2.20 M/s, 1.05×)."}},
		{"as near, but always", map[string][][2]float64{self: {{2.0e6, 1}, {2.0e6, 1}}, "nats": {{2.1e6, 2}, {2.1e6, 2}}},
			[]string{"Fan (cores apart), deliveries: clasp, with 2.00 M/s, loses to NATS (2.10 M/s, 1.05×)."}},
		{"clasp has none", map[string][][2]float64{self: {{2e6, none}}, "nats": {{1e6, 2}}},
			[]string{"Fan (cores apart), p99: clasp has no number here, NATS has."}},
		{"nothing by nothing", map[string][][2]float64{self: {{2e6, 1}}, "nats": {{1e6, 0}}},
			[]string{"Fan (cores apart), p99: clasp, with 1.00 ms, loses to NATS (0 ms, ∞×)."}},
	} {
		rep := example(c.rows)
		rep.conclude()
		if strings.Join(rep.Losses, "\n") != strings.Join(c.want, "\n") {
			t.Errorf("%s:\n%q\nwant\n%q", c.name, rep.Losses, c.want)
		}
	}
}

func TestSentenceOfOneThatCannot(t *testing.T) {
	rep := example(map[string][][2]float64{self: {{3e6, 1}}, "nats": {{2e6, 2}}})
	rep.Tables[0].row(self).Cannot = "does not keep up"
	rep.conclude()
	if len(rep.Losses) != 1 || rep.Losses[0] != "Fan (cores apart): clasp does not keep up." {
		t.Errorf("%q", rep.Losses)
	}
	if best := rep.Tables[0].best(rep.Tables[0].Columns[0]); best.Peer != "nats" {
		t.Errorf("%s is the best, which cannot do it", best.Peer)
	}
}

func TestGoals(t *testing.T) {
	rep := example(map[string][][2]float64{self: {{3e6, 2}}, "nats": {{2e6, 2.8}}, limit: {{9e6, none}}})
	got := rep.judge([]goal{{"fan", "rate", "nats", 1.5}, {"fan", "p99", "nats", 1.5}, {"fan", "rate", "redis", 2}, {"other", "rate", "nats", 2}, {"fan", "cpu", "nats", 2}, {"fan", "p99", "raw", 2}})
	want := []string{
		"Fan (cores apart), deliveries: 1.5 times better than NATS is the goal, 1.50× it is: met.",
		"Fan (cores apart), p99: 1.5 times better than NATS is the goal, 1.40× it is: NOT met.",
		"Fan (cores apart), p99: 2 times better than RAW is the goal, and RAW has no number that counts: not judged.",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%q, want %q", got, want)
	}
}

// A goal for something that does not exist would never be judged.
func TestGoalsExist(t *testing.T) {
	_, peers := Names()
	for _, g := range goals {
		found := slices.ContainsFunc(all, func(w workload) bool {
			return w.name == g.workload && slices.ContainsFunc(w.numbers, func(n number) bool { return n.key == g.key && n.better != neither })
		})
		if !found || !slices.Contains(peers, g.peer) {
			t.Errorf("no workload, number or peer fits %+v", g)
		}
	}
}

func TestRemarks(t *testing.T) {
	for _, c := range []struct {
		ours, raw, load float64
		want            string
	}{
		{3e6, 9e6, 50, "clasp is more than a factor of two from the bare relay in deliveries: 3.00×."},
		{5e6, 9e6, 50, "clasp is within a factor of two of the bare relay in deliveries: 1.80×."},
		{9e6, 3e6, 50, "clasp is ahead of the bare relay in deliveries, 3.00×: it gathers what goes to one socket, and the relay does not."},
		{5e6, 9e6, 97, "clasp is within a factor of two of the bare relay in deliveries: 1.80×.\nThe load, on its one core, was the limit with CLASP: these could do more."},
	} {
		rep := example(map[string][][2]float64{self: {{c.ours, 1}}, limit: {{c.raw, 1}}})
		rep.Tables[0].row(self).Values["load_busy"] = spread{c.load, c.load, c.load}
		if got := strings.Join(rep.Tables[0].remarks(), "\n"); got != c.want {
			t.Errorf("%g of %g: %s\nwant %s", c.ours, c.raw, got, c.want)
		}
	}
}

// In an open loop a load that is busy has queues of its own, long before it is the limit.
func TestRemarkOfOpenLoop(t *testing.T) {
	for load, want := range map[float64]string{
		69: "",
		71: "The load was itself more than 70 % busy with CLASP: a part of these latencies is its own.",
	} {
		rep := example(map[string][][2]float64{self: {{3e6, 2}}, "nats": {{4e6, 3}}})
		table := rep.Tables[0]
		table.Columns = append(table.Columns, column{Key: sentNumber.key})
		table.row(self).Values[loadBusyNumber.key] = spread{load, load, load}
		if got := strings.Join(table.remarks(), "\n"); got != want {
			t.Errorf("load %g %% busy: %q, want %q", load, got, want)
		}
		table.row(self).Values[sentNumber.key], table.row("nats").Values[sentNumber.key] = spread{900, 900, 900}, spread{90, 90, 90}
		rep.conclude()
		if words := "clasp, with 3.00 M/s at 900/s, loses to NATS (4.00 M/s at 90.0/s, 1.33×)"; !strings.Contains(rep.Losses[0], words) {
			t.Errorf("%q does not say %q", rep.Losses, words)
		}
		if said := strings.HasSuffix(rep.Losses[0], "; with clasp the load was the limit."); said != (want != "") {
			t.Errorf("load %g %% busy: %q", load, rep.Losses)
		}
	}
}

func TestMarkdown(t *testing.T) {
	rep := example(map[string][][2]float64{self: {{3e6, 2}, {1e6, 4}, {2e6, 3}}, "nats": {{3e6, 6}}, limit: {{8e6, none}}})
	nats := rep.Tables[0].row("nats")
	nats.add(run{Void: "2 messages lost", Values: map[string]float64{"rate": 100e6}})
	nats.add(run{Notes: []string{"a note | with a bar"}})
	rep.Peers = []version{{Name: "nats", Title: "NATS", Version: "2.15", Speaks: "its own"}}
	rep.Probes = []probed{{"saturation", "apart", map[string]peak{"nats": {29_000, true}}}}
	rep.Missing = []missing{{"redis", "REDIS", "install\nit"}}
	rep.Void = []string{"fan, nats: 2 messages lost"}
	rep.conclude()
	var out bytes.Buffer
	if err := rep.writeMarkdown(&out, true); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"# clasp and its peers, 23 November 2026",
		"| NATS | 2.15 | its own |",
		"| REDIS | not measured: install it |  |",
		"| NATS | ≥ 29.0 k/s |",
		"≥: the load, on its one core, was the limit and the peer could do more. Its open loops are shares of two thirds of that, as they cost the load more.",
		"- fan, nats: 2 messages lost",
		"- Fan (cores apart), deliveries: clasp, with 2.00 M/s, loses to NATS (3.00 M/s, 1.50×).", // too much for noise, though the runs overlap
		"![Fan](fan.svg)",
		"|  | deliveries | p99 | load busy | deliveries of the bare relay's |  |",
		"| CLASP | 2.00 M/s<br><sub>1.00 M/s … 3.00 M/s</sub> | **3.00 ms**<br><sub>2.00 ms … 4.00 ms</sub> | – | 0.25× |  |",
		`| NATS | **3.00 M/s**<br><sub>1.50× clasp</sub> | 6.00 ms<br><sub>2.00× clasp</sub> | – | 0.38× | a note \| with a bar; 1 of 3 runs void |`,
		"| RAW | 8.00 M/s<br><sub>4.00× clasp</sub> | – | – | – |  |",
	} {
		if !strings.Contains(out.String(), line+"\n") {
			t.Errorf("no line\n%s\nin\n%s", line, &out)
		}
	}
}

func TestVoidRunsFail(t *testing.T) {
	rep := example(map[string][][2]float64{self: {{3e6, 2}}})
	if err := rep.publish(Options{}, io.Discard); err != nil {
		t.Errorf("without a void run: %v", err)
	}
	rep.noteVoid(peer.All()[0], "fan, clasp", void{lost: 1})
	if err := rep.publish(Options{JSON: true}, io.Discard); err == nil || err.Error() != "1 void run: fan, clasp: 1 messages lost, 0 repeated, 0 out of order" {
		t.Errorf("with one: %v", err)
	}
}

func TestFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	rep := example(map[string][][2]float64{self: {{3e6, 2}, {1e6, 4}}, "nats": {{3e6, 6}}})
	if err := rep.publish(Options{Out: dir}, io.Discard); err != nil {
		t.Fatal(err)
	}
	read := func(name string) string {
		t.Helper()
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	var back report
	if err := json.Unmarshal([]byte(read("results.json")), &back); err != nil {
		t.Error(err)
	} else if got := back.Tables[0].row(self).Values["rate"]; got != (spread{2e6, 1e6, 3e6}) {
		t.Errorf("results.json has the rate %v", got)
	}
	const first = `{"cores":"apart","peer":"clasp","round":1,"values":{"p99":2,"rate":3000000},"latencies_us":{"latency":{"max_us":2000,"up_to_us_count":[[2000,1]]}}}`
	if lines := strings.Split(strings.TrimSpace(read("raw/fan.jsonl")), "\n"); len(lines) != 3 || lines[0] != first {
		t.Errorf("raw/fan.jsonl has %d lines, the first\n%s\nwant\n%s", len(lines), lines[0], first)
	}
	if text := read("README.md"); !strings.Contains(text, "](fan.svg)") {
		t.Errorf("README.md does not show the plot:\n%s", text)
	}
	read("fan.svg")
}

// A plot is well formed, and has a point for each number where it belongs.
func TestPlot(t *testing.T) {
	rep := example(map[string][][2]float64{self: {{3e6, 2}}, "nats": {{3e5, 6}}, limit: {{3e4, none}}})
	rep.Tables[0].Title = "a < b & c"
	type element struct {
		Circles []struct {
			X    float64 `xml:"cx,attr"`
			Fill string  `xml:"fill,attr"`
		} `xml:"circle"`
		Texts []string `xml:"text"`
	}
	var plot struct {
		Title  string    `xml:"title"`
		Panels []element `xml:"g"`
	}
	if err := xml.Unmarshal(rep.plot("fan"), &plot); err != nil {
		t.Fatal(err)
	}
	if plot.Title != "a < b & c" || len(plot.Panels) != 2 {
		t.Fatalf("titled %q, %d panels; want one for each number that is compared", plot.Title, len(plot.Panels))
	}
	rates := plot.Panels[0].Circles
	if len(rates) != 3 || len(plot.Panels[1].Circles) != 2 {
		t.Fatalf("%d and %d points; want 3 and, since one has no number, 2", len(rates), len(plot.Panels[1].Circles))
	}
	// Two decades from 30 k to 3 M, on an axis from 20 k to 5 M.
	left := func(share float64) float64 { return plotLabels + plotAxis*share }
	whole := math.Log10(5e6 / 20e3)
	for i, x := range []float64{3e6, 3e5, 3e4} {
		if want := left(math.Log10(x/20e3) / whole); math.Abs(rates[i].X-want) > 0.1 {
			t.Errorf("%g is at %g, want %g", x, rates[i].X, want)
		}
	}
	if rates[0].Fill == rates[1].Fill || rates[1].Fill == rates[2].Fill {
		t.Errorf("clasp, a peer and the relay are all %s", rates[0].Fill)
	}
	if words := strings.Join(plot.Panels[0].Texts, "|"); !strings.Contains(words, "|3.00 M/s") || !strings.Contains(words, "higher is better") || !strings.Contains(words, "|100 k/s|") {
		t.Errorf("the panel says %s", words)
	}
}

func TestAxis(t *testing.T) {
	for _, c := range []struct {
		min, max float64
		want     [2]float64 // where the axis begins and ends
	}{
		{30, 300, [2]float64{20, 500}}, {1, 1, [2]float64{1, 2}}, {0.011, 0.9, [2]float64{0.01, 1}}, {5, 5.1, [2]float64{5, 10}}, {0, 0, [2]float64{1, 10}},
	} {
		rep := example(map[string][][2]float64{self: {{c.min, 1}}, "nats": {{c.max, 1}}})
		a := axisOf(rep.panels("fan")[:1])
		if got := [2]float64{step(a.from), step(a.to)}; math.Abs(got[0]/c.want[0]-1) > 1e-9 || math.Abs(got[1]/c.want[1]-1) > 1e-9 {
			t.Errorf("%g to %g: the axis is %v, want %v", c.min, c.max, got, c.want)
		}
		if marks, words := a.marks(); len(marks) < 2 || len(marks)/words > 6 {
			t.Errorf("%g to %g: %d marks, each %d-th with words", c.min, c.max, len(marks), words)
		}
	}
}

func TestFormat(t *testing.T) {
	for _, c := range []struct {
		unit unit
		x    float64
		want string
	}{
		{perSecond, 13.64e6, "13.6 M/s"}, {perSecond, 999_600, "1.00 M/s"}, {perSecond, 53_000, "53.0 k/s"}, {perSecond, 812.3, "812/s"}, {perSecond, 9_990, "9990/s"},
		{micros, 0.0512, "0.0512 µs"}, {micros, 1500, "1.50 ms"}, {millis, 2500, "2.50 s"}, {millis, 0, "0 ms"},
		{kib, 11.84, "11.8 KiB"}, {kib, 31250, "30.5 MiB"}, {bytesUnit, 236, "236 B"}, {bytesUnit, 20480, "20.0 KiB"},
		{percent, 97.25, "97.2 %"}, {times, 1.5, "1.50×"}, {plain, 1_500_000, "1.50 M"}, {plain, 64, "64"}, {plain, 0.5, "0.500"},
	} {
		if got := c.unit.format(c.x); got != c.want {
			t.Errorf("%g %s is %q, want %q", c.x, c.unit, got, c.want)
		}
	}
	for x, want := range map[float64]string{1000: "1000/s", 20_000: "20 k/s", 0.5: "0.5/s"} {
		if got := perSecond.round(x); got != want {
			t.Errorf("%g, round, is %q, want %q", x, got, want)
		}
	}
}

func TestCheck(t *testing.T) {
	good := Options{Duration: time.Second, Repeat: 1, Only: []string{"fanout-10", "burst"}, Against: []string{"nats"}}
	if err := good.Check(); err != nil {
		t.Error(err)
	}
	for _, c := range []struct {
		change func(*Options)
		says   string
	}{
		{func(o *Options) { o.Only = []string{"fanuot"} }, "fanout-1000"},
		{func(o *Options) { o.Against = []string{"gnats"} }, "clasp-rs"},
		{func(o *Options) { o.Repeat = 0 }, "--repeat 0"},
		{func(o *Options) { o.Duration = 0 }, "--duration 0s"},
	} {
		o := good
		c.change(&o)
		if err := o.Check(); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%+v: %v; want something of %s", o, err, c.says)
		}
	}
}
