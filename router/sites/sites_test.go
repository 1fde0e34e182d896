package sites_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/clasp-studio/clasp/router/sites"
)

func TestCheck(t *testing.T) {
	for _, entry := range []string{
		"any", "same", "https://a.example", "http://a.example:8080", "HTTPS://A.Example", "https://*.a.example", "http://[::1]:7330",
		"http://192.168.1.5", "http://studio", "app://panel", "chrome-extension://abcdef", "https://xn--bcher-kva.example",
	} {
		if err := sites.Check(entry); err != nil {
			t.Errorf("%q: %v", entry, err)
		}
	}
	for _, entry := range []string{
		"", "*", "null", "Any", "a.example", "//a.example", "https://", "https:a.example", "https://a.example/", "https://a.example/x",
		"https://a.example?", "https://a.example?x", "https://a.example#", "https://a.example#x", "https://me@a.example", "https://a.example:",
		"https://a.example:x", "https://a*.example", "https://*", "https://*.", "https://*.*.example", "https://a.*.example", "https://a example",
		"https://a.example,https://b.example", "https://a\n.example",
	} {
		if err := sites.Check(entry); err == nil {
			t.Errorf("%q is taken for an origin", entry)
		}
	}
}

// Pages that may open a WebSocket.
func TestAllowed(t *testing.T) {
	for _, test := range []struct {
		list         []string
		origin, host string
		want         bool
	}{
		{nil, "https://evil.example", "192.168.1.5:7330", true},
		{nil, "null", "studio.local:7330", true},
		{[]string{"any"}, "https://evil.example", "studio.local:7330", true},
		{[]string{"same", "any"}, "null", "studio.local:7330", true},

		// What is no browser says no origin.
		{[]string{"same"}, "", "anything.example", true},
		{[]string{"https://a.example"}, "", "192.168.1.5:7330", true},

		{[]string{"same"}, "http://studio.local:7330", "studio.local:7330", true},
		{[]string{"same"}, "http://Studio.Local:7330", "STUDIO.local:7330", true},
		{[]string{"same"}, "https://192.168.1.5", "192.168.1.5", true},
		{[]string{"same"}, "https://192.168.1.5", "192.168.1.5:443", true},
		{[]string{"same"}, "http://[::1]:7330", "[::1]:7330", true},
		{[]string{"same"}, "http://studio.local:8080", "studio.local:7330", false}, // another program's page
		{[]string{"same"}, "http://studio.local", "studio.local:7330", false},
		{[]string{"same"}, "http://other.local:7330", "studio.local:7330", false},
		{[]string{"same"}, "null", "studio.local:7330", false},
		{[]string{"same"}, "null", "null", false},
		{[]string{"same"}, "garbage", "garbage", false},
		{[]string{"same"}, "http://", "", false},
		// DNS rebinding: the attacker's name points at the router.
		{[]string{"same"}, "http://evil.example:7330", "evil.example:7330", false},
		{[]string{"same", "https://clasp.example"}, "http://clasp.example:7330", "clasp.example:7330", true},

		{[]string{"https://a.example"}, "https://a.example", "router", true},
		{[]string{"https://a.example"}, "https://a.example:443", "router", true},
		{[]string{"https://a.example:443"}, "https://a.example", "router", true},
		{[]string{"HTTPS://A.Example"}, "https://a.example", "router", true},
		{[]string{"https://a.example"}, "http://a.example", "router", false},
		{[]string{"https://a.example"}, "https://a.example:8443", "router", false},
		{[]string{"https://a.example"}, "https://b.a.example", "router", false},
		{[]string{"https://a.example"}, "https://a.example.evil.example", "router", false},
		{[]string{"https://a.example"}, "https://a.example@evil.example", "router", false},
		{[]string{"https://a.example"}, "https://evil.example/https://a.example", "router", false},
		{[]string{"https://a.example"}, "https://a.example.", "router", false},
		{[]string{"https://a.example"}, "null", "router", false},
		{[]string{"https://a.example", "app://panel"}, "app://panel", "router", true},
		{[]string{"https://*.a.example"}, "https://b.a.example", "router", true},
		{[]string{"https://*.a.example"}, "https://c.b.a.example", "router", true},
		{[]string{"https://*.a.example"}, "https://a.example", "router", false},
		{[]string{"https://*.a.example"}, "https://.a.example", "router", false},
		{[]string{"https://*.a.example"}, "https://evila.example", "router", false},
		{[]string{"https://*.a.example"}, "https://*.a.example", "router", false},
		{[]string{"https://*.a.example"}, "https://b.a.example:444", "router", false},
	} {
		if err := (sites.Rules{Origins: test.list}).Allowed(test.origin, test.host); (err == nil) != test.want {
			t.Errorf("%q, a page of %q at %q: %v", test.list, test.origin, test.host, err)
		} else if err != nil && !strings.Contains(err.Error(), "security.allowed_origins") {
			t.Errorf("%v does not say what to do", err)
		}
	}
}

