// The report for people: where clasp is not first, a table a workload, and what the peers
// were told when they were started.

package versus

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

const legend = `
**How to read this.** A row is a peer, a number is the median of all runs that count, below it
their least and most and how it stands to clasp's. Bold is the best. *bare relay* is no peer: it
copies the same bytes between the same sockets and knows no protocol, so it is about what the
machine can do. *apart*: server and load each have a core of their own; *shared*: both are on
the same two. *server busy* and *load busy* are of the cores that each had: when the load is
busy and the server is not, the load is what is measured. CPU is user and system time of the
server's process, as the operating system tells it. Every message has 32 bytes, which say who
sent it, its number and when it was meant to be sent. A run in which any subscriber
missed one, or had one twice, is void and counts for nothing; so is one of clasp in which
messages of one publisher came out of order, which it promises not to happen. A peer that
does not keep their order is named as such, and its numbers count.
`

// writeMarkdown prints the report; with plots it shows those that lie beside it.
func (rep *report) writeMarkdown(w io.Writer, plots bool) error {
	var out strings.Builder
	m := rep.Machine
	fmt.Fprintf(&out, "# clasp and its peers, %s\n\n", rep.Started.Format("2 January 2006"))
	fmt.Fprintf(&out, "%s, %d cores, %s, load by %s. Medians of %d, %g s a run, peers in turns.\n", m.Processor, m.Cores, m.System, m.Go, rep.Repeat, rep.Seconds)
	if rep.Quick {
		out.WriteString("\n**Quick: far fewer connections and far less time. These numbers say only that everything works.**\n")
	}
	out.WriteString("\n## Peers\n\n")
	writeRow(&out, "peer", "version", "speaks here")
	writeRow(&out, "---", "---", "---")
	for _, p := range rep.Peers {
		writeRow(&out, p.Title, p.Version, p.Speaks)
	}
	for _, p := range rep.Missing {
		writeRow(&out, p.Title, "not measured: "+p.Why, "")
	}

	out.WriteString("\n## Where clasp is not first\n\n")
	if len(rep.Losses) == 0 {
		out.WriteString("Nowhere in what was measured.\n")
	}
	for _, sentence := range rep.Losses {
		fmt.Fprintf(&out, "- %s\n", sentence)
	}
	if len(rep.Goals) > 0 {
		out.WriteString("\n## Goals\n\n")
	}
	for _, sentence := range rep.Goals {
		fmt.Fprintf(&out, "- %s\n", sentence)
	}
	if len(rep.Void) > 0 {
		out.WriteString("\n## Void runs\n\n")
		for _, v := range rep.Void {
			fmt.Fprintf(&out, "- %s\n", oneLine(v))
		}
	}

	out.WriteString("\n## Workloads\n" + legend)
	for i, t := range rep.Tables {
		if i == 0 || rep.Tables[i-1].Workload != t.Workload {
			fmt.Fprintf(&out, "\n### %s\n\n%s (`--only %s`)\n", t.Title, t.About, t.Workload)
			if plots && rep.plotted(t.Workload) {
				fmt.Fprintf(&out, "\n![%s](%s)\n", t.Title, plotName(t.Workload))
			}
		}
		fmt.Fprintf(&out, "\nCores %s:\n\n", t.Cores)
		t.write(&out)
	}
	rep.writeProbes(&out)
	rep.writeSettings(&out)
	_, err := io.WriteString(w, out.String())
	return err
}

