package ws_test

// Pairing on real sockets: clients that know nothing of it (A), that have only a field for a token (B), and that use the
// addresses made for it (C); and what ends a session that was let in (pairing sections 2, 3, 7 and 8).

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/pairing"
	"github.com/clasp-studio/clasp/router"
	"github.com/clasp-studio/clasp/router/internal/kit"
	"github.com/clasp-studio/clasp/router/transport/ws"
	"github.com/clasp-studio/clasp/router/wire"
)

const (
	statusAt  = "/_clasp/pair/status"
	tokenAt   = "/_clasp/pair/token"
	requestAt = "/_clasp/pair/request"
	pinAt     = "/_clasp/pair/pin"
	doneAt    = "/_clasp/pair/done"
	renewAt   = "/_clasp/pair/renew"
)

// log is what a router logs, each message and all.
type log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// studio is a rig with pairing. The desk is inside with a token of an issuer.
type studio struct {
	*rig
	pairs *pairing.Registry
	clock *kit.Clock
	log   *log
	desk  *client
}

// lights is a profile that has rights of its own.
var lights = pairing.Profile{Name: "lights", Read: []string{"/lights/**"}, Write: []string{"/lights/**"}}

func openStudio(t *testing.T, options ...func(*pairing.Settings)) *studio {
	t.Helper()
	return openStudioOn(t, ws.Options{}, options...)
}

// openStudioOn is openStudio with a port of its own kind.
func openStudioOn(t *testing.T, port ws.Options, options ...func(*pairing.Settings)) *studio {
	t.Helper()
	s := &studio{clock: kit.NewClock(time.Now()), log: &log{}}
	o := pairing.Options{
		Settings: pairing.Settings{
			Enabled: true, Lobby: true, Policy: pairing.PolicyPIN, Timeout: 5 * time.Minute, MaxPINs: 1,
			Profiles: map[string]pairing.Profile{"lights": lights},
		},
		Path: filepath.Join(t.TempDir(), "devices"), RouterID: "router id", RouterName: "test router", Now: s.clock.Now,
	}
	for _, set := range options {
		set(&o.Settings)
	}
	var err error
	if s.pairs, err = pairing.Open(o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.pairs.Close(); err != nil {
			t.Errorf("close the devices' file: %v", err)
		}
	})
	s.rig = startOn(t, port, guarded(t, true), func(o *router.Options) {
		o.Pairing = s.pairs
		o.Logger = slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: router.LevelTrace}))
	})
	s.desk = s.admitted(t, token(t, "/**", "/**", time.Hour))
	return s
}

// arrive says HELLO with a name.
func (g *rig) arrive(t testing.TB, name, token string) *client {
	t.Helper()
	c := g.dial(t)
	c.send(t, wire.Fire, wire.AppendHello(nil, wire.Hello{Version: wire.Version, Name: []byte(name), Token: []byte(token)}))
	return c
}

// wait comes without a token and finds itself in the lobby.
func (s *studio) wait(t testing.TB, name string) (*client, pairing.Knock) {
	t.Helper()
	s.clock.Move(11 * time.Second) // the operator sees one more of an address every ten seconds
	c := s.arrive(t, name, "")
	w := c.expectWelcome(t)
	if c.session = string(w.Session); len(w.Token) > 0 {
		t.Fatal("a session in the lobby is given a token")
	}
	if all := c.expectSnapshot(t); len(all) > 0 {
		t.Fatalf("a session in the lobby is shown %v", all)
	}
	for _, k := range s.pairs.Knocks() {
		if k.Name == name {
			return c, k
		}
	}
	t.Fatalf("%s does not knock: %+v", name, s.pairs.Knocks())
	return nil, pairing.Knock{}
}

