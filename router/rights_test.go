// What a session with a token may do, message by message (protocol section 10).

package router_test

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/clasp-studio/clasp/router"
	"github.com/clasp-studio/clasp/router/store"
	"github.com/clasp-studio/clasp/router/wire"
)

// stage is a router with a few params, everybody's friend on it, and one session with
// a token.
type stage struct {
	*router.Router
	friend, c caller
	greeting  []string
}

func play(t *testing.T, c claims) stage {
	t.Helper()
	return playOn(t, nil, c)
}

// playOn is play for a router that keeps its params on disk.
func playOn(t *testing.T, disk *store.Store, c claims) stage {
	t.Helper()
	r := openGuarded(t, router.Options{Settings: guarded(t, false), Store: disk})
	s := stage{Router: r}
	s.friend, _ = enter(t, r, "")
	for _, address := range []string{"/r/1", "/w/1", "/rw/1", "/s/1", "/s/1/deep", "/x/1"} {
		s.friend.ask(t, wire.Fire, setPayload(address, 0.5))
	}
	s.friend.ask(t, wire.Fire, announcePayload("/r/cue", "/r/all/**", "/x/cue", "/**/all"))
	s.c, s.greeting = enter(t, r, sign(t, secret, c))
	return s
}

func (s stage) expect(t *testing.T, what string, q wire.QoS, payload []byte, want ...string) {
	t.Helper()
	if got := s.c.ask(t, q, payload); !slices.Equal(got, want) {
		t.Errorf("%s: answered %q, want %q", what, got, want)
	}
}

var fewRights = rights("/r/** /rw/**", "/w/** /rw/**", "/e/**", "/s/*")

