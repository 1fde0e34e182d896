// CPU time of both sides while a run lasts, which says what is being measured: a
// server that is busy, or a load generator that cannot keep up.

package main

import (
	"os"
	"time"
)

// usage is what a run used. CPU times are 0 where they cannot be read.
type usage struct {
	wall, server, load time.Duration
	messages           int // deliveries, or SETs
}

// meter remembers where the clocks stood.
type meter struct {
	p            *process
	start        time.Time
	server, load time.Duration
}

func (p *process) measure() meter {
	return meter{p, time.Now(), cpuTime(p.cmd.Process.Pid), cpuTime(os.Getpid())}
}

func (m meter) stop(messages int) usage {
	return usage{
		wall:     time.Since(m.start),
		server:   cpuTime(m.p.cmd.Process.Pid) - m.server,
		load:     cpuTime(os.Getpid()) - m.load,
		messages: messages,
	}
}
