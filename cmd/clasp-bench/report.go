// The report: every number with its spread, its target and what the relay reaches, as
// Markdown for people and as JSON for programs.

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/clasp-studio/clasp/cmd/clasp-bench/internal/host"
)

// report is what one benchmark found.
type report struct {
	Machine machine  `json:"machine"`
	Seconds float64  `json:"seconds"` // of sending in one run
	Repeat  int      `json:"repeat"`
	Quick   bool     `json:"quick"`
	Rows    []*line  `json:"rows"`
	Void    []string `json:"void"` // runs that do not count, and why
}

// line is one number at one placement of the cores. Slices have an element a run.
type line struct {
	Workload string `json:"workload"`
	Title    string `json:"title"`
	Number   string `json:"number"`
	Cores    string `json:"cores"`
	Unit     unit   `json:"unit"`

	Target  float64 `json:"target,omitempty"`
	AtLeast bool    `json:"at_least,omitempty"`
	Met     string  `json:"met,omitempty"` // yes or no

	Values []float64 `json:"values"`
	Relay  []float64 `json:"relay,omitempty"`

	// CPU of a run: the server's and the relay's for one message, and how busy the
	// cores of the server and of its load were.
	ServerNS   []float64 `json:"server_ns_per_message,omitempty"`
	RelayNS    []float64 `json:"relay_ns_per_message,omitempty"`
	ServerBusy []float64 `json:"server_busy_percent,omitempty"`
	LoadBusy   []float64 `json:"load_busy_percent,omitempty"`
}

// newReport lists what is going to be measured: a number that could not be had shows
// as missing.
func newReport(b runner, chosen []workload, m machine) *report {
	rep := &report{Machine: m, Seconds: b.scale.duration.Seconds(), Repeat: b.repeat, Quick: b.quick, Void: []string{}}
	for _, w := range chosen {
		for _, at := range b.placesOf(w) {
			for _, r := range w.rows {
				l := &line{
					Workload: w.name, Title: b.scale.words(w.title), Number: r.title, Cores: at.Name, Unit: r.unit, Values: []float64{},
				}
				if !b.quick { // its numbers measure nothing
					l.Target, l.AtLeast = r.target, r.atLeast
				}
				rep.Rows = append(rep.Rows, l)
			}
		}
	}
	return rep
}

// add notes the result of a run.
func (rep *report) add(w workload, at host.Placement, relay bool, res result) {
	first := slices.IndexFunc(rep.Rows, func(l *line) bool { return l.Workload == w.name && l.Cores == at.Name })
	for i, value := range res.values {
		l := rep.Rows[first+i]
		if relay {
			l.Relay = append(l.Relay, value)
			continue
		}
		l.Values = append(l.Values, value)
		if l.Target > 0 {
			l.Met = "no"
			if m := median(l.Values); m == l.Target || m > l.Target == l.AtLeast {
				l.Met = "yes"
			}
		}
	}
	u := res.usage
	if u.server == 0 {
		return
	}
	l, each := rep.Rows[first], float64(u.server)/float64(u.messages)
	if relay {
		l.RelayNS = append(l.RelayNS, each)
		return
	}
	l.ServerNS = append(l.ServerNS, each)
	l.ServerBusy = append(l.ServerBusy, busy(u.server, u.wall, at.Server))
	l.LoadBusy = append(l.LoadBusy, busy(u.load, u.wall, at.Load))
}

func busy(cpu, wall time.Duration, cores []int) float64 {
	return 100 * float64(cpu) / float64(wall) / float64(len(cores))
}

func (rep *report) writeJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(rep)
}

