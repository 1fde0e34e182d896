// Exit codes of every command, and the error that carries one to main.
// Rule: operations, section 1 ("Exit codes").

package main

import "errors"

const (
	exitStopped     = 0  // done, or stopped on request
	exitFailure     = 1  // runtime failure
	exitUsage       = 2  // the command line itself is wrong
	exitAddressUsed = 69 // a listening address is in use
	exitNotWritable = 73 // the data directory cannot be written
	exitDataInUse   = 75 // another process has the data
	exitConfig      = 78 // the configuration is wrong, or asks for what this build lacks
)

// exitError ends the process with code. A nil err ends it without another
// word, for commands that have already said what was wrong.
type exitError struct {
	code int
	err  error
}

func (e exitError) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e exitError) Unwrap() error { return e.err }

// exitCode maps the error of a command to the code of the process: 0 for nil,
// the code of an exitError anywhere in the chain, else 1.
func exitCode(err error) int {
	var exit exitError
	switch {
	case err == nil:
		return exitStopped
	case errors.As(err, &exit):
		return exit.code
	default:
		return exitFailure
	}
}
