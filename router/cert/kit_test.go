// What the tests of this package share: files of certificates, a log to read, a handshake.

package cert_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/router/cert"
)

// folder holds the two files of a router.
type folder struct{ cert, key string }

func newFolder(t *testing.T) folder {
	t.Helper()
	dir := t.TempDir()
	return folder{filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")}
}

func (f folder) write(t *testing.T, files cert.Files) {
	t.Helper()
	write(t, f.cert, files.Cert)
	write(t, f.key, files.Key)
}

func write(t *testing.T, path string, text []byte) {
	t.Helper()
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// authority is made once, at the true time: what is signed by it differs.
var authority, errAuthority = cert.MakeAuthority("test", time.Now())

// server returns a certificate for one host, good for days from now.
func server(t *testing.T, host string, days int) cert.Files {
	t.Helper()
	return serverAt(t, host, days, time.Now())
}

func serverAt(t *testing.T, host string, days int, now time.Time) cert.Files {
	t.Helper()
	if errAuthority != nil {
		t.Fatal(errAuthority)
	}
	made, err := cert.MakeServer(authority, []string{host}, days, now)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// logged is a log that a test reads while others write it.
type logged struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

// take returns what was logged since the last call, without times.
func (l *logged) take() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.buf.Reset()
	return l.buf.String()
}

func (l *logged) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
}

// expect wants one line for each of parts, in order, that contains it.
func (l *logged) expect(t *testing.T, parts ...string) {
	t.Helper()
	text := l.take()
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if text == "" {
		lines = nil
	}
	if len(lines) != len(parts) {
		t.Errorf("%d lines in the log, want %d:\n%s", len(lines), len(parts), text)
		return
	}
	for i, part := range parts {
		if !strings.Contains(lines[i], part) {
			t.Errorf("line %d of the log:\n%s\ndoes not say %s", i+1, lines[i], part)
		}
	}
}

// opened is a keeper that is closed with the test.
func opened(t *testing.T, f folder, log *logged) *cert.Keeper {
	t.Helper()
	k, err := cert.Open(f.cert, f.key, log.logger())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Close)
	return k
}

// shows wants a keeper to give the certificate of this host to handshakes.
func shows(t *testing.T, k *cert.Keeper, host string) {
	t.Helper()
	given, err := k.Config().GetCertificate(&tls.ClientHelloInfo{})
	if err != nil {
		t.Fatal(err)
	}
	if got := cert.Names(given.Leaf)[0]; got != host {
		t.Errorf("handshakes get the certificate of %s, want %s", got, host)
	}
}

// handshake connects a client to a server with these settings, and returns what they agreed on.
func handshake(server, client *tls.Config) (tls.ConnectionState, error) {
	listener, err := tls.Listen("tcp", "127.0.0.1:0", server)
	if err != nil {
		return tls.ConnectionState{}, err
	}
	defer listener.Close()
	served := make(chan struct{})
	go func() {
		defer close(served)
		if c, err := listener.Accept(); err == nil {
			defer c.Close()
			_, _ = io.Copy(io.Discard, c) // shakes hands, and the client tells of the outcome
		}
	}()
	c, err := tls.Dial("tcp", listener.Addr().String(), client)
	if err != nil {
		<-served
		return tls.ConnectionState{}, err
	}
	defer func() { <-served }()
	defer c.Close()
	return c.ConnectionState(), nil
}

func pool(t *testing.T) *x509.CertPool {
	t.Helper()
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(authority.Cert) {
		t.Fatal("no certificate in the authority")
	}
	return roots
}
