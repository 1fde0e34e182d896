// Runs the real program for what needs no running router: help, versions, exit codes, clasp config.

package main_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/clasp-studio/clasp/tui"
)

// claspCommand prepares the program in a directory of its own, with no configuration file and no CLASP_ variable but those
// given.
func claspCommand(t *testing.T, environ []string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(claspBinary(t), args...)
	cmd.Dir = t.TempDir()
	cmd.Env = slices.DeleteFunc(os.Environ(), func(variable string) bool { return strings.HasPrefix(variable, "CLASP_") })
	cmd.Env = append(append(cmd.Env, "HOME="+cmd.Dir, "XDG_RUNTIME_DIR="+filepath.Dir(cmd.Path)), environ...)
	return cmd
}

// clasp runs the program to its end.
func clasp(t *testing.T, environ []string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	cmd := claspCommand(t, environ, args...)
	var out, words bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &words
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), words.String(), cmd.ProcessState.ExitCode()
}

// TestServerHelp holds the program's help against the published list of options, which the tests of package config hold against
// the page it was made from.
func TestServerHelp(t *testing.T) {
	list, err := os.ReadFile("../../config/testdata/options.txt")
	if err != nil {
		t.Fatal(err)
	}
	help, _, code := clasp(t, nil, "server", "--help")
	if code != 0 {
		t.Fatalf("exit code %d", code)
	}
	listed := map[string]bool{"--help": true, "--version": true}
	for line := range strings.Lines(string(list)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		columns := strings.Split(line, "|")
		flag, initial := strings.TrimSpace(columns[0]), strings.TrimSpace(columns[1])
		listed[flag] = true
		want := ""
		if initial != "off" && initial != "" {
			want = "[default: " + initial + "]"
		}
		shown := regexp.MustCompile(`(?m)^ +(?:-\w, )?` + flag + `(?:[ \[].*)?$`).FindString(help)
		if shown == "" {
			t.Errorf("%s is not in the help", flag)
		} else if got := regexp.MustCompile(`\[default: .*\]$`).FindString(shown); got != want {
			t.Errorf("%s: default shown as %q, listed %q", flag, got, want)
		}
	}
	for _, m := range regexp.MustCompile(`(?m)^ +(?:-\w, )?(--[a-z-]+)`).FindAllStringSubmatch(help, -1) {
		if !listed[m[1]] {
			t.Errorf("%s is in the help and not listed", m[1])
		}
	}
	if examples, options := strings.Index(help, "Examples:"), strings.Index(help, "--port <PORT>"); examples < 0 || examples > options {
		t.Error("the help does not begin with examples")
	}
}

func TestUsageErrors(t *testing.T) {
	for _, test := range []struct {
		args string
		want string
	}{
		{"sever", "clasp: unknown command \"sever\", did you mean server?\nsee 'clasp --help'\n"},
		{"sever --port 1", "clasp: unknown command \"sever\", did you mean server?\nsee 'clasp --help'\n"},
		{"config prnt", "clasp: unknown command \"prnt\", did you mean print?\nsee 'clasp config --help'\n"},
		{"help sever", "clasp: unknown command \"sever\", did you mean server?\nsee 'clasp --help'\n"},
		{"completion fsh", "clasp: unknown command \"fsh\", did you mean fish?\nsee 'clasp completion --help'\n"},
		{"server --prot 1", "clasp: unknown flag: --prot, did you mean --port?\nsee 'clasp server --help'\n"},
		{"server extra", "clasp: unexpected argument \"extra\"\nsee 'clasp server --help'\n"},
		{"server --port", "clasp: flag needs an argument: --port\nsee 'clasp server --help'\n"},
		{"server --port abc", "clasp: invalid argument \"abc\" for \"--port\" flag: \"abc\" is not a whole number\nsee 'clasp server --help'\n"},
		{"server --port 70000", "clasp: invalid argument \"70000\" for \"--port\" flag: 70000 is not between 0 and 65535\nsee 'clasp server --help'\n"},
		{"server --token-secret=", "clasp: invalid argument \"\" for \"--token-secret\" flag: is empty; leave it out or give a value\nsee 'clasp server --help'\n"},
	} {
		t.Run(test.args, func(t *testing.T) {
			stdout, stderr, code := clasp(t, nil, strings.Fields(test.args)...)
			if code != 2 || stderr != test.want || stdout != "" {
				t.Errorf("exit code %d, stdout %q, stderr\n%swant 2,\n%s", code, stdout, stderr, test.want)
			}
		})
	}
}

