// clasp set: write a param, once or for each line of stdin.

package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/clasp-studio/clasp/router/address"
	"github.com/clasp-studio/clasp/router/client"
	"github.com/clasp-studio/clasp/router/wire"
	"github.com/spf13/cobra"
)

// setCommand is one run of clasp set.
type setCommand struct {
	cmd    *cobra.Command
	router connection

	lock, unlock, absolute, lines, hold, asJSON bool

	revision natural
	ttl      duration
	qos      choice

	client  *client.Client
	address string
	options []client.SetOption
	late    lateErrors
}

func newSetCommand() *cobra.Command {
	s := setCommand{revision: natural{max: math.MaxUint64}, qos: choice{"confirm", qosWords}}
	cmd := &cobra.Command{
		Use:   "set ADDRESS [VALUE]",
		Short: "Write a param",
		Long: `Write a param and print the revision it has got.

` + aboutValues + `

A lock lasts as long as the session that took it: keep it with --hold, or while
--lines has something to read.`,
		Example: `  clasp set /lights/brightness 0.8
  clasp set /scene/name 'Act two'
  clasp set /scene/1 '{"colour":"#ff8800","levels":[0.2,1]}'
  clasp set --if-revision 3 /cue 4        only if nobody else has written since
  clasp set --lock --hold /master 0.5     nobody else can write it until Ctrl-C
  sensor | clasp set --lines --ttl 10 /sensor/temperature`,
		Args: cobra.ArbitraryArgs,
	}
	s.cmd = cmd
	s.router.addFlags(cmd, 5*time.Second, "How long to wait for the router, for each answer; 0 for ever")
	flags := cmd.Flags()
	flags.BoolVar(&s.lock, "lock", false, "Take the param's lock: no other session can write it")
	flags.BoolVar(&s.unlock, "unlock", false, "Release the param's lock with this write")
	flags.BoolVar(&s.hold, "hold", false, "Stay connected after the write, until Ctrl-C")
	flags.Var(&s.revision, "if-revision", "Write only if the param has revision `N`, 0 for only if there is none")
	flags.Var(&s.ttl, "ttl", "Let the param vanish this long after the last write or read, 0 for never")
	flags.BoolVar(&s.absolute, "absolute", false, "Count --ttl from the write only")
	flags.BoolVar(&s.lines, "lines", false, "Write each line of stdin, a JSON value, instead of VALUE")
	flags.BoolVar(&s.asJSON, "json", false, "Print the answer as JSON, one line a write")
	addChoice(cmd, &s.qos, "qos", "Wait for no answer, until it is applied, or until it is on disk")
	flags.SetInterspersed(false) // see withNegatives
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		args, done, err := withNegatives(cmd, args)
		if done || err != nil {
			return err
		}
		return s.run(args)
	}
	return cmd
}

func (s *setCommand) run(args []string) error {
	v, err := s.check(args)
	if err != nil {
		return usageError(s.cmd, err)
	}
	if !s.lines && args[1] == "-" {
		if v, err = readValue(s.cmd.InOrStdin()); err != nil {
			return err
		}
	}
	ctx, stop := stoppable(s.cmd)
	defer stop()
	s.client, err = s.router.dial(ctx, s.cmd, client.Options{OnError: s.late.add})
	if err != nil {
		return err
	}
	defer s.client.Close()
	if s.lines {
		err = eachValue(ctx, s.client, s.cmd.InOrStdin(), func(v wire.Value) error { return s.write(v) })
	} else {
		err = s.write(v)
	}
	if err == nil {
		err = s.late.settle(s.client, &s.router)
	}
	if err == nil && s.hold {
		select {
		case <-ctx.Done():
		case <-s.client.Done():
			err = s.client.Err()
		}
	}
	return s.router.explain(err)
}

// check reads the arguments and refuses flags that contradict each other.
func (s *setCommand) check(args []string) (v wire.Value, err error) {
	given := s.cmd.Flags().Changed
	switch {
	case s.lines && len(args) != 1:
		return v, fmt.Errorf("expected an ADDRESS and, with --lines, no VALUE; got %d arguments", len(args))
	case !s.lines && len(args) != 2:
		return v, fmt.Errorf("expected an ADDRESS and a VALUE, got %d arguments", len(args))
	case s.lock && s.unlock:
		return v, errors.New("--lock and --unlock contradict each other")
	case s.lines && given("if-revision"):
		return v, errors.New("--if-revision can hold for one write only, not for --lines")
	case s.absolute && !given("ttl"):
		return v, errors.New("--absolute says how --ttl counts: give that too")
	case time.Duration(s.ttl)%time.Second != 0:
		return v, errors.New("--ttl must be whole seconds")
	}
	s.address = args[0]
	if err := address.Valid(s.address); err != nil {
		return v, err
	}
	s.options = append(s.options, client.QoS(qosOf(s.qos.value)))
	if given("if-revision") {
		s.options = append(s.options, client.IfRevision(s.revision.n))
	}
	if s.lock {
		s.options = append(s.options, client.Lock())
	}
	if s.unlock {
		s.options = append(s.options, client.Unlock())
	}
	switch {
	case s.absolute:
		s.options = append(s.options, client.AbsoluteTTL(time.Duration(s.ttl)))
	case given("ttl"):
		s.options = append(s.options, client.TTL(time.Duration(s.ttl)))
	}
	if s.lines || args[1] == "-" {
		return v, nil
	}
	return parseValue(args[1])
}

// write writes one value and prints the answer.
func (s *setCommand) write(v wire.Value) error {
	// Not bound to Ctrl-C: what is on its way is seen through.
	ctx, cancel := s.router.within(context.Background())
	defer cancel()
	ack, err := s.client.Set(ctx, s.address, v, s.options...)
	out := s.cmd.OutOrStdout()
	switch {
	case err != nil:
		return err
	case s.qos.value == "fire":
		return nil
	case s.asJSON:
		return printJSON(out, struct {
			Address  string `json:"address"`
			Revision uint64 `json:"revision"`
			Locked   bool   `json:"locked"`
			Holder   string `json:"holder,omitempty"`
		}{s.address, ack.Revision, ack.Locked, ack.Holder})
	}
	words := ""
	if ack.Locked {
		words = " locked"
	}
	_, err = fmt.Fprintf(out, "%s revision %d%s\n", shown(s.address), ack.Revision, words)
	return err
}
