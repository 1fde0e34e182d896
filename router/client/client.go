package client

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/clasp-studio/clasp/router/wire"
	"github.com/gorilla/websocket"
)

// Options of a client. The zero value is good for a short task.
type Options struct {
	Name  string // tells people at the router who this is; UTF-8, at most 255 bytes
	Token string // "" = none (protocol section 10); UTF-8

	TLS *tls.Config // for wss: whom to trust; nil = the authorities of this system. Not to be changed any more.

	// Reconnect dials again whenever the connection is lost, until Close, or until the router refuses for good (token,
	// version). Waits start at BackoffMin (0 = 0.1 s), double up to BackoffMax (0 = 5 s) and vary by up to half, so that not
	// all clients of a router that restarts come at once.
	Reconnect              bool
	BackoffMin, BackoffMax time.Duration

	// Keepalive is the silence after which the router is asked for a sign of life; after as long again without one the
	// connection counts as lost. 0 = 10 s, negative = never.
	Keepalive time.Duration

	// OnState hears of changes after Dial. It is called like a handler, in order with the messages.
	OnState func(State, error)

	// OnError hears of refusals that belong to no call (see the package's words), of subscriptions that were refused after a
	// reconnect, and of messages from the router that make no sense. It is called one at a time, from a goroutine that must not
	// be held up: it calls neither Close nor a method that sends. When Ping returns it has heard of everything sent before.
	OnError func(error)
}

// State of the connection.
type State uint8

// The states that OnState hears of.
const (
	Connected    State = iota + 1 // again; the values the subscriptions missed come next
	Disconnected                  // lost; the error says why. With Reconnect, Connected or Closed follows.
	Closed                        // for good, but not by Close
)

const (
	defaultBackoffMin = 100 * time.Millisecond
	defaultBackoffMax = 5 * time.Second
	defaultKeepalive  = 10 * time.Second
	// dialLimit bounds a handshake whose context has no deadline, and every one of a reconnect.
	dialLimit = 10 * time.Second
)

// Client is a session with a router, or a row of them. Make one with Dial, end it with Close.
type Client struct {
	// Static after Dial.
	url     string
	options Options
	ctx     context.Context // ends with Close
	cancel  context.CancelFunc
	done    chan struct{} // closed when the client has ended
	inbox   inbox

	link    atomic.Pointer[link]    // nil while not connected
	hello   atomic.Pointer[welcome] // of the last handshake
	clock   atomic.Pointer[clock]
	stamped atomic.Uint64         // the last t1 of a SYNC, see stamp
	closed  atomic.Bool           // Close was called: no handler starts any more
	end     atomic.Pointer[error] // why the client has ended

	subs subscriptions

	reporting sync.Mutex // one OnError at a time
}

// welcome is what WELCOME said.
type welcome struct{ session, router string }

// Dial connects to the router at url (ws://HOST[:PORT] or wss://HOST[:PORT]; without a port 7330, of wss 443) and returns when the session is open: HELLO sent, WELCOME and the first
// SNAPSHOT received (protocol section 5). It tries once, whatever Options.Reconnect says. ctx bounds Dial only; without a
// deadline it gives up after 10 s. A refusal by the router is an *Error. For wss, and only then, the environment's proxy is
// used (HTTPS_PROXY, NO_PROXY): ws is for the local network, which a proxy does not see.
func Dial(ctx context.Context, url string, o Options) (*Client, error) {
	if o.BackoffMin <= 0 {
		o.BackoffMin = defaultBackoffMin
	}
	if o.BackoffMax <= 0 {
		o.BackoffMax = defaultBackoffMax
	}
	if o.Keepalive == 0 {
		o.Keepalive = defaultKeepalive
	}
	target, err := parseURL(url)
	if err != nil {
		return nil, err
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	c := &Client{url: target, options: o, done: make(chan struct{})}
	c.inbox.init()
	c.subs.byID = make(map[uint32]*Subscription)
	c.ctx, c.cancel = context.WithCancel(context.Background())
	l, _, err := c.dial(ctx)
	if err != nil {
		c.cancel()
		return nil, err
	}
	c.link.Store(l)
	go c.run(l)
	go c.dispatch()
	return c, nil
}

// maxName is how many bytes of a name a router takes.
const maxName = 255

// check refuses what HELLO could not carry.
func (o *Options) check() error {
	switch {
	case !utf8.ValidString(o.Name):
		return fmt.Errorf("%w: the name %q is not UTF-8", ErrBadOptions, o.Name)
	case len(o.Name) > maxName:
		return fmt.Errorf("%w: the name has %d bytes, more than %d", ErrBadOptions, len(o.Name), maxName)
	case !utf8.ValidString(o.Token):
		return fmt.Errorf("%w: the token is not UTF-8", ErrBadOptions)
	}
	return nil
}

// parseURL checks a router's URL and completes it. Its errors show no password.
func parseURL(text string) (string, error) {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || u.Scheme != "ws" && u.Scheme != "wss" {
		return "", fmt.Errorf("%w: %q should look like ws://HOST:7330 or wss://HOST:7330", ErrBadURL, withoutUser(text))
	}
	if u.User != nil {
		return "", fmt.Errorf("%w: %q names a user or a password, which a router does not know: leave that out and use a token",
			ErrBadURL, withoutUser(text))
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return "", fmt.Errorf("%w: %q: port %s is not one of 1 to 65535", ErrBadURL, text, port)
		}
	} else if u.Scheme == "ws" {
		u.Host = strings.TrimSuffix(u.Host, ":") + ":7330"
	}
	if u.Path == "" {
		u.Path = "/"
	}
	return u.String(), nil
}

