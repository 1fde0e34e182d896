// clasp status: what the dashboard shows, as plain lines, for scripts, logs and screen readers.

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/clasp-studio/clasp/router/monitor"
	"github.com/clasp-studio/clasp/router/monitor/remote"
	"github.com/spf13/cobra"
)

// rateOver is how long is between the two looks that rates are made of.
const rateOver = 600 * time.Millisecond

// status is one run of clasp status.
type status struct {
	cmd    *cobra.Command
	router adminRouter

	follow, asJSON, asCSV, pins bool
}

func newStatusCommand() *cobra.Command {
	s := status{}
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Print how a running router is: health, connections, pairing requests, rates",
		Long: `Print how a router that runs on this machine is: what the dashboard shows, as plain lines.

--follow prints one line for each thing that happens, until Ctrl-C: who comes and goes or is
slow, pairing requests, problems, warnings and errors of the log, and every ten seconds the
rates. It suits screen readers. If the router goes, it is waited for.

--json prints one object: "at"; "overview" with name, version, pid, listeners, problems, counts
and totals since the start; "clients" with all connections in "rows" and their rates a second;
"pairing" with requests, invites and devices. Durations in it are nanoseconds. --csv prints the connections, one a line below
the names of the columns.

Exit codes: 0 printed, or stopped by Ctrl-C; 1 there is no such router.`,
		Example: `  clasp status
  clasp status --follow
  clasp status --json | jq .overview.problems`,
	}
	s.cmd = cmd
	s.router.addFlags(cmd)
	flags := cmd.Flags()
	flags.BoolVarP(&s.follow, "follow", "f", false, "Print what happens, line by line, until Ctrl-C")
	flags.BoolVar(&s.asJSON, "json", false, "Print one JSON object")
	flags.BoolVar(&s.asCSV, "csv", false, "Print the connections as CSV")
	flags.BoolVar(&s.pins, "pins", false, "Show PINs and links that let devices in, on a terminal or with --json")
	cmd.MarkFlagsMutuallyExclusive("follow", "json", "csv")
	cmd.RunE = func(*cobra.Command, []string) error { return s.run() }
	return cmd
}

func (s *status) run() error {
	if s.pins {
		if err := maySecret(s.cmd, "a PIN", s.asJSON); err != nil {
			return err
		}
	}
	if err := s.router.find(s.cmd); err != nil {
		return err
	}
	ctx, stop := stoppable(s.cmd)
	defer stop()
	source := remote.Dial(ctx, s.router.socket)
	if s.follow {
		return newFollower(source, s.cmd.OutOrStdout(), s.pins).run(ctx)
	}
	limited, cancel := s.router.within(ctx)
	defer cancel()
	before, err := wholeFrame(limited, source)
	if err != nil {
		return s.explain(err)
	}
	select { // rates take two
	case <-time.After(rateOver):
	case <-limited.Done():
		return fmt.Errorf("stopped: %w", limited.Err())
	}
	now, err := wholeFrame(limited, source)
	if err != nil {
		return s.explain(err)
	}
	if !s.pins {
		withoutPINs(&now.Pairing)
	}
	out := s.cmd.OutOrStdout()
	switch {
	case s.asJSON:
		if now.Overview.Problems == nil {
			now.Overview.Problems = []monitor.Problem{} // a list for whoever counts them
		}
		return printJSON(out, now)
	case s.asCSV:
		return printClientsCSV(out, now.Clients.Rows)
	default:
		return printStatus(out, &before, &now)
	}
}

// explain adds to an error what to do about it.
func (s *status) explain(err error) error {
	if errors.Is(err, monitor.ErrUnreachable) {
		return fmt.Errorf("%w; see that it runs, or name another with --port or --socket", err)
	}
	return err
}

// pageOverlap is how many connections are asked for twice: of so many that go between two pages
// nobody else is missed.
const pageOverlap = 64

// wholeFrame returns a frame with every connection, in order of name. Some may have come or
// gone between its pages.
func wholeFrame(ctx context.Context, source monitor.Source) (monitor.Frame, error) {
	q := monitor.ClientQuery{Sort: monitor.SortName, Limit: monitor.MaxClients}
	f, err := source.Frame(ctx, monitor.Query{Clients: &q})
	if err != nil {
		return f, err
	}
	seen := make(map[string]bool)
	var all []monitor.Client
	for page := f.Clients; ; {
		for _, c := range page.Rows {
			if !seen[c.ID] {
				seen[c.ID], all = true, append(all, c)
			}
		}
		if q.Offset += len(page.Rows); len(page.Rows) < monitor.MaxClients || q.Offset >= page.Shown {
			break
		}
		q.Offset -= pageOverlap
		next, err := source.Frame(ctx, monitor.Query{Clients: &q})
		if err != nil {
			return f, err
		}
		page = next.Clients
	}
	f.Clients.Rows = all
	return f, nil
}

// withoutPINs takes out all that lets somebody in who reads it.
func withoutPINs(p *monitor.Pairing) {
	for i := range p.Knocks {
		p.Knocks[i].Code = ""
	}
	for i := range p.Invites {
		p.Invites[i].PIN, p.Invites[i].Links = "", nil
	}
}
