// What a token states, and its text: writing one, and reading one without believing it.

package auth

import (
	"bytes"
	"cmp"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// MaxToken is the most bytes a token may have. It is looked at before anything else: whoever connects can send one.
const MaxToken = 16 << 10

// maxHeader is the most bytes its first part may have: it is read before the signature is known to be good.
const maxHeader = 1 << 10

// maxName is the most bytes of a subject and of an id: both end up in every log line of a session.
const maxName = 256

// Token is what a token states (RFC 7519, protocol section 10). What is empty or zero is not stated.
type Token struct {
	Subject, ID                string
	Issuer                     string
	Audience                   []string
	Issued, NotBefore, Expires time.Time // whole seconds
	Claims                     Claims
}

// SignHS256 returns the token's text, signed with a secret.
func (t *Token) SignHS256(secret []byte) (string, error) {
	if len(secret) == 0 {
		return "", errors.New("sign the token: the secret is empty")
	}
	return t.sign(jwt.SigningMethodHS256, secret)
}

// SignRS256 returns the token's text, signed with a private key (see ParsePrivateKey).
func (t *Token) SignRS256(key *rsa.PrivateKey) (string, error) {
	return t.sign(jwt.SigningMethodRS256, key)
}

// sign makes no token that no verifier would take.
func (t *Token) sign(method jwt.SigningMethod, key any) (string, error) {
	_, err := NewRights(t.Claims)
	rights, err2 := t.Claims.object()
	if err := cmp.Or(err, err2, t.names()); err != nil {
		return "", fmt.Errorf("sign the token: %w", err)
	}
	stated := jwt.MapClaims{"clasp": rights}
	for name, text := range map[string]string{"sub": t.Subject, "jti": t.ID, "iss": t.Issuer} {
		if text != "" {
			stated[name] = text
		}
	}
	for name, at := range map[string]time.Time{"iat": t.Issued, "nbf": t.NotBefore, "exp": t.Expires} {
		if !at.IsZero() {
			stated[name] = at.Unix()
		}
	}
	if len(t.Audience) > 0 {
		stated["aud"] = t.Audience
	}
	text, err := jwt.NewWithClaims(method, stated).SignedString(key)
	if err != nil {
		return "", fmt.Errorf("sign the token: %w", err)
	}
	if len(text) > MaxToken {
		return "", fmt.Errorf("sign the token: it has %d bytes, and at most %d are allowed: use fewer or shorter patterns", len(text), MaxToken)
	}
	return text, nil
}

// names checks the texts that are not patterns.
func (t *Token) names() error {
	type claim struct{ name, text string }
	all := []claim{{"sub", t.Subject}, {"jti", t.ID}, {"iss", t.Issuer}}
	for _, audience := range t.Audience {
		all = append(all, claim{"aud", audience})
	}
	for _, claim := range all {
		if len(claim.text) > maxName {
			return fmt.Errorf("%s: longer than %d bytes", claim.name, maxName)
		}
		if err := visible(claim.text); err != nil {
			return fmt.Errorf("%s: %w", claim.name, err)
		}
	}
	return nil
}

// Decode reads a token without a key, for a person who wants to know what is in it: nothing of it can be believed. It returns
// the algorithm that the token says it is signed with. The error is an *Error.
func Decode(text string) (t *Token, algorithm string, err error) {
	text, refused := bare(text)
	if refused != nil {
		return nil, "", refused
	}
	stated := &unread{}
	parsed, _, err := newParser().ParseUnverified(text, stated)
	if err != nil {
		return nil, "", refusedBy(err)
	}
	if t, refused = stated.read(); refused != nil {
		return nil, "", refused
	}
	if _, err = NewRights(t.Claims); err != nil {
		return nil, "", refuse(claims, err)
	}
	return t, parsed.Method.Alg(), nil
}

// newParser returns the parser of the JWT library, told to leave the judgement of the claims to us: its leeway is one for all of
// them, and its clock is not ours.
func newParser() *jwt.Parser {
	return jwt.NewParser(jwt.WithStrictDecoding(), jwt.WithoutClaimsValidation())
}

// unread are claims as they came. Nothing is made of them before the signature is known to be good: a few bytes of JSON can ask
// for a lot of memory.
type unread struct {
	jwt.MapClaims // for its methods, which nobody calls: see newParser
	text          []byte
}

// UnmarshalJSON keeps the text.
func (u *unread) UnmarshalJSON(text []byte) error {
	u.text = bytes.Clone(text)
	return nil
}

// Bare takes the prefix off the token of a HELLO, if it has one (protocol section 10).
func Bare(text string) string {
	for _, prefix := range []string{"Bearer ", "ext_"} {
		if rest, found := strings.CutPrefix(text, prefix); found {
			return rest
		}
	}
	return text
}

// bare takes the prefix off a token and refuses what cannot be one. The library would pass over line ends, and read a long one.
func bare(text string) (string, *Error) {
	text = Bare(text)
	switch {
	case text == "":
		return "", refuse(missing, errors.New("there is none"))
	case len(text) > MaxToken:
		return "", refuse(malformed, fmt.Errorf("it has %d bytes, and at most %d are allowed", len(text), MaxToken))
	case strings.IndexByte(text, '.') > maxHeader:
		return "", refuse(malformed, fmt.Errorf("its header has more than %d bytes", maxHeader))
	case strings.ContainsFunc(text, foreign):
		return "", refuse(malformed, errors.New("it holds characters that no JWT has"))
	}
	return text, nil
}

// foreign says that r is no part of a JWT: neither base64url nor the dot between its parts (RFC 7515 section 3.1).
func foreign(r rune) bool {
	letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
	return !letter && (r < '0' || r > '9') && r != '-' && r != '_' && r != '.'
}

// refusedBy says in our words what the JWT library found wrong: its own may quote the token.
func refusedBy(err error) *Error {
	switch {
	case errors.Is(err, errCritical):
		return refuse(malformed, errCritical)
	case errors.Is(err, jwt.ErrTokenMalformed):
		return refuse(malformed, errors.New("it is not a header, claims and a signature, in JSON and base64url"))
	case errors.Is(err, jwt.ErrTokenUnverifiable):
		return refuse(algorithm, errors.New("its algorithm is not HS256 or RS256, or there is no key for it here"))
	default:
		return refuse(signature, errors.New("it is not signed with a key that is known here"))
	}
}

// errCritical refuses the "crit" header, which lists extensions that must be understood or the token refused (RFC 7515 section
// 4.1.11). We know none.
var errCritical = errors.New("its header asks for extensions (crit), and none is known here")

// read reads the claims.
func (u *unread) read() (*Token, *Error) {
	var stated map[string]any
	if json.Unmarshal(u.text, &stated) != nil {
		return nil, refuse(malformed, errors.New("its claims are no JSON object"))
	}
	t := &Token{}
	for name, into := range map[string]*string{"sub": &t.Subject, "jti": &t.ID, "iss": &t.Issuer} {
		if value, there := stated[name]; there {
			var ok bool
			if *into, ok = value.(string); !ok {
				return nil, refuse(claims, fmt.Errorf("%s: must be text", name))
			}
		}
	}
	var err error
	for name, into := range map[string]*time.Time{"iat": &t.Issued, "nbf": &t.NotBefore, "exp": &t.Expires} {
		if *into, err = seconds(stated, name); err != nil {
			return nil, refuse(claims, err)
		}
	}
	switch audience := stated["aud"].(type) {
	case nil:
	case string:
		t.Audience = []string{audience}
	default:
		if err := appendTexts(&t.Audience, audience); err != nil {
			return nil, refuse(claims, fmt.Errorf("aud: %w", err))
		}
	}
	if err = t.names(); err != nil {
		return nil, refuse(claims, err)
	}
	if t.Claims, err = claimsOf(stated); err != nil {
		return nil, refuse(claims, err)
	}
	return t, nil
}

// lastSecond is the end of the year 9999, in seconds since 1970: an exp beyond it is a mistake, milliseconds perhaps, and must
// not turn into a time that never comes or one that is past.
const lastSecond = 253402300799

// seconds reads a time, rounded down to the second; it is zero if it is not stated.
func seconds(stated map[string]any, name string) (time.Time, error) {
	value, there := stated[name]
	if !there {
		return time.Time{}, nil
	}
	number, ok := value.(float64)
	if !ok || number < 0 || number > lastSecond {
		return time.Time{}, fmt.Errorf("%s: must be a number of seconds since 1970, before the year 10000", name)
	}
	return time.Unix(int64(number), 0), nil
}
