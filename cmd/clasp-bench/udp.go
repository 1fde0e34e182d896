// Workload udp: one client writes a param at fire over UDP, at a steady rate and as fast as
// it can. The param's revision says how many of its SETs have arrived, and is asked for
// over WebSocket, where nothing is lost.

package main

import (
	"context"
	"fmt"
	"net"
	"time"

	"golang.org/x/net/ipv4"

	"github.com/clasp-studio/clasp/cmd/clasp-bench/internal/host"
	"github.com/clasp-studio/clasp/cmd/clasp-bench/internal/process"
	"github.com/clasp-studio/clasp/router/wire"
)

const (
	// udpSlow and udpFast are the steady rates, in SETs a second.
	udpSlow, udpFast = 50_000, 200_000
	// udpEvery is the time between two bursts at a steady rate.
	udpEvery = time.Millisecond
	// udpBatch is how many datagrams one system call sends, where the system has it.
	udpBatch = 64
	// udpQuiet is how long nothing has come when nothing more is taken to be under way.
	udpQuiet = 100 * time.Millisecond
)

func runUDP(ctx context.Context, r rig) (result, error) {
	addr, port, err := freePort()
	if err != nil {
		return result{}, err
	}
	p, err := r.start(ctx, "--udp", "--udp-port", port)
	if err != nil {
		return result{}, err
	}
	defer p.Stop()
	u, err := newSpray(r, p, addr)
	if err != nil {
		return result{}, p.Explain(err)
	}
	defer u.close()
	if _, err := u.steady(udpSlow, r.scale.duration/5); err != nil { // buffers grow, caches fill
		return result{}, p.Explain(err)
	}
	slow, err := u.steady(udpSlow, r.scale.duration)
	if err != nil {
		return result{}, p.Explain(err)
	}
	m := measure(p)
	fast, err := u.steady(udpFast, r.scale.duration)
	if err != nil {
		return result{}, p.Explain(err)
	}
	cpu := m.stop(fast.arrived)
	full, err := u.full(r.scale.duration)
	if err != nil {
		return result{}, p.Explain(err)
	}
	// WebSocket waits where UDP loses, so its closed loop is what compares.
	beside := &pour{link: u.witness, p: p, sets: u.sets, next: u.next}
	n, took, err := beside.run(wire.Fire, r.scale.duration)
	if err != nil {
		return result{}, p.Explain(err)
	}
	return result{udpValues(fast, slow, full, float64(n)/took.Seconds()), cpu}, nil
}

// udpValues are the numbers of the workload. What a slow machine has sent at a steady rate
// is less than was wanted, so each share stands beside the rate that it is a share of.
func udpValues(fast, slow, full sprayed, ws float64) []float64 {
	return []float64{
		fast.offered(), fast.share(), float64(fast.sent - fast.arrived),
		slow.offered(), slow.share(), float64(slow.sent - slow.arrived),
		full.offered(), full.rate, ws, full.rate / ws,
	}
}

// spray is a client that sends datagrams and looks at nothing that comes back, and the one
// that tells what has arrived.
type spray struct {
	sender, witness *link
	socket          *ipv4.PacketConn // the sender's
	clock           *host.Alarm
	sets            numbered
	batch           []ipv4.Message // SETs
	next            uint64         // number
}

// sprayed is what came of sending for a while.
type sprayed struct {
	sent, arrived int
	took          time.Duration // sending
	rate          float64       // arrivals a second while it lasted
}

// offered is how many were sent a second.
func (s sprayed) offered() float64 { return float64(s.sent) / s.took.Seconds() }

// share is how many of those that were sent have arrived, in percent.
func (s sprayed) share() float64 { return 100 * float64(s.arrived) / float64(s.sent) }

