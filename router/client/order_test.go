package client_test

// Every answer goes to its own request, whatever else is on its way.

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/router/client"
	"github.com/clasp-studio/clasp/router/wire"
)

func wantErr(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("got %v, want %v", err, want)
	}
}

// Requests that succeed and fail race on the same few addresses, among messages at fire that fail on those very addresses.
func TestAnswersGoToTheirRequests(t *testing.T) {
	s := startServer(t)
	holder := s.dial(t, client.Options{})
	set(t, holder, "/locked", 1, client.Lock())
	set(t, holder, "/open", 1)
	var strays errorList
	c := s.dial(t, client.Options{OnError: strays.add})

	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	want := func(err error, code wire.Code) {
		t.Helper()
		if code == 0 && err != nil || code != 0 && !client.IsCode(err, code) {
			t.Errorf("got %v, want error %d", err, code)
		}
	}
	var fired atomic.Int64
	steps := []func(i int){
		func(int) { _, err := c.Set(ctx, "/locked", 2); want(err, wire.CodeLocked) },
		func(int) {
			fired.Add(1)
			_, err := c.Set(ctx, "/locked", 2, client.QoS(wire.Fire))
			want(err, 0)
		},
		func(int) {
			fired.Add(1)
			_, err := c.Set(ctx, "/open", 2, client.QoS(wire.Fire), client.IfRevision(0))
			want(err, 0)
		},
		func(i int) { _, err := c.Set(ctx, "/open", i); want(err, 0) },
		func(i int) { _, err := c.Set(ctx, "/open", i, client.QoS(wire.Commit)); want(err, 0) },
		func(i int) { _, err := c.Set(ctx, "/open", i, client.IfRevision(0)); want(err, wire.CodeConflict) },
		func(int) {
			p, err := c.Get(ctx, "/locked")
			want(err, 0)
			if p.Address != "/locked" || p.Value.Any() != int64(1) {
				t.Errorf("get: %+v", p)
			}
		},
		func(int) { _, err := c.Get(ctx, "/missing"); want(err, wire.CodeNotFound) },
		func(i int) { _, err := c.Set(ctx, "/missing", i, client.IfRevision(3)); want(err, wire.CodeConflict) },
		func(int) { want(c.Emit(ctx, "/open", 1), 0) },
		func(int) { want(c.Ping(ctx), 0) },
		func(int) { _, _, err := c.Sync(ctx); want(err, 0) },
		func(int) {
			signals, err := c.Query(ctx, "/open")
			want(err, 0)
			if len(signals) != 1 || signals[0].Address != "/open" {
				t.Errorf("query: %+v", signals)
			}
		},
		func(int) {
			signals, err := c.Query(ctx, "/none")
			want(err, 0)
			if len(signals) != 0 {
				t.Errorf("query of nothing: %+v", signals)
			}
		},
		func(int) {
			sub, err := c.Subscribe(ctx, "/open", client.SubscribeOptions{}, func(*client.Message) {})
			want(err, 0)
			if err == nil {
				sub.Close()
			}
		},
		func(i int) {
			_, err := c.Bundle(ctx, wire.Confirm, time.Time{}, client.SetItem("/open", i), client.SetItem("/b", i))
			want(err, 0)
		},
		func(i int) {
			_, err := c.Bundle(ctx, wire.Confirm, time.Time{}, client.SetItem("/open", i), client.SetItem("/locked", i))
			want(err, wire.CodeLocked)
		},
		func(i int) {
			_, err := c.Bundle(ctx, wire.Confirm, c.Now().Add(25*time.Hour), client.SetItem("/open", i))
			want(err, wire.CodeBadValue)
		},
		func(int) {
			want(c.Announce(ctx, "/open", []client.SignalInfo{{Address: "/open", Signal: wire.Param}}), 0)
		},
	}
	var wg sync.WaitGroup
	for g := range 16 {
		wg.Go(func() {
			for i := range 200 {
				steps[(i*7+g*3+i*i*g)%len(steps)](i)
			}
		})
	}
	wg.Wait()
	want(c.Ping(ctx), 0)
	if got := int64(len(strays.all())); got != fired.Load() || got == 0 {
		t.Errorf("%d refusals without a request, %d messages at fire were refused", got, fired.Load())
	}
}

