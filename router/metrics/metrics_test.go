package metrics_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/router/metrics"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
)

var start = time.Date(2026, 11, 23, 9, 30, 0, 500_000_000, time.UTC)

// options are those of a router with state on disk.
func options() metrics.Options {
	return metrics.Options{
		Version: "v1.2.3", Revision: "abc", Start: start,
		Router: func() metrics.Router {
			return metrics.Router{
				Sessions: 3, Subscriptions: 5, Params: 7,
				AuthFailures: map[string]uint64{"signature": 11, "expired": 0}, Denied: map[string]uint64{"read": 13},
				Discovered: map[string]uint64{"hello": 17, "text": 0},
				Slow:       31, Locks: 37, StateBytes: 41,
				Received: map[string]uint64{"set": 43}, Sent: map[string]uint64{"ack": 47}, Dropped: map[string]uint64{"slow": 53}, Errors: map[string]uint64{"404": 59},
				Handled: map[string]metrics.Histogram{"set": {Count: 61, Sum: 0.5, Buckets: map[float64]uint64{1e-6: 60, 4e-6: 61}}},
				Fanout:  metrics.Histogram{Count: 67, Sum: 71, Buckets: map[float64]uint64{0: 66, 1: 67}},
				Flushed: metrics.Histogram{Count: 73, Sum: 79, Buckets: map[float64]uint64{1: 72, 2: 73}},
				Transports: map[string]metrics.Transport{"ws": {
					Opened: 83, Closed: map[string]uint64{"idle": 89}, Failed: map[string]uint64{"tls": 97}, ReceivedBytes: 101, SentBytes: 103,
				}},
			}
		},
		Listeners: func() []metrics.Listener {
			return []metrics.Listener{{Transport: "ws", Address: "0.0.0.0:7330", Up: true}, {Transport: "quic", Address: "0.0.0.0:7330"}}
		},
		Reloads:           metrics.NewReloads(),
		Persistence:       metrics.NewPersistence(),
		CertificateExpiry: func() time.Time { return start.Add(time.Hour) },
		Pairing: func() metrics.Pairing {
			return metrics.Pairing{
				Open: map[string]int{"invite": 2, "request": 0}, Requests: map[string]uint64{"issued": 19, "denied": 0},
				Failures: map[string]uint64{"invite": 23, "request": 0}, Locked: true, Devices: 29,
			}
		},
	}
}

// ask sends one request and returns status and body.
func ask(t *testing.T, h http.Handler, method, path string) (*http.Response, string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, path, nil))
	response := w.Result()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(body)
}

func ready() []string { return nil }

func scrape(t *testing.T, m *metrics.Metrics) string {
	t.Helper()
	response, body := ask(t, m.Handler(ready), http.MethodGet, "/metrics")
	if response.StatusCode != http.StatusOK {
		t.Fatalf("/metrics: %s\n%s", response.Status, body)
	}
	return body
}

// expectLines looks for lines that match, each with its type.
func expectLines(t *testing.T, body string, patterns ...string) {
	t.Helper()
	for _, pattern := range patterns {
		if !regexp.MustCompile(`(?m)^` + pattern + `$`).MatchString(body) {
			t.Errorf("no line %s in\n%s", pattern, body)
		}
	}
}

