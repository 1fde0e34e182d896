// Making an authority and the certificates it signs, as clasp tls init does.

package cert

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

const (
	// AuthorityLife is how long an authority is good: it has to be brought to every device.
	AuthorityLife = 10 * 365 * 24 * time.Hour
	// MaxDays is how long a server certificate may be good, in days. Apple's systems and
	// browsers refuse those of more than 398.
	MaxDays = 397
	// skew is how far behind the clock of a device without the internet may be.
	skew = time.Hour
	// maxHost is the longest name of a host (RFC 1035 section 2.3.4).
	maxHost = 253
)

// Files is the content of two PEM files: a certificate and its private key. Leaf is that
// certificate; who makes Files otherwise than with this package may leave it out.
type Files struct {
	Cert, Key []byte
	Leaf      *x509.Certificate
}

// ReadFiles reads two files and checks that they belong together.
func ReadFiles(certFile, keyFile string) (Files, error) {
	certText, _, err := read("certificate", certFile)
	if err != nil {
		return Files{}, err
	}
	keyText, _, err := read("private key", keyFile)
	if err != nil {
		return Files{}, err
	}
	c, err := parse(certFile, certText, keyFile, keyText)
	return Files{certText, keyText, c.Leaf}, err
}

// MakeAuthority makes a certificate authority for one network, good for AuthorityLife; name
// is what people see in their lists of authorities.
//
// It is not limited to certain hosts (RFC 5280 section 4.2.1.10): small devices' TLS
// refuses authorities that are, and a router's addresses and names are whatever its
// network has. Whoever has the key can be any host to those who trust the authority.
func MakeAuthority(name string, now time.Time) (Files, error) {
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: name, Organization: []string{"CLASP"}},
		NotBefore:             now.Add(-skew),
		NotAfter:              now.Add(AuthorityLife),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLenZero:        true, // it signs servers, no further authorities
	}
	return sign(template, nil)
}

// MakeServer makes the certificate of a server that is reached at hosts, names or IP
// addresses, good for the given number of days (1 to MaxDays), but not longer than its
// authority.
func MakeServer(authority Files, hosts []string, days int, now time.Time) (Files, error) {
	if days < 1 || days > MaxDays {
		return Files{}, fmt.Errorf("a certificate for %d days: give 1 to %d, the most that browsers and Apple's systems take", days, MaxDays)
	}
	signer, err := parse("the authority's certificate", authority.Cert, "the authority's private key", authority.Key)
	switch {
	case err != nil:
		return Files{}, err
	case !signer.Leaf.IsCA:
		return Files{}, fmt.Errorf("%q is the certificate of a server, not of an authority", signer.Leaf.Subject.CommonName)
	case now.After(signer.Leaf.NotAfter):
		return Files{}, fmt.Errorf("the authority %q expired on %s: make another one", signer.Leaf.Subject.CommonName, moment(signer.Leaf.NotAfter))
	case len(hosts) == 0:
		return Files{}, errors.New("a certificate for no host")
	}
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: commonName(hosts[0])},
		NotBefore:             now.Add(-skew),
		NotAfter:              now.Add(time.Duration(days) * 24 * time.Hour),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}
	if template.NotAfter.After(signer.Leaf.NotAfter) {
		template.NotAfter = signer.Leaf.NotAfter
	}
	for _, host := range hosts {
		if err := CheckHost(host); err != nil {
			return Files{}, err
		}
		if ip, err := netip.ParseAddr(host); err == nil {
			template.IPAddresses = append(template.IPAddresses, ip.AsSlice())
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	return sign(template, &signer)
}

// commonName is host as far as the field has room for it: 64 characters (RFC 5280 appendix
// A.1). Clients read the alternative names.
func commonName(host string) string { return host[:min(len(host), 64)] }

// CheckHost refuses what no certificate can name: it wants an IP address or a host's name,
// of which the first part may be *.
func CheckHost(host string) error {
	if ip, err := netip.ParseAddr(host); err == nil {
		if ip.Zone() != "" {
			return fmt.Errorf("%q: a certificate cannot name a network card: leave %%%s out", host, ip.Zone())
		}
		return nil
	}
	plain := len(host) > 0 && len(host) <= maxHost
	for i, part := range strings.Split(host, ".") {
		plain = plain && (i == 0 && part == "*" && strings.Contains(host, ".") || plainPart(part))
	}
	if !plain {
		return fmt.Errorf("%q is neither an IP address nor the name of a host: give it without scheme and port, and one with other letters than a to z as xn--", host)
	}
	return nil
}

// HostNames lists what a machine with this name is called in its network: the name, its
// first part, and that in multicast DNS (RFC 6762 section 3). A name that is an address
// has no parts, and what no certificate can name is left out.
func HostNames(name string) []string {
	name = strings.ToLower(name)
	names := []string{name}
	if _, err := netip.ParseAddr(name); err != nil {
		short, _, _ := strings.Cut(name, ".")
		names = append(names, short, short+".local")
	}
	return slices.DeleteFunc(names, func(name string) bool { return CheckHost(name) != nil || name[0] == '*' })
}

// plainPart reports whether s can stand between the dots of a host's name. An underscore
// is against the rules, but Windows lets people have it.
func plainPart(s string) bool {
	const maxPart = 63
	for _, c := range []byte(s) {
		if c != '-' && c != '_' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return s != "" && len(s) <= maxPart && s[0] != '-' && s[len(s)-1] != '-'
}

// sign makes a key and the certificate of it: signed by signer, or by itself. The key is
// ECDSA P-256, which everything that speaks TLS 1.2 knows.
func sign(template *x509.Certificate, signer *tls.Certificate) (Files, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Files{}, fmt.Errorf("make a private key: %w", err)
	}
	parent, by := template, any(key)
	if signer != nil {
		parent, by = signer.Leaf, signer.PrivateKey
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), by)
	if err != nil {
		return Files{}, fmt.Errorf("make a certificate: %w", err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return Files{}, fmt.Errorf("make a certificate: %w", err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return Files{}, fmt.Errorf("encode a private key: %w", err)
	}
	return Files{
		Cert: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		Key:  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}),
		Leaf: leaf,
	}, nil
}
