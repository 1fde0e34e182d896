// clasp get: the present value of a param, or of all that match a pattern.

package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/clasp-studio/clasp/router/address"
	"github.com/clasp-studio/clasp/router/client"
	"github.com/clasp-studio/clasp/router/wire"
	"github.com/spf13/cobra"
)

func newGetCommand() *cobra.Command {
	var router connection
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "get ADDRESS|PATTERN",
		Short: "Print the value of a param, or of every param that matches a pattern",
		Long: `Print the value of a param, or of every param that matches a pattern.

Of one address, the value alone is printed, as JSON. Of a pattern ('*' is one
segment, '**' any number), each line is an address and its value.`,
		Example: `  clasp get /lights/brightness
  clasp get '/lights/**'
  clasp get --url discover:Studio '/**'   of the router of that name on this network
  clasp get --json /lights/brightness     with revision, writer and time
  clasp get /scene/1 | clasp set /scene/2 -`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fmt.Errorf("expected one ADDRESS or PATTERN, got %d arguments", len(args))
			}
			if !isPattern(args[0]) {
				return address.Valid(args[0])
			}
			_, err := address.Compile(args[0])
			return err
		},
	}
	router.addFlags(cmd, 5*time.Second, "How long to wait for the router, 0 for ever")
	cmd.Flags().BoolVar(&asJSON, "json", false, "Print JSON, one line a param")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		ctx, stop := stoppable(cmd)
		defer stop()
		ctx, cancel := router.within(ctx)
		defer cancel()
		c, err := router.dial(ctx, cmd, client.Options{})
		if err != nil {
			return err
		}
		defer c.Close()

		out := cmd.OutOrStdout()
		if !isPattern(args[0]) {
			p, err := c.Get(ctx, args[0])
			switch {
			case err != nil:
				return router.explain(err)
			case asJSON:
				return printJSON(out, messageOfParam(p))
			}
			_, err = fmt.Fprintf(out, "%s\n", wire.AppendJSON(nil, p.Value))
			return err
		}
		params, err := c.Snapshot(ctx, args[0])
		if err != nil {
			return router.explain(err)
		}
		for _, p := range params {
			if asJSON {
				err = printJSON(out, messageOfParam(p))
			} else {
				_, err = fmt.Fprintf(out, "%s %s\n", shown(p.Address), wire.AppendJSON(nil, p.Value))
			}
			if err != nil {
				return err
			}
		}
		if len(params) == 0 {
			_, err = fmt.Fprintf(cmd.ErrOrStderr(), "clasp: no param matches %s\n", shown(args[0]))
		}
		return err
	}
	return cmd
}

func isPattern(text string) bool { return strings.Contains(text, "*") }
