//go:build unix

// Holds the alert rules and the dashboard against what the real router shows, and against what a person needs of them.

package main_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

const (
	rulesFile     = "../../assets/prometheus/clasp.rules.yml"
	dashboardFile = "../../assets/grafana/clasp.json"
)

// ruleFile is a file of alert rules, as far as it is looked at here.
type ruleFile struct {
	Groups []struct {
		Name  string
		Rules []alertRule
	}
}

type alertRule struct {
	Alert       string
	Expr        string
	For         string `yaml:",omitempty"`
	Labels      map[string]string
	Annotations map[string]string `yaml:",omitempty"`
}

func readRules(t *testing.T) (rules ruleFile) {
	t.Helper()
	text, err := os.ReadFile(rulesFile)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, &rules); err != nil {
		t.Fatalf("%s: %v", rulesFile, err)
	}
	return rules
}

// alerts are all of a file.
func (f ruleFile) alerts() (all []alertRule) {
	for _, group := range f.Groups {
		all = append(all, group.Rules...)
	}
	return all
}

// write puts the rules, changed, into a file that Prometheus reads.
func (f ruleFile) write(t *testing.T, path string) {
	t.Helper()
	text, err := yaml.Marshal(map[string]any{"groups": f.Groups})
	if err != nil {
		t.Fatal(err)
	}
	write(t, path, string(text))
}

// dashboard is one of Grafana, as far as it is looked at here.
type dashboard struct {
	SchemaVersion int
	Templating    struct{ List []struct{ Name, Type string } }
	Annotations   struct {
		List []struct{ Name, Expr, TitleFormat string }
	}
	Panels []panel
}

type panel struct {
	ID                       int
	Type, Title, Description string
	Datasource               struct{ UID string }
	GridPos                  struct{ X, Y, W, H int }
	FieldConfig              struct{ Defaults struct{ Unit string } }
	Targets                  []panelTarget
}

type panelTarget struct {
	RefID, Expr, LegendFormat string
	Datasource                struct{ UID string }
}

func readDashboard(t *testing.T) (d dashboard) {
	t.Helper()
	text, err := os.ReadFile(dashboardFile)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatalf("%s: %v", dashboardFile, err)
	}
	return d
}

// shown is something that Grafana asks Prometheus for.
type shown struct {
	where, expr string
	labels      []string // that its result is shown with
}

// queries are all of a dashboard, but for the ranges that Grafana puts in.
func (d dashboard) queries() (all []shown) {
	add := func(where, expr, template string) {
		all = append(all, shown{where, strings.ReplaceAll(expr, "$__rate_interval", "1m"), labelsIn(template, legendLabel)})
	}
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			add("panel "+p.Title+", "+target.RefID, target.Expr, target.LegendFormat)
		}
	}
	for _, a := range d.Annotations.List {
		add("annotation "+a.Name, a.Expr, a.TitleFormat)
	}
	return all
}

// ofAll is an expression for all routers.
func ofAll(expr string) string { return strings.ReplaceAll(expr, "$instance", ".+") }

// everything starts a router with every option that brings metrics.
func everything(t *testing.T) *service {
	t.Helper()
	s := serveTLS(t, "--quic", "--udp", "--udp-port", "0", "--tcp", "--tcp-port", "0", "--mdns", "--discovery-port", steadyPort(t),
		"--pairing", "--persist", "--persist-path", filepath.Join(t.TempDir(), "state.db"), "--metrics", "--metrics-port", "0")
	s.until(t, s.stdout.String, "router started")
	return s.service
}

// page is what the router shows now.
func (s *service) page(t *testing.T) string {
	t.Helper()
	status, page := s.fetched(t, "/metrics")
	if status != 200 {
		t.Fatalf("/metrics: status %d\n%s", status, page)
	}
	return page
}

var (
	legendLabel   = regexp.MustCompile(`\{\{(\w+)\}\}`)
	templateLabel = regexp.MustCompile(`\$labels\.(\w+)`)
)

// labelsIn are those that a template names.
func labelsIn(template string, name *regexp.Regexp) (labels []string) {
	for _, m := range name.FindAllStringSubmatch(template, -1) {
		labels = append(labels, m[1])
	}
	return labels
}

// TestPrometheusNames: each metric, label and value of a label in the rules and the dashboard is shown by the real router,
// and the dashboard has every metric of ours.
func TestPrometheusNames(t *testing.T) {
	found := readScrape(everything(t).page(t))
	for _, a := range readRules(t).alerts() {
		said := a.Annotations["summary"] + a.Annotations["description"]
		for _, problem := range found.wrong(a.Expr, labelsIn(said, templateLabel)) {
			t.Errorf("alert %s: %s", a.Alert, problem)
		}
	}
	has := map[string]bool{}
	for _, q := range readDashboard(t).queries() {
		for _, problem := range found.wrong(ofAll(q.expr), q.labels) {
			t.Errorf("%s: %s", q.where, problem)
		}
		names, _ := readQuery(q.expr) // an error was among the problems
		for _, s := range names.selectors {
			has[histogramPart.ReplaceAllString(s.metric, "")] = true
		}
	}
	for metric := range found {
		if strings.HasPrefix(metric, "clasp_") && !has[histogramPart.ReplaceAllString(metric, "")] {
			t.Errorf("the dashboard does not have %s", metric)
		}
	}
}

