// clasp pair allow: let a device in that can show no token.

package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/clasp-studio/clasp/pairing"
	"github.com/spf13/cobra"
)

func newPairAllowCommand() *cobra.Command {
	var router adminRouter
	var grant grantFlags
	var from string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "allow",
		Short: "Let a device in by its name and address, without a token",
		Long: `Let a device in by its name and address, without a token: for sensors and the like that
cannot keep one. It is in from now on, whenever it comes with that name from there.

Whoever is in the same network can take that name and that address. Give it the profile
that does no harm, and a listener or a network of its own where you can.

It acts on the running router of this machine.`,
		Example: `  clasp pair allow --name stage-mat --from 10.0.0.40 --profile sensor`,
	}
	grant.addFlags(cmd, "as it says itself")
	lifetime := cmd.Flags().Lookup("lifetime")
	if err := lifetime.Value.Set(string(pairing.LifetimeForever)); err != nil { // nobody is there to let it in again
		panic(err) // it is one of the words
	}
	lifetime.DefValue = lifetime.Value.String()
	lifetime.Usage = strings.Replace(lifetime.Usage, " (the default)", "", 1)
	cmd.Flags().StringVar(&from, "from", "", "The `ADDRESS` it comes from, or a prefix as in 10.0.0.0/24")
	cmd.Flags().BoolVar(&asJSON, "json", false, "Print JSON")
	router.addFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if grant.name == "" || from == "" {
			return usageError(cmd, errors.New("--name and --from are both needed: the two are all that it is known by"))
		}
		var d deviceView
		if err := router.ask(cmd.Context(), cmd, allowRoute, "", allowRequest{grant.request(), from}, &d); err != nil {
			return err
		}
		if !asJSON {
			warn(cmd.ErrOrStderr(), "%s shows no token: whoever has this name and comes from %s is taken for it", shown(d.Name), shown(from))
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s is allowed from %s, with the profile %s, %s\n", shown(d.Name), shown(from), shown(d.Profile), lasts(&d.Device))
			return err
		}
		return printJSON(cmd.OutOrStdout(), d)
	}
	return cmd
}
