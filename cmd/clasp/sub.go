// clasp sub: print what arrives under some patterns, one line a message.

package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/clasp-studio/clasp/pairing"
	"github.com/clasp-studio/clasp/router/address"
	"github.com/clasp-studio/clasp/router/client"
	"github.com/clasp-studio/clasp/router/wire"
	"github.com/spf13/cobra"
)

// subCommand is one run of clasp sub.
type subCommand struct {
	cmd      *cobra.Command
	router   connection
	patterns []*address.Pattern

	types   []string
	maxRate natural
	epsilon distance
	count   natural
	asJSON  bool

	printed uint64
	ended   chan error // gets one result: enough printed, or not printable
}

func newSubCommand() *cobra.Command {
	s := subCommand{maxRate: natural{max: math.MaxUint32}, count: natural{max: math.MaxUint64}, ended: make(chan error, 1)}
	cmd := &cobra.Command{
		Use:   "sub PATTERN...",
		Short: "Print what changes and what is sent under some patterns",
		Long: `Print what changes and what is sent under some patterns, one line a message,
until Ctrl-C. In a pattern '*' is one segment, '**' any number. The values that
params have already come first. A lost connection is made again.`,
		Example: `  clasp sub '/**'
  clasp sub /lights/brightness '/cue/*'
  clasp sub --types event,gesture --json '/**' | jq .
  clasp sub --max-rate 10 --epsilon 0.01 '/sensor/*'
  clasp sub --count 1 --timeout 60 /cue/go     waits a minute for one event`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.New("expected a PATTERN at least")
			}
			for _, text := range args {
				p, err := address.Compile(text)
				if err != nil {
					return err
				}
				s.patterns = append(s.patterns, p)
			}
			_, err := s.mask()
			return err
		},
	}
	s.cmd = cmd
	s.router.addFlags(cmd, 0, "Stop after this long; an error if --count has not been reached (default never)")
	flags := cmd.Flags()
	flags.StringSliceVar(&s.types, "types", nil, "Only these `TYPES`: "+strings.Join(typeWords, ","))
	flags.Var(&s.maxRate, "max-rate", "At most `N` messages a second for each address (default no limit)")
	flags.Var(&s.epsilon, "epsilon", "Leave out numbers that differ by less than `X` from the last one")
	flags.Var(&s.count, "count", "Stop after `N` messages (default never)")
	flags.BoolVar(&s.asJSON, "json", false, "Print JSON, one line a message")
	cmd.RunE = func(*cobra.Command, []string) error { return s.run() }
	return cmd
}

// typeWords are the values of --types, in the order of wire.Signal.
var typeWords = append([]string{wire.Param.String()}, signalWords...)

func (s *subCommand) mask() (mask uint8, err error) {
	for _, word := range s.types {
		i := slices.Index(typeWords, word)
		if i < 0 {
			return 0, fmt.Errorf("--types: %q is not one of %s", word, joinWords(typeWords))
		}
		mask |= wire.Signal(i).Mask()
	}
	return mask, nil
}

func (s *subCommand) run() error {
	ctx, stop := stoppable(s.cmd)
	defer stop()
	ctx, cancel := s.router.within(ctx)
	defer cancel()
	c, err := s.router.dial(ctx, s.cmd, client.Options{Reconnect: true, OnState: s.onState, OnError: s.onError})
	if err != nil {
		return s.unlessStopped(ctx, err)
	}
	defer c.Close()
	types, err := s.mask()
	if err != nil {
		return err
	}
	options := client.SubscribeOptions{Types: types, MaxRate: uint32(s.maxRate.n), Epsilon: float64(s.epsilon)}
	for i, p := range s.patterns {
		if _, err := c.Subscribe(ctx, p.String(), options, func(m *client.Message) { s.print(i, m) }); err != nil {
			return s.unlessStopped(ctx, s.router.explain(err))
		}
	}
	if !s.router.shows() {
		go s.tellWaiting(ctx, c) // beside: what is read goes on
	}
	select {
	case err = <-s.ended:
		return err
	case <-c.Done():
		return s.router.explain(c.Err())
	case <-ctx.Done():
		if s.count.n > 0 {
			err = fmt.Errorf("%v have passed and not all of the %d messages have come", time.Duration(s.router.timeout), s.count.n)
		}
		return s.unlessStopped(ctx, err)
	}
}

// unlessStopped is err, or nil if Ctrl-C is why the command ends.
func (s *subCommand) unlessStopped(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return nil
	}
	return err
}

// print prints a message that the i-th pattern brought. All run in one goroutine.
func (s *subCommand) print(i int, m *client.Message) {
	earlier := func(p *address.Pattern) bool { return p.Match(m.Address) }
	if slices.ContainsFunc(s.patterns[:i], earlier) {
		return // printed for that one
	}
	if s.count.n > 0 && s.printed == s.count.n {
		return
	}
	s.printed++
	line := messageOf(m)
	var err error
	if s.asJSON {
		err = printJSON(s.cmd.OutOrStdout(), line)
	} else {
		_, err = fmt.Fprintln(s.cmd.OutOrStdout(), line.text())
	}
	if err != nil || s.printed == s.count.n {
		select {
		case s.ended <- err:
		default:
		}
	}
}

func (s *subCommand) onState(state client.State, err error) {
	switch state {
	case client.Disconnected:
		s.say(fmt.Sprintf("connection lost, trying again: %v", err))
	case client.Connected:
		s.say("connected again")
	}
}

func (s *subCommand) onError(err error) { s.say(err.Error()) }

func (s *subCommand) say(words string) {
	_, _ = fmt.Fprintf(s.cmd.ErrOrStderr(), "clasp: %s\n", words) // if nobody hears it, nobody does
}

// tellWaiting says that nothing comes because the router's operator has to let this session in
// (pairing section 3). A router without pairing knows nothing at that address.
func (s *subCommand) tellWaiting(ctx context.Context, c *client.Client) {
	status, err := c.Get(ctx, "/_clasp/pair/status")
	if err != nil {
		return
	}
	fields, _ := status.Value.Any().(map[string]any)
	match, _ := fields["match"].(string)
	if fields["state"] == string(pairing.StateWaiting) {
		s.say("waiting for the operator of the router, who sees the match code " + shown(match) + "; 'clasp pair " + s.router.url + "' gets a token that lasts")
	}
}
