// Tally reads what one or more runs of `go test -json` wrote and says what became of every test, counted once however often
// it ran:
//
//	tally count MAY_SKIP FILE...
//	tally failed FILE
//
// A test that failed in any run has failed, unless FILE-again (race-again.json for race.json) says that it passed alone:
// then it is shown, as flaky. One that passed in a run has passed, even if another run skipped it (an allocation ceiling
// means nothing under -race). Its last line is "N passed, N failed, N skipped". It exits 1 when a test
// failed, or was skipped in every run without a line in the file MAY_SKIP: on the machine that CI prepares, whatever can be
// installed is there.

package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
)

// event is the part of a line of `go test -json` (cmd/test2json) that is read here. Build output names an ImportPath and no
// Package.
type event struct {
	Action      string
	Package     string
	Test        string
	Output      string
	ImportPath  string
	FailedBuild string
}

// name of the test, or of the package where the event is about the whole of it.
func (e event) name() string {
	return strings.TrimSuffix(e.Package+" "+e.Test, " ")
}

// tally holds the outcome of every test and of every package that failed by itself.
type tally struct {
	outcome map[string]string // name to "pass", "fail" or "skip"
	output  map[string]string // name to what it printed, failures and skips only
	maySkip map[string]bool   // by name
}

// permit reads which tests may be skipped: a package and a test on a line, and why behind a #.
func (t *tally) permit(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(text)) {
		name, _, _ := strings.Cut(line, "#")
		t.maySkip[strings.TrimSpace(name)] = true
	}
	return nil
}

// read adds one run.
func (t *tally) read(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()

	running := map[string]string{} // name to package, of tests that have begun and not ended
	explained := map[string]bool{} // packages whose failure is a failed test's
	printed := map[string]*strings.Builder{}
	lines := bufio.NewReader(file)
	for number := 1; ; number++ {
		line, err := lines.ReadBytes('\n')
		if len(line) == 0 && err != nil {
			t.end(running, "", printed) // go test itself was ended
			return nil
		}
		var e event
		if err := json.Unmarshal(line, &e); err != nil {
			return fmt.Errorf("%s:%d: not a line of go test -json: %w", path, number, err)
		}
		name := e.name()
		switch {
		case e.Action == "output" || e.Action == "build-output":
			if e.Action == "build-output" {
				name = e.ImportPath
			}
			if printed[name] == nil {
				printed[name] = &strings.Builder{}
			}
			printed[name].WriteString(e.Output)
		case e.Action == "run":
			running[name] = e.Package
		case e.Action == "pass" || e.Action == "skip" || e.Action == "fail":
			if e.Test != "" {
				delete(running, name)
				explained[e.Package] = explained[e.Package] || e.Action == "fail"
				t.record(name, e.Action, printed[name])
				continue
			}
			// What has begun in a package and not ended with it: a panic, a time limit.
			if t.end(running, e.Package, printed) {
				explained[e.Package] = true
			}
			if e.Action == "fail" && !explained[e.Package] {
				if e.FailedBuild != "" {
					name = e.FailedBuild
				}
				t.record(name, "fail", printed[name])
			}
		}
	}
}

// end marks the tests of pkg ("" for every package) that are still running as failed. It reports whether there were any.
func (t *tally) end(running map[string]string, pkg string, printed map[string]*strings.Builder) bool {
	found := false
	for test, of := range running {
		if pkg == "" || of == pkg {
			found = true
			delete(running, test)
			t.record(test, "fail", printed[test])
		}
	}
	return found
}

// record keeps the most telling outcome: a failure over a pass, a pass over a skip.
func (t *tally) record(name, outcome string, printed *strings.Builder) {
	rank := map[string]int{"": 0, "skip": 1, "pass": 2, "fail": 3}
	if rank[outcome] <= rank[t.outcome[name]] {
		return
	}
	t.outcome[name] = outcome
	delete(t.output, name)
	if outcome != "pass" && printed != nil {
		t.output[name] = printed.String()
	}
}

// add takes in what became of the tests in another run.
func (t *tally) add(run *tally) {
	for name, outcome := range run.outcome {
		printed := &strings.Builder{}
		printed.WriteString(run.output[name])
		t.record(name, outcome, printed)
	}
}

// report prints what failed and what was skipped, with what it said, then the counts. It returns the exit code.
func (t *tally) report() int {
	count := map[string]int{}
	unexpected := 0
	for _, name := range slices.Sorted(maps.Keys(t.outcome)) {
		outcome := t.outcome[name]
		count[outcome]++
		if outcome == "skip" && !t.maySkip[name] {
			unexpected++
		}
		if outcome != "pass" {
			fmt.Printf("--- %s: %s\n%s\n", outcome, name, strings.TrimRight(t.output[name], "\n"))
		}
	}
	if len(t.outcome) == 0 {
		fmt.Println("no test ran")
	}
	fmt.Printf("%d passed, %d failed, %d skipped\n", count["pass"], count["fail"], count["skip"])
	if count["fail"]+unexpected > 0 || count["pass"] == 0 {
		return 1
	}
	return 0
}

// mostAgain is how many failed tests may be an accident.
const mostAgain = 3

// failed prints package and name of the failed tests, subtests left out. It fails unless those are few, and all that has.
func (t *tally) failed() error {
	top := map[string]bool{}
	for name, outcome := range t.outcome {
		if outcome != "fail" {
			continue
		}
		pkg, test, whole := strings.Cut(name, " ")
		if !whole {
			return fmt.Errorf("%s has failed as a whole", name)
		}
		test, _, _ = strings.Cut(test, "/")
		top[pkg+" "+test] = true
	}
	if len(top) == 0 || len(top) > mostAgain {
		return fmt.Errorf("%d tests have failed: no accident", len(top))
	}
	for name := range top {
		fmt.Println(name)
	}
	return nil
}

// forgive takes back the failures of a run that did not come again when the tests ran alone.
func (t *tally) forgive(alone *tally) {
	for name, outcome := range t.outcome {
		if outcome == "fail" && alone.outcome[name] == "pass" {
			fmt.Printf("--- flaky, passed alone: %s\n%s\n", name, strings.TrimRight(t.output[name], "\n"))
			t.outcome[name] = "pass"
			delete(t.output, name)
		}
	}
}

func newTally() *tally {
	return &tally{outcome: map[string]string{}, output: map[string]string{}, maySkip: map[string]bool{}}
}

// readRun reads a run and what came of its failed tests alone.
func readRun(path string) (*tally, error) {
	run, alone := newTally(), newTally()
	if err := run.read(path); err != nil {
		return nil, err
	}
	err := alone.read(strings.TrimSuffix(path, ".json") + "-again.json")
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	run.forgive(alone)
	return run, err
}

func main() {
	switch {
	case len(os.Args) == 3 && os.Args[1] == "failed":
		t := newTally()
		if err := errors.Join(t.read(os.Args[2]), t.failed()); err != nil {
			fail(err)
		}
	case len(os.Args) > 3 && os.Args[1] == "count":
		t := newTally()
		if err := t.permit(os.Args[2]); err != nil {
			fail(err)
		}
		for _, path := range os.Args[3:] {
			run, err := readRun(path)
			if err != nil {
				fail(err)
			}
			t.add(run)
		}
		os.Exit(t.report())
	default:
		fail(errors.New("want count, the list of tests that may be skipped, and what go test -json wrote; or failed, and that"))
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "tally:", err)
	os.Exit(2)
}
