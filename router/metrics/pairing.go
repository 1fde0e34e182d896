package metrics

import "github.com/prometheus/client_golang/prometheus"

// Pairing is how pairing stands. Every label is there from the start.
type Pairing struct {
	Open     map[string]int    // codes, by kind
	Requests map[string]uint64 // that are over, by outcome
	Failures map[string]uint64 // wrong PINs, by kind of the code
	Locked   bool              // PINs of invites, until the operator unlocks them
	Devices  int
}

var (
	pairingOpen     = describe("clasp_pairing_codes_open", "PINs that let a device in now.", "kind")
	pairingRequests = describe("clasp_pairing_requests_total", "Devices that wanted to be let in, by what became of it.", "outcome")
	pairingFailures = describe("clasp_pairing_pin_failures_total", "Wrong PINs that were counted.", "kind")
	pairingLocked   = describe("clasp_pairing_locked", "Whether the PINs of invites are locked (1) or not (0), after too many wrong ones.")
	pairedDevices   = describe("clasp_paired_devices", "Devices that are paired.")
)

// pairingCollector asks once a scrape.
type pairingCollector struct{ read func() Pairing }

func (c pairingCollector) Describe(descs chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{pairingOpen, pairingRequests, pairingFailures, pairingLocked, pairedDevices} {
		descs <- desc
	}
}

func (c pairingCollector) Collect(out chan<- prometheus.Metric) {
	p := c.read()
	gauge := func(desc *prometheus.Desc, value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
	}
	for kind, n := range p.Open {
		gauge(pairingOpen, float64(n), kind)
	}
	locked := 0.0
	if p.Locked {
		locked = 1
	}
	gauge(pairingLocked, locked)
	gauge(pairedDevices, float64(p.Devices))
	collectBy(out, pairingRequests, p.Requests)
	collectBy(out, pairingFailures, p.Failures)
}
