// The command line of clasp-bench versus.

package main

import (
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/clasp-studio/clasp/cmd/clasp-bench/versus"
)

func newVersusCommand() *cobra.Command {
	var o versus.Options
	workloads, peers := versus.Names()
	cmd := &cobra.Command{
		Use:   "versus",
		Short: "Run the same workloads against clasp and against its peers",
		Long: `Each workload runs against clasp, against every peer that is installed or can be built
here, and where it can against a bare relay, which is about what the machine can do:
in turns, each server in a process of its own, with server and load on a core each
("apart") and on the same two ("shared"). Peers that are missing are named in the
report, with what to install.

The report has a table a workload, and first of all every number in which clasp is not
the best. A run that loses or repeats messages is void and counts for nothing. The exit
code is 1 when clasp or the relay had such a run, or clasp one out of order, or when a run
could not be made; that a peer loses messages is a result, which the report names.

It takes about two hours; with --repeat 1 --duration 2s half an hour, and --quick
takes two. The first time, the Rust reference is built, which takes some minutes more
(CLASP_BENCH_RUST=0 leaves it out). Nothing else should run meanwhile.

The servers' files are in the temporary folder. Workloads that are about a disk refuse
one in memory; TMPDIR says where it is.`,
		Example: `  go run ./cmd/clasp-bench versus --out /tmp/results
  go run ./cmd/clasp-bench versus --repeat 1 --duration 2s
  go run ./cmd/clasp-bench versus --only fanout-100,burst --against nats,redis
  go run ./cmd/clasp-bench versus --quick`,
		Args: func(cmd *cobra.Command, args []string) error { return asUsage(cobra.NoArgs(cmd, args)) },
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.Check(); err != nil {
				return asUsage(err)
			}
			return versus.Run(cmd.Context(), o, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f := cmd.Flags()
	f.StringSliceVar(&o.Only, "only", nil, "Run only these workloads: "+strings.Join(workloads, ", "))
	f.StringSliceVar(&o.Against, "against", nil, "Run only against these peers, which have to be there: "+strings.Join(peers, ", "))
	f.DurationVar(&o.Duration, "duration", 5*time.Second, "How long one run sends")
	f.IntVar(&o.Repeat, "repeat", 3, "How often everything is run, in turns")
	f.BoolVar(&o.Quick, "quick", false, "One short round on a small scale: shows that everything works, measures nothing")
	f.BoolVar(&o.JSON, "json", false, "Print JSON")
	f.StringVar(&o.Out, "out", "", "Also write the report with its plots and all samples into this folder")
	return cmd
}
