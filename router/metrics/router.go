package metrics

import "github.com/prometheus/client_golang/prometheus"

// Router is what a router counts. Every label is in its map from the start.
type Router struct {
	Sessions, Subscriptions, Params int
	Slow, Locks                     int
	StateBytes                      int64

	Received, Sent map[string]uint64 // messages by type
	Dropped        map[string]uint64 // messages by reason
	Errors         map[string]uint64 // by code
	AuthFailures   map[string]uint64 // by reason
	Denied         map[string]uint64 // by action

	Handled         map[string]Histogram // by type
	Fanout, Flushed Histogram

	Transports map[string]Transport

	// Discovered is the answers to discovery probes by method: "hello" and "text"; nil
	// when none are given.
	Discovered map[string]uint64
}

// Transport is what a router counts of one of its transports.
type Transport struct {
	Opened                   uint64
	Closed                   map[string]uint64 // by reason
	Failed                   map[string]uint64 // by reason
	ReceivedBytes, SentBytes uint64
}

// Histogram is how often something was so large.
type Histogram struct {
	Count   uint64
	Sum     float64
	Buckets map[float64]uint64 // up to and with the key, those of smaller keys included
}

// routerGauges is what is there at the moment of a scrape. The names, of which the
// reference implementation has the first three too, are those of operations section 3.
var routerGauges = []struct {
	desc  *prometheus.Desc
	value func(Router) float64
}{
	{describe("clasp_sessions_active", "Sessions that are open."), func(r Router) float64 { return float64(r.Sessions) }},
	{describe("clasp_subscriptions_active", "Subscriptions of all sessions."), func(r Router) float64 { return float64(r.Subscriptions) }},
	{describe("clasp_state_params_active", "Params that have a value."), func(r Router) float64 { return float64(r.Params) }},
	{describe("clasp_slow_consumers", "Sessions for which 64 KiB or more wait, because their client does not read as fast as it is sent to."), func(r Router) float64 { return float64(r.Slow) }},
	{describe("clasp_locks_held", "Params that a session has locked."), func(r Router) float64 { return float64(r.Locks) }},
	{describe("clasp_state_bytes", "Addresses and encoded values of all params. The memory they take is some hundred bytes a param more."), func(r Router) float64 { return float64(r.StateBytes) }},
}

// routerCounters is what has happened since the router began, by one label.
var routerCounters = []struct {
	desc   *prometheus.Desc
	values func(Router) map[string]uint64
}{
	{describe("clasp_messages_total", "Messages received, by type. A bundle is one; \"unknown\" is what could not be read.", "type"), func(r Router) map[string]uint64 { return r.Received }},
	{describe("clasp_messages_sent_total", "Messages queued for clients, by type. Those that were dropped after all are in it.", "type"), func(r Router) map[string]uint64 { return r.Sent }},
	{describe("clasp_messages_dropped_total", "Messages lost, by reason: a stream or gesture for a client that is slow, all that waited for one that was closed for it (overflow), one too large for a client (too_large), one that came by UDP faster than it could be worked on (unread).", "reason"), func(r Router) map[string]uint64 { return r.Dropped }},
	{describe("clasp_errors_total", "ERRORs sent to sessions, by code.", "code"), func(r Router) map[string]uint64 { return r.Errors }},
	{describe("clasp_auth_failures_total", "HELLOs refused because of their token, or for want of one.", "reason"), func(r Router) map[string]uint64 { return r.AuthFailures }},
	{describe("clasp_acl_denied_total", "Messages refused because the session's token gives no right to them.", "action"), func(r Router) map[string]uint64 { return r.Denied }},
	{describe("clasp_discovery_replies_total", "Discovery probes answered over UDP.", "method"), func(r Router) map[string]uint64 { return r.Discovered }},
}

var (
	handled = describe("clasp_message_latency_seconds", "How long messages took, by type, from when they had come in to when they were done and what they caused was queued. "+
		"Of SET, PUBLISH, GET, PING, PONG and SYNC one in 61 is timed, of the others all. What a commit waits for the disk is not in it.", "type")
	fanout  = describe("clasp_broadcast_fanout", "Sessions that a SET or PUBLISH was for, whether or not they had asked for fewer; 0 if nobody had subscribed.")
	flushed = describe("clasp_frames_per_flush", "Messages that went out to a client in one write.")
)

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
	for _, desc := range []*prometheus.Desc{handled, fanout, flushed} {
		descs <- desc
	}
	describeTransports(descs)
}

func (c routerCollector) Collect(out chan<- prometheus.Metric) {
	r := c.read()
	for _, g := range routerGauges {
		out <- prometheus.MustNewConstMetric(g.desc, prometheus.GaugeValue, g.value(r))
	}
	for _, c := range routerCounters {
		collectBy(out, c.desc, c.values(r))
	}
	for kind, h := range r.Handled {
		out <- h.metric(handled, kind)
	}
	out <- r.Fanout.metric(fanout)
	out <- r.Flushed.metric(flushed)
	for name, t := range r.Transports {
		t.collect(out, name)
	}
}

// collectBy shows counters by their last label; more are those before it.
func collectBy(out chan<- prometheus.Metric, desc *prometheus.Desc, values map[string]uint64, more ...string) {
	for label, n := range values {
		out <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, float64(n), append(more[:len(more):len(more)], label)...)
	}
}

func (h Histogram) metric(desc *prometheus.Desc, labels ...string) prometheus.Metric {
	return prometheus.MustNewConstHistogram(desc, h.Count, h.Sum, h.Buckets, labels...)
}
