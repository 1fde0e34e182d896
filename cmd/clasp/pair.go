// clasp pair: ask a router to let this machine in, and keep the token that it gives.

package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/clasp-studio/clasp/router/client"
	"github.com/spf13/cobra"
)

// pairKind is what the operator is told that this is.
const pairKind = "computer"

// pairCommand is one run of clasp pair.
type pairCommand struct {
	cmd    *cobra.Command
	router connection // of which the URL, whom to trust and the name are used
	want   []string
	pin    string

	to *pairRouter
	ws *url.URL
}

func newPairCommand() *cobra.Command {
	p := pairCommand{}
	cmd := &cobra.Command{
		Use:   "pair URL",
		Short: "Ask a router to let this machine in, and keep the token for clasp pub, sub, get and set",
		Long: `Ask a router to let this machine in, and keep the token for clasp pub, sub, get and set,
which then use it by themselves. URL is that of the router's WebSocket port, discover:[NAME],
or the link of an invite, which lets this machine in at once.

Without an invite the router's operator has to answer. Compare the match code that is
printed here with the one that the operator sees, or type the PIN that the operator reads
out to you.

What stands on a command line is seen by every user of this machine (ps) and kept by the
shell, a PIN and the link of an invite too. Both are good once and for minutes only. Where
that is too much, leave --pin out and type the PIN, or give it by stdin with --pin -.

The token is kept in clasp/tokens in the directory for this user's configuration, in a file
that only this user can read.

Exit codes: 0 this machine is in; 1 it is not.`,
		Example: `  clasp pair ws://studio.local:7330 --name "cue laptop"
  clasp pair discover:Studio
  clasp pair 'http://10.0.0.5:7330/p#kq3...'`,
		Args:        oneName("the URL of a router"),
		Annotations: map[string]string{alone: "yes"},
	}
	p.cmd = cmd
	cmd.AddCommand(newPairAllowCommand())
	p.router.timeout = duration(10 * time.Minute)
	flags := cmd.Flags()
	flags.StringVar(&p.router.name, "name", "", "`NAME` of this machine, for the operator (default that of the computer)")
	flags.StringArrayVar(&p.want, "want", nil, "Say what it is for: `RIGHT` as in write:/lights/**; the operator sees it and decides")
	flags.StringVar(&p.pin, "pin", "", "The `PIN` of an invite, or - to read it from stdin when one is wanted, which keeps it out of the list of processes")
	flags.StringVar(&p.router.ca, "ca", "", "PEM `FILE` of the authority that signed the certificate of a wss router, trusted instead of the system's (environment: CLASP_CA)")
	flags.Var(&p.router.timeout, "timeout", "Give up after this long, 0 for never")
	cmd.RunE = func(_ *cobra.Command, args []string) error { return p.run(args[0]) }
	return cmd
}

func (p *pairCommand) run(text string) error {
	interrupted, stop := stoppable(p.cmd)
	defer stop()
	ctx, cancel := p.router.within(interrupted)
	defer cancel()
	secret, trusted, err := p.target(ctx, text)
	if err != nil {
		return err
	}
	p.to = newPairRouter(p.to.at, trusted)
	about, err := p.about(ctx)
	if err != nil {
		return err
	}
	stderr := p.cmd.ErrOrStderr()
	known := storedTokens(stderr)
	warnOfChange(known, p.ws, about.RouterID, stderr)
	if p.ws.Scheme == "ws" {
		warn(stderr, "the way to %s is not encrypted: whoever is in its network can read the token", p.ws)
	}
	file, err := newTokenFile()
	if err != nil {
		return err
	}
	defer func() { // it has been renamed if it is to stay
		_ = file.Close()
		_ = os.Remove(file.Name())
	}()

	var token pairToken
	if secret != "" {
		token, err = p.to.redeem(ctx, secret, p.router.name)
	} else {
		token, err = p.ask(ctx, about)
	}
	if err != nil {
		return p.explain(err)
	}
	keep := &storedToken{
		RouterID: about.RouterID, Router: about.Router, URLs: []string{p.ws.String()}, Encrypted: p.ws.Scheme == "wss",
		Device: token.Device, Name: p.router.name, Profile: token.Profile, Token: token.Token, Expires: token.Expires, Stored: time.Now().UTC(),
	}
	if trusted != nil && p.router.ca == "" {
		keep.Key = fingerprintOf(text)
	}
	if before := ofRouter(known, about.RouterID); before != nil {
		keep.URLs = append(keep.URLs, slices.DeleteFunc(before.URLs, func(u string) bool { return u == keep.URLs[0] })...)
	}
	path, err := keep.keepIn(file)
	if err != nil {
		return p.unkept(err, token.Token)
	}
	return p.finish(ctx, keep, trusted, token, path)
}

