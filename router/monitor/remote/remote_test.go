//go:build unix

// A source that is asked over a real admin socket answers as if it were asked itself. The source here is canned: what a router
// answers is tested where the router is.

package remote_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"os"
	"os/user"
	"path/filepath"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/router/admin"
	"github.com/clasp-studio/clasp/router/monitor"
	"github.com/clasp-studio/clasp/router/monitor/remote"
)

const port = 7330

// canned answers with what it was given, and keeps what it was asked.
type canned struct {
	frame  monitor.Frame
	query  monitor.Query
	index  monitor.Index
	since  uint64
	filter string
	client monitor.ClientDetail
	detail monitor.AddressDetail
	name   string
	action monitor.Action
	result monitor.Result
	err    error
	waits  atomic.Int64
	moved  chan struct{}
}

func (c *canned) Wait(ctx context.Context, _ uint64) {
	c.waits.Add(1)
	select {
	case <-c.moved:
	case <-ctx.Done():
	}
}

func (c *canned) Frame(_ context.Context, q monitor.Query) (monitor.Frame, error) {
	c.query = q
	return c.frame, c.err
}

func (c *canned) Index(_ context.Context, since uint64, filter string) (monitor.Index, error) {
	c.since, c.filter = since, filter
	return c.index, c.err
}

func (c *canned) Client(_ context.Context, id string) (monitor.ClientDetail, error) {
	c.name = id
	return c.client, c.err
}

func (c *canned) Address(_ context.Context, address string) (monitor.AddressDetail, error) {
	c.name = address
	return c.detail, c.err
}

func (c *canned) Do(_ context.Context, a monitor.Action) (monitor.Result, error) {
	c.action = a
	return c.result, c.err
}

// place gives the test a directory for sockets, with a short name.
func place(t *testing.T) {
	t.Helper()
	dir, err := os.MkdirTemp("", "clasp")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	t.Setenv("RUNTIME_DIRECTORY", "")
	t.Setenv("XDG_RUNTIME_DIR", dir)
	t.Setenv("TMPDIR", dir)
}

// serve opens the socket of a router.
func serve(t *testing.T, s monitor.Source) *admin.Server {
	t.Helper()
	mux := http.NewServeMux()
	remote.Routes(mux, s, rand.Text())
	server, err := admin.Listen(port, mux, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	return server
}

func dial(t *testing.T, path string) *remote.Client {
	t.Helper()
	return remote.Dial(t.Context(), path)
}

// fill sets every field of a struct, however deep, to something that is not its zero value, so that one which gets lost is seen.
func fill(v reflect.Value, n *int64) {
	*n++
	switch v.Kind() {
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Unix(1_700_000_000+*n, 0).UTC()))
			return
		}
		for i := range v.NumField() {
			if v.Type().Field(i).Tag.Get("json") != "-" {
				fill(v.Field(i), n)
			}
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0), n)
		fill(v.Index(1), n)
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.ValueOf(fmt.Sprint("k", *n)), reflect.ValueOf(int(*n)))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), n)
	case reflect.String:
		v.SetString(fmt.Sprintf("<&%d·照", *n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Float64:
		v.SetFloat(float64(*n) + 0.5)
	case reflect.Int8:
		v.SetInt(int64(monitor.LevelWarn))
	case reflect.Int, reflect.Int64:
		v.SetInt(*n)
	case reflect.Uint64:
		v.SetUint(math.MaxUint64 - uint64(*n))
	default:
		panic(v.Type())
	}
}

func filled[T any]() (v T) {
	n := int64(0)
	fill(reflect.ValueOf(&v).Elem(), &n)
	return v
}

