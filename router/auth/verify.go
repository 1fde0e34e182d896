// Whether a token is good: its signature, then its times, then what it is for.

package auth

import (
	"crypto/rsa"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// leeway is how far an issuer's clock may run ahead of ours (protocol section 10). It is none for exp: there it would only
// prolong what has ended.
const leeway = time.Minute

// Grant is what a valid token gives.
type Grant struct {
	Subject string    // whom the token was made for; "" if it does not say
	ID      string    // its jti, "" if it has none
	Expires time.Time // whole seconds; zero = never
	Rights  *Rights
}

// Options are the keys of a Verifier and what it asks of a token besides.
type Options struct {
	Secret    []byte   // of HS256; empty = there is none
	PublicKey []byte   // of RS256, RSA in PEM (PKIX or PKCS 1), at least 2048 bits; empty = there is none
	Revoked   []string // the jti of tokens that are refused
	Issuer    string   // what iss must be; "" = anything
	Audience  string   // what aud must be or hold; "" = anything
}

// Verifier says whether tokens are good. It never changes after it is made; any goroutine may use it.
type Verifier struct {
	secret           []byte
	publicKey        *rsa.PublicKey
	revoked          map[string]struct{}
	issuer, audience string
	parser           *jwt.Parser
}

// NewVerifier returns a Verifier. Without a key it refuses every token (see Keyed). Errors say which option is wrong and never
// hold a key.
func NewVerifier(o Options) (*Verifier, error) {
	v := &Verifier{
		secret: slices.Clone(o.Secret), revoked: map[string]struct{}{},
		issuer: o.Issuer, audience: o.Audience, parser: newParser(),
	}
	// Whoever has read a public key could sign with it. It is a likely slip: one flag for another.
	if block, _ := pem.Decode(o.Secret); block != nil {
		return nil, errors.New("the token secret is a PEM file: give a public key as the token public key, and a random text as the secret")
	}
	if len(o.PublicKey) > 0 {
		var err error
		if v.publicKey, err = parsePublicKey(o.PublicKey); err != nil {
			return nil, fmt.Errorf("the token public key: %w", err)
		}
	}
	for i, id := range o.Revoked {
		if id == "" {
			return nil, fmt.Errorf("revoked tokens, entry %d: is empty", i+1)
		}
		v.revoked[id] = struct{}{}
	}
	return v, nil
}

// Keyed says whether there is a key at all.
func (v *Verifier) Keyed() bool { return len(v.secret) > 0 || v.publicKey != nil }

// Revoked says whether a token with this jti is refused.
func (v *Verifier) Revoked(id string) bool {
	_, revoked := v.revoked[id]
	return revoked
}

// Verify judges the token of a HELLO, which may begin with "Bearer " or "ext_" (protocol section 10). The error is an *Error.
func (v *Verifier) Verify(token string, now time.Time) (*Grant, error) {
	text, refused := bare(token)
	if refused != nil {
		return nil, refused
	}
	stated := &unread{}
	if _, err := v.parser.ParseWithClaims(text, stated, v.key); err != nil {
		return nil, refusedBy(err)
	}
	t, refused := stated.read()
	if refused == nil {
		refused = v.check(t, now)
	}
	if refused != nil {
		return nil, refused
	}
	rights, err := NewRights(t.Claims)
	if err != nil {
		return nil, refuse(claims, err)
	}
	return &Grant{Subject: t.Subject, ID: t.ID, Expires: t.Expires, Rights: rights}, nil
}

var errNoKey = errors.New("no key")

// key picks the key for the library, which then compares: an HMAC in constant time, with hmac.Equal. The header's algorithm
// chooses between the kinds of key there are and never how one of them is used, so a public key is no secret of HS256, and "none"
// has no key. The library finds the method by the exact name.
func (v *Verifier) key(parsed *jwt.Token) (any, error) {
	_, critical := parsed.Header["crit"]
	switch {
	case critical:
		return nil, errCritical
	case parsed.Method == jwt.SigningMethodHS256 && len(v.secret) > 0:
		return v.secret, nil
	case parsed.Method == jwt.SigningMethodRS256 && v.publicKey != nil:
		return v.publicKey, nil
	}
	return nil, errNoKey
}

// check judges what a signed token states about itself.
func (v *Verifier) check(t *Token, now time.Time) *Error {
	latest := now.Add(leeway)
	switch {
	case !t.Expires.IsZero() && !now.Before(t.Expires):
		return refuse(expired, fmt.Errorf("it ended at %s", t.Expires.UTC().Format(time.RFC3339)))
	case t.NotBefore.After(latest):
		return refuse(notYet, fmt.Errorf("it begins at %s (nbf)", t.NotBefore.UTC().Format(time.RFC3339)))
	case t.Issued.After(latest):
		return refuse(notYet, fmt.Errorf("it was made at %s (iat), which is still to come: compare the clocks", t.Issued.UTC().Format(time.RFC3339)))
	case v.Revoked(t.ID):
		return refuse(revoked, errors.New("its id (jti) is on the list of revoked tokens"))
	case v.issuer != "" && t.Issuer != v.issuer:
		return refuse(issuer, errors.New("it is not from the issuer (iss) that is trusted here"))
	case v.audience != "" && !slices.Contains(t.Audience, v.audience):
		return refuse(audience, errors.New("it is not for the audience (aud) that this router is"))
	}
	return nil
}