// TestRights goes through all messages.
func TestRights(t *testing.T) {
	s := play(t, fewRights)
	if want := []string{"SNAPSHOT /r/1 /rw/1"}; !slices.Equal(s.greeting, want) {
		t.Errorf("after WELCOME came %q, want %q", s.greeting, want)
	}
	const fire, confirm, commit = wire.Fire, wire.Confirm, wire.Commit
	event := func(address string) []byte { return publishPayload(t, wire.Event, address) }
	keyframes := func(address string) []byte { return timelinePayload(t, address, 0.5) }

	s.expect(t, "GET of what may be read", fire, getPayload("/r/1"), "SNAPSHOT /r/1")
	s.expect(t, "GET of what may be written only", fire, getPayload("/w/1"), "ERROR 301 /w/1")
	s.expect(t, "GET of what may be subscribed to only", fire, getPayload("/s/1"), "ERROR 301 /s/1")
	s.expect(t, "GET of what is forbidden", fire, getPayload("/x/1"), "ERROR 301 /x/1")
	s.expect(t, "GET of what is forbidden and not there", fire, getPayload("/x/2"), "ERROR 301 /x/2")
	s.expect(t, "GET of what may be read and is not there", fire, getPayload("/r/2"), "ERROR 201 /r/2")
	s.expect(t, "GET of no address", fire, getPayload("/x//1"), "ERROR 200 /x//1")

	s.expect(t, "SET of what may be written", confirm, setPayload("/w/1", 0.5), "ACK")
	s.expect(t, "SET of it once more", confirm, setPayload("/w/1", 0.5), "ACK")
	s.expect(t, "SET of what is not there", confirm, setPayload("/w/2", 0.5), "ACK")
	s.expect(t, "SET of what may be read only", fire, setPayload("/r/1", 0.5), "ERROR 301 /r/1")
	s.expect(t, "SET of what may be emitted only", confirm, setPayload("/e/1", 0.5), "ERROR 301 /e/1")
	s.expect(t, "SET of what is forbidden", fire, setPayload("/x/1", 0.5), "ERROR 301 /x/1")
	s.expect(t, "SET at commit of what is forbidden", commit, setPayload("/x/1", 0.5), "ERROR 301 /x/1")
	locking := wire.AppendSet(nil, wire.Set{Address: []byte("/r/1"), Value: wire.Value{Code: wire.NullCode}, Lock: true})
	s.expect(t, "a lock on what may be read only", confirm, locking, "ERROR 301 /r/1")
	s.expect(t, "SET of no address", fire, setPayload("/x//1", 0.5), "ERROR 200 /x//1")
	s.expect(t, "SET of the router's own", fire, setPayload("/_clasp/x", 0.5), "ERROR 301 /_clasp/x")
	s.expect(t, "a param by PUBLISH", confirm, wire.AppendPublish(nil, wire.Publish{
		Signal: wire.Param, Address: []byte("/x/1"), HasValue: true, Value: wire.Value{Code: wire.NullCode},
	}), "ERROR 301 /x/1")

	for _, signal := range []wire.Signal{wire.Event, wire.Stream, wire.Gesture} {
		s.expect(t, "a signal where one may emit", confirm, publishPayload(t, signal, "/e/1"), "ACK")
		s.expect(t, "a signal where one may write", confirm, publishPayload(t, signal, "/w/1"), "ACK")
		s.expect(t, "a signal where one may read", confirm, publishPayload(t, signal, "/r/1"), "ERROR 301 /r/1")
		s.expect(t, "a signal where it is forbidden", fire, publishPayload(t, signal, "/x/1"), "ERROR 301 /x/1")
	}
	for _, phase := range []wire.Phase{wire.Start, wire.Move, wire.End, wire.Cancel} {
		gesture := wire.AppendPublish(nil, wire.Publish{Signal: wire.Gesture, Phase: phase, Address: []byte("/x/1")})
		s.expect(t, "a gesture where it is forbidden", fire, gesture, "ERROR 301 /x/1")
	}
	s.expect(t, "a timeline where one may write", confirm, keyframes("/w/1"), "ACK")
	s.expect(t, "a timeline where one may emit only", confirm, keyframes("/e/1"), "ERROR 301 /e/1")
	s.expect(t, "a timeline at commit where it is forbidden", commit, keyframes("/x/1"), "ERROR 301 /x/1")
	s.expect(t, "an empty timeline where one may write", confirm, publishPayload(t, wire.Timeline, "/w/1"), "ACK")
	s.expect(t, "an empty timeline where one may emit only", fire, publishPayload(t, wire.Timeline, "/e/1"), "ERROR 301 /e/1")
	s.expect(t, "a signal to one session", fire, event("/clasp/p2p/signal/nobody"), "ERROR 301 /clasp/p2p/signal/nobody")

	s.expect(t, "SUBSCRIBE to what may be read", fire, subscribePayload("/r/**"), "SNAPSHOT /r/1")
	s.expect(t, "SUBSCRIBE to what may be subscribed to", fire, subscribePayload("/s/*"), "SNAPSHOT /s/1")
	s.expect(t, "SUBSCRIBE to more than that", fire, subscribePayload("/s/**"), "ERROR 301 /s/**")
	s.expect(t, "SUBSCRIBE to everything", fire, subscribePayload("/**"), "ERROR 301 /**")
	s.expect(t, "SUBSCRIBE across two rights", fire, subscribePayload("/*/1"), "ERROR 301 /*/1")
	s.expect(t, "SUBSCRIBE to what may be written only", fire, subscribePayload("/w/1"), "ERROR 301 /w/1")
	s.expect(t, "the session goes on", fire, getPayload("/r/1"), "SNAPSHOT /r/1")
	if n := s.Stats().Subscriptions; n != 2 {
		t.Errorf("%d subscriptions, want 2", n)
	}

	s.expect(t, "QUERY", fire, queryPayload("/**"), "RESULT /r/1:r /r/all/**: /r/cue: /rw/1:rw")
	s.expect(t, "QUERY of what is forbidden", fire, queryPayload("/x/1"), "RESULT")
	s.expect(t, "ANNOUNCE of what may be written", confirm, announcePayload("/w/cue", "/rw/**"), "ACK")
	s.expect(t, "ANNOUNCE of one forbidden", confirm, announcePayload("/rw/more", "/r/1"), "ERROR 301 /r/1")
	s.expect(t, "ANNOUNCE of a pattern that is too wide", confirm, announcePayload("/*/cue"), "ERROR 301 /*/cue")
	s.expect(t, "none of the refused is there", fire, queryPayload("/rw/**"), "RESULT /rw/**: /rw/1:rw")

	s.expect(t, "REPLAY of what may be read", fire, replayPayload("/r/*"), "ERROR 501")
	s.expect(t, "REPLAY of what may be subscribed to only", fire, replayPayload("/s/*"), "ERROR 301 /s/*")
	s.expect(t, "REPLAY of no pattern", fire, replayPayload("/x**"), "ERROR 202 /x**")

	s.expect(t, "a bundle", confirm, bundlePayload(t, setPayload("/w/1", 1.0), event("/e/1")), "ACK")
	s.expect(t, "a bundle with one forbidden message", confirm,
		bundlePayload(t, setPayload("/w/new", 1.0), event("/r/1"), setPayload("/x/1", 1.0)), "ERROR 301 /r/1")
	s.expect(t, "a bundle at commit with one forbidden message", commit,
		bundlePayload(t, setPayload("/w/new", 1.0), setPayload("/x/1", 1.0)), "ERROR 301 /x/1")
	later := wire.BeginBundle(nil, true, uint64(time.Now().Add(time.Hour).UnixMicro()))
	later, _ = wire.AppendBundleMessage(later, setPayload("/x/1", 1.0))
	wire.SetBundleCount(later, 1)
	s.expect(t, "a bundle for later", confirm, later, "ERROR 301 /x/1")
	if got := s.friend.ask(t, wire.Fire, getPayload("/w/new")); !slices.Equal(got, []string{"ERROR 201 /w/new"}) {
		t.Errorf("a refused bundle has left /w/new: %q", got)
	}

	s.expect(t, "UNSUBSCRIBE", fire, wire.AppendUnsubscribe(nil, wire.Unsubscribe{ID: 1}))
	denied := s.Refused().Denied
	for action, atLeast := range map[string]uint64{"read": 4, "write": 10, "emit": 10, "subscribe": 4, "announce": 2, "replay": 1} {
		if denied[action] < atLeast {
			t.Errorf("%d denials to %s are counted, want %d at least", denied[action], action, atLeast)
		}
	}
}

