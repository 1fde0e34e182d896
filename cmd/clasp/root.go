// The command tree, and what all commands share: where output goes, and that
// a wrong command line is exit code 2 with a suggestion.

package main

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/clasp-studio/clasp/config"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// newRootCommand builds the whole tree. A command writes data to
// cmd.OutOrStdout() and words to cmd.ErrOrStderr(), and returns an exitError
// when its exit code is not 1.
func newRootCommand(stdout, stderr io.Writer) *cobra.Command {
	root := &cobra.Command{
		Use:   "clasp",
		Short: "A CLASP router, and the tools to talk to one",
		Example: `  clasp server
  clasp sub '/**'
  clasp set /lights/brightness 0.8`,
		Version:       buildVersion().Version,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.SetFlagErrorFunc(flagError)
	root.SetHelpTemplate(helpHead + helpOptions)
	root.SetVersionTemplate("clasp {{.Version}}\n")
	root.AddCommand(
		newServerCommand(),
		newTUICommand(),
		newStatusCommand(),
		newReloadCommand(),
		newConfigCommand(),
		newVersionCommand(),
		newPubCommand(),
		newSubCommand(),
		newGetCommand(),
		newSetCommand(),
		newDiscoverCommand(),
		newStateCommand(),
		newTLSCommand(),
		newTokenCommand(),
		newKeyCommand(),
		newInviteCommand(),
		newPairCommand(),
		newPairedCommand(),
		newGuardCommand(),
	)
	addVersionFlag(root)
	root.SetHelpCommand(newHelpCommand())
	root.InitDefaultCompletionCmd()
	finish(root)
	return root
}

// helpHead is the first half of cobra's own help with the examples first: they
// answer most questions before the list of options is reached.
const helpHead = `{{with (or .Long .Short)}}{{. | trimTrailingWhitespaces}}

{{end}}{{if .HasExample}}Examples:
{{.Example}}

{{end}}Usage:
{{if .HasAvailableSubCommands}}{{if index .Annotations "alone"}}  {{.UseLine}} [OPTIONS]
{{end}}  {{.CommandPath}} COMMAND

Commands:
{{range .Commands}}{{if .IsAvailableCommand}}  {{rpad .Name .NamePadding}} {{.Short}}
{{end}}{{end}}{{else}}  {{.UseLine}} [OPTIONS]
{{end}}`

const helpOptions = `{{if .HasAvailableLocalFlags}}
Options:
{{.LocalFlags.FlagUsages | trimTrailingWhitespaces}}
{{end}}`

// knownSubcommand refuses any argument of a grouping command, since what was
// meant can only have been the name of a command below it.
func knownSubcommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var names []string
	for _, sub := range cmd.Commands() {
		names = append(names, sub.Name())
	}
	if like := config.Nearest(args[0], names); like != "" {
		return fmt.Errorf("unknown command %q, did you mean %s?", args[0], like)
	}
	return fmt.Errorf("unknown command %q", args[0])
}

// alone marks a command that does something by itself, although there are commands below it.
const alone = "alone"

// groups reports whether a command is there for those below it only.
func groups(cmd *cobra.Command) bool { return cmd.HasSubCommands() && cmd.Annotations[alone] == "" }

// finish gives every command of the tree what no command should have to think
// of: its help flag, and exit code 2 for wrong arguments. A command that only
// groups others prints its help.
func finish(cmd *cobra.Command) {
	cmd.DisableFlagsInUseLine = true // the help has its own words for them
	cmd.Flags().BoolP("help", "h", false, "Print help")
	if groups(cmd) {
		cmd.Args = knownSubcommand
		cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	}
	check := cmd.Args
	if check == nil {
		check = noArguments
	}
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		// cobra looks at flags that exclude each other too, but after this and with another exit code.
		if err := errors.Join(check(cmd, args), cmd.ValidateFlagGroups()); err != nil {
			return usageError(cmd, err)
		}
		return nil
	}
	for _, sub := range cmd.Commands() {
		finish(sub)
	}
}

func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		if tui := cmd.Flags().Lookup("tui"); tui != nil && tui.Changed && slices.Contains([]string{"auto", "on", "off"}, args[0]) {
			return fmt.Errorf("unexpected argument %q: write --tui=%[1]s", args[0])
		}
		return fmt.Errorf("unexpected argument %q", args[0])
	}
	return nil
}

func addVersionFlag(cmd *cobra.Command) {
	cmd.Flags().BoolP("version", "V", false, "Print version")
}

// newHelpCommand is cobra's own but for a wrong name, which is an error.
func newHelpCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Print help for a command",
		Args:  cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			found, rest, err := cmd.Root().Find(args)
			if err == nil && len(rest) > 0 {
				err = knownSubcommand(found, rest)
			}
			if err != nil {
				return usageError(cmd.Root(), err)
			}
			return found.Help()
		},
	}
}

// flagError turns what pflag found wrong into exit code 2.
func flagError(cmd *cobra.Command, err error) error {
	// pflag meets an unknown flag before anyone looks at an unknown command,
	// but the command is the mistake.
	if groups(cmd) && cmd.Flags().NArg() > 0 {
		if unknown := knownSubcommand(cmd, cmd.Flags().Args()); unknown != nil {
			return usageError(cmd, unknown)
		}
	}
	var missing *pflag.NotExistError
	if errors.As(err, &missing) {
		var names []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
		if like := config.Nearest(missing.GetSpecifiedName(), names); like != "" {
			err = fmt.Errorf("%w, did you mean --%s?", err, like)
		}
	}
	return usageError(cmd, err)
}

func usageError(cmd *cobra.Command, err error) error {
	return exitError{exitUsage, fmt.Errorf("%w\nsee '%s --help'", err, cmd.CommandPath())}
}
