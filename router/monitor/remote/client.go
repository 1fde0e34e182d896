package remote

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/clasp-studio/clasp/router/monitor"
)

const (
	// patience is how long a router may take to answer. One that does not is as good as gone.
	patience = 10 * time.Second
	// keepAlive is how long a connection waits for the next request: less than the router
	// waits, so that none is sent to a connection that is being closed.
	keepAlive = 5 * time.Second
	// retry is how long to wait for a router that cannot be reached before it is tried again.
	retry = time.Second
	// maxAnswer holds an index of a million addresses.
	maxAnswer = 64 << 20
)

// Client is a router that is reached over its admin socket. Any goroutine may use it. While
// the router cannot be reached every method returns monitor.ErrUnreachable; once it is there
// again, whichever process it is then, everything works as before.
type Client struct {
	path string
	http http.Client

	// What the last answer of a kind counted from.
	frames, indexes atomic.Pointer[string]
}

var _ monitor.Source = (*Client)(nil)

// Dial returns the router whose admin socket is at path, without connecting to it yet. When
// ctx ends, connections that are not in use are closed.
func Dial(ctx context.Context, path string) *Client {
	transport := &http.Transport{
		IdleConnTimeout:     keepAlive,
		MaxIdleConnsPerHost: 4, // frame, wait, index and one more
		DisableCompression:  true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		},
	}
	context.AfterFunc(ctx, transport.CloseIdleConnections)
	return &Client{path: path, http: http.Client{Transport: transport}}
}

// Wait is that of monitor.Source. With a router that cannot be reached it takes a second.
func (c *Client) Wait(ctx context.Context, since uint64) {
	err := c.ask(ctx, waitRoute, waitRequest{since}, nil, startOf(&c.frames), nil)
	if err == nil || ctx.Err() != nil {
		return
	}
	t := time.NewTimer(retry)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// Frame is that of monitor.Source.
func (c *Client) Frame(ctx context.Context, q monitor.Query) (f monitor.Frame, err error) {
	return f, c.ask(ctx, frameRoute, q, &f, startOf(&c.frames), &c.frames)
}

// Index is that of monitor.Source.
func (c *Client) Index(ctx context.Context, since uint64, filter string) (x monitor.Index, err error) {
	return x, c.ask(ctx, indexRoute, indexRequest{since, filter}, &x, startOf(&c.indexes), &c.indexes)
}

// Client is that of monitor.Source.
func (c *Client) Client(ctx context.Context, id string) (d monitor.ClientDetail, err error) {
	return d, c.ask(ctx, clientRoute, nameRequest{id}, &d, "", nil)
}

// Address is that of monitor.Source.
func (c *Client) Address(ctx context.Context, address string) (d monitor.AddressDetail, err error) {
	return d, c.ask(ctx, addressRoute, nameRequest{address}, &d, "", nil)
}

// Do is that of monitor.Source. Who asks is found out by the router.
func (c *Client) Do(ctx context.Context, a monitor.Action) (r monitor.Result, err error) {
	return r, c.ask(ctx, doRoute, a, &r, "", nil)
}

func startOf(p *atomic.Pointer[string]) string {
	if s := p.Load(); s != nil {
		return *s
	}
	return ""
}

// ask makes one call. start is which start of the router the question counts from; that of the
// answer is kept in keep, if there is one and something was answered.
func (c *Client) ask(ctx context.Context, route string, body, answer any, start string, keep *atomic.Pointer[string]) error {
	method, target, _ := strings.Cut(route, " ")
	text, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("ask the router: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, "http://router"+target, bytes.NewReader(text))
	if err != nil {
		return fmt.Errorf("ask the router: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	if start != "" {
		request.Header.Set(startHeader, start)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return c.lost(err)
	}
	defer func() { _ = response.Body.Close() }() // it has been read
	said, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	switch {
	case err != nil:
		return c.lost(err)
	case len(said) > maxAnswer:
		return fmt.Errorf("the answer of the router at %s is over %d MiB", c.path, maxAnswer>>20)
	}
	if kind, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type")); kind != "application/json" {
		// A router that knows no such calls, which is another version.
		return fmt.Errorf("%w: the router at %s cannot be looked at, it is of another version: %s", monitor.ErrOff, c.path, monitor.Clean(strings.TrimSpace(string(said))))
	}
	if response.StatusCode != http.StatusOK {
		return refused(said)
	}
	if answer == nil {
		return nil
	}
	if err := json.Unmarshal(said, answer); err != nil {
		return fmt.Errorf("read the answer of the router at %s: %w", c.path, err)
	}
	if keep != nil {
		now := response.Header.Get(startHeader)
		keep.Store(&now)
	}
	return nil
}

// lost says that there was no answer.
func (c *Client) lost(err error) error {
	if under := errors.Unwrap(err); under != nil {
		err = under // without the address that net/http was given for want of another
	}
	return fmt.Errorf("%w: the router at %s: %w", monitor.ErrUnreachable, c.path, err)
}

// refused is a refusal as the error that it was.
func refused(said []byte) error {
	var r refusal
	if err := json.Unmarshal(said, &r); err != nil || r.Error == "" {
		return fmt.Errorf("%w: the router has answered with %s", monitor.ErrRefused, monitor.Clean(string(said)))
	}
	for _, k := range kinds {
		if k.word == r.Kind {
			return &kindError{r.Error, k.kind}
		}
	}
	return errors.New(r.Error)
}

// kindError is an error with its text as the router has said it.
type kindError struct {
	text string
	kind error
}

func (e *kindError) Error() string { return e.text }
func (e *kindError) Unwrap() error { return e.kind }
