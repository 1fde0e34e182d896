package tui

// Privacy: what is hidden while the screen is shared. Alike stays alike, so that two rows
// of one client can still be told to be of one.

import (
	"hash/maphash"
	"net/netip"
	"regexp"
	"strings"
)

// What mask hides.
const (
	maskName   = "name"   // of a client, a device, its owner
	maskRemote = "remote" // an address of a machine, with or without port; a URL
	maskPIN    = "pin"    // a PIN, a link or QR that has one
	maskText   = "text"   // a log line: what in it looks like a name's attribute or a machine's address
)

// seed makes the tags of masked names differ from run to run: nobody can look them up.
var seed = maphash.MakeSeed()

var (
	// machine finds what may be an address of a machine; netip knows whether it is.
	machine = regexp.MustCompile(`[\[\]0-9A-Fa-f:.]*[0-9A-Fa-f:](?:%[0-9A-Za-z]+)?(?:\]:[0-9]+|\])?`)
	naming  = regexp.MustCompile(`\b(name|device|client|host|by|token|subject|remote|addr|peer|from)=("(?:[^"\\]|\\.)*"|\S+)`)
)

// isMachine reports whether a text is an address of a machine, with or without its port.
func isMachine(s string) bool {
	s = strings.TrimRight(s, ".:")
	if _, err := netip.ParseAddrPort(s); err == nil {
		return true
	}
	_, err := netip.ParseAddr(strings.Trim(s, "[]"))
	return err == nil
}

// mask returns s, or in its place what may be seen while privacy is on.
func (e *env) mask(kind, s string) string {
	if !e.private || s == "" {
		return s
	}
	stars := "•••"
	if e.glyphs.ascii {
		stars = "***"
	}
	switch kind {
	case maskPIN:
		return stars + " " + stars
	case maskRemote:
		return stars
	case maskText:
		s = naming.ReplaceAllStringFunc(s, func(attr string) string {
			key, _, _ := strings.Cut(attr, "=")
			return key + "=" + stars
		})
		return machine.ReplaceAllStringFunc(s, func(found string) string {
			if isMachine(found) {
				return stars
			}
			return found
		})
	}
	const digits = "0123456789abcdef"
	h := maphash.String(seed, s)
	return stars + " " + string([]byte{digits[h>>4&15], digits[h&15]})
}