// The router's own pages, and the names they may be asked for under.
func TestOwn(t *testing.T) {
	rules := sites.Rules{
		Origins: []string{"any", "https://clasp.example", "https://*.panels.example:8443"},
		Names:   []string{"Stage.example", "*.stage.example"},
	}
	for _, test := range []struct {
		origin, host string
		want         bool
	}{
		{"", "192.168.1.5:7330", true}, {"", "10.0.0.7", true}, {"", "[::1]:7330", true}, {"", "[fe80::1]:7330", true},
		{"", "localhost:7330", true}, {"", "LOCALHOST", true}, {"", "studio:9090", true}, {"", "studio.local", true}, {"", "Studio.Local.:9090", true},
		{"", "clasp.monitoring.svc.cluster.local:9090", true}, {"", "studio.home.arpa", true}, {"", "studio.lan", true}, {"", "clasp.internal:9090", true},
		{"", "", true}, // HTTP/1.0
		{"", "clasp.example", true}, {"", "clasp.example:7330", true}, {"", "a.panels.example", true},
		{"", "stage.example:7330", true}, {"", "STAGE.example.", true}, {"", "a.stage.example", true}, {"", "evilstage.example", false},
		{"https://stage.example:7330", "stage.example:7330", true}, {"https://a.stage.example", "stage.example:7330", false},
		{"", "panels.example", false}, {"", "evil.example", false}, {"", "evil.example:7330", false}, {"", "1.2.3.4.evil.example", false},
		{"", "local.evil.example", false}, {"", "notlocal.example", false}, {"", "127.0.0.1.nip.io:7330", false}, {"", "evillocal.com", false},
		{"", "clasp.example.evil.com", false}, {"", "studio.local.evil.com", false},

		{"http://192.168.1.5:7330", "192.168.1.5:7330", true},
		{"https://clasp.example", "192.168.1.5:7330", true},
		{"https://evil.example", "192.168.1.5:7330", false}, // "any" is for WebSockets
		{"null", "192.168.1.5:7330", false},
		{"http://192.168.1.5:8080", "192.168.1.5:7330", false},
		{"http://evil.example:7330", "evil.example:7330", false},
	} {
		if err := rules.Own(test.origin, test.host); (err == nil) != test.want {
			t.Errorf("%q asked for by a page of %q: %v", test.host, test.origin, err)
		}
	}
}

// The names of the certificate are the router's own for a WebSocket too, with "same".
func TestSameByName(t *testing.T) {
	rules := sites.Rules{Origins: []string{"same"}, Names: []string{"stage.example"}}
	if err := rules.Allowed("https://stage.example:7330", "stage.example:7330"); err != nil {
		t.Error(err)
	}
	if err := rules.Allowed("https://evil.example:7330", "evil.example:7330"); err == nil {
		t.Error("another's name is taken for the router's")
	}
}

