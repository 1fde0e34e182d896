//go:build unix

// Runs pub, sub, get and set against a real router: values in and out, exit codes, Ctrl-C, a router that comes back.

package main_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// The race detector sleeps for a second at the end of every process, and the tests of this package start hundreds.
func init() {
	if os.Getenv("GORACE") == "" {
		_ = os.Setenv("GORACE", "atexit_sleep_ms=0") // fails for bad names only
	}
}

// clasp runs a command to its end against a router, and returns what it printed.
func (r *routerProcess) clasp(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	return clasp(t, []string{"CLASP_URL=" + r.url}, args...)
}

// succeeds runs a command that must succeed without a word.
func (r *routerProcess) succeeds(t *testing.T, args ...string) string {
	t.Helper()
	stdout, stderr, code := r.clasp(t, args...)
	if code != 0 || stderr != "" {
		t.Errorf("clasp %q: exit code %d, stderr %q", args, code, stderr)
	}
	return stdout
}

// running is a command that goes on until it is stopped.
type running struct {
	cmd            *exec.Cmd
	stdin          io.WriteCloser
	stdout, stderr lockedBuffer
}

func (r *routerProcess) begin(t *testing.T, args ...string) *running {
	t.Helper()
	p := &running{cmd: claspCommand(t, []string{"CLASP_URL=" + r.url}, args...)}
	p.cmd.Stdout, p.cmd.Stderr = &p.stdout, &p.stderr
	var err error
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if p.cmd.ProcessState == nil {
			_ = p.cmd.Process.Kill()
			_ = p.cmd.Wait() // killed, so an error for certain
		}
	})
	return p
}

// say writes lines to the command's stdin.
func (p *running) say(t *testing.T, lines string) {
	t.Helper()
	if _, err := io.WriteString(p.stdin, lines); err != nil {
		t.Fatal(err)
	}
}

// shows waits until b holds text.
func shows(t *testing.T, b *lockedBuffer, text string) {
	t.Helper()
	for deadline := time.Now().Add(patience); !strings.Contains(b.String(), text); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("no %q in %q", text, b)
		}
	}
}

// interrupt is Ctrl-C; it returns the exit code.
func (p *running) interrupt(t *testing.T) int {
	t.Helper()
	if err := p.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	return p.wait(t)
}

func (p *running) wait(t *testing.T) int {
	t.Helper()
	kill := time.AfterFunc(patience, func() { _ = p.cmd.Process.Kill() })
	defer kill.Stop()
	_ = p.cmd.Wait() // the exit code says it
	return p.cmd.ProcessState.ExitCode()
}

func TestClientValues(t *testing.T) {
	router := startRouter(t)
	for _, test := range []struct{ in, out string }{
		{"null", "null"}, {"true", "true"}, {"false", "false"},
		{"0", "0"}, {"-5", "-5"}, {"9223372036854775807", "9223372036854775807"}, {"9223372036854775808", "9223372036854776000"},
		{"0.25", "0.25"}, {"-0.5", "-0.5"}, {"1e300", "1e+300"}, {`{"$float":"-Infinity"}`, `{"$float":"-Infinity"}`},
		{`"text ☂"`, `"text ☂"`}, {`""`, `""`}, {"hello", `"hello"`}, {"Act two", `"Act two"`}, {`"5"`, `"5"`}, {"-", "[1, 2]"},
		{`{"$bytes":"00ff"}`, `{"$bytes":"00ff"}`},
		{"[]", "[]"}, {`[1,"two",[3.5]]`, `[1,"two",[3.5]]`},
		{`{"b":null,"a":{"c":"<&>"}}`, `{"b":null,"a":{"c":"<&>"}}`},
	} {
		t.Run(test.in, func(t *testing.T) {
			set := claspCommand(t, []string{"CLASP_URL=" + router.url}, "set", "/value", test.in)
			set.Stdin = strings.NewReader(" [1,\n2]\n")
			if out, err := set.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			want := strings.ReplaceAll(test.out, ", ", ",")
			if got := router.succeeds(t, "get", "/value"); got != want+"\n" {
				t.Errorf("get printed %q, want %q", got, want)
			}
			for _, command := range []string{"get --json /value", "sub --count 1 --json /value"} {
				var line struct {
					Address, Writer     string
					Value               json.RawMessage
					Revision, Timestamp int64
				}
				out := router.succeeds(t, strings.Fields(command)...)
				if err := json.Unmarshal([]byte(out), &line); err != nil {
					t.Fatal(err)
				}
				if string(line.Value) != want || line.Address != "/value" || line.Writer == "" || line.Revision == 0 || line.Timestamp == 0 {
					t.Errorf("%s printed %s, want value %s", command, out, want)
				}
			}
		})
	}
}

