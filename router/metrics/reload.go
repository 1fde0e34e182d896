package metrics

import "github.com/prometheus/client_golang/prometheus"

// Reloads counts how often the configuration was read again.
type Reloads struct {
	total            *prometheus.CounterVec
	success, failure prometheus.Counter
}

// NewReloads makes the counter; it is shown once it is in Options.
func NewReloads() *Reloads {
	total := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "clasp_config_reload_total",
		Help: "How often the configuration was read again, by whether it took effect.",
	}, []string{"result"})
	return &Reloads{total, total.WithLabelValues("success"), total.WithLabelValues("failure")}
}

// Count tells of one.
func (r *Reloads) Count(ok bool) {
	if ok {
		r.success.Inc()
	} else {
		r.failure.Inc()
	}
}
