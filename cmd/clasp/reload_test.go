//go:build unix

// Runs the real router and has it read its configuration again, by signal and by clasp reload.

package main_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	goclient "github.com/clasp-studio/clasp/router/client"
	"github.com/clasp-studio/clasp/router/wire"
	"github.com/golang-jwt/jwt/v5"
	"github.com/gorilla/websocket"
)

// reloadable starts a router with a configuration file, and returns its port and a function that writes the file anew.
func reloadable(t *testing.T, args ...string) (s *service, port string, file func(text string)) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "clasp.yaml")
	file = func(text string) {
		t.Helper()
		write(t, path, "server:\n  port: 0\n  bind: 127.0.0.1\n"+text)
	}
	file("")
	s = serve(t, nil, append([]string{"-c", path}, args...)...)
	_, port, err := net.SplitHostPort(s.address(t))
	if err != nil {
		t.Fatal(err)
	}
	return s, port, file
}

func TestReloadCommand(t *testing.T) {
	s, port, file := reloadable(t, "--metrics", "--metrics-port", "0")
	expect := func(code int, stdout, stderr string, args ...string) {
		t.Helper()
		out, words, got := clasp(t, nil, append([]string{"reload", "--port", port}, args...)...)
		if got != code || !regexp.MustCompile("^"+stdout+"$").MatchString(out) || !regexp.MustCompile("^"+stderr+"$").MatchString(words) {
			t.Errorf("exit code %d, want %d\nstdout %q, want %s\nstderr %q, want %s", got, code, out, stdout, words, stderr)
		}
	}
	results := func(success, failure float64) {
		t.Helper()
		for result, want := range map[string]float64{"success": success, "failure": failure} {
			if got := s.metric(t, `clasp_config_reload_total\{result="`+result+`"\}`); got != want {
				t.Errorf("%s: %v reloads, want %v", result, got, want)
			}
		}
	}
	results(0, 0)
	c := greeted(t, s.address(t))
	who := fmt.Sprintf(`router "[^"]+" on 127\.0\.0\.1:%s \(pid %d\): `, port, s.cmd.Process.Pid)
	expect(0, who+"reloaded, nothing has changed\n", "")
	file("  name: New\n  limits: {max_subscriptions: 1}\n")
	expect(0, who+"reloaded, changed: limits.max_subscriptions\nwaiting for a restart: name\n", "")
	if !subscribes(t, c, 1, "/one") || subscribes(t, c, 2, "/two") {
		t.Error("the new limit is not in force")
	}
	file("  name: New\n  limits: {max_subscriptions: 2}\n  tui: {keys: {fly: [f]}}\n") // the next start would refuse it
	if _, words, code := clasp(t, nil, "reload", "--port", port); code != 78 || !strings.Contains(words, `server.tui.keys: `) {
		t.Errorf("keys of no action: exit code %d, %s", code, words)
	}
	results(2, 1)
	file("  name: New\n  limits: {max_subscriptions: 1}\n")
	expect(0, fmt.Sprintf(`\{"ok":true,"router":"[^"]+","address":"127.0.0.1:%s","pid":%d,"config":"[^"]+clasp.yaml","waiting":\["name"\]\}`+"\n", port, s.cmd.Process.Pid), "", "--json")
	results(3, 1)
	// Without --port it is the port that a router started here would have.
	if out, words, code := clasp(t, []string{"CLASP_PORT=" + port}, "reload"); code != 0 {
		t.Errorf("CLASP_PORT: exit code %d, %q, %q", code, out, words)
	}
	expect(2, "", `(?s:clasp: .*\[port socket\].*)`, "--socket", "/some/where")
	results(4, 1)

	file("  limits: {max_subscriptions: none}\n  owner: x\n")
	expect(78, "", `\S+clasp.yaml:4:31: server.limits.max_subscriptions: "none" is not a whole number`+"\n"+
		`\S+clasp.yaml:5:3: unknown key "owner" in server`+"\nclasp: "+who+"not reloaded, the old configuration stays in force\n")
	out, _, code := clasp(t, nil, "reload", "--port", port, "--json")
	var answer struct {
		OK       bool
		Problems []struct{ Where, Problem string }
	}
	if err := json.Unmarshal([]byte(out), &answer); err != nil || code != 78 || answer.OK || len(answer.Problems) != 2 || !strings.HasSuffix(answer.Problems[0].Where, ":4:31") {
		t.Errorf("exit code %d, %v: %s", code, err, out)
	}
	results(4, 3)
	if subscribes(t, c, 2, "/two") {
		t.Error("a refused configuration has taken effect")
	}

	socket := filepath.Join(filepath.Dir(claspBinary(t)), "clasp", port+".sock")
	if info, err := os.Lstat(socket); err != nil || info.Mode() != 0o600|os.ModeSocket {
		t.Errorf("%s: %v, %v", socket, info, err)
	}
	file("")
	if out, words, code := clasp(t, nil, "reload", "--socket", socket); code != 0 || !strings.HasSuffix(out, ": reloaded, changed: limits.max_subscriptions\n") {
		t.Errorf("--socket: exit code %d, %q, %q", code, out, words)
	}
	s.signal(t, syscall.SIGTERM)
	if code := s.exit(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if _, err := os.Lstat(socket); err == nil {
		t.Error("the socket is still there")
	}
	expect(1, "", "clasp: no router that this user may reach listens on port "+port+".*; start one with 'clasp server', or name its socket with --socket\n")
}

// TestReloadKilled: the socket of a router that was killed does not keep the next one from its own.
func TestReloadKilled(t *testing.T) {
	r := startRouter(t)
	if err := r.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = r.cmd.Wait() // killed
	if _, words, code := clasp(t, nil, "reload", "--port", r.port); code != 1 || !strings.Contains(words, "listens on port "+r.port) {
		t.Errorf("nobody there: exit code %d, %s", code, words)
	}
	r.start(t)
	if out, words, code := clasp(t, nil, "reload", "--port", r.port); code != 0 {
		t.Errorf("exit code %d, %q, %q", code, out, words)
	}
}

// TestReloadOpens: no reload lets everybody in. A file that has gone, or that says nothing any more, is refused; one that turns
// authentication off, or has lost that part, waits for a restart with it.
func TestReloadOpens(t *testing.T) {
	const secret = "the secret of this test which is long enough"
	home := t.TempDir()
	path := filepath.Join(home, ".config", "clasp", "config.yaml")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	const first = "server:\n  port: 0\n  bind: 127.0.0.1\n  limits: {max_subscriptions: 5}\n"
	const closed = first + "  security: {require_auth: true, token_secret: " + secret + ", revoked_tokens: [gone], allowed_origins: [same]}\n"
	write(t, path, closed)
	s := serve(t, []string{"HOME=" + home})
	_, port, _ := net.SplitHostPort(s.address(t)) // it is one
	dials := func(token string) error {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		c, err := goclient.Dial(ctx, "ws://"+s.address(t), goclient.Options{Token: token})
		if err == nil {
			c.Close()
		}
		return err
	}
	for _, test := range []struct {
		name, text string
		code       int
		want       string
	}{
		{"gone", "", 78, path + ": the file is not there any more: write it anew, or restart the router to run without it\n"},
		{"empty", " ", 78, path + ": no option is left in the file: write it anew"},
		{"only its beginning", "server:\n", 78, path + ": no option is left in the file"},
		{"cut", first, 0, "waiting for a restart: security.require_auth, security.token_secret, security.revoked_tokens, security.allowed_origins\n"},
		{"turned off", strings.Replace(closed, "true", "false", 1), 0, "waiting for a restart: security.require_auth\n"},
		{"turned off, another key", strings.NewReplacer("true", "false", secret, "another").Replace(closed), 0, "waiting for a restart: security.require_auth, security.token_secret\n"},
		{"without its key", strings.Replace(closed, "token_secret: "+secret+", ", "", 1), 78, "nobody could ever authenticate"},
		{"as it was", closed, 0, "nothing has changed\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
				t.Fatal(err)
			}
			if test.text != "" {
				write(t, path, test.text)
			}
			if out, words, code := clasp(t, nil, "reload", "--port", port); code != test.code || !strings.Contains(out+words, test.want) {
				t.Errorf("exit code %d, want %d\n%s%s\nwant %s", code, test.code, out, words, test.want)
			}
			if dials("") == nil {
				t.Error("somebody without a token is let in")
			}
			if dials(fullToken(t, secret, jwt.MapClaims{"jti": "gone"})) == nil {
				t.Error("a revoked token is good again")
			}
			if err := dials(fullToken(t, secret, nil)); err != nil {
				t.Errorf("a good token: %v", err)
			}
			c, response, err := websocket.DefaultDialer.Dial("ws://"+s.address(t), http.Header{"Origin": {"https://evil.example"}})
			if err == nil {
				_ = c.Close()
				t.Error("pages of any site may connect")
			} else if response != nil {
				_ = response.Body.Close()
			}
		})
	}
}

