// RSA keys from PEM, with errors that say what the file is instead.

package auth

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

// minBits is the least an RSA key of RS256 may have (RFC 7518 section 3.3).
const minBits = 2048

// ParsePrivateKey reads the RSA key that signs tokens, from PEM (PKCS 8 or PKCS 1, not encrypted). Errors never hold the key.
func ParsePrivateKey(text []byte) (*rsa.PrivateKey, error) {
	key, err := parseKey(text, "private", "an unencrypted RSA private key is needed", parsers{
		"PRIVATE KEY":     x509.ParsePKCS8PrivateKey,
		"RSA PRIVATE KEY": func(der []byte) (any, error) { return x509.ParsePKCS1PrivateKey(der) },
	})
	if err != nil {
		return nil, err
	}
	private, ok := key.(*rsa.PrivateKey)
	if !ok {
		return nil, errors.New("holds a private key that is not RSA")
	}
	return private, enough(private.N.BitLen())
}

// parsePublicKey reads the RSA key that tokens are checked with, from PEM (PKIX or PKCS 1).
func parsePublicKey(text []byte) (*rsa.PublicKey, error) {
	key, err := parseKey(text, "public", "an RSA public key is needed (openssl rsa -pubout makes one of a private key)", parsers{
		"PUBLIC KEY":     x509.ParsePKIXPublicKey,
		"RSA PUBLIC KEY": func(der []byte) (any, error) { return x509.ParsePKCS1PublicKey(der) },
	})
	if err != nil {
		return nil, err
	}
	public, ok := key.(*rsa.PublicKey)
	if !ok {
		return nil, errors.New("holds a public key that is not RSA")
	}
	return public, enough(public.N.BitLen())
}

// parsers read what a PEM block holds, by its type.
type parsers map[string]func(der []byte) (any, error)

// parseKey reads the first PEM block.
func parseKey(text []byte, kind, needed string, by parsers) (any, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("is not PEM: it begins with -----BEGIN")
	}
	parse := by[block.Type]
	if parse == nil {
		return nil, fmt.Errorf("holds a %q, and %s", block.Type, needed)
	}
	key, err := parse(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("holds a %s key that is damaged or of an unknown kind", kind) // the cause might quote it
	}
	return key, nil
}

func enough(bits int) error {
	if bits < minBits {
		return fmt.Errorf("has %d bits, and an RSA key needs %d", bits, minBits)
	}
	return nil
}
