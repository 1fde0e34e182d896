package config_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/config"
	"github.com/clasp-studio/clasp/router/address"
	"github.com/clasp-studio/clasp/router/sites"
)

// write makes a file in a fresh directory, changes there, and returns its name.
func write(t *testing.T, text string) string {
	t.Helper()
	t.Chdir(t.TempDir())
	if err := os.WriteFile("test.yaml", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return "test.yaml"
}

// flags makes Given of "name=value" pairs.
func flags(t *testing.T, pairs ...string) config.Given {
	t.Helper()
	var given config.Given
	for _, pair := range pairs {
		name, text, _ := strings.Cut(pair, "=")
		if err := given.Set(name, text); err != nil {
			t.Fatalf("--%s: %v", pair, err)
		}
	}
	return given
}

// problems loads and returns every problem as a line.
func problems(t *testing.T, given config.Given, environ ...string) []string {
	t.Helper()
	_, err := config.Load(given, environ)
	var all config.Problems
	if err != nil && !errors.As(err, &all) {
		t.Fatalf("error of type %T: %v", err, err)
	}
	var lines []string
	for _, p := range all {
		lines = append(lines, p.String())
	}
	return lines
}

func sameLines(t *testing.T, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

func TestReferencePageSample(t *testing.T) {
	sample, err := os.ReadFile("testdata/reference.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if page, err := os.ReadFile("../../shared/reference-page.md"); err != nil {
		t.Logf("not compared with the page itself: %v", err)
	} else if !strings.Contains(string(page), "```yaml\n"+string(sample)+"```\n") {
		t.Error("testdata/reference.yaml is not the sample file of the reference page")
	}

	loaded, err := config.Load(flags(t, "config=testdata/reference.yaml"), []string{"TOKEN_SECRET=abc"})
	if err != nil {
		t.Fatal(err)
	}
	got, want := loaded.Config, config.Config{
		Name:      loaded.Config.Name,
		Port:      7330,
		Bind:      "0.0.0.0",
		TCP:       config.Listener{Port: 7332},
		QUIC:      config.Listener{Port: 7330},
		UDP:       config.Listener{Port: 7331},
		TLS:       config.TLS{Enabled: true, Cert: "/path/to/cert.pem", Key: "/path/to/key.pem"},
		Discovery: config.Discovery{MDNS: config.MDNS{Enabled: true, Name: "Studio Router"}, UDP: config.Listener{Enabled: true, Port: 7331}},
		Security: config.Security{RequireAuth: true, TokenSecret: "abc", Pairing: config.Pairing{Timeout: 5 * time.Minute,
			Approval: "pin", Lobby: true, Grace: 10 * time.Minute, MaxPINs: 1, Default: config.Rights{Read: []string{"/**"}, Write: []string{"/**"}}}},
		Limits: config.Limits{MaxConnections: 10000, MaxMessageSize: 65536, MaxSubscriptions: 1000,
			MaxParams: 1000000, WelcomeSnapshot: 10000, SessionTimeout: 5 * time.Minute},
		Persistence: config.Persistence{Enabled: true, Path: "/var/lib/clasp/state.db", SyncInterval: 5 * time.Second},
		Logging:     config.Logging{Level: "info", Format: "json"},
		Metrics:     config.Listener{Enabled: true, Port: 9090},
		File:        "testdata/reference.yaml",
		TUI:         config.TUI{Mode: "off", Theme: "auto", Notify: true},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if got.Name == "" {
		t.Error("no name")
	}

	// The secret is the only thing a machine has to bring along.
	sameLines(t, problems(t, flags(t, "config=testdata/reference.yaml")), []string{
		"testdata/reference.yaml:18:19: server.security.token_secret: environment variable TOKEN_SECRET is not set; set it, or write ${TOKEN_SECRET:-default}",
	})
}

func TestAllFileProblemsAtOnce(t *testing.T) {
	file := write(t, `server:
  port: abc
  prot: 7331
  bind: [0.0.0.0]
  tls: true
  quic:
    port: 99999
    enabled: maybe
  limits:
    max_connection: 5
    max_subscriptions: 10
    max_subscriptions_per_client: 20
    max_params:
    max-message-size: 100
  log_level: debug
  logging:
    level: wran
    level: info
    format: "xml"
  conflicts:
    - pattern: lights
      strategy: maximum
    - {pattern: /a}
    - {pattern: /a, strategy: max, why: because}
    - 5
  persistence:
    exclude: [/strobe/**, pyro, /5, {a: 1}, "", /strobe/**]
  name: ${NOBODY_SETS_THIS}
  [a, b]: 1
max_params: 5
sever:
  x: 1
`)
	_, badPattern := address.Compile("lights")
	_, badExclude := address.Compile("pyro")
	_, noExclude := address.Compile("")
	sameLines(t, problems(t, flags(t, "config="+file), "CLASP_METRICS_PORT=many", "CLASP_LOG_LEVEL=loud"), []string{
		`test.yaml:2:9: server.port: "abc" is not a whole number`,
		`test.yaml:3:3: unknown key "prot" in server, did you mean server.port?`,
		`test.yaml:4:9: server.bind: expected one value, found a list`,
		`test.yaml:5:8: server.tls: expected keys below it (enabled, cert, key), found a single value`,
		`test.yaml:7:11: server.quic.port: 99999 is not between 0 and 65535`,
		`test.yaml:8:14: server.quic.enabled: "maybe" is neither true nor false`,
		`test.yaml:10:5: unknown key "max_connection" in server.limits, did you mean server.limits.max_connections?`,
		`test.yaml:12:5: server.limits.max_subscriptions_per_client: already given as server.limits.max_subscriptions on line 11`,
		`test.yaml:13:16: server.limits.max_params: has no value; give one or remove the key`,
		`test.yaml:14:5: unknown key "max-message-size" in server.limits, did you mean server.limits.max_message_size?`,
		`test.yaml:15:3: unknown key "log_level" in server, did you mean server.logging.level?`,
		`test.yaml:17:12: server.logging.level: "wran" is not one of error, warn, info, debug, trace, did you mean warn?`,
		`test.yaml:18:5: key "level" is already given on line 17`,
		`test.yaml:19:13: server.logging.format: "xml" is not one of text, json`,
		`test.yaml:21:16: server.conflicts[0].pattern: ` + badPattern.Error(),
		`test.yaml:22:17: server.conflicts[0].strategy: "maximum" is not one of lww, max, min, lock`,
		`test.yaml:23:7: server.conflicts[1]: the key "strategy" is missing`,
		`test.yaml:24:17: server.conflicts[2].pattern: /a is already given on line 23`,
		`test.yaml:24:36: unknown key "why" in server.conflicts[2]`,
		`test.yaml:25:7: server.conflicts[3]: expected keys, found a single value`,
		`test.yaml:27:27: server.persistence.exclude[1]: ` + badExclude.Error(),
		`test.yaml:27:37: server.persistence.exclude[3]: expected one value, found keys`,
		`test.yaml:27:45: server.persistence.exclude[4]: ` + noExclude.Error(),
		`test.yaml:27:49: server.persistence.exclude[5]: /strobe/** is already given on line 27`,
		`test.yaml:28:9: server.name: environment variable NOBODY_SETS_THIS is not set; set it, or write ${NOBODY_SETS_THIS:-default}`,
		`test.yaml:29:3: server: a key must be a word, found a list`,
		`test.yaml:30:1: unknown key "max_params", did you mean server.limits.max_params?`,
		`test.yaml:31:1: unknown key "sever", did you mean server?`,
		`CLASP_LOG_LEVEL: "loud" is not one of error, warn, info, debug, trace`,
		`CLASP_METRICS_PORT: "many" is not a whole number`,
	})
}

func TestNotYAML(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"tab", "server:\n  port: 1\n\tbind: x\n", "test.yaml:3:1: is not YAML: a tab cannot indent, use spaces"},
		{"colon", "server:\n  port: 1\n  bind 2\n  name: x\n", "test.yaml:3:3: is not YAML: could not find expected ':'"},
		{"quote", "server:\n  name: \"abc\n", "test.yaml:"},
		{"documents", "server:\n  port: 1\n---\nserver:\n  port: 2\n", "test.yaml:3:1: a second document starts here; put everything in the first"},
		{"list", "- server\n", "test.yaml:1:1: the file: expected keys, found a list"},
		{"word", "server", "test.yaml:1:1: the file: expected keys, found a single value"},
		{"anchor", "server: &a\n  tls: *a\n", `test.yaml:2:3: unknown key "tls" in server.tls`},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := problems(t, flags(t, "config="+write(t, test.text)))
			if len(got) != 1 || !strings.HasPrefix(got[0], test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestEmptyFiles(t *testing.T) {
	for _, text := range []string{"", "# nothing\n", "---\n", "server:\n", "server: {}\n", "{}\n", "server:\n  tls:\n  limits:\n    # max_params: 1\n"} {
		if got := problems(t, flags(t, "config="+write(t, text))); len(got) > 0 {
			t.Errorf("%q: %q", text, got)
		}
	}
}

func TestExpansion(t *testing.T) {
	environ := []string{"A=one", "EMPTY=", "PORT=8000", "ON=yes", "D=$A ${A}"}
	for _, test := range []struct{ value, want, problem string }{
		{`${A}`, "one", ""},
		{`"x ${A} y ${A}"`, "x one y one", ""},
		{`'${A}'`, "one", ""},
		{`${NONE:-two}`, "two", ""},
		{`${EMPTY:-two}`, "two", ""},
		{`"${NONE:-a:-b}"`, "a:-b", ""},
		{`x${NONE:-}`, "x", ""},
		{`$${A} costs 5$ $A`, "${A} costs 5$ $A", ""},
		{`${D}`, "$A ${A}", ""}, // what a variable holds is not expanded again
		{`${NONE}`, "", "environment variable NONE is not set; set it, or write ${NONE:-default}"},
		{`${EMPTY}`, "", "environment variable EMPTY is not set; set it, or write ${EMPTY:-default}"},
		{`${NONE:-}`, "", "is empty; leave it out or give a value"},
		{`${1x}`, "", "${1x} does not name an environment variable; write $$ for a dollar sign"},
		{`${A`, "", "${ has no closing }; write $$ for a dollar sign"},
		{`"${NONE:-${A}}"`, "", "${NONE} has another ${ inside its default, which is not supported"},
	} {
		t.Run(test.value, func(t *testing.T) {
			file := write(t, "server:\n  name: "+test.value+"\n  port: ${PORT}\n  tls: {enabled: '${NONE:-no}'}\n")
			loaded, err := config.Load(flags(t, "config="+file), environ)
			if test.problem != "" {
				if err == nil || err.Error() != "test.yaml:2:9: server.name: "+test.problem {
					t.Errorf("got %v, want %s", err, test.problem)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if c := loaded.Config; c.Name != test.want || c.Port != 8000 || c.TLS.Enabled {
				t.Errorf("got %q, port %d, TLS %v; want %q, 8000, false", c.Name, c.Port, c.TLS.Enabled, test.want)
			}
		})
	}
}

func TestContradictions(t *testing.T) {
	const nobody = "nobody could ever authenticate: give a --token-secret-file, --token-secret or --token-public-key, or turn on --pairing"
	for _, test := range []struct {
		name  string
		flags []string
		want  []string
	}{
		{"quic without TLS", []string{"quic=true"},
			[]string{"--quic: QUIC needs TLS: give a certificate and a key (--tls-cert and --tls-key), or leave QUIC out"}},
		{"quic with TLS", []string{"quic=true", "tls-cert=c", "tls-key=k"}, nil},
		{"certificate alone", []string{"tls-cert=c"}, []string{"--tls-cert: a certificate without its private key: give --tls-key (tls.key) too"}},
		{"key alone", []string{"tls=true", "tls-key=k"}, []string{"--tls-key: a private key without its certificate: give --tls-cert (tls.cert) too"}},
		{"TLS alone", []string{"tls=true"}, []string{"--tls: TLS needs a certificate and its private key: give --tls-cert and --tls-key (tls.cert, tls.key)"}},
		{"nobody can authenticate", []string{"require-auth=true"}, []string{"--require-auth: " + nobody}},
		{"secret", []string{"require-auth=true", "token-secret=s"}, nil},
		{"secret file", []string{"require-auth=true", "token-secret-file=s"}, nil},
		{"public key", []string{"require-auth=true", "token-public-key=s"}, nil},
		{"pairing", []string{"require-auth=true", "pairing=true"}, nil},
		{"secret twice", []string{"token-secret=s", "token-secret-file=f"},
			[]string{"--token-secret-file: the secret is given twice: keep the file or the secret itself, not both"}},
		{"longest name", []string{"name=" + strings.Repeat("ü", 127) + "x"}, nil},
		{"name too long", []string{"name=" + strings.Repeat("ü", 128)}, []string{"--name: a name of 256 bytes: 255 are the limit"}},
		{"name that is not text", []string{"name=St\xfcdio"}, []string{`--name: "St\xfcdio" is not UTF-8 text`}},
		{"name with an escape sequence", []string{"name=a\x1b[2J"}, []string{`--name: "a\x1b[2J" has a control character in it`}},
		{"name with a line break", []string{"name=a\nb"}, []string{`--name: "a\nb" has a control character in it`}},
		{"bind to a name", []string{"bind=studio.local"},
			[]string{`--bind: "studio.local" is not an IP address; use 0.0.0.0 for every network card (:: for IPv6 too), 127.0.0.1 for this machine only, or one card's address`}},
		{"bind with a port", []string{"bind=0.0.0.0:7330"},
			[]string{`--bind: "0.0.0.0:7330" has a port in it: give only the address here and the port with --port (port)`}},
		{"bind to localhost", []string{"bind=localhost"}, nil},
		{"bind to IPv6", []string{"bind=::"}, nil},
		{"metrics on the WebSocket port", []string{"port=9090", "metrics=true"},
			[]string{"--port: port 9090 cannot serve both WebSocket (--port) and metrics (--metrics-port): change one of them"}},
		{"metrics off", []string{"port=9090"}, nil},
		{"TCP on the WebSocket port", []string{"tcp=true", "tcp-port=7330"},
			[]string{"--tcp-port: port 7330 cannot serve both WebSocket (--port) and TCP (--tcp-port): change one of them"}},
		{"metrics on the TCP port", []string{"tcp=true", "metrics=true", "metrics-port=7332"},
			[]string{"--metrics-port: port 7332 cannot serve both TCP (--tcp-port) and metrics (--metrics-port): change one of them"}},
		{"UDP on the QUIC port", []string{"port=7331", "quic=true", "tls-cert=c", "tls-key=k", "udp=true"},
			[]string{"--udp: port 7331 cannot serve both QUIC (--quic-port) and UDP (--udp-port): change one of them"}},
		{"discovery on the QUIC port", []string{"quic=true", "quic-port=7331", "tls-cert=c", "tls-key=k", "mdns=true"},
			[]string{"--quic-port: port 7331 cannot serve both QUIC (--quic-port) and discovery (--discovery-port): change one of them"}},
		{"UDP on the port of multicast DNS", []string{"mdns=true", "udp=true", "udp-port=5353"},
			[]string{"--udp-port: port 5353 cannot serve both multicast DNS (--mdns) and UDP (--udp-port): change one of them"}},
		{"QUIC on the port of multicast DNS", []string{"mdns=true", "quic=true", "quic-port=5353", "tls-cert=c", "tls-key=k"},
			[]string{"--quic-port: port 5353 cannot serve both multicast DNS (--mdns) and QUIC (--quic-port): change one of them"}},
		{"QUIC beside WebSocket on the port of multicast DNS", []string{"mdns=true", "quic=true", "port=5353", "tls-cert=c", "tls-key=k"},
			[]string{"--mdns: port 5353 cannot serve both multicast DNS (--mdns) and QUIC (--quic-port): change one of them"}},
		{"discovery on the port of multicast DNS", []string{"mdns=true", "discovery-port=5353"},
			[]string{"--discovery-port: port 5353 cannot serve both multicast DNS (--mdns) and discovery (--discovery-port): change one of them"}},
		{"that port without multicast DNS", []string{"udp=true", "udp-port=5353"}, nil},
		{"that port by TCP", []string{"mdns=true", "port=5353"}, nil},
		{"UDP and discovery share a socket", []string{"udp=true", "mdns=true"}, nil},
		{"UDP and TCP are different ports", []string{"udp=true", "udp-port=7330"}, nil},
		{"log and database in one file", []string{"persist=true", "persist-path=./x", "log-file=x"},
			[]string{"--log-file: the log and the database cannot be the same file: change one of them"}},
		{"log and database without persistence", []string{"persist-path=x", "log-file=x"}, nil},
		{"any free port", []string{"port=0", "metrics=true", "metrics-port=0"}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			sameLines(t, problems(t, flags(t, test.flags...)), test.want)
		})
	}
}

// TestNoSpuriousContradiction: a value that could not be read is one problem,
// not two.
func TestNoSpuriousContradiction(t *testing.T) {
	file := write(t, "server:\n  tls: {cert: '${NONE}', key: k}\n  security: {require_auth: true, token_secret: '${NONE}'}\n  bind: ''\n")
	got := problems(t, flags(t, "config="+file))
	if len(got) != 3 {
		t.Errorf("got %q, want 3 problems", got)
	}
}

func TestImpliedSwitches(t *testing.T) {
	for _, test := range []struct {
		name           string
		file           string
		environ, flags []string
		tls, responder bool
	}{
		{name: "nothing"},
		{name: "certificate and key", flags: []string{"tls-cert=c", "tls-key=k"}, tls: true},
		{name: "by environment", environ: []string{"CLASP_TLS_CERT=c", "CLASP_TLS_KEY=k"}, tls: true},
		{name: "from a file", file: "tls: {cert: c, key: k}", tls: true},
		{name: "switched off beside them", file: "tls: {cert: c, key: k, enabled: false}"},
		{name: "switched off by flag", file: "tls: {cert: c, key: k, enabled: true}", flags: []string{"tls=false"}},
		{name: "flags over a file that says no", file: "tls: {enabled: false}", flags: []string{"tls-cert=c", "tls-key=k"}, tls: true},
		{name: "only one flag over it", file: "tls: {enabled: false, key: k}", flags: []string{"tls-cert=c"}},
		{name: "discovery port flag", flags: []string{"discovery-port=7331"}, responder: true},
		{name: "discovery port in a file", file: "discovery: {udp: {port: 7331}}"},
		{name: "discovery in a file", file: "discovery: {udp: {enabled: true}}", responder: true},
		{name: "mdns", flags: []string{"mdns=true"}, responder: true},
		{name: "mdns without it", file: "discovery: {mdns: {enabled: true}, udp: {enabled: false}}"},
	} {
		t.Run(test.name, func(t *testing.T) {
			file := write(t, "server:\n  "+test.file+"\n")
			loaded, err := config.Load(flags(t, append(test.flags, "config="+file)...), test.environ)
			if err != nil {
				t.Fatal(err)
			}
			if c := loaded.Config; c.TLS.Enabled != test.tls || c.Discovery.UDP.Enabled != test.responder {
				t.Errorf("TLS %v, discovery %v", c.TLS.Enabled, c.Discovery.UDP.Enabled)
			}
		})
	}
}

func TestWhichFile(t *testing.T) {
	dir, home := t.TempDir(), t.TempDir()
	t.Chdir(dir)
	environ := []string{"HOME=" + home}
	put := func(path, name string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("server:\n  name: "+name+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want := func(name string, given config.Given, environ ...string) {
		t.Helper()
		loaded, err := config.Load(given, environ)
		if err != nil || loaded.Config.Name != name {
			t.Errorf("got %q from %q, error %v; want %q", loaded.Config.Name, loaded.Config.File, err, name)
		}
	}
	put(filepath.Join(home, ".config", "clasp", "config.yaml"), "home")
	want("home", config.Given{}, environ...)
	put("clasp.yaml", "here")
	want("here", config.Given{}, environ...)
	put("other.yaml", "other")
	want("other", config.Given{}, append(environ, "CLASP_CONFIG=other.yaml")...)
	put("flag.yaml", "flag")
	want("flag", flags(t, "config=flag.yaml"), append(environ, "CLASP_CONFIG=other.yaml")...)

	sameLines(t, problems(t, flags(t, "config=none.yaml"), environ...), []string{
		"none.yaml: cannot read the configuration: no such file or directory"})
	sameLines(t, problems(t, config.Given{}, "CLASP_CONFIG="+dir), []string{
		dir + ": cannot read the configuration: not a regular file: it is read again while the router runs, so name the file itself, not a directory, a pipe or <(...)"})
}

func TestEnvironment(t *testing.T) {
	t.Chdir(t.TempDir())
	loaded, err := config.Load(config.Given{}, []string{
		"CLASP_PROT=1", "CLASP_SOMETHING_ELSE=1", "CLASP_CONFIG=", "CLASP_LOG_LEVEL=debug", "CLASP_LOGGING_LEVEL=debug", "OTHER=1",
		"CLASP_URL=ws://studio:7330", "CLASP_TOKEN=t",
	})
	if err != nil {
		t.Fatal(err)
	}
	sameLines(t, loaded.Warnings, []string{
		"environment variable CLASP_CONFIG is empty and was ignored",
		"environment variable CLASP_PROT is no option and was ignored, did you mean CLASP_PORT?",
		"environment variable CLASP_SOMETHING_ELSE is no option and was ignored",
	})
	sameLines(t, problems(t, config.Given{}, "CLASP_LOG_LEVEL=debug", "CLASP_LOGGING_LEVEL=info"), []string{
		"CLASP_LOGGING_LEVEL: differs from CLASP_LOG_LEVEL, which means the same; set only one of them"})
}

func TestFlagValues(t *testing.T) {
	for _, test := range []struct{ flag, text, want string }{
		{"port", "abc", `"abc" is not a whole number`},
		{"port", "70000", "70000 is not between 0 and 65535"},
		{"port", "99999999999999999999", "99999999999999999999 is not between 0 and 65535"},
		{"tls", "maybe", `"maybe" is neither true nor false`},
		{"log-level", "infos", `"infos" is not one of error, warn, info, debug, trace, did you mean info?`},
		{"token-secret", "", "is empty; leave it out or give a value"},
		{"tls-cert", "", "is empty; leave it out or give a value"},
		{"persist-path", "", "is empty; leave it out or give a value"},
		{"persist-interval", "0", "0 is not between 1 and 86400"},
		{"session-timeout", "5m", `"5m" is not a whole number`},
		{"nonsense", "1", "no flag --nonsense"},
		{"", "1", "no flag --"},
	} {
		var given config.Given
		if err := given.Set(test.flag, test.text); err == nil || err.Error() != test.want {
			t.Errorf("--%s %q: got %v, want %s", test.flag, test.text, err, test.want)
		}
	}
}

func TestMissing(t *testing.T) {
	file := write(t, "server:\n  tls: {cert: no.pem, key: test.yaml}\n  logging: {file: nowhere/x.log}\n")
	if err := os.WriteFile("empty", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	loaded, err := config.Load(flags(t, "config="+file, "token-public-key=no.key", "token-secret-file=empty"), nil)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range loaded.Missing() {
		got = append(got, p.String())
	}
	sameLines(t, got, []string{
		"test.yaml:2:15: server.tls.cert: no.pem: no such file or directory",
		"--token-secret-file: empty: the file is empty",
		"--token-public-key: no.key: no such file or directory",
		"test.yaml:3:19: server.logging.file: nowhere/x.log: there is no directory nowhere; create it or choose another file",
	})
}

// TestDashboard: how --tui may be said, and the keys of a file.
func TestDashboard(t *testing.T) {
	t.Chdir(t.TempDir())
	for flag, want := range map[string]string{"true": "on", "on": "on", "yes": "on", "auto": "auto", "off": "off", "false": "off", "": "off"} {
		var given []string
		if flag != "" {
			given = []string{"tui=" + flag}
		}
		if got := taken(t, given...).TUI.Mode; got != want {
			t.Errorf("--tui=%s: %q, want %q", flag, got, want)
		}
	}
	if err := new(config.Given).Set("tui", "atuo"); err == nil || !strings.Contains(err.Error(), "did you mean auto?") {
		t.Errorf("--tui=atuo: %v", err)
	}
	if err := new(config.Given).Set("tui-fps", "31"); err == nil || err.Error() != "31 is not between 0 and 30" {
		t.Errorf("--tui-fps 31: %v", err)
	}
	file := "server:\n  tui:\n    theme: mono\n    notify: false\n    keys: {detach: [D, ctrl+g], freeze: f, mouse: []}\n"
	if err := os.WriteFile("clasp.yaml", []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	want := config.TUI{Mode: "off", Theme: "mono", Keys: map[string][]string{"detach": {"D", "ctrl+g"}, "freeze": {"f"}, "mouse": {}}}
	loaded, err := config.Load(config.Given{}, nil)
	if err != nil || !reflect.DeepEqual(loaded.Config.TUI, want) {
		t.Errorf("%+v, %v, want %+v", loaded.Config.TUI, err, want)
	}
	// What is printed is a file again.
	var printed bytes.Buffer
	if err := loaded.WriteYAML(&printed, false); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("clasp.yaml", printed.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	if again, err := config.Load(config.Given{}, nil); err != nil || !reflect.DeepEqual(again.Config.TUI, want) {
		t.Errorf("printed and loaded again: %v\n%s", err, printed.String())
	}
	if err := os.WriteFile("clasp.yaml", []byte("server:\n  tui:\n    keys: {detach: {}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := config.Load(config.Given{}, nil); err == nil || err.Error() != "clasp.yaml:3:20: server.tui.keys.detach[0]: expected one value, found keys" {
		t.Errorf("keys that are none: %v", err)
	}
}

// taken is the configuration of these flags alone.
func taken(t *testing.T, pairs ...string) config.Config {
	t.Helper()
	loaded, err := config.Load(flags(t, pairs...), nil)
	if err != nil {
		t.Fatal(err)
	}
	return loaded.Config
}

func TestChanges(t *testing.T) {
	t.Chdir(t.TempDir())
	before := taken(t, "port=1", "token-secret=a")
	before.Limits.MaxConnectionsPerIP = 7
	after := taken(t, "port=2", "token-secret=b", "max-connections=5", "log-level=debug", "log-format=json", "session-timeout=1")
	after.Conflicts = []config.Conflict{{Pattern: "/a", Strategy: "max"}}
	after.Persistence.Exclude = []string{"/pyro/**"}
	after.Security.RequireAuth, after.Security.TokenIssuer, after.Security.TokenAudience = true, "i", "a"
	after.Security.RevokedTokens, after.Security.AllowedOrigins = []string{"x"}, []string{"same"}
	live, restart := config.Changes(before, after, nil)
	sameLines(t, live, []string{"security.require_auth", "security.token_secret", "security.token_issuer", "security.token_audience",
		"security.revoked_tokens", "security.allowed_origins", "limits.max_connections", "limits.max_connections_per_ip",
		"limits.session_timeout", "conflicts", "logging.level"})
	sameLines(t, restart, []string{"port", "persistence.exclude", "logging.format"})

	// After the reload only what waits for a restart is left to change.
	live, restart = config.Changes(before.WithLive(after), after, nil)
	sameLines(t, live, nil)
	sameLines(t, restart, []string{"port", "persistence.exclude", "logging.format"})
	if live, restart := config.Changes(after, after, nil); live != nil || restart != nil {
		t.Errorf("a configuration differs from itself: %q %q", live, restart)
	}
}

// TestChangesOfFollower: the port of QUIC is named when it was said itself, before or after.
func TestChangesOfFollower(t *testing.T) {
	t.Chdir(t.TempDir())
	follows, own := taken(t, "port=1"), taken(t, "port=2", "quic-port=3")
	_, restart := config.Changes(follows, taken(t, "port=2"), nil)
	sameLines(t, restart, []string{"port"})
	for _, pair := range [][2]config.Config{{follows, own}, {own, follows}} {
		_, restart := config.Changes(pair[0], pair[1], nil)
		sameLines(t, restart, []string{"port", "quic.port"})
	}
}

// TestChangesOfCertificate: another certificate takes effect only where one is shown before and after.
func TestChangesOfCertificate(t *testing.T) {
	t.Chdir(t.TempDir())
	plain, one, two := taken(t), taken(t, "tls-cert=a", "tls-key=b"), taken(t, "tls-cert=c", "tls-key=b")
	live, restart := config.Changes(one, two, []string{"tls.key"})
	sameLines(t, live, []string{"tls.cert", "tls.key"})
	sameLines(t, restart, nil)
	if got := one.WithLive(two).TLS; got != two.TLS {
		t.Errorf("in force: %+v", got)
	}
	all := []string{"tls.enabled", "tls.cert", "tls.key"}
	for _, pair := range [][2]config.Config{{plain, one}, {one, plain}} {
		live, restart := config.Changes(pair[0], pair[1], nil)
		sameLines(t, live, nil)
		sameLines(t, restart, all)
		if got := pair[0].WithLive(pair[1]).TLS; got != pair[0].TLS {
			t.Errorf("in force: %+v", got)
		}
	}
}

// TestChangedFiles: a file that holds something else is a change of the option that names it.
func TestChangedFiles(t *testing.T) {
	t.Chdir(t.TempDir())
	put := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("secret", "one")
	put("key", "two")
	loaded, err := config.Load(flags(t, "token-secret-file=secret", "token-public-key=key", "log-file=log"), nil)
	if err != nil {
		t.Fatal(err)
	}
	c := loaded.Config
	before := c.Files()
	sameLines(t, before.Changed(c.Files()), nil)
	put("secret", "three")
	put("log", "is written all the time")
	changed := before.Changed(c.Files())
	sameLines(t, changed, []string{"security.token_secret_file"})
	live, restart := config.Changes(c, c, changed)
	sameLines(t, live, changed)
	sameLines(t, restart, nil)
	if err := os.Remove("key"); err != nil {
		t.Fatal(err)
	}
	sameLines(t, before.Changed(c.Files()), []string{"security.token_secret_file", "security.token_public_key"})
}

// TestSecurityLists: what cannot be one of a token's texts or an origin is refused where it stands.
func TestSecurityLists(t *testing.T) {
	file := write(t, `server:
  security:
    token_issuer: " padded"
    token_audience: "a\tb"
    revoked_tokens: [good, "", "a\nb", good]
    allowed_origins: [same, any, https://a.example, "https://*.b.example:8443", a.example, https://a.example/path]
  limits:
    max_connections_per_ip: -1
`)
	sameLines(t, problems(t, flags(t, "config="+file)), []string{
		`test.yaml:3:19: server.security.token_issuer: " padded" is empty or has a space at an end`,
		`test.yaml:4:21: server.security.token_audience: "a\tb" has a control character in it`,
		`test.yaml:5:28: server.security.revoked_tokens[1]: "" is empty or has a space at an end`,
		`test.yaml:5:32: server.security.revoked_tokens[2]: "a\nb" has a control character in it`,
		`test.yaml:5:40: server.security.revoked_tokens[3]: good is already given on line 5`,
		`test.yaml:6:81: server.security.allowed_origins[4]: ` + sites.Check("a.example").Error(),
		`test.yaml:6:92: server.security.allowed_origins[5]: ` + sites.Check("https://a.example/path").Error(),
		`test.yaml:8:29: server.limits.max_connections_per_ip: -1 is not between 0 and 1000000`,
	})
	const rest = "token_issuer: i, token_audience: a, revoked_tokens: [x, y], allowed_origins: [same]}, limits: {max_connections_per_ip: 3}}"
	sameLines(t, problems(t, flags(t, "config="+write(t, "server: {security: {"+rest))), []string{
		"test.yaml:1:35: server.security.token_issuer: without a key no token is looked at: give a --token-secret-file, --token-secret or --token-public-key",
	})
	file = write(t, "server: {security: {token_public_key: k, "+rest)
	loaded, err := config.Load(flags(t, "config="+file), nil)
	if err != nil {
		t.Fatal(err)
	}
	want := config.Security{TokenPublicKey: "k", TokenIssuer: "i", TokenAudience: "a", RevokedTokens: []string{"x", "y"}, AllowedOrigins: []string{"same"}, Pairing: loaded.Config.Security.Pairing}
	if s := loaded.Config.Security; !reflect.DeepEqual(s, want) || loaded.Config.Limits.MaxConnectionsPerIP != 3 {
		t.Errorf("got %+v, limits %+v", s, loaded.Config.Limits)
	}
}

// TestShownSecret: a secret on the command line is seen by ps, and only that one is warned of.
func TestShownSecret(t *testing.T) {
	t.Chdir(t.TempDir())
	loaded, err := config.Load(flags(t, "token-secret=tiger"), nil)
	if err != nil {
		t.Fatal(err)
	}
	sameLines(t, loaded.Warnings, []string{"--token-secret shows the secret to everybody who lists the processes of this machine (ps): use --token-secret-file or CLASP_TOKEN_SECRET"})
	file := write(t, "server: {security: {token_secret: '${S}'}}")
	for _, given := range []config.Given{flags(t, "config="+file), flags(t, "config="+file, "token-secret-file=f")} {
		loaded, _ := config.Load(given, []string{"S=tiger", "CLASP_TOKEN_SECRET="}) // contradictions aside
		if slices.ContainsFunc(loaded.Warnings, func(w string) bool { return strings.Contains(w, "(ps)") }) {
			t.Errorf("warned of a secret that nobody sees: %q", loaded.Warnings)
		}
	}
}

// TestSecretInWords: whatever is wrong with a secret, no message has it, and each says what to do.
func TestSecretInWords(t *testing.T) {
	for _, test := range []struct{ value, want string }{
		{` *S3CRET`, "test.yaml:3:19: is not YAML: an alias (*) of nothing in this file; put a value that begins with * in quotes"},
		{` "${X S3CRET}"`, "test.yaml:3:19: server.security.token_secret: has a ${ that does not lead to a variable that is set; write $$ for a dollar sign"},
		{` abc${S3CRET:?x}`, "test.yaml:3:19: server.security.token_secret: has a ${"},
		{` abc${S3CRET}`, "test.yaml:3:19: server.security.token_secret: has a ${"},
		{` ${S3CRET:-${B}}`, "test.yaml:3:19: server.security.token_secret: has a ${"},
		{` ${S3CRET`, "test.yaml:3:19: server.security.token_secret: has a ${"},
		{` &S3CRET`, "test.yaml:3:19: server.security.token_secret: has no value"},
		{` !S3CRET`, "test.yaml:3:19: server.security.token_secret: is empty"},
		{` [S3CRET]`, "test.yaml:3:19: server.security.token_secret: expected one value"},
		{` {S3CRET: x}`, "test.yaml:3:19: server.security.token_secret: expected one value"},
		{` @S3CRET`, "test.yaml:3:5: is not YAML: "},
		{` S3CRET: x`, "test.yaml:3:5: is not YAML: "},
		{`:S3CRET: x`, `test.yaml:3:5: unknown key "token_secret…" in server.security`},
		{` a, token_secret S3CRET: b}`, "test.yaml:3:5: is not YAML: "},
		{`? S3CRET: x`, `test.yaml:3:5: unknown key "token_secret…" in server.security`},
	} {
		got := problems(t, flags(t, "config="+write(t, "server:\n  security:\n    token_secret:"+test.value+"\n")))
		if len(got) != 1 || !strings.HasPrefix(got[0], test.want) || strings.Contains(got[0], "S3CRET") {
			t.Errorf("%s: %q, want %q", test.value, got, test.want)
		}
	}
	file := write(t, "server: {security: {token_secret:S3CRET, token_secret S3CRET: x, token_secret S3CRET: y}}\n")
	if got := problems(t, flags(t, "config="+file)); len(got) == 0 || strings.Contains(strings.Join(got, "\n"), "S3CRET") {
		t.Errorf("keys: %q", got)
	}
}

// TestOpens: what would let everybody in waits for a restart, with all that says who may connect.
func TestOpens(t *testing.T) {
	with := func(required bool, secret, revoked string) config.Config {
		return config.Config{Security: config.Security{RequireAuth: required, TokenSecret: config.Secret(secret), RevokedTokens: []string{revoked}}}
	}
	closed, open := with(true, "a", "x"), with(false, "", "y")
	open.Limits.MaxParams = 1
	live, restart := config.Changes(closed, open, []string{"security.token_secret_file"})
	sameLines(t, live, []string{"limits.max_params"})
	sameLines(t, restart, []string{"security.require_auth", "security.token_secret", "security.token_secret_file", "security.revoked_tokens"})
	after := closed.WithLive(open)
	if want := with(true, "a", "x").Security; !reflect.DeepEqual(after.Security, want) || after.Limits.MaxParams != 1 {
		t.Errorf("in force: %+v", after)
	}
	live, restart = config.Changes(open, closed, nil)
	sameLines(t, live, []string{"security.require_auth", "security.token_secret", "security.revoked_tokens", "limits.max_params"})
	sameLines(t, restart, nil)
}

func TestFromFile(t *testing.T) {
	for text, want := range map[string]bool{"": false, "server:\n": false, "server: {tls: {}}\n": false, "server: {port: 1}\n": true, "server: {conflicts: []}\n": true} {
		loaded, err := config.Load(flags(t, "config="+write(t, text), "log-level=debug"), []string{"CLASP_NAME=n"})
		if err != nil {
			t.Fatal(err)
		}
		if got := loaded.FromFile(); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

// TestMDNSName: without a name of its own multicast DNS has the router's, and follows it.
func TestMDNSName(t *testing.T) {
	load := func(given ...string) config.Config {
		t.Helper()
		loaded, err := config.Load(flags(t, given...), nil)
		if err != nil {
			t.Fatal(err)
		}
		return loaded.Config
	}
	t.Chdir(t.TempDir())
	none, desk, both := load(), load("name=Desk"), load("name=Desk", "mdns-name=Studio")
	if none.Discovery.MDNS.Name != none.Name || desk.Discovery.MDNS.Name != "Desk" || both.Discovery.MDNS.Name != "Studio" {
		t.Errorf("named %q, %q, %q", none.Discovery.MDNS.Name, desk.Discovery.MDNS.Name, both.Discovery.MDNS.Name)
	}
	_, restart := config.Changes(none, desk, nil)
	sameLines(t, restart, []string{"name"})
}
