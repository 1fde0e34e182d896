// CPU time of both sides while a run lasts, which says what is being measured: a server
// that is busy, or a load that cannot keep up.

package versus

import (
	"os"
	"time"

	"github.com/clasp-studio/clasp/cmd/clasp-bench/internal/host"
	"github.com/clasp-studio/clasp/cmd/clasp-bench/versus/peer"
)

// The columns that usage gives.
var (
	cpuNumber        = number{key: "cpu", title: "server CPU a delivery", unit: micros, better: lower}
	serverBusyNumber = number{key: "server_busy", title: "server busy", unit: percent}
	loadBusyNumber   = number{key: "load_busy", title: "load busy", unit: percent}
)

// meter remembers where the clocks stood.
type meter struct {
	of           *peer.Server
	start        time.Time
	server, load time.Duration
}

// measure starts measuring. A server whose time cannot be read has used none so far: the
// end of the run shows whether that is so.
func measure(server *peer.Server) meter {
	used, _ := server.CPU()
	return meter{server, time.Now(), used, host.CPUTime(os.Getpid())}
}

// usage is what was used since.
type usage struct {
	wall, server, load time.Duration // CPU times are 0 where they cannot be read
}

// stop ends measuring. What a system does not tell is left out of the result.
func (m meter) stop() usage {
	u := usage{wall: time.Since(m.start), load: host.CPUTime(os.Getpid()) - m.load}
	if used, err := m.of.CPU(); err == nil {
		u.server = used - m.server
	}
	return u
}

// add puts the numbers of a run with so many deliveries into its result.
func (u usage) add(res *result, at host.Placement, deliveries uint64) {
	if u.server > 0 && deliveries > 0 {
		res.set(cpuNumber.key, float64(u.server)/float64(deliveries)/float64(time.Microsecond))
		res.set(serverBusyNumber.key, busy(u.server, u.wall, at.Server))
	}
	if u.load > 0 {
		res.set(loadBusyNumber.key, busy(u.load, u.wall, at.Load))
	}
}

// busy is how much of its cores a side used, in percent.
func busy(cpu, wall time.Duration, cores []int) float64 {
	return 100 * float64(cpu) / float64(wall) / float64(len(cores))
}
