// clasp paired: the devices of a running router, and those that wait to be let in.

package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/clasp-studio/clasp/pairing"
	"github.com/spf13/cobra"
)

func newPairedCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "paired",
		Short: "List, change and revoke the devices that were let in, and answer those that wait",
		Long: `List, change and revoke the devices that were let in, and answer those that wait.

The commands act on the running router of this machine, and what they change holds at
once. A device is named by its name or its ID.`,
		Example: `  clasp paired list
  clasp paired approve k7w2 --profile operator
  clasp paired revoke "FOH iPad"`,
	}
	cmd.AddCommand(
		newPairedListCommand(),
		newPairedShowCommand(),
		newPairedPickCommand(),
		newPairedApproveCommand(),
		newPairedDenyCommand(),
		newPairedUnlockCommand(),
		newPairedRenameCommand(),
		newPairedProfileCommand(),
		newPairedTokenCommand(),
		newPairedRevokeCommand(),
		newPairedRevokeAllCommand(),
		newPairedExportCommand(),
	)
	return cmd
}

// pairedList is what clasp paired list --json prints.
type pairedList struct {
	Invites []inviteView `json:"invites"` // open ones, without their secrets
	Waiting []knockView  `json:"waiting"` // without their PINs
	Devices []deviceView `json:"devices"`
}

func newPairedListCommand() *cobra.Command {
	var router adminRouter
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the devices, and above them open invites and those that wait",
		Example: "  clasp paired list\n  clasp paired list --json | jq '.devices[].name'",
	}
	router.addFlags(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "Print JSON")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		var view pairingView
		list := pairedList{Invites: []inviteView{}, Waiting: []knockView{}, Devices: []deviceView{}}
		if err := router.ask(cmd.Context(), cmd, pairingRoute, "", nil, &view); err != nil {
			return err
		}
		if err := router.ask(cmd.Context(), cmd, devicesRoute, "", nil, &list.Devices); err != nil {
			return err
		}
		for i := range view.Knocks {
			view.Knocks[i].Code = "" // 'clasp paired pick' shows it to whoever asks for it
		}
		list.Waiting = append(list.Waiting, view.Knocks...)
		for _, i := range view.Invites {
			i.PIN, i.Links = "", nil // whoever made it has seen them
			list.Invites = append(list.Invites, i)
		}
		out := cmd.OutOrStdout()
		if asJSON {
			return printJSON(out, list)
		}
		if err := printInvites(out, list.Invites); err != nil {
			return err
		}
		if err := printWaiting(out, list.Waiting); err != nil {
			return err
		}
		if view.Locked {
			_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "clasp: %s; 'clasp paired unlock' ends that\n", shown(view.LockedWhy)) // on the way to the rest
		}
		if len(list.Devices) == 0 {
			_, err := fmt.Fprintln(cmd.ErrOrStderr(), "clasp: no device has been let in")
			return err
		}
		return printDevices(out, list.Devices, time.Now())
	}
	return cmd
}

// printInvites prints those that are open, nothing if none is.
func printInvites(w io.Writer, invites []inviteView) error {
	if len(invites) == 0 {
		return nil
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "INVITE\tNAME\tPROFILE\tUNTIL") // Flush has the error
	for _, i := range invites {
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", shown(i.ID), shown(i.Name), shown(i.Profile), clock(i.Expires))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprint(w, "Take back with 'clasp invite --close=ID'\n\n")
	return err
}

// printWaiting prints those that wait, nothing if nobody does.
func printWaiting(w io.Writer, knocks []knockView) error {
	if len(knocks) == 0 {
		return nil
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "WAITING\tMATCH\tNAME\tFROM\tTRANSPORT\tSTATE") // Flush has the error
	for _, k := range knocks {
		transport := k.Transport
		if !k.Encrypted {
			transport += " (not encrypted)"
		}
		state := strings.ReplaceAll(string(k.State), "_", " ")
		if k.Known != "" {
			state += ", a device has this name already"
		}
		if k.Sessions > 1 {
			state += fmt.Sprintf(", %d sessions", k.Sessions)
		}
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", shown(k.ID), shown(k.Match), shown(k.Name), shown(k.Remote), shown(transport), shown(state))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprint(w, "Answer with 'clasp paired approve ID', pick ID (for a PIN) or deny ID\n\n")
	return err
}

// printDevices prints a table for people.
func printDevices(w io.Writer, devices []deviceView, now time.Time) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "NAME\tPROFILE\tID\tSEEN\tLET IN\t") // Flush has the error
	for i := range devices {
		d := &devices[i]
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", shown(d.Name), shown(d.Profile), shown(d.ID), seen(&d.Device, now), lasts(&d.Device), remarks(&d.Device))
	}
	return table.Flush()
}

