// Package peer knows the programs that clasp is compared with: how each is found or built,
// how it is started as its users would start it for speed, and how it is spoken to on a raw
// socket, so that the load costs as little as it can and the same for all.
package peer

import (
	"context"
	"slices"
)

// Capability is something that not every peer can do.
type Capability uint

// What a peer may be able to do.
const (
	// PubSub: what is published goes to who has subscribed.
	PubSub Capability = 1 << iota
	// Retain: who subscribes later is sent the last message of every address
	// (AppendRetained).
	Retain
	// Wildcards: a subscription may be to more than one address: * for one segment of
	// it, ** at the end for any.
	Wildcards
	// Durable: a write is acknowledged when it is on disk (AppendDurable).
	Durable
	// Set: a write is applied, acknowledged and passed on (AppendSet).
	Set
)

// Peer is a program that clasp is compared with, or clasp.
type Peer struct {
	Name   string // for the command line: clasp, nats, ...
	Title  string // for people
	Speaks string // with the load: its protocol and what carries it

	can      Capability
	settings []Setting
	// find finds or builds the program; install says how that would work if it does not.
	find    func(context.Context) (program, error)
	install string
	// command returns the arguments that the program is started with.
	command func(launch) ([]string, error)
	// prepare does what is left to do once it runs; nil = nothing.
	prepare func(*Conn, launch) error
	// speak makes the protocol of one connection.
	speak func() protocol
}

// Setting is how a peer is started other than out of the box, and why.
type Setting struct{ Name, Value, Why string }

// all is what All returns, in the order of the report.
var all = []*Peer{claspPeer, claspRS, nats, redis, mosquitto, mochi, centrifuge, raw}

// All returns the peers in the order of the report: clasp first, and last the relay that
// is the limit of the machine.
func All() []*Peer { return slices.Clone(all) }

// Has says whether the peer can do all of c.
func (p *Peer) Has(c Capability) bool { return p.can&c == c }

// Settings returns how the peer is started.
func (p *Peer) Settings() []Setting { return slices.Clone(p.settings) }

// Find finds or builds the program and returns its version, as the program itself tells
// it. The error says how to install what is missing.
func (p *Peer) Find(ctx context.Context) (version string, err error) {
	found, err := p.found(ctx)
	return found.version, err
}
