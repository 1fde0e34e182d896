// Keys for the tests, and which texts are no keys.

package auth_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"sync"
	"testing"

	"github.com/clasp-studio/clasp/router/auth"
)

var (
	secret = []byte("0123456789abcdef0123456789abcdef")

	ownKey   = sync.OnceValue(func() *rsa.PrivateKey { return newKey(2048) })
	otherKey = sync.OnceValue(func() *rsa.PrivateKey { return newKey(2048) })
)

func newKey(bits int) *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		panic(err)
	}
	return key
}

func publicPEM(t testing.TB, key *rsa.PrivateKey) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return encodePEM("PUBLIC KEY", der)
}

func encodePEM(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func TestPublicKeys(t *testing.T) {
	t.Setenv("GODEBUG", "rsa1024min=0") // or there is no short key to try
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ecDER, err := x509.MarshalPKIXPublicKey(&ec.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(ownKey())
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		pem  []byte
		want string // in the error; "" = none
	}{
		"PKIX":             {publicPEM(t, ownKey()), ""},
		"PKCS 1":           {encodePEM("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&ownKey().PublicKey)), ""},
		"text before it":   {append([]byte("the key of the studio\n"), publicPEM(t, ownKey())...), ""},
		"too short":        {publicPEM(t, newKey(1024)), "has 1024 bits, and an RSA key needs 2048"},
		"elliptic":         {encodePEM("PUBLIC KEY", ecDER), "is not RSA"},
		"not PEM":          {[]byte("hunter2"), "is not PEM"},
		"damaged":          {encodePEM("PUBLIC KEY", []byte("x")), "damaged"},
		"damaged PKCS 1":   {encodePEM("RSA PUBLIC KEY", []byte("x")), "damaged"},
		"a private key":    {encodePEM("PRIVATE KEY", pkcs8), `holds a "PRIVATE KEY"`},
		"a private key, 1": {encodePEM("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(ownKey())), `holds a "RSA PRIVATE KEY"`},
	} {
		v, err := auth.NewVerifier(auth.Options{PublicKey: test.pem})
		switch {
		case test.want == "" && (err != nil || !v.Keyed()):
			t.Errorf("%s: %v", name, err)
		case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
			t.Errorf("%s: error %v, want %q", name, err, test.want)
		}
	}
}

func TestPrivateKeys(t *testing.T) {
	t.Setenv("GODEBUG", "rsa1024min=0")
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8 := func(key any) []byte {
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		return encodePEM("PRIVATE KEY", der)
	}
	for name, test := range map[string]struct {
		pem  []byte
		want string
	}{
		"PKCS 8":       {pkcs8(ownKey()), ""},
		"PKCS 1":       {encodePEM("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(ownKey())), ""},
		"too short":    {pkcs8(newKey(1024)), "1024 bits"},
		"elliptic":     {pkcs8(ec), "is not RSA"},
		"not PEM":      {[]byte("hunter2"), "is not PEM"},
		"damaged":      {encodePEM("PRIVATE KEY", []byte("x")), "damaged"},
		"encrypted":    {encodePEM("ENCRYPTED PRIVATE KEY", []byte("x")), `holds a "ENCRYPTED PRIVATE KEY"`},
		"a public key": {publicPEM(t, ownKey()), `holds a "PUBLIC KEY"`},
	} {
		_, err := auth.ParsePrivateKey(test.pem)
		if (test.want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want %q", name, err, test.want)
		}
	}
}

// TestSecretIsNoKeyFile: with a public key as its secret, a router would take what anybody signs.
func TestSecretIsNoKeyFile(t *testing.T) {
	for _, text := range [][]byte{publicPEM(t, ownKey()), append([]byte("\n"), publicPEM(t, ownKey())...)} {
		_, err := auth.NewVerifier(auth.Options{Secret: text})
		if err == nil || !strings.Contains(err.Error(), "PEM") {
			t.Errorf("error %v, want one about PEM", err)
		}
	}
}

func pkix(text []byte) []byte {
	block, _ := pem.Decode(text)
	return block.Bytes
}
