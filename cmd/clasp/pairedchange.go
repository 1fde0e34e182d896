// clasp paired rename, set-profile, token, revoke and revoke-all: what changes devices.

package main

import (
	"bufio"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

func newPairedRenameCommand() *cobra.Command {
	return newDeviceChange("rename DEVICE NAME", "Give a device another name",
		`  clasp paired rename "iPad 2" "FOH iPad"`, renameDeviceRoute,
		func(name string) any { return renameRequest{name} },
		func(d *deviceView) string { return "is called " + shown(d.Name) + " now" })
}

func newPairedProfileCommand() *cobra.Command {
	return newDeviceChange("set-profile DEVICE PROFILE", "Change what a device may do; it has to connect again",
		`  clasp paired set-profile "FOH iPad" viewer`, deviceProfileRoute,
		func(profile string) any { return profileRequest{profile} },
		func(d *deviceView) string { return "has the profile " + shown(d.Profile) + " now" })
}

// newDeviceChange is a command that gives a device a new something.
func newDeviceChange(use, short, example, route string, request func(value string) any, words func(*deviceView) string) *cobra.Command {
	var router adminRouter
	var asJSON bool
	cmd := &cobra.Command{
		Use: use, Short: short, Example: example,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 2 || args[0] == "" || args[1] == "" {
				_, wanted, _ := strings.Cut(use, " ")
				return fmt.Errorf("expected %s", wanted)
			}
			return nil
		},
	}
	router.addFlags(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "Print JSON")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		var d deviceView
		if err := router.ask(cmd.Context(), cmd, route, args[0], request(args[1]), &d); err != nil {
			return err
		}
		if asJSON {
			return printJSON(cmd.OutOrStdout(), d)
		}
		_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s %s\n", shown(args[0]), words(&d))
		return err
	}
	return cmd
}

func newPairedTokenCommand() *cobra.Command {
	var router adminRouter
	var ascii, asJSON bool
	cmd := &cobra.Command{
		Use:   "token DEVICE",
		Short: "Make a new token for a device, and show it once",
		Long: `Make a new token for a device, and show it once, as text and as a QR code, for apps
that have a field for it. The old one works until the new one is used; sessions that it has
opened stay even then, and 'clasp paired revoke' ends them. It is shown on a terminal only,
unless --json asks for it.`,
		Args: oneName("the name or ID of a DEVICE"),
	}
	router.addFlags(cmd)
	cmd.Flags().BoolVar(&ascii, "ascii", false, "Draw the QR code with # instead of half blocks")
	cmd.Flags().BoolVar(&asJSON, "json", false, "Print JSON")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := maySecret(cmd, "a token", asJSON); err != nil {
			return err
		}
		var t tokenView
		if err := router.ask(cmd.Context(), cmd, deviceTokenRoute, args[0], nil, &t); err != nil {
			return err
		}
		if asJSON {
			return printJSON(cmd.OutOrStdout(), t)
		}
		var b strings.Builder
		addQR(&b, cmd.OutOrStdout(), t.Token, ascii)
		_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s%s\nThis is the only time that it is shown. With it the device %s\n", &b, shown(t.Token), rights(t.Read, t.Write))
		return err
	}
	return cmd
}

func newPairedRevokeCommand() *cobra.Command {
	var router adminRouter
	var yes bool
	cmd := &cobra.Command{
		Use:   "revoke DEVICE",
		Short: "Throw a device out, and end what it has open",
		Long: `Throw a device out, and end what it has open, locks included. On a terminal it asks
before it does so to a device that holds locks or was the last to write something; anywhere
else, or with --yes, it does not.`,
		Example: `  clasp paired revoke "FOH iPad"`,
		Args:    oneName("the name or ID of a DEVICE"),
	}
	router.addFlags(cmd)
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "Do not ask")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		var d deviceView
		if err := router.ask(cmd.Context(), cmd, deviceRoute, args[0], nil, &d); err != nil {
			return err
		}
		if d.Holds != nil && d.Holds.LockedIn+d.Holds.WroteIn > 0 && !yes && onTerminal(cmd.InOrStdin()) {
			if err := confirmRevoke(cmd, &d); err != nil {
				return err
			}
		}
		// By ID: another device may have been given the name while somebody thought.
		if err := router.ask(cmd.Context(), cmd, revokeDeviceRoute, d.ID, nil, nil); err != nil {
			return err
		}
		_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s is revoked\n", shown(d.Name))
		return err
	}
	return cmd
}

// confirmRevoke asks about a device that would be missed, and fails if it is to stay.
func confirmRevoke(cmd *cobra.Command, d *deviceView) error {
	var facts []string
	if h := d.Holds; h.LockedIn > 0 {
		locks := "holds a lock on "
		if h.LockedIn > 1 {
			locks = fmt.Sprintf("holds %d locks, on ", h.LockedIn)
		}
		locks += shownAll(h.Locks)
		if len(h.Locks) < h.LockedIn {
			locks += " and others"
		}
		facts = append(facts, locks)
	}
	if d.Holds.WroteIn > 0 {
		facts = append(facts, "last wrote "+d.Holds.wrote())
	}
	if !d.Holds.LastSent.IsZero() {
		facts = append(facts, "has sent something "+roughly(time.Since(d.Holds.LastSent))+" ago")
	}
	if _, err := fmt.Fprintf(cmd.ErrOrStderr(), "%s %s. Revoke it? [y/N] ", shown(d.Name), strings.Join(facts, "; ")); err != nil {
		return err
	}
	answer, err := bufio.NewReader(cmd.InOrStdin()).ReadString('\n')
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	}
	if err != nil {
		_, _ = fmt.Fprintln(cmd.ErrOrStderr()) // the question has a line of its own
	}
	return errors.New("not revoked")
}

func newPairedRevokeAllCommand() *cobra.Command {
	var router adminRouter
	var keep []string
	cmd := &cobra.Command{
		Use:   "revoke-all",
		Short: "Throw all devices out, at once and without asking",
		Long: `Throw all devices out, at once and without asking, but for those to keep. Tokens that
'clasp token create' has made are not devices, and stay good.`,
		Example: `  clasp paired revoke-all
  clasp paired revoke-all --keep "FOH iPad" --keep "stage mat"`,
	}
	router.addFlags(cmd)
	cmd.Flags().StringArrayVar(&keep, "keep", nil, "Leave this `DEVICE` in")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		var gone []deviceView
		if err := router.ask(cmd.Context(), cmd, revokeAllRoute, "", revokeAllRequest{Keep: keep}, &gone); err != nil {
			return err
		}
		for i := range gone {
			if _, err := fmt.Fprintf(cmd.OutOrStdout(), "%s is revoked\n", shown(gone[i].Name)); err != nil {
				return err
			}
		}
		if len(gone) == 0 {
			_, err := fmt.Fprintln(cmd.ErrOrStderr(), "clasp: there was no device to revoke")
			return err
		}
		return nil
	}
	return cmd
}
