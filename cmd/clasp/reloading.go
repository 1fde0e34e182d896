// What a running server does when it is asked to read its configuration again.

package main

import (
	"errors"
	"os"

	"github.com/clasp-studio/clasp/config"
	"github.com/clasp-studio/clasp/router/discovery"
)

// reloaded is what came of it. It is also what clasp reload prints with --json.
type reloaded struct {
	OK       bool             `json:"ok"`
	Router   string           `json:"router"`  // its name
	Address  string           `json:"address"` // where it listens, host:port
	PID      int              `json:"pid"`
	File     string           `json:"config"`             // "" for none
	Changed  []string         `json:"changed,omitempty"`  // options that took effect
	Waiting  []string         `json:"waiting,omitempty"`  // options that wait for a restart
	Problems []config.Problem `json:"problems,omitempty"` // why nothing has changed
}

// reload reads and checks everything again and swaps what can be swapped, all
// or nothing; connections stay.
func (s *server) reload() reloaded {
	s.reopenLog()
	done, err := s.tryReload()
	s.counted.Count(err == nil)
	if err != nil {
		return reloaded{File: done.File, Problems: s.refuseReload(err)}
	}
	s.log.Info("configuration reloaded", "config", done.File, "changed", done.Changed)
	if len(done.Waiting) > 0 {
		s.log.Warn("changed options wait for a restart", "options", done.Waiting)
	}
	return done
}

func (s *server) tryReload() (done reloaded, err error) {
	loaded, err := config.Load(s.given, os.Environ())
	next := loaded.Config
	done.File = next.File
	s.warn(loaded.Warnings)
	if gone := s.gone(loaded); err == nil && len(gone) > 0 {
		err = gone
	}
	if missing := loaded.Missing(); err == nil && len(missing) > 0 {
		err = missing
	}
	if err != nil {
		return done, err
	}
	who, warnings, problems := authOf(loaded)
	s.warn(warnings)
	if problems = append(problems, keyProblems(loaded)...); len(problems) > 0 {
		return done, problems
	}
	useCertificate, warnings, problems := s.certs.prepare(loaded)
	s.warn(warnings)
	if len(problems) > 0 {
		return done, problems
	}
	if s.running.KeepsSecurity(next) {
		who = s.who
	}
	files := next.Files()
	file, err := openLogFile(next.Logging.File)
	if err != nil {
		return done, err
	}
	if err := s.router.Reload(routerSettings(next, who)); err != nil {
		if file != nil {
			_ = file.Close() // nothing was written to it
		}
		return done, err
	}
	// From here on nothing can go wrong.
	s.devices.configure(pairingSettings(s.running.WithLive(next)))
	s.log.output.use(file)
	s.log.level.Set(logLevels[next.Logging.Level])
	changed := append(s.files.Changed(files), useCertificate()...)

	done.OK = true
	done.Changed, done.Waiting = config.Changes(s.running, next, changed)
	s.running, s.files = s.running.WithLive(next), files
	s.running.File, s.filed, s.who = next.File, loaded.FromFile(), who
	s.watched.use(s.running, s.wanted())
	if s.found != nil {
		s.found.tell(func(i *discovery.Info) { i.Auth = s.wanted() })
	}
	origins := s.running.Security.AllowedOrigins
	s.origins.Store(&origins)
	return done, nil
}

// gone says that the file the running configuration is from has gone, or lost all that was
// in it: a slip while it was written, more likely than a wish for a router without limits,
// rules and keys.
func (s *server) gone(loaded *config.Loaded) config.Problems {
	const after = "write it anew, or restart the router to run without it"
	was, now := s.running.File, loaded.Config.File
	switch {
	case was != "" && now == "":
		return config.Problems{{Where: was, Text: "the file is not there any more: " + after}}
	case was != "" && now != was:
		return config.Problems{{Where: was, Text: "the file is not the one that is found first any more, " + now + " is: restart the router to run with that"}}
	case s.filed && !loaded.FromFile():
		return config.Problems{{Where: was, Text: "no option is left in the file: " + after}}
	default:
		return nil
	}
}

// reopenLog opens the running log file anew. A log rotation sends the signal for
// no other reason, so this does not depend on what else there is to reload.
func (s *server) reopenLog() {
	file, err := openLogFile(s.running.Logging.File)
	if err != nil {
		s.log.Error("the log stays in the old file", "error", err)
		return
	}
	s.log.output.use(file)
}

// refuseReload says what is wrong, a record a problem, and that nothing
// changed. It returns what it said.
func (s *server) refuseReload(err error) config.Problems {
	var problems config.Problems
	if !errors.As(err, &problems) {
		s.log.Error("configuration not reloaded, the old one stays in force", "error", err)
		return config.Problems{{Text: err.Error()}}
	}
	for _, problem := range problems {
		s.log.Error("configuration problem", "at", problem.Where, "problem", problem.Text)
	}
	s.log.Error("configuration not reloaded, the old one stays in force", "problems", len(problems))
	return problems
}
