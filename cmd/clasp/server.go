// clasp server: load the configuration, open what it names, wait for signals.

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/clasp-studio/clasp/config"
	"github.com/clasp-studio/clasp/router"
	"github.com/clasp-studio/clasp/router/admin"
	"github.com/clasp-studio/clasp/router/metrics"
	"github.com/clasp-studio/clasp/router/pairweb"
	"github.com/clasp-studio/clasp/router/sites"
	"github.com/clasp-studio/clasp/router/transport/ws"
	"github.com/spf13/cobra"
)

// A process that was asked to stop is gone within 10 s (operations, section 1).
const (
	// sessionsWithin is how long sessions get for their last messages.
	sessionsWithin = 5 * time.Second
	// stopWithin is how long they and the state get together. The last lines of the
	// log still fit in after it.
	stopWithin = 8 * time.Second
	// killAfter is when the process ends whatever it is doing.
	killAfter = 10 * time.Second
)

func newServerCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "server",
		Short:   "Start a CLASP router",
		Version: buildVersion().Version,
		Example: `  clasp server
  clasp server --port 8000 --name Studio --log-level debug
  clasp server -c clasp.yaml
  clasp config print --origin          what it would use, and why`,
	}
	given := addOptionFlags(cmd)
	addVersionFlag(cmd)
	cmd.SetHelpTemplate(helpHead + "\n" + config.Usage() + `
Each option but --tui, which is a flag alone, is also a key of the configuration
file and an environment variable: 'clasp config init' lists them all.

Signals: SIGTERM and SIGINT stop the router, SIGHUP reloads the configuration, as
'clasp reload' does.
`)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		endWhateverHangs()
		// From the first moment, so that an early signal ends things in order too.
		signals := make(chan os.Signal, 4)
		signal.Notify(signals, append(reloadSignals, os.Interrupt, syscall.SIGTERM)...)
		defer signal.Stop(signals)
		ignoreBrokenPipe()

		s, err := startServer(*given, cmd.OutOrStdout(), cmd.ErrOrStderr())
		if err != nil {
			return err
		}
		return s.run(signals)
	}
	return cmd
}

// endWhateverHangs ends the process at the second signal to stop, and killAfter
// the first. It says nothing, since saying something may be what hangs.
func endWhateverHangs() {
	stops := make(chan os.Signal, 2)
	signal.Notify(stops, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-stops
		select {
		case <-stops:
		case <-time.After(killAfter):
		}
		restoreTerminal()
		os.Exit(exitFailure)
	}()
}

// server is a running router with its listeners.
type server struct {
	given   config.Given
	started time.Time
	log     *serverLog
	state   *state
	devices *devices
	prompt  *prompt       // nil without devices
	id      func() string // of the router, made or read when it is asked for first
	router  *router.Router
	ws      *ws.Server
	ways    *listeners    // the other transports, and discovery
	pages   *listeners    // metrics, which end last
	found   *discoverable // nil without discovery
	quic    *optional     // of ways, nil where not wanted, as the next two
	udp     *optional
	tcp     *optional
	admin   *admin.Server // nil when its socket could not be opened
	noAdmin string        // why not, as it was last said
	certs   *certificates
	watched *watched // what is seen of all this

	// What is in force. Reloads change it, on the goroutine of run.
	running config.Config
	filed   bool // a file gave some of it
	who     router.Auth
	files   config.Files
	origins atomic.Pointer[[]string]

	dashboard *dashboard // nil when this process shows none; of the goroutine of run

	reloads  chan chan reloaded // those that somebody waits for
	counted  *metrics.Reloads
	stopping chan struct{}
}

