// What is made is what clients want, and what they would not take is not made.

package cert_test

import (
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/router/cert"
)

// exchangeKey is a key of the kind that only exchanges keys.
func exchangeKey(t *testing.T) []byte {
	t.Helper()
	key, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

// signedBySelf makes a certificate like template that signs itself, as scripts do.
func signedBySelf(t *testing.T, key crypto.Signer, template x509.Certificate) cert.Files {
	t.Helper()
	template.SerialNumber, template.Subject = big.NewInt(1), pkix.Name{CommonName: "studio"}
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(90*day)
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return cert.Files{
		Cert: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		Key:  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}),
	}
}

func ecKey(t *testing.T, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// weak makes a certificate with an RSA key so small that Go has to be talked into it.
func weak(t *testing.T, bits int) cert.Files {
	t.Helper()
	before := os.Getenv("GODEBUG")
	if err := os.Setenv("GODEBUG", "rsa1024min=0"); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.Setenv("GODEBUG", before) }() // as it just could
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return signedBySelf(t, key, x509.Certificate{DNSNames: []string{"bad"}})
}

func parsed(t *testing.T, files cert.Files) *x509.Certificate {
	t.Helper()
	block, rest := pem.Decode(files.Cert)
	if block == nil || len(rest) > 0 {
		t.Fatalf("not one PEM block:\n%s", files.Cert)
	}
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestMakeAuthority(t *testing.T) {
	now := time.Now()
	c := parsed(t, authority)
	if !c.IsCA || !c.MaxPathLenZero || c.KeyUsage != x509.KeyUsageCertSign|x509.KeyUsageCRLSign || len(c.ExtKeyUsage) > 0 {
		t.Errorf("authority: %v, path %v, usage %b %v", c.IsCA, c.MaxPathLenZero, c.KeyUsage, c.ExtKeyUsage)
	}
	if years := c.NotAfter.Sub(now).Hours() / 24 / 365; years < 9.9 || years > 10.1 {
		t.Errorf("good for %v years", years)
	}
	if c.SerialNumber.Sign() <= 0 || c.SerialNumber.BitLen() < 64 {
		t.Errorf("serial number %v", c.SerialNumber)
	}
	if c.PermittedDNSDomainsCritical || len(c.PermittedDNSDomains)+len(c.PermittedIPRanges) > 0 {
		t.Error("has name constraints")
	}
}

func TestMakeServer(t *testing.T) {
	hosts := []string{"Studio", "studio.local", "*.studio.lan", "my_pc", "192.168.1.20", "fd00::1", "::ffff:10.0.0.1"}
	now := time.Now()
	files, err := cert.MakeServer(authority, hosts, cert.MaxDays, now)
	if err != nil {
		t.Fatal(err)
	}
	c := parsed(t, files)
	if want := append(slices.Clone(hosts[:6]), "10.0.0.1"); !slices.Equal(cert.Names(c), want) {
		t.Errorf("names %q, want %q", cert.Names(c), want)
	}
	if c.IsCA || c.KeyUsage != x509.KeyUsageDigitalSignature || !slices.Equal(c.ExtKeyUsage, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}) {
		t.Errorf("authority: %v, usage %b %v", c.IsCA, c.KeyUsage, c.ExtKeyUsage)
	}
	if life := c.NotAfter.Sub(c.NotBefore); life > 398*day || life < 397*day {
		t.Errorf("good for %v: Apple's systems take 398 days", life)
	}
	for _, host := range append(slices.Clone(hosts), "a.studio.lan", "STUDIO.LOCAL", "10.0.0.1", "[fd00::1]") {
		if _, err := c.Verify(x509.VerifyOptions{Roots: pool(t), DNSName: host, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}); err != nil && host != "*.studio.lan" {
			t.Errorf("%s: %v", host, err)
		}
	}
	if _, err := c.Verify(x509.VerifyOptions{Roots: pool(t), DNSName: "192.168.1.21"}); err == nil {
		t.Error("good for an address it was not made for")
	}
	if again, err := cert.MakeServer(authority, hosts, 1, now); err != nil || string(again.Key) == string(files.Key) || parsed(t, again).SerialNumber.Cmp(c.SerialNumber) == 0 {
		t.Errorf("a second certificate has the key or the number of the first: %v", err)
	}
}