// TestCommitsKeepToRights: what goes to the disk first is judged before it does.
func TestCommitsKeepToRights(t *testing.T) {
	disk, err := store.Open(store.Options{Path: filepath.Join(t.TempDir(), "state.db"), Interval: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = disk.Close(context.Background()) })
	bounds := claims{"/range": claims{"range": []float64{0, 1}}, "/rate": claims{"maxRate": 0.001}}
	s := playOn(t, disk, claims{"clasp": claims{"write": []string{"/w/**", "/range", "/rate"}, "constraints": bounds}})
	// At commit the answer waits for the disk, and what follows does not.
	commit := func(what string, payload []byte, want string) {
		t.Helper()
		s.c.send(t, wire.Commit, payload)
		var got []string
		for deadline := time.Now().Add(10 * time.Second); len(got) == 0 && time.Now().Before(deadline); time.Sleep(time.Millisecond) {
			got = s.c.heard(t)
		}
		if !slices.Equal(got, []string{want}) {
			t.Errorf("%s: answered %q, want %s", what, got, want)
		}
	}
	commit("SET", setPayload("/w/1", 1.0), "ACK")
	commit("SET of what is forbidden", setPayload("/x/1", 1.0), "ERROR 301 /x/1")
	commit("a timeline", timelinePayload(t, "/w/1", 1.0), "ACK")
	commit("a timeline where it is forbidden", timelinePayload(t, "/x/1", 1.0), "ERROR 301 /x/1")
	commit("a bundle", bundlePayload(t, setPayload("/w/1", 1.0)), "ACK")
	commit("a bundle with one forbidden message", bundlePayload(t, setPayload("/w/1", 1.0), setPayload("/x/1", 1.0)), "ERROR 301 /x/1")
	commit("a number in range", setPayload("/range", 1.0), "ACK")
	commit("a number out of range", setPayload("/range", 2.0), "ERROR 402 /range")
	commit("a first write", setPayload("/rate", 1.0), "ACK")
	commit("one too soon", setPayload("/rate", 2.0), "ERROR 429 /rate")
}