// seen says when a device was there last.
func seen(d *pairing.Device, now time.Time) string {
	switch {
	case d.Online > 0:
		return "now"
	case d.LastSeen.IsZero():
		return "never"
	default:
		return roughly(now.Sub(d.LastSeen)) + " ago"
	}
}

// remarks says what else is to be known of a device.
func remarks(d *pairing.Device) string {
	var list []string
	if d.Weak {
		list = append(list, "WEAK: by name and address "+shown(d.From)+" alone")
	}
	switch {
	case d.Confirmed:
	case d.Tokenless:
		list = append(list, "WITHOUT TOKEN: back by name and address for a while after it leaves (reconnect_grace), then forgotten; 'clasp paired token' makes one to put in")
	default:
		list = append(list, "has not used its token yet, and is forgotten 10 minutes after it leaves unless it does")
	}
	return strings.Join(list, "; ")
}

func newPairedShowCommand() *cobra.Command {
	var router adminRouter
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "show DEVICE",
		Short: "Say everything about one device",
		Args:  oneName("the name or ID of a DEVICE"),
	}
	router.addFlags(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "Print JSON")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		var d deviceView
		if err := router.ask(cmd.Context(), cmd, deviceRoute, args[0], nil, &d); err != nil {
			return err
		}
		if asJSON {
			return printJSON(cmd.OutOrStdout(), d)
		}
		_, err := io.WriteString(cmd.OutOrStdout(), describe(&d, time.Now()))
		return err
	}
	return cmd
}

// describe is all about a device, a line a fact.
func describe(d *deviceView, now time.Time) string {
	var b strings.Builder
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%-11s%s\n", name, value)
		}
	}
	line("name", shown(d.Name))
	line("claimed", shown(d.Claimed))
	line("id", shown(d.ID))
	line("profile", shown(d.Profile))
	line("let in", when(d.CreatedAt.Local(), now)+by(d.CreatedBy))
	line("from", strings.TrimSpace(shown(d.CreatedFrom)+" "+shown(d.Transport)))
	line("lasts", lasts(&d.Device))
	line("seen", seen(&d.Device, now))
	line("remarks", remarks(&d.Device))
	if h := d.Holds; h != nil {
		if h.LockedIn > 0 {
			line("locks", fmt.Sprintf("%d: %s", h.LockedIn, shownAll(h.Locks)))
		}
		if h.WroteIn > 0 {
			line("last wrote", h.wrote())
		}
		if !h.LastSent.IsZero() {
			line("last sent", roughly(now.Sub(h.LastSent))+" ago")
		}
	}
	return b.String()
}

func by(operator string) string {
	if operator == "" {
		return ""
	}
	return ", by " + shown(operator)
}

func newPairedExportCommand() *cobra.Command {
	var router adminRouter
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Print all devices as JSON, one a line; no secret is in it",
	}
	router.addFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		var devices []deviceView
		if err := router.ask(cmd.Context(), cmd, devicesRoute, "", nil, &devices); err != nil {
			return err
		}
		for i := range devices {
			if err := printJSON(cmd.OutOrStdout(), devices[i].Device); err != nil {
				return err
			}
		}
		return nil
	}
	return cmd
}
