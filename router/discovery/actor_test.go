// What the test program does in another network namespace: be a router that is announced and answers probes, or one who
// looks for routers.

package discovery_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/clasp-studio/clasp/router/discovery"
	"go.uber.org/goleak"
)

// actorVariable has the role as JSON.
const actorVariable = "CLASP_DISCOVERY_TEST_ACTOR"

type role struct {
	Info discovery.Info
	UDP  bool // answer probes

	Tell *discovery.Info // at SIGHUP
	Slow bool            // look at the links as often as a router in use does

	// To look for routers for a time instead.
	FindUDP, FindMDNS bool
	For               time.Duration
}

// act plays a role until SIGTERM. A router writes its log to stderr as JSON; a search writes what it finds to stdout.
func act(options string) error {
	var r role
	if err := json.Unmarshal([]byte(options), &r); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if r.For > 0 {
		return find(ctx, r)
	}
	if err := announce(ctx, r); err != nil {
		return err
	}
	stop()
	return goleak.Find()
}

func find(ctx context.Context, r role) error {
	ctx, cancel := context.WithTimeout(ctx, r.For)
	defer cancel()
	found, err := discovery.Find(ctx, discovery.Search{UDP: r.FindUDP, MDNS: r.FindMDNS}, nil)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(found)
}

func announce(ctx context.Context, r role) error {
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	if r.UDP {
		server, err := discovery.Listen("0.0.0.0:7331", discovery.NewResponder(r.Info, discovery.ResponderOptions{}))
		if err != nil {
			return err
		}
		defer server.Close()
	}
	o := discovery.AnnounceOptions{Info: r.Info, Logger: log, Poll: 200 * time.Millisecond, Debounce: 100 * time.Millisecond}
	if r.Slow {
		o.Poll, o.Debounce = 0, 0
	}
	a, err := discovery.Announce(o)
	if err != nil {
		return err
	}
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	for {
		select {
		case <-hangups:
			a.Tell(*r.Tell)
		case <-ctx.Done():
			a.Close()
			return nil
		}
	}
}
