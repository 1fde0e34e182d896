// Codes of six digits: how they are made, read and compared.

package pairing

import (
	"crypto/subtle"
	"net/netip"
	"strings"
	"time"
)

const digits = 6

// code is one that is open: a request's or an invite's.
type code struct {
	text   string
	until  time.Time
	misses int
	wrong  map[guess]bool // of a request's code: those made already
}

// guess is a wrong code and whose it was: made again it counts no more. Clients that lose
// their connection try what they have for ever.
type guess struct {
	source netip.Addr
	text   string
}

// newCode makes a code that is no trivial one, and not one that somebody may just be
// trying: those that are open, and what was wrong in this window.
func (r *Registry) newCode(now time.Time) (*code, error) {
	text, err := fresh(func() (string, error) { return randomDigits(r.o.Random, digits) }, func(text string) bool {
		if trivial(text) {
			return true
		}
		for g := range r.tried {
			if g.text == text {
				return true
			}
		}
		for _, c := range r.openCodes() {
			if c.is(text) {
				return true
			}
		}
		return false
	})
	if err != nil {
		return nil, err
	}
	return &code{text: text, until: now.Add(r.settings.Timeout), wrong: make(map[guess]bool)}, nil
}

// openCodes returns all that are open.
func (r *Registry) openCodes() []*code {
	var codes []*code
	for _, k := range r.knocks {
		if k.code != nil {
			codes = append(codes, k.code)
		}
	}
	for _, i := range r.invites {
		if i.code != nil {
			codes = append(codes, i.code)
		}
	}
	return codes
}

// is compares in a time that says nothing of the code.
func (c *code) is(text string) bool {
	return subtle.ConstantTimeCompare([]byte(c.text), []byte(text)) == 1
}

// trivial reports the codes people try first, those of HomeKit's list: all digits the same,
// or each one more, or one less, than the one before.
func trivial(text string) bool {
	for step := -1; step <= 1; step++ {
		run := true
		for i := 1; i < len(text); i++ {
			run = run && int(text[i])-int(text[i-1]) == step
		}
		if run {
			return true
		}
	}
	return false
}

// parseCode reads a code as people type it: 847291, 847-291, "847 291", pair:847291.
func parseCode(text string) (string, bool) {
	text = strings.TrimPrefix(text, "pair:")
	if len(text) == digits+1 && (text[digits/2] == '-' || text[digits/2] == ' ') {
		text = text[:digits/2] + text[digits/2+1:]
	}
	if len(text) != digits {
		return "", false
	}
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return "", false
		}
	}
	return text, true
}
