// Command raw is the relay (internal/relay) as a server of its own: the limit of the
// machine that clasp-bench versus holds its peers against.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/clasp-studio/clasp/cmd/clasp-bench/internal/relay"
)

func main() {
	if len(os.Args) != 2 {
		_, _ = fmt.Fprintln(os.Stderr, "usage: raw ADDRESS")
		os.Exit(2)
	}
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	if err := relay.Serve(ctx, os.Args[1]); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "raw:", err)
		os.Exit(1)
	}
}