func TestScrape(t *testing.T) {
	o := options()
	m := metrics.New(o)
	expectLines(t, scrape(t, m),
		`clasp_build_info\{goversion="go.*",revision="abc",version="v1.2.3"\} 1`,
		`# TYPE clasp_start_time_seconds gauge`, `clasp_start_time_seconds 1.7954262005e\+09`,
		`# TYPE clasp_sessions_active gauge`, `clasp_sessions_active 3`,
		`# TYPE clasp_subscriptions_active gauge`, `clasp_subscriptions_active 5`,
		`# TYPE clasp_state_params_active gauge`, `clasp_state_params_active 7`,
		`# TYPE clasp_auth_failures_total counter`, `clasp_auth_failures_total\{reason="signature"\} 11`, `clasp_auth_failures_total\{reason="expired"\} 0`,
		`# TYPE clasp_acl_denied_total counter`, `clasp_acl_denied_total\{action="read"\} 13`,
		`# TYPE clasp_discovery_replies_total counter`, `clasp_discovery_replies_total\{method="hello"\} 17`, `clasp_discovery_replies_total\{method="text"\} 0`,
		`# TYPE clasp_slow_consumers gauge`, `clasp_slow_consumers 31`, `clasp_locks_held 37`, `clasp_state_bytes 41`,
		`# TYPE clasp_messages_total counter`, `clasp_messages_total\{type="set"\} 43`, `clasp_messages_sent_total\{type="ack"\} 47`,
		`clasp_messages_dropped_total\{reason="slow"\} 53`, `clasp_errors_total\{code="404"\} 59`,
		`# TYPE clasp_message_latency_seconds histogram`, `clasp_message_latency_seconds_bucket\{type="set",le="1e-06"\} 60`,
		`clasp_message_latency_seconds_sum\{type="set"\} 0.5`, `clasp_message_latency_seconds_count\{type="set"\} 61`,
		`clasp_broadcast_fanout_bucket\{le="0"\} 66`, `clasp_broadcast_fanout_sum 71`, `clasp_broadcast_fanout_count 67`,
		`clasp_frames_per_flush_bucket\{le="\+Inf"\} 73`, `clasp_frames_per_flush_sum 79`,
		`# TYPE clasp_connections_total counter`, `clasp_connections_total\{transport="ws"\} 83`,
		`clasp_disconnects_total\{reason="idle",transport="ws"\} 89`, `clasp_handshake_failures_total\{reason="tls",transport="ws"\} 97`,
		`clasp_transport_received_bytes_total\{transport="ws"\} 101`, `clasp_transport_sent_bytes_total\{transport="ws"\} 103`,
		`clasp_listener_up\{address="0.0.0.0:7330",transport="ws"\} 1`,
		`clasp_listener_up\{address="0.0.0.0:7330",transport="quic"\} 0`,
		`# TYPE clasp_tls_certificate_expiry_timestamp_seconds gauge`, `clasp_tls_certificate_expiry_timestamp_seconds 1.7954298005e\+09`,
		`# TYPE clasp_pairing_codes_open gauge`, `clasp_pairing_codes_open\{kind="invite"\} 2`, `clasp_pairing_codes_open\{kind="request"\} 0`,
		`# TYPE clasp_pairing_requests_total counter`, `clasp_pairing_requests_total\{outcome="issued"\} 19`, `clasp_pairing_requests_total\{outcome="denied"\} 0`,
		`# TYPE clasp_pairing_pin_failures_total counter`, `clasp_pairing_pin_failures_total\{kind="invite"\} 23`, `clasp_pairing_pin_failures_total\{kind="request"\} 0`,
		`# TYPE clasp_pairing_locked gauge`, `clasp_pairing_locked 1`, `# TYPE clasp_paired_devices gauge`, `clasp_paired_devices 29`,
		`go_goroutines \d+`, `process_start_time_seconds .*`,
		// Before anything has happened there is something to compare with.
		`clasp_persist_duration_seconds_count 0`, `clasp_persist_failures_total 0`,
		`clasp_persist_last_success_timestamp_seconds 0`, `clasp_restore_generation 0`,
		`# TYPE clasp_config_reload_total counter`,
		`clasp_config_reload_total\{result="success"\} 0`, `clasp_config_reload_total\{result="failure"\} 0`,
	)

	o.Persistence.Wrote(3*time.Millisecond, nil)
	o.Persistence.Wrote(time.Second, errors.New("no space left on device"))
	o.Persistence.Restored(-1)
	o.Reloads.Count(true)
	o.Reloads.Count(true)
	o.Reloads.Count(false)
	expectLines(t, scrape(t, m),
		`# TYPE clasp_persist_duration_seconds histogram`,
		`clasp_persist_duration_seconds_count 2`, `clasp_persist_duration_seconds_sum 1.003`,
		`# TYPE clasp_persist_failures_total counter`, `clasp_persist_failures_total 1`,
		`clasp_persist_last_success_timestamp_seconds 1.\d+e\+09`,
		`clasp_restore_generation -1`,
		`clasp_config_reload_total\{result="success"\} 2`, `clasp_config_reload_total\{result="failure"\} 1`,
	)
}

// TestWithoutPersistence: what is not kept cannot be late.
func TestWithoutPersistence(t *testing.T) {
	o := options()
	o.Persistence = nil
	if body := scrape(t, metrics.New(o)); strings.Contains(body, "clasp_persist_") || strings.Contains(body, "clasp_restore_") {
		t.Errorf("metrics of state that is not kept:\n%s", body)
	}
}

// TestWithoutTLS: a router without a certificate shows none that expired in 1970.
func TestWithoutTLS(t *testing.T) {
	o := options()
	o.CertificateExpiry = nil
	if body := scrape(t, metrics.New(o)); strings.Contains(body, "clasp_tls_") {
		t.Errorf("metrics of a certificate that is not there:\n%s", body)
	}
}

// TestWithoutPairing: a router that can pair no device shows nothing of it.
func TestWithoutPairing(t *testing.T) {
	o := options()
	o.Pairing = nil
	if body := scrape(t, metrics.New(o)); strings.Contains(body, "clasp_pair") {
		t.Errorf("metrics of pairing where there is none:\n%s", body)
	}
}

// TestNames holds Prometheus' own rules.
func TestNames(t *testing.T) {
	m := metrics.New(options())
	problems, err := promlint.New(strings.NewReader(scrape(t, m))).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

func TestHealth(t *testing.T) {
	var reasons []string
	h := metrics.New(options()).Handler(func() []string { return reasons })
	expect := func(path string, status int, body string) {
		t.Helper()
		response, got := ask(t, h, http.MethodGet, path)
		if response.StatusCode != status || got != body {
			t.Errorf("%s: %s, %q; want %d, %q", path, response.Status, got, status, body)
		}
	}
	expect("/healthz", 200, "ok\n")
	expect("/readyz", 200, "ready\n")
	reasons = []string{"stopping", "persistence: failing"}
	expect("/healthz", 200, "ok\n")
	expect("/readyz", 503, "stopping\npersistence: failing\n")
}

func TestMethods(t *testing.T) {
	h := metrics.New(options()).Handler(ready)
	for _, path := range []string{"/metrics", "/healthz", "/readyz"} {
		if response, _ := ask(t, h, http.MethodHead, path); response.StatusCode != http.StatusOK {
			t.Errorf("HEAD %s: %s", path, response.Status)
		}
		for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions} {
			if response, _ := ask(t, h, method, path); response.StatusCode != http.StatusMethodNotAllowed {
				t.Errorf("%s %s: %s", method, path, response.Status)
			}
		}
	}
	if response, _ := ask(t, h, http.MethodGet, "/debug/pprof/"); response.StatusCode != http.StatusNotFound {
		t.Errorf("an unknown path: %s", response.Status)
	}
}
