package client_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/router"
	"github.com/clasp-studio/clasp/router/client"
	"github.com/clasp-studio/clasp/router/wire"
)

func TestDial(t *testing.T) {
	s := startServer(t)
	c := s.dial(t, client.Options{Name: "desk"})
	if id := regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`); !id.MatchString(c.Session()) {
		t.Errorf("session %q is no UUID", c.Session())
	}
	if c.RouterName() != "test router" {
		t.Errorf("router is called %q", c.RouterName())
	}
	if off := time.Since(c.Now()).Abs(); off > time.Minute {
		t.Errorf("router's time is %v away on the same machine", off)
	}
	if !strings.Contains(s.log.String(), "name=desk") {
		t.Error("the router was not told the name")
	}
	if err := c.Err(); err != nil {
		t.Errorf("Err of a living client: %v", err)
	}
}

func TestDialFails(t *testing.T) {
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	full := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "this router holds its limit of 3 connections", http.StatusServiceUnavailable)
	}))
	defer full.Close()
	silent := startPipe(t, plain.Listener.Addr().String())
	silent.freeze()
	soon, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()

	for name, tc := range map[string]struct {
		ctx  context.Context
		url  string
		want string
		is   error
	}{
		"no URL":         {t.Context(), "localhost:7330", "should look like ws://HOST:7330", nil},
		"wrong scheme":   {t.Context(), "http://localhost:7330", "should look like ws://HOST:7330", nil},
		"no router":      {t.Context(), "ws" + strings.TrimPrefix(plain.URL, "http"), "is it a CLASP router?", nil},
		"full router":    {t.Context(), "ws" + strings.TrimPrefix(full.URL, "http"), `Unavailable": "this router holds its limit of 3 connections"`, nil},
		"nobody listens": {t.Context(), "ws://127.0.0.1:1", "ws://127.0.0.1:1", syscall.ECONNREFUSED},
		"silence":        {soon, silent.url, silent.url, context.DeadlineExceeded},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := client.Dial(tc.ctx, tc.url, client.Options{})
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want an error with %q", err, tc.want)
			}
			if tc.is != nil && !errors.Is(err, tc.is) {
				t.Errorf("got %v, want %v", err, tc.is)
			}
		})
	}
}

// What HELLO cannot carry, no router gets to see.
func TestDialRefusesBadOptions(t *testing.T) {
	s := startServer(t)
	for _, o := range []client.Options{{Name: "\xff"}, {Name: strings.Repeat("x", 256)}, {Token: "\xff"}} {
		_, err := client.Dial(t.Context(), s.url, o)
		wantErr(t, err, client.ErrBadOptions)
	}
	s.dial(t, client.Options{Name: strings.Repeat("x", 255)})
}

func TestSetGetEveryValue(t *testing.T) {
	s := startServer(t)
	writer, reader := s.dial(t, client.Options{}), s.dial(t, client.Options{})
	for _, value := range []any{
		nil, true, false, int64(0), int64(math.MinInt64), int64(math.MaxInt64), 0.25, math.Inf(-1), "", "text ☂", []byte{}, []byte{0, 255},
		[]any{}, []any{int64(1), "two", []any{3.5}}, map[string]any{}, map[string]any{"a": nil, "b": map[string]any{"c": true}},
		// Around the lengths at which a WebSocket header grows.
		strings.Repeat("x", 80), strings.Repeat("x", 103), strings.Repeat("x", 104), strings.Repeat("x", 125), strings.Repeat("x", 126),
		strings.Repeat("x", 65000), strings.Repeat("x", 65450),
	} {
		ack := set(t, writer, "/value", value)
		p, err := reader.Get(t.Context(), "/value")
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Value.Any(); !reflect.DeepEqual(got, value) {
			t.Errorf("set %.60v (%T), got %.60v (%T)", value, value, got, got)
		}
		if p.Revision != ack.Revision || p.Writer != writer.Session() || p.Address != "/value" || p.Timestamp.IsZero() {
			t.Errorf("ack %+v, param at revision %d by %s at %v", ack, p.Revision, p.Writer, p.Timestamp)
		}
	}
	// An encoded value passes as it is.
	v, _, err := wire.ReadValue([]byte{wire.MapCode, 0, 1, 0, 1, 'k', wire.I8Code, 7})
	if err != nil {
		t.Fatal(err)
	}
	set(t, writer, "/encoded", v)
	p, err := reader.Get(t.Context(), "/encoded")
	if err != nil || !reflect.DeepEqual(p.Value, v) {
		t.Errorf("got %+v, %v, want the bytes that were set", p.Value, err)
	}
}