func TestVersion(t *testing.T) {
	plain, _, code := clasp(t, nil, "-V")
	if !regexp.MustCompile(`^clasp \S+\n$`).MatchString(plain) || code != 0 {
		t.Errorf("clasp -V: exit code %d, %q", code, plain)
	}
	for _, args := range []string{"--version", "server -V", "server --version"} {
		if got, _, code := clasp(t, nil, strings.Fields(args)...); got != plain || code != 0 {
			t.Errorf("clasp %s: exit code %d, %q, want %q", args, code, got, plain)
		}
	}
	out, _, _ := clasp(t, nil, "version", "--json")
	var v struct{ Version, Go, OS, Arch string }
	if err := json.Unmarshal([]byte(out), &v); err != nil {
		t.Fatal(err)
	}
	if "clasp "+v.Version+"\n" != plain || v.Go != runtime.Version() || v.OS != runtime.GOOS || v.Arch != runtime.GOARCH {
		t.Errorf("version --json: %s", out)
	}
	if words, _, _ := clasp(t, nil, "version"); !strings.HasPrefix(words, "clasp "+v.Version) || !strings.Contains(words, runtime.GOOS+"/"+runtime.GOARCH) {
		t.Errorf("version: %s", words)
	}
}

func TestConfigurationErrors(t *testing.T) {
	dir := t.TempDir()
	bad := filepath.Join(dir, "bad.yaml")
	write(t, bad, "server:\n  prot: 1\n  port: x\n")
	keys := filepath.Join(dir, "keys.yaml")
	write(t, keys, "server:\n  port: 0\n  tui:\n    keys: {fly: [f]}\n")
	noFlying := keys + ":4:11: server.tui.keys: " + fmt.Sprint(tui.CheckKeys(map[string][]string{"fly": {"f"}})) + "\n"
	for _, test := range []struct {
		args    string
		environ []string
		want    string
	}{
		{"server -c " + bad, nil, bad + ":2:3: unknown key \"prot\" in server, did you mean server.port?\n" +
			bad + ":3:9: server.port: \"x\" is not a whole number\nclasp: the configuration has 2 problems, see above\n"},
		{"config validate " + bad, nil, bad + ":2:3: unknown key \"prot\" in server, did you mean server.port?\n" +
			bad + ":3:9: server.port: \"x\" is not a whole number\nclasp: the configuration has 2 problems, see above\n"},
		{"server --port 0", []string{"CLASP_CONFIG=/nowhere/clasp.yaml"}, "/nowhere/clasp.yaml: cannot read the configuration: no such file or directory\n"},
		{"server --port 0", []string{"CLASP_LOG_LEVEL=loud"}, "CLASP_LOG_LEVEL: \"loud\" is not one of error, warn, info, debug, trace\n"},
		{"config print", []string{"CLASP_PORT=x", "CLASP_PROT=1"}, "warning: environment variable CLASP_PROT is no option and was ignored, did you mean CLASP_PORT?\n" +
			"CLASP_PORT: \"x\" is not a whole number\n"},
		{"server -c " + keys, nil, noFlying},
		{"config validate " + keys, nil, noFlying},
		{"config print -c " + keys, nil, noFlying},
		{"server --quic", nil, "--quic: QUIC needs TLS: give a certificate and a key (--tls-cert and --tls-key), or leave QUIC out\n"},
		{"server --mdns --udp --tcp --quic --tls-cert c --tls-key k --udp-port 9 --quic-port 7331 --tcp-port 7330", nil,
			"--tcp-port: port 7330 cannot serve both WebSocket (--port) and TCP (--tcp-port): change one of them\n" +
				"--quic-port: port 7331 cannot serve both QUIC (--quic-port) and discovery (--discovery-port): change one of them\n" +
				"clasp: the configuration has 2 problems, see above\n"},
		{"server --port 0 --log-file " + filepath.Join(dir, "none", "x.log"), nil, "--log-file: " + filepath.Join(dir, "none", "x.log") +
			": there is no directory " + filepath.Join(dir, "none") + "; create it or choose another file\n"},
		{"server --port 0 --bind 192.0.2.99", nil, "clasp: address 192.0.2.99 is on no network card of this machine: give one that is with --bind, or 0.0.0.0 for all\n"},
	} {
		t.Run(test.args, func(t *testing.T) {
			stdout, stderr, code := clasp(t, test.environ, strings.Fields(test.args)...)
			if code != 78 || stderr != test.want || stdout != "" {
				t.Errorf("exit code %d, stdout %q, stderr\n%swant 78,\n%s", code, stdout, stderr, test.want)
			}
		})
	}
}

