// The calls of pairing over HTTP, as a device makes them (pairing section 4).

package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/clasp-studio/clasp/router/client"
)

// answerLimit is how long a router may take to answer a call, of which the slowest is a PIN.
const answerLimit = 30 * time.Second

// maxPairAnswer is more than any answer has: what listens there need not be a router.
const maxPairAnswer = 64 << 10

// pairRouter is a router as a device reaches it that has no token yet.
type pairRouter struct {
	at   *url.URL // http or https, with a port
	http *http.Client
}

// newPairRouter makes one. TLS nil trusts the authorities of this system. Only https goes
// through the environment's proxy: http is for the local network, as ws is.
func newPairRouter(at *url.URL, trusted *tls.Config) *pairRouter {
	transport := &http.Transport{DisableKeepAlives: true, TLSClientConfig: trusted}
	if at.Scheme == "https" {
		transport.Proxy = http.ProxyFromEnvironment
	}
	return &pairRouter{at, &http.Client{
		Transport: transport,
		Timeout:   answerLimit,
		// A router sends nobody elsewhere, and what is sent here is for it alone.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// pairAddress returns where the HTTP of a WebSocket URL is, and the reverse: with the port
// written out, since those that may be left out differ.
func pairAddress(u *url.URL) (at, ws *url.URL, err error) {
	plain := func(scheme, port string) *url.URL {
		if u.Port() != "" {
			port = u.Port()
		}
		return &url.URL{Scheme: scheme, Host: net.JoinHostPort(u.Hostname(), port)}
	}
	switch {
	case u.Hostname() == "":
	case u.User != nil:
		return nil, nil, fmt.Errorf("%w: it names a user or a password, which a router does not know", client.ErrBadURL)
	case u.Scheme == "ws":
		return plain("http", "7330"), plain("ws", "7330"), nil
	case u.Scheme == "wss":
		return plain("https", "443"), plain("wss", "443"), nil
	case u.Scheme == "http":
		return plain("http", "80"), plain("ws", "80"), nil
	case u.Scheme == "https":
		return plain("https", "443"), plain("wss", "443"), nil
	}
	return nil, nil, fmt.Errorf("%w: pairing goes by the port of WebSocket, so give ws://HOST:7330, wss://HOST:7330 or the link of an invite", client.ErrBadURL)
}

// pinned trusts the one key whose fingerprint the link of an invite has: SHA-256 of the
// certificate's public key (SPKI), in URL-safe base64 (pairing section 5).
func pinned(fingerprint string) (*tls.Config, error) {
	want, err := base64.RawURLEncoding.DecodeString(fingerprint)
	if err != nil || len(want) != sha256.Size {
		return nil, errors.New("the fingerprint of the router's key is damaged: copy the whole link")
	}
	return &tls.Config{
		InsecureSkipVerify: true, //nolint:gosec // who has signed does not matter when the key is known
		VerifyConnection: func(s tls.ConnectionState) error {
			sum := sha256.Sum256(s.PeerCertificates[0].RawSubjectPublicKeyInfo)
			if subtle.ConstantTimeCompare(sum[:], want) != 1 {
				return errors.New("the router has another key than when it was paired, or than its invite says: it may be another machine that pretends to be it")
			}
			return nil
		},
	}, nil
}

// pairRefusal is what a router says instead of doing a call, or of having done it yet.
type pairRefusal struct {
	status       int
	Name         string `json:"error"`
	Description  string `json:"error_description"`
	AttemptsLeft *int   `json:"attempts_left"`
	RetryAfter   int    `json:"retry_after"` // seconds
	PINRequired  bool   `json:"pin_required"`
	Interval     int    `json:"interval"` // seconds
}

func (r *pairRefusal) Error() string {
	if r.Description == "" {
		return "the router says " + shown(r.Name)
	}
	return shown(r.Description)
}

// errNoPairing says that nothing at a URL knows the calls.
var errNoPairing = errors.New("no pairing there: it is no CLASP router, or one without --pairing")

// call makes a call and reads the answer, nil for one without. A refusal is a *pairRefusal.
func (r *pairRouter) call(ctx context.Context, method, path string, body, answer any) error {
	var text io.Reader
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			return fmt.Errorf("ask the router: %w", err)
		}
		text = bytes.NewReader(encoded)
	}
	request, err := http.NewRequestWithContext(ctx, method, r.at.JoinPath(path).String(), text)
	if err != nil {
		return fmt.Errorf("ask the router: %w", err)
	}
	request.Header.Set("Accept", "application/json")
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	return r.do(request, answer)
}

func (r *pairRouter) do(request *http.Request, answer any) error {
	response, err := r.http.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }() // it has been read
	if response.StatusCode == http.StatusNoContent {
		return nil
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, maxPairAnswer))
	if err != nil {
		return fmt.Errorf("read the answer of %s: %w", r.at, err)
	}
	var refused pairRefusal
	if json.Unmarshal(text, &refused) != nil {
		return errNoPairing
	}
	if refused.Name != "" {
		refused.status = response.StatusCode
		return &refused
	}
	if answer == nil {
		return nil
	}
	if err := json.Unmarshal(text, answer); err != nil {
		return fmt.Errorf("read the answer of %s: %w", r.at, err)
	}
	return nil
}

// pairAbout is which router it is.
type pairAbout struct {
	RouterID string `json:"router_id"`
	Router   string `json:"router_name"`
	Pairing  bool   `json:"pairing"` // it takes requests and invites
}

// about asks which router it is. An ID that cannot be one is none.
func (r *pairRouter) about(ctx context.Context) (pairAbout, error) {
	var about pairAbout
	err := r.call(ctx, http.MethodGet, "/pair", nil, &about)
	if err == nil && !isRouterID(about.RouterID) {
		err = errNoPairing
	}
	return about, err
}

// pairToken is what a device gets.
type pairToken struct {
	Token    string    `json:"token"`
	Device   string    `json:"device_id"`
	RouterID string    `json:"router_id"`
	Profile  string    `json:"profile"`
	Read     []string  `json:"read"`
	Write    []string  `json:"write"`
	Expires  time.Time `json:"expires"`
}

// redeem uses the secret of an invite.
func (r *pairRouter) redeem(ctx context.Context, secret, name string) (t pairToken, err error) {
	err = r.call(ctx, http.MethodPost, "/pair/invite", map[string]string{"invite": secret, "name": name, "kind": pairKind}, &t)
	return t, err
}

// giveBack ends the device that a token is for, when the token cannot be kept.
func (r *pairRouter) giveBack(ctx context.Context, token string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, r.at.JoinPath("/pair/revoke-self").String(), nil)
	if err != nil {
		return fmt.Errorf("ask the router: %w", err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	return r.do(request, nil)
}