func TestSetOptions(t *testing.T) {
	s := startServer(t)
	a, b := s.dial(t, client.Options{}), s.dial(t, client.Options{})
	ctx := t.Context()

	if ack := set(t, a, "/new", 1, client.IfRevision(0)); ack.Revision != 1 || ack.Locked {
		t.Errorf("create: %+v", ack)
	}
	_, err := a.Set(ctx, "/new", 2, client.IfRevision(7))
	wantCode(t, err, wire.CodeConflict, "/new")
	if ack := set(t, a, "/new", 2, client.IfRevision(1), client.Lock()); ack.Revision != 2 || !ack.Locked || ack.Holder != a.Session() {
		t.Errorf("lock: %+v", ack)
	}
	_, err = b.Set(ctx, "/new", 3)
	wantCode(t, err, wire.CodeLocked, "/new")
	if ack := set(t, a, "/new", 4, client.Unlock()); ack.Locked || ack.Holder != "" {
		t.Errorf("unlock: %+v", ack)
	}
	set(t, b, "/new", 5, client.QoS(wire.Commit))
	if ack := set(t, b, "/new", 6, client.QoS(wire.Fire)); ack != (client.Ack{}) {
		t.Errorf("fire: %+v", ack)
	}
	if p, err := b.Get(ctx, "/new"); err != nil || p.Value.Any() != int64(6) {
		t.Errorf("after fire: %v, %v", p.Value.Any(), err)
	}

	set(t, a, "/fleeting", 1, client.AbsoluteTTL(time.Second))
	eventually(t, "param expires", func() bool {
		_, err := a.Get(ctx, "/fleeting")
		return client.IsCode(err, wire.CodeNotFound)
	})
	for _, d := range []time.Duration{-time.Second, 1500 * time.Millisecond, time.Duration(math.MaxInt64).Truncate(time.Second)} {
		_, err = a.Set(ctx, "/fleeting", 1, client.TTL(d))
		wantCode(t, err, wire.CodeBadValue, "")
	}
	set(t, a, "/fleeting", 1, client.TTL(0))
}

func TestRefusedBeforeItIsSent(t *testing.T) {
	s := startServer(t)
	c := s.dial(t, client.Options{})
	ctx := t.Context()
	_, err := c.Set(ctx, "no slash", 1)
	wantCode(t, err, wire.CodeBadAddress, "no slash")
	_, err = c.Set(ctx, "/a", struct{}{})
	wantCode(t, err, wire.CodeBadValue, "/a")
	_, err = c.Set(ctx, "/a", []any{strings.Repeat("x", 40000), strings.Repeat("x", 40000)})
	wantCode(t, err, wire.CodeBadValue, "/a")
	_, err = c.Get(ctx, "/a/")
	wantCode(t, err, wire.CodeBadAddress, "/a/")
	_, err = c.Subscribe(ctx, "/a**", client.SubscribeOptions{}, nil)
	wantCode(t, err, wire.CodeBadPattern, "/a**")
	_, err = c.Query(ctx, "a")
	wantCode(t, err, wire.CodeBadPattern, "a")
	wantCode(t, c.Emit(ctx, "/*", nil), wire.CodeBadAddress, "/*")
	_, err = c.Bundle(ctx, wire.Confirm, time.Time{}, client.SetItem("/a", 1), client.SetItem("/*", 1))
	wantCode(t, err, wire.CodeBadAddress, "/*")
	_, err = c.Snapshot(ctx, "/**")
	if err != nil {
		t.Errorf("the client is not in order any more: %v", err)
	}
}

