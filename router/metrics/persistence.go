package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Persistence is the metrics of state on disk. A router that keeps none has none of
// them, so that an alert on their values says nothing about it.
type Persistence struct {
	duration    prometheus.Histogram
	failures    prometheus.Counter
	lastSuccess prometheus.Gauge
	generation  prometheus.Gauge
}

// NewPersistence makes them; they are shown once they are in Options.
func NewPersistence() *Persistence {
	return &Persistence{
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "clasp_persist_duration_seconds",
			Help:    "How long a write to the disk took, failed ones included.",
			Buckets: prometheus.ExponentialBuckets(0.00025, 2, 16), // 250 µs to 8 s
		}),
		failures: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "clasp_persist_failures_total",
			Help: "Writes to the disk that failed.",
		}),
		lastSuccess: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "clasp_persist_last_success_timestamp_seconds",
			Help: "When the last write to the disk succeeded, as Unix time; 0 before the first.",
		}),
		generation: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "clasp_restore_generation",
			Help: "Where the state came from at the start: 0 the database, 1 its newest copy, 2 the one before, and so on; -1 for nothing good left.",
		}),
	}
}

func (p *Persistence) collectors() []prometheus.Collector {
	return []prometheus.Collector{p.duration, p.failures, p.lastSuccess, p.generation}
}

// Wrote tells of a write to the disk and of its outcome.
func (p *Persistence) Wrote(took time.Duration, err error) {
	p.duration.Observe(took.Seconds())
	if err != nil {
		p.failures.Inc()
		return
	}
	p.lastSuccess.SetToCurrentTime()
}

// Restored tells where the state came from: see clasp_restore_generation.
func (p *Persistence) Restored(generation int) { p.generation.Set(float64(generation)) }