// startServer opens everything the configuration names, or nothing.
func startServer(given config.Given, stdout, stderr io.Writer) (_ *server, err error) {
	started := time.Now()
	loaded, err := config.Load(given, os.Environ())
	defer func() {
		if err != nil { // else they are in the log
			printWarnings(stderr, loaded.Warnings)
		}
	}()
	if err != nil {
		err = reportProblems(stderr, err)
	}
	if err != nil {
		return nil, err
	}
	if missing := loaded.Missing(); len(missing) > 0 {
		return nil, reportProblems(stderr, missing)
	}
	who, warnings, problems := authOf(loaded)
	if problems = append(problems, keyProblems(loaded)...); len(problems) > 0 {
		return nil, reportProblems(stderr, problems)
	}
	loaded.Warnings = append(loaded.Warnings, warnings...)
	c := loaded.Config
	screen, err := wantedScreen(c.TUI, os.Stdin, stdout)
	if err != nil {
		return nil, err
	}
	s := &server{
		given: given, started: started, running: c, filed: loaded.FromFile(), who: who, files: c.Files(),
		reloads: make(chan chan reloaded), counted: metrics.NewReloads(), stopping: make(chan struct{}),
	}
	s.origins.Store(&c.Security.AllowedOrigins)
	log, err := openLog(c.Logging, stdout, stderr)
	if err != nil {
		return nil, exitError{exitConfig, err}
	}
	if screen != nil {
		log.output.show(false) // the ring has it, and the file
	}
	defer func() {
		if err != nil {
			log.output.close()
		}
	}()
	certs, err := openCertificates(loaded, log.Logger)
	if err != nil {
		return nil, reportProblems(stderr, err)
	}
	defer func() {
		if err != nil {
			certs.close()
		}
	}()
	s.certs = certs
	st, err := openState(c.Persistence, log.Logger)
	if err != nil {
		return nil, err
	}
	s.id = sync.OnceValue(func() string { return routerID(c, log.Logger) })
	paired, err := openDevices(c, s.id, log.Logger)
	if err != nil {
		_ = st.close(context.Background()) // as it was: nothing has been written
		return nil, err
	}
	s.running.Security.Pairing.Known = paired.registry != nil
	r, err := router.New(router.Options{
		Name: c.Name, Logger: log.Logger, Settings: routerSettings(c, who),
		Store: st.store, Exclude: c.Persistence.Exclude, Pairing: paired.registry,
	})
	if err != nil {
		paired.close()
		_ = st.close(context.Background()) // as above
		return nil, fmt.Errorf("start the router: %w", err)
	}
	st.loaded(r.Stats().Params)
	s.log, s.state, s.devices, s.router = log, st, paired, r
	web := pairweb.New(pairweb.Options{Name: c.Name, Pairing: paired.registry, Health: metrics.Health(s.unready)})
	s.ws, err = ws.Listen(r, net.JoinHostPort(c.Bind, strconv.Itoa(c.Port)), ws.Options{TLS: certs.config(), Sites: s.sites, Pages: web})
	if err != nil {
		// Nobody is connected yet, and what was loaded is as it was on disk.
		_ = r.Close(context.Background())
		paired.close()
		_ = st.close(context.Background())
		return nil, listenError(err, "tcp", c.Bind, c.Port, "--port")
	}
	s.openWays()
	s.pages = newListeners(log.Logger, nil)
	if c.Metrics.Enabled {
		s.pages.add(s.metricsPort())
	}
	s.pages.start()
	s.watched = newWatched(s)
	s.openAdmin()
	s.announce(loaded.Warnings)
	if screen != nil {
		s.openDashboard(screen)
	} else {
		s.openPrompt(os.Stdin, stdout)
	}
	return s, nil
}

// announce says that the server is ready. The banner is for people: machines
// that read JSON from stdout, and whoever reads a log file, find records.
func (s *server) announce(warnings []string) {
	listeners := append([]listener{newListener("WebSocket", s.ws.Addr(), s.certs.scheme(), "/clasp")}, s.ways.open()...)
	if s.found != nil {
		listeners = append(listeners, s.found.announced(s.udp)...)
	}
	listeners = append(listeners, s.pages.open()...)
	c := s.running
	if c.Logging.Format == "text" || c.Logging.File != "" {
		s.log.output.banner(banner(c.Name, c.File, listeners))
	}
	if c.Logging.Format == "json" || c.Logging.File != "" {
		for _, l := range listeners {
			s.log.Info("listening", "transport", l.transport, "urls", l.urls)
		}
	}
	s.log.Info("router started", "name", c.Name, "version", buildVersion().Version, "config", c.File, "pid", os.Getpid())
	s.devices.announce()
	s.warn(warnings)
}

func (s *server) warn(warnings []string) {
	for _, warning := range warnings {
		s.log.Warn(warning)
	}
}

