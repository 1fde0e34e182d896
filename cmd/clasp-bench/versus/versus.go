// One whole comparison: every chosen workload, on each placement of the cores, against
// every peer, in turns, so that a busy moment of the machine does not hit one of them only.

// Package versus runs one and the same workload against clasp and against each of its
// peers, and reports who is better at what, and where clasp is not first.
package versus

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/clasp-studio/clasp/cmd/clasp-bench/internal/host"
	"github.com/clasp-studio/clasp/cmd/clasp-bench/versus/peer"
)

// Options say what is compared, and how thoroughly.
type Options struct {
	// Only and Against are names of workloads, and of peers besides clasp and the relay,
	// which are always there; none = all. A peer that is named has to be installed.
	Only, Against []string
	Duration      time.Duration // that one run sends
	Repeat        int           // how often everything is run
	// Quick is one short round on a small scale: it measures nothing.
	Quick bool
	JSON  bool   // instead of Markdown
	Out   string // folder for the report, its plots and the raw samples; "" = none
}

const (
	quickDuration = 100 * time.Millisecond
	self          = "clasp"
	limit         = "raw" // the relay: what sockets cost on this machine
)

// Names returns what Only and Against may have, in the order of the report.
func Names() (workloads, peers []string) {
	for _, w := range all {
		workloads = append(workloads, w.name)
	}
	for _, p := range peer.All() {
		peers = append(peers, p.Name)
	}
	return workloads, peers
}

// Check says what is wrong with the options.
func (o Options) Check() error {
	workloads, peers := Names()
	for _, name := range o.Only {
		if !slices.Contains(workloads, name) {
			return fmt.Errorf("--only %s: there are the workloads %s", name, strings.Join(workloads, ", "))
		}
	}
	for _, name := range o.Against {
		if !slices.Contains(peers, name) {
			return fmt.Errorf("--against %s: there are the peers %s", name, strings.Join(peers, ", "))
		}
	}
	if o.Duration <= 0 || o.Repeat < 1 {
		return fmt.Errorf("--duration %v and --repeat %d: both have to be above 0", o.Duration, o.Repeat)
	}
	return nil
}

// Run compares and writes the report to stdout and, if there is one, to the folder. It
// fails when a run was void, but for messages that a peer has lost or repeated; what was
// measured is written all the same, also when ctx ends early.
func Run(ctx context.Context, o Options, stdout, progress io.Writer) error {
	if err := o.Check(); err != nil {
		return err
	}
	if o.Quick {
		o.Duration, o.Repeat = quickDuration, 1
	}
	h := harness{options: o, progress: progress, gaveUp: make(map[string]string)}
	for _, w := range all {
		if len(o.Only) == 0 || slices.Contains(o.Only, w.name) {
			h.workloads = append(h.workloads, w)
		}
	}
	if err := h.prepare(ctx); err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(h.dir) }() // only files of ours
	rep := h.newReport()
	err := h.compare(ctx, rep)
	return errors.Join(err, rep.publish(o, stdout))
}

// publish draws the conclusions and writes the report where it is wanted. It fails when a
// run has, as noteVoid says.
func (rep *report) publish(o Options, stdout io.Writer) (err error) {
	rep.conclude()
	if o.JSON {
		err = rep.writeJSON(stdout)
	} else {
		err = rep.writeMarkdown(stdout, false)
	}
	if o.Out != "" {
		err = errors.Join(err, rep.writeFolder(o.Out))
	}
	if len(rep.failed) > 0 {
		err = errors.Join(err, fmt.Errorf("%s: %s", count(len(rep.failed), "void run"), rep.failed[0]))
	}
	return err
}

// noteVoid notes a run that does not count. That a peer loses or repeats messages is a
// result like others: the comparison has failed when clasp or the relay does, or when a
// run could not be made.
func (rep *report) noteVoid(p *peer.Peer, of string, err error) {
	words := fmt.Sprintf("%s: %v", of, err)
	rep.Void = append(rep.Void, words)
	if p.Name == self || p.Name == limit || !errors.As(err, new(void)) {
		rep.failed = append(rep.failed, words)
	}
}

// harness is what all runs have in common.
type harness struct {
	options   Options
	workloads []workload
	peers     []*peer.Peer
	versions  map[string]string // of peers, by name
	missing   []missing         // peers that are not installed
	places    []host.Placement
	dir       string            // temporary
	gaveUp    map[string]string // see rig
	progress  io.Writer
}

// prepare finds the peers and the cores, before anything is measured.
func (h *harness) prepare(ctx context.Context) (err error) {
	if h.places, err = host.Placements(); err != nil {
		return err
	}
	for _, w := range h.workloads {
		if w.disk && !h.options.Quick && host.InMemory(os.TempDir()) {
			return fmt.Errorf("%s is in memory, and workload %s measures a disk: set TMPDIR to a folder on one", os.TempDir(), w.name)
		}
	}
	h.versions = make(map[string]string)
	for _, p := range peer.All() {
		named := slices.Contains(h.options.Against, p.Name)
		needed := named || p.Name == self || p.Name == limit
		if !needed && len(h.options.Against) > 0 {
			continue
		}
		h.say("finding or building %s: ", p.Name)
		version, err := p.Find(ctx)
		if err != nil {
			h.say("%v\n", err)
			if needed {
				return fmt.Errorf("find %s: %w", p.Name, err)
			}
			h.missing = append(h.missing, missing{p.Name, p.Title, err.Error()})
			continue
		}
		h.say("%s\n", version)
		h.versions[p.Name] = version
		h.peers = append(h.peers, p)
	}
	h.dir, err = os.MkdirTemp("", "clasp-versus-")
	return err
}

