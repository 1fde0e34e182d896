// clasp reload: have a running router read its configuration again.

package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/clasp-studio/clasp/config"
	"github.com/clasp-studio/clasp/router/admin"
	"github.com/spf13/cobra"
)

func newReloadCommand() *cobra.Command {
	var router adminRouter
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "reload",
		Short: "Have the running router read its configuration again",
		Long: `Have the running router of this machine read its configuration again: limits,
conflict rules, tokens, keys, pairing, certificates, origins and the log. All of it takes
effect or, if anything is wrong, nothing; connections stay, but those of a paired device
whose rights are others now. SIGHUP does the same.

The router is found by its port, among this user's own; root finds those of all users.

Exit codes: 0 done, 1 no router there, 78 the configuration is wrong and the old one
stays in force.`,
		Example: `  clasp reload
  clasp reload --port 8000 --json
  sudo clasp reload                    a router that root or systemd runs`,
	}
	router.addFlags(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "Print JSON")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		ctx, stop := stoppable(cmd)
		defer stop()
		if err := router.find(cmd); err != nil {
			return err
		}
		ctx, cancel := router.within(ctx)
		defer cancel()
		var done reloaded
		if err := admin.Call(ctx, router.socket, reloadRoute, nil, &done); err != nil {
			return err
		}
		if asJSON {
			if err := printJSON(cmd.OutOrStdout(), done); err != nil {
				return err
			}
		}
		if !done.OK {
			if !asJSON {
				_, _ = fmt.Fprintln(cmd.ErrOrStderr(), problemWords(done.Problems))
			}
			return exitError{exitConfig, fmt.Errorf("%s: not reloaded, the old configuration stays in force", done.router())}
		}
		if asJSON {
			return nil
		}
		return printReloaded(cmd.OutOrStdout(), done)
	}
	return cmd
}

// portOf is the port that was given, or the one that a router started here would have. A
// configuration that is wrong may still say the port.
func portOf(given natural) (port int, wrong error) {
	if given.given != "" {
		return int(given.n), nil
	}
	loaded, err := config.Load(config.Given{}, os.Environ())
	return loaded.Config.Port, err
}

// router says which one has answered: two may have the same port, of different addresses.
func (r reloaded) router() string {
	return fmt.Sprintf("router %q on %s (pid %d)", r.Router, r.Address, r.PID)
}

func printReloaded(w io.Writer, done reloaded) error {
	lines := []string{done.router() + ": reloaded, nothing has changed"}
	if len(done.Changed) > 0 {
		lines[0] = done.router() + ": reloaded, changed: " + strings.Join(done.Changed, ", ")
	}
	if len(done.Waiting) > 0 {
		lines = append(lines, "waiting for a restart: "+strings.Join(done.Waiting, ", "))
	}
	_, err := fmt.Fprintln(w, strings.Join(lines, "\n"))
	return err
}

// problemWords is one problem a line. One that is nowhere in particular has no place.
func problemWords(problems config.Problems) string {
	lines := make([]string, len(problems))
	for i, p := range problems {
		lines[i] = strings.TrimPrefix(p.String(), ": ")
	}
	return strings.Join(lines, "\n")
}
