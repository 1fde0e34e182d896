// What pub, sub, get and set share: the flags that say which router, the
// connection to it, and words for what can go wrong with it.

package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/clasp-studio/clasp/router/client"
	"github.com/clasp-studio/clasp/router/wire"
	"github.com/spf13/cobra"
)

const (
	defaultURL = "ws://localhost:7330"
	// connectLimit bounds the connection of a command that may otherwise last for ever.
	connectLimit = 5 * time.Second
	// connectionRefused is Winsock's number, which package syscall's ECONNREFUSED is not.
	connectionRefused = syscall.Errno(10061)
)

// connection is the router that a command talks to.
type connection struct {
	url, token, ca, name string
	timeout              duration
	stored               bool // the token is one that clasp pair has stored
}

// addFlags gives cmd the common flags. timeout is the default of --timeout and
// about is what it means; the others mean the same everywhere.
func (c *connection) addFlags(cmd *cobra.Command, timeout time.Duration, about string) {
	c.timeout = duration(timeout)
	flags := cmd.Flags()
	flags.StringVar(&c.url, "url", defaultURL, "`URL` of the router: ws, wss, quic, udp or tcp://HOST[:PORT], or discover:[NAME] for the first, or the one of that name, on the local network (environment: CLASP_URL)")
	flags.StringVar(&c.token, "token", "", "`TOKEN` to show to it (environment: CLASP_TOKEN; default the one that 'clasp pair' has stored for it)")
	flags.StringVar(&c.ca, "ca", "", "PEM `FILE` of the authority that signed the certificate of a wss or quic router, trusted instead of the system's (environment: CLASP_CA)")
	flags.StringVar(&c.name, "name", "clasp "+cmd.Name(), "`NAME` of this session, told to the router")
	flags.Var(&c.timeout, "timeout", about)
}

// within returns ctx with the time --timeout gives, of which 0 is for ever.
func (c *connection) within(ctx context.Context) (context.Context, context.CancelFunc) {
	if c.timeout == 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, time.Duration(c.timeout))
}

// dial connects. Flags go before environment, environment before what is stored or default.
func (c *connection) dial(ctx context.Context, cmd *cobra.Command, o client.Options) (*client.Client, error) {
	if err := fromEnvironment(cmd, map[string]string{"url": "CLASP_URL", "token": "CLASP_TOKEN", "ca": "CLASP_CA"}); err != nil {
		return nil, err
	}
	trusted, err := authorities(c.ca)
	if err != nil {
		return nil, usageError(cmd, err)
	}
	ctx, cancel := context.WithTimeout(ctx, c.connectWithin())
	defer cancel()
	if err := c.discover(ctx); err != nil {
		return nil, err
	}
	o.Name, o.Token, o.TLS = c.name, c.token, trusted
	if !cmd.Flags().Changed("token") {
		o.Token, o.TLS = storedFor(ctx, c.url, trusted, cmd.ErrOrStderr())
		c.stored = o.Token != ""
	}
	dialled, err := client.Dial(ctx, c.url, o)
	return dialled, c.explain(err)
}

// discover looks for the router that a discover: URL means, and makes that its own.
func (c *connection) discover(ctx context.Context) error {
	name, ok := discovered(c.url)
	if !ok {
		return nil
	}
	found, err := look(ctx, name)
	if err == nil {
		c.url = found.URL() // for what goes wrong from here on, too
	}
	return err
}

// fromEnvironment sets flags that the command line has not, by the variable of each.
func fromEnvironment(cmd *cobra.Command, variables map[string]string) error {
	for flag, variable := range variables {
		if value := os.Getenv(variable); value != "" && !cmd.Flags().Changed(flag) {
			if err := cmd.Flags().Set(flag, value); err != nil {
				return usageError(cmd, fmt.Errorf("%s: %w", variable, err))
			}
		}
	}
	return nil
}

// shows reports whether a router was shown a token.
func (c *connection) shows() bool { return c.token != "" || c.stored }

// authorities returns whom to trust: those in the file that --ca names, or nil without one.
func authorities(file string) (*tls.Config, error) {
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("--ca: %w", err)
	}
	trusted := x509.NewCertPool()
	if !trusted.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("--ca: %s holds no certificate in PEM form: give ca.pem as 'clasp tls init' made it", file)
	}
	return &tls.Config{RootCAs: trusted}, nil
}

// connectWithin is how long the router may take to answer at first. A router that is not there is no reason to wait for ever.
func (c *connection) connectWithin() time.Duration {
	if c.timeout == 0 {
		return connectLimit
	}
	return time.Duration(c.timeout)
}

