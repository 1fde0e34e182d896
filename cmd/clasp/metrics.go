// The metrics port: /metrics, /healthz and /readyz of a running server. A router
// without it is a router all the same.

package main

import (
	"errors"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/clasp-studio/clasp/router/metrics"
	"github.com/clasp-studio/clasp/router/sites"
)

const (
	// metricsConnections is how many connections the port may have open at a time, so
	// that it cannot use up what the sessions need.
	metricsConnections = 32
	// metricsPatience is how long a request may take to come, and its answer to go.
	metricsPatience = 10 * time.Second
)

// metricsServer is the open port.
type metricsServer struct {
	net.Listener
	http http.Server
}

// metricsPort is the port of a server whose other listeners have been added.
func (s *server) metricsPort() *optional {
	c, shown := s.running, s.metrics()
	network := "tcp"
	if addressOf(c.Bind).Is4() {
		network = "tcp4" // Go would take 0.0.0.0 for IPv6 as well
	}
	return &optional{
		name: "Metrics", label: "metrics", scheme: "http", path: "/metrics",
		network: "tcp", bind: c.Bind, port: c.Metrics.Port, flag: "--metrics-port",
		open: func(address string) (socket, error) {
			l, err := net.Listen(network, address)
			if err != nil {
				return nil, err
			}
			return s.serveMetrics(l, shown), nil
		},
	}
}

// metrics are all that the server shows.
func (s *server) metrics() *metrics.Metrics {
	build := buildVersion()
	return metrics.New(metrics.Options{
		Version: build.Version, Revision: build.Commit, Start: s.started, Reloads: s.counted, Persistence: s.state.metrics,
		CertificateExpiry: s.certs.expires(), Pairing: s.devices.metrics(),
		Router: s.routed,
		Listeners: func() []metrics.Listener {
			all := slices.Concat([]metrics.Listener{{Transport: "ws", Address: s.ws.Addr().String(), Up: !s.ending()}}, s.ways.metrics(), s.pages.metrics())
			if s.found != nil {
				all = append(all, s.found.metrics(s.udp)...)
			}
			return all
		},
	})
}

// routed is what the router has counted, as it is shown.
func (s *server) routed() metrics.Router {
	now, refused, all := s.router.Stats(), s.router.Refused(), s.router.Counted()
	m := metrics.Router{
		Sessions: now.Sessions, Subscriptions: now.Subscriptions, Params: now.Params,
		Slow: all.Slow, Locks: all.Locks, StateBytes: all.StateBytes,
		Received: all.Received, Sent: all.Sent, Dropped: all.Dropped, Errors: all.Errors,
		AuthFailures: refused.Auth, Denied: refused.Denied,
		Handled: make(map[string]metrics.Histogram), Fanout: metrics.Histogram(all.Fanout), Flushed: metrics.Histogram(all.Flushed),
		Transports: make(map[string]metrics.Transport),
	}
	for kind, h := range all.Handled {
		m.Handled[kind] = metrics.Histogram(h)
	}
	for name, t := range all.Transports {
		m.Transports[name] = metrics.Transport(t)
	}
	if s.found != nil {
		m.Discovered = s.found.replies()
	}
	return m
}

// serveMetrics serves on a listener until it is closed.
func (s *server) serveMetrics(listener net.Listener, shown *metrics.Metrics) *metricsServer {
	m := &metricsServer{Listener: listener}
	var open atomic.Int32
	m.http = http.Server{
		Handler:        ownPage(s.sites, shown.Handler(s.unready)),
		ReadTimeout:    metricsPatience,
		WriteTimeout:   metricsPatience,
		IdleTimeout:    2 * time.Minute, // longer than what is between two scrapes
		MaxHeaderBytes: 16 << 10,
		ErrorLog:       slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
		ConnState: func(c net.Conn, state http.ConnState) {
			switch state {
			case http.StateNew:
				if open.Add(1) > metricsConnections {
					_ = c.Close()
				}
			case http.StateClosed:
				open.Add(-1)
			}
		},
	}
	go func() {
		if err := m.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			s.log.Error("no metrics any more", "error", err)
		}
	}()
	return m
}

// unready says why the router should get no new clients.
func (s *server) unready() (reasons []string) {
	if s.ending() {
		reasons = append(reasons, "stopping")
	}
	if failing := s.state.failing(); failing != "" {
		reasons = append(reasons, failing)
	}
	return reasons
}

// ownPage shows h only to whom package sites lets see the router's own pages.
func ownPage(rules func() sites.Rules, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := rules().Own(r.Header.Get("Origin"), r.Host); err != nil {
			http.Error(w, err.Error(), http.StatusForbidden)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// Close cuts whoever is still asking.
func (m *metricsServer) Close() error { return m.http.Close() }

// ending reports whether the server stops.
func (s *server) ending() bool {
	select {
	case <-s.stopping:
		return true
	default:
		return false
	}
}