func TestRefusedByTheRouter(t *testing.T) {
	s := startServer(t)
	c := s.dial(t, client.Options{})
	ctx := t.Context()
	_, err := c.Get(ctx, "/nothing")
	wantCode(t, err, wire.CodeNotFound, "/nothing")
	_, err = c.Set(ctx, "/_clasp/x", 1)
	wantCode(t, err, wire.CodeForbidden, "/_clasp/x")
	wantCode(t, c.Emit(ctx, "/clasp/p2p/signal/nobody", 1), wire.CodeNoSession, "/clasp/p2p/signal/nobody")
	if want := "/nothing: no param has this address (error 201)"; !strings.Contains(fmt.Sprint(getError(c, ctx, "/nothing")), want) {
		t.Errorf("error text is %q, want %q in it", getError(c, ctx, "/nothing"), want)
	}
}

func getError(c *client.Client, ctx context.Context, addr string) error {
	_, err := c.Get(ctx, addr)
	return err
}

func TestRateLimitIsAnAnswerToo(t *testing.T) {
	s := startServer(t)
	limits := s.router.Limits()
	limits.MaxMessagesPerSecond = 50
	if err := s.router.Reload(router.Settings{Limits: limits}); err != nil {
		t.Fatal(err)
	}
	c := s.dial(t, client.Options{})
	var applied, refused atomic.Int64
	const n = 500
	for range n {
		err := c.SetAsync(t.Context(), "/fast", 1, func(_ client.Ack, err error) {
			switch {
			case err == nil:
				applied.Add(1)
			case client.IsCode(err, wire.CodeLimit):
				refused.Add(1)
			default:
				t.Errorf("unexpected: %v", err)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "every request is answered", func() bool { return applied.Load()+refused.Load() == n })
	limits.MaxMessagesPerSecond = 0
	if err := s.router.Reload(router.Settings{Limits: limits}); err != nil {
		t.Fatal(err)
	}
	p, err := c.Get(t.Context(), "/fast")
	if err != nil || int64(p.Revision) != applied.Load() || refused.Load() == 0 {
		t.Errorf("revision %d, %v; %d applied, %d refused", p.Revision, err, applied.Load(), refused.Load())
	}
}

// limit has the router allow each session n messages a second, 0 for any number.
func (s *server) limit(tb testing.TB, n int) {
	tb.Helper()
	limits := s.router.Limits()
	limits.MaxMessagesPerSecond = n
	if err := s.router.Reload(router.Settings{Limits: limits}); err != nil {
		tb.Fatal(err)
	}
}

// Whatever is refused for its rate, the client's own fences too, every request ends, and answers keep going to their requests.
func TestRateLimitOfFences(t *testing.T) {
	s := startServer(t)
	for name, ask := range map[string]func(c *client.Client, ctx context.Context, i int) error{
		"set": func(c *client.Client, ctx context.Context, i int) error {
			_, err := c.Set(ctx, "/a", i)
			return err
		},
		"get": func(c *client.Client, ctx context.Context, _ int) error {
			_, err := c.Get(ctx, "/a")
			return err
		},
		"ping": func(c *client.Client, ctx context.Context, _ int) error { return c.Ping(ctx) },
		"subscribe": func(c *client.Client, ctx context.Context, _ int) error {
			_, err := c.Subscribe(ctx, "/a", client.SubscribeOptions{}, func(*client.Message) {})
			return err
		},
		"query": func(c *client.Client, ctx context.Context, _ int) error {
			_, err := c.Query(ctx, "/a")
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			s.limit(t, 50)
			c := s.dial(t, client.Options{Keepalive: -1})
			for i := range 200 {
				if _, err := c.Set(ctx, "/a", i, client.QoS(wire.Fire)); err != nil {
					t.Fatal(err)
				}
			}
			if err := ask(c, ctx, 1); !client.IsCode(err, wire.CodeLimit) {
				t.Errorf("over the rate: %v, want error 429", err)
			}
			s.limit(t, 0)
			for i := range 3 {
				if err := ask(c, ctx, i); err != nil {
					t.Errorf("limit lifted: %v", err)
				}
			}
			ack := set(t, c, "/a", 5)
			if p, err := c.Get(ctx, "/a"); err != nil || p.Revision != ack.Revision {
				t.Errorf("answers are out of step: set %+v, get %+v, %v", ack, p, err)
			}
		})
	}
}

// A snapshot takes few messages, however many params there are.
func TestSnapshotUnderRateLimit(t *testing.T) {
	s := startServer(t)
	writer := s.dial(t, client.Options{})
	const n = 1000
	for i := range n {
		if err := writer.SetAsync(t.Context(), fmt.Sprintf("/many/%03d", i), i, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := writer.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.limit(t, 20)
	c := s.dial(t, client.Options{})
	params, err := c.Snapshot(t.Context(), "/many/*")
	if err != nil || len(params) != n {
		t.Fatalf("%d params, %v; want %d", len(params), err, n)
	}
	for i, p := range params {
		if p.Value.Any() != int64(i) || p.Revision != 1 || p.Writer != writer.Session() {
			t.Fatalf("param %d is %+v", i, p)
		}
	}
	eventually(t, "the subscription ends", func() bool { return s.router.Stats().Subscriptions == 0 })
}

// A handler may take a snapshot.
func TestSnapshotInAHandler(t *testing.T) {
	s := startServer(t)
	c := s.dial(t, client.Options{})
	set(t, c, "/a", 1)
	done := make(chan error, 1)
	subscribe(t, c, "/a", client.SubscribeOptions{}, func(*client.Message) {
		params, err := c.Snapshot(t.Context(), "/**")
		if err == nil && len(params) != 1 {
			err = fmt.Errorf("%d params", len(params))
		}
		done <- err
	})
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestAnnounceQuerySnapshot(t *testing.T) {
	s := startServer(t)
	a, b := s.dial(t, client.Options{}), s.dial(t, client.Options{})
	ctx := t.Context()
	set(t, a, "/desk/level", 0.5)
	set(t, a, "/desk/name", "main")
	set(t, a, "/else", 1)
	err := a.Announce(ctx, "/desk", []client.SignalInfo{
		{Address: "/desk/go", Signal: wire.Event, Datatype: "bool", Access: "w"},
		{Address: "/desk/level", Signal: wire.Param, Datatype: "f64", Access: "rw", Meta: &client.Meta{
			Unit: "%", Description: "master", Range: &[2]float64{0, 100}, Default: 50,
		}},
		{Address: "/desk/cue/*", Signal: wire.Event},
		{Address: "/desk/unset", Signal: wire.Param},
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := b.Query(ctx, "/desk/**")
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(got, func(x, y client.SignalInfo) int { return strings.Compare(x.Address, y.Address) })
	want := []client.SignalInfo{
		{Address: "/desk/cue/*", Signal: wire.Event},
		{Address: "/desk/go", Signal: wire.Event, Datatype: "bool", Access: "w"},
		{Address: "/desk/level", Signal: wire.Param, Datatype: "f64", Access: "rw"},
		{Address: "/desk/name", Signal: wire.Param, Datatype: "string", Access: "rw"},
		{Address: "/desk/unset", Signal: wire.Param},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("query:\n got %+v\nwant %+v", got, want)
	}

	params, err := b.Snapshot(ctx, "/desk/**")
	if err != nil {
		t.Fatal(err)
	}
	var addresses []string
	for _, p := range params {
		addresses = append(addresses, p.Address)
	}
	if !slices.Equal(addresses, []string{"/desk/level", "/desk/name"}) {
		t.Errorf("snapshot of %v", addresses)
	}
	if none, err := b.Query(ctx, "/none/*"); err != nil || len(none) != 0 {
		t.Errorf("query of nothing: %v, %v", none, err)
	}
}

// More than one frame of RESULT, more than the WELCOME snapshot, more than one piece of SNAPSHOT.
func TestLargeQueryAndSnapshot(t *testing.T) {
	s := startServer(t)
	a, b := s.dial(t, client.Options{}), s.dial(t, client.Options{})
	const n = 5000
	for i := range n {
		if err := a.SetAsync(t.Context(), fmt.Sprintf("/large/param/with/a/longish/address/%05d", i), i, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	params, err := b.Snapshot(t.Context(), "/large/**")
	if err != nil || len(params) != n {
		t.Fatalf("%d params, %v", len(params), err)
	}
	for i, p := range params {
		if p.Value.Any() != int64(i) {
			t.Fatalf("param %d is %s = %v", i, p.Address, p.Value.Any())
		}
	}
	var seen collector
	subscribe(t, b, "/large/**", client.SubscribeOptions{}, seen.add)
	seen.wait(t, n)
}

func TestPingAndSync(t *testing.T) {
	s := startServer(t)
	c := s.dial(t, client.Options{})
	if err := c.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	offset, roundTrip, err := c.Sync(t.Context())
	if err != nil || roundTrip < 0 || offset.Abs() > roundTrip+time.Second {
		t.Errorf("offset %v, round trip %v, %v: the router is on this machine", offset, roundTrip, err)
	}
	if off := time.Until(c.Now()).Abs(); off > time.Minute {
		t.Errorf("Now is %v away", off)
	}
}

func TestBundle(t *testing.T) {
	s := startServer(t)
	var strays errorList
	c, other := s.dial(t, client.Options{OnError: strays.add}), s.dial(t, client.Options{})
	ctx := t.Context()
	var seen collector
	subscribe(t, other, "/b/**", client.SubscribeOptions{}, seen.add)

	ack, err := c.Bundle(ctx, wire.Confirm, time.Time{},
		client.SetItem("/b/1", 1), client.SetItem("/b/2", 2, client.IfRevision(0)),
		client.PublishItem(client.Publication{Signal: wire.Event, Address: "/b/go", Value: true}))
	if err != nil || ack.Revision != 1 {
		t.Errorf("bundle: %+v, %v", ack, err)
	}
	seen.wait(t, 3)

	// One that fails changes nothing.
	_, err = c.Bundle(ctx, wire.Confirm, time.Time{}, client.SetItem("/b/1", 10), client.SetItem("/b/2", 20, client.IfRevision(9)))
	wantCode(t, err, wire.CodeConflict, "/b/2")
	if p, err := c.Get(ctx, "/b/1"); err != nil || p.Value.Any() != int64(1) {
		t.Errorf("after a failed bundle: %v, %v", p.Value.Any(), err)
	}
	_, err = c.Bundle(ctx, wire.Fire, time.Time{}, client.SetItem("/b/1", 11))
	if err != nil {
		t.Error(err)
	}

	// A scheduled one is accepted or refused at once, and runs later.
	at := c.Now().Add(100 * time.Millisecond)
	if ack, err = c.Bundle(ctx, wire.Confirm, at, client.SetItem("/b/later", 1)); err != nil || ack != (client.Ack{}) {
		t.Errorf("scheduled bundle: %+v, %v", ack, err)
	}
	_, err = c.Bundle(ctx, wire.Confirm, c.Now().Add(25*time.Hour), client.SetItem("/b/later", 1))
	wantCode(t, err, wire.CodeBadValue, "")
	seen.wait(t, 5)

	// One that fails at its time is told to OnError.
	set(t, other, "/b/held", 1, client.Lock())
	if _, err = c.Bundle(ctx, wire.Confirm, c.Now().Add(50*time.Millisecond), client.SetItem("/b/held", 2)); err != nil {
		t.Error(err)
	}
	eventually(t, "the late refusal", func() bool { return len(strays.all()) == 1 })
	wantCode(t, strays.all()[0], wire.CodeLocked, "/b/held")
}

func wantCode(t *testing.T, err error, code wire.Code, addr string) {
	t.Helper()
	var refused *client.Error
	if !errors.As(err, &refused) || refused.Code != code || refused.Address != addr {
		t.Errorf("got %v, want error %d about %q", err, code, addr)
	}
}
