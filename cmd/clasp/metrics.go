// The metrics port: /metrics, /healthz and /readyz of a running server. A router
// without it is a router all the same.

package main

import (
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strconv"
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
	http     http.Server
	stopping atomic.Bool
}

// serveMetrics opens the port of a server whose other listeners are open. When it
// cannot, it says so and returns nil.
func serveMetrics(s *server) *metricsServer {
	c := s.running
	build := buildVersion()
	shown := metrics.New(metrics.Options{
		Version: build.Version, Revision: build.Commit, Start: s.started, Reloads: s.counted, Persistence: s.state.metrics,
		CertificateExpiry: s.certs.expires(),
		Router: func() metrics.Router {
			now, refused := s.router.Stats(), s.router.Refused()
			return metrics.Router{
				Sessions: now.Sessions, Subscriptions: now.Subscriptions, Params: now.Params,
				AuthFailures: refused.Auth, Denied: refused.Denied,
			}
		},
	})
	listener, err := net.Listen("tcp", net.JoinHostPort(c.Bind, strconv.Itoa(c.Metrics.Port)))
	if err != nil {
		s.log.Error("no metrics", "error", listenError(err, c.Bind, c.Metrics.Port, "--metrics-port"))
		return nil
	}
	shown.Listener("ws", s.ws.Addr().String(), true)
	shown.Listener("metrics", listener.Addr().String(), true)

	m := &metricsServer{Listener: listener}
	var open atomic.Int32
	m.http = http.Server{
		Handler: ownPage(s.sites, shown.Handler(func() (reasons []string) {
			if m.stopping.Load() {
				reasons = append(reasons, "stopping")
			}
			if failing := s.state.failing(); failing != "" {
				reasons = append(reasons, failing)
			}
			return reasons
		})),
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

// close cuts whoever is still asking.
func (m *metricsServer) close() { _ = m.http.Close() } // there is nothing to lose
