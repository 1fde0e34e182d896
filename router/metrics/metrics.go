// Package metrics shows a Prometheus server what a router does (operations section 3).
//
// Nothing here is on the path of a message. What a router counts it counts itself, and is
// asked for it at a scrape; what happens now and then, a write to the disk, is told.
package metrics

import (
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// Options say what is shown.
type Options struct {
	Version, Revision string // of the program and of the source it was built from
	Start             time.Time
	Router            func() Router // asked at every scrape
	Reloads           *Reloads
	Persistence       *Persistence      // nil when nothing is kept: then it has no metrics
	Listeners         func() []Listener // asked at every scrape
	Pairing           func() Pairing    // asked at every scrape; nil when no device can be paired
	// CertificateExpiry is asked at every scrape; nil without TLS.
	CertificateExpiry func() time.Time
}

// Metrics is everything that one router shows.
type Metrics struct{ registry *prometheus.Registry }

// New makes the metrics of a router, with those of the Go runtime and of the process.
func New(o Options) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry()}
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "clasp_build_info",
		Help: "1, with what was built as labels.",
		ConstLabels: prometheus.Labels{
			"version": o.Version, "revision": o.Revision, "goversion": runtime.Version(),
		},
	})
	build.Set(1)
	start := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "clasp_start_time_seconds",
		Help: "When the router was started, as Unix time.",
	})
	start.Set(unix(o.Start))
	m.registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		build, start, o.Reloads.total, routerCollector{o.Router}, listenerCollector{o.Listeners},
	)
	if o.Persistence != nil {
		m.registry.MustRegister(o.Persistence.collectors()...)
	}
	if o.Pairing != nil {
		m.registry.MustRegister(pairingCollector{o.Pairing})
	}
	if o.CertificateExpiry != nil {
		m.registry.MustRegister(certificate(o.CertificateExpiry))
	}
	return m
}

// unix is a time as Prometheus has them: Unix seconds.
func unix(t time.Time) float64 { return float64(t.UnixMicro()) / 1e6 }
