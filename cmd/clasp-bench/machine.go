// Where and what was measured.

package main

import (
	"context"
	"os/exec"
	"runtime"
	"strings"

	"github.com/clasp-studio/clasp/cmd/clasp-bench/internal/host"
)

type machine struct {
	Server    string `json:"server"` // version, commit, Go
	Processor string `json:"processor"`
	Cores     int    `json:"cores"`
	Kernel    string `json:"kernel"`
}

func (b *runner) machine(ctx context.Context) machine {
	m := machine{Server: "the engine inside clasp-bench, " + runtime.Version(), Processor: host.Processor(), Cores: runtime.NumCPU(), Kernel: host.Kernel()}
	if b.profile == "" {
		m.Server = b.server
		if out, err := exec.CommandContext(ctx, b.server, "version").Output(); err == nil {
			m.Server = strings.TrimSpace(string(out))
		}
	}
	return m
}
