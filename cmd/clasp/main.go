// Command clasp is a CLASP router and the tools to talk to one.
//
// This file only starts the command tree and ends the process with its code.
package main

import (
	"fmt"
	"io"
	"os"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// run executes one command line and returns the exit code. Data goes to
// stdout, words to stderr.
func run(args []string, stdout, stderr io.Writer) int {
	root := newRootCommand(stdout, stderr)
	root.SetArgs(args)
	err := root.Execute()
	if err != nil && err.Error() != "" {
		_, _ = fmt.Fprintf(stderr, "clasp: %v\n", err)
	}
	return exitCode(err)
}