func (s *studio) approve(t testing.TB, k pairing.Knock, profile string) pairing.Device {
	t.Helper()
	d, err := s.pairs.Approve(k.ID, pairing.Grant{Profile: profile, By: "the test"})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (s *studio) invite(t testing.TB, profile string) pairing.Invite {
	t.Helper()
	in, err := s.pairs.Invite(pairing.Grant{Profile: profile, By: "the test"}, true)
	if err != nil {
		t.Fatal(err)
	}
	return in
}

// addresses are those of a snapshot.
func addresses(all []wire.SnapshotEntry) (list []string) {
	for _, e := range all {
		list = append(list, string(e.Address))
	}
	return list
}

// hear returns the next SET of an address, as a Go value, and holds its revision against the last.
func (c *client) hear(t testing.TB, addr string, last *uint64) map[string]any {
	t.Helper()
	f := c.expect(t, wire.TypeSet)
	m := must(t, f, wire.DecodeSet)
	if string(m.Address) != addr || m.Revision <= *last {
		t.Fatalf("got SET %s at revision %d, want %s above %d", m.Address, m.Revision, addr, *last)
	}
	*last = m.Revision
	return m.Value.Any().(map[string]any)
}

// read reads one address by GET.
func (c *client) readValue(t testing.TB, addr string) map[string]any {
	t.Helper()
	c.send(t, wire.Fire, get(addr))
	all := c.expectSnapshot(t)
	if len(all) != 1 || string(all[0].Address) != addr {
		t.Fatalf("GET of %s is answered with %v", addr, addresses(all))
	}
	return all[0].Value.Any().(map[string]any)
}

// wrong returns a PIN that is not the right one, and no trivial one.
func wrong(pin string) string {
	for _, other := range []string{"473920", "830264"} {
		if other != strings.ReplaceAll(pin, " ", "") {
			return other
		}
	}
	panic("there are two")
}

// 3 A: a client that knows nothing of pairing waits without noticing, and goes on where it stands when it is let in.
func TestKnockAndApprove(t *testing.T) {
	s := openStudio(t)
	s.desk.set(t, "/lights/1", 1)
	s.desk.set(t, "/sound/1", 1)
	c, k := s.wait(t, "FOH iPad")
	if k.Match == "" || k.Transport != "ws" || k.Encrypted || k.State != pairing.StateWaiting {
		t.Errorf("the operator sees %+v", k)
	}
	c.send(t, wire.Fire, subscribe(1, "/lights/**", 0xff))
	c.send(t, wire.Fire, subscribe(2, "/**", 0xff)) // more than it will be given
	c.send(t, wire.Fire, subscribe(3, "/lights/2", 0xff))
	c.send(t, wire.Fire, unsubscribe(3))
	s.desk.set(t, "/lights/1", 2)
	s.desk.send(t, wire.Fire, publish(wire.Event, "/lights/go", 1))
	s.desk.quiet(t)
	c.quiet(t)
	c.send(t, wire.Confirm, set("/lights/1", 0.5))
	mention(t, c.expectErrorAbout(t, 310, "/lights/1"), "Waiting for approval", k.Match)
	if n := s.Stats().Subscriptions; n != 0 {
		t.Errorf("%d subscriptions of a session in the lobby", n)
	}
	if n := s.Stats().Sessions; n != 2 {
		t.Errorf("%d sessions, want 2", n)
	}

	d := s.approve(t, k, "lights")
	if got := addresses(c.expectSnapshot(t)); !slices.Equal(got, []string{"/lights/1"}) {
		t.Errorf("let in, it is shown %v", got)
	}
	c.expectEntry(t, "/lights/1", val(2), 2)
	c.expectErrorAbout(t, wire.CodeForbidden, "/**")
	s.desk.set(t, "/lights/1", 3)
	c.expectSet(t, "/lights/1", val(3), 3)
	s.desk.send(t, wire.Fire, publish(wire.Event, "/lights/go", 1))
	c.expectPublish(t)
	c.send(t, wire.Confirm, set("/lights/1", 4))
	c.expectSet(t, "/lights/1", val(4), 4)
	c.expectAck(t, "/lights/1")
	c.send(t, wire.Confirm, set("/sound/1", 4))
	c.expectErrorAbout(t, wire.CodeForbidden, "/sound/1")
	c.quiet(t)
	eventually(t, "the log to tell of it", func() bool { return strings.Contains(s.log.String(), "device="+d.ID) })
	if _, err := s.pairs.Approve(k.ID, pairing.Grant{}); err == nil {
		t.Error("it can be approved twice")
	}
}

// 3 A: whatever a session in the lobby sends to normal addresses is answered with 310, once a second and no oftener, and does
// nothing.
func TestLobbyIsDeaf(t *testing.T) {
	s := openStudio(t)
	s.desk.subscribe(t, 1, "/**", 0xff)
	c, _ := s.wait(t, "phone")
	messages := [][]byte{
		set("/a", 1), get("/a"), publish(wire.Event, "/a", 1), publish(wire.Param, "/a", 1), timeline("/a", 1), gesture(wire.Start, "/a", 1, 1),
		bundle(set("/a", 1)), wire.AppendQuery(nil, wire.Query{Pattern: []byte("/**")}), wire.AppendReplay(nil, wire.Replay{Pattern: []byte("/**")}),
		announce("/a"), set("/_clasp/x", 1),
	}
	for _, m := range messages {
		c.send(t, wire.Confirm, m)
	}
	all := c.fence(t)
	if len(all) == 0 || len(all) > 2 { // two, if this took a second
		t.Errorf("%d messages are answered with %v", len(messages), all)
	}
	for _, f := range all {
		if m := must(t, f, wire.DecodeError); m.Code != 310 {
			t.Errorf("answered with %v", f)
		}
	}
	for again := time.NewTicker(200 * time.Millisecond); ; <-again.C { // another answer, a second later
		c.send(t, wire.Confirm, messages[0])
		if all := c.fence(t); len(all) > 0 {
			break
		}
	}
	s.desk.quiet(t)
	if n := s.Stats().Params; n != 0 {
		t.Errorf("%d params are set from the lobby", n)
	}
	// A session that is not in cannot be spoken to either.
	s.desk.send(t, wire.Confirm, publish(wire.Event, "/clasp/p2p/signal/"+c.session, 1))
	s.desk.expectError(t, wire.CodeNoSession)
}

// What keeps a connection alive is answered, however much else comes; what makes no sense is said, and HELLO is not said twice.
func TestLobbyKeepsAlive(t *testing.T) {
	s := openStudio(t)
	c, _ := s.wait(t, "fader")
	for n := range 300 {
		c.send(t, wire.Fire, set("/a", n))
	}
	for _, f := range c.fence(t) {
		if m := must(t, f, wire.DecodeError); m.Code != 310 {
			t.Errorf("answered with %v", f)
		}
	}
	c.send(t, wire.Fire, wire.AppendSync(nil, wire.Sync{T1: 7}))
	if m := must(t, c.expect(t, wire.TypeSync), wire.DecodeSync); m.T1 != 7 {
		t.Errorf("SYNC is answered with %+v", m)
	}
	other, _ := s.wait(t, "other")
	other.send(t, wire.Fire, hello)
	other.expectError(t, wire.CodeBadFrame)
	other.send(t, wire.Fire, []byte{byte(wire.TypeSet)})
	other.expectError(t, wire.CodeBadMessage)
	other.send(t, wire.Fire, subscribe(1, "/a//b", 0xff))
	other.expectErrorAbout(t, wire.CodeBadPattern, "/a//b")
	other.quiet(t)
}

// 7: a session in the lobby may ask for 64 KiB, and then it ends.
func TestLobbyIsBounded(t *testing.T) {
	s := openStudio(t)
	c, _ := s.wait(t, "greedy")
	long := "/" + strings.Repeat("x", 1000)
	for range 5 { // within the rate, and within the limit
		c.send(t, wire.Fire, subscribe(1, long, 0xff))
	}
	c.quiet(t)
	big := strings.Repeat("x", 30<<10)
	for range 3 {
		c.send(t, wire.Fire, set(doneAt, big))
	}
	for {
		f := c.next(t)
		if m := must(t, f, wire.DecodeError); m.Code == wire.CodeLimit {
			break
		}
	}
	c.expectClose(t, 4429)
}

// 3 B: a PIN where a client asks for a token. WELCOME gives the token, which is good from then on; the PIN is not.
func TestPINAsToken(t *testing.T) {
	s := openStudio(t)
	s.desk.set(t, "/lights/1", 1)
	in := s.invite(t, "lights")
	c := s.arrive(t, "FOH iPad", in.PIN[:3]+"-"+in.PIN[len(in.PIN)-3:])
	given := string(c.expectWelcome(t).Token)
	if !strings.HasPrefix(given, "clp_") {
		t.Fatalf("WELCOME has the token %q", given)
	}
	if got := addresses(c.expectSnapshot(t)); !slices.Equal(got, []string{"/lights/1"}) {
		t.Errorf("it is shown %v", got)
	}
	got := c.readValue(t, tokenAt)
	if got["token"] != given || got["profile"] != "lights" || got["router_id"] != "router id" || got["device_id"] == "" ||
		fmt.Sprint(got["read"], got["write"]) != "[/lights/**] [/lights/**]" {
		t.Errorf("%s has %v", tokenAt, got)
	}
	if st := c.readValue(t, statusAt); st["state"] != "issued" || st["router_id"] != "router id" || st["profile"] != "lights" {
		t.Errorf("its status is %v", st)
	}
	// Nobody else sees it, and it is no param.
	s.desk.send(t, wire.Fire, get(tokenAt))
	s.desk.expectErrorAbout(t, wire.CodeNotFound, tokenAt)
	c.send(t, wire.Confirm, publish(wire.Event, doneAt, nil))
	c.expectAck(t, doneAt)
	c.send(t, wire.Fire, get(tokenAt))
	c.expectErrorAbout(t, wire.CodeNotFound, tokenAt)
	if st := c.readValue(t, statusAt); st["state"] != "active" {
		t.Errorf("then its status is %v", st)
	}

	again := s.arrive(t, "FOH iPad", "Bearer "+given)
	if w := again.expectWelcome(t); len(w.Token) > 0 {
		t.Error("who shows a token is given another one")
	}
	again.expectSnapshot(t)
	other := s.arrive(t, "another", in.PIN)
	other.expectError(t, 314)
	other.expectClose(t, 4401)
	if text := s.log.String(); strings.Contains(text, given) || strings.Contains(text, in.PIN) {
		t.Error("a secret is in the log")
	}
}

// 3 B and 8: what a wrong token or PIN is answered with, before and while a code is open.
func TestWrongPIN(t *testing.T) {
	s := openStudio(t)
	c := s.arrive(t, "early", "473920")
	c.expectError(t, wire.CodeUnauthenticated)
	c.expectClose(t, 4401)
	in := s.invite(t, "lights")
	c = s.arrive(t, "guess", wrong(in.PIN))
	m := c.expectError(t, 313)
	if strings.Contains(string(m.Message), in.PIN) {
		t.Error("the answer has the PIN in it")
	}
	c.expectClose(t, 4401)
	c = s.arrive(t, "thief", "clp_abcdefghjk_"+strings.Repeat("a", 32))
	c.expectError(t, wire.CodeUnauthenticated)
	c.expectClose(t, 4401)
	if n := s.Refused().Auth["pairing"]; n != 2 {
		t.Errorf("%d are counted as turned away by pairing, want 2", n)
	}
}

// 3 C: a client that knows pairing goes through it by the addresses made for it.
func TestPairingAddresses(t *testing.T) {
	s := openStudio(t)
	s.desk.set(t, "/lights/1", 1)
	s.desk.subscribe(t, 1, "/**", 0xff)
	c, k := s.wait(t, "cue laptop")
	c.send(t, wire.Fire, subscribe(1, statusAt, 0xff))
	all := c.expectSnapshot(t)
	if got := addresses(all); !slices.Equal(got, []string{statusAt}) {
		t.Fatalf("SUBSCRIBE is answered with %v", got)
	}
	last := all[0].Revision
	st := all[0].Value.Any().(map[string]any)
	if st["state"] != "waiting" || st["match"] != k.Match || st["id"] != k.ID || st["pake"] != false || st["router_id"] != "router id" {
		t.Errorf("at first its status is %v", st)
	}
	c.send(t, wire.Fire, subscribe(2, tokenAt, 0xff))
	c.quiet(t) // there is none

	c.send(t, wire.Confirm, set(requestAt, map[string]any{"name": "cue laptop", "kind": "\x1b[31mlaptop", "want": []any{"write:/lights/**"}}))
	c.expectAck(t, requestAt)
	c.fence(t)
	if k = s.pairs.Knocks()[0]; !strings.Contains(k.Kind, "laptop") || strings.Contains(k.Kind, "\x1b") || !slices.Equal(k.Want, []string{"write:/lights/**"}) {
		t.Errorf("the operator sees %+v", k)
	}
	picked, err := s.pairs.Pick(k.ID, "the test")
	if err != nil {
		t.Fatal(err)
	}
	if st = c.hear(t, statusAt, &last); st["state"] != "code_shown" || st["pin_required"] != true || number(val(st["expires_in"])) == 0 {
		t.Errorf("with a code its status is %v", st)
	}
	left := st["attempts_left"].(int64)
	c.send(t, wire.Fire, set(pinAt, wrong(picked.Code)))
	c.expectErrorAbout(t, 313, pinAt)
	if st = c.hear(t, statusAt, &last); st["attempts_left"] != left-1 {
		t.Errorf("after a wrong PIN its status is %v, and there were %d attempts", st, left)
	}
	c.fence(t)
	s.clock.Move(time.Minute) // so that it may try again
	c.send(t, wire.Confirm, set(pinAt, picked.Code))
	c.expectAck(t, pinAt)
	if st = c.hear(t, statusAt, &last); st["state"] != "issued" {
		t.Errorf("after the right PIN its status is %v", st)
	}
	if got := addresses(c.expectSnapshot(t)); !slices.Equal(got, []string{"/lights/1"}) {
		t.Errorf("let in, it is shown %v", got)
	}
	given := c.hear(t, tokenAt, &last)["token"].(string)
	if got := c.readValue(t, tokenAt); got["token"] != given {
		t.Errorf("GET of the token has %v", got)
	}
	last += 1
	c.send(t, wire.Confirm, publish(wire.Event, doneAt, nil))
	c.expectAck(t, doneAt)
	if st = c.hear(t, statusAt, &last); st["state"] != "active" {
		t.Errorf("at the end its status is %v", st)
	}

	// The token can be changed: the old one is good until the new one is used.
	c.send(t, wire.Confirm, publish(wire.Event, renewAt, nil))
	c.expectAck(t, renewAt)
	if st = c.hear(t, statusAt, &last); st["state"] != "issued" {
		t.Errorf("with a new token its status is %v", st)
	}
	renewed := c.hear(t, tokenAt, &last)["token"].(string)
	if renewed == given || !strings.HasPrefix(renewed, "clp_") {
		t.Errorf("renewed, the token is %q", renewed)
	}
	for _, good := range []string{given, renewed} {
		again := s.arrive(t, "cue laptop", good)
		again.expectWelcome(t)
	}
	old := s.arrive(t, "cue laptop", given)
	old.expectError(t, wire.CodeUnauthenticated)
	old.expectClose(t, 4401)

	// Refusals carry the address, and a new status.
	for _, refused := range []struct {
		addr string
		x    any
		code wire.Code
	}{{pinAt, "123987", wire.CodeConflict}, {statusAt, 1, wire.CodeForbidden}, {"/_clasp/pair/else", 1, wire.CodeForbidden}} {
		c.send(t, wire.Confirm, set(refused.addr, refused.x))
		c.expectErrorAbout(t, refused.code, refused.addr)
		c.hear(t, statusAt, &last)
	}
	c.send(t, wire.Fire, unsubscribe(1))
	c.send(t, wire.Confirm, set("/_clasp/pair/else", 1))
	c.expectErrorAbout(t, wire.CodeForbidden, "/_clasp/pair/else")
	c.quiet(t)
	// In a bundle they are the router's own.
	c.send(t, wire.Confirm, bundle(set(renewAt, 1)))
	c.expectErrorAbout(t, wire.CodeForbidden, renewAt)

	s.desk.quiet(t) // nobody heard of any of it
	if n := s.Stats().Params; n != 1 {
		t.Errorf("%d params, want 1", n)
	}
	for _, secret := range []string{given, renewed, picked.Code} {
		if strings.Contains(s.log.String(), secret) {
			t.Error("a secret is in the log")
		}
	}
}

// Bad values below /_clasp/pair are refused, and nothing becomes of them.
func TestBadPairingValues(t *testing.T) {
	s := openStudio(t)
	c, k := s.wait(t, "fuzzer")
	for _, bad := range []struct {
		addr string
		x    any
	}{
		{requestAt, 1}, {requestAt, map[string]any{"name": 1}}, {requestAt, map[string]any{"want": "write:/**"}},
		{requestAt, map[string]any{"want": []any{1}}}, {requestAt, map[string]any{"want": slices.Repeat([]any{"read:/a"}, 33)}},
		{pinAt, nil}, {pinAt, -1}, {pinAt, 1_000_000}, {pinAt, map[string]any{}},
	} {
		c.send(t, wire.Confirm, set(bad.addr, bad.x))
		c.expectErrorAbout(t, wire.CodeBadValue, bad.addr)
	}
	c.send(t, wire.Confirm, set(renewAt, 1))
	c.expectErrorAbout(t, 310, renewAt)
	if now := s.pairs.Knocks(); len(now) != 1 || now[0].State != k.State || now[0].Name != k.Name {
		t.Errorf("the operator sees %+v", now)
	}
}

// 8: the operator's no is ERROR 316 and close 4403, and who was turned away is so for ten minutes.
func TestDeny(t *testing.T) {
	s := openStudio(t)
	c, k := s.wait(t, "stranger")
	if err := s.pairs.Deny(k.ID, "the test"); err != nil {
		t.Fatal(err)
	}
	c.expectError(t, 316)
	c.expectClose(t, 4403)
	c = s.arrive(t, "stranger", "")
	c.expectError(t, 316)
	c.expectClose(t, 4403)
	s.clock.Move(11 * time.Minute)
	s.wait(t, "stranger")
}

// 7: ten minutes without a sign of life end a visit; a program's pings are none.
func TestLobbyTimeout(t *testing.T) {
	s := openStudio(t)
	idle, _ := s.wait(t, "idle")
	alive, _ := s.wait(t, "alive")
	s.clock.Move(6 * time.Minute)
	idle.fence(t)
	alive.send(t, wire.Fire, subscribe(1, "/a", 0xff))
	alive.fence(t)
	s.clock.Move(6 * time.Minute)
	idle.expectError(t, 310)
	idle.expectClose(t, 4408)
	alive.quiet(t)
}

// 7 and 8: there are two seats for one address. A third one is turned away, or gets the seat of the one who has been quiet for
// longest.
func TestLobbyIsFull(t *testing.T) {
	s := openStudio(t)
	first, _ := s.wait(t, "first")
	second, _ := s.wait(t, "second")
	third := s.arrive(t, "third", "")
	third.expectError(t, 318)
	third.expectClose(t, 4429)
	s.clock.Move(time.Minute)
	s.wait(t, "fourth")
	first.expectError(t, 310)
	first.expectClose(t, 4408)
	second.quiet(t)
}

// 9: a device that is revoked loses its session with ERROR 317 and close 4410, what it has locked is free, and what it has
// scheduled is not run. Its token is good for nothing.
func TestRevoke(t *testing.T) {
	s := openStudio(t)
	in := s.invite(t, "lights")
	c := s.arrive(t, "phone", in.PIN)
	given := string(c.expectWelcome(t).Token)
	c.expectSnapshot(t)
	gone := s.arrive(t, "phone", given) // and leaves before
	gone.expectWelcome(t)
	gone.fence(t)
	at := uint64(time.Now().Add(2 * time.Second).UnixMicro())
	gone.send(t, wire.Fire, bundleAt(at, set("/lights/late", 1)))
	gone.quiet(t)
	gone.drop()
	eventually(t, "its other session to end", func() bool { return s.Stats().Sessions == 2 })
	c.send(t, wire.Confirm, setWith("/lights/1", 1, lock))
	c.expectAck(t, "/lights/1")
	c.send(t, wire.Fire, bundleAt(at, set("/lights/late", 1)))
	c.quiet(t)
	s.desk.send(t, wire.Confirm, set("/lights/1", 2))
	s.desk.expectErrorAbout(t, wire.CodeLocked, "/lights/1")

	if _, err := s.pairs.Revoke("phone", "the test"); err != nil {
		t.Fatal(err)
	}
	c.expectError(t, 317)
	c.expectClose(t, 4410)
	eventually(t, "the lock to be free", func() bool {
		s.desk.send(t, wire.Confirm, set("/lights/1", 2))
		return s.desk.next(t).kind == wire.TypeAck
	})
	c = s.arrive(t, "phone", given)
	if m := must(t, c.expect(t, wire.TypeError), wire.DecodeError); m.Code != 317 && m.Code != 300 {
		t.Errorf("its token is answered with ERROR %d", m.Code)
	}
	c.expectClose(t, 0)
	eventually(t, "its bundle's time", func() bool { return uint64(time.Now().UnixMicro()) > at+100_000 })
	s.desk.send(t, wire.Fire, get("/lights/late"))
	s.desk.expectErrorAbout(t, wire.CodeNotFound, "/lights/late")
}

// Another profile ends the sessions of a device without an ERROR: its client comes again, and has other rights.
func TestSetProfile(t *testing.T) {
	s := openStudio(t)
	in := s.invite(t, "lights")
	c := s.arrive(t, "phone", in.PIN)
	given := string(c.expectWelcome(t).Token)
	c.fence(t)
	if _, err := s.pairs.SetProfile("phone", "viewer", "the test"); err != nil {
		t.Fatal(err)
	}
	c.expectClose(t, 1012)
	c = s.arrive(t, "phone", given)
	c.expectWelcome(t)
	c.fence(t)
	c.send(t, wire.Fire, set("/lights/1", 1))
	c.expectErrorAbout(t, wire.CodeForbidden, "/lights/1")
}

// An approval for somebody who has left lets nobody in, and harms nothing.
func TestApproveAfterLeaving(t *testing.T) {
	s := openStudio(t)
	c, k := s.wait(t, "gone")
	c.drop()
	eventually(t, "the session to end", func() bool { return s.Stats().Sessions == 1 })
	if d, err := s.pairs.Approve(k.ID, pairing.Grant{By: "the test"}); err == nil {
		t.Errorf("who has left becomes the device %+v", d)
	}
	again, _ := s.wait(t, "gone")
	again.quiet(t)
}

// 3 A: who was approved and loses its connection is let in again without being asked, and gets no token by that.
func TestGrace(t *testing.T) {
	s := openStudio(t, func(s *pairing.Settings) { s.Grace = 10 * time.Minute })
	c, k := s.wait(t, "FOH iPad")
	s.approve(t, k, "lights")
	c.expectSnapshot(t)
	c.set(t, "/lights/1", 1)
	c.drop()
	eventually(t, "the session to end", func() bool { return s.Stats().Sessions == 1 })
	s.clock.Move(9 * time.Minute)
	c = s.arrive(t, "FOH iPad", "")
	c.expectWelcome(t)
	if got := addresses(c.expectSnapshot(t)); !slices.Equal(got, []string{"/lights/1"}) {
		t.Errorf("back again, it is shown %v", got)
	}
	c.send(t, wire.Fire, set(renewAt, 1))
	c.expectErrorAbout(t, wire.CodeForbidden, renewAt)
	c.drop()
	eventually(t, "the session to end", func() bool { return s.Stats().Sessions == 1 })
	s.clock.Move(11 * time.Minute)
	s.wait(t, "FOH iPad") // too late
}

// 9: a name of escape sequences, marks that turn writing round and far too many letters is harmless in the log.
func TestHostileName(t *testing.T) {
	s := openStudio(t)
	name := "\x1b[31m\u202eevil\x1b]0;title\x07" + strings.Repeat("x", 10_000)
	c := s.arrive(t, name, "")
	c.expectWelcome(t)
	c.expectSnapshot(t)
	s.approve(t, s.pairs.Knocks()[0], "lights")
	c.expectSnapshot(t)
	c.drop()
	eventually(t, "the log to tell of it", func() bool { return strings.Contains(s.log.String(), "device_name=") })
	if text := s.log.String(); strings.ContainsAny(text, "\x1b\x07\u202e") || strings.Contains(text, strings.Repeat("x", 1000)) {
		t.Errorf("the log has it as it came:\n%.2000q", text)
	}
}

// 3 D: a client that can send no token is let in by its name and address, and cannot get a token by that.
func TestAllowed(t *testing.T) {
	s := openStudio(t)
	if _, err := s.pairs.Allow(pairing.Grant{Name: "stage-mat", Profile: "lights", By: "the test"}, netip.MustParsePrefix("127.0.0.1/32")); err != nil {
		t.Fatal(err)
	}
	c := s.arrive(t, "stage-mat", "")
	if w := c.expectWelcome(t); len(w.Token) > 0 {
		t.Error("it is given a token")
	}
	c.expectSnapshot(t)
	c.set(t, "/lights/1", 1)
	c.send(t, wire.Fire, set("/sound/1", 1))
	c.expectErrorAbout(t, wire.CodeForbidden, "/sound/1")
	c.send(t, wire.Fire, set(renewAt, 1))
	c.expectErrorAbout(t, wire.CodeForbidden, renewAt)
	c.send(t, wire.Fire, get(tokenAt))
	c.expectErrorAbout(t, wire.CodeNotFound, tokenAt)
}

// A session is let in from one goroutine while another reads it: whoever wins, nothing is lost. For -race.
func TestApproveWhileTalking(t *testing.T) {
	s := openStudio(t)
	for round := range 5 {
		name := fmt.Sprintf("talker %d", round)
		c, k := s.wait(t, name)
		var approving sync.WaitGroup
		approving.Go(func() {
			if _, err := s.pairs.Approve(k.ID, pairing.Grant{Profile: "lights", By: "the test"}); err != nil {
				t.Errorf("approve: %v", err)
			}
		})
		for id := range uint32(8) {
			c.send(t, wire.Fire, subscribe(id, fmt.Sprintf("/lights/%d", id), 0xff))
		}
		approving.Wait()
		eventually(t, "it to be inside", func() bool { return s.Stats().Subscriptions == 8 })
		c.drop()
		eventually(t, "it to have left", func() bool { return s.Stats().Subscriptions == 0 })
	}
}
