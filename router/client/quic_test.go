package client_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	quicgo "github.com/quic-go/quic-go"

	"github.com/clasp-studio/clasp/router/client"
	"github.com/clasp-studio/clasp/router/internal/kit"
	"github.com/clasp-studio/clasp/router/transport/quic"
	"github.com/clasp-studio/clasp/router/wire"
)

// startQUIC adds a QUIC port to a router.
func (s *server) startQUIC(tb testing.TB) (url string, trust *tls.Config) {
	tb.Helper()
	shown, trust := kit.TLS(tb)
	q, err := quic.Listen(s.router, "127.0.0.1:0", quic.Options{TLS: shown})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := q.Close(); err != nil {
			tb.Error(err)
		}
	})
	return "quic://" + q.Addr().String(), trust
}

// One conversation over two transports. Everything else that a client does is the same for all of them.
func TestQUIC(t *testing.T) {
	s := startServer(t)
	url, trust := s.startQUIC(t)
	near, far := s.dial(t, client.Options{}), dial(t, url, client.Options{TLS: trust, Name: "far"})
	var got collector
	subscribe(t, far, "/x/**", client.SubscribeOptions{}, got.add)
	for i := range 100 {
		set(t, near, "/x/y", i)
	}
	if m := got.wait(t, 100)[99]; m.Revision != 100 {
		t.Errorf("the last of 100 is %+v", m)
	}
	if _, _, err := far.Sync(t.Context()); err != nil {
		t.Error(err)
	}
	ack := set(t, far, "/x/z", 1)
	if p, err := near.Get(t.Context(), "/x/z"); err != nil || p.Revision != ack.Revision {
		t.Errorf("got %+v, %v", p, err)
	}
	// By name, too: the certificate has it.
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(url, "quic://"))
	set(t, dial(t, "quic://localhost:"+port, client.Options{TLS: trust}), "/x/a", 1)
}

func TestQUICDialFails(t *testing.T) {
	s := startServer(t)
	url, trust := s.startQUIC(t)
	_, err := client.Dial(t.Context(), url, client.Options{})
	if !errors.As(err, new(x509.UnknownAuthorityError)) {
		t.Errorf("nobody trusts the certificate: %v", err)
	}

	socket, err := net.ListenPacket("udp4", "127.0.0.1:0") // takes everything and answers nothing
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = client.Dial(ctx, "quic://"+socket.LocalAddr().String(), client.Options{TLS: trust})
	wantErr(t, err, context.DeadlineExceeded)

	shown, trust := kit.TLS(t)
	shown.NextProtos = []string{"h3"}
	other, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	transport := &quicgo.Transport{Conn: other}
	defer transport.Close()
	web, err := transport.Listen(shown, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = client.Dial(t.Context(), "quic://"+web.Addr().String(), client.Options{TLS: trust}); err == nil || !strings.Contains(err.Error(), "not CLASP") {
		t.Errorf("a web server: %v", err)
	}
}

// What is no frame ends the connection as soon as it has come, though a good frame came before it and nothing after.
func TestQUICBadFrameBehindAGoodOne(t *testing.T) {
	shown, trust := kit.TLS(t)
	shown.NextProtos = []string{"clasp/2"}
	bad, err := quicgo.ListenAddr("127.0.0.1:0", shown, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = bad.Close() })
	served := make(chan error, 1)
	go func() {
		served <- func() error {
			c, err := bad.Accept(t.Context())
			if err != nil {
				return err
			}
			stream, err := c.AcceptStream(t.Context())
			if err != nil {
				return err
			}
			b := kit.Frame(wire.Fire, wire.AppendWelcome(nil, wire.Welcome{Version: wire.Version, Session: []byte("s")}))
			b = append(b, kit.Frame(wire.Fire, wire.BeginSnapshot(nil))...)
			if _, err = stream.Write(append(b, "no frame"...)); err != nil {
				return err
			}
			<-c.Context().Done()
			return nil
		}()
	}()
	c := dial(t, "quic://"+bad.Addr().String(), client.Options{TLS: trust, Keepalive: -1})
	select {
	case <-c.Done():
	case <-time.After(patience):
		t.Fatal("the client takes no notice")
	}
	if err := c.Err(); !errors.Is(err, client.ErrDisconnected) || !strings.Contains(err.Error(), "magic") {
		t.Errorf("it ended with %v", err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
}

// A client that is busy sending learns all the same why the router ends the session.
func TestQUICReasonWhileSending(t *testing.T) {
	s := startServer(t)
	url, trust := s.startQUIC(t)
	var sending sync.WaitGroup
	var clients []*client.Client
	for range 10 {
		c := dial(t, url, client.Options{TLS: trust})
		clients = append(clients, c)
		started := make(chan struct{})
		sending.Go(func() {
			value := make([]byte, 50_000)
			for n := 0; ; n++ {
				if _, err := c.Set(t.Context(), "/x", value, client.QoS(wire.Fire)); err != nil {
					return
				}
				if n == 10 {
					close(started)
				}
			}
		})
		<-started
	}
	s.stop(t)
	sending.Wait()
	for _, c := range clients {
		<-c.Done()
		if err := c.Err(); !strings.Contains(err.Error(), "stopping") {
			t.Errorf("it ended with %v", err)
		}
	}
}

// The same with messages so small that the stream always has room: the end meets a client that is just about to write.
func TestQUICReasonWhileSendingLittle(t *testing.T) {
	shown, trust := kit.TLS(t)
	shown.NextProtos = []string{"clasp/2"}
	router, err := quicgo.ListenAddr("127.0.0.1:0", shown, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = router.Close() })
	for range 100 {
		served := make(chan error, 1)
		go func() { served <- opensAndEnds(t.Context(), router) }()
		c := dial(t, "quic://"+router.Addr().String(), client.Options{TLS: trust, Keepalive: -1})
		for err := error(nil); err == nil; {
			_, err = c.Set(t.Context(), "/x", 1, client.QoS(wire.Fire))
		}
		<-c.Done()
		if err := c.Err(); !strings.Contains(err.Error(), "enough") {
			t.Fatalf("it ended with %v", err)
		}
		if err := <-served; err != nil {
			t.Fatal(err)
		}
	}
}

// opensAndEnds is a router that lets a client in, reads a little and ends the stream, then the connection with a reason.
func opensAndEnds(ctx context.Context, router *quicgo.Listener) error {
	c, err := router.Accept(ctx)
	if err != nil {
		return err
	}
	stream, err := c.AcceptStream(ctx)
	if err != nil {
		return err
	}
	b := kit.Frame(wire.Fire, wire.AppendWelcome(nil, wire.Welcome{Version: wire.Version, Session: []byte("s")}))
	if _, err := stream.Write(append(b, kit.Frame(wire.Fire, wire.BeginSnapshot(nil))...)); err != nil {
		return err
	}
	if _, err := io.CopyN(io.Discard, stream, 4096); err != nil {
		return err
	}
	if err := stream.Close(); err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, stream); err != nil { // to the client's end
		return err
	}
	return c.CloseWithError(0, "enough")
}
