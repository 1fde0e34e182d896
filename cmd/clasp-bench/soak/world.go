// What all that goes on in a soak shares: the router, the checker, who is connected, and the
// gate that stops all writing for a moment.

package soak

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go"
)

// world is one soak.
type world struct {
	Options
	srv     *server
	verdict *verdict
	ledger  *ledger
	events  *events
	proxies map[way][]*proxy
	quic    *quic.Transport

	zones  []zone
	groups []*scope

	// gate is held for reading by whoever writes until the answer is there, and for writing
	// while everybody's view is compared with the router's.
	gate sync.RWMutex
	// rehearsed says that the rehearsal is over. Before nobody comes over UDP: such a session
	// is only known to have ended when it has been silent for 30 s.
	rehearsed atomic.Bool
	// doors bounds how many of the people connect at the same time: 5,000 handshakes at once
	// would only wait for one another. Those on bad networks and all other roles need none.
	doors chan struct{}

	mu       sync.Mutex
	sessions map[*session]bool // true while it does not read
	done     map[string]int
	trips    []time.Duration // round trips of those who only look on
	peak     vitals
	fresh    [][]string // addresses made, by round, the last one last
	said     int        // failures that were shown as progress

	began time.Time
}

// zone is the params and events of a few people who work together.
type zone struct {
	below  string
	params []*scope
	event  string
}

// torrent is what comes fast and large: what stalls a reader that does not read.
const torrent = "/soak/torrent/"

// Sizes. A value of the torrent is large enough that a hundred fill any buffer of a session.
const (
	zoneParams   = 4
	zonePeople   = 20 // sessions for each zone
	torrentSize  = 4 << 10
	torrentAddrs = 4
)

func newWorld(ctx context.Context, o Options, program, dir string) (*world, error) {
	w := &world{
		Options: o, began: time.Now(), verdict: newVerdict(), events: newEvents(), proxies: make(map[way][]*proxy),
		doors: make(chan struct{}, 32), sessions: make(map[*session]bool), done: make(map[string]int),
	}
	w.ledger = newLedger(w.verdict)
	for i := range max(2, o.Sessions/zonePeople) {
		z := zone{below: fmt.Sprintf("/soak/zone/%d/", i)}
		z.event = z.below + "event"
		for k := range zoneParams {
			z.params = append(z.params, &scope{fmt.Sprintf("%sparam/%d", z.below, k)})
		}
		w.zones = append(w.zones, z)
	}
	for i := range max(4, o.Sessions/100) {
		var group scope
		for k := range 2 + i%9 {
			group = append(group, fmt.Sprintf("/soak/bundle/%d/%d", i, k))
		}
		w.groups = append(w.groups, &group)
	}
	var err error
	if w.srv, err = newServer(program, dir); err != nil {
		return nil, err
	}
	if err := w.srv.start(ctx); err != nil {
		w.srv.stop()
		return nil, err
	}
	if err := w.network(); err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

// network makes the ways to the router that are not its own ports.
func (w *world) network() error {
	socket, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return err
	}
	w.quic = &quic.Transport{Conn: socket}
	for _, weather := range weathers {
		for _, over := range []way{overWS, overTCP} {
			p, err := newProxy(weather, w.srv.at[over], w.Round)
			if err != nil {
				return err
			}
			w.proxies[over] = append(w.proxies[over], p)
		}
	}
	return nil
}

func (w *world) close() {
	for _, all := range w.proxies {
		for _, p := range all {
			p.close()
		}
	}
	if w.quic != nil {
		_, _ = w.quic.Close(), w.quic.Conn.Close()
	}
	w.srv.stop()
}

// did counts what was done, for the report.
func (w *world) did(what string) {
	w.mu.Lock()
	w.done[what]++
	w.mu.Unlock()
}

// enter opens a session and notes it for the comparisons until it ends.
func (w *world) enter(ctx context.Context, how manner) (*session, error) {
	d := dialer{at: w.srv.at, trust: w.srv.trust, quic: w.quic, small: how.stalls}
	name, unruly := fmt.Sprintf("%s over %s", how.role, how.way), how.unruly || how.way == overUDP // datagrams may be lost
	if how.bad {
		p := w.proxies[how.way][rand.IntN(len(weathers))]
		d.at = map[way]string{how.way: p.addr()}
		name += " through " + p.name
		unruly = unruly || !p.gentle
		w.did("sessions through bad networks: " + p.name)
	}
	if crowded := how.role == people && !how.bad; crowded {
		select {
		case w.doors <- struct{}{}:
			defer func() { <-w.doors }()
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	obs := newObserver(w.ledger, name, how.way == overUDP)
	s, err := open(ctx, d, how.way, name, obs, unruly, how.take)
	if err != nil {
		if !unruly && ctx.Err() == nil && !(how.bad && errors.Is(err, errUnanswered)) {
			w.verdict.fail(standing, "%v", err)
		}
		return nil, err
	}
	s.far = how.bad
	w.did("sessions over " + string(how.way))
	w.mu.Lock()
	w.sessions[s] = false
	w.mu.Unlock()
	go func() {
		<-s.ended
		if s.told.Load() && !how.stalls && how.way != overUDP { // where some values are too long for a datagram
			w.did("readers found too slow without having stopped: " + s.name)
		}
		w.mu.Lock()
		delete(w.sessions, s)
		w.mu.Unlock()
	}()
	return s, nil
}

// people is the role of most.
const people = "somebody"

// manner is how a session comes.
type manner struct {
	role   string
	way    way
	bad    bool // through one of the bad networks
	unruly bool // its end needs no reason
	stalls bool // it is going to stop reading
	take   func(string, found, error)
}

// doze notes whether a session reads.
func (w *world) doze(s *session, asleep bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, on := w.sessions[s]; on {
		w.sessions[s] = asleep
	}
}

// readers are the sessions that read, and how many do not.
func (w *world) readers() (reading []*session, asleep int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for s, dozes := range w.sessions {
		if dozes {
			asleep++
		} else {
			reading = append(reading, s)
		}
	}
	return reading, asleep
}

// pause waits about so long, as people do, or until ctx ends.
func pause(ctx context.Context, about time.Duration) bool {
	select {
	case <-time.After(time.Duration(rand.ExpFloat64() * float64(about))):
		return true
	case <-ctx.Done():
		return false
	}
}

// faulty notes what went wrong in asking, unless it is the network that it is on.
func (w *world) faulty(ctx context.Context, s *session, err error) {
	if err == nil || ctx.Err() != nil || isRefusal(err) {
		return
	}
	if errors.Is(err, errUnanswered) && !s.far && !s.unruly.Load() {
		w.verdict.fail(unhurt, "%v", err)
	}
	s.reset()
}
