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
func (s *Server) Hold(rate, burst int) { s.young.hold(rate, burst) }

// HoldGrown is Hold for the snapshots and results of those that are grown.
func (s *Server) HoldGrown(rate, burst int) { s.grown.hold(rate, burst) }

func (p *pace) hold(rate, burst int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rate, p.burst = float64(rate), float64(burst)
}

// Owed returns how many bytes to young addresses come before those of one that asks now.
func (s *Server) Owed() int {
	p := &s.young
	p.mu.Lock()
	defer p.mu.Unlock()
	return max(int(p.due.Sub(s.now()).Seconds()*p.rate+0.5), 0)
}

// The limits, for tests to hold the server against.
const (
	MaxUnproven = maxUnproven
	MaxNew      = maxNew
	MaxFrame    = maxFrame
	Anew        = anew
	YoungFor    = youngFor
	MaxRefusals = maxRefusals
	FirstBytes  = firstBytes
)
