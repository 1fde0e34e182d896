// Words about pairing that several commands print, and what may be printed where.

package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/clasp-studio/clasp/pairing"
	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// onTerminal reports whether a stream of a command is a terminal, which somebody looks at.
func onTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// maySecret refuses to print a secret where nobody but a program, a file or a log reads it,
// unless JSON was asked for: then somebody wants it there.
func maySecret(cmd *cobra.Command, what string, asJSON bool) error {
	if asJSON || onTerminal(cmd.OutOrStdout()) {
		return nil
	}
	return usageError(cmd, fmt.Errorf("stdout is not a terminal, and %s in a file or a log lets in whoever reads it: run this at a terminal, or say with --json that you want it", what))
}

// grantFlags say what a device is given.
type grantFlags struct {
	name, profile string
	lifetime      choice
}

// addFlags gives cmd the flags; otherwise says what the name is without --name.
func (g *grantFlags) addFlags(cmd *cobra.Command, otherwise string) {
	g.lifetime = choice{words: []string{string(pairing.LifetimeShow), string(pairing.LifetimeSliding), string(pairing.LifetimeForever)}}
	cmd.Flags().StringVar(&g.name, "name", "", "`NAME` of the device "+otherwise)
	cmd.Flags().StringVar(&g.profile, "profile", "", "What it may do: the `PROFILE` viewer (reads), operator (reads and writes everything, as default does), sensor, admin or one of the configuration (default \"default\")")
	addChoice(cmd, &g.lifetime, "lifetime", "How long it is let in: 12 hours, until it stays away for 30 days (the default), or until it is revoked")
}

func (g *grantFlags) request() grantRequest {
	return grantRequest{Name: g.name, Profile: g.profile, Lifetime: pairing.Lifetime(g.lifetime.value)}
}

// grouped is a PIN as people read it out: "847 291".
func grouped(pin string) string {
	half := (len(pin) + 1) / 2
	return strings.TrimSpace(pin[:half] + " " + pin[half:])
}

// clock is a time of today as people say it.
func clock(at time.Time) string { return at.Local().Format(time.TimeOnly) }

// lasts says how long a device is let in. One that has no token to show as far as is known
// has the time it was given only once it shows one.
func lasts(d *pairing.Device) string {
	if d.Tokenless && !d.Confirmed {
		return "while it is here; if it uses its token, " + given(d)
	}
	return given(d)
}

// given is the time that the operator gave.
func given(d *pairing.Device) string {
	switch {
	case d.Lifetime == pairing.LifetimeForever:
		return "until it is revoked"
	case d.Expires.IsZero():
		return string(d.Lifetime)
	default:
		return "until " + d.Expires.Local().Format("2006-01-02 15:04")
	}
}

// rights says what a device may do.
func rights(read, write []string) string {
	var may []string
	if len(read) > 0 {
		may = append(may, "read "+shownAll(read))
	}
	if len(write) > 0 {
		may = append(may, "write "+shownAll(write))
	}
	if len(may) == 0 {
		return "may do nothing"
	}
	return "may " + strings.Join(may, " and ")
}

func shownAll(texts []string) string {
	list := make([]string, len(texts))
	for i, text := range texts {
		list[i] = shown(text)
	}
	return strings.Join(list, ", ")
}

// wrote says what a device was the last to write: "12 addresses: /a, /b, ...".
func (h *holdsView) wrote() string {
	if h.WroteIn == 1 {
		return "1 address: " + shownAll(h.Wrote)
	}
	more := ""
	if len(h.Wrote) < h.WroteIn {
		more = ", ..."
	}
	return fmt.Sprintf("%d addresses: %s%s", h.WroteIn, shownAll(h.Wrote), more)
}

// oneName wants the one argument of a command, which is not empty.
func oneName(what string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) != 1 {
			return fmt.Errorf("expected %s, got %d arguments", what, len(args))
		}
		if args[0] == "" {
			return errors.New("expected " + what + ", and it is empty")
		}
		return nil
	}
}
