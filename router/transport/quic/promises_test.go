package quic_test

import (
	"testing"

	"github.com/clasp-studio/clasp/router/internal/kit"
)

// TestPromises: what a router promises holds over QUIC.
func TestPromises(t *testing.T) {
	kit.Promises(t, func(t *testing.T) kit.Dial { return start(t).dial })
}
