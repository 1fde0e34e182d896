// Binds the options of package config to a command's flags.

package main

import (
	"github.com/clasp-studio/clasp/config"
	"github.com/spf13/cobra"
)

// optionFlag hands what the command line says for one option to given, so that
// a bad value is found while the command line is parsed (exit code 2).
type optionFlag struct {
	given *config.Given
	name  string
}

func (f optionFlag) Set(text string) error { return f.given.Set(f.name, text) }
func (f optionFlag) String() string        { return "" } // config knows the defaults
func (f optionFlag) Type() string          { return "value" }

// addOptionFlags gives cmd every flag of the reference page. The returned
// Given is filled when the command line is parsed.
func addOptionFlags(cmd *cobra.Command) *config.Given {
	given := new(config.Given)
	for _, f := range config.Flags() {
		flag := cmd.Flags().VarPF(optionFlag{given, f.Name}, f.Name, f.Short, "")
		if f.Switch {
			flag.NoOptDefVal = "true"
		}
		if f.Choices != nil {
			complete := cobra.FixedCompletions(f.Choices, cobra.ShellCompDirectiveNoFileComp)
			if err := cmd.RegisterFlagCompletionFunc(f.Name, complete); err != nil {
				panic(err) // the flag was added above
			}
		}
	}
	return given
}