// withoutUser is a URL, be it a wrong one, without what may be a password.
func withoutUser(text string) string {
	at := strings.LastIndexByte(text, '@')
	if at < 0 {
		return text
	}
	scheme, _, found := strings.Cut(text[:at], "://")
	if !found {
		return "..." + text[at:]
	}
	return scheme + "://..." + text[at:]
}

// proxy is the environment's, for wss only.
func proxy(r *http.Request) (*url.URL, error) {
	if r.URL.Scheme != "https" { // the library's word for wss
		return nil, nil
	}
	return http.ProxyFromEnvironment(r)
}

// answered says what a server answered that opened no WebSocket.
func answered(r *http.Response) error {
	if r.StatusCode == http.StatusBadRequest && r.Request.URL.Scheme == "http" { // that of a TLS port
		return fmt.Errorf("the server answered %q: if it speaks TLS, say wss:// instead of ws://", r.Status)
	}
	if r.StatusCode != http.StatusServiceUnavailable {
		return fmt.Errorf("the server answered %q and no WebSocket: is it a CLASP router?", r.Status)
	}
	const enough = 200
	body, err := io.ReadAll(io.LimitReader(r.Body, enough))
	reason := strings.TrimSpace(string(body))
	if err != nil || reason == "" {
		return fmt.Errorf("the server answered %q", r.Status)
	}
	return fmt.Errorf("the server answered %q: %q", r.Status, reason)
}

// dial makes a connection and opens a session on it. Its first SNAPSHOT is returned, not handled.
func (c *Client) dial(ctx context.Context) (*link, []byte, error) {
	if _, limited := ctx.Deadline(); !limited {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, dialLimit)
		defer cancel()
	}
	// Whatever the handshake waits for, it ends with ctx.
	uncut := func() bool { return true }
	dialer := websocket.Dialer{
		NetDialContext: func(_ context.Context, network, address string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, network, address)
			if err == nil {
				uncut = context.AfterFunc(ctx, func() { _ = conn.Close() })
			}
			return conn, err
		},
		TLSClientConfig: c.options.TLS,
		Proxy:           proxy,
		Subprotocols:    []string{"clasp"},
		ReadBufferSize:  32 << 10,
		WriteBufferSize: 512, // the handshake only
	}
	ws, response, err := dialer.DialContext(ctx, c.url, nil)
	if err != nil {
		switch {
		case ctx.Err() != nil:
			err = ctx.Err()
		case errors.Is(err, os.ErrDeadlineExceeded):
			err = context.DeadlineExceeded // ctx's own, which the library puts on the connection
		case response != nil && errors.Is(err, websocket.ErrBadHandshake):
			err = answered(response)
		}
		uncut()
		return nil, nil, fmt.Errorf("dial %s: %w", c.url, err)
	}
	l := newLink(c, ws)
	first, err := c.handshake(l)
	if !uncut() {
		err = ctx.Err()
	}
	if err != nil {
		l.fail(err)
		l.writer.Wait()
		return nil, nil, fmt.Errorf("open a session at %s: %w", c.url, err)
	}
	return l, first, nil
}

// features is every signal type: this client takes them all.
const features = wire.FeatureParam | wire.FeatureEvent | wire.FeatureStream | wire.FeatureGesture | wire.FeatureTimeline

