// clasp tui: the dashboard of a router that runs in another process of this machine.

package main

import (
	"fmt"
	"log/slog"
	"os"
	"strings"

	"github.com/clasp-studio/clasp/config"
	"github.com/clasp-studio/clasp/router/monitor/remote"
	"github.com/clasp-studio/clasp/tui"
	"github.com/spf13/cobra"
)

// tuiFlags are the flags of a dashboard: those of clasp server without what they begin with.
const tuiFlags = "tui-"

func newTUICommand() *cobra.Command {
	var a adminRouter
	given := new(config.Given)
	cmd := &cobra.Command{
		Use:   "tui",
		Short: "Show the dashboard of a running router in this terminal",
		Long: `Show the dashboard of a router that runs on this machine, as 'clasp server --tui'
shows it. Leaving it does not touch the router, and any number may look at once.

What server.tui of the configuration here says holds for it too.`,
		Example: `  clasp tui
  clasp tui --port 8000 --readonly
  clasp tui --theme light --privacy`,
	}
	a.addFlags(cmd)
	for _, f := range config.Flags() {
		name, ours := strings.CutPrefix(f.Name, tuiFlags)
		if !ours {
			continue
		}
		flag := cmd.Flags().VarPF(shownFlag{optionFlag{given, f.Name}, f}, name, "", f.Help)
		if f.Switch {
			flag.NoOptDefVal = "true"
		}
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return attachDashboard(cmd, &a, *given)
	}
	return cmd
}

// shownFlag is one whose value has a name in the help.
type shownFlag struct {
	optionFlag
	about config.Flag
}

// Type names the value. Of a bool nothing is shown.
func (f shownFlag) Type() string {
	if f.about.Switch {
		return "bool"
	}
	return f.about.Metavar
}

func attachDashboard(cmd *cobra.Command, a *adminRouter, given config.Given) error {
	screen, err := openScreen(cmd.InOrStdin(), cmd.OutOrStdout())
	if err != nil {
		return exitError{exitUsage, fmt.Errorf("clasp tui needs a terminal to draw on, and %w: 'clasp status' prints the same as plain lines", err)}
	}
	loaded, err := config.Load(given, os.Environ())
	if err != nil && loaded.Unclear("tui") { // it may be what is to be hidden or left alone; the rest is of no interest here
		return reportProblems(cmd.ErrOrStderr(), err)
	}
	if problems := keyProblems(loaded); len(problems) > 0 {
		return reportProblems(cmd.ErrOrStderr(), problems)
	}
	if err := a.find(cmd); err != nil {
		return err
	}
	ctx, stop := stoppable(cmd)
	defer stop()
	source := remote.Dial(ctx, a.socket)
	o := dashboardOptions(loaded.Config.TUI)
	o.Attached = true
	d, err := showDashboard(screen, ownCrashFile(), source, o)
	if err == nil { // else the words of a crash have nowhere else to go: without a guard it works too
		d.stderr, _ = turnStderr(slog.New(slog.DiscardHandler)) // a line across the screen is no reason to show none
	}
	select {
	case <-ctx.Done():
		d.stop()
		d.finish()
		return nil
	case end := <-d.ended:
		d.close()
		if end.outcome == tui.Died && end.err == nil {
			return nil // the terminal has gone, and whoever sat there
		}
		return end.err
	}
}
