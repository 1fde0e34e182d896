// clasp paired pick, approve, deny and unlock: what the operator says to devices that wait.

package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func newPairedPickCommand() *cobra.Command {
	var router adminRouter
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "pick ID",
		Short: "Show a PIN to type on one device that waits",
		Long: `Show a PIN to type on one device that waits. It works on that device only. It is
shown on a terminal only, unless --json asks for it.`,
		Args: oneName("the ID of a device that waits"),
	}
	router.addFlags(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "Print JSON")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := maySecret(cmd, "a PIN", asJSON); err != nil {
			return err
		}
		var k knockView
		if err := router.ask(cmd.Context(), cmd, pickRoute, args[0], nil, &k); err != nil {
			return err
		}
		if asJSON {
			return printJSON(cmd.OutOrStdout(), k)
		}
		_, err := fmt.Fprintf(cmd.OutOrStdout(), "PIN    %s\nTo be typed on %s (%s, match %s) until %s\n", grouped(k.Code), shown(k.Name), shown(k.Remote), shown(k.Match), clock(k.Expires))
		return err
	}
	return cmd
}

func newPairedApproveCommand() *cobra.Command {
	var router adminRouter
	var grant grantFlags
	var weak, asJSON bool
	cmd := &cobra.Command{
		Use:   "approve ID",
		Short: "Let a device in that waits",
		Long: `Let a device in that waits. See first that it shows the match code that
'clasp paired list' prints: a name and an address can be anybody's.

With --weak it needs no token from now on, and comes in by name and address: for
devices that can keep none, in a network where nobody plays tricks.`,
		Example: `  clasp paired approve k7w2
  clasp paired approve k7w2 --profile operator --lifetime show`,
		Args: oneName("the ID of a device that waits"),
	}
	grant.addFlags(cmd, "(default what it calls itself)")
	cmd.Flags().BoolVar(&weak, "weak", false, "Let it in by name and address alone from now on")
	cmd.Flags().BoolVar(&asJSON, "json", false, "Print JSON")
	router.addFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		request := grant.request()
		request.Weak = weak
		var d deviceView
		if err := router.ask(cmd.Context(), cmd, approveRoute, args[0], request, &d); err != nil {
			return err
		}
		return printIn(cmd, &d, asJSON)
	}
	return cmd
}

// printIn says that a device is in.
func printIn(cmd *cobra.Command, d *deviceView, asJSON bool) error {
	if asJSON {
		return printJSON(cmd.OutOrStdout(), d)
	}
	_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s is in, with the profile %s, %s\n", shown(d.Name), shown(d.Profile), lasts(&d.Device))
	return err
}

func newPairedDenyCommand() *cobra.Command {
	var router adminRouter
	cmd := &cobra.Command{
		Use:   "deny ID",
		Short: "Turn a device away that waits; it is not heard for 10 minutes",
		Args:  oneName("the ID of a device that waits"),
	}
	router.addFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := router.ask(cmd.Context(), cmd, denyRoute, args[0], nil, nil); err != nil {
			return err
		}
		_, err := fmt.Fprintln(cmd.OutOrStdout(), "turned away")
		return err
	}
	return cmd
}

func newPairedUnlockCommand() *cobra.Command {
	var router adminRouter
	cmd := &cobra.Command{
		Use:   "unlock",
		Short: "Allow PINs of invites again after too many wrong ones",
	}
	router.addFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := router.ask(cmd.Context(), cmd, unlockRoute, "", nil, nil); err != nil {
			return err
		}
		_, err := fmt.Fprintln(cmd.OutOrStdout(), "PINs of invites work again")
		return err
	}
	return cmd
}
