// Tokens we write: what is in them, and that a verifier takes them.

package auth_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/router/auth"
)

func fullToken() *auth.Token {
	return &auth.Token{
		Subject: "FOH iPad", ID: "7f3a", Issuer: "us", Audience: []string{"studio", "foyer"},
		Issued: now, NotBefore: now.Add(-time.Hour), Expires: now.Add(time.Hour),
		Claims: auth.Claims{
			Read: []string{"/a/**"}, Write: []string{"/b", "/c*"}, Emit: []string{"/d"}, Subscribe: []string{"/e<&>/é"},
			Constraints: []auth.Constraint{{Pattern: "/b", HasRange: true, Min: -1, Max: 0.5, MaxRate: 60}, {Pattern: "/c*", MaxRate: 1}},
		},
	}
}

// TestSignedTokens: what is signed is read again as it was, with each kind of key.
func TestSignedTokens(t *testing.T) {
	v := newVerifier(t, auth.Options{Secret: secret, PublicKey: publicPEM(t, ownKey()), Issuer: "us", Audience: "foyer"})
	want := fullToken()
	hs, err := want.SignHS256(secret)
	if err != nil {
		t.Fatal(err)
	}
	rs, err := want.SignRS256(ownKey())
	if err != nil {
		t.Fatal(err)
	}
	for algorithm, text := range map[string]string{"HS256": hs, "RS256": rs} {
		got, with, err := auth.Decode(text)
		if err != nil || with != algorithm || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: decoded %+v, %s, %v", algorithm, got, with, err)
		}
		grant, err := v.Verify(text, now)
		if err != nil || grant.Subject != "FOH iPad" || grant.ID != "7f3a" || !grant.Expires.Equal(want.Expires) || letters(t, grant.Rights, "/b") != "WEA" {
			t.Errorf("%s: %+v, %v", algorithm, grant, err)
		}
	}
}

// TestTokenShape holds the JSON against protocol section 10: other programs read it too.
func TestTokenShape(t *testing.T) {
	text, err := fullToken().SignHS256(secret)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(text, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"sub":"FOH iPad","jti":"7f3a","iss":"us","aud":["studio","foyer"],"iat":1800000000,"nbf":1799996400,"exp":1800003600,
		"clasp":{"read":["/a/**"],"write":["/b","/c*"],"emit":["/d"],"subscribe":["/e<&>/é"],
		"constraints":{"/b":{"range":[-1,0.5],"maxRate":60},"/c*":{"maxRate":1}}}}`
	var got, wanted any
	if err := errors.Join(json.Unmarshal(payload, &got), json.Unmarshal([]byte(want), &wanted)); err != nil || !reflect.DeepEqual(got, wanted) {
		t.Errorf("%s, %v", payload, err)
	}
	empty, err := (&auth.Token{}).SignHS256(secret)
	if err != nil {
		t.Fatal(err)
	}
	if payload, _ := base64.RawURLEncoding.DecodeString(strings.Split(empty, ".")[1]); string(payload) != `{"clasp":{}}` {
		t.Errorf("a token that states nothing: %s", payload)
	}
}

// TestNoUselessToken: a token that every router would refuse is not made.
func TestNoUselessToken(t *testing.T) {
	for name, change := range map[string]func(t *auth.Token){
		"bad pattern":       func(t *auth.Token) { t.Claims.Read = []string{"/a/**x"} },
		"bad constraint":    func(t *auth.Token) { t.Claims.Constraints[0].Min = math.NaN() },
		"two of a pattern":  func(t *auth.Token) { t.Claims.Constraints[1].Pattern = "/b" },
		"control character": func(t *auth.Token) { t.Subject = "a\nb" },
		"long id":           func(t *auth.Token) { t.ID = strings.Repeat("x", 257) },
		"not UTF-8":         func(t *auth.Token) { t.Issuer = "\xff" },
		"too long": func(t *auth.Token) {
			for range 200 {
				t.Claims.Read = append(t.Claims.Read, "/"+strings.Repeat("a", 100))
			}
		},
	} {
		token := fullToken()
		change(token)
		if text, err := token.SignHS256(secret); err == nil || text != "" {
			t.Errorf("%s: made", name)
		}
	}
	if _, err := fullToken().SignHS256(nil); err == nil {
		t.Error("an empty secret signs")
	}
}

func TestDecodeRefuses(t *testing.T) {
	for name, text := range map[string]string{"nothing": "", "text": "hunter2", "control": "\x00", "expired in words": good(`{"exp":"x"}`), "bad pattern": rights(`{"read":["/a/"]}`), "unknown alg": hs256(secret, `{"alg":"x"}`, `{}`)} {
		token, _, err := auth.Decode(text)
		var refused *auth.Error
		if token != nil || !errors.As(err, &refused) {
			t.Errorf("%s: %+v, %v", name, token, err)
		}
	}
	// A person may look at what a router refuses.
	if token, algorithm, err := auth.Decode(good(`{"sub":"me","exp":1}`)); err != nil || token.Subject != "me" || algorithm != "HS256" {
		t.Errorf("expired: %+v, %s, %v", token, algorithm, err)
	}
}