func TestMakeServerRefuses(t *testing.T) {
	now := time.Now()
	good := []string{"studio"}
	leaf := server(t, "leaf", 1)
	for name, test := range map[string]struct {
		authority cert.Files
		hosts     []string
		days      int
		now       time.Time
		says      string
	}{
		"too long":      {authority, good, 398, now, "give 1 to 397"},
		"no time":       {authority, good, 0, now, "give 1 to 397"},
		"no host":       {authority, nil, 1, now, "for no host"},
		"bad host":      {authority, []string{"ws://studio"}, 1, now, `"ws://studio" is neither an IP address nor`},
		"not authority": {leaf, good, 1, now, `"leaf" is the certificate of a server`},
		"expired":       {authority, good, 1, now.Add(11 * 365 * day), `authority "test" expired on`},
		"another's key": {cert.Files{Cert: authority.Cert, Key: leaf.Key}, good, 1, now, "belongs to another certificate"},
		"nothing in it": {cert.Files{}, good, 1, now, "holds no certificate"},
	} {
		if _, err := cert.MakeServer(test.authority, test.hosts, test.days, test.now); err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %v, want %s", name, err, test.says)
		}
	}
	// The last certificate ends with its authority.
	end := parsed(t, authority).NotAfter
	files, err := cert.MakeServer(authority, good, 300, end.Add(-day))
	if err != nil || !parsed(t, files).NotAfter.Equal(end) {
		t.Errorf("%v: outlives its authority", err)
	}
}

func TestCheckHost(t *testing.T) {
	for _, host := range []string{"a", "a.b", "A-1.local", "my_pc", "*.a", "127.0.0.1", "::1", "xn--grn-hoa.lan", strings.Repeat("a", 63) + ".b"} {
		if err := cert.CheckHost(host); err != nil {
			t.Errorf("%s: %v", host, err)
		}
	}
	for _, host := range []string{
		"", ".", "a.", ".a", "a..b", "*", "a.*", "a*.b", "a b", "a:7330", "127.0.0.1:7330", "ws://a", "a/b", "grün.lan", "-a", "a-", "fe80::1%eth0",
		"[::1]", "a\x00", "a\n", strings.Repeat("a", 64), strings.Repeat("a.", 127),
	} {
		if err := cert.CheckHost(host); err == nil {
			t.Errorf("%q is taken", host)
		}
	}
}

func TestReadFiles(t *testing.T) {
	f := newFolder(t)
	files := server(t, "one", 1)
	f.write(t, files)
	if got, err := cert.ReadFiles(f.cert, f.key); err != nil || string(got.Cert) != string(files.Cert) || string(got.Key) != string(files.Key) {
		t.Errorf("%v: other files than were written", err)
	}
	write(t, f.key, authority.Key)
	if _, err := cert.ReadFiles(f.cert, f.key); err == nil || !strings.Contains(err.Error(), "belongs to another certificate") {
		t.Errorf("files of two pairs: %v", err)
	}
}

func TestHostNames(t *testing.T) {
	for name, want := range map[string][]string{
		"Studio":         {"studio", "studio", "studio.local"},
		"foh.stage.lan":  {"foh.stage.lan", "foh", "foh.local"},
		"192.168.1.20":   {"192.168.1.20"},
		"fd00::1":        {"fd00::1"},
		"fe80::1%eth0":   nil,
		"*.stage.lan":    nil,
		"my mac":         nil,
		"my mac.lan":     nil,
		"localhost.":     {"localhost", "localhost.local"},
		"":               nil,
		"_dmarc.example": {"_dmarc.example", "_dmarc", "_dmarc.local"},
	} {
		got := cert.HostNames(name)
		if !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
		if len(got) > 0 {
			if _, err := cert.MakeServer(authority, got, 1, time.Now()); err != nil {
				t.Errorf("%q: %v", name, err)
			}
		}
	}
}
