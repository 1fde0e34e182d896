// The dashboard of a running server, and what becomes of the terminal and of the log when it
// begins and ends. The router serves on whatever happens to it.

package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"github.com/clasp-studio/clasp/config"
	"github.com/clasp-studio/clasp/router/monitor"
	"github.com/clasp-studio/clasp/tui"
)

// dashboardStop is how long the end of the process waits for the dashboard. A terminal that
// has stopped reading takes it all.
const dashboardStop = 1500 * time.Millisecond

// dashboard is one that runs. A nil one does not.
type dashboard struct {
	screen *tuiScreen
	guard  *guard   // nil where there could be none
	stderr *strayed // nil where it could not be turned
	kill   context.CancelFunc
	killed bool // nobody has asked for its end at its keys
	ended  chan dashboardEnd
}

// dashboardEnd is why one has ended.
type dashboardEnd struct {
	outcome tui.Outcome
	err     error
}

// wantedScreen is the terminal for the dashboard, nil where it is not to be shown.
func wantedScreen(c config.TUI, stdin, stdout any) (*tuiScreen, error) {
	if c.Mode == "off" {
		return nil, nil
	}
	s, err := openScreen(stdin, stdout)
	if err != nil && c.Mode == "on" {
		return nil, exitError{exitUsage, fmt.Errorf("--tui needs a terminal to draw on, and %w: start it in one, leave --tui out, or say --tui=auto to have the dashboard only where it can be", err)}
	}
	if err != nil {
		return nil, nil //nolint:nilerr // auto is for this
	}
	return s, nil
}

// dashboardOptions are those of a dashboard as the configuration has them.
func dashboardOptions(c config.TUI) tui.Options {
	return tui.Options{
		Theme: c.Theme, ASCII: c.ASCII, FPS: c.FPS, ReadOnly: c.ReadOnly, Privacy: c.Privacy, Notify: c.Notify, Keys: c.Keys,
	}
}

// keyProblems is what is wrong with the keys of the dashboard. They are looked at where none is
// shown too: the next start may show one.
func keyProblems(l *config.Loaded) config.Problems {
	if err := tui.CheckKeys(l.Config.TUI.Keys); err != nil {
		return config.Problems{l.Problem("tui.keys", err.Error())}
	}
	return nil
}

// openDashboard shows it. What goes wrong with the guard or with stderr costs what they are
// for, and no more.
func (s *server) openDashboard(screen *tuiScreen) {
	d, err := showDashboard(screen, crashFile(s.running), s.watched, dashboardOptions(s.running.TUI))
	if err != nil {
		s.log.Warn("if the router crashes, the terminal stays as the dashboard has it: type reset then", "error", err)
	}
	s.dashboard = d
	d.stderr, err = turnStderr(s.log.Logger)
	if err != nil {
		s.log.Warn("what is written to stderr is drawn over the dashboard", "error", err)
	}
}

// showDashboard begins one. The error is about its guard alone.
func showDashboard(screen *tuiScreen, trace string, source monitor.Source, o tui.Options) (*dashboard, error) {
	ctx, cancel := context.WithCancel(context.Background())
	d := &dashboard{screen: screen, kill: cancel, ended: make(chan dashboardEnd, 1)}
	var err error
	if d.guard, err = startGuard(screen, trace); err != nil {
		d.guard = nil
	}
	screen.take()
	go func() {
		end := dashboardEnd{outcome: tui.Died}
		defer func() {
			if p := recover(); p != nil {
				end.err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
				screen.restoreModes()
			}
			d.ended <- end
		}()
		end.outcome, end.err = tui.Run(ctx, source, o)
	}()
	return d, err
}

// crashFile is where the words of a crash go while the dashboard has the terminal.
func crashFile(c config.Config) string {
	if c.Logging.File != "" {
		if path, err := filepath.EvalSymlinks(c.Logging.File); err == nil {
			return path // the guard follows no link
		}
		return c.Logging.File
	}
	if path, err := besideState(c, ".crash"); err == nil {
		if _, err := os.Stat(filepath.Dir(path)); err == nil {
			return path
		}
	}
	return ownCrashFile()
}

// ownCrashFile is such a file in a directory of this user, or has a name that nobody can have
// taken before: in one of all users it might be somebody else's, or a link to anywhere.
func ownCrashFile() string {
	if cache, err := os.UserCacheDir(); err == nil {
		if dir := filepath.Join(cache, "clasp"); os.MkdirAll(dir, 0o700) == nil {
			return filepath.Join(dir, "dashboard.crash")
		}
	}
	return filepath.Join(os.TempDir(), "clasp-"+rand.Text()+".crash")
}

// end is told why the dashboard has ended.
func (d *dashboard) end() <-chan dashboardEnd {
	if d == nil {
		return nil
	}
	return d.ended
}

// hungUp reports whether the terminal of the dashboard has been closed, and ends the dashboard
// then.
func (d *dashboard) hungUp() bool {
	if d == nil || !d.screen.gone() {
		return false
	}
	d.stop()
	return true
}

// stop has it end, without a wait.
func (d *dashboard) stop() {
	if d != nil {
		d.killed = true
		d.kill()
	}
}

// wait waits for the end of one that was told to stop. It reports false when the terminal
// does not read: the guard gives it back, if it ever can, when the process has ended.
func (d *dashboard) wait() bool {
	timer := time.NewTimer(dashboardStop)
	defer timer.Stop()
	select {
	case end := <-d.ended:
		return end.err == nil || errors.Is(end.err, context.Canceled)
	case <-timer.C:
		return false
	}
}

// finish waits for that end and gives everything back, and reports false when that could not be
// done: stderr is what it was then too, for the last words of the process.
func (d *dashboard) finish() bool {
	if d.wait() {
		d.close()
		return true
	}
	if d.stderr != nil {
		d.stderr.back()
	}
	return false
}

// close gives everything back but what the dashboard has given back itself.
func (d *dashboard) close() {
	d.kill()
	d.screen.restoreModes()
	d.screen.leave()
	if d.guard != nil {
		d.guard.stop()
	}
	if d.stderr != nil {
		d.stderr.back()
	}
}

// dashboardEnded does what the end of the dashboard means, and reports whether the router is
// to stop.
func (s *server) dashboardEnded(end dashboardEnd) (stop bool) {
	killed, gone := s.dashboard.killed, s.dashboard.screen.gone()
	s.dashboard.close()
	s.dashboard = nil
	s.log.output.show(true)
	switch {
	case gone:
		s.log.Info("the terminal of the dashboard has gone: the router runs on without it")
	case killed:
		s.log.Info("the dashboard was ended: the router runs on without it")
	case end.outcome == tui.Quit && end.err == nil:
		return true
	case end.outcome == tui.Detach && end.err == nil:
		s.log.output.banner(s.runsOn("the dashboard is closed"))
	default:
		s.log.Error("the dashboard has failed: the router runs on without it", "error", end.err)
		s.log.output.banner(s.runsOn("the dashboard has failed"))
	}
	if !gone {
		s.openPrompt(os.Stdin, s.log.output.stdout)
	}
	return false
}

// runsOn says on a line how to go on after the dashboard.
func (s *server) runsOn(what string) string {
	log := "its log follows here"
	if file := s.running.Logging.File; file != "" {
		log = "log " + file
	}
	return fmt.Sprintf("clasp: %s, router still running: pid %d, %s; 'clasp tui --port %d' shows it again\n", what, os.Getpid(), log, portOfAddr(s.ws.Addr()))
}
