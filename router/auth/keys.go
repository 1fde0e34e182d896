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
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("is not PEM: it begins with -----BEGIN")
	}
	var key any
	var err error
	switch block.Type {
	case "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	default:
		return nil, fmt.Errorf("holds a %q, and an unencrypted RSA private key is needed", block.Type)
	}
	if err != nil {
		return nil, errors.New("holds a private key that is damaged or of an unknown kind")
	}
	private, ok := key.(*rsa.PrivateKey)
	if !ok {
		return nil, errors.New("holds a private key that is not RSA")
	}
	return private, enough(private.N.BitLen())
}

// parsePublicKey reads the RSA key that tokens are checked with, from PEM (PKIX or PKCS 1).
func parsePublicKey(text []byte) (*rsa.PublicKey, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("is not PEM: it begins with -----BEGIN")
	}
	var key any
	var err error
	switch block.Type {
	case "PUBLIC KEY":
		key, err = x509.ParsePKIXPublicKey(block.Bytes)
	case "RSA PUBLIC KEY":
		key, err = x509.ParsePKCS1PublicKey(block.Bytes)
	default:
		return nil, fmt.Errorf("holds a %q, and an RSA public key is needed (openssl rsa -pubout makes one of a private key)", block.Type)
	}
	if err != nil {
		return nil, errors.New("holds a public key that is damaged or of an unknown kind")
	}
	public, ok := key.(*rsa.PublicKey)
	if !ok {
		return nil, errors.New("holds a public key that is not RSA")
	}
	return public, enough(public.N.BitLen())
}

func enough(bits int) error {
	if bits < minBits {
		return fmt.Errorf("has %d bits, and an RSA key needs %d", bits, minBits)
	}
	return nil
}
