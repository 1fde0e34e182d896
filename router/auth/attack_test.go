// Every attack on a token that we know of, and what becomes of it: the table names them.

package auth_test

import (
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/router/auth"
)

// now is the time of every test: a token's time is compared with what Verify is told, never with a clock.
var now = time.Unix(1_800_000_000, 0)

func encode(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

// hs256 signs what it is given, whatever it is.
func hs256(key []byte, header, claims string) string {
	text := encode(header) + "." + encode(claims)
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	return text + "." + encode(string(mac.Sum(nil)))
}

func rs256(t testing.TB, key *rsa.PrivateKey, header, claims string) string {
	t.Helper()
	text := encode(header) + "." + encode(claims)
	sum := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + encode(string(signature))
}

const (
	hsHeader = `{"alg":"HS256","typ":"JWT"}`
	rsHeader = `{"alg":"RS256","typ":"JWT"}`
)

// good is a token with these claims that nothing is wrong with but, perhaps, the claims.
func good(claims string) string { return hs256(secret, hsHeader, claims) }

// rights is a token with this object of rights.
func rights(object string) string { return good(`{"clasp":` + object + `}`) }

func newVerifier(t testing.TB, o auth.Options) *auth.Verifier {
	t.Helper()
	v, err := auth.NewVerifier(o)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// attack is a token and what a router with both keys, a deny list, an issuer and an audience says to it.
type attack struct {
	token  string
	reason string // "" = it is good
}

func attacks(t testing.TB) map[string]attack {
	t.Helper()
	const all = `{"clasp":{"read":["/**"],"write":["/**"]}}`
	whole := good(all)
	header, rest, _ := strings.Cut(whole, ".")
	payload, mac, _ := strings.Cut(rest, ".")
	public := publicPEM(t, ownKey())
	long := `{"clasp":{"read":["/a` + strings.Repeat("/a", 23_000) + `"]}}`
	at := func(name string, seconds int64) string {
		return good(fmt.Sprintf(`{%q:%d,"clasp":{}}`, name, now.Unix()+seconds))
	}
	flipped := "A" + mac[1:]
	if mac[0] == 'A' {
		flipped = "B" + mac[1:]
	}

	table := map[string]attack{
		"nothing wrong":           {whole, ""},
		"nothing wrong, RS256":    {rs256(t, ownKey(), rsHeader, all), ""},
		"nothing wrong, Bearer":   {"Bearer " + whole, ""},
		"nothing wrong, ext_":     {"ext_" + whole, ""},
		"no token":                {"", "missing"},
		"only a prefix":           {"Bearer ", "missing"},
		"two prefixes":            {"Bearer ext_" + whole, "malformed"}, // ext_ is base64url: its header is none
		"prefix in another case":  {"bearer " + whole, "malformed"},
		"prefix and two spaces":   {"Bearer  " + whole, "malformed"},
		"a PIN":                   {"847291", "malformed"},
		"60 KB":                   {good(long), "malformed"},
		"60 KB of brackets":       {good(strings.Repeat("[", 45_000)), "malformed"},
		"60 KB of dots":           {strings.Repeat(".", 60_000), "malformed"},
		"16 KB of brackets":       {good(strings.Repeat("[", 12_000)), "malformed"},
		"16 KB of dots":           {strings.Repeat(".", 16_000), "malformed"},
		"control character":       {whole + "\x00", "malformed"},
		"control character first": {"\x1b" + whole, "malformed"},
		"control character in it": {header + ".\x07" + payload + "." + mac, "malformed"},
		"line end after it":       {whole + "\n", "malformed"},
		"line end in it":          {header + ".\r\n" + payload + "." + mac, "malformed"},
		"space in it":             {header + ". " + payload + "." + mac, "malformed"},
		"not ASCII":               {whole + "é", "malformed"},
		"not UTF-8":               {whole + "\xff", "malformed"},
		"two parts":               {header + "." + payload, "malformed"},
		"four parts":              {whole + "." + mac, "malformed"},
		"a dot after it":          {whole + ".", "malformed"},
		"base64 with padding":     {header + "." + payload + "." + mac + "=", "malformed"},
		"base64 of the other kind": {
			header + "." + base64.RawStdEncoding.EncodeToString([]byte(`{"sub":"???>>>"}`)) + "." + mac, "malformed",
		},
		"loose last bits of the signature": {whole[:len(whole)-1] + looser(whole[len(whole)-1]), "malformed"},
		"garbage after the claims":         {good(all + "x"), "malformed"},
		"garbage after the header":         {hs256(secret, hsHeader+"x", all), "malformed"},
		"claims that are a list":           {good(`[]`), "malformed"},
		"claims of null":                   {good(`null`), "malformed"},
		"claims that are nothing":          {good(``), "malformed"},
		"long header":                      {hs256(secret, `{"alg":"HS256","x":"`+strings.Repeat("x", 1000)+`"}`, all), "malformed"},
		"claims that are text":             {good(`"clasp"`), "malformed"},
		"header that is a list":            {hs256(secret, `["HS256"]`, all), "malformed"},
		"crit in the header":               {hs256(secret, `{"alg":"HS256","crit":["exp"],"exp":1}`, all), "malformed"},
		"empty crit":                       {hs256(secret, `{"alg":"HS256","crit":[]}`, all), "malformed"},
		"crit of null":                     {hs256(secret, `{"alg":"HS256","crit":null}`, all), "malformed"},

		"no alg":                       {hs256(secret, `{"typ":"JWT"}`, all), "algorithm"},
		"header of null":               {hs256(secret, `null`, all), "algorithm"},
		"alg that is a number":         {hs256(secret, `{"alg":256}`, all), "algorithm"},
		"alg under another case's key": {hs256(secret, `{"ALG":"HS256"}`, all), "algorithm"},
		"HS384":                        {hs256(secret, `{"alg":"HS384"}`, all), "algorithm"},
		"RS512":                        {rs256(t, ownKey(), `{"alg":"RS512"}`, all), "algorithm"},
		"PS256":                        {rs256(t, ownKey(), `{"alg":"PS256"}`, all), "algorithm"},
		"ES256":                        {hs256(secret, `{"alg":"ES256"}`, all), "algorithm"},
		"alg with a space":             {hs256(secret, `{"alg":"HS256 "}`, all), "algorithm"},
		"alg with a NUL":               {hs256(secret, `{"alg":"HS256\u0000"}`, all), "algorithm"},
		"two algs, none last":          {hs256(secret, `{"alg":"HS256","alg":"none"}`, all), "algorithm"},

		"HS256 with the public key's file":    {hs256(public, hsHeader, all), "signature"},
		"HS256 with the public key's DER":     {hs256(pkix(public), hsHeader, all), "signature"},
		"HS256 with no key":                   {hs256(nil, hsHeader, all), "signature"},
		"HS256 with another secret":           {hs256([]byte("another"), hsHeader, all), "signature"},
		"HS256 with the secret and a byte":    {hs256(append(slices.Clone(secret), 'x'), hsHeader, all), "signature"},
		"RS256 with another key":              {rs256(t, otherKey(), rsHeader, all), "signature"},
		"RS256 with the secret's HMAC":        {hs256(secret, rsHeader, all), "signature"},
		"RS256 with its own key in it":        {rs256(t, otherKey(), `{"alg":"RS256","jwk":{"kty":"RSA"},"jku":"https://example.com","kid":"../../x"}`, all), "signature"},
		"no signature":                        {header + "." + payload + ".", "signature"},
		"half a signature":                    {header + "." + payload + "." + mac[:20], "signature"},
		"another signature":                   {header + "." + payload + "." + flipped, "signature"},
		"claims of another token":             {header + "." + encode(`{"clasp":{"write":["/**"]}}`) + "." + mac, "signature"},
		"expired, and not signed":             {hs256([]byte("x"), hsHeader, `{"exp":1}`), "signature"},
		"two algs, HS256 last, another key":   {hs256([]byte("x"), `{"alg":"none","alg":"HS256"}`, all), "signature"},
		"an RS256 signature, said to be HMAC": {strings.Replace(rs256(t, ownKey(), rsHeader, all), encode(rsHeader), encode(hsHeader), 1), "signature"},

		"exp as text":                 {good(`{"exp":"1900000000"}`), "claims"},
		"exp of null":                 {good(`{"exp":null}`), "claims"},
		"exp as a list":               {good(`{"exp":[1900000000]}`), "claims"},
		"exp as true":                 {good(`{"exp":true}`), "claims"},
		"exp below zero":              {good(`{"exp":-1}`), "claims"},
		"exp in milliseconds":         {good(`{"exp":1900000000000}`), "claims"},
		"exp beyond every clock":      {good(`{"exp":1e300}`), "claims"},
		"exp beyond every number":     {good(`{"exp":1e400}`), "malformed"},
		"exp in another case":         {good(`{"EXP":1900000000,"Exp":1,"clasp":{}}`), ""}, // neither is exp
		"two exps, the last one past": {good(`{"exp":1900000000,"exp":1}`), "expired"},
		"nbf as text":                 {good(`{"nbf":"1"}`), "claims"},
		"iat as text":                 {good(`{"iat":"1"}`), "claims"},
		"sub as a number":             {good(`{"sub":7}`), "claims"},
		"sub with a line end":         {good(`{"sub":"me\nlevel=INFO"}`), "claims"},
		"sub too long":                {good(`{"sub":"` + strings.Repeat("x", 257) + `"}`), "claims"},
		"jti as a number":             {good(`{"jti":7}`), "claims"},
		"aud as a number":             {good(`{"aud":7}`), "claims"},
		"aud with a number in it":     {good(`{"aud":["studio",7]}`), "claims"},
		"aud with a line end":         {good(`{"aud":["a","b\n"]}`), "claims"},
		"iss as a list":               {good(`{"iss":["us"]}`), "claims"},

		"ends this second":           {at("exp", 0), "expired"},
		"ended a second ago":         {at("exp", -1), "expired"},
		"ends in a second":           {at("exp", 1), ""},
		"ends within this second":    {good(fmt.Sprintf(`{"exp":%d.9}`, now.Unix())), "expired"},
		"exp of zero":                {good(`{"exp":0}`), "expired"},
		"begins in a minute":         {at("nbf", 60), ""},
		"begins after a minute":      {at("nbf", 61), "not_yet"},
		"made in a minute":           {at("iat", 60), ""},
		"made after a minute":        {at("iat", 61), "not_yet"},
		"made long ago":              {at("iat", -1e9), ""},
		"revoked":                    {good(`{"jti":"stolen"}`), "revoked"},
		"revoked, and expired":       {good(`{"jti":"stolen","exp":1}`), "expired"},
		"revoked id in another case": {good(`{"jti":"Stolen","clasp":{}}`), ""}, // ids are compared exactly
		"revoked id with a space":    {good(`{"jti":"stolen ","clasp":{}}`), ""},
		"of the issuer and audience": {good(`{"iss":"us","aud":"studio"}`), ""},
		"audience in a list":         {good(`{"aud":["foyer","studio"]}`), ""},
	}
	for _, alg := range []string{"none", "None", "NONE", "nOnE", "", "hs256", "Hs256", "rs256", "HS-256", "HS256,RS256"} {
		header := fmt.Sprintf(`{"alg":%q}`, alg)
		table["alg "+alg+", unsigned"] = attack{encode(header) + "." + payload + ".", "algorithm"}
		table["alg "+alg+", signed"] = attack{hs256(secret, header, all), "algorithm"}
	}
	for name, object := range map[string]string{
		"null": `null`, "a list": `["/**"]`, "text": `"/**"`, "true": `true`, "a number": `1`,
		"read of null": `{"read":null}`, "read as text": `{"read":"/**"}`, "read as an object": `{"read":{"0":"/**"}}`, "read as true": `{"read":true}`,
		"a number in a list": `{"read":["/a",1]}`, "null in a list": `{"write":[null]}`, "a list in a list": `{"emit":[["/a"]]}`,
		"one bad among good": `{"read":["/a"],"write":["/b"],"subscribe":["/c","/d/"]}`,
		"a misspelt key":     `{"read":["/**"],"write":["/**"],"constraint":{}}`, "a key in another case": `{"Read":["/**"]}`,
		"no slash": `{"read":["a"]}`, "empty pattern": `{"read":[""]}`, "slash alone": `{"read":["/"]}`, "slash at the end": `{"read":["/a/"]}`,
		"two slashes": `{"read":["//a"]}`, "two slashes inside": `{"read":["/a//b"]}`, "**x": `{"write":["/a/**x"]}`, "x**": `{"write":["/a/x**"]}`,
		"***": `{"write":["/***"]}`, "**x alone": `{"write":["**x"]}`, "too long": `{"read":["/` + strings.Repeat("a", 1024) + `"]}`,
		"NUL": `{"read":["/a\u0000"]}`, "line end in a pattern": `{"read":["/a\n"]}`, "DEL": `{"read":["/a\u007f"]}`, "C1 control": `{"read":["/a\u0085"]}`,
		"half a surrogate": `{"read":["/a\ud800"]}`, "not UTF-8 in a pattern": "{\"read\":[\"/a\xff\"]}",
		"too many":          `{"read":["/a"` + strings.Repeat(`,"/a"`, 256) + `]}`,
		"too many together": `{"read":["/a"` + strings.Repeat(`,"/a"`, 127) + `],"write":["/a"` + strings.Repeat(`,"/a"`, 128) + `]}`,
		"scopes as text":    `{"scopes":"read:/**"}`, "unknown action": `{"scopes":["read:/a","delete:/a"]}`, "no action": `{"scopes":["/a"]}`,
		"action in another case": `{"scopes":["Read:/a"]}`, "scope with a space": `{"scopes":["read: /a"]}`, "empty scope": `{"scopes":[""]}`,
		"scope with a bad pattern": `{"scopes":["admin:/a/**x"]}`, "two actions": `{"scopes":["read:write:/a"]}`,
		"constraints as a list": `{"constraints":[]}`, "constraint as a number": `{"constraints":{"/a":1}}`, "constraint of a bad pattern": `{"constraints":{"/a/":{}}}`,
		"range upside down": `{"constraints":{"/a":{"range":[1,0]}}}`, "range of one": `{"constraints":{"/a":{"range":[1]}}}`, "range of three": `{"constraints":{"/a":{"range":[0,1,2]}}}`,
		"range of text": `{"constraints":{"/a":{"range":["0","1"]}}}`, "range of null": `{"constraints":{"/a":{"range":null}}}`, "range half null": `{"constraints":{"/a":{"range":[0,null]}}}`,
		"rate below zero": `{"constraints":{"/a":{"maxRate":-1}}}`, "rate of zero": `{"constraints":{"/a":{"maxRate":0}}}`, "rate of text": `{"constraints":{"/a":{"maxRate":"1"}}}`,
		"rate of null": `{"constraints":{"/a":{"maxRate":null}}}`, "misspelt constraint": `{"constraints":{"/a":{"maxrate":1}}}`,
	} {
		table["rights: "+name] = attack{rights(object), "claims"}
	}
	table["rights: NaN"] = attack{rights(`{"constraints":{"/a":{"range":[NaN,1]}}}`), "malformed"}
	table["rights: a number beyond all"] = attack{rights(`{"constraints":{"/a":{"range":[0,1e999]}}}`), "malformed"}
	table["scopes: text as OAuth has it"] = attack{good(`{"scopes":"read:/**"}`), "claims"}
	table["scopes: one bad among good"] = attack{good(`{"scopes":["read:/a","admin"]}`), "claims"}
	return table
}

// looser returns the base64url character after c: of a signature of 32 bytes, the last two bits say nothing.
func looser(c byte) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return string(alphabet[strings.IndexByte(alphabet, c)+1])
}

func TestAttacks(t *testing.T) {
	v := newVerifier(t, auth.Options{Secret: secret, PublicKey: publicPEM(t, ownKey()), Revoked: []string{"stolen", "lost"}})
	for name, test := range attacks(t) {
		t.Run(name, func(t *testing.T) { wantVerdict(t, v, test.token, test.reason) })
	}
}

// wantVerdict checks the whole answer: code, reason, nothing granted, and a text that gives nothing away.
func wantVerdict(t *testing.T, v *auth.Verifier, token, reason string) {
	t.Helper()
	grant, err := v.Verify(token, now)
	if reason == "" {
		if err != nil || grant == nil || grant.Rights == nil {
			t.Errorf("refused: %v", err)
		}
		return
	}
	var refused *auth.Error
	if !errors.As(err, &refused) || grant != nil {
		t.Fatalf("got %+v, %v, want an *auth.Error", grant, err)
	}
	code := 300
	if reason == "expired" {
		code = 302
	}
	if refused.Reason != reason || refused.Code != code {
		t.Errorf("%v: code %d, reason %s, want %d, %s", err, refused.Code, refused.Reason, code, reason)
	}
	if guessed := slices.Contains([]string{"malformed", "algorithm", "signature"}, reason); refused.Guessed() != guessed {
		t.Errorf("%v: Guessed() = %t", err, refused.Guessed())
	}
	if !slices.Contains(auth.Reasons(), refused.Reason) {
		t.Errorf("%s is not one of Reasons", refused.Reason)
	}
	for _, part := range strings.FieldsFunc(token, func(r rune) bool { return r == '.' || r == ' ' }) {
		if len(part) > 6 && strings.Contains(err.Error(), part) {
			t.Error("the error holds a part of the token")
		}
	}
	if len(err.Error()) > 200 || strings.ContainsAny(err.Error(), "\x00\n\r\x1b") {
		t.Errorf("the error has %d bytes: %q", len(err.Error()), err)
	}
}

// TestErrorsQuoteNothing: what a token states is no business of a log either, good signature or not.
func TestErrorsQuoteNothing(t *testing.T) {
	v := newVerifier(t, auth.Options{Secret: secret, Revoked: []string{"sesame"}, Issuer: "us", Audience: "studio"})
	for _, claims := range []string{
		`{"clasp":{"read":["sesame"]}}`, `{"clasp":{"read":["/sesame//"]}}`, `{"clasp":{"sesame":[]}}`, `{"clasp":{"scopes":["sesame:/a"]}}`,
		`{"clasp":{"constraints":{"/sesame/":{}}}}`, `{"clasp":{"constraints":{"/sesame":1}}}`, `{"jti":"sesame"}`, `{"exp":"sesame"}`,
		`{"iss":"sesame"}`, `{"iss":"us","aud":"sesame"}`, `{"sub":"\u0000sesame"}`, `{"sesame":`, `sesame`,
	} {
		_, err := v.Verify(good(claims), now)
		if err == nil || strings.Contains(err.Error(), "sesame") {
			t.Errorf("%s: %v", claims, err)
		}
	}
}

// TestIssuerAndAudience: a token for another router, or from somebody else, is good everywhere but here.
func TestIssuerAndAudience(t *testing.T) {
	v := newVerifier(t, auth.Options{Secret: secret, Issuer: "us", Audience: "studio"})
	for claims, reason := range map[string]string{
		`{"iss":"us","aud":"studio"}`: "", `{"iss":"us","aud":["foyer","studio"]}`: "",
		`{"iss":"them","aud":"studio"}`: "issuer", `{"aud":"studio"}`: "issuer", `{"iss":"","aud":"studio"}`: "issuer", `{"iss":"US","aud":"studio"}`: "issuer",
		`{"iss":"us"}`: "audience", `{"iss":"us","aud":"foyer"}`: "audience", `{"iss":"us","aud":[]}`: "audience", `{"iss":"us","aud":"Studio"}`: "audience",
		`{"iss":"us","aud":"studio "}`: "audience", `{"iss":"us","aud":["studio/foyer"]}`: "audience",
	} {
		t.Run(claims, func(t *testing.T) { wantVerdict(t, v, good(claims), reason) })
	}
}

// TestOnlyConfiguredAlgorithms: each key opens its own door, and without one all stay shut.
func TestOnlyConfiguredAlgorithms(t *testing.T) {
	hs, rs := good(`{}`), rs256(t, ownKey(), rsHeader, `{}`)
	public := publicPEM(t, ownKey())
	for _, test := range []struct {
		name   string
		o      auth.Options
		keyed  bool
		hs, rs string
	}{
		{"neither", auth.Options{}, false, "algorithm", "algorithm"},
		{"empty", auth.Options{Secret: []byte{}, PublicKey: []byte{}}, false, "algorithm", "algorithm"},
		{"secret", auth.Options{Secret: secret}, true, "", "algorithm"},
		{"public key", auth.Options{PublicKey: public}, true, "algorithm", ""},
		{"both", auth.Options{Secret: secret, PublicKey: public}, true, "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			v := newVerifier(t, test.o)
			if v.Keyed() != test.keyed {
				t.Errorf("Keyed() = %t", v.Keyed())
			}
			wantVerdict(t, v, hs, test.hs)
			wantVerdict(t, v, rs, test.rs)
			if test.hs != "" {
				wantVerdict(t, v, hs256(public, hsHeader, `{}`), "algorithm") // the oldest trick
				wantVerdict(t, v, hs256(nil, hsHeader, `{}`), "algorithm")
			}
		})
	}
}