const legend = `
apart: server and load on a core of their own; shared: both on the same two cores. met: the median against the target.
relay: the same bytes through a bare program that copies them between sockets; times: clasp's number over the relay's.
CPU is for one message: a delivery, a SET, a connection. Unlike the other numbers it hardly changes with what else the
machine does. busy: how much of its cores the server and its load used. Under a closed loop the busier side is what is
measured; both far below 100 % say that something else had the machine. Latency ends when the load has read the event.
bbolt.Batch: default options, one Put each. plain log: a file that grows by the records, one write and one fdatasync for
all that wait; from one goroutine for each. Both in process. A restart reads a file that is in the page cache; memory is
VmRSS at rest minus that of a router without params, minus 9 bytes for each value (a number), and has the addresses in it.
`

var columns = []string{
	"workload", "number", "cores", "min", "median", "max", "target", "met", "relay", "times", "CPU", "relay CPU", "server busy", "load busy",
}

func (rep *report) writeMarkdown(w io.Writer) error {
	var out strings.Builder
	m := rep.Machine
	fmt.Fprintf(&out, "%s. %s, %d cores, %s. Median of %d, %g s a run.\n\n", m.Server, m.Processor, m.Cores, m.Kernel, rep.Repeat, rep.Seconds)
	if rep.Quick {
		out.WriteString("Quick: far fewer connections and far less time. These numbers say only that everything works.\n\n")
	}
	writeRow(&out, columns)
	writeRow(&out, strings.Fields("--- --- --- --: --: --: --: --- --: --: --: --: --: --:"))
	before := ""
	for _, l := range rep.Rows {
		title := l.Title
		if title == before {
			title = ""
		}
		before = l.Title
		writeRow(&out, l.cells(title))
	}
	out.WriteString(legend)
	for _, v := range rep.Void {
		fmt.Fprintf(&out, "\nVOID: %s\n", v)
	}
	_, err := io.WriteString(w, out.String())
	return err
}

func writeRow(out *strings.Builder, cells []string) {
	fmt.Fprintf(out, "| %s |\n", strings.Join(cells, " | "))
}

// cells returns the line as text, under the columns.
func (l *line) cells(title string) []string {
	of := func(values []float64, pick func([]float64) float64, format func(float64) string) string {
		if len(values) == 0 {
			return ""
		}
		return format(pick(values))
	}
	micros := func(ns float64) string { return fmt.Sprintf("%.3g µs", ns/1000) }
	times := ""
	if len(l.Values) > 0 && len(l.Relay) > 0 && median(l.Relay) > 0 {
		times = fmt.Sprintf("%.2f", median(l.Values)/median(l.Relay))
	}
	return []string{
		title, l.Number, l.Cores,
		of(l.Values, slices.Min[[]float64], l.Unit.format), of(l.Values, median, l.Unit.format), of(l.Values, slices.Max[[]float64], l.Unit.format),
		l.target(), l.Met,
		of(l.Relay, median, l.Unit.format), times,
		of(l.ServerNS, median, micros), of(l.RelayNS, median, micros),
		of(l.ServerBusy, median, percent.format), of(l.LoadBusy, median, percent.format),
	}
}

func (l *line) target() string {
	switch {
	case l.Target == 0:
		return ""
	case l.AtLeast:
		return "≥ " + l.Unit.format(l.Target)
	default:
		return "≤ " + l.Unit.format(l.Target)
	}
}

func (u unit) format(x float64) string {
	switch {
	case u == perSecond && x >= 1e6:
		return fmt.Sprintf("%.2f M/s", x/1e6)
	case u == perSecond && x >= 10e3:
		return fmt.Sprintf("%.0f k/s", x/1e3)
	case u == perSecond:
		return fmt.Sprintf("%.0f /s", x)
	case u == messages:
		return fmt.Sprintf("%.0f", x)
	case u == millis && x >= 1000, u == byteUnit:
		return fmt.Sprintf("%.0f %s", x, string(u))
	case u == percent:
		return fmt.Sprintf("%.0f %%", x)
	case u == kib && x >= 1024:
		return fmt.Sprintf("%.0f MiB", x/1024)
	default:
		return fmt.Sprintf("%.3g %s", x, string(u))
	}
}

// median returns the middle of values, of which there is one at least.
func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
