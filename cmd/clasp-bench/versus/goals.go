// What clasp is meant to reach beside its peers (issue 8, "Then make it faster"): said in
// the report, met or not.

package versus

import "fmt"

// goal is a number in which clasp is to be so many times better than another peer.
type goal struct {
	workload, key, peer string
	times               float64
}

// goals count with server and load apart, where a workload is run so. Where clasp is to be the
// best of all (latency at half load, idle memory), the losses say so already.
var goals = []goal{
	{"fanout-100", cpuNumber.key, "nats", 1.5},
	{"fanout-100", cpuNumber.key, "clasp-rs", 10},
	{"fanout-1000", cpuNumber.key, "nats", 1.5},
	{"fanout-1000", cpuNumber.key, "clasp-rs", 10},
	{"set", "sets", "clasp-rs", 5},
}

// judge says of each goal whose peer took part whether it is met.
func (rep *report) judge(goals []goal) (sentences []string) {
	for _, g := range goals {
		t, c := rep.find(g.workload, g.key)
		if t == nil || t.row(g.peer) == nil || t.row(self) == nil { // not measured at all
			continue
		}
		ours, has := t.row(self).number(c)
		theirs, have := t.row(g.peer).number(c)
		place := fmt.Sprintf("%s (cores %s), %s: %s times better than %s is the goal", t.Title, t.Cores, c.Title, plain.round(g.times), t.row(g.peer).Title)
		if !has || !have || ours.Median <= 0 || theirs.Median <= 0 {
			who := t.row(g.peer).Title
			if !has || ours.Median <= 0 {
				who = t.row(self).Title
			}
			sentences = append(sentences, fmt.Sprintf("%s, and %s has no number that counts: not judged.", place, who))
			continue
		}
		better, met := ours.Median/theirs.Median, "NOT met"
		if c.Better == "lower" {
			better = 1 / better
		}
		if better >= g.times {
			met = "met"
		}
		sentences = append(sentences, fmt.Sprintf("%s, %s it is: %s.", place, factor(better), met))
	}
	return sentences
}

// find returns the first table of a workload, and its column; nil if it was not chosen.
func (rep *report) find(workload, key string) (*table, column) {
	for _, t := range rep.Tables {
		for _, c := range t.Columns {
			if t.Workload == workload && c.Key == key {
				return t, c
			}
		}
	}
	return nil, column{}
}
