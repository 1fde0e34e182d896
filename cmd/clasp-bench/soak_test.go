// The command line of soak. What it runs is tested where it is (package soak).

package main

import "testing"

func TestSoakCommandLine(t *testing.T) {
	program := buildBench(t)
	for _, args := range [][]string{{"--sessions", "39"}, {"--sessions", "100000"}, {"--for", "0s"}, {"--round", "10ms"}, {"extra"}, {"--nonsense"}} {
		stdout, stderr, code := execute(t, program, append([]string{"soak"}, args...)...)
		if code != 2 || stdout != "" || stderr == "" {
			t.Errorf("%q: exit code %d, stdout %q, stderr %q", args, code, stdout, stderr)
		}
	}
	t.Setenv("TMPDIR", t.TempDir()) // where the files stay
	// What cannot be soaked is no success, and says where its files are.
	if stdout, stderr, code := execute(t, program, "soak", "--for", "1s", "--server", "/bin/false"); code != 1 || stdout != "" || stderr == "" {
		t.Errorf("exit code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
}
