package udp

import (
	"time"

	"github.com/clasp-studio/clasp/router"
)

// ListenAt is Listen with a clock of the test's own.
func ListenAt(r *router.Router, addr string, o Options, now func() time.Time) (*Server, error) {
	return listen(r, addr, o, now)
}

// The limits, for tests to hold the server against.
const (
	MaxUnproven = maxUnproven
	MaxNew      = maxNew
	MaxFrame    = maxFrame
	Anew        = anew
)