func TestPortInUse(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, port, _ := net.SplitHostPort(taken.Addr().String())
	stdout, stderr, code := clasp(t, nil, "server", "--bind", "127.0.0.1", "--port", port)
	holder := "another process"
	if runtime.GOOS == "linux" {
		name, err := os.ReadFile("/proc/self/comm")
		if err != nil {
			t.Fatal(err)
		}
		holder = strings.TrimSpace(string(name)) + " (pid " + strconv.Itoa(os.Getpid()) + ")"
	}
	want := "clasp: port " + port + " on 127.0.0.1 is in use by " + holder + ": stop it, or choose another port with --port\n"
	if code != 69 || stderr != want || stdout != "" {
		t.Errorf("exit code %d, stdout %q, stderr\n%swant 69,\n%s", code, stdout, stderr, want)
	}
}

func TestConfigPrint(t *testing.T) {
	secret := []string{"CLASP_TOKEN_SECRET=hunter2"}
	stdout, stderr, code := clasp(t, secret, "config", "print", "--origin", "--port", "8000")
	if code != 0 || stderr != "" {
		t.Fatalf("exit code %d, %s", code, stderr)
	}
	for _, want := range []string{`(?m)^  port: 8000 +# --port$`, `(?m)^  bind: "0.0.0.0" +# default$`, `(?m)^    # token_secret: \(set, not shown\) +# CLASP_TOKEN_SECRET$`} {
		if !regexp.MustCompile(want).MatchString(stdout) {
			t.Errorf("no %s in\n%s", want, stdout)
		}
	}
	asJSON, _, _ := clasp(t, secret, "config", "print", "--json", "--port", "8000")
	var decoded struct{ Server struct{ Port int } }
	if err := json.Unmarshal([]byte(asJSON), &decoded); err != nil || decoded.Server.Port != 8000 {
		t.Errorf("--json: %v in %s", err, asJSON)
	}
	if strings.Contains(stdout+asJSON, "hunter2") {
		t.Error("the secret is shown")
	}
}

// TestConfigInit writes the sample, checks it, and refuses to write it again.
func TestConfigInit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "clasp.yaml")
	if _, stderr, code := clasp(t, nil, "config", "init", "--output", path); code != 0 {
		t.Fatalf("exit code %d, %s", code, stderr)
	}
	written, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if printed, _, _ := clasp(t, nil, "config", "init"); printed != string(written) {
		t.Error("stdout and --output differ")
	}
	if stdout, _, code := clasp(t, nil, "config", "validate", path); code != 0 || stdout != path+": OK\n" {
		t.Errorf("the sample is not valid: exit code %d, %s", code, stdout)
	}
	write(t, path, "mine")
	if _, stderr, code := clasp(t, nil, "config", "init", "--output", path); code != 1 || !strings.Contains(stderr, "already exists") {
		t.Errorf("overwriting: exit code %d, %s", code, stderr)
	}
	if kept, err := os.ReadFile(path); err != nil || string(kept) != "mine" {
		t.Errorf("the file that was there has become %q, %v", kept, err)
	}
}

// TestConfigValidate: the sample of the reference page is valid anywhere; what keeps it from starting here is a note.
func TestConfigValidate(t *testing.T) {
	sample, err := filepath.Abs("../../config/testdata/reference.yaml")
	if err != nil {
		t.Fatal(err)
	}
	secret := []string{"TOKEN_SECRET=abc"}
	notes := []string{"/path/to/cert.pem: no such file"}
	stdout, stderr, code := clasp(t, secret, "config", "validate", sample)
	if code != 0 || stdout != sample+": OK\n" {
		t.Errorf("exit code %d, %s", code, stdout)
	}
	_, strict, strictCode := clasp(t, secret, "config", "validate", "--strict", sample)
	if strictCode != 78 {
		t.Errorf("--strict: exit code %d, want 78", strictCode)
	}
	for _, note := range notes {
		if !strings.Contains(stderr, note) || !strings.Contains(strict, note) {
			t.Errorf("no note %q in\n%sor, with --strict, in\n%s", note, stderr, strict)
		}
	}
	if _, stderr, code := clasp(t, nil, "config", "validate", sample); code != 78 || !strings.Contains(stderr, "reference.yaml:18:19") {
		t.Errorf("without TOKEN_SECRET: exit code %d, %s", code, stderr)
	}
	if stdout, _, code := clasp(t, nil, "config", "validate"); code != 0 || stdout != "no configuration file, environment and defaults: OK\n" {
		t.Errorf("without a file: exit code %d, %s", code, stdout)
	}
}

func TestCompletion(t *testing.T) {
	if script, _, code := clasp(t, nil, "completion", "bash"); code != 0 || !strings.Contains(script, "__start_clasp") {
		t.Errorf("exit code %d, %.200s", code, script)
	}
	if words, _, _ := clasp(t, nil, "__complete", "server", "--log-level", ""); !strings.HasPrefix(words, "error\nwarn\ninfo\ndebug\ntrace\n") {
		t.Errorf("--log-level completes to %q", words)
	}
}