// Everything that a source answers and is asked comes across whole.
func TestWhole(t *testing.T) {
	place(t)
	s := &canned{
		frame: filled[monitor.Frame](), index: filled[monitor.Index](), client: filled[monitor.ClientDetail](),
		detail: filled[monitor.AddressDetail](), result: filled[monitor.Result](),
	}
	c, ctx := dial(t, serve(t, s).Path()), t.Context()
	q := filled[monitor.Query]()
	f, err := c.Frame(ctx, q)
	equal(t, f, s.frame, err)
	q.LogsSince = 0 // it is the first
	q.LogsMax = s.query.LogsMax
	equal(t, s.query, q, nil)
	x, err := c.Index(ctx, 5, "type:f64 <x>")
	equal(t, x, s.index, err)
	equal(t, s.filter, "type:f64 <x>", nil)
	d, err := c.Client(ctx, "id/../1")
	equal(t, d, s.client, err)
	equal(t, s.name, "id/../1", nil)
	v, err := c.Address(ctx, `/a\u202e?b`)
	equal(t, v, s.detail, err)
	equal(t, s.name, `/a\u202e?b`, nil)
	asked := filled[monitor.Action]()
	r, err := c.Do(ctx, asked)
	equal(t, r, s.result, err)
	if me, err := user.Current(); err == nil {
		asked.By = me.Username
	}
	equal(t, s.action, asked, nil)
}

func equal(t *testing.T, got, want any, err error) {
	t.Helper()
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v\ngot  %+v\nwant %+v", err, got, want)
	}
}

func TestErrorsKeepTheirKind(t *testing.T) {
	place(t)
	s := new(canned)
	c := dial(t, serve(t, s).Path())
	for _, kind := range []error{monitor.ErrGone, monitor.ErrInvalid, monitor.ErrRefused, monitor.ErrOff, monitor.ErrUnreachable} {
		s.err = fmt.Errorf("the desk: %w, as it is", kind)
		_, err := c.Do(t.Context(), monitor.Action{})
		if !errors.Is(err, kind) || err.Error() != s.err.Error() {
			t.Errorf("%v has come as %v", s.err, err)
		}
	}
	s.err = errors.New("something else")
	if _, err := c.Client(t.Context(), "x"); err == nil || err.Error() != "something else" || errors.Is(err, monitor.ErrUnreachable) {
		t.Errorf("%v", err)
	}
}

// Numbers that JSON does not have do not cost the frame.
func TestNoNumber(t *testing.T) {
	place(t)
	s := &canned{detail: monitor.AddressDetail{Value: monitor.Value{Number: math.NaN(), Numeric: true, Text: "NaN"}}}
	for _, x := range []float64{math.Inf(1), math.Inf(-1), math.NaN(), 1} {
		s.frame.Values = append(s.frame.Values, monitor.Value{Number: x, Numeric: true})
	}
	c := dial(t, serve(t, s).Path())
	f, err := c.Frame(t.Context(), monitor.Query{})
	equal(t, f.Values, []monitor.Value{{}, {}, {}, {Number: 1, Numeric: true}}, err)
	d, err := c.Address(t.Context(), "/x")
	equal(t, d.Value, monitor.Value{Text: "NaN"}, err)
}

func TestBounds(t *testing.T) {
	place(t)
	s := new(canned)
	c := dial(t, serve(t, s).Path())
	for _, q := range []monitor.Query{{Values: make([]string, monitor.MaxValues+1)}, {Branches: make([]string, monitor.MaxBranches+1)}} {
		if _, err := c.Frame(t.Context(), q); !errors.Is(err, monitor.ErrInvalid) {
			t.Errorf("%v", err)
		}
	}
	if _, err := c.Index(t.Context(), 0, strings.Repeat("x", 2<<20)); err == nil {
		t.Error("2 MiB of a filter were taken")
	}
	if _, err := c.Frame(t.Context(), monitor.Query{LogsMax: 1 << 30}); err != nil || s.query.LogsMax != monitor.MaxLogs {
		t.Errorf("%d lines asked for, %v", s.query.LogsMax, err)
	}
}

// 100,000 addresses fit.
func TestLargeIndex(t *testing.T) {
	place(t)
	s := &canned{index: monitor.Index{Rev: 3, Total: 100_000}}
	for i := range s.index.Total {
		s.index.Names = append(s.index.Names, fmt.Sprintf("/studio/lighting/fixture/%06d/brightness", i))
	}
	x, err := dial(t, serve(t, s).Path()).Index(t.Context(), 0, "")
	equal(t, x, s.index, err)
}

