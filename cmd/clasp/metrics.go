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
func serveMetrics(s *server, started time.Time) *metricsServer {
	c := s.running
	build := buildVersion()
	shown := metrics.New(metrics.Options{
		Version: build.Version, Revision: build.Commit, Start: started, Persistence: s.state.metrics,
		Router: func() metrics.Router {
			now := s.router.Stats()
			return metrics.Router{Sessions: now.Sessions, Subscriptions: now.Subscriptions, Params: now.Params}
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
		Handler: shown.Handler(func() (reasons []string) {
			if m.stopping.Load() {
				reasons = append(reasons, "stopping")
			}
			if failing := s.state.failing(); failing != "" {
				reasons = append(reasons, failing)
			}
			return reasons
		}),
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

// close cuts whoever is still asking.
func (m *metricsServer) close() { _ = m.http.Close() } // there is nothing to lose
