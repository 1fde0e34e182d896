package config_test

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/clasp-studio/clasp/config"
)

const everyKind = `server:
  name: "a $$ \" # : \u00e9"
  bind: 127.0.0.1
  security: {token_secret: hunter2, pairing: {timeout: 60, default_permissions: {write: [/a]}, profiles: {crew: {write: ["/$$/{device}"], no_pin: yes}}}}
  conflicts:
    - {pattern: "/lights/**", strategy: max}
    - {pattern: /a, strategy: lock}
  persistence:
    exclude:
      - /strobe/**
      - "/pyro $$/*"
  logging: {file: x.log}
`

func TestPrintLoadsAgain(t *testing.T) {
	loaded, err := config.Load(flags(t, "config="+write(t, everyKind), "tls-key=k", "tls-cert=c"), nil)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := loaded.WriteYAML(&out, true); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.String(), "hunter2") {
		t.Error("the secret is shown")
	}
	for _, line := range []string{
		`  name: "a $$ \" # : é"             # test.yaml:2:9`,
		`  bind: "127.0.0.1"                 # test.yaml:3:9`,
		`  port: 7330                        # default`,
		`    cert: "c"                       # --tls-cert`,
		`    # token_secret: (set, not shown)`,
		`    # token_secret_file: (not set)`,
		`      timeout: 60                   # test.yaml:4:56`,
		`  conflicts: [{pattern: "/lights/**", strategy: max}, {pattern: "/a", strategy: lock}] # test.yaml:6:5`,
		`    exclude: ["/strobe/**", "/pyro $$/*"] # test.yaml:10:7`,
	} {
		if !regexp.MustCompile(`(?m)^` + strings.ReplaceAll(regexp.QuoteMeta(line), " ", " +")).MatchString(out.String()) {
			t.Errorf("no line %s in\n%s", line, &out)
		}
	}

	again, err := config.Load(flags(t, "config="+write(t, out.String())), nil)
	if err != nil {
		t.Fatal(err)
	}
	want := loaded.Config
	want.Security.TokenSecret = "" // not shown, so not read again
	if !reflect.DeepEqual(again.Config, want) {
		t.Errorf("got  %+v\nwant %+v", again.Config, want)
	}
}

func TestPrintJSON(t *testing.T) {
	loaded, err := config.Load(flags(t, "config="+write(t, everyKind)), []string{"CLASP_PORT=8000"})
	if err != nil {
		t.Fatal(err)
	}
	decode := func(origins bool) map[string]any {
		t.Helper()
		var out strings.Builder
		if err := loaded.WriteJSON(&out, origins); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(out.String(), "hunter2") {
			t.Error("the secret is shown")
		}
		var decoded struct{ Server map[string]any }
		if err := json.Unmarshal([]byte(out.String()), &decoded); err != nil {
			t.Fatal(err)
		}
		return decoded.Server
	}
	plain := decode(false)
	want := map[string]any{"token_secret": "(set, not shown)", "token_secret_file": nil, "token_public_key": nil, "require_auth": false,
		"token_issuer": nil, "token_audience": nil, "revoked_tokens": []any{}, "allowed_origins": []any{},
		"pairing": map[string]any{"enabled": false, "timeout": 60.0, "approval": "pin", "lobby": true, "reconnect_grace": 600.0, "max_pins": 1.0, "require_tls": false,
			"default_permissions": map[string]any{"read": []any{"/**"}, "write": []any{"/a"}}, "file": nil,
			"profiles": map[string]any{"crew": map[string]any{"read": []any{}, "write": []any{"/$/{device}"}, "no_pin": true}}}}
	if !reflect.DeepEqual(plain["security"], want) {
		t.Errorf("security: got %v, want %v", plain["security"], want)
	}
	rules := []any{map[string]any{"pattern": "/lights/**", "strategy": "max"}, map[string]any{"pattern": "/a", "strategy": "lock"}}
	if exclude := plain["persistence"].(map[string]any)["exclude"]; !reflect.DeepEqual(exclude, []any{"/strobe/**", "/pyro $/*"}) {
		t.Errorf("persistence.exclude: got %v", exclude)
	}
	if plain["port"] != 8000.0 || !reflect.DeepEqual(plain["conflicts"], rules) {
		t.Errorf("port %v, conflicts %v", plain["port"], plain["conflicts"])
	}
	if got, want := decode(true)["port"], (map[string]any{"value": 8000.0, "source": "environment", "place": "CLASP_PORT"}); !reflect.DeepEqual(got, want) {
		t.Errorf("port with origin: got %v, want %v", got, want)
	}
}