func TestClientUsage(t *testing.T) {
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"set", "/a"}, "expected an ADDRESS and a VALUE, got 1 arguments"},
		{[]string{"set", "/a", "{bad"}, "begins like JSON but is not"},
		{[]string{"set", "/a", ".5"}, "begins like JSON but is not"},
		{[]string{"set", "/a", "True"}, "is it the string"},
		{[]string{"set", "/a", ""}, "the value is empty"},
		{[]string{"set", "a", "1"}, `bad address "a": byte 0: must start with '/'`},
		{[]string{"set", "/a/*", "1"}, "'*' is for patterns only"},
		{[]string{"set", "/a", "1", "--lock", "--unlock"}, "contradict"},
		{[]string{"set", "/a", "1", "--absolute"}, "--ttl"},
		{[]string{"set", "/a", "1", "--ttl", "0.5"}, "whole seconds"},
		{[]string{"set", "/a", "1", "--ttl", "soon"}, "is not a number of seconds"},
		{[]string{"set", "/a", "1", "--qos", "maybe"}, `"maybe" is not one of fire, confirm or commit`},
		{[]string{"set", "/a", "1", "--locked"}, "unknown flag: --locked, did you mean --lock?"},
		{[]string{"set", "/a", "1", "--lines"}, "no VALUE"},
		{[]string{"set", "/a", "--lines", "--if-revision", "1"}, "--if-revision"},
		{[]string{"get"}, "expected one ADDRESS or PATTERN"},
		{[]string{"get", "/a/"}, "trailing '/'"},
		{[]string{"get", "--url", "localhost:7330", "/a"}, "should look like ws://HOST:7330"},
		{[]string{"pub"}, "expected an ADDRESS"},
		{[]string{"pub", "/a", "--phase", "start"}, "--signal gesture"},
		{[]string{"pub", "/a", "--rate", "10", "[1]"}, "--signal stream"},
		{[]string{"pub", "/a", "--signal", "timeline"}, "needs a VALUE"},
		{[]string{"pub", "--signal", "stream", "--rate", "10", "/a", `["a"]`}, "must be an array of numbers, item 1 is none"},
		{[]string{"pub", "--id", "-1", "/a"}, "is not a whole number from 0 to 4294967295"},
		{[]string{"set", "/a", "1", "--if-revision", "-1"}, "is not a whole number from 0 to 18446744073709551615"},
		{[]string{"set", "/a", strings.Repeat("x", 70000)}, strings.Repeat("x", 40) + "...: value: string of size 70000 is over 65535"},
		{[]string{"set", "/a", strings.Repeat("[", 33) + strings.Repeat("]", 33)}, "]]...: JSON: at byte 33: nested deeper than 32 levels"},
		{[]string{"sub", "--max-rate", "-1", "/a"}, "is not a whole number from 0 to 4294967295"},
		{[]string{"sub", "--count", "-1", "/a"}, "is not a whole number from 0 to"},
		{[]string{"sub", "--epsilon", "nan", "/a"}, "is not a number from 0 up"},
		{[]string{"sub", "--epsilon", "-1", "/a"}, "is not a number from 0 up"},
		{[]string{"get", "--url", "ws://localhost:99999", "/a"}, "port 99999 is not one of 1 to 65535"},
		{[]string{"get", "--url", "ws://me:secret@localhost:7330", "/a"}, `"ws://...@localhost:7330" names a user or a password`},
		{[]string{"get", "--name", "a\xff", "/a"}, "is not UTF-8"},
		{[]string{"get", "--name", strings.Repeat("n", 256), "/a"}, "the name has 256 bytes, more than 255"},
		{[]string{"sub"}, "expected a PATTERN"},
		{[]string{"sub", "/a**"}, "'**' must be a whole segment"},
		{[]string{"sub", "/a", "--types", "params"}, `"params" is not one of param, event, stream, gesture or timeline`},
	} {
		t.Run(fmt.Sprintf("%.80q", test.args), func(t *testing.T) {
			stdout, stderr, code := clasp(t, nil, test.args...)
			if code != 2 || stdout != "" || !strings.Contains(stderr, test.want) || strings.Contains(stderr, "secret") {
				t.Errorf("exit code %d, stdout %q, stderr %q; want 2 and %q", code, stdout, stderr, test.want)
			}
		})
	}
}