// TestScheduledWriteCountsOnce: a bundle that finds its param on its way to the disk is run a
// second time, and has written once.
func TestScheduledWriteCountsOnce(t *testing.T) {
	hold := make(chan struct{})
	var held atomic.Bool
	disk, err := store.Open(store.Options{Path: filepath.Join(t.TempDir(), "state.db"), Interval: time.Hour, Wrote: func(time.Duration, error) {
		if held.Load() {
			<-hold
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = disk.Close(context.Background()) })
	s := playOn(t, disk, claims{"clasp": claims{"read": []string{"/**"}, "write": []string{"/**"}, "constraints": claims{"/rate": claims{"maxRate": 0.001}}}})
	held.Store(true)
	s.friend.send(t, wire.Commit, setPayload("/rate", 1.0))
	soon := wire.BeginBundle(nil, true, uint64(time.Now().Add(50*time.Millisecond).UnixMicro()))
	soon, _ = wire.AppendBundleMessage(soon, setPayload("/rate", 2.0))
	wire.SetBundleCount(soon, 1)
	s.c.send(t, wire.Confirm, soon)
	// Later than the bundle, and so after its first try.
	after := wire.BeginBundle(nil, true, uint64(time.Now().Add(60*time.Millisecond).UnixMicro()))
	after, _ = wire.AppendBundleMessage(after, setPayload("/after", 1.0))
	wire.SetBundleCount(after, 1)
	s.friend.send(t, wire.Confirm, after)
	wait := func(c caller) (got []string) {
		for deadline := time.Now().Add(10 * time.Second); len(got) == 0 && time.Now().Before(deadline); time.Sleep(time.Millisecond) {
			got = c.heard(t)
		}
		return got
	}
	if got := wait(s.friend); !slices.Equal(got, []string{"ACK"}) {
		t.Errorf("the bundle that comes after is answered with %q", got)
	}
	if got := s.c.heard(t); len(got) != 0 {
		t.Errorf("while the disk is busy: %q", got)
	}
	close(hold)
	if got := wait(s.c); !slices.Equal(got, []string{"ACK"}) {
		t.Errorf("the bundle is answered with %q", got)
	}
}

// TestDeliveriesKeepToRights: what others send reaches a session through its
// subscriptions only, and signals for one session need no right of it.
func TestDeliveriesKeepToRights(t *testing.T) {
	s := play(t, rights("/r/**", "", "/clasp/p2p/signal/*", "/s/*"))
	s.c.ask(t, wire.Fire, subscribePayload("/r/**"))
	s.c.ask(t, wire.Fire, subscribePayload("/s/*"))
	s.c.ask(t, wire.Fire, subscribePayload("/**"))
	for _, address := range []string{"/r/1", "/s/1", "/s/1/deep", "/x/1"} {
		s.friend.ask(t, wire.Fire, setPayload(address, 1.0))
		s.friend.ask(t, wire.Fire, publishPayload(t, wire.Event, address))
	}
	want := []string{"SET /r/1", "PUBLISH /r/1", "SET /s/1", "PUBLISH /s/1"}
	if got := s.c.heard(t); !slices.Equal(got, want) {
		t.Errorf("heard %q, want %q", got, want)
	}
	s.expect(t, "a signal to nobody", wire.Fire, publishPayload(t, wire.Event, "/clasp/p2p/signal/nobody"), "ERROR 404 /clasp/p2p/signal/nobody")
}

// TestScopes: the other form of claims, in which to write is to read.
func TestScopes(t *testing.T) {
	s := play(t, claims{"scopes": []string{"read:/r/**", "write:/w/**", "admin:/x/**"}})
	s.expect(t, "GET", wire.Fire, getPayload("/w/1"), "SNAPSHOT /w/1")
	s.expect(t, "SET", wire.Confirm, setPayload("/x/1", 1.0), "ACK")
	s.expect(t, "SET", wire.Confirm, setPayload("/r/1", 1.0), "ERROR 301 /r/1")
	s.expect(t, "QUERY", wire.Fire, queryPayload("/*/1"), "RESULT /r/1:r /w/1:rw /x/1:rw")
}

// TestNoRights: a token without claims lets in, and no further.
func TestNoRights(t *testing.T) {
	s := play(t, claims{"sub": "nobody"})
	if !slices.Equal(s.greeting, []string{"SNAPSHOT"}) {
		t.Errorf("greeted with %q", s.greeting)
	}
	s.expect(t, "GET", wire.Fire, getPayload("/r/1"), "ERROR 301 /r/1")
	s.expect(t, "SET", wire.Fire, setPayload("/r/1", 1.0), "ERROR 301 /r/1")
}

// TestWelcomeOfABundle: a bundle that overtakes a first snapshot shows no more of itself
// than may be read.
func TestWelcomeOfABundle(t *testing.T) {
	r := openGuarded(t, router.Options{Settings: guarded(t, false)})
	friend, _ := enter(t, r, "")
	const many = 900 // of 600 bytes: several pieces
	for i := range many {
		friend.send(t, wire.Fire, setPayload(fmt.Sprintf("/r/%s%d", strings.Repeat("long", 150), i), 1.0))
	}
	bundle := bundlePayload(t, setPayload("/a/open", 1.0), setPayload("/a/secret", 1.0))
	friend.ask(t, wire.Fire, bundle)
	token := sign(t, secret, rights("/r/** /a/open", "", "", ""))
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
				friend.send(t, wire.Fire, bundle)
			}
		}
	}()
	for range 20 {
		c, greeting := enter(t, r, token)
		for strings.Count(strings.Join(greeting, " "), " /r/") < many {
			greeting = append(greeting, c.heard(t)...)
		}
		all := strings.Join(greeting, " ")
		if !strings.Contains(all, "/a/open") || strings.Contains(all, "/a/secret") {
			t.Errorf("a first snapshot shows /a/open: %t, /a/secret, which may not be read: %t",
				strings.Contains(all, "/a/open"), strings.Contains(all, "/a/secret"))
		}
		c.leave()
	}
	close(stop)
	<-done
}

