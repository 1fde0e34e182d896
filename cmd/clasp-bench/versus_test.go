// The command line of versus. What it runs is tested where it is (package versus).

package main

import (
	"strings"
	"testing"
)

func TestVersusCommandLine(t *testing.T) {
	program := buildBench(t)
	for _, args := range [][]string{{"--only", "fanuot"}, {"--against", "gnats"}, {"--repeat", "0"}, {"--duration", "0s"}, {"extra"}, {"--nonsense"}} {
		stdout, stderr, code := execute(t, program, append([]string{"versus"}, args...)...)
		if code != 2 || stdout != "" || stderr == "" {
			t.Errorf("%q: exit code %d, stdout %q, stderr %q", args, code, stdout, stderr)
		}
	}
}

func TestVersusHelp(t *testing.T) {
	out, _, code := execute(t, buildBench(t), "versus", "--help")
	for _, words := range []string{"Examples:", "fanout-1000, ", "nats, ", "--out ", "two hours", "that a peer loses messages is a result"} {
		if code != 0 || !strings.Contains(out, words) {
			t.Errorf("exit code %d, the help does not say %q:\n%s", code, words, out)
		}
	}
}