// TestStrangersCostLittle: who has no key makes the router allocate no more than a JSON scanner does for 16 KB.
func TestStrangersCostLittle(t *testing.T) {
	v := newVerifier(t, auth.Options{Secret: secret, PublicKey: publicPEM(t, ownKey())})
	maps := `{"a":` + strings.Repeat(`{"a":`, 1900) + `1` + strings.Repeat(`}`, 1901)
	other := []byte("another secret")
	for name, token := range map[string]string{
		"60 KB":           hs256(other, hsHeader, `{"a":"`+strings.Repeat("a", 45_000)+`"}`),
		"maps":            hs256(other, hsHeader, maps),
		"maps, unsigned":  encode(hsHeader) + "." + encode(maps) + ".",
		"maps for RS256":  hs256(other, rsHeader, maps),
		"brackets":        hs256(other, hsHeader, strings.Repeat("[", 12_000)),
		"numbers":         hs256(other, hsHeader, "["+strings.Repeat("1,", 5_900)+"1]"),
		"maps in headers": hs256(other, `{"alg":"HS256","x":`+strings.Repeat(`{"a":`, 1900)+`1`+strings.Repeat(`}`, 1901), `{}`),
	} {
		const runs = 50
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range runs {
			if _, err := v.Verify(token, now); err == nil {
				t.Fatalf("%s: taken", name)
			}
		}
		runtime.ReadMemStats(&after)
		if each := (after.TotalAlloc - before.TotalAlloc) / runs; each > 512<<10 {
			t.Errorf("%s: a token of %d bytes takes %d bytes of memory", name, len(token), each)
		}
	}
}

