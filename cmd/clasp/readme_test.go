// Runs the first example of the README as it is printed there, against the real router.

package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestReadmeFirstExample expects a section "First example" with one fenced block each of js and python, the two programs, and
// of text, what the first one prints. The JavaScript program runs until it is stopped, and its first line says that it is
// ready; then the Python program runs to its end.
func TestReadmeFirstExample(t *testing.T) {
	section := readmeSection(t, "First example")
	want := slices.Collect(strings.Lines(fencedBlock(t, section, "text")))
	router := startRouter(t)
	here := func(program string) string { // the port of the page may be taken on this machine
		if !strings.Contains(program, ":7330") {
			t.Fatalf("the program does not name the default port:\n%s", program)
		}
		return strings.ReplaceAll(program, ":7330", ":"+router.port)
	}

	dir := javaScript(t)
	write(t, filepath.Join(dir, "example.mjs"), here(fencedBlock(t, section, "js")))
	js := exec.Command(program(t, "node"), "example.mjs")
	js.Dir = dir
	printed := newJournal()
	js.Stdout = lineWriter{printed}
	runBeside(t, js)
	printed.until(t, want[0])

	write(t, filepath.Join(dir, "example.py"), here(fencedBlock(t, section, "python")))
	py := exec.Command(pythonWithClient(t), "example.py")
	py.Dir = dir
	if out, err := py.CombinedOutput(); err != nil {
		t.Fatalf("the Python program: %v\n%s", err, out)
	}
	for _, line := range want[1:] {
		expect(t, "before "+line, printed.until(t, line))
	}
}

// readmeSection returns the text under a heading of the second level.
func readmeSection(t *testing.T, heading string) string {
	t.Helper()
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(readme), "\n## "+heading+"\n")
	if !found {
		t.Fatalf("README.md has no section %q", heading)
	}
	section, _, _ = strings.Cut(section, "\n## ")
	return section
}

// fencedBlock returns the only block of a language in section.
func fencedBlock(t *testing.T, section, language string) string {
	t.Helper()
	blocks := regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```$").FindAllStringSubmatch(section, -1)
	if len(blocks) != 1 {
		t.Fatalf("the section has %d blocks of %s, want one", len(blocks), language)
	}
	return blocks[0][1]
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// lineWriter adds what a program prints to a journal, each line with its end. Programs write whole lines to a pipe.
type lineWriter struct{ *journal }

func (w lineWriter) Write(p []byte) (int, error) {
	for line := range strings.Lines(string(p)) {
		w.add(line)
	}
	return len(p), nil
}