func TestClientHelpBeginsWithExamples(t *testing.T) {
	for _, args := range []string{"pub --help", "sub --help", "get --help", "set --help", "set /a 1 --help", "pub /a -h"} {
		stdout, stderr, code := clasp(t, nil, strings.Fields(args)...)
		examples, options := strings.Index(stdout, "Examples:"), strings.Index(stdout, "Options:")
		if code != 0 || stderr != "" || examples < 0 || options < examples {
			t.Errorf("clasp %s: exit code %d, stderr %q, stdout\n%s", args, code, stderr, stdout)
		}
	}
}

func TestClientRefused(t *testing.T) {
	router := startRouter(t)
	router.succeeds(t, "set", "/a", "1")
	for _, test := range []struct{ args, want string }{
		{"get /nothing", "clasp: /nothing: no param has this address (error 201)\nsee what there is with: clasp get '/**'\n"},
		{"set /a 2 --if-revision 7", "clasp: /a: revision 7 stated, the param is at revision 1 (error 400)\n"},
		{"set /_clasp/a 2", "(error 301)\n"},
		{"set /_clasp/a 2 --qos fire", "(error 301)\n"},
		{"pub /_clasp/a", "(error 301)\n"},
		{"pub /_clasp/a --signal stream --qos fire 1", "(error 301)\n"},
		{"pub /clasp/p2p/signal/nobody 1", "(error 404)\n"},
		{`pub --signal timeline /t {"keyframes":1}`, "(error 402)\n"},
		{"get --url ws://127.0.0.1:1 /a", "clasp: nothing listens at ws://127.0.0.1:1: start a router there with 'clasp server', or name another one with --url\n"},
		{"sub --url ws://127.0.0.1:1 /a", "clasp: nothing listens at ws://127.0.0.1:1"},
		{"sub --count 5 --timeout 0.2 /nothing", "clasp: 200ms have passed and not all of the 5 messages have come\n"},
	} {
		t.Run(test.args, func(t *testing.T) {
			stdout, stderr, code := router.clasp(t, strings.Fields(test.args)...)
			if code != 1 || stdout != "" || !strings.Contains(stderr, test.want) {
				t.Errorf("exit code %d, stdout %q, stderr %q; want 1 and %q", code, stdout, stderr, test.want)
			}
		})
	}
}

