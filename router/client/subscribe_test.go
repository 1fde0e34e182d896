package client_test

import (
	"context"
	"fmt"
	"math"
	"reflect"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/router/client"
	"github.com/clasp-studio/clasp/router/wire"
)

func TestSnapshotThenLive(t *testing.T) {
	s := startServer(t)
	a, b := s.dial(t, client.Options{}), s.dial(t, client.Options{})
	set(t, a, "/x/1", 1)
	set(t, a, "/x/1", 2)
	before := time.Now().Add(-time.Minute)
	var seen collector
	subscribe(t, b, "/x/*", client.SubscribeOptions{}, seen.add)
	seen.wait(t, 1)
	set(t, a, "/x/1", 3)
	set(t, b, "/x/2", "own")
	got := seen.wait(t, 3)
	first := got[0]
	if first.Address != "/x/1" || first.Value.Any() != int64(2) || first.Revision != 2 || !first.Snapshot ||
		first.Writer != a.Session() || first.Timestamp.Before(before) || first.Signal != wire.Param {
		t.Errorf("snapshot: %+v", first)
	}
	if m := got[1]; m.Address != "/x/1" || m.Value.Any() != int64(3) || m.Revision != 3 || m.Snapshot {
		t.Errorf("live: %+v", m)
	}
	if m := got[2]; m.Address != "/x/2" || m.Value.Any() != "own" || m.Revision != 1 {
		t.Errorf("own write: %+v", m)
	}
}

// Each subscription sees each message once, in the order of revisions, whatever other subscriptions and GETs bring along.
func TestOverlappingSubscriptions(t *testing.T) {
	s := startServer(t)
	a, b := s.dial(t, client.Options{}), s.dial(t, client.Options{})
	set(t, a, "/o/1", 0)
	all := make([]collector, 4)
	for i, pattern := range []string{"/o/1", "/o/*", "/o/**", "**"} {
		set(t, a, "/o/1", i)
		subscribe(t, b, pattern, client.SubscribeOptions{}, all[i].add)
		if _, err := b.Get(t.Context(), "/o/1"); err != nil {
			t.Fatal(err)
		}
	}
	last := set(t, a, "/o/1", "last").Revision
	for i := range all {
		eventually(t, "the last revision", func() bool {
			got := all[i].all()
			return len(got) > 0 && got[len(got)-1].Revision == last
		})
		// What was on its way when it began may come too, but nothing twice and nothing left out.
		got := all[i].all()
		if first := got[0].Revision; first > uint64(i)+2 || last-first != uint64(len(got)-1) {
			t.Errorf("subscription %d saw %d messages with revisions from %d to %d", i, len(got), first, last)
		}
		for n, m := range got[1:] {
			if m.Revision != got[n].Revision+1 {
				t.Errorf("subscription %d saw revision %d after %d", i, m.Revision, got[n].Revision)
			}
		}
	}
}

func TestTypesAndClose(t *testing.T) {
	s := startServer(t)
	a, b := s.dial(t, client.Options{}), s.dial(t, client.Options{})
	var params, events, everything collector
	subscribe(t, b, "/t", client.SubscribeOptions{Types: wire.MaskParam}, params.add)
	sub := subscribe(t, b, "/t", client.SubscribeOptions{Types: wire.MaskEvent}, events.add)
	subscribe(t, b, "/t", client.SubscribeOptions{}, everything.add)
	emit := func() {
		if err := a.Emit(t.Context(), "/t", "go"); err != nil {
			t.Fatal(err)
		}
	}
	set(t, a, "/t", 1)
	emit()
	everything.wait(t, 2)
	if sub.Pattern() != "/t" {
		t.Errorf("pattern %q", sub.Pattern())
	}
	sub.Close()
	sub.Close()
	emit()
	everything.wait(t, 3)
	if p, e := params.all(), events.all(); len(p) != 1 || p[0].Signal != wire.Param || len(e) != 1 || e[0].Signal != wire.Event {
		t.Errorf("%d params, %d events, want one of each", len(p), len(e))
	}
	if err := b.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := s.router.Stats().Subscriptions; n != 2 {
		t.Errorf("the router has %d subscriptions, want 2", n)
	}
}

