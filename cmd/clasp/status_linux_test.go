// Asks a real router how it is, and follows one through a restart.

package main_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/clasp-studio/clasp/router/monitor"
)

func TestStatus(t *testing.T) {
	r := startRouter(t)
	r.succeeds(t, "set", "/lumen/dim", "0.5")
	sub := r.begin(t, "sub", "/**", "--name", "desk\x1b]0;owned\x07")
	shows(t, &sub.stdout, "/lumen/dim")

	text := r.succeeds(t, "status", "--port", r.port)
	for _, want := range []string{"Health:", "1 address with a value", "1 client (1 ws)", "desk]0;owned", "ws://"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if strings.Contains(text, "\x1b") {
		t.Errorf("an escape sequence reaches the terminal: %q", text)
	}
	var f monitor.Frame
	if err := json.Unmarshal([]byte(r.succeeds(t, "status", "--port", r.port, "--json")), &f); err != nil {
		t.Fatal(err)
	}
	if f.Overview.PID != r.cmd.Process.Pid || f.Overview.Params != 1 || f.Overview.Totals.Writes != 1 || len(f.Clients.Rows) != 1 || !f.Clients.Rows[0].Rates.Known {
		t.Errorf("%+v", f)
	}
	if table := r.succeeds(t, "status", "--port", r.port, "--csv"); strings.Count(table, "\n") != 2 || !strings.HasPrefix(table, "id,name,") {
		t.Errorf("%s", table)
	}
	if _, words, code := r.clasp(t, "status", "--port", r.port, "--pins"); code != 2 || !strings.Contains(words, "not a terminal") {
		t.Errorf("PINs into a pipe: exit code %d, %s", code, words)
	}
	if _, words, code := r.clasp(t, "status", "--port", "1"); code != 1 || !strings.Contains(words, "clasp server") {
		t.Errorf("no router: exit code %d, %s", code, words)
	}
}

func TestStatusFollow(t *testing.T) {
	r := startRouter(t)
	follow := r.begin(t, "status", "--follow", "--port", r.port)
	shows(t, &follow.stdout, "following ")
	sub := r.begin(t, "sub", "/**", "--name", "desk")
	shows(t, &follow.stdout, "client came: desk (ws, ")
	if code := sub.interrupt(t); code != 0 {
		t.Errorf("clasp sub: exit code %d", code)
	}
	shows(t, &follow.stdout, "client went: desk (ws, ")
	r.succeeds(t, "set", "/lumen/dim", "0.5")
	shows(t, &follow.stdout, "addresses: 1 (+1)")
	r.stop(t)
	shows(t, &follow.stdout, "router gone")
	r.start(t)
	shows(t, &follow.stdout, "router started again: ")
	if code := follow.interrupt(t); code != 0 || follow.stderr.String() != "" {
		t.Errorf("exit code %d, stderr %q", code, follow.stderr.String())
	}
}
