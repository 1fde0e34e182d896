// Loading: flag, then environment, then file, then default, and where each
// value came from.

package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/clasp-studio/clasp/router/smallfile"
)

// source is where a value came from, in rising precedence.
type source int

const (
	fromDefault source = iota
	fromFile
	fromEnvironment
	fromFlag
)

var sourceNames = [...]string{"default", "file", "environment", "flag"}

func (s source) String() string { return sourceNames[s] }

// origin is one place a value was given at: name is the file, the variable or
// the flag.
type origin struct {
	source       source
	name         string
	line, column int
	by           *option // the option that implied this one, nil if given itself
}

// place is how messages point at it: "clasp.yaml:3:9", "CLASP_PORT", "--port".
func (o origin) place() string {
	switch o.source {
	case fromDefault:
		return "default"
	case fromFile:
		return fmt.Sprintf("%s:%d:%d", o.name, o.line, o.column)
	default:
		return o.name
	}
}

// origins knows where each option was given; what is not in it has its default.
type origins map[*option]origin

// problem is one with a value that was read, at its place. A place in a file is
// followed by the key, as everywhere.
func (all origins) problem(o *option, text string) Problem {
	from := all[o]
	if from.by != nil {
		o = from.by
	}
	if from.source == fromFile {
		text = o.key() + ": " + text
	}
	return Problem{from.place(), text}
}

// Loaded is a configuration and where every value of it came from.
type Loaded struct {
	Config Config
	// Warnings are words about what was ignored, variables that are empty or
	// whose name starts with CLASP_ and is no option, and about secrets that were
	// given where others see them.
	Warnings []string

	origins origins
	unclear func(path string) bool
}

// loader collects values, origins and problems while sources are read.
type loader struct {
	config   Config
	origins  origins
	broken   map[*option]bool
	doubts   []string // the parts of the file of which something could not be taken
	problems Problems
}

func (l *loader) problem(where, format string, args ...any) {
	l.problems = append(l.problems, Problem{Where: where, Text: fmt.Sprintf(format, args...)})
}

func (l *loader) give(o *option, from origin) { l.origins[o] = from }

// failed marks an option whose value could not be taken, so that no rule
// complains about what it happens to hold.
func (l *loader) failed(o *option) { l.broken[o] = true }

// doubt notes that the file may have meant more below a path, "server.tui", than was taken.
func (l *loader) doubt(path string) { l.doubts = append(l.doubts, path) }

// unclear is for Loaded.Unclear.
func (l *loader) unclear(path string) bool {
	below := func(path, top string) bool { return strings.HasPrefix(path+".", top+".") }
	for o := range l.broken {
		if below(o.path, path) {
			return true
		}
	}
	path = root + "." + path
	return slices.ContainsFunc(l.doubts, func(at string) bool { return at == wholeFile || below(path, at) || below(at, path) })
}

// Load reads every source: the flags given, the environment (in the form of
// os.Environ) and the file that --config or CLASP_CONFIG names, or else the
// first that exists of ./clasp.yaml, ~/.config/clasp/config.yaml and
// /etc/clasp/clasp.yaml.
//
// The error is a Problems with everything that is wrong; Loaded is then what
// could be taken, good for saying more about it but not for use. Load does not
// look whether files named in the configuration exist: see Missing.
func Load(given Given, environ []string) (*Loaded, error) {
	l := &loader{origins: origins{}, broken: map[*option]bool{}}
	env := environment(environ)
	for _, o := range options {
		if o.initial == "" {
			continue
		}
		if list, ok := o.field(&l.config).(*[]string); ok {
			*list = []string{strings.Trim(o.initial, "[]")}
			continue
		}
		if err := o.set(&l.config, o.initial); err != nil {
			l.problem("default", "%s: %v", o.path, err)
		}
	}

	// Flags and environment come last to win, but one of them names the file.
	file := env["CLASP_CONFIG"]
	if path, ok := given.text[named("config")]; ok {
		file = path
	}
	l.takeFile(file, env)
	found := l.config.File
	l.takeEnvironment(env)
	l.takeFlags(given)
	l.config.File = found

	l.imply()
	l.derive()
	l.contradictions()

	warnings := slices.Concat(emptyVariables(environ), unknownVariables(env), shownSecrets(given))
	loaded := &Loaded{Config: l.config, Warnings: warnings, origins: l.origins, unclear: l.unclear}
	if len(l.problems) > 0 {
		return loaded, l.problems
	}
	return loaded, nil
}

// takeFile reads the file the user named, or the first that is there.
func (l *loader) takeFile(named string, env map[string]string) {
	candidates := []string{named}
	if named == "" {
		candidates = searched(env)
	}
	for _, path := range candidates {
		text, _, err := smallfile.Read(path)
		if named == "" && errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			l.problem(path, "cannot read the configuration: %v", err)
			l.doubt(wholeFile)
			return
		}
		l.config.File = path
		l.readFile(path, text, func(name string) string { return env[name] })
		return
	}
}

// searched lists where a file is looked for when none is named.
func searched(env map[string]string) []string {
	paths := []string{"clasp.yaml"}
	for _, variable := range []string{"HOME", "USERPROFILE"} {
		if home := env[variable]; home != "" {
			paths = append(paths, filepath.Join(home, ".config", "clasp", "config.yaml"))
			break
		}
	}
	return append(paths, "/etc/clasp/clasp.yaml")
}

