// What is compared: a workload, what it runs on, and what one run of it gives. Each
// workload is a value in a file of its own; all lists them in the report's order.

package versus

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/clasp-studio/clasp/cmd/clasp-bench/internal/host"
	"github.com/clasp-studio/clasp/cmd/clasp-bench/versus/peer"
)

// all are the workloads in the order of the report.
var all = slices.Concat(fanOuts, []workload{fanIn, pairs}, openLoops, []workload{burst}, others)

// workload is one situation that every peer that can is put into, in turns.
type workload struct {
	name  string // for --only and the names of files: short, lower case, no spaces
	title string // heads its table
	about string // whole sentences of Markdown: what is done, and what its numbers mean
	// needs is what a peer has to be able to do; one that cannot is named as such.
	needs peer.Capability
	// raw says that the bare relay can do the same: it is the limit of the machine.
	raw bool
	// placed says that it is run with server and load on cores apart as well as shared.
	placed bool
	// disk says that the peer's files have to be on a disk to mean anything.
	disk bool
	// numbers are its columns. The first is the one that is held against the relay.
	numbers []number
	// probe finds out something about every peer before the first run of any, on the same
	// placement; nil = nothing is needed.
	probe *probe
	// run makes one run: it starts the peer, loads it and stops it. Its errors: void for
	// lost or repeated messages, disorder, with a result, for reordered ones, unable for a
	// peer that cannot do this; any other makes the run void too.
	run func(context.Context, *rig) (result, error)
}

// number is one column of a workload's table.
type number struct {
	key    string // in result.values and in JSON
	title  string
	unit   unit
	better better
}

// better says which way a number is good. Only numbers that are good one way are
// compared: ranked, held against clasp's, and named where clasp is not first.
type better int

const (
	neither better = iota
	higher
	lower
)

// unit is what a number counts in; format says how it is printed.
type unit string

const (
	perSecond unit = "/s"
	millis    unit = "ms"
	micros    unit = "µs" // of CPU too
	seconds   unit = "s"
	bytesUnit unit = "B"
	kib       unit = "KiB"
	mib       unit = "MiB"
	percent   unit = "%"
	times     unit = "×"
	plain     unit = "" // so many
)

// probe is a measurement that runs of one or several workloads start from. It is made
// once for each peer and placement.
type probe struct {
	name string
	run  func(context.Context, *rig) (peak, error)
}

// peak is the most that a probe has got through a peer.
type peak struct {
	Rate float64 `json:"rate"` // a second
	// AtLeast says that the load could not do more, and the peer could.
	AtLeast bool `json:"at_least"`
}

// rig is what one run has: a peer, cores, a folder, and the scale.
type rig struct {
	peer *peer.Peer
	at   host.Placement
	// duration is how long a run sends.
	duration time.Duration
	// quick says that it only has to show that everything works.
	quick bool
	dir   string // temporary and empty, removed after the run
	// probed is what the workload's probe has found about each peer on this placement, by
	// the peer's name; a peer that it failed for is not in it.
	probed map[string]peak
	// gaveUp is what peers were asked for once and could not do, by the name that giveUp was
	// told, and why; nil = nobody remembers.
	gaveUp map[string]string
}

// giveUp remembers what the peer cannot do, so that the rounds and placements to come need
// not wait for it in vain.
func (r *rig) giveUp(what, why string) {
	if r.gaveUp != nil {
		r.gaveUp[r.peer.Name+" "+what] = why
	}
}

// hasGivenUp says why the peer cannot do something, "" if that is not known.
func (r *rig) hasGivenUp(what string) (why string) { return r.gaveUp[r.peer.Name+" "+what] }

// of returns the size for this scale.
func (r *rig) of(full, quick int) int {
	if r.quick {
		return quick
	}
	return full
}

// start starts the peer on its cores; the caller stops it. The load runs on its own
// cores already.
func (r *rig) start(ctx context.Context, durable bool) (*peer.Server, error) {
	return r.peer.Start(ctx, peer.StartOptions{Cores: r.at.Server, Dir: r.dir, Durable: durable})
}

// result is what one run gave.
type result struct {
	// values are the numbers by their key. One that could not be had is left out.
	values map[string]float64
	// notes say what else was seen, for people: a few words each.
	notes []string
	// latencies are the raw samples behind the values, by a name of their own.
	latencies map[string]*histogram
}

// set notes a number, and makes room for it.
func (res *result) set(key string, value float64) {
	if res.values == nil {
		res.values = make(map[string]float64)
	}
	res.values[key] = value
}

// keep keeps the raw samples behind a number.
func (res *result) keep(name string, h *histogram) {
	if res.latencies == nil {
		res.latencies = make(map[string]*histogram)
	}
	res.latencies[name] = h
}

// void says what was wrong with the deliveries of a run, which does not count then.
type void struct{ lost, repeated, disordered uint64 }

func (v void) Error() string {
	return fmt.Sprintf("%d messages lost, %d repeated, %d out of order", v.lost, v.repeated, v.disordered)
}

// disorder says that messages of one publisher came out of order to a subscriber, and that
// nothing else was wrong. Such a run counts, and says so: a peer that promises no order,
// as the reference does not keep any, would have no numbers at all. clasp promises it, so
// that its own run is void.
type disorder struct{ messages uint64 }

func (d disorder) Error() string {
	return fmt.Sprintf("%s out of order", count(int(d.messages), "message"))
}

// unable says that a peer cannot do what a workload asks, or not in the time that it
// has: that is a result, and no failure of the benchmark.
type unable struct{ why string }

func (u unable) Error() string { return u.why }
