// What the commands that act on a running router of this machine share: the flags that
// say which one, and a call to its admin socket.

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/url"
	"strings"
	"time"

	"github.com/clasp-studio/clasp/router/admin"
	"github.com/spf13/cobra"
)

// adminRouter is the running router that a command acts on.
type adminRouter struct {
	port    natural
	socket  string
	timeout duration // of one call; 0 is none
}

// addFlags gives cmd the common flags.
func (a *adminRouter) addFlags(cmd *cobra.Command) {
	a.port = natural{max: math.MaxUint16}
	a.timeout = duration(30 * time.Second)
	flags := cmd.Flags()
	flags.Var(&a.port, "port", "The router on port `N` (default the one of the configuration here)")
	flags.StringVar(&a.socket, "socket", "", "The router whose admin socket is at `PATH`")
	flags.Var(&a.timeout, "timeout", "How long the router may take to answer, 0 for ever")
	cmd.MarkFlagsMutuallyExclusive("port", "socket")
}

// find sets the path of the socket, if no flag has.
func (a *adminRouter) find(cmd *cobra.Command) error {
	if a.socket != "" {
		return nil
	}
	n, wrong := portOf(a.port)
	path, err := admin.Find(n)
	switch {
	case err == nil:
		a.socket = path
		return nil
	case wrong != nil:
		_, _ = fmt.Fprintln(cmd.ErrOrStderr(), wrong)
		return exitError{exitConfig, fmt.Errorf("%w; the configuration here is wrong, and so may be the port: mend it, or name the router with --port", err)}
	default:
		return fmt.Errorf("%w; start one with 'clasp server', or name its socket with --socket", err)
	}
}

// within returns ctx with the time a call may take.
func (a *adminRouter) within(ctx context.Context) (context.Context, context.CancelFunc) {
	if a.timeout == 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, time.Duration(a.timeout))
}

// ask sends a call about pairing, whose {id} or {ref} is ref, and reads the answer, nil for
// one of no interest. A refusal is an error in the router's words.
func (a *adminRouter) ask(ctx context.Context, cmd *cobra.Command, route, ref string, body, answer any) error {
	if err := a.find(cmd); err != nil {
		return err
	}
	ctx, cancel := a.within(ctx)
	defer cancel()
	for _, placeholder := range []string{"{id}", "{ref}"} {
		route = strings.ReplaceAll(route, placeholder, url.PathEscape(ref))
	}
	var said json.RawMessage
	if err := admin.Call(ctx, a.socket, route, body, &said); err != nil {
		return err
	}
	var refused pairingRefusal
	if json.Unmarshal(said, &refused) == nil && refused.Error != "" { // a list is no refusal
		return errors.New(shown(refused.Error))
	}
	if answer == nil {
		return nil
	}
	if err := json.Unmarshal(said, answer); err != nil {
		return fmt.Errorf("read the answer of the router at %s: %w", a.socket, err)
	}
	return nil
}