func (l *loader) takeEnvironment(env map[string]string) {
	for _, o := range options {
		var from string
		for _, name := range o.environment() {
			switch {
			case env[name] == "":
			case from == "":
				from = name
			case env[name] != env[from]:
				l.problem(name, "differs from %s, which means the same; set only one of them", from)
			}
		}
		if from != "" {
			l.take(o, env[from], origin{source: fromEnvironment, name: from})
		}
	}
}

func (l *loader) takeFlags(given Given) {
	for _, o := range options {
		if text, ok := given.text[o]; ok {
			l.take(o, text, origin{source: fromFlag, name: "--" + o.flag})
		}
	}
}

func (l *loader) take(o *option, text string, from origin) {
	if err := o.set(&l.config, text); err != nil {
		l.failed(o)
		l.problem(from.place(), "%v", err)
		return
	}
	l.give(o, from)
}

// imply turns on what another option asks for without saying so, unless it was
// decided by a source at least as strong.
func (l *loader) imply() {
	cert, key := named("tls.cert"), named("tls.key")
	if l.config.TLS.Cert != "" && l.config.TLS.Key != "" {
		weaker := cert
		if l.origins[key].source < l.origins[cert].source {
			weaker = key
		}
		l.turnOn("tls.enabled", weaker)
	}
	if l.config.Discovery.MDNS.Enabled {
		l.turnOn("discovery.udp.enabled", named("discovery.mdns.enabled"))
	}
	if port := named("discovery.udp.port"); l.origins[port].source == fromFlag {
		l.turnOn("discovery.udp.enabled", port)
	}
	if l.config.Security.Pairing.Enabled {
		l.turnOn("security.require_auth", named("security.pairing.enabled"))
	}
}

func (l *loader) turnOn(name string, by *option) {
	o := named(name)
	if given := l.origins[o]; given.source != fromDefault && given.by == nil && given.source >= l.origins[by].source {
		return
	}
	*o.field(&l.config).(*bool) = true
	from := l.origins[by]
	from.by = by
	l.give(o, from)
}

// derive works out the defaults that depend on the machine or on other values.
func (l *loader) derive() {
	host, err := os.Hostname()
	if err != nil || host == "" {
		host = "clasp" // a router without a host name still needs one
	}
	if l.origins[named("name")].source == fromDefault {
		l.config.Name = host
	}
	if l.origins[named("discovery.mdns.name")].source == fromDefault {
		l.config.Discovery.MDNS.Name = l.config.Name
	}
	if l.origins[named("quic.port")].source == fromDefault {
		l.config.QUIC.Port = l.config.Port
	}
}

// environment makes a map of os.Environ. A variable that is set but empty is
// left out: it counts as not set.
func environment(environ []string) map[string]string {
	env := make(map[string]string, len(environ))
	for _, pair := range environ {
		if name, value, ok := strings.Cut(pair, "="); ok && value != "" {
			env[name] = value
		}
	}
	return env
}

// clientVariables are read by the commands that talk to a router and mean
// nothing to one.
var clientVariables = []string{"CLASP_URL", "CLASP_TOKEN", "CLASP_CA"}

// unknownVariables warns of names that look like ours but set nothing.
func unknownVariables(env map[string]string) []string {
	known := slices.Clone(clientVariables)
	for _, o := range options {
		known = append(known, o.environment()...)
	}
	var warnings []string
	for name := range env {
		if strings.HasPrefix(name, "CLASP_") && !slices.Contains(known, name) {
			warnings = append(warnings, fmt.Sprintf("environment variable %s is no option and was ignored%s", name, didYouMean(Nearest(name, known))))
		}
	}
	slices.Sort(warnings)
	return warnings
}

// emptyVariables warns of options whose variable is set to nothing, which is more
// often a mistake than a wish for the default.
func emptyVariables(environ []string) []string {
	var warnings []string
	for _, o := range options {
		for _, name := range o.environment() {
			if slices.Contains(environ, name+"=") {
				warnings = append(warnings, fmt.Sprintf("environment variable %s is empty and was ignored", name))
			}
		}
	}
	return warnings
}

// shownSecrets warns of secrets on the command line, which every user of the machine
// can read there.
func shownSecrets(given Given) []string {
	var warnings []string
	for _, o := range options {
		if _, ok := given.text[o]; ok && o.isSecret() {
			warnings = append(warnings, fmt.Sprintf("--%s shows the secret to everybody who lists the processes of this machine (ps): use --%s-file or %s", o.flag, o.flag, o.environment()[0]))
		}
	}
	return warnings
}

// FromFile reports whether the file gave any option at all.
func (l *Loaded) FromFile() bool {
	for _, from := range l.origins {
		if from.source == fromFile {
			return true
		}
	}
	return false
}

// Problem is one with the value of the option at a path ("tls.cert"), at the place
// where it was given. What only shows when a value is used is said so.
func (l *Loaded) Problem(path, text string) Problem { return l.origins.problem(named(path), text) }

// Unclear reports whether something that was to set the options below a path ("tui") could not be
// taken, so that they may hold less than was meant: a value that is wrong, a key that there is
// not, a file that cannot be read. What is wrong with other options does not count.
func (l *Loaded) Unclear(path string) bool { return l.unclear(path) }