func newSpray(r rig, p *process.Process, addr string) (*spray, error) {
	witness, err := r.dial(p, "")
	if err != nil {
		return nil, err
	}
	u := &spray{witness: witness, sets: numbered{1}}
	if u.clock, err = host.NewAlarm(); err != nil {
		_ = witness.Close()
		return nil, err
	}
	if u.sender, err = dialUDP(addr); err == nil {
		u.socket = ipv4.NewPacketConn(u.sender.Conn.(*net.UDPConn))
		u.batch = make([]ipv4.Message, udpBatch)
		for i := range u.batch {
			u.batch[i].Buffers = [][]byte{u.sets.template(u.sender, wire.Fire)}
		}
		err = u.create()
	}
	if err != nil {
		u.close()
		return nil, err
	}
	return u, nil
}

func (u *spray) close() {
	_ = u.witness.Close()
	u.clock.Close()
	if u.sender != nil {
		_ = u.sender.Close()
	}
}

// create has the param come to be, so that its revision can be asked for.
func (u *spray) create() error {
	u.next++
	if _, err := u.witness.Write(u.sets.template(u.witness, wire.Confirm)); err != nil {
		return err
	}
	_, err := u.witness.await(wire.TypeAck)
	return err
}

// steady sends as many SETs as so many a second are in d, in bursts, and returns when all
// that have not been lost have arrived. Where the machine cannot send them in d, it takes
// longer.
func (u *spray) steady(rate int, d time.Duration) (sprayed, error) {
	return u.send(func(burst int, start time.Time) (int, error) {
		at := time.Duration(burst) * udpEvery
		if at >= d {
			return 0, nil
		}
		return rate * int(udpEvery) / int(time.Second), u.clock.WaitUntil(start.Add(at))
	})
}

// full sends as fast as it goes.
func (u *spray) full(d time.Duration) (sprayed, error) {
	return u.send(func(_ int, start time.Time) (int, error) {
		if time.Since(start) >= d {
			return 0, nil
		}
		return udpBatch, nil
	})
}

// send sends bursts of the sizes that next says, 0 for the end. Before each it may wait
// until some time after the start.
func (u *spray) send(next func(burst int, start time.Time) (int, error)) (s sprayed, err error) {
	before, err := u.revision()
	if err != nil {
		return s, err
	}
	start := time.Now()
	for burst := 0; ; burst++ {
		n, err := next(burst, start)
		if err != nil {
			return s, err
		}
		if n == 0 {
			break
		}
		if err := u.write(n); err != nil {
			return s, err
		}
		s.sent += n
	}
	s.took = time.Since(start)
	now, err := u.revision()
	s.rate = float64(now-before) / time.Since(start).Seconds()
	for moved := true; err == nil && moved; {
		time.Sleep(udpQuiet)
		last := now
		now, err = u.revision()
		moved = now != last
	}
	s.arrived = int(now - before)
	if s.arrived > s.sent {
		err = fmt.Errorf("%d SETs made %d revisions: some were applied twice", s.sent, s.arrived)
	}
	return s, err
}

// write sends n SETs.
func (u *spray) write(n int) error {
	for n > 0 {
		some := u.batch[:min(n, len(u.batch))]
		for i := range some {
			u.sets.fill(some[i].Buffers[0], u.next+uint64(i))
		}
		sent, err := u.socket.WriteBatch(some, 0)
		if err != nil {
			return fmt.Errorf("send %d datagrams: %w", len(some), err)
		}
		u.next += uint64(sent)
		n -= sent
	}
	return nil
}

// revision asks how many SETs have been applied.
func (u *spray) revision() (uint64, error) {
	if err := u.witness.SetDeadline(time.Now().Add(patience)); err != nil {
		return 0, err
	}
	if _, err := u.witness.Write(u.witness.message(nil, wire.Fire, wire.AppendGet(nil, wire.Get{Address: []byte(numberedAddress)}))); err != nil {
		return 0, err
	}
	p, err := u.witness.await(wire.TypeSnapshot)
	if err != nil {
		return 0, err
	}
	m, err := wire.DecodeSnapshot(p)
	if err != nil {
		return 0, err
	}
	e, _ := m.Next() // there is one: a param that does not exist is an ERROR
	return e.Revision, nil
}