func TestClientSetAndGet(t *testing.T) {
	router := startRouter(t)
	for _, test := range []struct{ args, want string }{
		{"set /a 1", "/a revision 1\n"},
		{"set --if-revision 1 /a -2", "/a revision 2\n"},
		{"set /a -- -3", "/a revision 3\n"},
		{"set /a 4 --qos fire", ""},
		{"set /a 5 --qos commit --json", `{"address":"/a","revision":5,"locked":false}` + "\n"},
		{"set /a 6 --lock", "/a revision 6 locked\n"},
		{"set /a 7", "/a revision 7\n"}, // the lock went with its session
		{"set /new 1 --if-revision 0 --unlock", "/new revision 1\n"},
		{"get /*", "/a 7\n/new 1\n"},
		{"set /fleeting 1 --ttl 3600 --absolute", "/fleeting revision 1\n"},
		{"sub --timeout 0.1 /none", ""},
		{"get --timeout 0 /a", "7\n"},
		{"set --timeout 0 /zero 1", "/zero revision 1\n"},
		{"pub --timeout 0 /zero", ""},
		{"sub --count 2 /a /* /**", "param    /a 7\nparam    /fleeting 1\n"},
	} {
		if got := router.succeeds(t, strings.Fields(test.args)...); got != test.want {
			t.Errorf("clasp %s printed %q, want %q", test.args, got, test.want)
		}
	}
	stdout, stderr, code := router.clasp(t, "get", "/none/**")
	if code != 0 || stdout != "" || stderr != "clasp: no param matches /none/**\n" {
		t.Errorf("nothing matches: exit code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
	// A line is a line, whatever the address.
	router.succeeds(t, "set", "/odd\n\x1b[1m", "1")
	if got, want := router.succeeds(t, "get", "/odd*"), `"/odd\n\x1b[1m" 1`+"\n"; got != want {
		t.Errorf("an address with control characters is printed as %q, want %q", got, want)
	}
	// A flag goes before the environment.
	stdout, _, code = clasp(t, []string{"CLASP_URL=ws://127.0.0.1:1"}, "get", "--url", router.url, "/a")
	if code != 0 || stdout != "7\n" {
		t.Errorf("--url with CLASP_URL: exit code %d, %q", code, stdout)
	}
}

func TestClientSignals(t *testing.T) {
	router := startRouter(t)
	words, lines := router.begin(t, "sub", "/s/**"), router.begin(t, "sub", "--json", "/s/**")
	only := router.begin(t, "sub", "--types", "event,timeline", "/s/**")
	// Each says when it has subscribed: its first message is one it has asked for.
	router.succeeds(t, "set", "/s/ready", "true")
	for _, p := range []*running{words, lines} {
		shows(t, &p.stdout, "/s/ready")
	}
	awaitSubscribers(t, router, only)

	const timeline = `{"keyframes":[{"time":0,"value":1,"easing":"linear"}],"loop":false}`
	for _, test := range []struct {
		args       []string
		text, json string
	}{
		{[]string{"/s/e"}, "event    /s/e", `{"signal":"event","address":"/s/e"}`},
		{[]string{"/s/e", "-1"}, "event    /s/e -1", `{"signal":"event","address":"/s/e","value":-1}`},
		{[]string{"--signal", "stream", "/s/s", "0.5"}, "stream   /s/s 0.5", `{"signal":"stream","address":"/s/s","value":0.5}`},
		{[]string{"/s/s", "[1,-2.5]", "--signal", "stream", "--rate", "100"},
			"stream   /s/s [1,-2.5] rate=100", `{"signal":"stream","address":"/s/s","samples":[1,-2.5],"rate":100}`},
		{[]string{"/s/g", `"x"`, "--signal", "gesture", "--phase", "cancel", "--id", "3"},
			`gesture  /s/g "x" phase=cancel id=3`, `{"signal":"gesture","address":"/s/g","value":"x","phase":"cancel","id":3}`},
		{[]string{"--signal", "timeline", "/s/t", timeline},
			"timeline /s/t " + timeline, `{"signal":"timeline","address":"/s/t","value":` + timeline + `}`},
	} {
		if got := router.succeeds(t, append([]string{"pub"}, test.args...)...); got != "" {
			t.Errorf("pub %q printed %q", test.args, got)
		}
		shows(t, &words.stdout, test.text+"\n")
		shows(t, &lines.stdout, test.json+"\n")
	}
	for _, p := range []*running{words, lines, only} {
		if code := p.interrupt(t); code != 0 || p.stderr.String() != "" {
			t.Errorf("Ctrl-C: exit code %d, stderr %q", code, &p.stderr)
		}
	}
	if got, want := strings.ReplaceAll(only.stdout.String(), "event    /s/probe\n", ""), "event    /s/e\nevent    /s/e -1\ntimeline /s/t "+timeline+"\n"; got != want {
		t.Errorf("--types event,timeline printed %q, want %q", got, want)
	}
}

// awaitSubscribers waits until a sub that lets no param through has subscribed: its events come.
func awaitSubscribers(t *testing.T, router *routerProcess, p *running) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; {
		router.succeeds(t, "pub", "/s/probe")
		if strings.Contains(p.stdout.String(), "/s/probe") {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("has not subscribed")
		}
	}
}

// One line of stdin is one write, at once, and the last is seen through whatever ends the command.
func TestClientLines(t *testing.T) {
	router := startRouter(t)
	watch := router.begin(t, "sub", "/l/**")
	router.succeeds(t, "set", "/l/ready", "1")
	shows(t, &watch.stdout, "/l/ready")

	p := router.begin(t, "set", "--lines", "--lock", "/l/set")
	p.say(t, "1\n\n[2,\"x\"]\n")
	shows(t, &watch.stdout, "param    /l/set 1\nparam    /l/set [2,\"x\"]\n")
	if _, stderr, code := router.clasp(t, "set", "/l/set", "3"); code != 1 || !strings.Contains(stderr, "locked by") {
		t.Errorf("another writer: exit code %d, %q", code, stderr)
	}
	p.say(t, "nonsense\n")
	if code := p.wait(t); code != 1 || !strings.Contains(p.stderr.String(), "stdin, line 4:") {
		t.Errorf("a line that is no JSON: exit code %d, %q", code, &p.stderr)
	}
	router.succeeds(t, "set", "/l/set", "3")

	p = router.begin(t, "pub", "--lines", "--signal", "gesture", "/l/touch")
	p.say(t, "1\n")
	shows(t, &watch.stdout, "gesture  /l/touch 1 phase=start id=0\n")
	p.say(t, "2\n")
	shows(t, &watch.stdout, "gesture  /l/touch 2 phase=move id=0\n")
	if code := p.interrupt(t); code != 0 {
		t.Errorf("Ctrl-C: exit code %d, %q", code, &p.stderr)
	}
	shows(t, &watch.stdout, "gesture  /l/touch 2 phase=end id=0\n")

	p = router.begin(t, "pub", "--lines", "--signal", "stream", "--qos", "fire", "/l/stream")
	p.say(t, "1\n2\n3")
	p.stdin.Close()
	if code := p.wait(t); code != 0 {
		t.Errorf("end of stdin: exit code %d, %q", code, &p.stderr)
	}
	shows(t, &watch.stdout, "stream   /l/stream 1\nstream   /l/stream 2\nstream   /l/stream 3\n")
}

// What stdin holds is looked at before it is sent.
func TestClientStdin(t *testing.T) {
	router := startRouter(t)
	for _, test := range []struct{ args, stdin, want string }{
		{"set /a -", " \n", "stdin is empty"},
		{"pub /a -", "", "stdin is empty"},
		{"set --lines /a", "1\n" + strings.Repeat(" ", 1<<20+1), "stdin, line 2: the line is over 1 MiB"},
		{"pub --signal stream --rate 10 --lines /a", "1\n", "must be an array of numbers"},
	} {
		cmd := claspCommand(t, []string{"CLASP_URL=" + router.url}, strings.Fields(test.args)...)
		cmd.Stdin = strings.NewReader(test.stdin)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		_ = cmd.Run() // the exit code says it
		if code := cmd.ProcessState.ExitCode(); code != 1 || !strings.Contains(stderr.String(), test.want) {
			t.Errorf("clasp %s: exit code %d, stderr %q; want 1 and %q", test.args, code, &stderr, test.want)
		}
	}
}

// A command that waits for the next line notices that the router has gone.
func TestClientLinesWithoutRouter(t *testing.T) {
	router := startRouter(t)
	watch := router.begin(t, "sub", "/l/**")
	set, pub := router.begin(t, "set", "--lines", "--lock", "/l/set"), router.begin(t, "pub", "--lines", "/l/pub")
	for _, p := range []*running{set, pub} {
		p.say(t, "1\n")
	}
	shows(t, &set.stdout, "/l/set revision 1 locked\n")
	shows(t, &watch.stdout, "/l/set 1\n")
	router.stop(t)
	for _, p := range []*running{set, pub} {
		if code := p.wait(t); code != 1 || p.stderr.String() == "" {
			t.Errorf("exit code %d, stderr %q", code, &p.stderr)
		}
	}
}

// The proxy of the environment is not for ws: whatever it is, it is not asked.
func TestClientUsesNoProxy(t *testing.T) {
	proxy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	asked := make(chan struct{}, 1)
	go func() {
		if conn, err := proxy.Accept(); err == nil {
			conn.Close()
			asked <- struct{}{}
		}
		close(asked)
	}()
	at := "http://" + proxy.Addr().String()
	// Loopback addresses never go to a proxy, so it takes another name.
	_, stderr, code := clasp(t, []string{"HTTP_PROXY=" + at, "HTTPS_PROXY=" + at}, "get", "--timeout", "1", "--url", "ws://clasp.invalid", "/a")
	proxy.Close()
	if _, was := <-asked; was || code != 1 || !strings.Contains(stderr, "clasp.invalid:7330") {
		t.Errorf("the proxy was asked: %v; exit code %d, stderr %q", was, code, stderr)
	}
}

// Under a rate limit the command says so, whichever of its messages it hits.
func TestClientRateLimit(t *testing.T) {
	router := serve(t, nil, "--port", "0", "--bind", "127.0.0.1", "--max-messages-per-second", "50")
	url := "ws://" + router.address(t)
	cmd := claspCommand(t, []string{"CLASP_URL=" + url}, "pub", "--lines", "--signal", "stream", "--qos", "fire", "/y")
	cmd.Stdin = strings.NewReader(strings.Repeat("1\n", 200))
	out, _ := cmd.CombinedOutput() // the exit code says it
	if code := cmd.ProcessState.ExitCode(); code != 1 || !strings.Contains(string(out), "(error 429)") {
		t.Errorf("200 streams: exit code %d, %q", code, out)
	}
}

// Ctrl-C leaves nothing at the router: neither session nor subscription nor lock.
func TestClientInterrupted(t *testing.T) {
	router := startRouter(t)
	holder := router.begin(t, "set", "--lock", "--hold", "--name", "holder", "/held", "1")
	shows(t, &holder.stdout, "/held revision 1 locked\n")
	sub := router.begin(t, "sub", "--name", "listener", "/held")
	shows(t, &sub.stdout, "param    /held 1\n")
	if _, stderr, code := router.clasp(t, "set", "/held", "2"); code != 1 || !strings.Contains(stderr, "(error 401)") {
		t.Errorf("set of a locked param: exit code %d, %q", code, stderr)
	}
	for name, p := range map[string]*running{"holder": holder, "listener": sub} {
		if code := p.interrupt(t); code != 0 || p.stderr.String() != "" {
			t.Errorf("%s: exit code %d, stderr %q", name, code, &p.stderr)
		}
		ended := func() bool {
			for line := range strings.Lines(router.said.String()) {
				if strings.Contains(line, "session ended") && strings.Contains(line, "name="+name) {
					return strings.Contains(line, "reason=client_closed")
				}
			}
			return false
		}
		for deadline := time.Now().Add(patience); !ended(); time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("the router did not see a clean end of %s", name)
			}
		}
	}
	if got := router.succeeds(t, "set", "/held", "2"); got != "/held revision 2\n" {
		t.Errorf("after Ctrl-C: %q", got)
	}
}

