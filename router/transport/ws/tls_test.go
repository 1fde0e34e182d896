package ws_test

// The same sessions over TLS, and handshakes that are none.

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/router"
	"github.com/clasp-studio/clasp/router/transport/ws"
	"github.com/clasp-studio/clasp/router/wire"
)

// startSecure is start with TLS.
func startSecure(t *testing.T, options ...func(*router.Options)) *rig {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	about := &x509.Certificate{
		SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, about, about, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	g := startOn(t, ws.Options{TLS: &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}}, options...)
	trusted := x509.NewCertPool()
	trusted.AddCert(certificate)
	g.trust = &tls.Config{RootCAs: trusted, ServerName: "127.0.0.1"}
	return g
}

// bare opens a connection to a TLS port and leaves out the TLS.
func (g *rig) bare() (*client, error) {
	conn, err := net.DialTimeout("tcp", g.addr, patience)
	if err != nil {
		return nil, err
	}
	return &client{Conn: conn, in: bufio.NewReaderSize(conn, 16)}, nil
}

// barely is bare with a few bytes.
func (g *rig) barely(b []byte) (*client, error) {
	c, err := g.bare()
	if err != nil {
		return nil, err
	}
	return c, c.write(b)
}

// shaken finishes the handshake and no more. What the test holds of TLS is given up.
func (g *rig) shaken() (*client, error) {
	c, err := g.bare()
	if err != nil {
		return nil, err
	}
	return c, tls.Client(c.Conn, g.trust).Handshake()
}

// clientHello is the first message of a handshake.
func clientHello(t *testing.T) []byte {
	t.Helper()
	ours, theirs := net.Pipe()
	go func() {
		_ = tls.Client(theirs, &tls.Config{ServerName: "127.0.0.1"}).Handshake() // is cut short
	}()
	first := make([]byte, 100)
	if _, err := io.ReadFull(ours, first); err != nil {
		t.Fatal(err)
	}
	_, _ = ours.Close(), theirs.Close()
	return first
}

func TestSessionOverTLS(t *testing.T) {
	g := startSecure(t, limits(func(l *router.Limits) { l.MaxMessageSize = 70_000 }))
	a, b := g.join(t), g.join(t)
	b.send(t, wire.Fire, subscribe(1, "/**", 0))
	b.quiet(t)
	large := make([]byte, 60_000)
	for i := range 20 {
		a.send(t, wire.Confirm, set("/p", i))
		a.expectAck(t, "/p")
		a.send(t, wire.Fire, set("/large", large))
	}
	a.quiet(t)
	for last := map[string]uint64{}; last["/p"] < 20 || last["/large"] < 20; {
		m := must(t, b.expect(t, wire.TypeSet), wire.DecodeSet)
		last[string(m.Address)] = m.Revision
	}
	a.raw(t, wsFrame(fin|opPing, true, []byte("x")))
	if op, payload, err := a.readWS(); err != nil || op != opPong || string(payload) != "x" {
		t.Errorf("pong: %d %q %v", op, payload, err)
	}
	a.binary(t, make([]byte, 80_000))
	a.expectError(t, wire.CodeBadFrame)
	a.expectClose(t, 1009)
}

// TLS 1.2 and HTTP/1.1 are what is spoken; a client of HTTP without TLS is told.
func TestTLSPort(t *testing.T) {
	g := startSecure(t)
	offering := g.trust.Clone()
	offering.NextProtos = []string{"h2", "http/1.1"}
	c, err := tls.Dial("tcp", g.addr, offering)
	if err != nil {
		t.Fatal(err)
	}
	if spoken := c.ConnectionState().NegotiatedProtocol; spoken != "http/1.1" {
		t.Errorf("negotiated %q", spoken)
	}
	_ = c.Close()
	old := g.trust.Clone()
	old.MinVersion, old.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	if c, err := tls.Dial("tcp", g.addr, old); err == nil {
		_ = c.Close()
		t.Error("TLS 1.1 is spoken")
	}
	response, err := http.Get("http://" + g.addr + "/")
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(response.Body)
	_ = response.Body.Close()
	if err != nil || response.StatusCode != http.StatusBadRequest || !bytes.Contains(text, []byte("HTTPS")) {
		t.Errorf("HTTP without TLS: %s %q %v", response.Status, text, err)
	}
}

// A handshake that does not go on counts as a connection, ends after its time, and holds up nobody; nor do headers that
// come a byte at a time. This takes the ten seconds.
func TestHandshakesThatDoNotEnd(t *testing.T) {
	if testing.Short() {
		t.Skip(t.Name(), "takes over ten seconds")
	}
	together(t, map[string]func(t *testing.T){
		"TLS": func(t *testing.T) {
			g := startSecure(t, limits(func(l *router.Limits) { l.MaxConnections = 4 }))
			first := clientHello(t)
			stuck := make([]*client, 0, 3)
			for _, says := range [][]byte{nil, first[:1], first[:50]} {
				c, err := g.barely(says)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(c.drop)
				stuck = append(stuck, c)
			}
			g.join(t)
			g.refused(t, http.StatusServiceUnavailable, "limit of 4 connections")
			for _, c := range stuck {
				_ = c.SetReadDeadline(time.Now().Add(patience))
				if _, err := io.Copy(io.Discard, c.in); err != nil {
					t.Errorf("%v, want the end of the connection", err)
				}
			}
			g.open(t)
		},
		"a byte at a time": func(t *testing.T) {
			g := start(t)
			c, err := g.sending("GET /clasp HTTP/1.1\r\nHost: x\r\nX: ")
			if err != nil {
				t.Fatal(err)
			}
			defer c.drop()
			for until := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
				if err := c.write([]byte("a")); err != nil {
					return
				}
				if time.Now().After(until) {
					t.Fatal("goes on for ever")
				}
			}
		},
	})
}