// constrained gives all rights at /c/**, within bounds.
func constrained(bounds claims) claims {
	return claims{"clasp": claims{"read": []string{"/**"}, "write": []string{"/**"}, "constraints": claims{"/c/**": bounds}}}
}

func TestRangeConstraint(t *testing.T) {
	s := play(t, constrained(claims{"range": []float64{0, 1}}))
	for _, test := range []struct {
		name  string
		value any
		ok    bool
	}{
		{"the minimum", 0.0, true}, {"the maximum", int64(1), true}, {"below", -0.001, false}, {"above", int64(2), false},
		{"NaN", math.NaN(), false}, {"infinity", math.Inf(1), false}, {"text", "1", false}, {"true", true, false}, {"null", nil, false},
		{"an array", []any{0.0, int64(1), []any{0.5}}, true}, {"an array with one out of range", []any{0.5, 1.5}, false},
		{"an array with text", []any{0.5, "1"}, false}, {"an empty array", []any{}, false}, {"a map", map[string]any{"v": 0.5}, false},
		{"a map that looks like a timeline", map[string]any{"keyframes": []any{}}, false},
	} {
		want := "ACK"
		if !test.ok {
			want = "ERROR 402 /c/1"
		}
		s.expect(t, "SET of "+test.name, wire.Confirm, setPayload("/c/1", test.value), want)
		s.expect(t, "SET at commit of "+test.name, wire.Commit, setPayload("/c/1", test.value), want)
		s.expect(t, "a timeline with "+test.name, wire.Confirm, timelinePayload(t, "/c/1", 0.5, test.value), want)
		if !test.ok {
			want = "ERROR 402 /c/1"
		}
		s.expect(t, "a bundle with "+test.name, wire.Confirm, bundlePayload(t, setPayload("/w/1", 9.0), setPayload("/c/1", test.value)), want)
	}
	// Two keyframes under one key, of which a reader may take either.
	v, err := wire.AppendAny(nil, map[string]any{"keyframes": []any{map[string]any{"time": int64(0), "value": 0.5}}})
	if err != nil {
		t.Fatal(err)
	}
	outside, err := wire.AppendAny(nil, map[string]any{"keyframes": []any{map[string]any{"time": int64(0), "value": 9.0}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, order := range [][2][]byte{{v, outside}, {outside, v}} {
		twice := append([]byte{0, 2}, slices.Concat(order[0][3:], order[1][3:])...)
		s.expect(t, "a timeline with two lists of keyframes", wire.Confirm, wire.AppendPublish(nil, wire.Publish{
			Signal: wire.Timeline, Address: []byte("/c/1"), HasValue: true, Value: wire.Value{Code: wire.MapCode, Data: twice},
		}), "ERROR 402 /c/1")
	}
	samples := wire.Publish{Signal: wire.Timeline, Address: []byte("/c/1"), HasSamples: true, Samples: make([]byte, 8)}
	s.expect(t, "a timeline of samples", wire.Confirm, wire.AppendPublish(nil, samples), "ERROR 402 /c/1")
	samples.Address = []byte("/d/1")
	s.expect(t, "a timeline of samples elsewhere", wire.Confirm, wire.AppendPublish(nil, samples), "ACK")
	s.expect(t, "an event to a bad address", wire.Confirm, publishPayload(t, wire.Event, "/c//1"), "ERROR 200 /c//1")
	s.expect(t, "SET elsewhere", wire.Confirm, setPayload("/d/1", 9.0), "ACK")
	s.expect(t, "a stream, which writes nothing", wire.Confirm, publishPayload(t, wire.Stream, "/c/1"), "ACK")
}

// TestRateConstraint counts writes of all kinds, of one session, by the clock.
func TestRateConstraint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := play(t, constrained(claims{"maxRate": 2}))
		set := setPayload("/c/1", 1.0)
		s.expect(t, "the first write", wire.Confirm, set, "ACK")
		s.expect(t, "the second, elsewhere and by a bundle", wire.Confirm, bundlePayload(t, setPayload("/c/2", 1.0)), "ACK")
		s.expect(t, "the third", wire.Confirm, set, "ERROR 429 /c/1")
		s.expect(t, "a commit", wire.Commit, set, "ERROR 429 /c/1")
		s.expect(t, "a timeline", wire.Fire, timelinePayload(t, "/c/1", 0.5), "ERROR 429 /c/1")
		s.expect(t, "a bundle", wire.Fire, bundlePayload(t, setPayload("/d/1", 1.0), set), "ERROR 429 /c/1")
		s.expect(t, "what is not bounded", wire.Confirm, setPayload("/d/1", 1.0), "ACK")
		s.expect(t, "an event, which writes nothing", wire.Confirm, publishPayload(t, wire.Event, "/c/1"), "ACK")
		other, _ := enter(t, s.Router, sign(t, secret, constrained(claims{"maxRate": 2})))
		if got := other.ask(t, wire.Confirm, set); !slices.Equal(got, []string{"ACK"}) {
			t.Errorf("another session with the same token: %q", got)
		}
		time.Sleep(501 * time.Millisecond)
		s.expect(t, "half a second later", wire.Confirm, set, "ACK")
		s.expect(t, "and again", wire.Confirm, set, "ERROR 429 /c/1")
	})
}

