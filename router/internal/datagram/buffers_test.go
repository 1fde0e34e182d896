package datagram_test

import (
	"strings"
	"testing"

	"github.com/clasp-studio/clasp/router/internal/datagram"
)

// What is too small, either way, is said with its size and its cure; what is not known is not.
func TestHint(t *testing.T) {
	const mib = 1 << 20
	for sizes, want := range map[[2]int]bool{{8 * mib, 8 * mib}: false, {0, 0}: false, {212_992, 8 * mib}: true, {8 * mib, 212_992}: true} {
		text := datagram.HintFor("QUIC", sizes[0], sizes[1])
		if got := text != ""; got != want || want && !(strings.Contains(text, "QUIC") && strings.Contains(text, "208 KiB") && strings.Contains(text, "rmem_max")) {
			t.Errorf("of %d: %q", sizes, text)
		}
	}
}