func writeRow(out *strings.Builder, cells ...string) {
	for i, cell := range cells {
		cells[i] = strings.ReplaceAll(oneLine(cell), "|", `\|`)
	}
	fmt.Fprintf(out, "| %s |\n", strings.Join(cells, " | "))
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// write prints a table and what is to be said of it.
func (t *table) write(out *strings.Builder) {
	heads, rules := []string{""}, []string{"---"}
	for _, c := range t.Columns {
		heads, rules = append(heads, c.Title), append(rules, "--:")
	}
	if t.row(limit) != nil {
		heads, rules = append(heads, t.Columns[0].Title+" of the bare relay's"), append(rules, "--:")
	}
	noted := slices.ContainsFunc(t.Rows, func(r *row) bool { return r.remark() != "" })
	if noted {
		heads, rules = append(heads, ""), append(rules, "---")
	}
	writeRow(out, heads...)
	writeRow(out, rules...)
	for _, r := range t.Rows {
		cells := []string{r.Title}
		for _, c := range t.Columns {
			cells = append(cells, t.cell(r, c))
		}
		if t.row(limit) != nil {
			cells = append(cells, t.ofLimit(r))
		}
		if noted {
			cells = append(cells, r.remark())
		}
		writeRow(out, cells...)
	}
	for _, remark := range t.remarks() {
		fmt.Fprintf(out, "\n%s\n", remark)
	}
}

// ofLimit is how many times the relay's first number that of a row is.
func (t *table) ofLimit(r *row) string {
	raw, has := t.row(limit).number(t.Columns[0])
	s, there := r.number(t.Columns[0])
	if !has || !there || raw.Median == 0 || r.Peer == limit {
		return "–"
	}
	return factor(s.Median / raw.Median)
}

// remark is what a row has to say besides its numbers.
func (r *row) remark() string {
	words := slices.Clone(r.Notes)
	if r.Cannot != "" && !slices.Contains(words, r.Cannot) {
		words = append(words, r.Cannot)
	}
	void := 0
	for _, one := range r.Runs {
		if one.Void != "" {
			void++
		}
	}
	if void > 0 {
		words = append(words, fmt.Sprintf("%d of %s void", void, count(len(r.Runs), "run")))
	}
	return strings.Join(words, "; ")
}

// cell is a number of a row, with its spread and how it stands to clasp's.
func (t *table) cell(r *row, c column) string {
	s, there := r.number(c)
	if !there {
		return "–"
	}
	cell := c.Unit.format(s.Median)
	if t.best(c) == r {
		cell = "**" + cell + "**"
	}
	var small []string
	if s.Min != s.Max {
		small = append(small, c.Unit.format(s.Min)+" … "+c.Unit.format(s.Max))
	}
	if ours, there := t.row(self).number(c); there && r.Peer != self && c.Better != "" && ours.Median > 0 {
		small = append(small, factor(s.Median/ours.Median)+" clasp")
	}
	if small == nil {
		return cell
	}
	return cell + "<br><sub>" + strings.Join(small, "<br>") + "</sub>"
}

// writeProbes tells what the runs of some workloads started from.
func (rep *report) writeProbes(out *strings.Builder) {
	if len(rep.Probes) == 0 {
		return
	}
	out.WriteString("\n### Saturation\n\nWhat the open loops start from: messages a second that the peer delivers to all of their subscribers in a closed loop.\n\n")
	heads, rules := []string{""}, []string{"---"}
	for _, p := range rep.Probes {
		heads, rules = append(heads, p.Cores), append(rules, "--:")
	}
	writeRow(out, heads...)
	writeRow(out, rules...)
	limited := false
	for _, peer := range rep.Peers {
		cells := []string{peer.Title}
		for _, p := range rep.Probes {
			cell := "–"
			if value, there := p.Values[peer.Name]; there {
				cell = value.String()
				limited = limited || value.AtLeast
			}
			cells = append(cells, cell)
		}
		writeRow(out, cells...)
	}
	if limited {
		out.WriteString("\n≥: the load, on its one core, was the limit and the peer could do more. Its open loops are shares of two thirds of that, as they cost the load more.\n")
	}
}

// String is the rate as people read it.
func (p peak) String() string {
	if p.AtLeast {
		return "≥ " + perSecond.format(p.Rate)
	}
	return perSecond.format(p.Rate)
}

// writeSettings says how each peer was started other than out of the box.
func (rep *report) writeSettings(out *strings.Builder) {
	out.WriteString("\n## Settings\n\nWhat each peer was told other than it is out of the box, so that it is as fast as it can be and drops nothing:\n\n")
	writeRow(out, "peer", "setting", "value", "why")
	writeRow(out, "---", "---", "---", "---")
	for _, p := range rep.Peers {
		for _, s := range p.Settings {
			writeRow(out, p.Title, s.Name, "`"+s.Value+"`", s.Why)
		}
	}
}
