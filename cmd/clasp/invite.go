// clasp invite: let a device in that is about to be set up, by a PIN, a link or a QR code.

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// inviteEvery is how often the router is asked what has become of an invite.
const inviteEvery = 300 * time.Millisecond

// allInvites stands for the ID of each.
const allInvites = "all"

// inviteCommand is one run of clasp invite.
type inviteCommand struct {
	cmd    *cobra.Command
	router adminRouter
	grant  grantFlags

	noPIN, linkOnly, noWait, ascii, asJSON bool
	close                                  string // ID of an invite, or allInvites
}

func newInviteCommand() *cobra.Command {
	c := inviteCommand{}
	cmd := &cobra.Command{
		Use:   "invite",
		Short: "Let one device in: by a PIN, a link or a QR code",
		Long: `Let one device in: by a PIN to type where the device asks for a token or a PIN, or by
a link that is also drawn as a QR code for a phone's camera. Whoever uses one of them
first is in; then, or after the time of --pairing-timeout, all of them are void.

The command waits for that, and takes the invite back if it is stopped before (Ctrl-C).
One that is left open (--no-wait) is listed by 'clasp paired list' and taken back with
--close=ID.

It acts on the running router of this machine, which must have --pairing. PIN and link
are shown on a terminal only, unless --json asks for them. A link needs no further word of
the operator's, whatever security.pairing.approval says: show it to nobody else.

Exit codes: 0 the device is in, or the invite was taken back; 1 nobody came.`,
		Example: `  clasp invite --name "FOH iPad" --profile operator
  clasp invite --no-pin --lifetime show       a QR code and a link, good for tonight
  clasp invite --json --no-wait | jq -r '.links[0].url'`,
	}
	c.cmd = cmd
	c.grant.addFlags(cmd, "(default what it calls itself)")
	flags := cmd.Flags()
	flags.BoolVar(&c.noPIN, "no-pin", false, "Make no PIN: six digits can be guessed, a link cannot")
	flags.BoolVar(&c.linkOnly, "link-only", false, "Show links only, without a QR code; make no PIN")
	flags.BoolVar(&c.noWait, "no-wait", false, "Leave the invite open and come back at once")
	flags.BoolVar(&c.ascii, "ascii", false, "Draw the QR code with # instead of half blocks")
	flags.BoolVar(&c.asJSON, "json", false, "Print JSON, one line for the invite and one for what became of it")
	flags.StringVar(&c.close, "close", "", "Make none: take back the open one with this `ID` (--close=ID), or all of them without one")
	flags.Lookup("close").NoOptDefVal = allInvites
	c.router.addFlags(cmd)
	cmd.RunE = func(*cobra.Command, []string) error { return c.run() }
	return cmd
}

func (c *inviteCommand) run() error {
	if c.close != "" {
		return c.closeOpen()
	}
	if err := maySecret(c.cmd, "a PIN or a link", c.asJSON); err != nil {
		return err
	}
	ctx, stop := stoppable(c.cmd)
	defer stop()
	var invite inviteView
	// Not bound to Ctrl-C: an invite that has been made has to be known, to be taken back.
	request := inviteRequest{grantRequest: c.grant.request(), PIN: !c.noPIN && !c.linkOnly}
	if err := c.router.ask(context.WithoutCancel(ctx), c.cmd, inviteRoute, "", request, &invite); err != nil {
		return err
	}
	if err := c.show(&invite); err != nil {
		return errors.Join(err, c.takeBack(invite.ID)) // nobody knows of it
	}
	if c.noWait {
		return nil
	}
	return c.wait(ctx, invite)
}

// show prints the invite.
func (c *inviteCommand) show(invite *inviteView) error {
	out := c.cmd.OutOrStdout()
	if c.asJSON {
		return printJSON(out, invite)
	}
	var b strings.Builder
	for i := len(invite.Links) - 1; i >= 0; i-- { // the best one last: the others may scroll away
		l := &invite.Links[i]
		if !c.linkOnly && (i == 0 || l.Card != invite.Links[i-1].Card) {
			b.WriteByte('\n')
			addQR(&b, out, l.URL, c.ascii)
		}
		fmt.Fprintf(&b, "%-6s %s\n", shown(l.Card), shown(l.URL))
	}
	if len(invite.Links) == 0 {
		b.WriteString("No link: no network card has an address that a phone could reach\n")
	}
	if invite.PIN != "" {
		fmt.Fprintf(&b, "\nPIN    %s\n", grouped(invite.PIN))
	}
	fmt.Fprintf(&b, "For one device, with the profile %s, until %s", shown(invite.Profile), clock(invite.Expires))
	if !c.noWait {
		b.WriteString("; Ctrl-C takes it back")
	}
	_, err := fmt.Fprintln(out, b.String())
	return err
}

// wait returns when the invite is used, taken back or, with an error, over.
func (c *inviteCommand) wait(ctx context.Context, before inviteView) error {
	tick := time.NewTicker(inviteEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			if c.takeBack(before.ID) == nil { // else it was used or has ended in the last moment
				c.say("the invite is taken back")
			}
			return nil
		case <-tick.C:
		}
		var now inviteView
		if err := c.router.ask(ctx, c.cmd, inviteStateRoute, before.ID, nil, &now); err != nil {
			if ctx.Err() != nil {
				continue
			}
			return err
		}
		switch now.State {
		case inviteUsed, inviteExpired:
			return c.over(&now)
		case inviteAwaits:
			if before.State != inviteAwaits {
				c.say("its PIN was right; the device waits for your word, see 'clasp paired list'")
			}
		case inviteOpen:
			if before.PIN != "" && now.PIN == "" {
				c.say("the PIN was guessed at too often and is void; the link still works")
			}
		}
		before = now
	}
}

// over says what became of the invite.
func (c *inviteCommand) over(invite *inviteView) error {
	if c.asJSON {
		if err := printJSON(c.cmd.OutOrStdout(), invite); err != nil {
			return err
		}
	}
	if invite.State != inviteUsed {
		return exitError{exitFailure, errors.New("nobody has used the invite in time, and it is void")}
	}
	if c.asJSON {
		return nil
	}
	if invite.Device == nil { // revoked since
		_, err := fmt.Fprintln(c.cmd.OutOrStdout(), "the invite was used")
		return err
	}
	return printIn(c.cmd, invite.Device, false)
}

// closeOpen takes back what earlier runs have left open.
func (c *inviteCommand) closeOpen() error {
	var view pairingView
	if err := c.router.ask(c.cmd.Context(), c.cmd, pairingRoute, "", nil, &view); err != nil {
		return err
	}
	closed := 0
	for _, i := range view.Invites {
		if c.close != allInvites && c.close != i.ID {
			continue
		}
		if err := c.takeBack(i.ID); err != nil {
			return err
		}
		closed++
		if _, err := fmt.Fprintf(c.cmd.OutOrStdout(), "the invite %s is taken back\n", shown(i.ID)); err != nil {
			return err
		}
	}
	switch {
	case closed > 0:
		return nil
	case c.close != allInvites:
		return fmt.Errorf("no open invite has the ID %q", c.close)
	}
	c.say("there was no open invite")
	return nil
}

// takeBack closes the invite. The command may have been stopped: it has a time of its own.
func (c *inviteCommand) takeBack(id string) error {
	return c.router.ask(context.Background(), c.cmd, closeInviteRoute, id, nil, nil)
}

func (c *inviteCommand) say(words string) {
	_, _ = fmt.Fprintf(c.cmd.ErrOrStderr(), "clasp: %s\n", words) // if nobody hears it, nobody does
}
