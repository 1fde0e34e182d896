package metrics

import "github.com/prometheus/client_golang/prometheus"

// Listener is a port that the configuration asks for.
type Listener struct {
	Transport string // "quic"
	Address   string // host:port
	Up        bool   // it is open
}

var listenerUp = describe("clasp_listener_up", "Whether a listener that the configuration asks for is open (1) or not (0).", "transport", "address")

// listenerCollector asks for the listeners once a scrape. No two of them may have the same
// transport and address.
type listenerCollector struct{ read func() []Listener }

func (c listenerCollector) Describe(descs chan<- *prometheus.Desc) { descs <- listenerUp }

func (c listenerCollector) Collect(out chan<- prometheus.Metric) {
	for _, l := range c.read() {
		up := 0.0
		if l.Up {
			up = 1
		}
		out <- prometheus.MustNewConstMetric(listenerUp, prometheus.GaugeValue, up, l.Transport, l.Address)
	}
}