func (h *harness) say(format string, args ...any) { _, _ = fmt.Fprintf(h.progress, format, args...) }

// compare makes all runs.
func (h *harness) compare(ctx context.Context, rep *report) error {
	found := h.probeAll(ctx, rep)
	for round := range h.options.Repeat {
		for _, w := range h.workloads {
			for _, at := range h.placesOf(w) {
				var probed map[string]peak
				if w.probe != nil {
					probed = found[w.probe.name+at.Name]
				}
				// Each round begins with another one, so that none is always behind the same.
				for i := range h.peers {
					p := h.peers[(i+round)%len(h.peers)]
					if ctx.Err() != nil {
						return context.Cause(ctx)
					}
					h.run(ctx, rep, w, p, at, probed)
				}
			}
		}
	}
	return nil
}

// probeAll makes each probe that some workload needs, and returns what it has found of each
// peer by its name and that of the placement.
func (h *harness) probeAll(ctx context.Context, rep *report) map[string]map[string]peak {
	found := make(map[string]map[string]peak)
	for _, w := range h.workloads {
		if w.probe == nil || found[w.probe.name+h.placesOf(w)[0].Name] != nil {
			continue
		}
		for _, at := range h.placesOf(w) {
			values := make(map[string]peak)
			for _, p := range h.peers {
				if ctx.Err() != nil || h.cannot(w, p) != "" {
					continue
				}
				h.say("%s of %s, cores %s: ", w.probe.name, p.Name, at.Name)
				err := h.onCores(at, func(r *rig) (err error) {
					r.peer = p
					values[p.Name], err = w.probe.run(ctx, r)
					return err
				})
				if err != nil {
					delete(values, p.Name)
					h.say("failed: %v\n", err)
					if ctx.Err() == nil {
						rep.noteVoid(p, fmt.Sprintf("%s of %s, cores %s", w.probe.name, p.Name, at.Name), err)
					}
					continue
				}
				h.say("%s\n", values[p.Name])
			}
			found[w.probe.name+at.Name] = values
			rep.Probes = append(rep.Probes, probed{w.probe.name, at.Name, values})
		}
	}
	return found
}

// capabilities are what a peer may lack, as it is said of it.
var capabilities = []struct {
	is    peer.Capability
	words string
}{
	{peer.PubSub, "publish and subscribe"},
	{peer.Retain, "values that are kept for who comes later"},
	{peer.Wildcards, "wildcards"},
	{peer.Durable, "acknowledgement of what is on disk"},
	{peer.Set, "acknowledged writes that are passed on"},
}

// placesOf returns the placements a workload is run on.
func (h *harness) placesOf(w workload) []host.Placement {
	if w.placed {
		return h.places
	}
	return h.places[len(h.places)-1:] // shared
}

// cannot says why a peer has no part in a workload, "" if it has.
func (h *harness) cannot(w workload, p *peer.Peer) string {
	if p.Name == limit {
		if !w.raw {
			return "is no part of this"
		}
		return ""
	}
	for _, c := range capabilities {
		if w.needs&c.is != 0 && !p.Has(c.is) {
			return "has no " + c.words
		}
	}
	return ""
}

// run makes one run and notes what came of it.
func (h *harness) run(ctx context.Context, rep *report, w workload, p *peer.Peer, at host.Placement, probed map[string]peak) {
	row := rep.row(w, at, p)
	if row == nil || row.Cannot != "" {
		return
	}
	h.say("%s, %s, cores %s: ", w.name, p.Name, at.Name)
	var res result
	err := h.onCores(at, func(r *rig) (err error) {
		r.peer, r.probed = p, probed
		res, err = w.run(ctx, r)
		return err
	})
	var (
		slow unable
		out  disorder
	)
	if p.Name != self && p.Name != limit && errors.As(err, &out) {
		res.notes = append(res.notes, "does not keep the order of messages")
		h.say("%v, ", out)
		err = nil
	}
	switch {
	case ctx.Err() != nil: // it was cut short, which says nothing
		h.say("%v\n", context.Cause(ctx))
	case errors.As(err, &slow) && !errors.As(err, new(void)):
		h.say("%s %v\n", p.Name, slow)
		row.Cannot = slow.Error()
		row.add(run{Notes: []string{slow.Error()}})
	case err != nil:
		h.say("void: %v\n", err)
		rep.noteVoid(p, fmt.Sprintf("%s, %s, cores %s", w.name, p.Name, at.Name), err)
		row.add(run{Void: err.Error(), Values: res.values, Notes: res.notes})
	default:
		var words []string
		for _, n := range w.numbers {
			if value, there := res.values[n.key]; there {
				words = append(words, n.title+" "+n.unit.format(value))
			}
		}
		h.say("%s\n", strings.Join(append(words, res.notes...), ", "))
		row.add(run{Values: res.values, Notes: res.notes, Latencies: res.latencies})
	}
}

// onCores has something measured with the load on its cores and a folder of its own.
func (h *harness) onCores(at host.Placement, do func(*rig) error) error {
	runtime.GOMAXPROCS(len(at.Load))
	if err := host.PinSelf(at.Load); err != nil {
		return err
	}
	runtime.GC() // what the run before has left is not to be seen in this one
	dir, err := os.MkdirTemp(h.dir, "run-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // only files of ours
	return do(&rig{at: at, duration: h.options.Duration, quick: h.options.Quick, dir: dir, gaveUp: h.gaveUp})
}

// count is a number of things, in words.
func count(n int, thing string) string {
	digits := fmt.Sprint(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	if n != 1 {
		thing += "s"
	}
	return digits + " " + thing
}
