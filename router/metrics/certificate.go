// The certificate of a router with TLS.

package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// certificate is the metric of a router with TLS; one without has none, so that an alert
// on its value says nothing about it.
func certificate(expires func() time.Time) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "clasp_tls_certificate_expiry_timestamp_seconds",
		Help: "When the certificate in use expires, as Unix time.",
	}, func() float64 { return unix(expires()) })
}
