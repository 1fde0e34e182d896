// Those beside the people: who writes fast and large, who stops reading it, who reads bundles,
// who makes new addresses, who only looks on, and who sends garbage.

package soak

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/clasp-studio/clasp/router/wire"
)

// stay keeps a session of this manner until ctx ends. do is called again and again; when it
// fails by no fault of the router another session comes.
func (w *world) stay(ctx context.Context, how manner, below []string, do func(*session) error) {
	for ctx.Err() == nil {
		s, err := w.enter(ctx, how)
		if err != nil {
			pause(ctx, thinking/4)
			continue
		}
		if len(below) > 0 {
			err = s.subscribe(1, w.events.now, below...)
		}
		for err == nil && ctx.Err() == nil {
			if err = do(s); isRefusal(err) {
				err = nil
			}
		}
		w.faulty(ctx, s, err)
		s.close()
		<-s.ended
	}
}

// flood writes the torrent.
func (w *world) flood(ctx context.Context) {
	p := w.events.enter(torrent + "event/all")
	params := make([]*scope, torrentAddrs)
	for i := range params {
		params[i] = &scope{fmt.Sprintf("%sparam/%d", torrent, i)}
	}
	turn := 0
	w.stay(ctx, manner{role: "flood", way: overWS}, nil, func(s *session) error {
		s.obs.is(p)
		turn++
		pause(ctx, 5*time.Millisecond)
		if turn%2 == 0 {
			return w.publish(s, p, torrentSize)
		}
		return w.set(ctx, s, params[turn/2%len(params)], wire.Set{}, wire.Confirm, torrentSize)
	})
}

// neighbour reads the torrent and always keeps up with it.
func (w *world) neighbour(ctx context.Context, over way) {
	w.stay(ctx, manner{role: "neighbour", way: over}, []string{torrent}, func(s *session) error {
		pause(ctx, thinking)
		return s.ping()
	})
}

// staller reads the torrent, and stops doing so for longer than a round. Of params alone no
// number is too much for it: they are only ever the newest ones. Of events it is, and then
// the router closes it.
func (w *world) staller(ctx context.Context, over way, events bool) {
	how := manner{role: "staller of params", way: over, stalls: true}
	below := []string{torrent + "param/"}
	if events {
		how.role, how.unruly, below = "staller of events", true, append(below, torrent+"event/")
	}
	w.stay(ctx, how, below, func(s *session) error {
		pause(ctx, w.Round/4)
		w.doze(s, true)
		s.gate.Lock()
		w.did("stops of a reader")
		pause(ctx, w.Round+w.Round/4)
		s.gate.Unlock()
		if ctx.Err() != nil {
			return nil //nolint:nilerr // all leave: nobody asks whether it would have caught up
		}
		// It has caught up when it is answered: that waits behind all the rest.
		if err := s.ping(); err != nil {
			if events {
				w.did("stopped readers who were closed")
			}
			return err
		}
		w.did("stopped readers who caught up")
		w.doze(s, false)
		pause(ctx, w.Round/4)
		return nil
	})
}

// bundleReader asks for a group again and again, and must never be shown half a bundle.
func (w *world) bundleReader(ctx context.Context) {
	var mu sync.Mutex
	now := make(map[string]found)
	how := manner{role: "reader of bundles", way: overWS, take: func(address string, f found, _ error) {
		mu.Lock()
		defer mu.Unlock()
		now[address] = f
	}}
	w.stay(ctx, how, nil, func(s *session) error {
		group := *w.groups[rand.IntN(len(w.groups))]
		below := group[0][:len(group[0])-1]
		mu.Lock()
		clear(now)
		mu.Unlock()
		if err := s.subscribe(2, w.events.now, below); err != nil {
			return err
		}
		if err := s.unsubscribe(2); err != nil {
			return err
		}
		mu.Lock()
		if len(now) > 0 {
			w.ledger.together(group, now)
			w.did("snapshots of a bundle")
		}
		mu.Unlock()
		pause(ctx, 20*time.Millisecond)
		return nil
	})
}

// freshTTL is how long the addresses of a round last, in seconds: until the comparison at its
// end and the next one, which forgets them, are over for sure.
func (w *world) freshTTL() uint32 {
	return uint32(4*w.Round/time.Second) + uint32(6*patience/time.Second)
}

