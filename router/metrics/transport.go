// What comes and goes over each transport.

package metrics

import "github.com/prometheus/client_golang/prometheus"

var (
	opened   = describe("clasp_connections_total", "Connections over which a HELLO could come: TCP was accepted, a WebSocket or QUIC handshake done. By UDP it has come.", "transport")
	closed   = describe("clasp_disconnects_total", "Connections of clasp_connections_total that have ended, by reason.", "transport", "reason")
	failed   = describe("clasp_handshake_failures_total", "Connections that never became a session, by reason. Those that are in clasp_connections_total are in clasp_disconnects_total too.", "transport", "reason")
	received = describe("clasp_transport_received_bytes_total", "Bytes received: by TCP with what WebSocket and TLS add, by UDP of datagrams, by QUIC of its streams.", "transport")
	sent     = describe("clasp_transport_sent_bytes_total", "Bytes sent, counted as those received are.", "transport")
)

func describeTransports(descs chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{opened, closed, failed, received, sent} {
		descs <- desc
	}
}

func (t Transport) collect(out chan<- prometheus.Metric, name string) {
	collectBy(out, opened, map[string]uint64{name: t.Opened})
	collectBy(out, closed, t.Closed, name)
	collectBy(out, failed, t.Failed, name)
	collectBy(out, received, map[string]uint64{name: t.ReceivedBytes})
	collectBy(out, sent, map[string]uint64{name: t.SentBytes})
}