// A router that stops is out of reach, and another start of it is looked at from the beginning.
func TestRestart(t *testing.T) {
	place(t)
	ctx := t.Context()
	s := &canned{index: monitor.Index{Rev: 7, Names: []string{"/a"}}, moved: make(chan struct{})}
	first := serve(t, s)
	c := dial(t, first.Path())
	look := func(since uint64) uint64 {
		t.Helper()
		if _, err := c.Index(ctx, since, ""); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Frame(ctx, monitor.Query{LogsSince: since}); err != nil {
			t.Fatal(err)
		}
		return s.query.LogsSince
	}
	look(7)
	if logs := look(7); s.since != 7 || logs != 7 {
		t.Errorf("the same start: since %d, logs since %d", s.since, logs)
	}
	first.Close()
	if _, err := c.Frame(ctx, monitor.Query{}); !errors.Is(err, monitor.ErrUnreachable) || !strings.Contains(err.Error(), first.Path()) {
		t.Errorf("without a router: %v", err)
	}
	serve(t, s)
	c.Wait(ctx, 7) // returns: everything has changed
	if n := s.waits.Load(); n != 0 {
		t.Errorf("waited %d times for another start", n)
	}
	if logs := look(7); s.since == 7 || logs != 0 {
		t.Errorf("another start: since %d, logs since %d", s.since, logs)
	}
	if logs := look(7); s.since != 7 || logs != 7 {
		t.Errorf("after it: since %d, logs since %d", s.since, logs)
	}
}

// A router that has opened its socket again is the same one.
func TestSocketAgain(t *testing.T) {
	place(t)
	s := new(canned)
	open := func() *admin.Server {
		mux := http.NewServeMux()
		remote.Routes(mux, s, "one start")
		server, err := admin.Listen(port, mux, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(server.Close)
		return server
	}
	first := open()
	c := dial(t, first.Path())
	for range 2 {
		if _, err := c.Frame(t.Context(), monitor.Query{LogsSince: 7}); err != nil {
			t.Fatal(err)
		}
	}
	first.Close()
	open()
	if _, err := c.Frame(t.Context(), monitor.Query{LogsSince: 7}); err != nil || s.query.LogsSince != 7 {
		t.Errorf("logs are asked for from %d on, %v", s.query.LogsSince, err)
	}
}

// Wait ends with a change, with its context, and not before.
func TestWait(t *testing.T) {
	place(t)
	s := &canned{moved: make(chan struct{})}
	c := dial(t, serve(t, s).Path())
	if _, err := c.Frame(t.Context(), monitor.Query{}); err != nil {
		t.Fatal(err)
	}
	wait := func(ctx context.Context) <-chan struct{} {
		before, done := s.waits.Load(), make(chan struct{})
		go func() { c.Wait(ctx, 1); close(done) }()
		for deadline := time.Now().Add(10 * time.Second); s.waits.Load() == before; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("the source is never waited for")
			}
		}
		select {
		case <-done:
			t.Error("nothing has changed")
		default:
		}
		return done
	}
	done := wait(t.Context())
	s.moved <- struct{}{}
	<-done
	ctx, cancel := context.WithCancel(t.Context())
	done = wait(ctx)
	cancel()
	<-done
}

// A router of an older version, and one that answers nonsense, are named as what they are.
func TestOthers(t *testing.T) {
	place(t)
	mux := http.NewServeMux()
	mux.HandleFunc("POST /monitor/do", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusTeapot)
		_, _ = io.WriteString(w, "\x1b[2J")
	})
	server, err := admin.Listen(port, mux, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	c := dial(t, server.Path())
	if _, err := c.Frame(t.Context(), monitor.Query{}); !errors.Is(err, monitor.ErrOff) || !strings.Contains(err.Error(), "another version") {
		t.Errorf("%v", err)
	}
	if _, err := c.Do(t.Context(), monitor.Action{}); err == nil || strings.Contains(err.Error(), "\x1b") {
		t.Errorf("%v", err)
	}
	if _, err := remote.Dial(t.Context(), filepath.Join(t.TempDir(), "none")).Frame(t.Context(), monitor.Query{}); !errors.Is(err, monitor.ErrUnreachable) {
		t.Errorf("%v", err)
	}
}
