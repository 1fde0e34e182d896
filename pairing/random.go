// Secrets and IDs, from the source of randomness that a Registry was given.

package pairing

import (
	"encoding/base64"
	"fmt"
	"io"
	"strings"
)

// letters are those of Crockford's base32 in lower case: no i, l, o and u to confuse.
const letters = "0123456789abcdefghjkmnpqrstvwxyz"

const (
	idLength       = 6  // of knocks and invites: people type them
	deviceIDLength = 10 // 50 bits
	secretLength   = 32 // of a device's token, 160 bits
	linkBytes      = 16 // of an invite's secret and of a device code, 128 bits
)

func randomBytes(from io.Reader, n int) ([]byte, error) {
	b := make([]byte, n)
	if _, err := io.ReadFull(from, b); err != nil {
		return nil, fmt.Errorf("make a secret: %w", err)
	}
	return b, nil
}

// randomText returns n letters, 5 bits of randomness each.
func randomText(from io.Reader, n int) (string, error) {
	b, err := randomBytes(from, n)
	if err != nil {
		return "", err
	}
	for i := range b {
		b[i] = letters[b[i]%byte(len(letters))] // 256 is a multiple of 32: no letter is likelier
	}
	return string(b), nil
}

// randomLink returns 128 bits as URL-safe base64.
func randomLink(from io.Reader) (string, error) {
	b, err := randomBytes(from, linkBytes)
	return base64.RawURLEncoding.EncodeToString(b), err
}

// randomDigits returns n decimal digits, each as likely as the others.
func randomDigits(from io.Reader, n int) (string, error) {
	var digits strings.Builder
	for digits.Len() < n {
		b, err := randomBytes(from, 1)
		if err != nil {
			return "", err
		}
		if b[0] < 250 { // the rest would make some likelier
			digits.WriteByte('0' + b[0]%10)
		}
	}
	return digits.String(), nil
}

// fresh creates texts until one is not taken.
func fresh(create func() (string, error), taken func(string) bool) (string, error) {
	for {
		text, err := create()
		if err != nil || !taken(text) {
			return text, err
		}
	}
}