// handshake says HELLO and waits for WELCOME and the first SNAPSHOT.
func (c *Client) handshake(l *link) (first []byte, err error) {
	hello := wire.AppendHello(nil, wire.Hello{
		Version: wire.Version, Features: features, Name: []byte(c.options.Name), Token: []byte(c.options.Token),
	})
	frame, err := wire.AppendFrame(nil, wire.Fire, hello)
	if err != nil {
		return nil, fmt.Errorf("name and token: %w", err)
	}
	if err := l.post(context.Background(), frame, nil); err != nil {
		return nil, err
	}
	welcomed := false
	for {
		payload, err := l.nextPayload()
		if err != nil {
			return nil, err
		}
		switch t := wire.Type(payload[0]); {
		case t == wire.TypeError:
			m, err := wire.DecodeError(payload)
			if err != nil {
				return nil, err
			}
			return nil, &Error{Code: m.Code, Message: string(m.Message)}
		case t == wire.TypeWelcome:
			m, err := wire.DecodeWelcome(payload)
			if err != nil {
				return nil, err
			}
			c.hello.Store(&welcome{string(m.Session), string(m.Name)})
			c.clock.Store(&clock{time.Now(), unixMicro(m.Time)})
			welcomed = true
		case t == wire.TypeSnapshot && welcomed:
			return append([]byte(nil), payload...), nil
		default:
			return nil, fmt.Errorf("%v instead of WELCOME and SNAPSHOT: is it a CLASP router?", t)
		}
	}
}

// Close sends what waits to be sent, says goodbye (WebSocket 1000) and returns when the connection has ended, at most two
// seconds later. The router then drops the session's subscriptions and locks. Requests that wait for an answer fail with
// ErrClosed. A handler that is running may still be running when Close returns, which is why a handler may call it; no other
// starts. Close may be called any number of times.
func (c *Client) Close() {
	c.closed.Store(true)
	c.cancel()
	if l := c.link.Load(); l != nil {
		l.goodbye()
	}
	<-c.done
}

// Done is closed when the client has ended: by Close, or when the connection is lost without Reconnect, or refused for good.
func (c *Client) Done() <-chan struct{} { return c.done }

// Err says why the client has ended: ErrClosed after Close, nil before the end.
func (c *Client) Err() error {
	if end := c.end.Load(); end != nil {
		return *end
	}
	return nil
}

// Session returns the id the router gave to the present session, or to the last.
func (c *Client) Session() string { return c.hello.Load().session }

// RouterName returns what the router calls itself.
func (c *Client) RouterName() string { return c.hello.Load().router }

// Now returns the router's time, as WELCOME or the last Sync told it.
func (c *Client) Now() time.Time { return c.clock.Load().now() }

// clock is the router's time at a moment of ours. The difference since is taken from the monotonic clock.
type clock struct{ here, there time.Time }

func (k clock) now() time.Time { return k.there.Add(time.Since(k.here)) }

// run reads one link after the other until the end.
func (c *Client) run(l *link) {
	defer close(c.done)
	for {
		err := l.read()
		c.link.Store(nil)
		l.fail(err)
		l.writer.Wait()
		if c.ctx.Err() != nil {
			c.finish(ErrClosed)
			return
		}
		if !c.options.Reconnect {
			c.finish(fmt.Errorf("%w: %w", ErrDisconnected, err))
			return
		}
		c.inbox.tell(note{Disconnected, err})
		if l, err = c.redial(); err != nil {
			c.finish(err)
			return
		}
	}
}

// finish ends the client; the handlers get what is there already, unless Close was called.
func (c *Client) finish(err error) {
	c.end.Store(&err)
	c.inbox.tell(note{Closed, err})
	c.inbox.end()
	c.cancel()
}

// redial tries until there is a session, the client is closed or the router refuses for good.
func (c *Client) redial() (*link, error) {
	for wait := c.options.BackoffMin; ; wait = min(2*wait, c.options.BackoffMax) {
		jittered := wait/2 + rand.N(wait/2+1)
		select {
		case <-time.After(jittered):
		case <-c.ctx.Done():
			return nil, ErrClosed
		}
		l, first, err := c.dial(c.ctx)
		switch {
		case err == nil:
			c.inbox.tell(note{state: Connected})
			l.receive(first)
			c.resubscribe(l)
			return l, nil
		case c.ctx.Err() != nil:
			return nil, ErrClosed
		case hopeless(err):
			return nil, err
		}
	}
}

// report tells OnError.
func (c *Client) report(err error) {
	if c.options.OnError == nil {
		return
	}
	c.reporting.Lock()
	defer c.reporting.Unlock()
	c.options.OnError(err)
}
