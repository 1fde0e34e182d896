// What the operator does while looking on: whom it hits and what it changes, and that it goes the way of every SET.

package router_test

import (
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/router"
	"github.com/clasp-studio/clasp/router/monitor"
	"github.com/clasp-studio/clasp/router/store"
	"github.com/clasp-studio/clasp/router/wire"
)

func valueOf(t *testing.T, x any) wire.Value {
	t.Helper()
	b, err := wire.AppendAny(nil, x)
	if err != nil {
		t.Fatal(err)
	}
	return wire.Value{Code: b[0], Data: b[1:]}
}

// ids returns the sessions by where they come from.
func ids(r *router.Router) map[string]string {
	by := map[string]string{}
	for _, c := range r.Clients() {
		by[c.Remote] = c.ID
	}
	return by
}

// gone waits until a session has ended, and returns what it was told last and why it ended.
func gone(t *testing.T, c caller) (last string, reason router.Reason) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); c.door.reason() == router.ReasonNone; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the session goes on")
		}
	}
	lines, _ := c.read(t)
	if len(lines) > 0 {
		last = lines[len(lines)-1]
	}
	return last, c.door.reason()
}

func TestDisconnect(t *testing.T) {
	r := openGuarded(t, router.Options{})
	c := knock(t, r, "192.0.2.1:1", "")
	stays := knock(t, r, "192.0.2.1:2", "")
	id := ids(r)["192.0.2.1:1"]
	if err := r.Disconnect(id); err != nil {
		t.Fatal(err)
	}
	if last, reason := gone(t, c); last != "ERROR 404" || reason != router.ReasonDisconnected {
		t.Errorf("told %q, ended %v", last, reason)
	}
	c.leave()
	if err := r.Disconnect(id); !errors.Is(err, monitor.ErrGone) {
		t.Errorf("a second time: %v", err)
	}
	if again := knock(t, r, "192.0.2.1:3", "").heard(t); len(again) == 0 || again[0] != "WELCOME" {
		t.Errorf("come again: %q", again)
	}
	if stays.door.reason() != router.ReasonNone {
		t.Error("another session has ended")
	}
}

