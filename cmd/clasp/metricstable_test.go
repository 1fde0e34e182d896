//go:build unix

// Holds what the real router shows against the table of the operations page, section 3: names, types, labels and their values.

package main_test

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	goclient "github.com/clasp-studio/clasp/router/client"
)

// Values of labels, each list complete.
const (
	anyValue   = "*"
	transports = "quic tcp udp ws"
	types      = "ack announce bundle error get hello ping pong publish query replay result set snapshot subscribe sync unsubscribe welcome"
	timed      = "announce bundle get hello ping pong publish query replay set subscribe sync unsubscribe"
	reasons    = "bad_frame bad_hello banned client_closed connection_lost disconnected evicted expired full grant_ended idle no_hello not_greeted " +
		"pairing_busy pairing_closed pairing_denied pairing_locked pairing_timeout pin_expired pin_invalid revoked rights_changed shutdown slow too_big " +
		"transport_not_allowed unauthenticated unpaired version"
	errorCodes = "100 101 102 200 201 202 300 301 302 310 311 313 314 315 316 317 318 319 400 401 402 404 429 500 501 503"
)

// metricsTable is that of operations section 3, and metricsTable[i].labels are the values that each label has: all of them,
// so that a counter does not begin at its first event, which no rate or increase would see.
var metricsTable = []struct {
	name, kind string
	labels     map[string]string
}{
	{"clasp_sessions_active", "gauge", nil},
	{"clasp_subscriptions_active", "gauge", nil},
	{"clasp_state_params_active", "gauge", nil},
	{"clasp_messages_total", "counter", map[string]string{"type": types + " unknown"}},
	{"clasp_errors_total", "counter", map[string]string{"code": errorCodes}},
	{"clasp_message_latency_seconds", "histogram", map[string]string{"type": timed}},
	{"clasp_broadcast_fanout", "histogram", nil},

	{"clasp_build_info", "gauge", map[string]string{"version": anyValue, "revision": anyValue, "goversion": anyValue}},
	{"clasp_start_time_seconds", "gauge", nil},
	{"clasp_connections_total", "counter", map[string]string{"transport": transports}},
	{"clasp_disconnects_total", "counter", map[string]string{"transport": transports, "reason": reasons}},
	{"clasp_handshake_failures_total", "counter", map[string]string{"transport": transports, "reason": "auth hello http limit lost origin timeout tls version"}},
	{"clasp_transport_received_bytes_total", "counter", map[string]string{"transport": transports}},
	{"clasp_transport_sent_bytes_total", "counter", map[string]string{"transport": transports}},
	{"clasp_messages_sent_total", "counter", map[string]string{"type": types}},
	{"clasp_messages_dropped_total", "counter", map[string]string{"reason": "overflow slow too_large unread"}},
	{"clasp_slow_consumers", "gauge", nil},
	{"clasp_frames_per_flush", "histogram", nil},
	{"clasp_state_bytes", "gauge", nil},
	{"clasp_locks_held", "gauge", nil},
	{"clasp_persist_duration_seconds", "histogram", nil},
	{"clasp_persist_failures_total", "counter", nil},
	{"clasp_persist_last_success_timestamp_seconds", "gauge", nil},
	{"clasp_restore_generation", "gauge", nil},
	{"clasp_config_reload_total", "counter", map[string]string{"result": "failure success"}},
	{"clasp_pairing_codes_open", "gauge", map[string]string{"kind": "invite request"}},
	{"clasp_pairing_requests_total", "counter", map[string]string{"outcome": "denied issued left refused timeout"}},
	{"clasp_pairing_pin_failures_total", "counter", map[string]string{"kind": "invite request"}},
	{"clasp_pairing_locked", "gauge", nil},
	{"clasp_paired_devices", "gauge", nil},
	{"clasp_auth_failures_total", "counter", map[string]string{"reason": "algorithm audience claims expired issuer malformed missing not_yet pairing revoked signature"}},
	{"clasp_acl_denied_total", "counter", map[string]string{"action": "announce emit read replay subscribe write"}},
	{"clasp_discovery_replies_total", "counter", map[string]string{"method": "hello text"}},
	{"clasp_listener_up", "gauge", map[string]string{"transport": transports + " discovery mdns metrics", "address": anyValue}},
	{"clasp_tls_certificate_expiry_timestamp_seconds", "gauge", nil},
}

