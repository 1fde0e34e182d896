package tui

// Running the dashboard, and leaving the terminal as it was found however it ends.

import (
	"context"
	"fmt"
	"os"
	"runtime/debug"
	"time"

	tea "charm.land/bubbletea/v2"
	"golang.org/x/term"

	"github.com/clasp-studio/clasp/router/monitor"
)

const (
	usualFPS = 20
	sshFPS   = 10
	maxFPS   = 30
	// keyFPS is how often the screen is brought up to date for the keys pressed; data comes
	// at Options.FPS at most.
	keyFPS    = 60
	keySSHFPS = 30

	politely = 400 * time.Millisecond // for the library to leave the terminal by itself
	rudely   = 300 * time.Millisecond // for it to notice that its output has been thrown away
)

// CheckKeys says in words what is wrong with keys that are to take the place of the usual
// ones: an action nobody knows, a key that would mean two things in one place.
func CheckKeys(custom map[string][]string) error {
	_, err := newKeyMap(custom, false)
	return err
}

// Run shows the dashboard until the operator leaves it, the terminal goes away or ctx ends.
// It returns within a second of the end of ctx even if the terminal has stopped reading;
// what the terminal was set to is restored then, too. The error says what went wrong with
// the dashboard or its terminal; the outcome is Died then.
func Run(ctx context.Context, source monitor.Source, o Options) (outcome Outcome, err error) {
	defer func() {
		if p := recover(); p != nil {
			outcome, err = Died, fmt.Errorf("the dashboard has failed: %v\n%s", p, debug.Stack())
		}
	}()
	e, environ, err := newEnv(source, &o)
	if err != nil {
		return Died, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	out := newOutput(o.Output)
	restore := saveTerminal(o.Input, o.Output)
	r := newRoot(ctx, e, environ)
	r.written = out.count.Load
	if f, ok := o.Output.(*os.File); ok {
		r.measure = func() (int, int, error) { return term.GetSize(int(f.Fd())) }
	}

	fps := keyFPS
	if overSSH(environ) {
		fps = keySSHFPS
	}
	// Without the context: where that ends, the library closes its input while it is still being read.
	p := tea.NewProgram(r, tea.WithoutSignalHandler(), tea.WithFPS(fps), tea.WithFilter(r.filter),
		tea.WithInput(o.Input), tea.WithOutput(out.forProgram()), tea.WithEnvironment(environ))

	type ended struct{ err error }
	done := make(chan ended, 1)
	go func() {
		_, err := p.Run()
		done <- ended{err}
	}()

	var end ended
	select {
	case end = <-done:
	case <-ctx.Done():
		go p.Quit() // it waits for the loop, which may hang
		select {
		case end = <-done:
		case <-time.After(politely):
			// It hangs in a write. What is queued for the terminal is thrown away, and
			// setting it wakes the writer up to see that there is room now. Where that does
			// not help, the writer is left behind.
			out.abandon()
			flushOutput(o.Output)
			restore()
			select {
			case <-done:
			case <-time.After(rudely):
			}
			out.say(sane, rudely)
			restore()
			return Died, context.Cause(ctx)
		}
	}
	restore()
	if ctx.Err() != nil {
		return Died, context.Cause(ctx)
	}
	if end.err != nil {
		return Died, fmt.Errorf("dashboard: %w", end.err)
	}
	return r.outcome, nil
}

// newEnv fills in what Options leaves open, and makes what all panes share.
func newEnv(source monitor.Source, o *Options) (*env, []string, error) {
	if o.Environ == nil {
		o.Environ = os.Environ()
	}
	if o.Input == nil {
		o.Input = os.Stdin
	}
	if o.Output == nil {
		o.Output = os.Stdout
	}
	if o.FPS <= 0 {
		o.FPS = usualFPS
		if overSSH(o.Environ) {
			o.FPS = sshFPS
		}
	}
	o.FPS = min(o.FPS, maxFPS)
	if o.Theme == "" {
		o.Theme = "auto"
	}
	o.ASCII = o.ASCII || !unicodeLocale(o.Environ)
	keys, err := newKeyMap(o.Keys, o.ASCII)
	if err != nil {
		return nil, nil, err
	}
	return &env{
		source: source, theme: newTheme(o.Theme, true, false), glyphs: newGlyphs(o.ASCII), keys: keys,
		now: time.Now, options: *o, private: o.Privacy,
	}, o.Environ, nil
}

// saveTerminal notes how the terminal is set and returns what sets it so again.
func saveTerminal(files ...any) func() {
	for _, f := range files {
		if f, ok := f.(*os.File); ok {
			fd := int(f.Fd())
			if state, err := term.GetState(fd); err == nil {
				return func() { _ = term.Restore(fd, state) }
			}
		}
	}
	return func() {}
}