func TestRevokedEntries(t *testing.T) {
	if _, err := auth.NewVerifier(auth.Options{Secret: secret, Revoked: []string{"a", ""}}); err == nil || !strings.Contains(err.Error(), "entry 2") {
		t.Errorf("an empty id: %v", err)
	}
	v := newVerifier(t, auth.Options{Secret: secret, Revoked: []string{"a"}})
	if !v.Revoked("a") || v.Revoked("") || v.Revoked("b") {
		t.Error("Revoked does not say what the list says")
	}
}

// FuzzVerify: whatever is sent is refused with an *auth.Error, and whatever is signed is judged without a panic.
func FuzzVerify(f *testing.F) {
	table := attacks(f)
	for _, name := range slices.Sorted(maps.Keys(table)) {
		if token := table[name].token; len(token) < 2000 {
			f.Add(token, false)
		}
	}
	for _, claims := range []string{`{}`, `{"exp":1900000000,"clasp":{"read":["/**"],"constraints":{"/a":{"range":[0,1],"maxRate":5}}}}`, `{"scopes":["admin:/a"]}`} {
		f.Add(claims, true)
	}
	v := newVerifier(f, auth.Options{Secret: secret, PublicKey: publicPEM(f, ownKey())})
	f.Fuzz(func(t *testing.T, text string, sign bool) {
		if sign {
			text = good(text)
		}
		grant, err := v.Verify(text, now)
		var refused *auth.Error
		if (err == nil) == (grant == nil) || err != nil && !errors.As(err, &refused) {
			t.Errorf("%+v, %v", grant, err)
		}
		if _, _, decoded := auth.Decode(text); decoded != nil && err == nil {
			t.Errorf("verified, but not decoded: %v", decoded)
		}
	})
}
