package client_test

// A real router in this process, and what the tests of this package share.

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/router"
	"github.com/clasp-studio/clasp/router/client"
	"github.com/clasp-studio/clasp/router/transport/ws"
	"go.uber.org/goleak"
)

// patience is how long a test waits for what has to come; it only decides how long a failure takes.
const patience = 10 * time.Second

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server is a router that can be stopped and started again on its port.
type server struct {
	addr string
	url  string
	log  safeBuffer

	router *router.Router
	ws     *ws.Server
}

func startServer(tb testing.TB) *server {
	tb.Helper()
	s := &server{addr: "127.0.0.1:0"}
	s.start(tb)
	s.addr = s.ws.Addr().String()
	s.url = "ws://" + s.addr
	tb.Cleanup(func() {
		s.stop(tb)
		if tb.Failed() {
			tb.Logf("the router's log:\n%s", &s.log)
		}
	})
	return s
}

func (s *server) start(tb testing.TB) {
	tb.Helper()
	var err error
	s.router, err = router.New(router.Options{
		Settings: router.Settings{Limits: router.Limits{WelcomeSnapshot: 100}},
		Name:     "test router",
		Logger:   slog.New(slog.NewTextHandler(&s.log, nil)),
	})
	if err != nil {
		tb.Fatal(err)
	}
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		if s.ws, err = ws.Listen(s.router, s.addr, ws.Options{}); err == nil {
			return
		}
		if time.Now().After(deadline) { // another test may have been given the port for a moment
			tb.Fatal(err)
		}
	}
}

func (s *server) stop(tb testing.TB) {
	tb.Helper()
	if s.router == nil {
		return
	}
	if err := s.ws.Close(); err != nil {
		tb.Error(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := s.router.Close(ctx); err != nil {
		tb.Error(err)
	}
	s.router = nil
}

// dial connects a client that is closed before the router stops.
func (s *server) dial(tb testing.TB, o client.Options) *client.Client {
	tb.Helper()
	return dial(tb, s.url, o)
}

func dial(tb testing.TB, url string, o client.Options) *client.Client {
	tb.Helper()
	c, err := client.Dial(tb.Context(), url, o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(c.Close)
	return c
}

func subscribe(tb testing.TB, c *client.Client, pattern string, o client.SubscribeOptions, h client.Handler) *client.Subscription {
	tb.Helper()
	s, err := c.Subscribe(tb.Context(), pattern, o, h)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func set(tb testing.TB, c *client.Client, addr string, value any, opts ...client.SetOption) client.Ack {
	tb.Helper()
	ack, err := c.Set(tb.Context(), addr, value, opts...)
	if err != nil {
		tb.Fatalf("set %s: %v", addr, err)
	}
	return ack
}

// eventually polls until ok, and fails the test if that takes too long.
func eventually(tb testing.TB, what string, ok func() bool) {
	tb.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			tb.Fatalf("never: %s", what)
		}
	}
}

// collector keeps the messages of a subscription.
type collector struct {
	mu   sync.Mutex
	list []*client.Message
}

func (c *collector) add(m *client.Message) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.list = append(c.list, m.Clone())
}

func (c *collector) all() []*client.Message {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]*client.Message(nil), c.list...)
}

// wait returns the messages once there are n.
func (c *collector) wait(tb testing.TB, n int) []*client.Message {
	tb.Helper()
	eventually(tb, "enough messages", func() bool { return len(c.all()) >= n })
	return c.all()
}

// errorList keeps what OnError hears.
type errorList struct {
	mu   sync.Mutex
	list []error
}

func (e *errorList) add(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.list = append(e.list, err)
}

func (e *errorList) all() []error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]error(nil), e.list...)
}

type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// wirePipe passes bytes between clients and a router until it is frozen, when it keeps connections open and silent, or cut.
type wirePipe struct {
	url    string
	target string
	l      net.Listener
	wg     sync.WaitGroup

	mu     sync.Mutex
	thaw   chan struct{} // nil while bytes pass
	conns  []net.Conn
	closed bool
}

func startPipe(tb testing.TB, target string) *wirePipe {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	p := &wirePipe{url: "ws://" + l.Addr().String(), target: target, l: l}
	p.wg.Go(p.accept)
	tb.Cleanup(func() {
		p.mu.Lock()
		p.closed = true
		p.mu.Unlock()
		l.Close()
		p.release()
		p.cut()
		p.wg.Wait()
	})
	return p
}

func (p *wirePipe) accept() {
	for {
		near, err := p.l.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", p.target)
		if err != nil {
			near.Close()
			continue
		}
		p.mu.Lock()
		p.conns = append(p.conns, near, far)
		if p.closed {
			near.Close()
			far.Close()
		}
		p.mu.Unlock()
		p.wg.Go(func() { p.copy(far, near) })
		p.wg.Go(func() { p.copy(near, far) })
	}
}

func (p *wirePipe) copy(dst, src net.Conn) {
	defer dst.Close()
	defer src.Close()
	buf := make([]byte, 32<<10)
	for {
		n, err := src.Read(buf)
		p.mu.Lock()
		thaw := p.thaw
		p.mu.Unlock()
		if thaw != nil {
			<-thaw
		}
		if _, werr := dst.Write(buf[:n]); err != nil || werr != nil {
			return
		}
	}
}

// freeze holds back everything from now on.
func (p *wirePipe) freeze() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.thaw = make(chan struct{})
}

// release lets bytes pass again.
func (p *wirePipe) release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.thaw != nil {
		close(p.thaw)
		p.thaw = nil
	}
}

// cut ends all connections.
func (p *wirePipe) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		c.Close()
	}
	p.conns = nil
}