// TestSample takes the comment signs off the sample's options and expects the
// defaults, so that a line uncommented by a person is always right.
func TestSample(t *testing.T) {
	var sample strings.Builder
	if err := config.WriteSample(&sample); err != nil {
		t.Fatal(err)
	}
	load := func(text string, environ ...string) config.Config {
		t.Helper()
		loaded, err := config.Load(flags(t, "config="+write(t, text)), environ)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		return loaded.Config
	}
	t.Chdir(t.TempDir())
	defaults, err := config.Load(config.Given{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := defaults.Config
	want.File = "test.yaml"
	if got := load(sample.String()); !reflect.DeepEqual(got, want) {
		t.Errorf("as written: got  %+v\nwant %+v", got, want)
	}

	option := regexp.MustCompile(`(?m)^( +)# ([a-z_]+: .*)$`)
	bare := option.ReplaceAllString(sample.String(), "$1$2")
	bare = strings.Replace(bare, "    token_secret_file:", "    # token_secret_file:", 1) // one of the two
	got := load(bare, "TOKEN_SECRET=s")
	want.Name, want.Discovery.MDNS.Name = "Studio", "Studio Router"
	want.TLS = config.TLS{Cert: "/path/to/cert.pem", Key: "/path/to/key.pem"}
	want.Security.TokenSecret, want.Security.TokenPublicKey = "s", "/path/to/public.pem"
	want.Security.TokenIssuer, want.Security.TokenAudience = "https://studio.example", "clasp-stage"
	want.Security.RevokedTokens = []string{"0b9f6e2c"}
	want.Security.AllowedOrigins = []string{"same", "https://panel.example"}
	want.Security.Pairing.File = "/var/lib/clasp/devices"
	want.Security.Pairing.Profiles = map[string]config.Profile{"lighting": {Rights: config.Rights{Read: []string{"/**"}, Write: []string{"/lights/**"}}}}
	want.Conflicts = []config.Conflict{{Pattern: "/lights/**", Strategy: "max"}}
	want.Persistence.Exclude = []string{"/strobe/**", "/pyro/**"}
	want.Logging.File = "/var/log/clasp.log"
	want.TUI.Keys = map[string][]string{"detach": {"D", "ctrl+g"}, "freeze": {"f"}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("uncommented:\ngot  %+v\nwant %+v", got, want)
	}
}

func TestSecretNeverPrints(t *testing.T) {
	c := config.Config{Security: config.Security{TokenSecret: "hunter2"}}
	encoded, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{fmt.Sprintf("%v %+v %#v %s %q", c, c, c, c.Security.TokenSecret, c.Security.TokenSecret), string(encoded)} {
		if strings.Contains(text, "hunter2") {
			t.Errorf("secret shown: %s", text)
		}
	}
}

// TestUsage compares the help with the reference page, line by line, when it
// is there: same flags, same words, same defaults.
func TestUsage(t *testing.T) {
	page, err := os.ReadFile("../../shared/reference-page.md")
	if err != nil {
		t.Skipf("%s: no reference page to compare with: %v", t.Name(), err)
	}
	usage := regexp.MustCompile(` {2,}`).ReplaceAllString(config.Usage(), " ")
	entry := regexp.MustCompile(`(?m)^(-.*)\n    (.*)$`)
	found := entry.FindAllStringSubmatch(string(page), -1)
	if len(found) < 30 {
		t.Fatalf("found only %d options in the reference page", len(found))
	}
	for _, m := range found {
		words, initial, _ := strings.Cut(m[2], " [default: ")
		line := regexp.MustCompile(`(?m)^ ?` + regexp.QuoteMeta(m[1]) + ` ` + regexp.QuoteMeta(words) + `.*$`).FindString(usage)
		if line == "" {
			t.Errorf("help has no line %s %s", m[1], m[2])
		} else if initial != "" && !strings.HasSuffix(line, "[default: "+initial) {
			t.Errorf("help says %s, the page [default: %s", line, initial)
		} else if initial == "" && strings.Contains(line, "[default:") {
			t.Errorf("help says %s, the page has no default", line)
		}
	}
}
