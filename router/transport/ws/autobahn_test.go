package ws_test

// The fuzzing client of Autobahn|Testsuite itself, against a router. It needs a Python 2.7, which today's systems no longer
// have; where there is one (pyenv install 2.7.18):
//
//	AUTOBAHN_PYTHON=~/.pyenv/versions/2.7.18/bin/python2.7 go test ./router/transport/ws -run TestAutobahn -v
//
// What stands in for the echo that its cases wait for is said in testdata/fuzzingclient.py.

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
)

// autobahn is the suite, from PyPI.
const autobahn = "autobahntestsuite==25.10.1"

// deviations are the cases that end otherwise than with OK, and why that is right.
var deviations = []struct {
	cases           *regexp.Regexp
	behavior, close string
	why             string
}{
	{
		regexp.MustCompile(`^(3\.[2-6]|4\.[12]\.[3-5]|5\.15)$`), "NON-STRICT", "OK",
		"a client that breaks the rules of WebSocket is told so at once: answers to what came in the same packet are not waited for",
	},
	{
		regexp.MustCompile(`^(7\.1\.6|7\.13\.[12])$`), "INFORMATIONAL", "INFORMATIONAL",
		"the suite has no right and wrong here: 256 KiB and close at once; close codes above 4999, which are answered with 1002",
	},
	{
		regexp.MustCompile(`^6\.((3|4|8|10|12|13|14|15|16|17|18|19|20|21)\.\d+|6\.(1|3|4|6|8|10)|11\.5)$`), "FAILED", "FAILED",
		"text that is not UTF-8 is answered like any other text, with ERROR 100 (protocol section 5.1), and passed over unread: " +
			"RFC 6455 section 8.1 has connections fail where text is to be interpreted",
	},
	{
		regexp.MustCompile(`^9\.(2\.[2-6]|[46]\.\d)$`), "OK", "WRONG CODE",
		"a binary message over the router's limit (64 KiB) is answered with ERROR 100, and the connection ends with 1009",
	},
}

func TestAutobahn(t *testing.T) {
	python := os.Getenv("AUTOBAHN_PYTHON")
	if python == "" {
		t.Skipf("%s: AUTOBAHN_PYTHON names no Python 2.7, without which Autobahn|Testsuite does not run; TestConformance goes through its cases", t.Name())
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) {
		t.Helper()
		cmd := exec.Command(python, args...)
		cmd.Env = append(os.Environ(), "PYTHONUSERBASE="+filepath.Join(cache, "clasp-ci", autobahn), "PYTHONDONTWRITEBYTECODE=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
	}
	g := start(t)
	run("-m", "pip", "install", "--quiet", "--user", "--no-warn-script-location", autobahn)
	folder := t.ArtifactDir()
	run(filepath.Join("testdata", "fuzzingclient.py"), "ws://"+g.addr+"/clasp", folder, "1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "9.*", "10.*")
	text, err := os.ReadFile(filepath.Join(folder, "index.json"))
	if err != nil {
		t.Fatal(err)
	}
	var report struct {
		Clasp map[string]struct{ Behavior, BehaviorClose string }
	}
	if err := json.Unmarshal(text, &report); err != nil {
		t.Fatal(err)
	}
	count := make(map[string]int)
	for number, is := range report.Clasp {
		behavior, close := "OK", "OK"
		for _, d := range deviations {
			if d.cases.MatchString(number) {
				behavior, close = d.behavior, d.close
			}
		}
		// What may be given up by chance is not always.
		if is.Behavior != behavior && !(behavior == "NON-STRICT" && is.Behavior == "OK") || is.BehaviorClose != close {
			t.Errorf("case %s: %s, and at the end %s; want %s, %s", number, is.Behavior, is.BehaviorClose, behavior, close)
		}
		count[is.Behavior+", "+is.BehaviorClose]++
	}
	if all := len(report.Clasp); all < 300 {
		t.Errorf("only %d cases have been run", all)
	}
	t.Logf("%d cases: %v", len(report.Clasp), count)
}
