// What follows from the numbers, in sentences: above all where clasp is not first.

package versus

import (
	"fmt"
	"slices"
	"strings"
)

// levelWithin is how far apart two numbers may be, as a factor, to be called level when
// their runs overlap; a difference below surely is nobody's gain either.
const (
	levelWithin = 1.10
	surely      = 1.02
)

// conclude writes the losses, and what has become of the goals.
func (rep *report) conclude() {
	rep.Goals = rep.judge(goals)
	for _, t := range rep.Tables {
		ours := t.row(self)
		if ours != nil && ours.Cannot != "" {
			rep.Losses = append(rep.Losses, fmt.Sprintf("%s (cores %s): clasp %s.", t.Title, t.Cores, ours.Cannot))
			continue
		}
		for _, c := range t.Columns {
			if sentence := t.loss(c); sentence != "" {
				rep.Losses = append(rep.Losses, sentence)
			}
		}
	}
}

// loss says by whom clasp is beaten in a number, "" if by nobody.
func (t *table) loss(c column) string {
	if c.Better == "" {
		return ""
	}
	place := fmt.Sprintf("%s (cores %s), %s", t.Title, t.Cores, c.Title)
	ours, there := t.row(self).number(c)
	if !there {
		if best := t.best(c); best != nil {
			return fmt.Sprintf("%s: clasp has no number here, %s has.", place, best.Title)
		}
		return ""
	}
	var before []*row
	for _, r := range t.Rows {
		if s, there := r.number(c); there && r.Peer != limit && r.Peer != self && c.beats(s.Median, ours.Median) {
			before = append(before, r)
		}
	}
	slices.SortFunc(before, func(a, b *row) int {
		if c.beats(a.Values[c.Key].Median, b.Values[c.Key].Median) {
			return -1
		}
		return 1
	})
	var beaten, level []string
	for _, r := range before {
		s := r.Values[c.Key]
		by := ratio(s.Median, ours.Median)
		words := fmt.Sprintf("%s (%s%s, %s)", r.Title, c.Unit.format(s.Median), t.atRate(r), factor(by))
		if by < surely || by < levelWithin && s.Min <= ours.Max && ours.Min <= s.Max {
			level = append(level, words)
		} else {
			beaten = append(beaten, words)
		}
	}
	var said []string
	if len(beaten) > 0 {
		said = append(said, "loses to "+list(beaten))
	}
	if len(level) > 0 {
		said = append(said, "is level with "+list(level))
	}
	if said == nil {
		return ""
	}
	if t.loadBound(t.row(self)) && c.Key != cpuNumber.key {
		said[len(said)-1] += "; with clasp the load was the limit"
	}
	return fmt.Sprintf("%s: clasp, with %s%s, %s.", place, c.Unit.format(ours.Median), t.atRate(t.row(self)), strings.Join(said, ", and "))
}

// atRate says how many messages a second a row of an open loop is about: a share of what a
// peer takes is many for one and few for another.
func (t *table) atRate(r *row) string {
	if sent, told := r.number(column{Key: sentNumber.key}); told && t.open() {
		return " at " + sentNumber.unit.format(sent.Median)
	}
	return ""
}

// ratio is how many times the larger of two numbers is the smaller.
func ratio(a, b float64) float64 {
	if a < b {
		a, b = b, a
	}
	return a / b
}

// list joins words as a sentence does.
func list(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
}

const (
	// busyLimit is from where on a side is what a closed loop measures, in percent.
	busyLimit = 90
	// calmLimit is from where on the load of an open loop has queues of its own.
	calmLimit = 70
)

// loadIsLimit says whether a closed loop has measured the load, given how busy both sides
// were. Where they share their cores, the machine is the limit.
func loadIsLimit(cores string, server, load float64) bool {
	return cores == "apart" && load >= busyLimit && server < busyLimit
}

// open says whether the rate of what is sent is given.
func (t *table) open() bool {
	return slices.ContainsFunc(t.Columns, func(c column) bool { return c.Key == sentNumber.key })
}

// loadBound says whether the numbers of a row are those of the load as much as the peer's.
func (t *table) loadBound(r *row) bool {
	load, told := r.number(column{Key: loadBusyNumber.key})
	server, _ := r.number(column{Key: serverBusyNumber.key})
	if t.open() {
		return told && t.Cores == "apart" && load.Median >= calmLimit
	}
	return told && loadIsLimit(t.Cores, server.Median, load.Median)
}

// remarks say what is to be known about a table: how far clasp is from the limit of the
// machine, and whose numbers are those of the load and not of the server.
func (t *table) remarks() (remarks []string) {
	if len(t.Columns) == 0 {
		return nil
	}
	first := t.Columns[0]
	ours, has := t.row(self).number(first)
	if raw, there := t.row(limit).number(first); has && there && first.Better != "" && ours.Median > 0 && raw.Median > 0 {
		if by := ratio(raw.Median, ours.Median); first.beats(raw.Median, ours.Median) {
			words := "within a factor of two of"
			if by > 2 {
				words = "more than a factor of two from"
			}
			remarks = append(remarks, fmt.Sprintf("clasp is %s the bare relay in %s: %s.", words, first.Title, factor(by)))
		} else if first.Better == "higher" {
			remarks = append(remarks, fmt.Sprintf("clasp is ahead of the bare relay in %s, %s: it gathers what goes to one socket, and the relay does not.", first.Title, factor(by)))
		}
	}
	var loaded []string
	for _, r := range t.Rows {
		if t.loadBound(r) {
			loaded = append(loaded, r.Title)
		}
	}
	switch {
	case len(loaded) > 0 && t.open():
		remarks = append(remarks, fmt.Sprintf("The load was itself more than %d %% busy with %s: a part of these latencies is its own.", calmLimit, list(loaded)))
	case len(loaded) > 0:
		remarks = append(remarks, fmt.Sprintf("The load, on its one core, was the limit with %s: these could do more.", list(loaded)))
	}
	return remarks
}