// TestReloadOtherFile: a reload reads the file that the router runs with, not one that would be found before it by now.
func TestReloadOtherFile(t *testing.T) {
	home := t.TempDir()
	path := filepath.Join(home, ".config", "clasp", "config.yaml")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, path, "server: {port: 0, bind: 127.0.0.1}\n")
	s := serve(t, []string{"HOME=" + home})
	_, port, _ := net.SplitHostPort(s.address(t)) // it is one
	write(t, filepath.Join(s.cmd.Dir, "clasp.yaml"), "server: {limits: {max_subscriptions: 1}}\n")
	if _, words, code := clasp(t, nil, "reload", "--port", port); code != 78 || !strings.Contains(words, path+": the file is not the one that is found first any more, clasp.yaml is") {
		t.Errorf("exit code %d, %s", code, words)
	}
}

// TestReloadRequiresAuth: turning authentication on takes effect, and the log says who stays without it.
func TestReloadRequiresAuth(t *testing.T) {
	const secret = "the secret of this test which is long enough"
	s, port, file := reloadable(t, "--token-secret", secret)
	stays := greeted(t, s.address(t))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c, err := goclient.Dial(ctx, "ws://"+s.address(t), goclient.Options{Token: fullToken(t, secret, nil)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	file("  security: {require_auth: true}\n")
	if out, words, code := clasp(t, nil, "reload", "--port", port); code != 0 || !strings.HasSuffix(out, "changed: security.require_auth\n") {
		t.Errorf("exit code %d, %s%s", code, out, words)
	}
	s.until(t, s.stdout.String, `level=WARN msg="tokens are required from now on, and who is connected without one stays until it goes" sessions_without=1\n`)
	ping(t, stays)
	if c, err := goclient.Dial(ctx, "ws://"+s.address(t), goclient.Options{}); err == nil {
		c.Close()
		t.Error("somebody without a token is let in")
	}
}

// TestAdminSocketAgain: a socket that somebody has taken away comes back, at once at SIGHUP and else after a while.
func TestAdminSocketAgain(t *testing.T) {
	t.Parallel() // mostly waits for the router to look
	own := filepath.Join(filepath.Dir(claspBinary(t)), "again")
	if err := os.MkdirAll(own, 0o700); err != nil {
		t.Fatal(err)
	}
	environ := []string{"XDG_RUNTIME_DIR=" + own}
	s := serve(t, environ, "--port", "0", "--bind", "127.0.0.1")
	_, port, _ := net.SplitHostPort(s.address(t)) // it is one
	socket := filepath.Join(own, "clasp", port+".sock")
	takeAway := func() {
		t.Helper()
		if err := os.RemoveAll(filepath.Dir(socket)); err != nil {
			t.Fatal(err)
		}
	}
	takeAway()
	s.signal(t, syscall.SIGHUP)
	s.until(t, s.stdout.String, "configuration reloaded")
	if out, words, code := clasp(t, environ, "reload", "--port", port); code != 0 {
		t.Errorf("after SIGHUP: exit code %d, %s%s", code, out, words)
	}
	takeAway()
	s.until(t, func() string { _, err := os.Lstat(socket); return fmt.Sprint(err) }, "^<nil>$")
	if out, words, code := clasp(t, environ, "reload", "--port", port); code != 0 {
		t.Errorf("after a while: exit code %d, %s%s", code, out, words)
	}
}

// TestReloadOfTwo: of two routers on the same port of different addresses the second has no socket until the first has gone. It
// says so, and the command says which one has answered.
func TestReloadOfTwo(t *testing.T) {
	t.Parallel() // mostly waits for the router to look
	first := serve(t, nil, "--name", "First", "--port", "0", "--bind", "127.0.0.1")
	_, port, _ := net.SplitHostPort(first.address(t)) // it is one
	second := serve(t, nil, "--name", "Second", "--port", port, "--bind", "127.0.0.2")
	if found := second.until(t, func() string { return second.stdout.String() + second.stderr.String() }, `no admin socket: .* send it SIGHUP instead" pid=(\d+) error=.*another router has it|on no network card`); found[1] == "" {
		t.Skipf("%s: this system has no address 127.0.0.2", t.Name())
	} else if found[1] != fmt.Sprint(second.cmd.Process.Pid) {
		t.Errorf("send it to %s, which is not %d", found[1], second.cmd.Process.Pid)
	}
	answers := func(name, address string) {
		t.Helper()
		want := fmt.Sprintf(`router %q on %s:%s (pid `, name, address, port)
		if out, words, code := clasp(t, nil, "reload", "--port", port); code != 0 || !strings.HasPrefix(out, want) {
			t.Errorf("exit code %d, %s%s, want %s", code, out, words, want)
		}
	}
	answers("First", "127.0.0.1")
	first.signal(t, syscall.SIGTERM)
	if code := first.exit(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
	socket := filepath.Join(filepath.Dir(claspBinary(t)), "clasp", port+".sock")
	second.until(t, func() string { _, err := os.Lstat(socket); return fmt.Sprint(err) }, "^<nil>$")
	answers("Second", "127.0.0.2")
	if said := strings.Count(second.stdout.String(), "no admin socket"); said != 1 {
		t.Errorf("said %d times", said)
	}
}

// TestSecretOfWindows: the end of line that an editor of Windows leaves is no part of a secret.
func TestSecretOfWindows(t *testing.T) {
	const secret = "the secret of this test which is long enough"
	path := filepath.Join(t.TempDir(), "secret")
	write(t, path, secret+"\r\n")
	s := serve(t, nil, "--port", "0", "--bind", "127.0.0.1", "--require-auth", "--token-secret-file", path)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c, err := goclient.Dial(ctx, "ws://"+s.address(t), goclient.Options{Token: fullToken(t, secret, nil)})
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
}

// TestUnitReload: what the systemd unit starts and reloads by finds one another, and a refused reload is a failed one.
func TestUnitReload(t *testing.T) {
	unit, err := os.ReadFile("../../assets/clasp.service")
	if err != nil {
		t.Fatal(err)
	}
	args := func(key string) []string {
		t.Helper()
		found := regexp.MustCompile(`(?m)^` + key + `=/usr/local/bin/clasp (.+)$`).FindSubmatch(unit)
		if found == nil {
			t.Fatalf("%s does not start clasp", key)
		}
		return strings.Fields(string(found[1]))
	}
	port := steadyPort(t)
	dir := filepath.Join(filepath.Dir(claspBinary(t)), "unit") // short enough for a socket
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "clasp.yaml")
	write(t, path, "server: {bind: 127.0.0.1, port: "+port+"}\n")
	environ := []string{"RUNTIME_DIRECTORY=" + dir, "XDG_RUNTIME_DIR=", "CLASP_CONFIG=" + path} // the last for its working directory
	s := serve(t, environ, args("ExecStart")[1:]...)
	s.address(t)
	if out, words, code := clasp(t, environ, args("ExecReload")...); code != 0 || !strings.Contains(out, fmt.Sprintf("(pid %d): reloaded", s.cmd.Process.Pid)) {
		t.Errorf("exit code %d, %s%s", code, out, words)
	}
	write(t, path, "server: {bind: 127.0.0.1, port: "+port+", name: 7: 7}\n")
	for text, want := range map[string]string{
		"server: {bind: 127.0.0.1, port: " + port + ", owner: x}\n":  ": not reloaded, the old configuration stays in force\n",
		"server: {bind: 127.0.0.1, port: " + port + ", a b: c: d}\n": "the configuration here is wrong, and so may be the port",
	} {
		write(t, path, text)
		if _, words, code := clasp(t, environ, args("ExecReload")...); code != 78 || !strings.Contains(words, want) || !strings.HasPrefix(words, path+":1:") {
			t.Errorf("%s: exit code %d, %s", text, code, words)
		}
	}
}

// TestReloadStopping: a router that is about to end says so.
func TestReloadStopping(t *testing.T) {
	s, port, _ := reloadable(t)
	stubborn(t, s.address(t)) // it takes a while
	s.signal(t, syscall.SIGTERM)
	s.until(t, s.stdout.String, "router stopping")
	if _, words, code := clasp(t, nil, "reload", "--port", port); code != 1 || !strings.Contains(words, "the router is stopping") {
		t.Errorf("exit code %d, %s", code, words)
	}
}

// TestNoAdminSocket: a router that cannot have its socket routes, and says so once.
func TestNoAdminSocket(t *testing.T) {
	port := steadyPort(t)
	dir := filepath.Join(filepath.Dir(claspBinary(t)), "own")
	inTheWay := filepath.Join(dir, "clasp", port+".sock")
	if err := os.MkdirAll(inTheWay, 0o700); err != nil {
		t.Fatal(err)
	}
	s := serve(t, []string{"XDG_RUNTIME_DIR=" + dir}, "--port", port, "--bind", "127.0.0.1")
	c := greeted(t, s.address(t))
	s.until(t, s.stdout.String, `level=ERROR msg="no admin socket: commands such as clasp reload do not reach this router, send it SIGHUP instead" pid=\d+ error="open the admin socket `+inTheWay)
	ping(t, c)
	s.signal(t, syscall.SIGTERM)
	if code := s.exit(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if _, err := os.Lstat(inTheWay); err != nil {
		t.Error(err)
	}
}

// fullToken makes one that lets its holder do everything.
func fullToken(t *testing.T, secret string, claims jwt.MapClaims) string {
	t.Helper()
	all := jwt.MapClaims{"clasp": map[string]any{"read": []string{"/**"}, "write": []string{"/**"}}}
	for name, value := range claims {
		all[name] = value
	}
	text, err := jwt.NewWithClaims(jwt.SigningMethodHS256, all).SignedString([]byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestReloadTokens: a new secret in the same file, a token on the deny list, and a key file that is none.
func TestReloadTokens(t *testing.T) {
	const first, second = "the first secret, which is long enough", "the second secret, which is long enough"
	secret := filepath.Join(t.TempDir(), "secret")
	write(t, secret, first+"\n")
	s, port, file := reloadable(t, "--require-auth", "--token-secret-file", secret)
	let := func(want bool, token string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		c, err := goclient.Dial(ctx, "ws://"+s.address(t), goclient.Options{Token: token})
		if err == nil {
			c.Close()
		}
		if (err == nil) != want {
			t.Errorf("a session: %v", err)
		}
	}
	reload := func(code int, want string) {
		t.Helper()
		if out, words, got := clasp(t, nil, "reload", "--port", port); got != code || !strings.Contains(out+words, want) {
			t.Errorf("exit code %d, %q, %q; want %d, %q", got, out, words, code, want)
		}
	}
	let(false, "")
	let(true, fullToken(t, first, jwt.MapClaims{"jti": "one"}))
	let(false, fullToken(t, second, nil))

	file("  security: {revoked_tokens: [one]}\n")
	reload(0, "changed: security.revoked_tokens")
	let(false, fullToken(t, first, jwt.MapClaims{"jti": "one"}))
	let(true, fullToken(t, first, jwt.MapClaims{"jti": "two"}))

	write(t, secret, second)
	reload(0, "changed: security.token_secret_file")
	let(false, fullToken(t, first, jwt.MapClaims{"jti": "two"}))
	let(true, fullToken(t, second, nil))
	reload(0, "nothing has changed")

	write(t, secret, "\n")
	reload(78, "--token-secret-file: "+secret+": there is no secret in it\n")
	let(true, fullToken(t, second, nil))
	for _, text := range []string{first, second, "eyJ"} {
		if strings.Contains(s.stdout.String()+s.stderr.String(), text) {
			t.Error("a secret or a token is in the log")
		}
	}
}

// TestReloadAtTheDoor: which web pages may come, and how many connections from one address, is looked at anew; who is there stays.
func TestReloadAtTheDoor(t *testing.T) {
	s, port, file := reloadable(t)
	knock := func(origin string) int {
		t.Helper()
		c, response, err := websocket.DefaultDialer.Dial("ws://"+s.address(t)+"/clasp", http.Header{"Origin": {origin}})
		if response == nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if err == nil {
			_ = c.Close()
		}
		return response.StatusCode
	}
	expect := func(origin string, want int) {
		t.Helper()
		// A connection that the test has just closed still counts for a moment.
		status := knock(origin)
		for deadline := time.Now().Add(patience); status != want && time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
			status = knock(origin)
		}
		if status != want {
			t.Errorf("a page of %s: %d, want %d", origin, status, want)
		}
	}
	reload := func(text string) {
		t.Helper()
		file(text)
		if out, words, code := clasp(t, nil, "reload", "--port", port); code != 0 {
			t.Fatalf("exit code %d, %s%s", code, out, words)
		}
	}
	c := greeted(t, s.address(t))
	expect("https://evil.example", http.StatusSwitchingProtocols)
	reload("  security: {allowed_origins: [same]}\n")
	expect("https://evil.example", http.StatusForbidden)
	expect("http://"+s.address(t), http.StatusSwitchingProtocols)
	reload("  limits: {max_connections_per_ip: 1}\n")
	expect("https://evil.example", http.StatusServiceUnavailable)
	reload("")
	expect("https://evil.example", http.StatusSwitchingProtocols)
	ping(t, c)
}

// TestReloadUnderLoad reloads a hundred times, by signal and by command, good configurations and bad ones, while clients write
// and listen: nothing that was acknowledged is lost, and nobody is dropped.
func TestReloadUnderLoad(t *testing.T) {
	const rounds, writers = 100, 3
	secret := filepath.Join(t.TempDir(), "secret")
	keys := []string{"the even secret, which is long enough", "the odd secret, which is long enough."}
	write(t, secret, keys[0])
	s, port, file := reloadable(t, "--require-auth", "--token-secret-file", secret)
	ctx, cancel := context.WithTimeout(t.Context(), 5*patience)
	defer cancel()
	dial := func(key string) *goclient.Client {
		t.Helper()
		c, err := goclient.Dial(ctx, "ws://"+s.address(t), goclient.Options{Token: fullToken(t, key, nil), OnError: func(err error) { t.Errorf("a client hears of %v", err) }})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		return c
	}
	listener := dial(keys[0])
	var events, values [writers]atomic.Int64
	for i := range writers {
		seen := func(last *atomic.Int64, every bool) func(*goclient.Message) {
			return func(m *goclient.Message) {
				x, _ := m.Value.Number()
				n := int64(x)
				if was := last.Swap(n); n <= was || every && n != was+1 {
					t.Errorf("%s: %d follows %d", m.Address, n, was)
				}
			}
		}
		for address, handler := range map[string]goclient.Handler{"event": seen(&events[i], true), "value": seen(&values[i], false)} {
			if _, err := listener.Subscribe(ctx, fmt.Sprintf("/load/%d/%s", i, address), goclient.SubscribeOptions{}, handler); err != nil {
				t.Fatal(err)
			}
		}
	}
	var all sync.WaitGroup
	stop := make(chan struct{})
	var sent [writers]int64
	for i := range writers {
		c := dial(keys[0])
		all.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				n := sent[i] + 1
				_, err := c.Publish(ctx, goclient.Publication{Signal: wire.Event, Address: fmt.Sprintf("/load/%d/event", i), Value: n, QoS: wire.Confirm})
				if err == nil {
					_, err = c.Set(ctx, fmt.Sprintf("/load/%d/value", i), n)
				}
				if err != nil {
					t.Errorf("writer %d: %v", i, err)
					return
				}
				sent[i] = n
			}
		})
	}

	good, bad := 0, 0
	for round := range rounds {
		broken := round%5 == 4
		level := []string{"info", "debug"}[round%2]
		text := fmt.Sprintf("  limits: {max_subscriptions: %d, max_connections: %d}\n  logging: {level: %s}\n  security: {allowed_origins: [https://%d.example]}\n",
			100+round, 1000+round, level, round)
		if broken {
			text += "  conflicts: [{pattern: nonsense, strategy: max}]\n"
			bad++
		} else {
			text += fmt.Sprintf("  conflicts: [{pattern: /other/%d, strategy: max}]\n", round)
			write(t, secret, keys[round%2])
			good++
		}
		file(text)
		if round%10 == 0 {
			if out, words, code := clasp(t, nil, "reload", "--port", port); code != 0 {
				t.Fatalf("round %d: exit code %d, %s%s", round, code, out, words)
			}
		} else {
			s.signal(t, syscall.SIGHUP)
		}
		for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
			said := s.stdout.String()
			if strings.Count(said, `msg="configuration reloaded"`) == good && strings.Count(said, "the old one stays in force") == bad {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("round %d: not reloaded", round)
			}
		}
		if !broken {
			dial(keys[round%2]).Close() // who comes now finds the new key
		}
	}
	close(stop)
	all.Wait()
	for i := range writers {
		if sent[i] == 0 {
			t.Errorf("writer %d has written nothing", i)
		}
		for deadline := time.Now().Add(patience); events[i].Load() != sent[i] || values[i].Load() != sent[i]; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("writer %d: of %d, events came to %d, values to %d", i, sent[i], events[i].Load(), values[i].Load())
			}
		}
	}
	t.Logf("%v messages of each kind by writer", sent)
}
