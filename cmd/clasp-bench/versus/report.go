// What a comparison found: every run of every peer, and what follows from them. As JSON
// it is written as it stands.

package versus

import (
	"encoding/json"
	"io"
	"runtime"
	"slices"
	"time"

	"github.com/clasp-studio/clasp/cmd/clasp-bench/internal/host"
	"github.com/clasp-studio/clasp/cmd/clasp-bench/versus/peer"
)

type report struct {
	Machine machine   `json:"machine"`
	Started time.Time `json:"started"`
	Seconds float64   `json:"seconds"` // of sending in one run
	Repeat  int       `json:"repeat"`
	Quick   bool      `json:"quick"`
	Peers   []version `json:"peers"`
	Missing []missing `json:"not_measured"`
	Probes  []probed  `json:"probes"`
	Tables  []*table  `json:"tables"`
	// Losses are sentences, one for each place where clasp is not first.
	Losses []string `json:"losses"`
	Goals  []string `json:"goals"` // sentences too, one for each that was measured
	Void   []string `json:"void"`  // runs that do not count, and why
	failed []string // those of Void that are not the peer's own doing
}

type machine struct {
	Processor string `json:"processor"`
	Cores     int    `json:"cores"` // of it all; a run uses two at most
	System    string `json:"system"`
	Go        string `json:"go"`
}

// version is a peer that took part.
type version struct {
	Name     string         `json:"name"`
	Title    string         `json:"title"`
	Version  string         `json:"version"`
	Speaks   string         `json:"speaks"`
	Settings []peer.Setting `json:"settings"`
}

// missing is a peer that could not.
type missing struct {
	Name  string `json:"name"`
	Title string `json:"title"`
	Why   string `json:"why"`
}

// probed is what a probe found of each peer.
type probed struct {
	Name   string          `json:"name"`
	Cores  string          `json:"cores"`
	Values map[string]peak `json:"values"`
}

// table is a workload on one placement.
type table struct {
	Workload string   `json:"workload"`
	Title    string   `json:"title"`
	About    string   `json:"about"`
	Cores    string   `json:"cores"`
	Columns  []column `json:"columns"`
	Rows     []*row   `json:"rows"`
}

// column is a number of it.
type column struct {
	Key    string `json:"key"`
	Title  string `json:"title"`
	Unit   unit   `json:"unit"`
	Better string `json:"better,omitempty"` // higher or lower
}

// row is a peer in it.
type row struct {
	Peer   string            `json:"peer"`
	Title  string            `json:"title"`
	Cannot string            `json:"cannot,omitempty"` // why it has no numbers here
	Values map[string]spread `json:"values"`
	Notes  []string          `json:"notes,omitempty"`
	Runs   []run             `json:"runs"`
}

// run is one of a row's. Its latencies are written beside the report.
type run struct {
	Values    map[string]float64    `json:"values,omitempty"`
	Notes     []string              `json:"notes,omitempty"`
	Void      string                `json:"void,omitempty"` // why it does not count
	Latencies map[string]*histogram `json:"-"`
}

// spread is a number over all runs that count.
type spread struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
}

// newReport lists what is going to be measured: a number that could not be had shows as
// missing.
func (h *harness) newReport() *report {
	rep := &report{
		Machine: machine{host.Processor(), runtime.NumCPU(), host.Kernel(), runtime.Version()},
		Started: time.Now().UTC().Truncate(time.Second),
		Seconds: h.options.Duration.Seconds(), Repeat: h.options.Repeat, Quick: h.options.Quick,
		Missing: h.missing, Losses: []string{}, Void: []string{},
	}
	for _, p := range h.peers {
		rep.Peers = append(rep.Peers, version{p.Name, p.Title, h.versions[p.Name], p.Speaks, p.Settings()})
	}
	for _, w := range h.workloads {
		for _, at := range h.placesOf(w) {
			t := &table{Workload: w.name, Title: w.title, About: w.about, Cores: at.Name}
			for _, n := range w.numbers {
				t.Columns = append(t.Columns, column{n.key, n.title, n.unit, [...]string{"", "higher", "lower"}[n.better]})
			}
			for _, p := range h.peers {
				if p.Name == limit && !w.raw {
					continue
				}
				t.Rows = append(t.Rows, &row{Peer: p.Name, Title: p.Title, Cannot: h.cannot(w, p), Values: map[string]spread{}})
			}
			rep.Tables = append(rep.Tables, t)
		}
	}
	return rep
}

// row finds the one of a peer, nil if it has none.
func (rep *report) row(w workload, at host.Placement, p *peer.Peer) *row {
	for _, t := range rep.Tables {
		if t.Workload == w.name && t.Cores == at.Name {
			return t.row(p.Name)
		}
	}
	return nil
}

func (t *table) row(peer string) *row {
	for _, r := range t.Rows {
		if r.Peer == peer {
			return r
		}
	}
	return nil
}

// add notes a run.
func (r *row) add(one run) {
	r.Runs = append(r.Runs, one)
	for _, note := range one.Notes {
		if !slices.Contains(r.Notes, note) {
			r.Notes = append(r.Notes, note)
		}
	}
	if one.Void != "" {
		return
	}
	for key := range one.Values {
		var values []float64
		for _, other := range r.Runs {
			if value, there := other.Values[key]; there && other.Void == "" {
				values = append(values, value)
			}
		}
		r.Values[key] = spread{median(values), slices.Min(values), slices.Max(values)}
	}
}

// median returns the middle of values, of which there is one at least.
func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// number returns a number that counts; a peer that cannot do all of it has none.
func (r *row) number(c column) (spread, bool) {
	if r == nil || r.Cannot != "" {
		return spread{}, false
	}
	s, there := r.Values[c.Key]
	return s, there
}

// beats says whether a is better than b.
func (c column) beats(a, b float64) bool {
	if c.Better == "higher" {
		return a > b
	}
	return a < b
}

// best is the peer with the best number, nil if nobody has any. The relay takes no part.
func (t *table) best(c column) (best *row) {
	if c.Better == "" {
		return nil
	}
	for _, r := range t.Rows {
		s, there := r.number(c)
		if !there || r.Peer == limit {
			continue
		}
		if top, has := best.number(c); !has || c.beats(s.Median, top.Median) {
			best = r
		}
	}
	return best
}

func (rep *report) writeJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(rep)
}