// stoppable returns a context that ends with SIGINT, SIGTERM or the terminal (SIGHUP, unless
// nohup is to outlive it). A second SIGINT or SIGTERM ends the process at once; a second
// SIGHUP does not, since the kernel and the shell send one each.
func stoppable(cmd *cobra.Command) (context.Context, context.CancelFunc) {
	standing, hungUp := cmd.Context(), func() {}
	if !signal.Ignored(syscall.SIGHUP) {
		standing, hungUp = signal.NotifyContext(standing, syscall.SIGHUP)
	}
	ctx, stop := signal.NotifyContext(standing, os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx, func() {
		stop()
		hungUp()
	}
}

// explain adds to an error what to do about it.
func (c *connection) explain(err error) error {
	var refused *client.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &refused):
		if advice := c.adviceFor(refused.Code); advice != "" {
			return fmt.Errorf("%w\n%s", err, advice)
		}
		return err
	case errors.Is(err, client.ErrBadURL):
		return exitError{exitUsage, fmt.Errorf("%w; and discover:[NAME] finds a router on the local network", err)}
	case errors.Is(err, client.ErrBadOptions):
		return exitError{exitUsage, err}
	case nothingListens(err):
		return fmt.Errorf("nothing listens at %s: start a router there with 'clasp server', or name another one with --url", c.url)
	case tlsAdvice(err) != "":
		return fmt.Errorf("%w\n%s", err, tlsAdvice(err))
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("no answer from %s in time: is it a CLASP router, and can this machine reach it? --timeout gives it longer\n%w", c.url, err)
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("stopped: %w", err)
	default:
		return err
	}
}

func nothingListens(err error) bool {
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, connectionRefused)
}

// tlsAdvice says what to do about a certificate that is not trusted, "" about any other error.
func tlsAdvice(err error) string {
	var (
		unknown  x509.UnknownAuthorityError
		host     x509.HostnameError
		invalid  x509.CertificateInvalidError
		noRecord tls.RecordHeaderError
	)
	switch {
	case errors.As(err, &unknown):
		return "nothing here trusts who signed the router's certificate: give that authority with --ca FILE (ca.pem of 'clasp tls init')"
	case errors.As(err, &host):
		return "connect by a name or an address that is in the certificate, or make one with: clasp tls init --renew --name HOST"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "set the clock of this machine, or renew the router's certificate with: clasp tls init --renew"
	case errors.As(err, &noRecord):
		return "what listens there speaks no TLS: say ws:// instead of wss://"
	}
	return ""
}

// adviceFor says what to do about a refusal (protocol section 11, pairing section 8).
func (c *connection) adviceFor(code wire.Code) string {
	switch code {
	case wire.CodeNotFound:
		return "see what there is with: clasp get '/**'"
	case wire.CodeUnauthenticated, wire.CodeExpired, wire.CodeTokenRevoked:
		if c.stored {
			return "that was the token which 'clasp pair' has stored: ask to be let in again with 'clasp pair " + c.url + "', or give another one with --token"
		}
		return "give a token that is good with --token, or in CLASP_TOKEN; where the router has --pairing, 'clasp pair " + c.url + "' gets one"
	case wire.CodePairingPending:
		return "get a token that lasts with: clasp pair " + c.url
	case wire.CodeConflict:
		return "see the present revision with: clasp get --json ADDRESS"
	case wire.CodeLocked:
		return "wait until the holder releases the lock or disconnects"
	case wire.CodeLimit:
		return "send less at a time, or raise the limit in the router's configuration"
	}
	return ""
}

// duration is a flag in seconds ("5", "0.5"), or with a unit ("500ms", "2m").
type duration time.Duration

func (d *duration) Set(text string) error {
	if number, err := strconv.ParseFloat(text, 64); err == nil {
		text = strconv.FormatFloat(number, 'f', -1, 64) + "s"
	}
	parsed, err := time.ParseDuration(text)
	if err != nil || parsed < 0 {
		return errors.New("is not a number of seconds, nor one with a unit as in 500ms or 2m")
	}
	*d = duration(parsed)
	return nil
}

func (d *duration) String() string {
	if *d == 0 {
		return "" // the help then shows no default
	}
	return time.Duration(*d).String()
}

func (d *duration) Type() string { return "SECONDS" }

// natural is a flag that is a whole number from 0 to its max.
type natural struct {
	n, max uint64
	given  string // what Set got
}

func (n *natural) Set(text string) error {
	value, err := strconv.ParseUint(text, 10, 64)
	if err != nil || value > n.max {
		return fmt.Errorf("is not a whole number from 0 to %d", n.max)
	}
	n.n, n.given = value, text
	return nil
}

func (n *natural) String() string { return n.given }
func (n *natural) Type() string   { return "N" }

// distance is a flag that is a number from 0 up.
type distance float64

func (d *distance) Set(text string) error {
	x, err := strconv.ParseFloat(text, 64)
	if err != nil || !(x >= 0) || math.IsInf(x, 1) {
		return errors.New("is not a number from 0 up")
	}
	*d = distance(x)
	return nil
}

func (d *distance) String() string {
	if *d == 0 {
		return "" // the help then shows no default
	}
	return strconv.FormatFloat(float64(*d), 'g', -1, 64)
}

func (d *distance) Type() string { return "X" }

// choice is a flag that takes one of a few words.
type choice struct {
	value string
	words []string
}

func (c *choice) Set(text string) error {
	for _, word := range c.words {
		if text == word {
			c.value = text
			return nil
		}
	}
	return fmt.Errorf("%q is not one of %s", text, joinWords(c.words))
}

func (c *choice) String() string { return c.value }
func (c *choice) Type() string   { return "WORD" }

// addChoice gives cmd a flag that takes one of words, and lets the shell complete them.
func addChoice(cmd *cobra.Command, c *choice, name, about string) {
	cmd.Flags().Var(c, name, about+": "+joinWords(c.words))
	complete := cobra.FixedCompletions(c.words, cobra.ShellCompDirectiveNoFileComp)
	if err := cmd.RegisterFlagCompletionFunc(name, complete); err != nil {
		panic(err) // the flag was added above
	}
}
