// Reads as much PromQL as it takes to hold every metric and label that an expression names against a page of /metrics. Whether
// the expression is well formed is for Prometheus to say (prometheustool_test.go, prometheusserver_test.go).

package main_test

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// scraped is every series of a page of /metrics, by the name of its metric, with its labels.
type scraped map[string][]map[string]string

var (
	sampleLine  = regexp.MustCompile(`(?m)^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? \S+$`)
	sampleLabel = regexp.MustCompile(`(\w+)="((?:[^"\\]|\\.)*)"`)
)

// readScrape reads a page as Prometheus stores it: each series gets a job and an instance, and there is an up of the target.
func readScrape(page string) scraped {
	found := scraped{"up": {{"job": "clasp", "instance": "here"}}}
	for _, sample := range sampleLine.FindAllStringSubmatch(page, -1) {
		labels := map[string]string{"job": "clasp", "instance": "here"}
		for _, label := range sampleLabel.FindAllStringSubmatch(sample[2], -1) {
			labels[label[1]] = label[2]
		}
		found[sample[1]] = append(found[sample[1]], labels)
	}
	return found
}

// query is what an expression names.
type query struct {
	selectors  []selector
	grouping   []string // labels of by, without, on, ignoring, group_left and group_right
	by         []string // of them those of by
	aggregates bool
}

type selector struct {
	metric   string
	matchers []labelMatcher
}

type labelMatcher struct{ label, op, value string }

var (
	promToken       = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|[a-zA-Z_:][\w:]*|\d[\w.]*|[=!<>~]+|\S`)
	promIdentifier  = regexp.MustCompile(`^[a-zA-Z_:][\w:]*$`)
	promAggregators = []string{"sum", "min", "max", "avg", "count", "stddev", "stdvar", "group", "topk", "bottomk", "quantile", "count_values"}
	promGrouping    = []string{"by", "without", "on", "ignoring", "group_left", "group_right"}
	promOperators   = []string{"and", "or", "unless", "offset", "bool", "atan2"}
)

// readQuery reads an expression.
func readQuery(expression string) (q query, err error) {
	tokens := promToken.FindAllString(expression, -1)
	at := func(i int) string {
		if i < len(tokens) {
			return tokens[i]
		}
		return ""
	}
	for i := 0; i < len(tokens); i++ {
		word := tokens[i]
		switch {
		case word == "{":
			return q, errors.New("a selector without the name of a metric")
		case !promIdentifier.MatchString(word):
		case slices.Contains(promGrouping, word):
			end := slices.Index(tokens[i:], ")")
			if at(i+1) != "(" || end < 0 {
				return q, fmt.Errorf("%s without its labels", word)
			}
			for _, label := range tokens[i+2 : i+end] {
				if label == "," {
					continue
				}
				q.grouping = append(q.grouping, label)
				if word == "by" {
					q.by = append(q.by, label)
				}
			}
			i += end
		case slices.Contains(promAggregators, word):
			q.aggregates = true
		case slices.Contains(promOperators, word), at(i+1) == "(": // a function
		default:
			s := selector{metric: word}
			if at(i+1) == "{" {
				for i += 2; at(i) != "}"; i++ {
					if at(i) == "" {
						return q, fmt.Errorf("%s: { without }", word)
					}
					if at(i) == "," {
						continue
					}
					s.matchers = append(s.matchers, labelMatcher{at(i), at(i + 1), strings.Trim(at(i+2), `"`)})
					i += 2
				}
			}
			q.selectors = append(q.selectors, s)
		}
	}
	if len(q.selectors) == 0 {
		return q, errors.New("names no metric")
	}
	return q, nil
}

// takes reports whether a series has a label as the matcher wants it.
func (m labelMatcher) takes(series map[string]string) bool {
	value := series[m.label]
	if strings.Contains(m.op, "~") {
		return regexp.MustCompile("^(?:"+m.value+")$").MatchString(value) == (m.op == "=~")
	}
	return (value == m.value) == (m.op == "=")
}

// wrong says what of an expression is not on a page, and which of the labels that its result is shown with it does not have.
func (found scraped) wrong(expression string, shown []string) (problems []string) {
	q, err := readQuery(expression)
	if err != nil {
		return []string{err.Error()}
	}
	known := map[string]bool{} // labels of what is named
	for i, s := range q.selectors {
		all := found[s.metric]
		if len(all) == 0 {
			problems = append(problems, "there is no metric "+s.metric)
			continue
		}
		for label := range all[0] {
			known[label] = true
		}
		left := slices.Clone(all)
		for _, m := range s.matchers {
			if _, ok := all[0][m.label]; !ok {
				problems = append(problems, fmt.Sprintf("%s has no label %s", s.metric, m.label))
				continue
			}
			left = slices.DeleteFunc(left, func(series map[string]string) bool { return !m.takes(series) })
		}
		if len(left) == 0 {
			problems = append(problems, fmt.Sprintf("no series is %v", s))
		}
		if i == 0 && !q.aggregates {
			q.by = slices.Collect(maps.Keys(all[0]))
		}
	}
	for _, label := range q.grouping {
		if !known[label] {
			problems = append(problems, "grouped by "+label+", which nothing in it has")
		}
	}
	for _, label := range shown {
		if !slices.Contains(q.by, label) {
			problems = append(problems, "shown with the label "+label+", which the result does not have")
		}
	}
	return problems
}

// TestPrometheusWords: what is right passes, and each kind of slip is found.
func TestPrometheusWords(t *testing.T) {
	found := readScrape("# HELP a x\n# TYPE a counter\na{code=\"500\",text=\"}\\\" 1\"} 0\na{code=\"429\",text=\"\"} 0\nb 1e+06\nc_bucket{le=\"+Inf\"} 3\n")
	for _, test := range []struct {
		expression, problem string // "" for none
		shown               []string
	}{
		{expression: `b`, shown: []string{"instance"}},
		{expression: `a{code="500"} offset 5m > 1.5e6 and on (job, instance) (time() - b) <= 0`, shown: []string{"code"}},
		{expression: `sum by (code) (rate(a{code=~"5..", code!="429"}[5m])) / 3 unless on (code) a`, shown: []string{"code"}},
		{expression: `histogram_quantile(0.99, sum by (job, le) (rate(c_bucket[5m]))) > 1 or absent(up{job="clasp"})`},
		{`d`, "there is no metric d", nil},
		{`a_bucket > 0`, "there is no metric a_bucket", nil},
		{`rate(a{status="500"}[5m])`, "a has no label status", nil},
		{`a{code="404"}`, "no series is", nil},
		{`a{code=~"4"}`, "no series is", nil},
		{`a{code!~"5..|429"}`, "no series is", nil},
		{`sum by (transport) (a)`, "grouped by transport", nil},
		{`sum by (code) (a)`, "shown with the label text", []string{"text"}},
		{`sum(a)`, "shown with the label code", []string{"code"}},
		{`b`, "shown with the label le", []string{"le"}},
		{`sum by code (a)`, "by without its labels", nil},
		{`{code="500"}`, "without the name", nil},
		{`a{code="500"`, "{ without }", nil},
		{`1 > 0`, "names no metric", nil},
	} {
		got := strings.Join(found.wrong(test.expression, test.shown), "; ")
		if test.problem == "" && got != "" || !strings.Contains(got, test.problem) {
			t.Errorf("%s: %q, want %q", test.expression, got, test.problem)
		}
	}
}