// TestSlowRateConstraint: less than one write a second is a rate as well.
func TestSlowRateConstraint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := play(t, constrained(claims{"maxRate": 0.1}))
		set := setPayload("/c/1", 1.0)
		s.expect(t, "the first write", wire.Confirm, set, "ACK")
		time.Sleep(9 * time.Second)
		s.expect(t, "too early", wire.Confirm, set, "ERROR 429 /c/1")
		time.Sleep(2 * time.Second)
		s.expect(t, "in time", wire.Confirm, set, "ACK")
	})
}

// TestScheduledBundleOfAToken: it runs though its sender has gone, but not when the token
// is no longer good by then.
func TestScheduledBundleOfAToken(t *testing.T) {
	for name, test := range map[string]struct {
		expires time.Duration
		revoked []string
		want    string
		warned  int
	}{
		"good":    {time.Hour, nil, "SNAPSHOT /w/1", 0},
		"expired": {time.Minute, nil, "ERROR 201 /w/1", 1},
		"revoked": {time.Hour, []string{"desk"}, "ERROR 201 /w/1", 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log journal
				r := openGuarded(t, router.Options{Settings: guarded(t, false), Logger: log.logger()})
				friend, _ := enter(t, r, "")
				desk, _ := enter(t, r, sign(t, secret, rights("", "/w/**", "", "").with("jti", "desk").with("exp", time.Now().Add(test.expires).Unix())))
				later := wire.BeginBundle(nil, true, uint64(time.Now().Add(2*time.Minute).UnixMicro()))
				later, _ = wire.AppendBundleMessage(later, setPayload("/w/1", 1.0))
				wire.SetBundleCount(later, 1)
				if got := desk.ask(t, wire.Fire, later); len(got) != 0 {
					t.Fatalf("scheduling was answered with %q", got)
				}
				for range 100 {
					desk.send(t, wire.Fire, later)
				}
				desk.leave()
				if err := r.Reload(guarded(t, false, test.revoked...)); err != nil {
					t.Fatal(err)
				}
				time.Sleep(3 * time.Minute)
				if got := friend.ask(t, wire.Fire, getPayload("/w/1")); !slices.Equal(got, []string{test.want}) {
					t.Errorf("afterwards GET answers %q, want %s", got, test.want)
				}
				if n := strings.Count(log.String(), "level=WARN"); n != test.warned {
					t.Errorf("%d warnings, want %d", n, test.warned)
				}
			})
		})
	}
}
