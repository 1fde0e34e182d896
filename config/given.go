// The command line's side of the table. The package knows no flag library:
// whoever parses the command line registers Flags and reports what it met.

package config

import "fmt"

// Flag describes one flag for the library that parses the command line.
type Flag struct {
	Name    string
	Short   string // one letter, empty for none
	Switch  bool   // may stand without a value, and is then true
	Choices []string
	Metavar string // the value in a help
	Help    string
}

// Flags lists every flag of `clasp server` that sets an option.
func Flags() []Flag {
	var flags []Flag
	for _, o := range options {
		if o.flag != "" {
			flags = append(flags, Flag{Name: o.flag, Short: o.short, Switch: o.isSwitch(), Choices: o.choices, Metavar: o.metavar, Help: o.help + o.defaultNote()})
		}
	}
	return flags
}

// Given holds the flags of one command line. The zero value is none.
type Given struct {
	text map[*option]string
}

// Set notes that a flag was given, the last one counting. The error says what
// is wrong with text.
func (g *Given) Set(flag, text string) error {
	for _, o := range options {
		if o.flag != flag || flag == "" {
			continue
		}
		if err := o.set(&Config{}, text); err != nil {
			return err
		}
		if g.text == nil {
			g.text = map[*option]string{}
		}
		g.text[o] = text
		return nil
	}
	return fmt.Errorf("no flag --%s", flag)
}
