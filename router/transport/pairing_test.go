package transport_test

// Pairing by our own client over each transport: what the WebSocket tests have in detail holds on the others (pairing
// section 1: "Lobby over WebSocket, QUIC, TCP and HTTP. Not over UDP").

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/pairing"
	"github.com/clasp-studio/clasp/router"
	"github.com/clasp-studio/clasp/router/client"
	"github.com/clasp-studio/clasp/router/internal/kit"
	"github.com/clasp-studio/clasp/router/wire"
)

// startPairing runs a router that lets in who is approved or has a PIN.
func startPairing(t *testing.T) (*rig, *pairing.Registry) {
	t.Helper()
	return startPairingAt(t, nil)
}

// startPairingAt is startPairing with a clock.
func startPairingAt(t *testing.T, now func() time.Time) (*rig, *pairing.Registry) {
	t.Helper()
	pairs, err := pairing.Open(pairing.Options{
		Settings: pairing.Settings{Enabled: true, Lobby: true, Policy: pairing.PolicyPIN, Timeout: 5 * time.Minute, MaxPINs: 1},
		Path:     filepath.Join(t.TempDir(), "devices"), RouterID: "router id", RouterName: "test router", Now: now,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := pairs.Close(); err != nil {
			t.Errorf("close the devices' file: %v", err)
		}
	})
	settings := guarded(t)
	settings.Auth.Required = true
	return startWith(t, router.Options{Settings: settings, Pairing: pairs}), pairs
}

// ended waits for the end of a client.
func ended(t *testing.T, c *client.Client) {
	t.Helper()
	select {
	case <-c.Done():
	case <-time.After(kit.Patience):
		t.Fatal("the session goes on")
	}
}

func TestKnocks(t *testing.T) {
	for _, transport := range []string{"ws", "quic", "tcp"} {
		t.Run(transport, func(t *testing.T) {
			g, pairs := startPairing(t)
			told := make(chan error, 16)
			c := g.dial(t, transport, client.Options{OnError: func(err error) { told <- err }})
			heard := make(chan string, 16)
			if _, err := c.Subscribe(t.Context(), "/a/**", client.SubscribeOptions{}, func(m *client.Message) { heard <- m.Address }); err != nil {
				t.Fatal(err)
			}
			if _, err := c.Set(t.Context(), "/a/1", 1); !client.IsCode(err, wire.Code(pairing.CodePending)) {
				t.Errorf("a SET in the lobby: %v", err)
			}
			if st, err := c.Get(t.Context(), "/_clasp/pair/status"); err != nil || st.Value.Any().(map[string]any)["state"] != "waiting" {
				t.Errorf("its status: %+v, %v", st, err)
			}
			knocks := pairs.Knocks()
			if len(knocks) != 1 || knocks[0].Name != transport || knocks[0].Transport != transport || knocks[0].Encrypted != (transport == "quic") {
				t.Fatalf("the operator sees %+v", knocks)
			}
			if _, err := pairs.Approve(knocks[0].ID, pairing.Grant{By: "the test"}); err != nil {
				t.Fatal(err)
			}
			kit.Eventually(t, "it to be inside", func() bool { return g.Stats().Subscriptions == 1 })
			if _, err := c.Set(t.Context(), "/a/1", 1); err != nil {
				t.Errorf("a SET inside: %v", err)
			}
			select {
			case <-heard:
			case <-time.After(kit.Patience):
				t.Error("it does not hear its own SET")
			}
			if _, err := pairs.Revoke(transport, "the test"); err != nil {
				t.Fatal(err)
			}
			ended(t, c)
			for {
				select {
				case err := <-told:
					if client.IsCode(err, wire.Code(pairing.CodeRevoked)) {
						return
					}
				case <-time.After(kit.Patience):
					t.Fatal("it is not told why it had to go")
				}
			}
		})
	}
}

func TestPINs(t *testing.T) {
	for _, transport := range []string{"ws", "quic", "tcp"} {
		t.Run(transport, func(t *testing.T) {
			g, pairs := startPairing(t)
			in, err := pairs.Invite(pairing.Grant{Name: "desk", By: "the test"}, true)
			if err != nil {
				t.Fatal(err)
			}
			wrong := []string{"473920", "830264"}
			if _, err := g.try(t, transport, client.Options{Token: wrong[slices.IndexFunc(wrong, func(pin string) bool { return pin != in.PIN })]}); !client.IsCode(err, wire.Code(pairing.CodePINInvalid)) {
				t.Errorf("with a wrong PIN: %v", err)
			}
			kit.Eventually(t, "the right PIN to be taken", func() bool {
				_, err := g.try(t, transport, client.Options{Token: in.PIN})
				return err == nil
			})
			if all := pairs.Devices(); len(all) != 1 || all[0].Name != "desk" {
				t.Errorf("the devices are %+v", all)
			}
		})
	}
}

