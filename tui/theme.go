package tui

// Colours by what they mean. Everything that is drawn goes through paint with a role, and
// every role differs by more than its colour, so that a screen without colours says the same.

import "strings"

// role is what a text means.
type role uint8

// The roles.
const (
	plain    role = iota
	dim           // what is there but seldom read: units, paths, times
	strong        // what is read first: values, names
	title         // of a pane
	titleFoc      // of the pane that has the keys
	accent        // keys, the one colour of the house
	good          // in order
	warn          // look at it
	bad           // act
	selected      // the row under the cursor in the pane that has the keys
	unfocSel      // the row under the cursor elsewhere
	changed0      // a row that has changed just now, and how that fades
	changed1
	changed2
	header // of a table
	border // lines
	borderFoc
	secret // a PIN: as large as text gets
	status // the line at the top
	footer
	frozen // the banner of a frozen screen
	roles
)

// reset ends what a role has opened.
const reset = "\x1b[m"

// theme has the escape codes of the roles, made once.
type theme struct {
	name string
	dark bool
	open [roles]string // SGR before a text; "" = none
}

// paint puts a role's escape codes around a text that has none of its own.
func (t *theme) paint(r role, s string) string {
	if open := t.open[r]; open != "" && s != "" {
		return open + s + reset
	}
	return s
}

// over puts a role under a line that is painted already, so that a selected row keeps the
// colours of its cells and gets the background of the selection.
func (t *theme) over(r role, line string) string {
	open := t.open[r]
	if open == "" || line == "" {
		return line
	}
	return open + strings.ReplaceAll(line, reset, reset+open) + reset
}