var histogramPart = regexp.MustCompile(`_(bucket|sum|count)$`)

// TestPrometheusAlerts: each says how bad it is, what it is about and what to do, and waits for a reason.
func TestPrometheusAlerts(t *testing.T) {
	text, err := os.ReadFile(rulesFile)
	if err != nil {
		t.Fatal(err)
	}
	if waits, reasons := strings.Count(string(text), "\n        for: "), len(regexp.MustCompile(`(?m)^        for: \w+ # .{10}`).FindAll(text, -1)); waits == 0 || waits != reasons {
		t.Errorf("%d rules wait, %d say why", waits, reasons)
	}
	seen := map[string]bool{}
	for _, a := range readRules(t).alerts() {
		if !strings.HasPrefix(a.Alert, "Clasp") || seen[a.Alert] {
			t.Errorf("%s: another name of its own that begins with Clasp", a.Alert)
		}
		seen[a.Alert] = true
		if severity := a.Labels["severity"]; severity != "critical" && severity != "warning" {
			t.Errorf("%s: severity %q", a.Alert, severity)
		}
		if s := a.Annotations["summary"]; s == "" || len(s) > 150 || strings.Contains(s, "\n") {
			t.Errorf("%s: a summary is one short line: %q", a.Alert, s)
		}
		if d := a.Annotations["description"]; len(d) < 100 || strings.Contains(d, "\n") {
			t.Errorf("%s: a description says what to do: %q", a.Alert, d)
		}
	}
}

// TestDashboard: what Grafana needs, and what whoever looks at it does.
func TestDashboard(t *testing.T) {
	d := readDashboard(t)
	if d.SchemaVersion < 39 {
		t.Errorf("schema version %d", d.SchemaVersion)
	}
	variables := map[string]string{}
	for _, v := range d.Templating.List {
		variables[v.Name] = v.Type
	}
	if want := map[string]string{"datasource": "datasource", "instance": "query"}; !maps.Equal(variables, want) {
		t.Errorf("variables %v, want %v", variables, want)
	}
	var rows []string
	ids, cells := map[int]bool{}, map[[2]int]string{}
	for _, p := range d.Panels {
		if p.ID == 0 || ids[p.ID] || p.Title == "" {
			t.Errorf("panel %q: ID %d is not its own", p.Title, p.ID)
		}
		ids[p.ID] = true
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other, taken := cells[[2]int{x, y}]; taken || x >= 24 {
					t.Fatalf("panel %s lies on %q or beyond the edge", p.Title, other)
				}
				cells[[2]int{x, y}] = p.Title
			}
		}
		if p.Type == "row" {
			rows = append(rows, p.Title)
			continue
		}
		if len(p.Description) < 40 || p.FieldConfig.Defaults.Unit == "" || p.Datasource.UID != "${datasource}" {
			t.Errorf("panel %s: description %q, unit %q, data source %q", p.Title, p.Description, p.FieldConfig.Defaults.Unit, p.Datasource.UID)
		}
		if len(p.Targets) == 0 && p.Type != "alertlist" {
			t.Errorf("panel %s shows nothing", p.Title)
		}
		for _, target := range p.Targets {
			if target.Datasource.UID != "${datasource}" {
				t.Errorf("panel %s, %s: data source %q", p.Title, target.RefID, target.Datasource.UID)
			}
		}
	}
	for _, q := range d.queries() {
		names, err := readQuery(q.expr)
		if err != nil {
			t.Errorf("%s: %v", q.where, err)
		}
		for _, s := range names.selectors {
			if !slices.Contains(s.matchers, labelMatcher{"instance", "=~", "$instance"}) {
				t.Errorf("%s: %s of every router, not of $instance", q.where, s.metric)
			}
		}
	}
	if want := []string{"Health", "Traffic", "Latency", "Sessions", "State", "Persistence", "Pairing and rights", "Process"}; !slices.Equal(rows, want) {
		t.Errorf("rows %q, want %q", rows, want)
	}
}

// TestPrometheusShipped: whoever downloads a release has these files.
func TestPrometheusShipped(t *testing.T) {
	const root = "../../"
	text, err := os.ReadFile(root + "goreleaser.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var release struct{ Archives []struct{ Files []string } }
	if err := yaml.Unmarshal(text, &release); err != nil {
		t.Fatal(err)
	}
	for _, archive := range release.Archives {
		var shipped []string
		for _, pattern := range archive.Files {
			files, err := filepath.Glob(root + pattern)
			if err != nil || len(files) == 0 {
				t.Errorf("%s is no file, %v", pattern, err)
			}
			shipped = append(shipped, files...)
		}
		for _, file := range []string{rulesFile, "../../assets/prometheus/prometheus.yml", dashboardFile} {
			if !slices.Contains(shipped, file) {
				t.Errorf("%s is in no archive", file)
			}
		}
	}
	if len(release.Archives) == 0 {
		t.Error("there are no archives")
	}
}