// Over UDP nobody waits and no PIN is looked at, for the address may be invented. The token of a device is good there.
func TestNoPairingOverUDP(t *testing.T) {
	g, pairs := startPairing(t)
	in, err := pairs.Invite(pairing.Grant{Name: "desk", By: "the test"}, true)
	if err != nil {
		t.Fatal(err)
	}
	for _, token := range []string{"", in.PIN, "473920"} {
		if _, err := g.try(t, "udp", client.Options{Token: token}); !client.IsCode(err, wire.CodeUnauthenticated) {
			t.Errorf("with the token %q: %v", token, err)
		}
	}
	if n := len(pairs.Knocks()); n != 0 {
		t.Errorf("%d wait in the lobby", n)
	}
	c := g.dial(t, "ws", client.Options{Token: in.PIN})
	given, err := c.Get(t.Context(), "/_clasp/pair/token")
	if err != nil {
		t.Fatal(err)
	}
	token := given.Value.Any().(map[string]any)["token"].(string)
	device := g.dial(t, "udp", client.Options{Token: token})
	if _, err := device.Set(t.Context(), "/a", 1); err != nil {
		t.Errorf("a device over UDP: %v", err)
	}
}

// "The Arduino frame passes D" (pairing section 11): who can send no token and was allowed by name and address comes in with
// the HELLO of today's Arduino client, and writes below its own /sensors and does nothing else. Every answer fits its buffer.
func TestArduinoIsAllowed(t *testing.T) {
	g, pairs := startPairing(t)
	for name, from := range map[string]string{"stage-mat": "127.0.0.1/32", "elsewhere": "10.0.0.40/32"} {
		if _, err := pairs.Allow(pairing.Grant{Name: name, Profile: "sensor", By: "the test"}, netip.MustParsePrefix(from)); err != nil {
			t.Fatal(err)
		}
	}
	hello := func(name string) *conn {
		t.Helper()
		l, err := g.line("tcp")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		c := &conn{line: l, over: "tcp"}
		if err := c.send(kit.Frame(wire.Confirm, wire.AppendHello(nil, wire.Hello{Version: 1, Features: 0xE0, Name: []byte(name)}))); err != nil {
			t.Fatal(err)
		}
		p, err := c.next()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := wire.DecodeWelcome(p); err != nil || wire.HeaderSize+len(p) > 252 {
			t.Fatalf("%s gets %q, %v; want a WELCOME that it can read", name, p, err)
		}
		return c
	}
	// refused sends a message at fire, as the library does, and returns the code of the ERROR that answers it, or 0.
	refused := func(c *conn, payload []byte) (code wire.Code) {
		t.Helper()
		if err := c.say(payload); err != nil {
			t.Fatal(err)
		}
		if err := c.fence(func(p []byte) error {
			if wire.HeaderSize+len(p) > 252 {
				t.Errorf("a frame of %d bytes", wire.HeaderSize+len(p))
			}
			switch wire.Type(p[0]) {
			case wire.TypeSnapshot:
				if m, err := wire.DecodeSnapshot(p); err != nil || m.Count != 0 {
					t.Errorf("a snapshot with %d params, %v", m.Count, err)
				}
			case wire.TypeError:
				m, err := wire.DecodeError(p)
				code = m.Code
				return err
			default:
				t.Errorf("it is sent %q", p)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return code
	}

	mat := hello("stage-mat")
	event := func(addr string) []byte {
		return wire.AppendPublish(nil, wire.Publish{Signal: wire.Event, Address: []byte(addr)})
	}
	for _, payload := range [][]byte{kit.Set("/sensors/stage-mat/pressure", 0.5), event("/sensors/stage-mat/step")} {
		if code := refused(mat, payload); code != 0 {
			t.Errorf("%q: error %d", payload, code)
		}
	}
	for _, payload := range [][]byte{
		kit.Set("/lights/1", 1), kit.Set("/sensors/elsewhere/pressure", 1), kit.Set("/sensors/stage-mats", 1), event("/cue"),
		kit.Get("/sensors/stage-mat/pressure"), kit.Subscribe(1, "/**"),
	} {
		if code := refused(mat, payload); code != wire.CodeForbidden {
			t.Errorf("%q: error %d, want %d", payload, code, wire.CodeForbidden)
		}
	}
	// Name and address both have to be right.
	for _, name := range []string{"elsewhere", "nobody"} {
		if code := refused(hello(name), kit.Set("/sensors/"+name+"/pressure", 1)); code != wire.Code(pairing.CodePending) {
			t.Errorf("a SET of %q: error %d, want %d", name, code, pairing.CodePending)
		}
	}
	in, err := pairs.Invite(pairing.Grant{Name: "desk", By: "the test"}, true)
	if err != nil {
		t.Fatal(err)
	}
	desk := g.dial(t, "ws", client.Options{Token: in.PIN})
	if all, err := desk.Snapshot(t.Context(), "/**"); err != nil || len(all) != 1 || all[0].Address != "/sensors/stage-mat/pressure" {
		t.Errorf("there is %+v, %v", all, err)
	}
}

// However many guess at a PIN at once, and over whichever transports: five are looked at, and five at the next PIN, and then
// no more (pairing sections 7 and 11). A device that the operator has picked is let in meanwhile.
func TestParallelGuesses(t *testing.T) {
	const guesses, rounds = 1000, 2
	var late atomic.Int64 // how far the clock of pairing is ahead
	g, pairs := startPairingAt(t, func() time.Time { return time.Now().Add(time.Duration(late.Load())) })
	waiting := g.dial(t, "ws", client.Options{})
	picked := pairs.Knocks()[0].ID
	late.Add(int64(time.Minute)) // for another one of this address
	web := g.knockHTTP(t)

	var mu sync.Mutex
	told := make(map[string]int) // that they were wrong, by transport
	for round := range rounds {
		late.Add(int64(time.Minute)) // the PIN before was burned a moment ago
		in, err := pairs.Invite(pairing.Grant{Name: "desk", By: "the test"}, true)
		if err != nil {
			t.Fatal(err)
		}
		var guessing sync.WaitGroup
		for n := range guesses / rounds {
			pin := fmt.Sprintf("%06d", 200_003+(round*guesses/rounds+n)*701)
			if pin == in.PIN {
				pin = "100003"
			}
			transport := []string{"ws", "quic", "tcp", "http"}[n%4]
			guessing.Go(func() {
				if g.guess(t, transport, pin, web) {
					mu.Lock()
					defer mu.Unlock()
					told[transport]++
				}
			})
		}
		guessing.Wait()
		if n := pairs.Overview().Failures["invite"]; n != uint64(5*(round+1)) {
			t.Errorf("%d guesses are looked at in %d rounds", n, round+1)
		}
	}
	if n := told["ws"] + told["quic"] + told["tcp"] + told["http"]; n != 10 {
		t.Errorf("%d guesses are told that they were wrong: %v", n, told)
	}
	if o := pairs.Overview(); !o.Locked {
		t.Errorf("PINs are not locked: %+v", o)
	}
	k, err := pairs.Pick(picked, "the test")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := waiting.Set(t.Context(), "/_clasp/pair/pin", k.Code); err != nil {
		t.Errorf("the right code of a request: %v", err)
	}
	if _, err := waiting.Set(t.Context(), "/a", 1); err != nil {
		t.Errorf("a SET of who was picked: %v", err)
	}
}

// guess tries a PIN, and reports whether it was looked at and wrong.
func (g *rig) guess(t *testing.T, transport, pin string, web webRequest) bool {
	t.Helper()
	if transport == "http" {
		return web.guess(t, pin)
	}
	_, err := g.try(t, transport, client.Options{Token: pin})
	if err == nil {
		t.Errorf("the guess %s is let in", pin)
	}
	return client.IsCode(err, wire.Code(pairing.CodePINInvalid)) // others are no PINs any more when they are looked at
}

// webRequest is a request over HTTP that waits.
type webRequest struct{ url, code string }

// post sends JSON to the port of WebSocket. It may be called by any goroutine.
func post(t *testing.T, url, body string) (status int, answer map[string]any) {
	t.Helper()
	got, err := http.Post(url, "application/json", strings.NewReader(body))
	if err != nil {
		t.Errorf("POST %s: %v", url, err)
		return 0, nil
	}
	defer got.Body.Close()
	if err := json.NewDecoder(got.Body).Decode(&answer); err != nil {
		t.Errorf("POST %s: %d, %v", url, got.StatusCode, err)
	}
	return got.StatusCode, answer
}

func (g *rig) knockHTTP(t *testing.T) webRequest {
	t.Helper()
	url := "http" + strings.TrimPrefix(g.url["ws"], "ws") + "/pair"
	status, answer := post(t, url, `{"name":"over HTTP"}`)
	if status != http.StatusAccepted {
		t.Fatalf("a knock over HTTP: %d %v", status, answer)
	}
	return webRequest{fmt.Sprint(url, "/", answer["pair_id"]), fmt.Sprint(answer["device_code"])}
}

// guess is that of rig over HTTP. When no PIN is open there is no time to wait before the next.
func (w webRequest) guess(t *testing.T, pin string) (wrong bool) {
	t.Helper()
	status, answer := post(t, w.url+"/pin", fmt.Sprintf(`{"device_code":%q,"pin":%q}`, w.code, pin))
	if !slices.Contains([]any{"invalid_pin", "code_burned", "pairing_locked"}, answer["error"]) {
		t.Errorf("the guess %s over HTTP: %d %v", pin, status, answer)
	}
	return (status == http.StatusUnauthorized || status == http.StatusLocked) && answer["retry_after"] != nil
}
