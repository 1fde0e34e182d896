//go:build unix

// Runs the real router with TLS: who is let in, what it says to the others, and certificates that change while it runs.

package main_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/router/cert"
	goclient "github.com/clasp-studio/clasp/router/client"
)

// secure is a router with the certificate of a folder.
type secure struct {
	*service
	folder tlsFolder
}

func serveTLS(t *testing.T, args ...string) *secure {
	t.Helper()
	folder, _, _ := initTLS(t)
	return folder.serve(t, args...)
}

func (f tlsFolder) serve(t *testing.T, args ...string) *secure {
	t.Helper()
	return &secure{serve(t, nil, append([]string{"--port", "0", "--bind", "127.0.0.1", "--tls-cert", f.file("cert.pem"), "--tls-key", f.file("key.pem")}, args...)...), f}
}

// host returns host:port once the router is ready.
func (s *secure) host(t *testing.T) string {
	t.Helper()
	return s.until(t, s.stdout.String, `  WebSocket  wss://(127\.0\.0\.1:\d+)/clasp\n`)[1]
}

func (s *secure) dial(t *testing.T) *goclient.Client {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c, err := goclient.Dial(ctx, "wss://"+s.host(t), goclient.Options{TLS: s.folder.trust(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// shown is the number of the certificate that a handshake gets now.
func (s *secure) shown(t *testing.T) string {
	t.Helper()
	c, err := tls.Dial("tcp", s.host(t), s.folder.trust(t))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.ConnectionState().PeerCertificates[0].SerialNumber.String()
}

// number is that of the certificate in the folder.
func (f tlsFolder) number(t *testing.T) string {
	t.Helper()
	return f.certificate(t, "cert.pem").SerialNumber.String()
}

func works(t *testing.T, c *goclient.Client, value any) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if _, err := c.Set(ctx, "/value", value); err != nil {
		t.Errorf("set: %v", err)
	}
	if p, err := c.Get(ctx, "/value"); err != nil || fmt.Sprint(p.Value.Any()) != fmt.Sprint(value) {
		t.Errorf("get: %v, %v, want %v", p, err, value)
	}
}

// TestTLSCommands: the files of clasp tls init, as its words say, carry the commands, and the Go client.
func TestTLSCommands(t *testing.T) {
	s := serveTLS(t)
	works(t, s.dial(t), "by the client")
	_, port, _ := net.SplitHostPort(s.host(t)) // it is one
	url, ca := "wss://localhost:"+port, s.folder.file("ca.pem")
	if _, stderr, code := clasp(t, nil, "set", "--ca", ca, "--url", url, "/value", "42"); code != 0 {
		t.Errorf("set: exit code %d, %s", code, stderr)
	}
	if stdout, stderr, code := clasp(t, []string{"CLASP_CA=" + ca, "CLASP_URL=" + url}, "get", "/value"); code != 0 || stdout != "42\n" {
		t.Errorf("get with CLASP_CA: exit code %d, %q, %s", code, stdout, stderr)
	}
	for _, test := range []struct {
		args, want string
		code       int
	}{
		{"--url " + url, "nothing here trusts who signed the router's certificate: give that authority with --ca FILE", 1},
		{"--url ws://localhost:" + port, "if it speaks TLS, say wss:// instead of ws://", 1},
		{"--url wss://127.0.0.2:" + port + " --ca " + ca, "nothing listens at", 1},
		{"--url " + url + " --ca /no/file", "--ca: open /no/file: no such file", 2},
		{"--url " + url + " --ca " + s.folder.file("key.pem"), "holds no certificate in PEM form", 2},
	} {
		if _, stderr, code := clasp(t, nil, append([]string{"get", "/value"}, strings.Fields(test.args)...)...); code != test.code || !strings.Contains(stderr, test.want) {
			t.Errorf("%s: exit code %d, %s", test.args, code, stderr)
		}
	}
	plain := serve(t, nil, "--port", "0", "--bind", "127.0.0.1")
	if _, stderr, code := clasp(t, nil, "get", "/value", "--url", "wss://"+plain.address(t)); code != 1 || !strings.Contains(stderr, "speaks no TLS: say ws:// instead of wss://") {
		t.Errorf("wss to a plain router: exit code %d, %s", code, stderr)
	}
}

// TestTLSWrongHost: a certificate for other hosts is told from one of another authority.
func TestTLSWrongHost(t *testing.T) {
	f, _, _ := initTLS(t)
	s := serve(t, nil, "--port", "0", "--bind", "127.0.0.2", "--tls-cert", f.file("cert.pem"), "--tls-key", f.file("key.pem"))
	url := s.until(t, func() string { return s.stdout.String() + s.stderr.String() }, `wss://127\.0\.0\.2:\d+|on no network card`)[0]
	if !strings.HasPrefix(url, "wss:") {
		t.Skipf("%s: this system has no address 127.0.0.2", t.Name())
	}
	if _, stderr, code := clasp(t, nil, "get", "/value", "--ca", f.file("ca.pem"), "--url", url); code != 1 || !strings.Contains(stderr, "make one with: clasp tls init --renew --name HOST") {
		t.Errorf("exit code %d, %s", code, stderr)
	}
}

// TestTLSPort: what does not speak TLS as it is spoken here is told, or refused.
func TestTLSPort(t *testing.T) {
	s := serveTLS(t)
	host := s.host(t)
	response, err := http.Get("http://" + host + "/")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	_ = response.Body.Close()
	if err != nil || response.StatusCode != http.StatusBadRequest || !strings.Contains(string(body), "HTTPS") {
		t.Errorf("plain HTTP: %s, %q, %v", response.Status, body, err)
	}
	trust := s.folder.trust(t)
	trust.NextProtos = []string{"h2", "http/1.1"}
	c, err := tls.Dial("tcp", host, trust)
	if err != nil {
		t.Fatal(err)
	}
	if agreed := c.ConnectionState(); agreed.NegotiatedProtocol != "http/1.1" || agreed.Version != tls.VersionTLS13 {
		t.Errorf("%q over TLS %x", agreed.NegotiatedProtocol, agreed.Version)
	}
	_ = c.Close()
	old := s.folder.trust(t)
	old.MinVersion, old.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	if c, err := tls.Dial("tcp", host, old); err == nil {
		_ = c.Close()
		t.Error("TLS 1.1 is spoken")
	}
	over := &http.Client{Transport: &http.Transport{TLSClientConfig: s.folder.trust(t), ForceAttemptHTTP2: true}}
	defer over.CloseIdleConnections()
	response, err = over.Get("https://" + host + "/")
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusOK || response.ProtoMajor != 1 {
		t.Errorf("https: %s over %s", response.Status, response.Proto)
	}

	// Who says nothing holds nobody up, and does not keep the router from stopping.
	for range 20 {
		silent, err := net.Dial("tcp", host)
		if err != nil {
			t.Fatal(err)
		}
		defer silent.Close()
	}
	client := s.dial(t)
	works(t, client, 1)
	client.Close()
	s.signal(t, syscall.SIGTERM)
	if code := s.exit(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// TestTLSRenewedFiles: new files are shown to new handshakes, by themselves, and connections go on.
func TestTLSRenewedFiles(t *testing.T) {
	t.Parallel() // mostly waits for the router to look
	s := serveTLS(t, "--metrics", "--metrics-port", "0")
	c := s.dial(t)
	works(t, c, "before")
	const metric = "clasp_tls_certificate_expiry_timestamp_seconds"
	expect := func(number string) {
		t.Helper()
		if got := s.shown(t); got != number {
			t.Errorf("handshakes get certificate %s, want %s", got, number)
		}
	}
	first := s.folder.number(t)
	expect(first)
	if got, want := s.metric(t, metric), float64(s.folder.certificate(t, "cert.pem").NotAfter.Unix()); got != want {
		t.Errorf("%s is %v, want %v", metric, got, want)
	}

	good := s.folder.read(t, "key.pem")
	write(t, s.folder.file("key.pem"), "not a key")
	s.until(t, s.stdout.String, `level=ERROR msg="the new certificate is not used, the old one stays in force" error="\S+key.pem holds no private key in PEM form`)
	expect(first)
	write(t, s.folder.file("key.pem"), good)

	s.folder.renewed(t, "--days", "100")
	s.until(t, s.stdout.String, `level=INFO msg="new certificate in use" path=`+regexp.QuoteMeta(s.folder.file("cert.pem")))
	expect(s.folder.number(t))
	if got, want := s.metric(t, metric), float64(s.folder.certificate(t, "cert.pem").NotAfter.Unix()); got != want {
		t.Errorf("%s is %v, want %v", metric, got, want)
	}
	works(t, c, "after")
	if err := c.Err(); err != nil {
		t.Errorf("the client has lost its connection: %v", err)
	}
}

// TestTLSReload: SIGHUP takes new files up at once, a hundred times, under a client that goes on; bad ones keep what there is.
func TestTLSReload(t *testing.T) {
	s := serveTLS(t)
	c := s.dial(t)
	one := map[string]string{}
	for _, name := range []string{"cert.pem", "key.pem"} {
		one[name] = s.folder.read(t, name)
	}
	first := s.folder.number(t)
	s.folder.renewed(t)
	second := s.folder.number(t)
	two := map[string]string{"cert.pem": s.folder.read(t, "cert.pem"), "key.pem": s.folder.read(t, "key.pem")}
	reloaded := 0
	reload := func(result string) {
		t.Helper()
		s.signal(t, syscall.SIGHUP)
		reloaded++
		for deadline := time.Now().Add(patience); ; time.Sleep(2 * time.Millisecond) {
			lines := regexp.MustCompile(`msg="configuration (reloaded|not reloaded)`).FindAllStringSubmatch(s.stdout.String(), -1)
			if len(lines) == reloaded {
				if got := lines[reloaded-1][1]; got != result {
					t.Fatalf("reload %d: %s, want %s", reloaded, got, result)
				}
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("reload %d has not come", reloaded)
			}
		}
	}
	for i := range 100 {
		files, number := one, first
		if i%2 == 1 {
			files, number = two, second
		}
		for name, text := range files {
			write(t, s.folder.file(name), text)
		}
		reload("reloaded")
		if got := s.shown(t); got != number {
			t.Fatalf("reload %d: handshakes get certificate %s, want %s", i, got, number)
		}
	}
	works(t, c, "after a hundred")

	if err := os.WriteFile(s.folder.file("key.pem"), []byte(one["key.pem"]), 0o600); err != nil {
		t.Fatal(err)
	}
	reload("not reloaded")
	s.until(t, s.stdout.String, `the private key \S+key.pem belongs to another certificate than \S+cert.pem: give two files that were made together`)
	if got := s.shown(t); got != second {
		t.Errorf("handshakes get certificate %s, want %s", got, second)
	}
	works(t, c, "after a bad one")
	if strings.Contains(s.stdout.String()+s.stderr.String(), strings.Split(one["key.pem"], "\n")[1]) {
		t.Error("the log has the key in it")
	}
	for _, files := range []map[string]string{one} {
		for name, text := range files {
			write(t, s.folder.file(name), text)
		}
	}
	reload("reloaded")
	if got := s.shown(t); got != first {
		t.Errorf("handshakes get certificate %s, want %s", got, first)
	}
}

// TestTLSReloadIsWhole: what else is wrong with a configuration keeps the certificate it names from being used.
func TestTLSReloadIsWhole(t *testing.T) {
	old, _, _ := initTLS(t)
	next, _, _ := initTLS(t)
	path := filepath.Join(t.TempDir(), "clasp.yaml")
	file := func(f tlsFolder, rest string) {
		t.Helper()
		write(t, path, fmt.Sprintf("server:\n  port: 0\n  bind: 127.0.0.1\n  tls: {enabled: true, cert: %s, key: %s}\n%s", f.file("cert.pem"), f.file("key.pem"), rest))
	}
	file(old, "")
	s := &secure{serve(t, nil, "-c", path), old}
	s.host(t)
	file(next, "  logging: {level: loud}\n")
	s.signal(t, syscall.SIGHUP)
	s.until(t, s.stdout.String, "configuration not reloaded")
	if got := s.shown(t); got != old.number(t) {
		t.Errorf("handshakes get certificate %s, want %s", got, old.number(t))
	}
	file(next, "")
	s.signal(t, syscall.SIGHUP)
	s.until(t, s.stdout.String, `configuration reloaded.*changed="\[tls.cert tls.key\]"`)
	s.folder = next
	if got := s.shown(t); got != next.number(t) {
		t.Errorf("handshakes get certificate %s, want %s", got, next.number(t))
	}
	write(t, path, "server:\n  port: 0\n  bind: 127.0.0.1\n")
	s.signal(t, syscall.SIGHUP)
	s.until(t, s.stdout.String, `waits? for a restart.*tls.enabled`)
	works(t, s.dial(t), "still TLS")
}

// TestTLSStart: files that make no pair keep the router from starting.
func TestTLSStart(t *testing.T) {
	f, _, _ := initTLS(t)
	for _, test := range []struct{ args, want string }{
		{"--tls", "TLS needs a certificate and its private key: give --tls-cert and --tls-key"},
		{"--tls-cert " + f.file("cert.pem"), "a certificate without its private key: give --tls-key"},
		{"--tls-cert " + f.file("cert.pem") + " --tls-key " + f.file("ca-key.pem"), "belongs to another certificate than"},
		{"--tls-cert " + f.file("key.pem") + " --tls-key " + f.file("cert.pem"), "were the certificate and the key swapped?"},
		{"--tls-cert " + f.file("cert.pem") + " --tls-key " + f.file("none.pem"), "--tls-key: " + f.file("none.pem") + ": no such file"},
	} {
		stdout, stderr, code := clasp(t, nil, append([]string{"server", "--port", "0", "--bind", "127.0.0.1"}, strings.Fields(test.args)...)...)
		if code != 78 || !strings.Contains(stderr, test.want) || strings.Contains(stdout, "://") {
			t.Errorf("%s: exit code %d, %q, %s", test.args, code, stdout, stderr)
		}
		environ := []string{} // the same, asked before it is started
		for i, words := 0, strings.Fields(test.args); i+1 < len(words); i += 2 {
			environ = append(environ, "CLASP_"+strings.ToUpper(strings.ReplaceAll(strings.TrimPrefix(words[i], "--"), "-", "_"))+"="+words[i+1])
		}
		if len(environ) == 0 {
			environ = append(environ, "CLASP_TLS_ENABLED=true")
		}
		if _, stderr, code := clasp(t, environ, "config", "validate", "--strict"); code != 78 || stderr == "" {
			t.Errorf("config validate with %q: exit code %d, %s", environ, code, stderr)
		}
	}
}

// TestTLSExpired: a router starts with an expired certificate and says so, a client is told what to do, and a new one ends it.
func TestTLSExpired(t *testing.T) {
	f, _, _ := initTLS(t)
	authority, err := cert.ReadFiles(f.file("ca.pem"), f.file("ca-key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	expired, err := cert.MakeServer(authority, []string{"127.0.0.1"}, 1, time.Now().Add(-48*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	write(t, f.file("cert.pem"), string(expired.Cert))
	write(t, f.file("key.pem"), string(expired.Key))
	s := f.serve(t)
	s.until(t, s.stdout.String, `level=ERROR msg="clients refuse the certificate" error="the certificate \S+cert.pem expired on `)
	if _, stderr, code := clasp(t, nil, "get", "/value", "--ca", f.file("ca.pem"), "--url", "wss://"+s.host(t)); code != 1 || !strings.Contains(stderr, "renew the router's certificate with: clasp tls init --renew") {
		t.Errorf("exit code %d, %s", code, stderr)
	}
	f.renewed(t)
	s.signal(t, syscall.SIGHUP)
	s.until(t, s.stdout.String, "configuration reloaded")
	works(t, s.dial(t), "renewed")
}

// TestTLSExposedKey: a key that everybody may read is said at the start.
func TestTLSExposedKey(t *testing.T) {
	f, _, _ := initTLS(t)
	if err := os.Chmod(f.file("key.pem"), 0o644); err != nil {
		t.Fatal(err)
	}
	s := f.serve(t)
	s.until(t, s.stdout.String, `level=WARN msg="every user of this machine may read or change the private key: take that right away, with chmod 600" path=`)
}

// certbot keeps the certificate of a folder as certbot does: behind links that each renewal, by its number, puts anew. It returns
// where the links are.
func (f tlsFolder) certbot(t *testing.T, root string, renewal int) (live string) {
	t.Helper()
	live, archive := filepath.Join(root, "live", "example.com"), filepath.Join(root, "archive", "example.com")
	for _, dir := range []string{live, archive} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for name, from := range map[string]string{"fullchain": "cert.pem", "privkey": "key.pem"} {
		numbered := fmt.Sprintf("%s%d.pem", name, renewal)
		if err := os.WriteFile(filepath.Join(archive, numbered), []byte(f.read(t, from)), 0o600); err != nil {
			t.Fatal(err)
		}
		link := filepath.Join(live, name+".pem")
		if err := os.Remove(link); err != nil && renewal > 1 {
			t.Fatal(err)
		}
		if err := os.Symlink(filepath.Join("..", "..", "archive", "example.com", numbered), link); err != nil {
			t.Fatal(err)
		}
	}
	return live
}

// TestProductionExample runs the production example of the reference page, with files and ports of this test.
func TestProductionExample(t *testing.T) {
	f, _, _ := initTLS(t, "--name", "example.com")
	letsencrypt := t.TempDir()
	live := f.certbot(t, letsencrypt, 1)
	secret := strings.Repeat("0123456789abcdef", 4)
	s := serve(t, nil, "--port", "0", "--bind", "127.0.0.1", // --port 7330
		"--tls", "--tls-cert", filepath.Join(live, "fullchain.pem"), "--tls-key", filepath.Join(live, "privkey.pem"),
		"--require-auth", "--token-secret", secret,
		"--persist", "--persist-path", filepath.Join(t.TempDir(), "state.db"),
		"--metrics", "--metrics-port", "0", // --metrics
		"--log-level", "info", "--log-format", "json")
	url := s.until(t, s.stdout.String, `"msg":"listening","transport":"WebSocket","urls":\["(wss://127\.0\.0\.1:\d+)/clasp"\]`)[1]
	token, stderr, code := clasp(t, []string{"CLASP_TOKEN_SECRET=" + secret}, "token", "create", "--read", "/lights/**", "--write", "/lights/**", "--expires", "1h")
	if code != 0 {
		t.Fatalf("token create: exit code %d, %s", code, stderr)
	}
	environ := []string{"CLASP_URL=" + url, "CLASP_CA=" + f.file("ca.pem")}
	holder := append(environ, "CLASP_TOKEN="+strings.TrimSpace(token))
	if _, stderr, code := clasp(t, holder, "set", "/lights/1", "0.5"); code != 0 {
		t.Errorf("set: exit code %d, %s", code, stderr)
	}
	if stdout, stderr, code := clasp(t, holder, "get", "/lights/1"); code != 0 || stdout != "0.5\n" {
		t.Errorf("get: exit code %d, %q, %s", code, stdout, stderr)
	}
	if _, stderr, code := clasp(t, holder, "set", "/pyro/1", "1"); code == 0 || !strings.Contains(stderr, "301") {
		t.Errorf("set where the token says nothing: exit code %d, %s", code, stderr)
	}
	if _, stderr, code := clasp(t, environ, "get", "/lights/1"); code == 0 || !strings.Contains(stderr, "300") {
		t.Errorf("get without a token: exit code %d, %s", code, stderr)
	}
	metrics := s.until(t, s.stdout.String, `"transport":"Metrics","urls":\["http://(127\.0\.0\.1:\d+)/metrics"\]`)[1]
	status := func(name string) string {
		t.Helper()
		return httpStatus(t, f, "https://"+name+url[strings.LastIndex(url, ":"):]+"/", strings.TrimPrefix(url, "wss://")) + ", " +
			httpStatus(t, f, "http://"+name+":9090/metrics", metrics)
	}
	if got := status("example.com"); got != "200, 200" {
		t.Errorf("by the name in the certificate: %s", got)
	}
	if got := status("stage.example.com"); got != "refused, 403" {
		t.Errorf("by another name: %s", got)
	}
	f.renewed(t, "--name", "stage.example.com")
	f.certbot(t, letsencrypt, 2)
	s.signal(t, syscall.SIGHUP)
	s.until(t, s.stdout.String, "configuration reloaded")
	if got := status("stage.example.com"); got != "200, 200" {
		t.Errorf("by the name in the new certificate: %s", got)
	}
	if said := s.stdout.String() + s.stderr.String(); strings.Contains(said, secret) || strings.Contains(said, strings.TrimSpace(token)) {
		t.Error("the log has the secret or the token in it")
	}
}

// httpStatus asks address for a page of a host, trusting a folder's authority. It is "refused" when there is no trust.
func httpStatus(t *testing.T, f tlsFolder, page, address string) string {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true, TLSClientConfig: f.trust(t),
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, address)
		},
	}}
	response, err := client.Get(page)
	if errors.As(err, new(x509.HostnameError)) {
		return "refused"
	}
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	return strconv.Itoa(response.StatusCode)
}
