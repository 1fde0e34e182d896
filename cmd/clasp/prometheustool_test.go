//go:build unix

// Has promtool, which comes with Prometheus, check the rules, the sample configuration and what the real router shows.

package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// prometheusProgram is the path of one of the programs of Debian's package prometheus.
func prometheusProgram(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s: skipped: no %s here (apt install prometheus)", t.Name(), name)
	}
	return path
}

// promtool runs it, and fails the test with its words if it is not content.
func promtool(t *testing.T, input string, args ...string) {
	t.Helper()
	cmd := exec.Command(prometheusProgram(t, "promtool"), args...)
	cmd.Stdin = strings.NewReader(input)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// TestPromtoolChecks: the files are as Prometheus wants them, and so is what a router shows, with everything on.
func TestPromtoolChecks(t *testing.T) {
	promtool(t, "", "check", "rules", rulesFile)
	promtool(t, "", "check", "config", "../../assets/prometheus/prometheus.yml")
	promtool(t, everything(t).page(t), "check", "metrics")
}

// TestPromtoolRules: each alert fires for what it is there for, and is silent about what only looks like it.
func TestPromtoolRules(t *testing.T) {
	t.Parallel() // promtool makes a database for each case
	dir, rules := t.TempDir(), readRules(t)
	for _, group := range rules.Groups {
		for i := range group.Rules {
			group.Rules[i].Annotations = nil
		}
	}
	rules.write(t, filepath.Join(dir, "clasp.rules.yml"))
	for _, name := range []string{"fires.yml", "silent.yml"} {
		text, err := os.ReadFile(filepath.Join("testdata/prometheus", name))
		if err != nil {
			t.Fatal(err)
		}
		var file struct {
			Tests []struct {
				Cases []struct {
					Name   string `yaml:"alertname"`
					Alerts []any  `yaml:"exp_alerts"`
				} `yaml:"alert_rule_test"`
			}
		}
		if err := yaml.Unmarshal(text, &file); err != nil {
			t.Fatal(err)
		}
		covered := map[string]bool{}
		for _, test := range file.Tests {
			for _, c := range test.Cases {
				if fires := len(c.Alerts) > 0; fires != (name == "fires.yml") {
					t.Errorf("%s: %s with %d alerts", name, c.Name, len(c.Alerts))
				}
				covered[c.Name] = true
			}
		}
		for _, a := range rules.alerts() {
			if !covered[a.Alert] {
				t.Errorf("%s has nothing about %s", name, a.Alert)
			}
		}
		path := filepath.Join(dir, name)
		write(t, path, string(text))
		promtool(t, "", "test", "rules", path)
	}
}
