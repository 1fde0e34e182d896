// The kit of the tests of rights: tokens, and sessions whose answers and whose end can be read.

package router_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/router"
	"github.com/clasp-studio/clasp/router/auth"
	"github.com/clasp-studio/clasp/router/wire"
)

// secret is what the routers of these tests believe.
var secret = []byte("thirty-two bytes of a test secret")

// claims are those of a token.
type claims map[string]any

// rights makes claims of rights; the lists are separated by blanks.
func rights(read, write, emit, subscribe string) claims {
	return claims{"clasp": claims{
		"read": strings.Fields(read), "write": strings.Fields(write),
		"emit": strings.Fields(emit), "subscribe": strings.Fields(subscribe),
	}}
}

func (c claims) with(name string, value any) claims {
	c[name] = value
	return c
}

// sign makes a token, HS256, with its own few lines: nothing of what is tested.
func sign(t testing.TB, key []byte, c claims) string {
	t.Helper()
	body, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	text := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + base64.RawURLEncoding.EncodeToString(body)
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

func verifier(t testing.TB, o auth.Options) *auth.Verifier {
	t.Helper()
	v, err := auth.NewVerifier(o)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// guarded are settings that take tokens of our secret.
func guarded(t testing.TB, required bool, revoked ...string) router.Settings {
	t.Helper()
	return router.Settings{
		Limits: router.Limits{WelcomeSnapshot: 1000},
		Auth:   router.Auth{Required: required, Verifier: verifier(t, auth.Options{Secret: secret, Revoked: revoked})},
	}
}

func openGuarded(t testing.TB, o router.Options) *router.Router {
	t.Helper()
	r, err := router.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close(t.Context()) })
	return r
}

// door is a recorder that notes why its session ended.
type door struct {
	recorder
	ended atomic.Int32
}

func (d *door) Finish(r router.Reason) { d.ended.Store(int32(r)) }

func (d *door) reason() router.Reason { return router.Reason(d.ended.Load()) }

// caller is a session on such a door.
type caller struct {
	*router.Session
	door  *door
	leave func()
}

// knock connects and says HELLO, and waits for nothing.
func knock(t testing.TB, r *router.Router, remote, token string) caller {
	t.Helper()
	return knockAs(t, r, router.Peer{Transport: "test", Remote: remote, Source: netip.MustParseAddrPort(remote).Addr()}, token)
}

func knockAs(t testing.TB, r *router.Router, p router.Peer, token string) caller {
	t.Helper()
	c := caller{door: &door{}}
	s, ok := r.Open(c.door, p)
	if !ok {
		t.Fatal("the router is closing")
	}
	c.Session = s
	c.leave = sync.OnceFunc(func() { s.Closed(router.ReasonClientClosed) })
	t.Cleanup(c.leave)
	c.send(t, wire.Fire, wire.AppendHello(nil, wire.Hello{Version: wire.Version, Name: []byte("caller"), Token: []byte(token)}))
	return c
}

// enter is knock for a token that is good. It returns what came with WELCOME as well.
func enter(t testing.TB, r *router.Router, token string) (c caller, greeting []string) {
	t.Helper()
	c = knock(t, r, "192.0.2.1:1000", token)
	greeting = c.heard(t)
	if len(greeting) == 0 || greeting[0] != "WELCOME" {
		t.Fatalf("greeted with %q (%v)", greeting, c.door.reason())
	}
	return c, greeting[1:]
}

func (c caller) send(t testing.TB, q wire.QoS, payload []byte) {
	t.Helper()
	c.Receive(frameOf(t, q, payload))
	c.Idle()
}

// heard returns what has come up to now: up to a PONG, or to the end of the session.
func (c caller) heard(t testing.TB) []string {
	t.Helper()
	c.send(t, wire.Fire, wire.AppendPing(nil))
	for deadline := time.Now().Add(10 * time.Second); ; runtime.Gosched() {
		if lines, taken := c.read(t); taken {
			return lines
		}
		if time.Now().After(deadline) {
			t.Fatal("no PONG")
		}
	}
}

