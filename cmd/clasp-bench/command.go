// The command line.

package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// options are what the command line can change.
type options struct {
	only     []string
	duration time.Duration
	repeat   int
	quick    bool
	json     bool
	server   string
	profile  string
}

func newRootCommand() *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "clasp-bench",
		Short: "Measure the router and print its numbers",
		Long: `Workloads of throughput and latency run with server and load on a core of their own
("apart") and with both on the same two cores ("shared"), against the real clasp and
against a relay that only copies bytes between sockets. Lost, repeated or reordered
messages make a run void, and the exit code 1; a slow machine does not.

quic and quic-openloop take turns with WebSocket over TLS at the same router. udp counts
what arrives, as datagrams may be lost, and says how many a second it has really sent;
repeated ones make it void.

durable, persist, late and restart run clasp with --persist and its file in the
temporary folder, which has to be on a disk (TMPDIR says where it is). They are about
the disk as much as about clasp, so they have other yardsticks: durable takes turns with
bbolt.Batch and with a plain log that is synced with fdatasync, both in this program,
with the same records and without a network; persist takes turns with a clasp without
--persist; late compares the time before a subscriber comes with the time of its
snapshot; restart subtracts what a clasp without params takes.`,
		Example: `  go run ./cmd/clasp-bench
  go run ./cmd/clasp-bench --only fanout,set --repeat 5
  TMPDIR=/var/tmp go run ./cmd/clasp-bench --only durable,persist,late,restart
  go run ./cmd/clasp-bench --quick`,
		Args:          func(cmd *cobra.Command, args []string) error { return asUsage(cobra.NoArgs(cmd, args)) },
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			chosen, err := choose(o.only)
			switch {
			case err != nil:
				return asUsage(err)
			case o.duration <= 0 || o.repeat < 1:
				return asUsage(fmt.Errorf("--duration %v and --repeat %d: both have to be above 0", o.duration, o.repeat))
			case o.server != "" && o.profile != "":
				return asUsage(errors.New("--server and --profile: a program of its own has no profile, give one of them"))
			}
			return bench(cmd.Context(), o, chosen, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	cmd.CompletionOptions.DisableDefaultCmd = true
	f := cmd.Flags()
	f.StringSliceVar(&o.only, "only", nil, "Run only these workloads: "+strings.Join(workloadNames(), ", "))
	f.DurationVar(&o.duration, "duration", 5*time.Second, "How long one run sends")
	f.IntVar(&o.repeat, "repeat", 3, "How often everything is run, in turns")
	f.BoolVar(&o.quick, "quick", false, "One short round on a small scale: shows that everything works, measures nothing")
	f.BoolVar(&o.json, "json", false, "Print JSON")
	f.StringVar(&o.server, "server", "", "Measure this clasp program (default: build the one of this module)")
	f.StringVar(&o.profile, "profile", "", "Write CPU and allocation profiles of the server into this folder; the server is then the engine inside clasp-bench")
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return asUsage(err) })
	cmd.SetHelpTemplate(help)
	cmd.AddCommand(newServeCommand(), newRelayCommand(), newJoinCommand(), newVersusCommand(), newSoakCommand())
	return cmd
}

// help has the examples first: they answer most questions.
const help = `{{.Short}}
{{if .HasExample}}
Examples:
{{.Example}}
{{end}}
Usage:
  {{.UseLine}}
{{with .Long}}
{{.}}
{{end}}
Options:
{{.LocalFlags.FlagUsages}}`

// usageError is one of the command line itself: exit code 2.
type usageError struct{ error }

// asUsage makes err a usageError, unless it is nil.
func asUsage(err error) error {
	if err == nil {
		return nil
	}
	return usageError{err}
}

func workloadNames() []string {
	names := make([]string, len(workloads))
	for i, w := range workloads {
		names[i] = w.name
	}
	return names
}

// choose returns the workloads of these names, all when there are none.
func choose(names []string) ([]workload, error) {
	if len(names) == 0 {
		return workloads, nil
	}
	var chosen []workload
	for _, name := range names {
		found := false
		for _, w := range workloads {
			if w.name == name {
				chosen, found = append(chosen, w), true
			}
		}
		if !found {
			return nil, fmt.Errorf("--only %s: there are the workloads %s", name, strings.Join(workloadNames(), ", "))
		}
	}
	return chosen, nil
}
