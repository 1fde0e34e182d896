// clasp pub: send a signal, once or for each line of stdin.

package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/clasp-studio/clasp/router/address"
	"github.com/clasp-studio/clasp/router/client"
	"github.com/clasp-studio/clasp/router/wire"
	"github.com/spf13/cobra"
)

// The values of --signal and --phase, in the order of the wire's numbers.
var (
	signalWords = []string{wire.Event.String(), wire.Stream.String(), wire.Gesture.String(), wire.Timeline.String()}
	phaseWords  = []string{wire.Start.String(), wire.Move.String(), wire.End.String(), wire.Cancel.String()}
)

// pubCommand is one run of clasp pub.
type pubCommand struct {
	cmd    *cobra.Command
	router connection

	signal, phase, qos choice
	id, rate           natural
	lines              bool

	client  *client.Client
	message client.Publication
	late    lateErrors
}

func newPubCommand() *cobra.Command {
	p := pubCommand{
		signal: choice{"event", signalWords}, phase: choice{"", phaseWords}, qos: choice{"", qosWords},
		id: natural{max: math.MaxUint32}, rate: natural{max: math.MaxUint32},
	}
	cmd := &cobra.Command{
		Use:   "pub ADDRESS [VALUE]",
		Short: "Send an event, a stream, a gesture or a timeline",
		Long: `Send an event, a stream, a gesture or a timeline to whoever has subscribed.

` + aboutValues + `

A gesture without --phase is sent whole: it starts with the first VALUE, moves
with those that follow (--lines) and ends with the last. A timeline's VALUE is
{"keyframes":[{"time":MICROSECONDS,"value":...,"easing":"linear"},...],"loop":false};
the router keeps it, as it keeps params.`,
		Example: `  clasp pub /cue/go
  clasp pub /cue/fire '{"scene":3}'
  clasp pub --signal gesture --id 1 /touch '{"x":0.4,"y":0.1}'
  clasp pub --signal stream --rate 100 /meter '[0.1,0.2,0.15]'
  sensor | clasp pub --signal stream --lines /sensor/acceleration`,
		Args: cobra.ArbitraryArgs,
	}
	p.cmd = cmd
	p.router.addFlags(cmd, 5*time.Second, "How long to wait for the router, for each answer; 0 for ever")
	flags := cmd.Flags()
	addChoice(cmd, &p.signal, "signal", "What to send")
	addChoice(cmd, &p.phase, "phase", "Send this step of a gesture only")
	flags.Var(&p.id, "id", "`NUMBER` that tells gestures at the same time apart")
	flags.Var(&p.rate, "rate", "VALUE is an array of samples of a stream, taken `N` times a second")
	flags.BoolVar(&p.lines, "lines", false, "Send each line of stdin, a JSON value, instead of VALUE")
	addChoice(cmd, &p.qos, "qos", "Wait for no answer, until it is sent on, or until it is on disk (default confirm, of a timeline commit)")
	flags.SetInterspersed(false) // see withNegatives
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		args, done, err := withNegatives(cmd, args)
		if done || err != nil {
			return err
		}
		return p.run(args)
	}
	return cmd
}

func (p *pubCommand) run(args []string) error {
	value, err := p.check(args)
	if err != nil {
		return usageError(p.cmd, err)
	}
	if len(args) == 2 && args[1] == "-" {
		v, err := readValue(p.cmd.InOrStdin())
		if err != nil {
			return err
		}
		value = v
	}
	ctx, stop := stoppable(p.cmd)
	defer stop()
	p.client, err = p.router.dial(ctx, p.cmd, client.Options{OnError: p.late.add})
	if err != nil {
		return err
	}
	defer p.client.Close()
	return p.router.explain(p.send(ctx, value))
}

