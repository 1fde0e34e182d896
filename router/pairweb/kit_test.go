// Package pairweb_test has the calls and the page in front of a real router, by real sockets.
package pairweb_test

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/clasp-studio/clasp/pairing"
	"github.com/clasp-studio/clasp/router"
	"github.com/clasp-studio/clasp/router/auth"
	"github.com/clasp-studio/clasp/router/client"
	"github.com/clasp-studio/clasp/router/internal/kit"
	"github.com/clasp-studio/clasp/router/metrics"
	"github.com/clasp-studio/clasp/router/pairweb"
	"github.com/clasp-studio/clasp/router/sites"
	"github.com/clasp-studio/clasp/router/transport/ws"
)

// A connection that net/http closes has half a second to read the answer.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("net/http.(*conn).closeWriteAndWait"))
}

// studio is a router with pairing, and its port.
type studio struct {
	pairs   *pairing.Registry
	clock   *kit.Clock
	handler *pairweb.Handler
	host    string // and port
	log     kit.Log
	unready func() []string
}

var (
	// viewer is a profile that is no built-in one.
	viewer = pairing.Profile{Name: "viewer", Read: []string{"/lights/**", "/sound/**"}}
	plain  = pairing.Settings{Enabled: true, Lobby: true, Profiles: map[string]pairing.Profile{"viewer": viewer}}
)

// open starts one. c is its clock, nil is that of everybody.
func open(t *testing.T, s pairing.Settings, c *kit.Clock) *studio {
	t.Helper()
	return openPort(t, s, c, nil)
}

func openPort(t *testing.T, s pairing.Settings, c *kit.Clock, secure *tls.Config) *studio {
	t.Helper()
	o := pairing.Options{Settings: s, Path: filepath.Join(t.TempDir(), "devices"), RouterID: "router id", RouterName: "test router"}
	if c != nil {
		o.Now = c.Now
	}
	pairs, err := pairing.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := pairs.Close(); err != nil {
			t.Errorf("close the devices' file: %v", err)
		}
	})
	verifier, err := auth.NewVerifier(auth.Options{Secret: []byte("thirty-two bytes of a test secret")})
	if err != nil {
		t.Fatal(err)
	}
	st := &studio{pairs: pairs, clock: c}
	r := kit.RouterWith(t, router.Options{
		Settings: router.Settings{Auth: router.Auth{Verifier: verifier, Required: true}}, Pairing: pairs, Logger: slog.New(slog.NewTextHandler(&st.log, nil)),
	})
	st.handler = pairweb.New(pairweb.Options{Name: r.Name(), Pairing: pairs, Health: metrics.Health(func() []string {
		if st.unready != nil {
			return st.unready()
		}
		return nil
	})})
	port, err := ws.Listen(r, "127.0.0.1:0", ws.Options{
		TLS: secure, Pages: st.handler,
		Sites: func() sites.Rules { return sites.Rules{Names: []string{"studio.local"}} }, // as its certificate would have it
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := port.Close(); err != nil {
			t.Errorf("close the port: %v", err)
		}
	})
	st.host = port.Addr().String()
	return st
}

func openWithClock(t *testing.T) *studio {
	t.Helper()
	return open(t, plain, kit.NewClock(time.Now()))
}

// answer is what a call gives.
type answer struct {
	status int
	header http.Header
	text   string
	fields map[string]any
}

func (a answer) field(name string) string {
	text, _ := a.fields[name].(string)
	return text
}

// is holds an answer against a status and the name of a refusal, "" for none.
func (a answer) is(t *testing.T, what string, status int, refusal string) answer {
	t.Helper()
	if a.status != status || a.field("error") != refusal {
		t.Fatalf("%s: %d %s, want %d %q", what, a.status, a.text, status, refusal)
	}
	if refusal != "" && a.field("error_description") == "" {
		t.Errorf("%s: no word why: %s", what, a.text)
	}
	return a
}

// send sends any request. A header "Host" is its own thing in Go.
func (s *studio) send(t *testing.T, method, path, body string, header map[string]string) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "http://"+s.host+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for key, value := range header {
		r.Header.Set(key, value)
	}
	r.Host = header["Host"]
	got, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	a := answer{status: got.StatusCode, header: got.Header, text: string(bytes.TrimSpace(text))}
	_ = json.Unmarshal(text, &a.fields) // pages are none
	return a
}

var isJSON = map[string]string{"Content-Type": "application/json"}

// call sends JSON.
func (s *studio) call(t *testing.T, method, path string, body map[string]any) answer {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	return s.send(t, method, path, string(text), isJSON)
}

// caller is a device that has knocked.
type caller struct {
	*studio
	id, code string
}

// knock has a device knock, later than the one before.
func (s *studio) knock(t *testing.T, name string) caller {
	t.Helper()
	if s.clock != nil {
		s.clock.Move(11 * time.Second)
	}
	a := s.call(t, "POST", "/pair", map[string]any{"name": name, "kind": "laptop"}).is(t, "a knock", http.StatusAccepted, "")
	return caller{s, a.field("pair_id"), a.field("device_code")}
}

func (c caller) ask(t *testing.T, method, what string, more map[string]any) answer {
	t.Helper()
	body := map[string]any{"device_code": c.code}
	maps.Copy(body, more)
	return c.call(t, method, "/pair/"+c.id+what, body)
}

func (c caller) poll(t *testing.T) answer { t.Helper(); return c.ask(t, "POST", "/token", nil) }

func (c caller) pin(t *testing.T, pin string) answer {
	t.Helper()
	return c.ask(t, "POST", "/pin", map[string]any{"pin": pin})
}

// pick has the operator open a code for the device.
func (c caller) pick(t *testing.T) string {
	t.Helper()
	k, err := c.pairs.Pick(c.id, "the test")
	if err != nil {
		t.Fatal(err)
	}
	return k.Code
}

// wrong returns a code that is not right, another one for each n below 100.
func wrong(right string, n int) string {
	pin := []byte("470019")
	pin[1], pin[2] = byte('0'+n/10), byte('0'+n%10)
	if string(pin) == right {
		pin[5] = '3'
	}
	return string(pin)
}

// enter connects with a token.
func (s *studio) enter(t *testing.T, token string) (*client.Client, error) {
	t.Helper()
	c, err := client.Dial(t.Context(), "ws://"+s.host, client.Options{Name: "device", Token: token})
	if err == nil {
		t.Cleanup(c.Close)
	}
	return c, err
}
