package tui

import "io"

// Options are how the dashboard looks and what it may do.
type Options struct {
	Theme    string              // "auto", "dark", "light", "contrast", "mono", "blind"
	ASCII    bool                // no characters beyond ASCII
	FPS      int                 // frames a second at most, 1 to 30; 0 = 20, and 10 over ssh
	ReadOnly bool                // nothing can be changed from here
	Privacy  bool                // starts with names, addresses of machines and PINs masked
	Notify   bool                // bell, OSC 9 and window title when somebody wants in
	Keys     map[string][]string // by action: the keys in place of the usual ones
	Attached bool                // to a router in another process: leaving does not touch it
	Input    io.Reader           // the terminal; nil = os.Stdin
	Output   io.Writer           // nil = os.Stdout
	Environ  []string            // nil = os.Environ()
}

// Outcome is why the dashboard has ended.
type Outcome int

// The outcomes.
const (
	Quit   Outcome = iota // the operator wants the router to stop; when attached, only to leave
	Detach                // the operator has left, the router goes on
	Died                  // the terminal has gone, or the dashboard has failed: the router goes on
)
