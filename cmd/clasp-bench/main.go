// Command clasp-bench measures the router and prints its numbers.
//
// Load comes from raw sockets (link.go, way.go), the server is the real clasp in a
// process of its own (internal/process), and a relay without a broker (internal/relay) says what
// the kernel alone costs on the same machine. What needs a disk is held against what
// bbolt and a plain log give on the same disk (yardstick.go).
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	// The servers it started end with it.
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run executes one command line and returns the exit code: 0 however slow the
// machine is, 1 when a run was void or could not be made, 2 when the command line is
// wrong.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := newRootCommand()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	if err := root.ExecuteContext(ctx); err != nil {
		_, _ = fmt.Fprintf(stderr, "clasp-bench: %v\n", err)
		if errors.As(err, new(usageError)) {
			return 2
		}
		return 1
	}
	return 0
}
