//go:build unix

// Has a real Prometheus server watch the real router.

package main_test

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// prometheus is a running server.
type prometheus struct{ url string }

// watch runs the program to watch a router by the alert rules, each as soon as it holds, asking often.
func watch(t *testing.T, program string, s *service) prometheus {
	t.Helper()
	dir, rules := t.TempDir(), readRules(t)
	for _, group := range rules.Groups {
		for i := range group.Rules {
			group.Rules[i].For = ""
		}
	}
	rules.write(t, filepath.Join(dir, "clasp.rules.yml"))
	config := filepath.Join(dir, "prometheus.yml")
	write(t, config, fmt.Sprintf(`
global: {scrape_interval: 500ms, evaluation_interval: 500ms}
rule_files: [clasp.rules.yml]
scrape_configs: [{job_name: clasp, static_configs: [{targets: [%q]}]}]
`, strings.TrimPrefix(s.metricsURL(t), "http://")))
	p := &service{
		cmd:   exec.Command(program, "--config.file="+config, "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address=127.0.0.1:0"),
		ended: make(chan struct{}),
	}
	p.cmd.Stdout, p.cmd.Stderr = &p.stdout, &p.stderr
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait() // it is killed in the end
		close(p.ended)
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.ended
		if t.Failed() {
			t.Logf("prometheus says:\n%s", &p.stderr)
		}
	})
	p.until(t, p.stderr.String, "Server is ready")
	return prometheus{"http://" + p.until(t, p.stderr.String, `Listening on" .*address=(127\.0\.0\.1:[1-9]\d*)`)[1]}
}

// ask gets what the server's API has at a path.
func (p prometheus) ask(t *testing.T, path string, answer any) {
	t.Helper()
	response, err := http.Get(p.url + path)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var wrapped struct {
		Status, Error string
		Data          json.RawMessage
	}
	if err := json.NewDecoder(response.Body).Decode(&wrapped); err != nil {
		t.Fatalf("%s: %s, %v", path, response.Status, err)
	}
	if wrapped.Status != "success" {
		t.Errorf("%s: %s", path, wrapped.Error)
		return
	}
	if err := json.Unmarshal(wrapped.Data, answer); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// watchedRule is an alert as the server sees it.
type watchedRule struct {
	Name, State, Health, LastError string
	Alerts                         []struct{ Annotations map[string]string }
}

// awaits waits until every rule has been evaluated and exactly these alerts fire, and returns all rules. A scrape that comes
// too late on a busy machine makes others fire for a moment, and a router tries a port again at the latest after a minute.
func (p prometheus) awaits(t *testing.T, firing ...string) (rules []watchedRule) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute + patience); ; time.Sleep(50 * time.Millisecond) {
		var answer struct {
			Groups []struct{ Rules []watchedRule }
		}
		p.ask(t, "/api/v1/rules?type=alert", &answer)
		rules = nil
		var fire, unknown []string
		for _, group := range answer.Groups {
			for _, r := range group.Rules {
				rules = append(rules, r)
				if r.State == "firing" {
					fire = append(fire, r.Name)
				}
				if r.Health != "ok" {
					unknown = append(unknown, r.Name+" "+r.Health+" "+r.LastError)
				}
			}
		}
		if len(rules) > 0 && len(unknown) == 0 && slices.Equal(fire, firing) {
			return rules
		}
		if time.Now().After(deadline) {
			t.Fatalf("firing %q, want %q; not evaluated %q of %d", fire, firing, unknown, len(rules))
		}
	}
}

// TestPrometheusWatches: of a router whose QUIC port is taken a real server says just that, in words, and no longer once it
// has the port; it can answer everything that the dashboard asks.
func TestPrometheusWatches(t *testing.T) {
	t.Parallel() // mostly waits for the server, and for the router to try again
	program, port := prometheusProgram(t, "prometheus"), steadyPort(t)
	taken, err := net.ListenPacket("udp", "127.0.0.1:"+port)
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	s := serveTLS(t, "--quic", "--quic-port", port, "--udp", "--udp-port", "0", "--tcp", "--tcp-port", "0", "--discovery-port", steadyPort(t),
		"--pairing", "--persist", "--persist-path", filepath.Join(t.TempDir(), "state.db"), "--metrics", "--metrics-port", "0")
	s.until(t, s.stdout.String, "router started")
	p := watch(t, program, s.service)

	rules := p.awaits(t, "ClaspListenerDown")
	if want := len(readRules(t).alerts()); len(rules) != want {
		t.Errorf("the server has %d alerts, the file %d", len(rules), want)
	}
	for _, r := range rules {
		for _, a := range r.Alerts {
			if said := a.Annotations["summary"] + a.Annotations["description"]; !strings.Contains(said, "by quic") || !strings.Contains(said, "127.0.0.1:"+port) {
				t.Errorf("%s says %q", r.Name, said)
			}
		}
	}
	for _, q := range readDashboard(t).queries() {
		var answer struct{ ResultType string }
		if p.ask(t, "/api/v1/query?query="+url.QueryEscape(ofAll(q.expr)), &answer); answer.ResultType != "vector" {
			t.Errorf("%s: the answer is a %q", q.where, answer.ResultType)
		}
	}

	_ = taken.Close()
	p.awaits(t)
}