// Whoever follows the advice lets the one in and nobody out.
func TestAdvice(t *testing.T) {
	for _, test := range []struct {
		list         []string
		origin, host string
		want         string
	}{
		{nil, "", "clasp.example", `list "any" and "https://clasp.example" in security.allowed_origins`},
		{[]string{"any"}, "", "clasp.example:7330", `list "any" and "https://clasp.example" in security.allowed_origins`},
		{[]string{"same"}, "", "clasp.example", `add "https://clasp.example" to security.allowed_origins`},
		{nil, "http://a.example:8080", "studio", `list "any" and "http://a.example:8080" in security.allowed_origins`},
		{[]string{"same"}, "http://a.example", "studio", `add "http://a.example" to security.allowed_origins`},
	} {
		err := sites.Rules{Origins: test.list}.Own(test.origin, test.host)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q: %v, want %s", test.list, err, test.want)
		}
	}
}

// Pages that may pair: listed ones and the router's own, under a name that nobody else can answer for.
func TestForeign(t *testing.T) {
	machine, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	label, _, _ := strings.Cut(machine, ".")
	rules := sites.Rules{Origins: []string{"any", "same", "https://clasp.example"}, Names: []string{"stage.example", "stage"}}
	for _, test := range []struct {
		origin, host string
		want         bool
	}{
		{"", "192.168.1.5:7330", true}, {"", "evil.local", true}, // no browser
		{"http://192.168.1.5:7330", "192.168.1.5:7330", true}, {"http://[fe80::1]:7330", "[fe80::1]:7330", true}, {"http://localhost:7330", "localhost:7330", true},
		{"http://stage.example:7330", "stage.example:7330", true}, {"http://stage:7330", "stage:7330", true}, {"https://clasp.example", "192.168.1.5:7330", true},
		{"http://" + label + ":7330", label + ":7330", true}, {"http://" + label + ".local:7330", label + ".local:7330", true}, {"http://" + label + ".LAN", label + ".lan", true},
		{"http://" + machine + ":7330", machine + ":7330", true},
		{"http://evil.local:7330", "evil.local:7330", false}, {"http://evil:7330", "evil:7330", false}, {"http://x.localhost:7330", "x.localhost:7330", false},
		{"http://" + label + ".evil.local", label + ".evil.local", false}, {"http://" + label + ".evil.example", label + ".evil.example", false},
		{"https://evil.example", "192.168.1.5:7330", false}, {"null", "192.168.1.5:7330", false}, {"null", "", false}, {"http://192.168.1.5:8080", "192.168.1.5:7330", false},
		{"http://evil.example:7330", "evil.example:7330", false},
	} {
		err := rules.Foreign(test.origin, test.host)
		if (err == nil) != test.want {
			t.Errorf("%q asked by a page of %q: %v", test.host, test.origin, err)
		} else if err != nil && !strings.Contains(err.Error(), "security.allowed_origins") {
			t.Errorf("%v does not say what to do", err)
		}
	}
}

// A stranger is told what is wrong, and not how the router would have to be changed for it.
func TestWhy(t *testing.T) {
	var rules sites.Rules
	for err, want := range map[error]string{
		rules.Own("", "evil.example"):                          `this router is not known as "evil.example": ask it by its IP address`,
		rules.Own("https://evil.example", "10.0.0.1"):          `pages of "https://evil.example" may not read this`,
		rules.Foreign("http://evil.local", "evil.local"):       `pages of "http://evil.local" may not pair with this router`,
		fmt.Errorf("so: %w", rules.Own("", "other.example:1")): `this router is not known as "other.example": ask it by its IP address`,
		errors.New("anything else"):                            "anything else",
	} {
		if got := sites.Why(err); got != want {
			t.Errorf("%v: %q, want %q", err, got, want)
		}
	}
}
