// Has a machine that was let in by a real router come to one that only says that it is the same.

package main_test

import (
	"crypto/tls"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// certificate makes one for this machine, and the authority that signs it.
func certificate(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if _, stderr, code := clasp(t, nil, "tls", "init", "--dir", dir); code != 0 {
		t.Fatal(stderr)
	}
	return dir
}

// impostor says that it is the router of a stored token, and hears what it is told.
type impostor struct {
	url   string
	mu    sync.Mutex
	heard strings.Builder
}

func startImpostor(t *testing.T, stored, tlsDir string) *impostor {
	t.Helper()
	id := strings.TrimSuffix(filepath.Base(stored), ".json")
	i := new(impostor)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/pair" {
			_ = json.NewEncoder(w).Encode(map[string]any{"router_id": id, "router_name": "Studio", "pairing": true})
			return
		}
		upgrader := websocket.Upgrader{Subprotocols: []string{"clasp"}}
		c, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer c.Close()
		_, hello, _ := c.ReadMessage()
		i.mu.Lock()
		defer i.mu.Unlock()
		i.heard.Write(hello)
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // handshakes that fail are what is wanted
	own, err := tls.LoadX509KeyPair(filepath.Join(tlsDir, "cert.pem"), filepath.Join(tlsDir, "key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	server.TLS = &tls.Config{Certificates: []tls.Certificate{own}}
	server.StartTLS()
	t.Cleanup(server.Close)
	i.url = "wss://" + server.Listener.Addr().String()
	return i
}

// told is what came in HELLO.
func (i *impostor) told() string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.heard.String()
}

// TestPairImpostor: whoever says that it is the router, with a certificate that everybody trusts, at another place, gets no token
// that came over TLS, whether the router's key is known or not; the router itself does.
func TestPairImpostor(t *testing.T) {
	dir, evil := certificate(t), certificate(t)
	trusted := filepath.Join(t.TempDir(), "all.pem") // as if the authorities of both were the system's
	var all []byte
	for _, d := range []string{dir, evil} {
		text, err := os.ReadFile(filepath.Join(d, "ca.pem"))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, text...)
	}
	write(t, trusted, string(all))
	system := []string{"SSL_CERT_FILE=" + trusted}
	router := startPairing(t, "--tls", "--tls-cert", filepath.Join(dir, "cert.pem"), "--tls-key", filepath.Join(dir, "key.pem"))
	moved := "wss://localhost:" + router.port

	pinned := router.machine(t)
	pinned.succeeds(t, "pair", router.invite(t, "--no-pin").Links[0].URL, "--name", "pinned")
	signed := router.machine(t)
	page := router.invite(t, "--no-pin").Links[0].URL
	if _, stderr, code := clasp(t, signed.environ(system...), "pair", page[:strings.LastIndex(page, ".")], "--name", "signed"); code != 0 {
		t.Fatalf("pair: exit code %d, %s", code, stderr)
	}

	for name, m := range map[string]machine{"pinned": pinned, "signed": signed} {
		i := startImpostor(t, m.tokens(t)[0], evil)
		_, stderr, code := clasp(t, m.environ(system...), "get", "/a", "--url", i.url, "--timeout", "5")
		if strings.Contains(i.told(), "clp_") {
			t.Errorf("%s: the impostor has the token; exit code %d, %s", name, code, stderr)
		}
		want := map[string]string{"pinned": "has another key", "signed": "cannot prove it; the token is not sent there"}[name]
		if code != 1 || !strings.Contains(stderr, want) {
			t.Errorf("%s: exit code %d, %s; want %q", name, code, stderr, want)
		}
	}
	if _, stderr, code := clasp(t, pinned.environ(system...), "set", "/a", "1", "--url", moved); code != 0 || stderr != "" {
		t.Errorf("the key at another place: exit code %d, %s", code, stderr)
	}
	if _, stderr, code := clasp(t, signed.environ(system...), "set", "/a", "1"); code != 0 || stderr != "" {
		t.Errorf("the place that is known: exit code %d, %s", code, stderr)
	}
	if _, stderr, code := clasp(t, signed.environ(), "set", "/a", "1", "--url", moved, "--ca", filepath.Join(dir, "ca.pem")); code != 0 || !strings.Contains(stderr, "it gets the token") {
		t.Errorf("the authority named: exit code %d, %s", code, stderr)
	}
}

// TestPairMoved: without TLS nobody proves anything, and a router at another place is taken at its word; somebody is told.
func TestPairMoved(t *testing.T) {
	router := startPairing(t)
	m := router.machine(t)
	m.pairs(t, router, "desk")
	m.succeeds(t, "set", "/a", "1")
	_, stderr, code := clasp(t, m.environ(), "set", "/a", "1", "--url", "ws://localhost:"+router.port)
	if want := "what answers at localhost:" + router.port + " says that it is the router Studio, which was at " + m.url; code != 0 || !strings.Contains(stderr, want) {
		t.Errorf("exit code %d, %s; want %q", code, stderr, want)
	}
}

// TestPairLeftovers: a file for a token whose command was killed goes with a later one, and that of a command that may be running
// does not.
func TestPairLeftovers(t *testing.T) {
	router := startPairing(t)
	m := router.machine(t)
	m.pairs(t, router, "desk")
	dir := filepath.Dir(m.tokens(t)[0])
	for name, age := range map[string]time.Duration{"1.new": 25 * time.Hour, "2.new": 23 * time.Hour} {
		path := filepath.Join(dir, name)
		write(t, path, "")
		then := time.Now().Add(-age)
		if err := os.Chtimes(path, then, then); err != nil {
			t.Fatal(err)
		}
	}
	m.pairs(t, router, "desk")
	if left, err := filepath.Glob(filepath.Join(dir, "*.new")); err != nil || len(left) != 1 || filepath.Base(left[0]) != "2.new" {
		t.Errorf("left: %q, %v", left, err)
	}
}