// target finds out where the router is, whom to trust and, of an invite, its secret.
func (p *pairCommand) target(ctx context.Context, text string) (secret string, trusted *tls.Config, err error) {
	if err := fromEnvironment(p.cmd, map[string]string{"ca": "CLASP_CA"}); err != nil {
		return "", nil, err
	}
	if trusted, err = authorities(p.router.ca); err != nil {
		return "", nil, usageError(p.cmd, err)
	}
	if p.router.name == "" {
		if p.router.name, err = os.Hostname(); err != nil {
			return "", nil, usageError(p.cmd, fmt.Errorf("this machine has no name: give one with --name: %w", err))
		}
	}
	p.router.url = text
	looking, cancel := context.WithTimeout(ctx, connectLimit)
	defer cancel()
	if err := p.router.discover(looking); err != nil {
		return "", nil, err
	}
	u, err := url.Parse(p.router.url)
	if err != nil {
		return "", nil, usageError(p.cmd, errors.New("that is no URL")) // the error would show an invite
	}
	p.to = new(pairRouter)
	if p.to.at, p.ws, err = pairAddress(u); err != nil {
		return "", nil, usageError(p.cmd, err)
	}
	p.router.url = p.ws.String() // for messages: what is in a fragment is nobody's business
	secret, fingerprint, named := strings.Cut(u.Fragment, ".")
	if named && trusted == nil && p.ws.Scheme == "wss" {
		if trusted, err = pinned(fingerprint); err != nil {
			return "", nil, usageError(p.cmd, err)
		}
	}
	return secret, trusted, nil
}

// fingerprintOf returns the one in the link of an invite.
func fingerprintOf(link string) string {
	_, fragment, _ := strings.Cut(link, "#")
	_, fingerprint, _ := strings.Cut(fragment, ".")
	return fingerprint
}

// about asks which router it is. One that is not there is none to wait for.
func (p *pairCommand) about(ctx context.Context) (pairAbout, error) {
	ctx, cancel := context.WithTimeout(ctx, connectLimit)
	defer cancel()
	about, err := p.to.about(ctx)
	switch {
	case err != nil:
		return about, p.explain(err)
	case !about.Pairing:
		return about, fmt.Errorf("the router %s lets nobody new in: it has to be started with --pairing", shown(about.Router))
	}
	return about, nil
}

// explain adds to an error what to do about it.
func (p *pairCommand) explain(err error) error {
	var refused *pairRefusal
	switch {
	case errors.Is(err, errNoPairing):
		return fmt.Errorf("%s: %w", p.ws, err)
	case errors.As(err, &refused):
		return err
	case nothingListens(err):
		return fmt.Errorf("nothing listens at %s: see that the router runs there, with --pairing", p.ws)
	}
	return p.router.explain(err)
}

// unkept takes back what was given and could not be kept.
func (p *pairCommand) unkept(failed error, token string) error {
	ctx, cancel := context.WithTimeout(context.Background(), connectLimit)
	defer cancel()
	if err := p.to.giveBack(ctx, token); err != nil {
		return fmt.Errorf("%w\nthe router has a device now that nobody has the token of: revoke %q there with 'clasp paired revoke'", failed, p.router.name)
	}
	return failed
}

// finish uses the token: the router forgets a device that never does. The token is stored
// before, so that whenever the command is killed there is a working device or none.
func (p *pairCommand) finish(ctx context.Context, keep *storedToken, trusted *tls.Config, token pairToken, path string) error {
	ctx, cancel := context.WithTimeout(ctx, connectLimit)
	defer cancel()
	c, err := client.Dial(ctx, p.ws.String(), client.Options{Name: keep.Name, Token: keep.Token, TLS: trusted})
	if err != nil {
		return fmt.Errorf("the token is in %s, but a first connection with it failed: try another one within 10 minutes, or the router forgets this machine: %w", path, p.router.explain(err))
	}
	c.Close()
	router := shown(keep.Router)
	if router == "" {
		router = keep.RouterID
	}
	_, err = fmt.Fprintf(p.cmd.OutOrStdout(), "%s has let %s in, with the profile %s: it %s\nThe token is in %s; clasp pub, sub, get and set use it by themselves\n",
		router, shown(keep.Name), shown(keep.Profile), rights(token.Read, token.Write), path)
	return err
}
