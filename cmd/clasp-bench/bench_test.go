// Runs the whole benchmark on a small scale against the real server. What it measures
// is not looked at.

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clasp-studio/clasp/cmd/clasp-bench/internal/host"
)

// buildBench compiles this program: servers run in processes of their own.
func buildBench(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "clasp-bench.exe") // the suffix only matters to Windows
	if out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return path
}

// execute runs the program and returns what it printed and its exit code.
func execute(t *testing.T, program string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, words bytes.Buffer
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr = &out, &words
	if err := cmd.Run(); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			t.Fatal(err)
		}
		code = exit.ExitCode()
	}
	return out.String(), words.String(), code
}

func TestQuick(t *testing.T) {
	program := buildBench(t)
	places, err := host.Placements()
	if err != nil {
		t.Fatal(err)
	}
	stdout, stderr, code := execute(t, program, "--quick", "--json")
	if code != 0 {
		t.Fatalf("exit code %d\n%s", code, stderr)
	}
	var rep report
	if err := json.Unmarshal([]byte(stdout), &rep); err != nil {
		t.Fatalf("%v in\n%s", err, stdout)
	}
	if len(rep.Void) > 0 {
		t.Errorf("void runs: %q", rep.Void)
	}
	find := func(w workload, r row, cores string) *line {
		for _, l := range rep.Rows {
			if l.Workload == w.name && l.Number == r.title && l.Cores == cores {
				return l
			}
		}
		return nil
	}
	wanted := 0
	for _, w := range workloads {
		at := places
		if !w.placed {
			at = places[len(places)-1:]
		}
		for _, r := range w.rows {
			for _, p := range at {
				wanted++
				l := find(w, r, p.Name)
				switch {
				case l == nil:
					t.Errorf("%s, %s, cores %s: no row", w.name, r.title, p.Name)
				case (w.name == "idle" || w.name == "restart" || w.name == "tui") && !host.CanPin: // memory is not read on this system
				case len(l.Values) != 1 || w.relayed && len(l.Relay) != 1:
					t.Errorf("%s, %s, cores %s: values %v, relay %v; want one each", w.name, r.title, p.Name, l.Values, l.Relay)
				case l.Target != 0 || l.Met != "":
					t.Errorf("%s, %s, cores %s: a quick run is held to the target %g: %q", w.name, r.title, p.Name, l.Target, l.Met)
				case l.Title != quickScale.words(w.title) || strings.ContainsAny(l.Title, "{}"):
					t.Errorf("%s, %s, cores %s: titled %q", w.name, r.title, p.Name, l.Title)
				}
			}
		}
	}
	if len(rep.Rows) != wanted {
		t.Errorf("%d rows, want %d", len(rep.Rows), wanted)
	}
}

func TestVoidRunFails(t *testing.T) {
	program := buildBench(t)
	// This program is no clasp: it does not know the flags, and ends.
	stdout, stderr, code := execute(t, program, "--quick", "--only", "start", "--server", program)
	if code != 1 || !strings.Contains(stdout, "VOID: start") || !strings.Contains(stdout, "unknown flag: --config") {
		t.Errorf("exit code %d, stdout\n%s\nstderr\n%s", code, stdout, stderr)
	}
	if !strings.Contains(stdout, "| median start |") {
		t.Errorf("the row without a number is missing in\n%s", stdout)
	}
}

func TestBadCommandLine(t *testing.T) {
	program := buildBench(t)
	for _, args := range [][]string{{"--only", "fanuot"}, {"--repeat", "0"}, {"--duration", "0s"}, {"extra"}, {"--nonsense"}, {"--profile", "x", "--server", "y"}} {
		if stdout, stderr, code := execute(t, program, args...); code != 2 || stdout != "" || stderr == "" {
			t.Errorf("%q: exit code %d, stdout %q, stderr %q", args, code, stdout, stderr)
		}
	}
}

func TestMarkdown(t *testing.T) {
	rep := newReport(runner{scale: quickScale, options: options{repeat: 3}, places: []host.Placement{{Name: "apart", Server: []int{0}, Load: []int{1}}}},
		workloads[:1], machine{Server: "clasp 1.2.3"})
	at := host.Placement{Name: "apart", Server: []int{0}, Load: []int{1}}
	for _, v := range []float64{4e6, 2e6, 3.5e6} {
		rep.add(workloads[0], at, false, result{[]float64{v}, usage{wall: 4e9, server: 2e9, load: 1e9, messages: 1e7}})
		rep.add(workloads[0], at, true, result{[]float64{7e6}, usage{wall: 4e9, server: 1e9, load: 1e9, messages: 1e7}})
	}
	var out bytes.Buffer
	if err := rep.writeMarkdown(&out); err != nil {
		t.Fatal(err)
	}
	const want = "| deliveries | apart | 2.00 M/s | 3.50 M/s | 4.00 M/s | ≥ 3.00 M/s | yes | 7.00 M/s | 0.50 | 0.2 µs | 0.1 µs | 50 % | 25 % |"
	if !strings.Contains(out.String(), want) {
		t.Errorf("no line\n%s\nin\n%s", want, &out)
	}
}

func TestHelp(t *testing.T) {
	out, _, code := execute(t, buildBench(t), "--help")
	examples, options := strings.Index(out, "Examples:"), strings.Index(out, "--quick ")
	if code != 0 || examples < 0 || examples > strings.Index(out, "Usage:") || examples > options {
		t.Errorf("exit code %d, the help does not begin with examples:\n%s", code, out)
	}
}

func TestTitles(t *testing.T) {
	if got, want := fullScale.words(workloads[0].title), "1 publisher, 100 subscribers, "; !strings.HasPrefix(got, want) {
		t.Errorf("at full scale: %q, want %q", got, want)
	}
	if got, want := quickScale.words(workloads[0].title), "1 publisher, 20 subscribers, "; !strings.HasPrefix(got, want) {
		t.Errorf("quick: %q, want %q", got, want)
	}
}
