//go:build unix

// Runs the real router for its metrics port: what it answers, what it refuses, what it costs when it is misused.

package main_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// measured starts a router in memory with a metrics port.
func measured(t *testing.T, args ...string) *service {
	t.Helper()
	return serve(t, nil, append([]string{"--port", "0", "--bind", "127.0.0.1", "--metrics", "--metrics-port", "0"}, args...)...)
}

// TestMetricsPage: what is shown of a router that keeps nothing, and of its sessions as they come.
func TestMetricsPage(t *testing.T) {
	s := measured(t)
	status, page := s.fetched(t, "/metrics")
	if status != http.StatusOK {
		t.Fatalf("status %d\n%s", status, page)
	}
	for _, line := range []string{
		`clasp_build_info\{goversion="go[^"]+",revision="[^"]*",version="[^"]+"\} 1`,
		`clasp_start_time_seconds 1\.\d+e\+09`,
		`clasp_listener_up\{address="` + regexp.QuoteMeta(s.address(t)) + `",transport="ws"\} 1`,
		`clasp_listener_up\{address="` + strings.TrimPrefix(s.metricsURL(t), "http://") + `",transport="metrics"\} 1`,
		`clasp_sessions_active 0`, `clasp_subscriptions_active 0`, `clasp_state_params_active 0`,
		`go_goroutines \d+`,
	} {
		if !regexp.MustCompile(`(?m)^` + line + `$`).MatchString(page) {
			t.Errorf("no line %s in\n%s", line, page)
		}
	}
	if regexp.MustCompile(`clasp_persist_|clasp_restore_`).MatchString(page) {
		t.Error("a router that keeps nothing has metrics about it")
	}
	c := greeted(t, s.address(t))
	subscribes(t, c, 1, "/a")
	for name, want := range map[string]float64{"clasp_sessions_active": 1, "clasp_subscriptions_active": 1} {
		if got := s.metric(t, name); got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
}

// TestMetricsEverywhere: on all cards means by IPv4, as for every other port.
func TestMetricsEverywhere(t *testing.T) {
	s := serve(t, nil, "--port", "0", "--metrics", "--metrics-port", "0")
	port := s.until(t, s.stdout.String, `http://[0-9.]+:(\d+)/metrics`)[1]
	response, err := http.Get("http://127.0.0.1:" + port + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	page, err := io.ReadAll(response.Body)
	if want := `clasp_listener_up{address="0.0.0.0:` + port + `",transport="metrics"} 1`; err != nil || !strings.Contains(string(page), want) {
		t.Errorf("no %s in\n%s, %v", want, page, err)
	}
}

func TestMetricsMethods(t *testing.T) {
	s := measured(t)
	for method, want := range map[string]int{"GET": 200, "HEAD": 200, "POST": 405, "DELETE": 405} {
		for _, page := range []string{"/metrics", "/healthz", "/readyz"} {
			request, err := http.NewRequestWithContext(context.Background(), method, s.metricsURL(t)+page, nil)
			if err != nil {
				t.Fatal(err)
			}
			response, err := http.DefaultClient.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			_ = response.Body.Close()
			if response.StatusCode != want {
				t.Errorf("%s %s: %s, want %d", method, page, response.Status, want)
			}
		}
	}
}

// TestMetricsCrowd: connections that ask for nothing take a bounded number of descriptors, and the router goes on.
func TestMetricsCrowd(t *testing.T) {
	s := measured(t)
	address := strings.TrimPrefix(s.metricsURL(t), "http://")
	cut := make(chan struct{}, 100)
	for range cap(cut) {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		go func() {
			_ = c.SetReadDeadline(time.Now().Add(patience))
			if _, err := c.Read(make([]byte, 1)); err != nil && !os.IsTimeout(err) {
				cut <- struct{}{}
			}
		}()
	}
	for range cap(cut) - 32 {
		select {
		case <-cut:
		case <-time.After(patience):
			t.Fatal("every connection is kept")
		}
	}
	ping(t, greeted(t, s.address(t)))
}

// TestReadyzStopping: a router that waits for its clients to go says that it is no longer ready, and is alive all the same.
func TestReadyzStopping(t *testing.T) {
	s := measured(t)
	stubborn(t, s.address(t))
	s.signal(t, syscall.SIGTERM)
	s.until(t, s.stdout.String, "router stopping")
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		status, body := s.fetched(t, "/readyz")
		if status == http.StatusServiceUnavailable && body == "stopping\n" {
			break
		}
		if status != http.StatusOK || time.Now().After(deadline) { // it may not have got to it yet
			t.Fatalf("/readyz: %d %q", status, body)
		}
	}
	if status, _ := s.fetched(t, "/healthz"); status != http.StatusOK {
		t.Errorf("/healthz: %d", status)
	}
	s.signal(t, syscall.SIGTERM)
	s.exit(t)
}

// TestPortTakenAfterState: a router that has opened its state and then finds its port taken leaves the state in order.
func TestPortTakenAfterState(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, port, _ := net.SplitHostPort(taken.Addr().String()) // a listener's own address
	path := filepath.Join(t.TempDir(), "state.db")
	_, words, code := clasp(t, nil, "server", "--bind", "127.0.0.1", "--port", port, "--persist", "--persist-path", path)
	if code != 69 || !strings.Contains(words, "--port") {
		t.Errorf("exit code %d, %s", code, words)
	}
	if stdout, words, code := clasp(t, nil, "state", "check", path); code != 0 || !strings.Contains(stdout, "epoch 0") || strings.Contains(stdout, "not stopped") {
		t.Errorf("the state it leaves: exit code %d\n%s%s", code, stdout, words)
	}
}

// TestMetricsTakeNothing: a scrape that hangs does not keep the router from stopping.
func TestMetricsTakeNothing(t *testing.T) {
	s := measured(t)
	c, err := net.Dial("tcp", strings.TrimPrefix(s.metricsURL(t), "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, "GET /metrics HTTP/1.1\r\n"); err != nil { // and no more
		t.Fatal(err)
	}
	session := greeted(t, s.address(t))
	s.signal(t, syscall.SIGTERM)
	_ = session.SetReadDeadline(time.Now().Add(patience))
	if _, _, err := session.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseGoingAway) {
		t.Errorf("the client was told %v, want close 1001", err)
	}
	_ = session.Close()
	if code := s.exit(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// TestMetricsFromAPage: health checks by address and by name work; a page of another site, and a name that is not this
// machine's, get nothing.
func TestMetricsFromAPage(t *testing.T) {
	s := measured(t)
	get := func(path, host, origin string) int {
		t.Helper()
		request, err := http.NewRequest(http.MethodGet, s.metricsURL(t)+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Host = host
		if origin != "" {
			request.Header.Set("Origin", origin)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		return response.StatusCode
	}
	own := strings.TrimPrefix(s.metricsURL(t), "http://")
	for _, path := range []string{"/metrics", "/healthz", "/readyz"} {
		for _, host := range []string{own, "clasp-0.clasp.svc.cluster.local:9090", "clasp:9090", "localhost"} {
			if status := get(path, host, ""); status != http.StatusOK {
				t.Errorf("%s of %s: %d", path, host, status)
			}
		}
		if status := get(path, "evil.example:9090", ""); status != http.StatusForbidden {
			t.Errorf("%s under another's name: %d", path, status)
		}
		for _, origin := range []string{"https://evil.example", "null"} {
			if status := get(path, own, origin); status != http.StatusForbidden {
				t.Errorf("%s for a page of %s: %d", path, origin, status)
			}
		}
	}
}