// run serves until a signal says to stop.
func (s *server) run(signals <-chan os.Signal) error {
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		select {
		case <-look.C:
			s.openAdmin()
		case sig := <-signals:
			if sig == os.Interrupt || sig == syscall.SIGTERM {
				return s.stop(slog.String("signal", sig.String()))
			}
			if s.dashboard.hungUp() {
				continue // it was the end of the terminal
			}
			s.openAdmin() // whoever sends a signal may do so for want of it
			s.reload()
		case end := <-s.dashboard.end():
			if s.dashboardEnded(end) {
				return s.stop(slog.String("asked", "at the dashboard"))
			}
		case answer := <-s.reloads:
			answer <- s.reload()
		}
	}
}

// stop ends everything in order. It fails if that loses state; all else is only logged.
func (s *server) stop(why slog.Attr) error {
	defer s.log.output.close()
	s.dashboard.stop() // it gives the terminal back meanwhile
	s.log.Info("router stopping", why)
	close(s.stopping)
	s.prompt.close()
	defer s.certs.close()
	if s.admin != nil {
		defer s.admin.Close()
	}
	defer s.pages.close()
	if s.found != nil {
		s.found.close() // first, so that nobody comes who would be turned away
	}
	s.ways.close()
	if err := s.ws.Close(); err != nil {
		s.log.Warn("listener not closed cleanly", "transport", "WebSocket", "error", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), stopWithin)
	defer cancel()
	sessions, cancelSessions := context.WithTimeout(ctx, sessionsWithin)
	defer cancelSessions()
	if err := s.router.Close(sessions); err != nil {
		s.log.Warn("sessions did not end in time", "error", err)
	}
	s.devices.close()
	if s.dashboard != nil && s.dashboard.finish() {
		s.log.output.show(true)
	}
	if err := s.state.close(ctx); err != nil {
		s.log.Error("the last changes are not on disk", "path", s.state.path, "error", err)
		return exitError{code: exitFailure} // the log has the words
	}
	s.log.Info("router stopped")
	return nil
}

// sites are the rules for web pages that are in force now.
func (s *server) sites() sites.Rules {
	return sites.Rules{Origins: *s.origins.Load(), Names: s.certs.hosts()}
}

// routerSettings is what the engine may be told again while it runs.
func routerSettings(c config.Config, who router.Auth) router.Settings {
	return router.Settings{Limits: routerLimits(c.Limits), Conflicts: routerConflicts(c.Conflicts), Auth: who}
}

func routerLimits(l config.Limits) router.Limits {
	return router.Limits{
		MaxConnections:       l.MaxConnections,
		MaxConnectionsPerIP:  l.MaxConnectionsPerIP,
		MaxMessageSize:       l.MaxMessageSize,
		MaxSubscriptions:     l.MaxSubscriptions,
		MaxMessagesPerSecond: l.MaxMessagesPerSecond,
		MaxParams:            l.MaxParams,
		WelcomeSnapshot:      l.WelcomeSnapshot,
		SessionTimeout:       l.SessionTimeout,
	}
}

func routerConflicts(rules []config.Conflict) []router.ConflictRule {
	out := make([]router.ConflictRule, len(rules))
	for i, rule := range rules {
		out[i] = router.ConflictRule(rule)
	}
	return out
}

// listenError says in words why a port could not be opened, and what to do.
func listenError(err error, network, bind string, port int, flag string) error {
	switch {
	case errors.Is(err, addressInUse):
		which := "port"
		if network == "udp" {
			which = "UDP port"
		}
		return exitError{exitAddressUsed, fmt.Errorf("%s %d on %s is in use by %s: stop it, or choose another port with %s", which, port, bind, heldBy(network, port), flag)}
	case errors.Is(err, addressNotHere):
		return exitError{exitConfig, fmt.Errorf("address %s is on no network card of this machine: give one that is with --bind, or 0.0.0.0 for all", bind)}
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("no permission to listen on port %d of %s: choose a port above 1023 with %s: %w", port, bind, flag, err)
	default:
		return fmt.Errorf("listen on port %d of %s: %w", port, bind, err)
	}
}

// heldBy is who has a port that is in use.
func heldBy(network string, port int) string {
	if holder := portHolder(network, port); holder != "" {
		return holder
	}
	return "another process"
}

// mdnsError says the same of multicast DNS, which has one port only.
func mdnsError(err error) error {
	if !errors.Is(err, addressInUse) {
		return err
	}
	const port = 5353
	return fmt.Errorf("UDP port %d is in use by %s, which does not share it as programs that speak multicast DNS do: stop it", port, heldBy("udp", port))
}