// maker writes addresses that were never there, each once: who joins meanwhile gets each in
// his snapshot or live, and no later write makes good for one that he misses.
func (w *world) maker(ctx context.Context) {
	n := 0
	w.stay(ctx, manner{role: "maker", way: overWS}, nil, func(s *session) error {
		n++
		address := fmt.Sprintf("/soak/fresh/%d/%d", time.Now().UnixNano(), n)
		w.mu.Lock()
		w.fresh[len(w.fresh)-1] = append(w.fresh[len(w.fresh)-1], address)
		w.mu.Unlock()
		w.did("addresses made")
		pause(ctx, w.Round/100)
		return w.set(ctx, s, &scope{address}, wire.Set{HasTTL: true, TTL: wire.AbsoluteTTL | w.freshTTL()}, wire.Confirm, 0)
	})
}

// onlooker stays throughout and asks for a sign of life all the time: whatever else happens,
// nobody ends its session and it is answered.
func (w *world) onlooker(ctx context.Context, over way) {
	w.stay(ctx, manner{role: "onlooker", way: over}, []string{w.zones[0].below}, func(s *session) error {
		begin := time.Now()
		if err := s.ping(); err != nil {
			return err
		}
		trip := time.Since(begin)
		w.mu.Lock()
		w.trips = append(w.trips, trip)
		w.mu.Unlock()
		w.verdict.hold(unhurt, 1)
		pause(ctx, 250*time.Millisecond)
		return nil
	})
}

// vandal sends what no client should.
func (w *world) vandal(ctx context.Context) {
	ways := []way{overWS, overTCP, overQUIC, overUDP}
	d := dialer{at: w.srv.at, trust: w.srv.trust, quic: w.quic}
	for pause(ctx, 50*time.Millisecond) {
		over := ways[rand.IntN(len(ways))]
		if over == overUDP && !w.rehearsed.Load() {
			continue
		}
		l, err := d.dial(ctx, over)
		if err != nil {
			continue // the onlookers would notice if nobody could connect
		}
		if rand.IntN(5) > 0 {
			_ = l.send(framed(wire.Fire, wire.AppendHello(nil, wire.Hello{Version: wire.Version, Features: 0xf8, Name: []byte("vandal")})))
		}
		for range rand.IntN(20) {
			if l.send(garbage()) != nil {
				break // it has been shown the door
			}
			w.did("messages of garbage")
		}
		pause(ctx, 20*time.Millisecond)
		l.reset()
	}
}

// garbage is a message that is wrong: of bytes that mean nothing, cut off, or changed.
func garbage() []byte {
	random := make([]byte, rand.IntN(200))
	for i := range random {
		random[i] = byte(rand.Uint32())
	}
	address := []byte("/garbage/1")
	good := [][]byte{
		wire.AppendSet(nil, wire.Set{Address: address, Value: valueOf(1, 40)}),
		wire.AppendPublish(nil, wire.Publish{Signal: wire.Event, Address: address, HasValue: true, Value: valueOf(1, 0)}),
		wire.AppendSubscribe(nil, wire.Subscribe{ID: 7, Pattern: []byte("/garbage/**")}),
		wire.AppendQuery(nil, wire.Query{Pattern: []byte("/garbage/*")}),
		wire.AppendGet(nil, wire.Get{Address: address}),
		append([]byte{byte(rand.Uint32())}, random...),
	}
	payload := good[rand.IntN(len(good))]
	switch rand.IntN(4) {
	case 0:
		return random
	case 1:
		return framed(wire.Fire, payload[:rand.IntN(len(payload)+1)])
	case 2:
		frame := framed(wire.Confirm, payload)
		return frame[:rand.IntN(len(frame)+1)]
	default:
		// Not where it says what it is to: that would be as good as any other address.
		for range 1 + rand.IntN(3) {
			if at := rand.IntN(len(payload)); at < 3 || at > 16 {
				payload[at] ^= byte(1 << rand.IntN(8))
			}
		}
		return framed(wire.QoS(rand.IntN(3)), payload)
	}
}