// read takes what is written, if there is a PONG in it or the session has ended.
func (c caller) read(t testing.TB) (lines []string, taken bool) {
	t.Helper()
	taken = c.door.reason() != router.ReasonNone // and so everything is written
	c.door.mu.Lock()
	defer c.door.mu.Unlock()
	rest := bytes.Clone(c.door.got)
	for len(rest) > 0 {
		f, after, err := wire.ReadFrame(rest)
		if err != nil {
			return nil, false // not all of it is there
		}
		rest = after
		if wire.Type(f.Payload[0]) == wire.TypePong {
			taken = true
			continue
		}
		lines = append(lines, describe(t, f.Payload))
	}
	if taken {
		c.door.got = nil
	}
	return lines, taken
}

// ask sends a message and returns the answers, and what else has come.
func (c caller) ask(t testing.TB, q wire.QoS, payload []byte) []string {
	t.Helper()
	c.send(t, q, payload)
	return c.heard(t)
}

// describe puts a message into words: what it is and about which addresses.
func describe(t testing.TB, payload []byte) string {
	t.Helper()
	words := []string{wire.Type(payload[0]).String()}
	var err error
	switch wire.Type(payload[0]) {
	case wire.TypeError:
		var m wire.ErrorMessage
		m, err = wire.DecodeError(payload)
		words = append(words, fmt.Sprint(int(m.Code)))
		if m.HasAddress {
			words = append(words, string(m.Address))
		}
	case wire.TypeSnapshot:
		var m wire.Snapshot
		m, err = wire.DecodeSnapshot(payload)
		for e, ok := m.Next(); ok; e, ok = m.Next() {
			words = append(words, string(e.Address))
		}
	case wire.TypeSet:
		var m wire.Set
		m, err = wire.DecodeSet(payload)
		words = append(words, string(m.Address))
	case wire.TypePublish:
		var m wire.Publish
		m, err = wire.DecodePublish(payload)
		words = append(words, string(m.Address))
	case wire.TypeResult:
		var m wire.Result
		m, err = wire.DecodeResult(payload)
		var found []string
		for s, ok := m.Next(); ok; s, ok = m.Next() {
			found = append(found, string(s.Address)+":"+string(s.Access))
		}
		slices.Sort(found) // announced signals come in any order
		words = append(words, found...)
	}
	if err != nil {
		t.Fatalf("%s: %v", words[0], err)
	}
	return strings.Join(words, " ")
}

func publishPayload(t testing.TB, signal wire.Signal, address string) []byte {
	t.Helper()
	return wire.AppendPublish(nil, wire.Publish{Signal: signal, Phase: wire.Start, Address: []byte(address)})
}

func timelinePayload(t testing.TB, address string, values ...any) []byte {
	t.Helper()
	keyframes := []any{}
	for i, v := range values {
		keyframes = append(keyframes, map[string]any{"time": int64(i), "value": v})
	}
	v, err := wire.AppendAny(nil, map[string]any{"keyframes": keyframes})
	if err != nil {
		t.Fatal(err)
	}
	return wire.AppendPublish(nil, wire.Publish{
		Signal: wire.Timeline, Address: []byte(address), HasValue: true, Value: wire.Value{Code: v[0], Data: v[1:]},
	})
}

func getPayload(address string) []byte {
	return wire.AppendGet(nil, wire.Get{Address: []byte(address)})
}

func subscribePayload(pattern string) []byte {
	return wire.AppendSubscribe(nil, wire.Subscribe{ID: 1, Pattern: []byte(pattern), Types: 0xff})
}

func queryPayload(pattern string) []byte {
	return wire.AppendQuery(nil, wire.Query{Pattern: []byte(pattern)})
}

func replayPayload(pattern string) []byte {
	return wire.AppendReplay(nil, wire.Replay{Pattern: []byte(pattern)})
}

func announcePayload(addresses ...string) []byte {
	p := wire.BeginAnnounce(nil, []byte("test"))
	for _, address := range addresses {
		p = wire.AppendAnnounceSignal(p, wire.SignalInfo{Address: []byte(address), Signal: wire.Event})
	}
	wire.SetAnnounceCount(p, len(addresses))
	return p
}
