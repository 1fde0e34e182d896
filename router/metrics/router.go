package metrics

import "github.com/prometheus/client_golang/prometheus"

// Router is what a router counts.
type Router struct{ Sessions, Subscriptions, Params int }

// routerGauges is what is there at the moment of a scrape. The names, which the
// reference implementation has too, are those of operations section 3.
var routerGauges = []struct {
	desc  *prometheus.Desc
	value func(Router) int
}{
	{describe("clasp_sessions_active", "Sessions that are open."), func(r Router) int { return r.Sessions }},
	{describe("clasp_subscriptions_active", "Subscriptions of all sessions."), func(r Router) int { return r.Subscriptions }},
	{describe("clasp_state_params_active", "Params that have a value."), func(r Router) int { return r.Params }},
}

func describe(name, help string) *prometheus.Desc { return prometheus.NewDesc(name, help, nil, nil) }

// routerCollector asks a router once a scrape.
type routerCollector struct{ read func() Router }

func (c routerCollector) Describe(descs chan<- *prometheus.Desc) {
	for _, g := range routerGauges {
		descs <- g.desc
	}
}

func (c routerCollector) Collect(out chan<- prometheus.Metric) {
	r := c.read()
	for _, g := range routerGauges {
		out <- prometheus.MustNewConstMetric(g.desc, prometheus.GaugeValue, float64(g.value(r)))
	}
}
