package metrics

import "github.com/prometheus/client_golang/prometheus"

// Router is what a router counts.
type Router struct {
	Sessions, Subscriptions, Params int

	// Refusals by label: every label is there from the start.
	AuthFailures map[string]uint64 // by reason
	Denied       map[string]uint64 // by action

	// Discovered is the answers to discovery probes by method: "hello" and "text"; nil
	// when none are given.
	Discovered map[string]uint64
}

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

// routerCounters is what has happened since the router began, by one label.
var routerCounters = []struct {
	desc   *prometheus.Desc
	values func(Router) map[string]uint64
}{
	{describe("clasp_auth_failures_total", "HELLOs refused because of their token, or for want of one.", "reason"), func(r Router) map[string]uint64 { return r.AuthFailures }},
	{describe("clasp_acl_denied_total", "Messages refused because the session's token gives no right to them.", "action"), func(r Router) map[string]uint64 { return r.Denied }},
	{describe("clasp_discovery_replies_total", "Discovery probes answered over UDP.", "method"), func(r Router) map[string]uint64 { return r.Discovered }},
}

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

// routerCollector asks a router once a scrape.
type routerCollector struct{ read func() Router }

func (c routerCollector) Describe(descs chan<- *prometheus.Desc) {
	for _, g := range routerGauges {
		descs <- g.desc
	}
	for _, c := range routerCounters {
		descs <- c.desc
	}
}

func (c routerCollector) Collect(out chan<- prometheus.Metric) {
	r := c.read()
	for _, g := range routerGauges {
		out <- prometheus.MustNewConstMetric(g.desc, prometheus.GaugeValue, float64(g.value(r)))
	}
	for _, c := range routerCounters {
		for label, n := range c.values(r) {
			out <- prometheus.MustNewConstMetric(c.desc, prometheus.CounterValue, float64(n), label)
		}
	}
}
