// The engine inside clasp-bench, for profiles: what users run has no switch for them.

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/pprof"
	"time"

	"github.com/spf13/cobra"

	"github.com/clasp-studio/clasp/router"
	"github.com/clasp-studio/clasp/router/transport/ws"
)

func newServeCommand() *cobra.Command {
	var profile string
	cmd := &cobra.Command{
		Use: "serve ADDRESS", Hidden: true, Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return serve(cmd.Context(), args[0], profile) },
	}
	cmd.Flags().StringVar(&profile, "profile", "", "Write PREFIX.cpu.prof and PREFIX.allocs.prof at the end")
	return cmd
}

// serve runs a router with the limits of a default configuration until ctx ends.
func serve(ctx context.Context, addr, profile string) (err error) {
	cpu, err := os.Create(profile + ".cpu.prof")
	if err != nil {
		return fmt.Errorf("write the CPU profile: %w", err)
	}
	defer func() { err = errors.Join(err, cpu.Close()) }()
	r, err := router.New(router.Options{Name: "clasp-bench", Limits: router.Limits{
		MaxMessageSize: 65536, MaxSubscriptions: 1000, MaxParams: 1_000_000, WelcomeSnapshot: 10_000, SessionTimeout: 300 * time.Second,
	}})
	if err != nil {
		return err
	}
	s, err := ws.Listen(r, addr)
	if err != nil {
		return err
	}
	if err := pprof.StartCPUProfile(cpu); err != nil {
		return err
	}
	<-ctx.Done()
	pprof.StopCPUProfile()

	allocs, err := os.Create(profile + ".allocs.prof")
	if err != nil {
		return fmt.Errorf("write the allocation profile: %w", err)
	}
	defer func() { err = errors.Join(err, allocs.Close()) }()
	if err := pprof.Lookup("allocs").WriteTo(allocs, 0); err != nil {
		return err
	}
	_ = s.Close() // the profiles are what matters
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = r.Close(stop)
	return nil
}