func TestBan(t *testing.T) {
	type place struct{ remote, token string }
	pairs := openPairs(t, pairingOn)
	device, other := makeDevice(t, pairs, "desk", "default"), makeDevice(t, pairs, "tablet", "default")
	subject := sign(t, secret, rights("/**", "/**", "", "").with("sub", "board"))
	subject2 := sign(t, secret, rights("/**", "/**", "", "").with("sub", "board").with("jti", "another"))
	nameless := sign(t, secret, rights("/**", "/**", "", ""))
	tests := []struct {
		name    string
		options router.Options
		banned  place
		with    []place // end as well
		stay    []place
		refused []place // when they come again
		let     []place
		words   string
	}{
		{
			"a device", router.Options{Settings: guarded(t, true), Pairing: pairs},
			place{"192.0.2.1:1", device}, []place{{"192.0.2.2:1", device}}, []place{{"192.0.2.1:2", other}},
			[]place{{"192.0.2.3:1", device}}, []place{{"192.0.2.1:3", other}, {"192.0.2.1:4", ""}},
			"device “desk”, with 1 other session of it",
		},
		{
			"a token", router.Options{Settings: guarded(t, true)},
			place{"192.0.2.1:1", subject}, []place{{"192.0.2.2:1", subject2}}, []place{{"192.0.2.1:2", nameless}},
			[]place{{"192.0.2.3:1", subject2}}, []place{{"192.0.2.1:3", nameless}},
			"token of “board”, with 1 other session of it",
		},
		{
			"an address", router.Options{Settings: guarded(t, false)},
			place{"192.0.2.1:1", ""}, nil, []place{{"192.0.2.1:2", ""}, {"192.0.2.1:3", subject}},
			[]place{{"192.0.2.1:4", ""}, {"192.0.2.1:5", nameless}}, []place{{"192.0.2.1:6", subject}, {"192.0.2.2:1", ""}},
			"everybody at 192.0.2.1 who has no token (1 other session from there stays until disconnected)",
		},
		{
			"this computer", router.Options{},
			place{"127.0.0.1:1", ""}, nil, nil, []place{{"127.0.0.1:2", ""}}, []place{{"192.0.2.1:1", ""}},
			"everybody on this computer who has no token",
		},
		{
			"one in the lobby", router.Options{Settings: guarded(t, true), Pairing: pairs},
			place{"192.0.2.1:1", ""}, nil, []place{{"192.0.2.1:2", other}}, []place{{"192.0.2.1:4", ""}}, []place{{"192.0.2.1:3", other}, {"192.0.2.2:2", ""}},
			"everybody at 192.0.2.1 who has no token",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := openGuarded(t, test.options)
			come := func(p place) (caller, string) {
				c := knock(t, r, p.remote, p.token)
				heard := c.heard(t)
				if len(heard) == 0 {
					t.Fatalf("%s is told nothing", p.remote)
				}
				return c, heard[0]
			}
			inside := map[string]caller{}
			for _, p := range append(append([]place{test.banned}, test.with...), test.stay...) {
				c, greeting := come(p)
				if inside[p.remote] = c; greeting != "WELCOME" {
					t.Fatalf("%s is told %s", p.remote, greeting)
				}
			}
			what, err := r.Ban(ids(r)[test.banned.remote])
			if err != nil || what != test.words {
				t.Errorf("ban: %q (%v)\nwant %q", what, err, test.words)
			}
			for _, p := range append([]place{test.banned}, test.with...) {
				if last, reason := gone(t, inside[p.remote]); last != "ERROR 300" || reason != router.ReasonBanned {
					t.Errorf("%s: told %q, ended %v", p.remote, last, reason)
				}
			}
			for _, p := range test.stay {
				if reason := inside[p.remote].door.reason(); reason != router.ReasonNone {
					t.Errorf("%s has ended: %v", p.remote, reason)
				}
			}
			for _, p := range test.refused {
				c, told := come(p)
				if _, reason := gone(t, c); told != "ERROR 300" || reason != router.ReasonBanned {
					t.Errorf("%s comes again and is told %s, ended %v", p.remote, told, reason)
				}
			}
			for _, p := range test.let {
				if _, told := come(p); told != "WELCOME" {
					t.Errorf("%s, who is not meant, is told %s", p.remote, told)
				}
			}
			if bans := r.Bans(); len(bans) != 1 || !strings.HasPrefix(test.words, bans[0]) {
				t.Errorf("banned are %q", bans)
			}
		})
	}
}

// One who is banned does not knock: the operator would hear it each time.
func TestBannedDoNotKnock(t *testing.T) {
	pairs := openPairs(t, pairingOn)
	r := openGuarded(t, router.Options{Settings: guarded(t, true), Pairing: pairs})
	c := knock(t, r, "192.0.2.1:1", "")
	c.heard(t)
	if _, err := r.Ban(ids(r)["192.0.2.1:1"]); err != nil {
		t.Fatal(err)
	}
	gone(t, c)
	c.leave()
	before := len(pairs.Knocks())
	gone(t, knock(t, r, "192.0.2.1:2", ""))
	if after := len(pairs.Knocks()); after > before {
		t.Errorf("%d knocks, %d before", after, before)
	}
}

