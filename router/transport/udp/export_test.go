package udp

import (
	"time"

	"github.com/clasp-studio/clasp/router"
)

// ListenAt is Listen with a clock of the test's own.
func ListenAt(r *router.Router, addr string, o Options, now func() time.Time) (*Server, error) {
	return listen(r, addr, o, now)
}

// Hold has young addresses get so many bytes a second together, after so many at once.
func (s *Server) Hold(rate, burst int) {
	s.young.mu.Lock()
	defer s.young.mu.Unlock()
	s.young.rate, s.young.burst = float64(rate), float64(burst)
}

// The limits, for tests to hold the server against.
const (
	MaxUnproven = maxUnproven
	MaxNew      = maxNew
	MaxFrame    = maxFrame
	Anew        = anew
	YoungFor    = youngFor
	MaxRefusals = maxRefusals
)