// TestMetricsTable: a router with every option shows all of the table and nothing else, from its first scrape on, with every
// value of every label; and Prometheus' own rules for names are kept.
func TestMetricsTable(t *testing.T) {
	page := everything(t).page(t)
	found := readScrape(page)
	kinds := map[string]string{}
	for _, line := range regexp.MustCompile(`(?m)^# TYPE (clasp_\S+) (\S+)$`).FindAllStringSubmatch(page, -1) {
		kinds[line[1]] = line[2]
	}
	for _, row := range metricsTable {
		if kinds[row.name] != row.kind {
			t.Errorf("%s is a %q, want a %s", row.name, kinds[row.name], row.kind)
		}
		delete(kinds, row.name)
		series := found[row.name]
		if row.kind == "histogram" {
			series = found[row.name+"_count"]
		}
		want := 1
		values := map[string]map[string]bool{}
		for _, labels := range series {
			for label, value := range labels {
				if label == "job" || label == "instance" { // readScrape's
					continue
				}
				if values[label] == nil {
					values[label] = map[string]bool{}
				}
				values[label][value] = true
			}
		}
		if !slices.Equal(slices.Sorted(maps.Keys(values)), slices.Sorted(maps.Keys(row.labels))) {
			t.Errorf("%s has the labels %v, want %v", row.name, values, row.labels)
			continue
		}
		complete := true
		for label, list := range row.labels {
			if complete = complete && list != anyValue; list == anyValue {
				continue
			}
			all := slices.Sorted(strings.FieldsSeq(list))
			want *= len(all)
			if got := slices.Sorted(maps.Keys(values[label])); !slices.Equal(got, all) {
				t.Errorf("%s{%s} has\n%v, want\n%v", row.name, label, got, all)
			}
		}
		if complete && len(series) != want {
			t.Errorf("%s has %d series, want %d: every value beside every other", row.name, len(series), want)
		}
	}
	for name := range kinds {
		t.Errorf("%s is not in the table", name)
	}
	for _, name := range []string{"go_goroutines", "process_open_fds", "process_resident_memory_bytes"} {
		if len(found[name]) == 0 {
			t.Errorf("no %s", name)
		}
	}
	for _, line := range regexp.MustCompile(`(?m)^clasp_(?:messages|errors|connections|disconnects|handshake|transport|broadcast|frames)\S* (\S+)$`).FindAllStringSubmatch(page, -1) {
		if line[1] != "0" {
			t.Errorf("before anybody has come: %s", line[0])
		}
	}
	problems, err := promlint.New(strings.NewReader(page)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// TestMetricsByTransport: each way in is counted as itself, and what clients call themselves and their addresses is nowhere.
func TestMetricsByTransport(t *testing.T) {
	s := everyWay(t)
	series := func(page string) int { return len(sampleLine.FindAllString(page, -1)) }
	_, before := s.fetched(t, "/metrics")
	for label, transport := range map[string]string{"ws": "WebSocket", "quic": "QUIC", "udp": "UDP", "tcp": "TCP"} {
		c, err := goclient.Dial(t.Context(), s.url(t, transport), goclient.Options{TLS: s.folder.trust(t), Name: "Madame Secret"})
		if err != nil {
			t.Fatalf("%s: %v", transport, err)
		}
		if _, err := c.Set(t.Context(), "/hidden/thing", 1); err != nil {
			t.Errorf("%s: %v", transport, err)
		}
		c.Close()
		for name, least := range map[string]float64{
			"clasp_connections_total": 1, "clasp_transport_received_bytes_total": 50, "clasp_transport_sent_bytes_total": 50,
		} {
			if n := s.metric(t, name+`\{transport="`+label+`"\}`); !(n >= least) {
				t.Errorf("%s by %s: %v", name, label, n)
			}
		}
	}
	if sets, acks := s.metric(t, `clasp_messages_total\{type="set"\}`), s.metric(t, `clasp_messages_sent_total\{type="ack"\}`); sets < 4 || acks < 4 {
		t.Errorf("%v SETs in, %v ACKs out", sets, acks)
	}
	if n := s.metric(t, "clasp_state_bytes"); n != float64(len("/hidden/thing")+9) {
		t.Errorf("%v bytes of state", n)
	}
	_, page := s.fetched(t, "/metrics")
	if strings.Contains(page, "Secret") || strings.Contains(page, "hidden") {
		t.Errorf("a name or an address is in\n%s", page)
	}
	if now, then := series(page), series(before); now != then {
		t.Errorf("%d series, %d before anybody came", now, then)
	}
}
