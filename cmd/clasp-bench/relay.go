// The relay (internal/relay) as a server of its own, and as this program connects to it.

package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/clasp-studio/clasp/cmd/clasp-bench/internal/relay"
)

// dialRelay opens a connection to the relay; takes says that it gets copies of what
// others, or it itself, send. All are on one channel.
func dialRelay(addr string, takes bool) (*link, error) {
	l, err := connect(addr)
	if err != nil {
		return nil, err
	}
	role := byte(relay.Send)
	if takes {
		role = relay.Take
	}
	if _, err = l.Write([]byte{role, '\n'}); err == nil {
		if err = l.fill(); err == nil {
			l.from++
		}
	}
	if err != nil {
		_ = l.Close()
		return nil, fmt.Errorf("connect to the relay at %s: %w", addr, err)
	}
	return l, nil
}

func newRelayCommand() *cobra.Command {
	return &cobra.Command{
		Use: "relay ADDRESS", Hidden: true, Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return relay.Serve(cmd.Context(), args[0]) },
	}
}