// The list is bounded, and one that nobody can know again is not on it.
func TestBansAreBounded(t *testing.T) {
	r := openGuarded(t, router.Options{})
	from := netip.MustParseAddr("10.0.0.0")
	var err error
	n := 0
	for ; err == nil && n < 2000; n++ {
		from = from.Next()
		c := knock(t, r, from.String()+":1", "")
		_, err = r.Ban(ids(r)[from.String()+":1"])
		c.leave()
	}
	if !errors.Is(err, monitor.ErrRefused) || n != 1025 || len(r.Bans()) != 1024 {
		t.Errorf("%d bans, the last: %v", n, err)
	}
	knockAs(t, r, router.Peer{Transport: "test", Remote: "nowhere"}, "")
	if _, err := r.Ban(ids(r)["nowhere"]); !errors.Is(err, monitor.ErrRefused) {
		t.Errorf("who comes from nowhere: %v", err)
	}
	if _, err := r.Ban("nobody"); !errors.Is(err, monitor.ErrGone) {
		t.Errorf("nobody: %v", err)
	}
}

func TestWrite(t *testing.T) {
	r := openWith(t, router.Limits{MaxParams: 3}, router.ConflictRule{Pattern: "/max", Strategy: "max"}, router.ConflictRule{Pattern: "/lock", Strategy: "lock"})
	c, _ := enter(t, r, "")
	c.ask(t, wire.Fire, subscribePayload("/**"))
	if revision, err := r.Write("/a", valueOf(t, 1.0), "the test"); err != nil || revision != 1 {
		t.Fatalf("revision %d (%v)", revision, err)
	}
	expectAnswers(t, c.heard(t), "SET /a")
	if row := r.Values([]string{"/a"})[0]; row.Writer != "operator" || row.WriterName != "operator" || row.Text != "1" {
		t.Errorf("written: %+v", row)
	}
	c.ask(t, wire.Confirm, wire.AppendSet(nil, wire.Set{Address: []byte("/a"), Value: valueOf(t, 2.0), Lock: true}))
	if _, err := r.Write("/a", valueOf(t, 3.0), "the test"); !errors.Is(err, monitor.ErrRefused) || !strings.Contains(err.Error(), "locked by session") || !strings.Contains(err.Error(), "(caller)") {
		t.Errorf("to what is locked: %v", err)
	}
	for i, want := range []error{nil, monitor.ErrRefused, nil} { // 5, 4, 6
		if _, err := r.Write("/max", valueOf(t, []float64{5, 4, 6}[i]), "the test"); !errors.Is(err, want) {
			t.Errorf("to a maximum, write %d: %v, want %v", i+1, err, want)
		}
	}
	if _, err := r.Write("/lock", valueOf(t, 1.0), "the test"); err != nil {
		t.Fatal(err)
	}
	if row := r.Values([]string{"/lock"})[0]; row.Holder != "" {
		t.Errorf("the operator holds a lock: %+v", row)
	}
	for _, test := range []struct {
		address string
		value   any
		want    error
	}{
		{"/fourth", 1.0, monitor.ErrRefused},
		{"no address", 1.0, monitor.ErrInvalid},
		{"/a/*", 1.0, monitor.ErrInvalid},
		{"/_clasp/x", 1.0, monitor.ErrRefused},
		{"/max", strings.Repeat("x", 65530), monitor.ErrInvalid},
	} {
		if _, err := r.Write(test.address, valueOf(t, test.value), "the test"); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", test.address, err, test.want)
		}
	}
	if got := r.Stats().Params; got != 3 {
		t.Errorf("%d params, want 3", got)
	}
}

// What the operator sets is stored as any other.
func TestWriteIsStored(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	for round := range 2 {
		st, err := store.Open(store.Options{Path: path})
		if err != nil {
			t.Fatal(err)
		}
		r, err := router.New(router.Options{Store: st, Exclude: []string{"/rest"}})
		if err != nil {
			t.Fatal(err)
		}
		if round == 0 {
			for _, addr := range []string{"/a", "/rest"} {
				if _, err := r.Write(addr, valueOf(t, 1.5), "the test"); err != nil {
					t.Fatal(err)
				}
				if d, err := r.Address(addr); err != nil || d.Stored != (addr == "/a") {
					t.Errorf("%s: stored %v (%v)", addr, d.Stored, err)
				}
			}
		} else if rows := r.Values([]string{"/a", "/rest"}); rows[0].Text != "1.5" || rows[0].WriterName != "operator" || !rows[1].Missing {
			t.Errorf("after a restart: %+v", rows)
		}
		if err := errors.Join(r.Close(t.Context()), st.Close(t.Context())); err != nil {
			t.Fatal(err)
		}
	}
}

