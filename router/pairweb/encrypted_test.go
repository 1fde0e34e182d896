package pairweb_test

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/pairing"
	"github.com/clasp-studio/clasp/router/internal/kit"
)

// Where pairing is to be encrypted, who asks over what others can read hears why not. The addresses are invented: on this machine's
// own nobody else reads.
func TestEncryptedOnly(t *testing.T) {
	encrypted := plain
	encrypted.Encrypted = true
	s := open(t, encrypted, kit.NewClock(time.Now()))
	call := func(remote, path, body string, secure bool) *httptest.ResponseRecorder {
		s.clock.Move(11 * time.Second)
		w, r := httptest.NewRecorder(), httptest.NewRequest("POST", path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		r.RemoteAddr = remote
		if secure {
			r.TLS = &tls.ConnectionState{HandshakeComplete: true}
		}
		s.handler.Serve(w, r, netip.MustParseAddrPort(remote).Addr())
		return w
	}
	in, err := s.pairs.Invite(pairing.Grant{By: "the test"}, false)
	if err != nil {
		t.Fatal(err)
	}
	for path, body := range map[string]string{"/pair": `{"name":"phone"}`, "/pair/invite": `{"invite":"` + in.Secret + `"}`} {
		w := call("192.0.2.1:1", path, body, false)
		if w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), `"error":"transport_not_allowed"`) || !strings.Contains(w.Body.String(), "https://") {
			t.Errorf("POST %s: %d %s", path, w.Code, w.Body)
		}
	}
	if w := call("192.0.2.1:1", "/pair", `{"name":"phone"}`, true); w.Code != http.StatusAccepted {
		t.Errorf("over TLS: %d %s", w.Code, w.Body)
	}
	if w := call("127.0.0.1:1", "/pair", `{"name":"browser here"}`, false); w.Code != http.StatusAccepted {
		t.Errorf("on this machine: %d %s", w.Code, w.Body)
	}
}