// check reads the arguments and refuses flags that contradict each other. The
// value is nil when there is none or it comes from stdin.
func (p *pubCommand) check(args []string) (value any, err error) {
	given := p.cmd.Flags().Changed
	gesture, stream := p.signal.value == "gesture", p.signal.value == "stream"
	switch {
	case p.lines && len(args) != 1:
		return nil, fmt.Errorf("expected an ADDRESS and, with --lines, no VALUE; got %d arguments", len(args))
	case len(args) < 1 || len(args) > 2:
		return nil, fmt.Errorf("expected an ADDRESS and at most one VALUE, got %d arguments", len(args))
	case given("phase") && !gesture:
		return nil, errors.New("--phase is for --signal gesture only")
	case given("rate") && (!stream || len(args) < 2 && !p.lines):
		return nil, errors.New("--rate is for --signal stream with samples only")
	case p.signal.value == "timeline" && len(args) < 2 && !p.lines:
		return nil, errors.New("a timeline needs a VALUE")
	}
	if err := address.Valid(args[0]); err != nil {
		return nil, err
	}
	p.message = client.Publication{Address: args[0], Rate: uint32(p.rate.n), HasID: gesture || given("id"), ID: uint32(p.id.n), QoS: wire.Confirm}
	for signal := wire.Event; signal <= wire.Timeline; signal++ {
		if signal.String() == p.signal.value {
			p.message.Signal = signal
		}
	}
	switch {
	case given("qos"):
		p.message.QoS = qosOf(p.qos.value)
	case p.message.Signal == wire.Timeline:
		p.message.QoS = wire.Commit
	}
	for phase := wire.Start; phase <= wire.Cancel; phase++ {
		if phase.String() == p.phase.value {
			p.message.Phase = phase
		}
	}
	if len(args) < 2 || args[1] == "-" {
		return nil, nil
	}
	v, err := parseValue(args[1])
	if err == nil && p.rate.n > 0 {
		_, err = samplesOf(v)
	}
	return v, err
}

// send sends what there is to send, and a gesture to its end.
func (p *pubCommand) send(ctx context.Context, value any) error {
	whole := p.message.Signal == wire.Gesture && p.phase.value == ""
	begun := false
	one := func(v any) error {
		if whole && begun {
			p.message.Phase = wire.Move
		}
		err := p.publish(v)
		begun = begun || err == nil
		value = v
		return err
	}
	var err error
	if p.lines {
		err = eachValue(ctx, p.client, p.cmd.InOrStdin(), func(v wire.Value) error { return one(v) })
	} else {
		err = one(value)
	}
	if err == nil && whole && begun {
		p.message.Phase = wire.End
		err = p.publish(value)
	}
	if err == nil {
		err = p.late.settle(p.client, &p.router)
	}
	return err
}

func (p *pubCommand) publish(value any) error {
	m := p.message
	m.Value = value
	if m.Rate > 0 {
		samples, err := samplesOf(value)
		if err != nil {
			return err
		}
		m.Value, m.Samples = nil, samples
	}
	// Not bound to Ctrl-C: what is on its way is seen through.
	ctx, cancel := p.router.within(context.Background())
	defer cancel()
	_, err := p.client.Publish(ctx, m)
	return err
}

// samplesOf reads an array of numbers.
func samplesOf(value any) ([]float64, error) {
	const want = "--rate: VALUE must be an array of numbers"
	v, ok := value.(wire.Value)
	if !ok || v.Code != wire.ArrayCode {
		return nil, errors.New(want)
	}
	items, _ := v.Any().([]any)
	samples := make([]float64, len(items))
	for i, item := range items {
		switch x := item.(type) {
		case int64:
			samples[i] = float64(x)
		case float64:
			samples[i] = x
		default:
			return nil, fmt.Errorf("%s, item %d is none", want, i+1)
		}
	}
	return samples, nil
}

// lateErrors keeps the first refusal of what was sent at fire, which no call returns.
type lateErrors struct {
	mu    sync.Mutex
	first error
}

func (l *lateErrors) add(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.first == nil {
		l.first = err
	}
}

// settle waits until the router has taken everything, and returns the first refusal if there was one.
func (l *lateErrors) settle(c *client.Client, router *connection) error {
	ctx, cancel := router.within(context.Background())
	defer cancel()
	err := c.Ping(ctx)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.first != nil {
		return l.first
	}
	return err
}