func TestEmit(t *testing.T) {
	r := openGuarded(t, router.Options{})
	c, _ := enter(t, r, "")
	c.ask(t, wire.Fire, subscribePayload("/cue/*"))
	if err := r.Emit("/cue/go", valueOf(t, "now"), "ann"); err != nil {
		t.Fatal(err)
	}
	expectAnswers(t, c.heard(t), "PUBLISH /cue/go")
	for address, want := range map[string]error{
		"/cue/*": monitor.ErrInvalid, "/_admin/x": monitor.ErrRefused, "/clasp/p2p/signal/nobody": monitor.ErrGone,
	} {
		if err := r.Emit(address, valueOf(t, 1.0), "ann"); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", address, err, want)
		}
	}
	if err := r.Emit("/cue/go", valueOf(t, strings.Repeat("x", 65530)), "ann"); !errors.Is(err, monitor.ErrInvalid) {
		t.Errorf("what is too large: %v", err)
	}
	if len(r.Addresses(nil, 0, nil)) != 0 {
		t.Error("an event has left a value")
	}
}

// Everything that looks on runs beside clients that come, write, lock and go: for the race detector, and for locks taken in
// the wrong order, which would hold it up for good.
func TestLookingOnBesideClients(t *testing.T) {
	r := openGuarded(t, router.Options{Settings: guarded(t, false), Pairing: openPairs(t, pairingOn)})
	done := make(chan struct{})
	looks := make(chan int)
	go func() {
		n := 0
		defer func() { looks <- n }()
		for {
			select {
			case <-done:
				return
			default:
			}
			n++
			r.Census()
			r.Seq()
			for i, c := range r.Clients() {
				_, _ = r.Client(c.ID)
				if i == 3 {
					_ = r.Disconnect(c.ID)
				}
			}
			names := r.Addresses(func(v *monitor.Value) bool { return v.Writer != "" }, monitor.NeedWriter, nil)
			r.Values(names)
			r.Branches([]string{"/a", "/a/1"})
			_, _ = r.Address("/a/1")
			_, _ = r.Write("/a/1", wire.Value{Code: wire.NullCode}, "the test")
			_ = r.Emit("/a/2", wire.Value{Code: wire.NullCode}, "ann")
		}
	}()
	for round := range 30 {
		var callers []caller
		for i := range 5 {
			c := knock(t, r, fmt.Sprintf("192.0.2.%d:%d", i+1, round+1), "")
			c.send(t, wire.Fire, subscribePayload("/a/**"))
			callers = append(callers, c)
		}
		for i := range 100 {
			c := callers[i%5]
			addr := fmt.Sprintf("/a/%d", i%10)
			c.send(t, wire.Fire, wire.AppendSet(nil, wire.Set{Address: []byte(addr), Value: wire.Value{Code: wire.NullCode}, Lock: i%3 == 0, HasTTL: i%7 == 0, TTL: 1}))
			c.send(t, wire.Fire, bundlePayload(t, setPayload("/a/x", 1.0), setPayload("/a/"+strings.Repeat("y", i%4+1), 2.0)))
		}
		for _, c := range callers {
			c.leave()
		}
	}
	close(done)
	if n := <-looks; n == 0 {
		t.Error("nobody has looked")
	}
	if clients := r.Clients(); len(clients) != 0 {
		t.Errorf("there are still %v", slices.Collect(func(yield func(string) bool) {
			for _, c := range clients {
				yield(c.Remote)
			}
		}))
	}
}