func TestSignals(t *testing.T) {
	s := startServer(t)
	a, b := s.dial(t, client.Options{}), s.dial(t, client.Options{})
	ctx := t.Context()
	var seen collector
	subscribe(t, b, "/s/**", client.SubscribeOptions{}, seen.add)

	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	n := 0
	next := func(what string) *client.Message {
		t.Helper()
		n++
		m := seen.wait(t, n)[n-1]
		if m.Snapshot || len(seen.all()) > n {
			t.Errorf("%s: unexpected messages: %+v", what, seen.all()[n-1:])
		}
		return m
	}

	check(a.Emit(ctx, "/s/e", map[string]any{"scene": 3}))
	if m := next("event"); m.Signal != wire.Event || m.Address != "/s/e" || !reflect.DeepEqual(m.Value.Any(), map[string]any{"scene": int64(3)}) {
		t.Errorf("event: %+v", m)
	}
	check(a.Emit(ctx, "/s/e", nil))
	if m := next("event without value"); m.HasValue {
		t.Errorf("event without value: %+v", m)
	}
	check(a.Emit(ctx, "/s/e", wire.Value{}))
	if m := next("event with null"); !m.HasValue || m.Value.Any() != nil {
		t.Errorf("event with null: %+v", m)
	}
	check(a.Stream(ctx, "/s/s", 0.5))
	if m := next("stream"); m.Signal != wire.Stream || m.Value.Any() != 0.5 {
		t.Errorf("stream: %+v", m)
	}
	when := time.UnixMicro(1_700_000_000_000_000)
	_, err := a.Publish(ctx, client.Publication{
		Signal: wire.Stream, Address: "/s/s", Samples: []float64{1, -2.5, math.Pi}, Rate: 48000, Time: when, QoS: wire.Confirm,
	})
	check(err)
	if m := next("samples"); !slices.Equal(m.Samples, []float64{1, -2.5, math.Pi}) || m.Rate != 48000 || !m.Timestamp.Equal(when) || m.HasValue {
		t.Errorf("samples: %+v", m)
	}
	for _, phase := range []wire.Phase{wire.Start, wire.Move, wire.End} {
		check(a.Gesture(ctx, "/s/g", 7, phase, []any{0.1, 0.2}))
		if m := next("gesture"); m.Signal != wire.Gesture || m.Phase != phase || !m.HasID || m.ID != 7 {
			t.Errorf("gesture %v: %+v", phase, m)
		}
	}
	ack, err := a.Timeline(ctx, "/s/t", client.Timeline{
		Keyframes: []client.Keyframe{
			{Value: 0.0},
			{At: time.Second, Value: 1.0, Easing: "cubic-bezier", Bezier: [4]float64{0.1, 0.2, 0.3, 0.4}},
		},
		Loop: true, Start: when, Duration: 2 * time.Second,
	})
	check(err)
	want := map[string]any{
		"keyframes": []any{
			map[string]any{"time": int64(0), "value": 0.0, "easing": "linear"},
			map[string]any{"time": int64(1_000_000), "value": 1.0, "easing": "cubic-bezier", "bezier": []any{0.1, 0.2, 0.3, 0.4}},
		},
		"loop": true, "start_time": when.UnixMicro(), "duration": int64(2_000_000),
	}
	if m := next("timeline"); m.Signal != wire.Timeline || !reflect.DeepEqual(m.Value.Any(), want) {
		t.Errorf("timeline: %+v", m.Value.Any())
	}
	if ack.Revision != 1 {
		t.Errorf("timeline: %+v", ack)
	}
	if _, err = a.Timeline(ctx, "/s/t", client.Timeline{Keyframes: []client.Keyframe{{Easing: "bouncy"}}}); !client.IsCode(err, wire.CodeBadValue) {
		t.Errorf("bad easing: %v", err)
	}
	if _, err = a.Publish(ctx, client.Publication{Signal: wire.Param, Address: "/s/p", Value: 1, QoS: wire.Confirm}); err != nil {
		t.Errorf("publish of a param: %v", err)
	}
	if m := next("param"); m.Signal != wire.Param || m.Revision != 1 {
		t.Errorf("publish of a param: %+v", m)
	}
}

func TestMaxRateAndEpsilonReachTheRouter(t *testing.T) {
	s := startServer(t)
	a, b := s.dial(t, client.Options{}), s.dial(t, client.Options{})
	var slow, coarse collector
	subscribe(t, b, "/slow", client.SubscribeOptions{MaxRate: 1}, slow.add)
	subscribe(t, b, "/coarse", client.SubscribeOptions{Epsilon: 10}, coarse.add)
	for i := range 100 {
		set(t, a, "/slow", i)
		set(t, a, "/coarse", i)
	}
	if err := b.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the last value", func() bool {
		got := slow.all()
		return len(got) > 0 && got[len(got)-1].Value.Any() == int64(99)
	})
	if n := len(slow.all()); n > 20 {
		t.Errorf("%d messages at 1 a second", n)
	}
	if n := len(coarse.wait(t, 10)); n > 10 {
		t.Errorf("%d messages for 100 steps of 1 with epsilon 10", n)
	}
}