func TestSubReconnects(t *testing.T) {
	router := startRouter(t)
	router.succeeds(t, "set", "/r", "1")
	sub := router.begin(t, "sub", "/r")
	shows(t, &sub.stdout, "param    /r 1\n")
	router.restart(t)
	shows(t, &sub.stderr, "clasp: connection lost, trying again: ")
	shows(t, &sub.stderr, "clasp: connected again\n")
	// What is written before it has subscribed again it hears of too: a snapshot comes first.
	router.succeeds(t, "set", "/r", "2")
	shows(t, &sub.stdout, "param    /r 2\n")
	if code := sub.interrupt(t); code != 0 {
		t.Errorf("Ctrl-C: exit code %d", code)
	}
	// Ctrl-C works while there is no router, too.
	sub = router.begin(t, "sub", "/r")
	shows(t, &sub.stdout, "param    /r")
	router.succeeds(t, "set", "/r", "3") // by the time it hears of this, its SUBSCRIBE has been answered
	shows(t, &sub.stdout, "param    /r 3\n")
	router.stop(t)
	shows(t, &sub.stderr, "connection lost")
	if code := sub.interrupt(t); code != 0 {
		t.Errorf("Ctrl-C without a router: exit code %d", code)
	}
}

// A sub whose output is closed ends, as head has it.
func TestSubIntoClosedPipe(t *testing.T) {
	router := startRouter(t)
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	sub := claspCommand(t, []string{"CLASP_URL=" + router.url}, "sub", "/**")
	var stderr bytes.Buffer
	sub.Stdout, sub.Stderr = write, &stderr
	if err := sub.Start(); err != nil {
		t.Fatal(err)
	}
	write.Close()
	read.Close()
	ended := make(chan struct{})
	go func() {
		_ = sub.Wait() // how it ended does not matter
		close(ended)
	}()
	for deadline := time.Now().Add(patience); ; {
		router.succeeds(t, "set", "/x", "1")
		select {
		case <-ended:
			if stderr.Len() > 0 {
				t.Errorf("stderr: %s", &stderr)
			}
			return
		default:
		}
		if time.Now().After(deadline) {
			_ = sub.Process.Kill()
			t.Fatal("goes on")
		}
	}
}