// Pipelined answers come in order, each with its own revision.
func TestSetAsyncOrder(t *testing.T) {
	s := startServer(t)
	c := s.dial(t, client.Options{})
	const n = 20_000
	revisions := make(chan uint64, n)
	for i := range n {
		err := c.SetAsync(t.Context(), fmt.Sprintf("/p/%d", i%3), i, func(ack client.Ack, err error) {
			if err != nil {
				t.Error(err)
			}
			revisions <- ack.Revision
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for i := range n {
		if got, want := <-revisions, uint64(i/3+1); got != want {
			t.Fatalf("answer %d has revision %d, want %d", i, got, want)
		}
	}
}

// An answer that nobody waits for any more is not taken for another's.
func TestAbandonedRequests(t *testing.T) {
	s := startServer(t)
	p := startPipe(t, s.addr)
	c := dial(t, p.url, client.Options{})
	set(t, c, "/a", 1)
	p.freeze()
	for range 10 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		_, err := c.Set(ctx, "/a", 2, client.IfRevision(99))
		wantErr(t, err, context.DeadlineExceeded)
		_, err = c.Get(ctx, "/missing")
		wantErr(t, err, context.DeadlineExceeded)
		_, err = c.Subscribe(ctx, "/a", client.SubscribeOptions{}, func(*client.Message) { t.Error("handler of a subscription that failed") })
		wantErr(t, err, context.DeadlineExceeded)
		cancel()
	}
	p.release()
	if ack := set(t, c, "/a", 3); ack.Revision != 2 {
		t.Errorf("revision %d", ack.Revision)
	}
	if got, err := c.Get(t.Context(), "/a"); err != nil || got.Value.Any() != int64(3) {
		t.Errorf("get: %+v, %v", got, err)
	}
	eventually(t, "abandoned subscriptions end", func() bool { return s.router.Stats().Subscriptions == 0 })
}

// What is sent raw is not waited for, and an error about it is told.
func TestRaw(t *testing.T) {
	s := startServer(t)
	var strays errorList
	c := s.dial(t, client.Options{OnError: strays.add})
	ctx := t.Context()
	if err := c.SendPayload(ctx, wire.Fire, wire.AppendGet(nil, wire.Get{Address: []byte("/nothing")})); err != nil {
		t.Fatal(err)
	}
	if err := c.SendPayload(ctx, wire.Fire, []byte{0x7f}); err != nil {
		t.Fatal(err)
	}
	if err := c.SendFrame(ctx, []byte("not a frame")); err != nil {
		t.Fatal(err)
	}
	if err := c.Ping(ctx); err != nil {
		t.Fatal(err)
	}
	got := strays.all()
	if len(got) != 3 {
		t.Fatalf("%d errors, want 3: %v", len(got), got)
	}
	wantCode(t, got[0], wire.CodeNotFound, "/nothing")
	wantCode(t, got[1], wire.CodeBadMessage, "")
	wantCode(t, got[2], wire.CodeBadFrame, "")
	if err := c.SendPayload(ctx, wire.Fire, make([]byte, wire.MaxPayload+1)); !client.IsCode(err, wire.CodeBadValue) {
		t.Errorf("too large: %v", err)
	}
}

// A loop of requests never has so much coming that the router takes the client for a slow one and closes.
func TestPipelineKeepsToTheRoutersLimits(t *testing.T) {
	s := startServer(t)
	c := s.dial(t, client.Options{})
	var last atomic.Uint64
	subscribe(t, c, "/own/*", client.SubscribeOptions{}, func(m *client.Message) { last.Store(m.Revision) })
	value := make([]byte, 30_000)
	const n = 300
	for i := range n {
		if err := c.SetAsync(t.Context(), "/own/1", value, nil); err != nil {
			t.Fatal(err)
		}
		set(t, c, fmt.Sprintf("/large/%d", i%200), value, client.QoS(wire.Fire))
	}
	eventually(t, "all echoes", func() bool { return last.Load() == n })
	params, err := c.Snapshot(t.Context(), "/large/*")
	if err != nil || len(params) != 200 {
		t.Errorf("%d params, %v", len(params), err)
	}
	if err := c.Err(); err != nil {
		t.Error(err)
	}
}
