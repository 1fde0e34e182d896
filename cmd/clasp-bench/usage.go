// CPU time of both sides while a run lasts, which says what is being measured: a
// server that is busy, or a load generator that cannot keep up.

package main

import (
	"os"
	"time"

	"github.com/clasp-studio/clasp/cmd/clasp-bench/internal/host"
	"github.com/clasp-studio/clasp/cmd/clasp-bench/internal/process"
)

// usage is what a run used. CPU times are 0 where they cannot be read.
type usage struct {
	wall, server, load time.Duration
	messages           int // deliveries, or SETs
}

// meter remembers where the clocks stood.
type meter struct {
	p            *process.Process
	start        time.Time
	server, load time.Duration
}

// measure begins.
func measure(p *process.Process) meter {
	return meter{p, time.Now(), host.CPUTime(p.PID()), host.CPUTime(os.Getpid())}
}

func (m meter) stop(messages int) usage {
	return usage{
		wall:     time.Since(m.start),
		server:   host.CPUTime(m.p.PID()) - m.server,
		load:     host.CPUTime(os.Getpid()) - m.load,
		messages: messages,
	}
}