// A handler may make requests while the flood goes on, and may be slow: nothing hangs, and it ends on the newest value.
func TestHandlerMayWaitForAnswers(t *testing.T) {
	s := startServer(t)
	a, b := s.dial(t, client.Options{}), s.dial(t, client.Options{})
	value := make([]byte, 1000)
	var last atomic.Uint64
	subscribe(t, b, "/flood/*", client.SubscribeOptions{}, func(m *client.Message) {
		if _, err := b.Set(t.Context(), "/echo", m.Revision); err != nil && b.Err() == nil {
			t.Errorf("set in a handler: %v", err)
		}
		last.Store(m.Revision)
	})
	const n = 5000
	for range n {
		if err := a.SetAsync(t.Context(), "/flood/1", value, nil); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the last revision is handled", func() bool { return last.Load() == n })
}

// A client whose handlers stand still stops reading; a request made meanwhile gets its answer all the same.
func TestSlowHandler(t *testing.T) {
	s := startServer(t)
	a, b := s.dial(t, client.Options{}), s.dial(t, client.Options{})
	value := make([]byte, 10_000)
	gate := make(chan struct{})
	var handled, last atomic.Uint64
	subscribe(t, b, "/flood/*", client.SubscribeOptions{}, func(m *client.Message) {
		<-gate
		handled.Add(1)
		last.Store(m.Revision)
	})
	const n = 2000 // 20 MB, far more than the buffers between the two hold
	for range n {
		if err := a.SetAsync(t.Context(), "/flood/1", value, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	if p, err := b.Get(t.Context(), "/flood/1"); err != nil || p.Revision != n {
		t.Errorf("get while the handler is stuck: revision %d, %v", p.Revision, err)
	}
	set(t, a, "/flood/1", "end")
	close(gate)
	eventually(t, "the newest value", func() bool { return last.Load() == n+1 })
	if got := handled.Load(); got > n/2 {
		t.Errorf("the handler got %d of %d values: the client never stopped reading", got, n)
	}
}

// When only requests keep the reader going, what piles up has a limit.
func TestHandlerTooSlow(t *testing.T) {
	s := startServer(t)
	states := make(chan error, 1)
	a := s.dial(t, client.Options{})
	b := s.dial(t, client.Options{OnState: func(state client.State, err error) {
		if state == client.Closed {
			states <- err
		}
	}})
	gate := make(chan struct{})
	subscribe(t, b, "/flood", client.SubscribeOptions{Types: wire.MaskEvent}, func(*client.Message) { <-gate })
	value := make([]byte, 60_000)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for b.Err() == nil && ctx.Err() == nil {
		if err := a.Emit(ctx, "/flood", value); err != nil {
			t.Fatal(err)
		}
		_ = b.Ping(ctx) // fails in the end
	}
	wantErr(t, b.Err(), client.ErrSlowHandler)
	close(gate)
	select {
	case err := <-states:
		wantErr(t, err, client.ErrSlowHandler)
	case <-time.After(patience):
		t.Error("OnState did not hear of the end")
	}
}

// Addresses without end, as events may have, do not fill the memory, and revisions are not forgotten for them.
func TestManyAddresses(t *testing.T) {
	if testing.Short() {
		t.Skipf("%s needs more than 65536 addresses", t.Name())
	}
	s := startServer(t)
	a, b := s.dial(t, client.Options{}), s.dial(t, client.Options{})
	var events atomic.Int64
	var params collector
	subscribe(t, b, "/many/**", client.SubscribeOptions{}, func(m *client.Message) {
		if m.Signal == wire.Event {
			events.Add(1)
			return
		}
		params.add(m)
	})
	set(t, a, "/many/param", 1)
	params.wait(t, 1)
	const n = 70_000
	for i := range n {
		_, err := a.Publish(t.Context(), client.Publication{Signal: wire.Event, Address: fmt.Sprintf("/many/%d", i)})
		if err != nil {
			t.Fatal(err)
		}
		if i%1000 == 0 { // an event is never dropped, but a session that reads too slowly is
			eventually(t, "the subscriber keeps up", func() bool { return events.Load() > int64(i)-5000 })
		}
	}
	eventually(t, "all events", func() bool { return events.Load() == n })
	// The snapshot of another subscription is no news to the first.
	subscribe(t, b, "/many/param", client.SubscribeOptions{}, func(*client.Message) {})
	set(t, a, "/many/param", 2)
	if got := params.wait(t, 2); got[1].Revision != 2 {
		t.Errorf("revision %d was handled again", got[1].Revision)
	}
}
