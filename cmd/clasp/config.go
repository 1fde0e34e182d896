// clasp config: print what a server would use and why, check a file, write a
// sample.

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/clasp-studio/clasp/config"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func newConfigCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Print, check or write a configuration",
		Example: `  clasp config init --output clasp.yaml
  clasp config validate clasp.yaml
  clasp config print --origin`,
	}
	cmd.AddCommand(newConfigPrintCommand(), newConfigValidateCommand(), newConfigInitCommand())
	return cmd
}

func newConfigPrintCommand() *cobra.Command {
	var origin, asJSON bool
	cmd := &cobra.Command{
		Use:   "print",
		Short: "Print every value a server would use here",
		Long: `Print every value a server would use here, from flags, environment, file and
defaults. Secrets are not shown. Every option of 'clasp server' is accepted too.`,
		Example: `  clasp config print --origin
  clasp config print -c clasp.yaml --port 8000 --json`,
	}
	given := addOptionFlags(cmd)
	// They have their own page: clasp server --help.
	cmd.Flags().VisitAll(func(f *pflag.Flag) { f.Hidden = true })
	cmd.Flags().BoolVar(&origin, "origin", false, "Say where each value came from")
	cmd.Flags().BoolVar(&asJSON, "json", false, "Print JSON")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		loaded, err := loadConfig(cmd.ErrOrStderr(), *given)
		if err != nil {
			return err
		}
		if asJSON {
			return loaded.WriteJSON(cmd.OutOrStdout(), origin)
		}
		return loaded.WriteYAML(cmd.OutOrStdout(), origin)
	}
	return cmd
}

func newConfigValidateCommand() *cobra.Command {
	var strict bool
	cmd := &cobra.Command{
		Use:   "validate [FILE]",
		Short: "Check a configuration file and name everything wrong with it",
		Long: `Check a configuration file, together with the environment, and name everything
wrong with it. Without FILE, the file a server would use here is checked.

What is sound but would not start here (a file that does not exist on this
machine, a feature this build does not have) is a note, and with --strict an
error.`,
		Example: `  clasp config validate clasp.yaml
  clasp config validate --strict /etc/clasp/clasp.yaml`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var given config.Given
			if len(args) == 1 {
				if err := given.Set("config", args[0]); err != nil {
					return usageError(cmd, fmt.Errorf("FILE %w", err))
				}
			}
			return validateConfig(cmd, given, strict)
		},
	}
	cmd.Flags().BoolVar(&strict, "strict", false, "Fail unless a server could start with it here")
	return cmd
}

func validateConfig(cmd *cobra.Command, given config.Given, strict bool) error {
	loaded, err := loadConfig(cmd.ErrOrStderr(), given)
	if err != nil {
		return err
	}
	var notes []string
	for _, problem := range loaded.Missing() {
		notes = append(notes, problem.String())
	}
	if len(notes) == 0 { // else the files that it reads are not there
		_, warnings, problems := authOf(loaded)
		more, others := checkCertificate(loaded)
		printWarnings(cmd.ErrOrStderr(), append(warnings, more...))
		for _, problem := range append(problems, others...) {
			notes = append(notes, problem.String())
		}
	}
	for _, note := range notes {
		_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "note: %s\n", note)
	}
	if strict && len(notes) > 0 {
		return exitError{exitConfig, errors.New("a server would not start with this configuration here")}
	}
	file := loaded.Config.File
	if file == "" {
		file = "no configuration file, environment and defaults"
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: OK\n", file)
	return err
}

func newConfigInitCommand() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Write a sample configuration with every option explained",
		Example: `  clasp config init > clasp.yaml
  clasp config init --output /etc/clasp/clasp.yaml`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if output == "" {
				return config.WriteSample(cmd.OutOrStdout())
			}
			return writeSampleFile(output)
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "", "Write to `FILE`, which must not exist yet, instead of stdout")
	return cmd
}

func writeSampleFile(path string) error {
	var sample bytes.Buffer
	if err := config.WriteSample(&sample); err != nil {
		return err
	}
	return writeNew(path, sample.Bytes(), 0o644)
}

// loadConfig loads for a command that needs a sound configuration. Warnings and
// problems go to stderr, a line each; the error counts them (exit code 78).
func loadConfig(stderr io.Writer, given config.Given) (*config.Loaded, error) {
	loaded, err := config.Load(given, os.Environ())
	printWarnings(stderr, loaded.Warnings)
	if err != nil {
		return loaded, reportProblems(stderr, err)
	}
	if problems := append(pairingProblems(loaded), keyProblems(loaded)...); len(problems) > 0 {
		return loaded, reportProblems(stderr, problems)
	}
	return loaded, nil
}

func printWarnings(stderr io.Writer, warnings []string) {
	for _, warning := range warnings {
		_, _ = fmt.Fprintf(stderr, "warning: %s\n", warning)
	}
}

// reportProblems prints what is wrong with a configuration, one problem a line
// with its place first, and returns the error that ends the process.
func reportProblems(stderr io.Writer, err error) error {
	_, _ = fmt.Fprintln(stderr, err)
	var problems config.Problems
	if errors.As(err, &problems) && len(problems) > 1 {
		return exitError{exitConfig, fmt.Errorf("the configuration has %d problems, see above", len(problems))}
	}
	return exitError{code: exitConfig}
}
