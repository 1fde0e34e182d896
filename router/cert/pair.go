// Reading a certificate and its private key from two files, and words for all that can be wrong with them.

package cert

import (
	"crypto"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/clasp-studio/clasp/router/smallfile"
)

// KeyError is what is wrong with the file of the private key. Every other error is about
// the certificate, or about both files.
type KeyError struct{ Err error }

func (e KeyError) Error() string { return e.Err.Error() }

// Unwrap returns the error itself.
func (e KeyError) Unwrap() error { return e.Err }

// pair is a certificate chain and its private key, as two files hold them.
type pair struct {
	tls.Certificate // with its Leaf
	certFile        string
	keyFile         string
	sum             sums
	exposed         bool // every user of this machine may read the key, or change it
}

// sums tells the content of two files from that of others.
type sums struct{ cert, key [sha256.Size]byte }

// load reads two files. Its errors name the file, and say what to do. What they hold is
// not looked at when it is what known, which may be nil, was made of.
func load(certFile, keyFile string, known *pair) (*pair, error) {
	chain, _, err := read("certificate", certFile)
	if err != nil {
		return nil, err
	}
	key, mode, err := read("private key", keyFile)
	if err != nil {
		return nil, KeyError{err}
	}
	p := &pair{certFile: certFile, keyFile: keyFile, sum: sums{sha256.Sum256(chain), sha256.Sum256(key)}}
	// Windows has no such modes; what Go returns there says nothing.
	p.exposed = runtime.GOOS != "windows" && mode.Perm()&0o006 != 0
	if known != nil && known.sum == p.sum {
		p.Certificate = known.Certificate
		return p, nil
	}
	p.Certificate, err = parse(certFile, chain, keyFile, key)
	return p, err
}

// read returns the text of a file and its mode.
func read(what, path string) ([]byte, fs.FileMode, error) {
	text, mode, err := smallfile.Read(path)
	if err == nil && len(text) == 0 {
		err = errors.New("the file is empty")
	}
	if err != nil {
		return nil, 0, fmt.Errorf("the %s %s cannot be read: %w: check the path, what is there, and that the router's user may read it", what, path, err)
	}
	return text, mode, nil
}

// parse makes a certificate of the text of two files, whose names are for its errors.
func parse(certFile string, certText []byte, keyFile string, keyText []byte) (tls.Certificate, error) {
	chain, err := parseChain(certFile, certText)
	if err != nil {
		return tls.Certificate{}, err
	}
	key, err := parseKey(keyFile, keyText)
	if err != nil {
		return tls.Certificate{}, KeyError{err}
	}
	own := slices.IndexFunc(chain, func(c *x509.Certificate) bool { return sameKey(key, c) })
	switch {
	case own < 0:
		return tls.Certificate{}, fmt.Errorf("the private key %s belongs to another certificate than %s: give two files that were made together", keyFile, certFile)
	case own > 0:
		return tls.Certificate{}, fmt.Errorf("the router's own certificate is number %d in %s: put it first, and those that sign it after it", own+1, certFile)
	}
	made := tls.Certificate{PrivateKey: key, Leaf: chain[0]}
	for _, c := range chain {
		made.Certificate = append(made.Certificate, c.Raw)
	}
	return made, nil
}

// sameKey reports whether c is the certificate of key.
func sameKey(key crypto.Signer, c *x509.Certificate) bool {
	public, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool })
	return ok && public.Equal(c.PublicKey)
}

// parseChain returns the certificates of a file, of which there is at least one.
func parseChain(file string, text []byte) ([]*x509.Certificate, error) {
	var chain []*x509.Certificate
	found := blocks(text)
	for _, b := range found {
		if b.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(b.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate %d in %s is damaged: %w: copy or make it anew", len(chain)+1, file, err)
		}
		chain = append(chain, c)
	}
	switch {
	case chain != nil:
		return chain, nil
	case len(found) == 0:
		return nil, fmt.Errorf("%s holds no certificate in PEM form: if it is DER, convert it with 'openssl x509 -inform der'", file)
	default:
		return nil, fmt.Errorf("%s holds %s and no certificate: were the certificate and the key swapped?", file, kinds(found))
	}
}

// parseKey returns the first private key of a file. Its errors hold nothing of the key.
func parseKey(file string, text []byte) (crypto.Signer, error) {
	found := blocks(text)
	for _, b := range found {
		switch {
		case !strings.HasSuffix(b.Type, "PRIVATE KEY"):
			continue // the parameters that openssl writes before an EC key, or the chain
		case b.Type == "ENCRYPTED PRIVATE KEY", strings.Contains(b.Headers["Proc-Type"], "ENCRYPTED"):
			return nil, fmt.Errorf("the private key %s is encrypted, and a router starts without anyone to type the passphrase: store it without, with 'openssl pkey -in OLD -out NEW'", file)
		}
		key, err := decodeKey(b.Bytes)
		if err != nil {
			return nil, fmt.Errorf("the private key %s: %w: copy or make it anew", file, err)
		}
		return key, nil
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%s holds no private key in PEM form: if it is DER, convert it with 'openssl pkey -inform der'", file)
	}
	return nil, fmt.Errorf("%s holds %s and no private key: were the certificate and the key swapped?", file, kinds(found))
}

// decodeKey reads a key in whichever of the three forms it has: the name of its PEM
// block is often wrong about that.
func decodeKey(der []byte) (crypto.Signer, error) {
	var key any
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		key, err = x509.ParsePKCS1PrivateKey(der)
	}
	if err != nil {
		key, err = x509.ParseECPrivateKey(der)
	}
	if err != nil {
		return nil, errors.New("it is neither PKCS #8 nor PKCS #1 nor SEC 1, or it is damaged")
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, errors.New("it is of a kind that cannot sign")
	}
	return signer, nil
}

func blocks(text []byte) (found []*pem.Block) {
	for {
		b, rest := pem.Decode(text)
		if b == nil {
			return found
		}
		found, text = append(found, b), rest
	}
}

func kinds(found []*pem.Block) string {
	names := make([]string, len(found))
	for i, b := range found {
		names[i] = fmt.Sprintf("%q", b.Type)
	}
	return strings.Join(names, ", ")
}

// outdated says that clients would refuse the pair at this time, nil if they would not.
func (p *pair) outdated(now time.Time) error {
	switch {
	case now.After(p.Leaf.NotAfter):
		return fmt.Errorf("the certificate %s expired on %s: renew it, or set this machine's clock", p.certFile, moment(p.Leaf.NotAfter))
	case now.Before(p.Leaf.NotBefore):
		return fmt.Errorf("the certificate %s is not valid before %s: is this machine's clock right?", p.certFile, moment(p.Leaf.NotBefore))
	default:
		return nil
	}
}

func moment(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// Names lists the hosts that c is for: names first, then IP addresses.
func Names(c *x509.Certificate) []string {
	names := append([]string(nil), c.DNSNames...)
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	return names
}
