// The engine inside clasp-bench, for profiles: what users run has no switch for them.

package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime/pprof"
	"time"

	"github.com/spf13/cobra"

	"github.com/clasp-studio/clasp/router"
	"github.com/clasp-studio/clasp/router/store"
	"github.com/clasp-studio/clasp/router/transport/quic"
	"github.com/clasp-studio/clasp/router/transport/udp"
	"github.com/clasp-studio/clasp/router/transport/ws"
)

// serving is what the server is to do. The flags are those of clasp server.
type serving struct {
	profile  string
	persist  bool
	path     string
	interval int // s

	cert, key string
	quic      bool
	quicPort  string
	udp       bool
	udpPort   string
}

func newServeCommand() *cobra.Command {
	var o serving
	cmd := &cobra.Command{
		Use: "serve ADDRESS", Hidden: true, Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return o.serve(cmd.Context(), args[0]) },
	}
	f := cmd.Flags()
	f.StringVar(&o.profile, "profile", "", "Write PREFIX.cpu.prof and PREFIX.allocs.prof at the end")
	f.BoolVar(&o.persist, "persist", false, "Keep the state on disk")
	f.StringVar(&o.path, "persist-path", "", "In this file")
	f.IntVar(&o.interval, "persist-interval", 5, "Seconds between checkpoints")
	f.StringVar(&o.cert, "tls-cert", "", "Speak TLS with this certificate")
	f.StringVar(&o.key, "tls-key", "", "And its private key")
	f.BoolVar(&o.quic, "quic", false, "Speak QUIC")
	f.StringVar(&o.quicPort, "quic-port", "", "On this port")
	f.BoolVar(&o.udp, "udp", false, "Speak UDP")
	f.StringVar(&o.udpPort, "udp-port", "", "On this port")
	return cmd
}

// serve runs a router with the limits of a default configuration until ctx ends.
func (o serving) serve(ctx context.Context, addr string) (err error) {
	cpu, err := os.Create(o.profile + ".cpu.prof")
	if err != nil {
		return fmt.Errorf("write the CPU profile: %w", err)
	}
	defer func() { err = errors.Join(err, cpu.Close()) }()
	if err := pprof.StartCPUProfile(cpu); err != nil {
		return err
	}
	defer pprof.StopCPUProfile() // once more does nothing
	end, err := o.open(addr)
	if err != nil {
		return err
	}
	<-ctx.Done()
	pprof.StopCPUProfile()

	allocs, err := os.Create(o.profile + ".allocs.prof")
	if err != nil {
		return fmt.Errorf("write the allocation profile: %w", err)
	}
	defer func() { err = errors.Join(err, allocs.Close()) }()
	if err := pprof.Lookup("allocs").WriteTo(allocs, 0); err != nil {
		return err
	}
	end()
	return nil
}

// open starts the router. end ends it as well as it can: the profiles are what matters.
func (o serving) open(addr string) (end func(), err error) {
	var state *store.Store
	if o.persist {
		if state, err = store.Open(store.Options{Path: o.path, Interval: time.Duration(o.interval) * time.Second}); err != nil {
			return nil, err
		}
	}
	r, err := router.New(router.Options{Name: "clasp-bench", Store: state, Settings: router.Settings{Limits: router.Limits{
		MaxMessageSize: 65536, MaxSubscriptions: 1000, MaxParams: 1_000_000, WelcomeSnapshot: 10_000, SessionTimeout: 300 * time.Second,
	}}})
	if err != nil {
		return nil, err
	}
	open, err := o.listen(r, addr)
	if err != nil {
		return nil, err
	}
	return func() {
		for _, s := range open {
			_ = s.Close()
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = r.Close(ctx)
		if state != nil {
			_ = state.Close(ctx)
		}
	}, nil
}

// listen opens the transports.
func (o serving) listen(r *router.Router, addr string) (open []io.Closer, err error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	var secured *tls.Config
	if o.cert != "" {
		pair, err := tls.LoadX509KeyPair(o.cert, o.key)
		if err != nil {
			return nil, err
		}
		secured = &tls.Config{Certificates: []tls.Certificate{pair}}
	}
	if o.quic {
		s, err := quic.Listen(r, net.JoinHostPort(host, o.quicPort), quic.Options{TLS: secured})
		if err != nil {
			return nil, err
		}
		open = append(open, s)
	}
	if o.udp {
		s, err := udp.Listen(r, net.JoinHostPort(host, o.udpPort), udp.Options{})
		if err != nil {
			return nil, err
		}
		open = append(open, s)
	}
	s, err := ws.Listen(r, addr, ws.Options{TLS: secured}) // last: the load waits for its port
	if err != nil {
		return nil, err
	}
	return append(open, s), nil
}
