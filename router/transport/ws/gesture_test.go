package ws_test

// Gestures: protocol section 8 and 5.6.

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/router/wire"
)

// expectGesture returns the value of the next moment of a gesture.
func (c *client) expectGesture(t testing.TB, phase wire.Phase, addr string, id uint32) wire.Publish {
	t.Helper()
	m := c.expectPublish(t)
	if m.Signal != wire.Gesture || m.Phase != phase || string(m.Address) != addr || !m.HasID || m.ID != id {
		t.Fatalf("got %v %v of %s, id %d, want gesture %v of %s, id %d", m.Signal, m.Phase, m.Address, m.ID, phase, addr, id)
	}
	return m
}

// mostMoves is how many moves of one gesture may have come since a time: one every 14 ms (the clock sends 2 ms early rather than late), the one that is due at once, and
// the one that is sent along with the end.
func mostMoves(since time.Time) int { return int(time.Since(since)/(14*time.Millisecond)) + 2 }

// "start, end, cancel at once and never dropped; a move replaces the pending move, and always before its end"
func TestGestureThrottle(t *testing.T) {
	g := start(t)
	sender, reader := g.join(t), g.join(t)
	reader.subscribe(t, 1, "/g", 0)
	const moves = 300
	for round, end := range []wire.Phase{wire.End, wire.Cancel, wire.End} {
		all := claspFrame(wire.Fire, gesture(wire.Start, "/g", 3, -1))
		for i := range moves {
			all = append(all, claspFrame(wire.Fire, gesture(wire.Move, "/g", 3, i))...)
		}
		all = append(all, claspFrame(wire.Fire, gesture(end, "/g", 3, moves))...)
		began := time.Now()
		sender.binary(t, all)
		reader.expectGesture(t, wire.Start, "/g", 3)
		got := 0
		last := -1
		for {
			f := reader.expect(t, wire.TypePublish)
			m := must(t, f, wire.DecodePublish)
			if m.Phase == end {
				break
			}
			if m.Phase != wire.Move || int(number(m.Value)) <= last {
				t.Fatalf("round %d: %v %d after move %d", round, m.Phase, number(m.Value), last)
			}
			last = int(number(m.Value))
			got++
		}
		if last != moves-1 {
			t.Errorf("round %d: the last move before the end is %d, want %d", round, last, moves-1)
		}
		if most := mostMoves(began); got > most {
			t.Errorf("round %d: %d moves, want %d at most", round, got, most)
		}
		reader.quiet(t)
	}
	sender.quiet(t) // nothing of it comes back
}

// "flushed at least every 16 ms while moves keep coming (a throttle: a steady 120 Hz gesture still flows at 60 Hz)", and the
// last move comes without an end.
func TestGestureFlows(t *testing.T) {
	g := start(t)
	sender, reader := g.join(t), g.join(t)
	reader.subscribe(t, 1, "/g", 0)
	began := time.Now()
	sender.send(t, wire.Fire, gesture(wire.Start, "/g", 1, 0))
	const moves = 60
	go func() {
		tick := time.NewTicker(time.Second / 120)
		defer tick.Stop()
		for i := 1; i <= moves; i++ {
			<-tick.C
			if sender.write(message(wire.Fire, gesture(wire.Move, "/g", 1, i))) != nil {
				return // the reader will miss it
			}
		}
	}()
	reader.expectGesture(t, wire.Start, "/g", 1)
	got := 0
	for last := uint64(0); last < moves; got++ {
		m := reader.expectGesture(t, wire.Move, "/g", 1)
		if number(m.Value) <= last {
			t.Fatalf("move %d after %d", number(m.Value), last)
		}
		last = number(m.Value)
	}
	if most := mostMoves(began); got > most || got < 3 {
		t.Errorf("%d moves of %d, want 3 to %d", got, moves, most)
	}
	reader.quiet(t)
}

// "the pending move with the same (sender, address, id)": each gesture has its own.
func TestGesturesAreApart(t *testing.T) {
	g := start(t)
	reader := g.join(t)
	reader.subscribe(t, 1, "/g/**", 0)
	senders := []*client{g.join(t), g.join(t)}
	const moves = 100
	gestures := 0
	for i, c := range senders {
		var all []byte
		for n := 1; n <= moves; n++ {
			for finger := range 3 {
				for _, addr := range []string{"/g/a", "/g/b"} {
					// The value tells the gesture and the move.
					v := (10*i+finger)*1000 + n
					all = append(all, claspFrame(wire.Fire, gesture(wire.Move, addr, uint32(finger), v))...)
				}
			}
		}
		gestures += 3 * 2
		c.binary(t, all)
	}
	last := make(map[string]uint64)
	done := 0
	for done < gestures {
		m := reader.expectPublish(t)
		v := number(m.Value)
		key := fmt.Sprintf("%s %d", m.Address, v/1000)
		if m.Phase != wire.Move || v%1000 <= last[key] {
			t.Fatalf("%s: %v %d after %d", key, m.Phase, v%1000, last[key])
		}
		if last[key] = v % 1000; last[key] == moves {
			done++
		}
	}
	reader.quiet(t)
}

// 5.6: "gestures it had open are ended with a `cancel` to subscribers", after the move that was held back.
func TestGestureCancelledOnDisconnect(t *testing.T) {
	g := start(t)
	reader := g.join(t)
	reader.subscribe(t, 1, "/g/**", 0)
	for name, leave := range map[string]func(*client){"drop": (*client).drop, "reset": (*client).abort} {
		t.Run(name, func(t *testing.T) {
			c := g.join(t)
			var all []byte
			for _, payload := range [][]byte{
				gesture(wire.Start, "/g/ended", 1, 0), gesture(wire.End, "/g/ended", 1, 0),
				gesture(wire.Start, "/g/open", 1, 0), gesture(wire.Start, "/g/open", 2, 0),
				gesture(wire.Move, "/g/moved", 7, 1), gesture(wire.Move, "/g/moved", 7, 2), gesture(wire.Move, "/g/moved", 7, 3),
			} {
				all = append(all, claspFrame(wire.Fire, payload)...)
			}
			c.binary(t, all)
			c.quiet(t)
			leave(c)
			got := make(map[string][]string)
			for cancels := 0; cancels < 3; {
				m := reader.expectPublish(t)
				key := fmt.Sprintf("%s %d", m.Address, m.ID)
				text := m.Phase.String()
				if m.Phase == wire.Move {
					text = fmt.Sprint(number(m.Value))
				}
				if m.Phase == wire.Cancel {
					cancels++
				}
				got[key] = append(got[key], text)
			}
			reader.quiet(t)
			moved := got["/g/moved 7"]
			if !slices.Equal(got["/g/ended 1"], []string{"start", "end"}) || !slices.Equal(got["/g/open 1"], []string{"start", "cancel"}) ||
				!slices.Equal(got["/g/open 2"], []string{"start", "cancel"}) || len(moved) < 3 ||
				!slices.Equal(moved[len(moved)-2:], []string{"3", "cancel"}) {
				t.Errorf("got %q", got)
			}
		})
	}
}

// A subscription's maxRate thins moves out further; it must not bring one after the end.
func TestGestureEndIsTheEnd(t *testing.T) {
	g := start(t)
	sender, reader := g.join(t), g.join(t)
	reader.send(t, wire.Fire, option(1, "/g", 0, maxRate(4)))
	reader.send(t, wire.Fire, option(2, "/s", 0, maxRate(4)))
	reader.quiet(t)
	const moves = 20
	sender.send(t, wire.Fire, gesture(wire.Start, "/g", 1, 0))
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for i := 1; i <= moves; i++ {
		<-tick.C // slower than the throttle, so that each move is sent on
		sender.send(t, wire.Fire, gesture(wire.Move, "/g", 1, i))
	}
	sender.send(t, wire.Confirm, gesture(wire.End, "/g", 1, moves))
	sender.expectAck(t, "/g")
	// The second of two streams is held back for as long as a move can have been: nothing comes after it.
	sender.send(t, wire.Fire, publish(wire.Stream, "/s", 1))
	sender.send(t, wire.Fire, publish(wire.Stream, "/s", 2))
	var got []string
	for len(got) == 0 || got[len(got)-1] != "stream 2" {
		m := reader.expectPublish(t)
		if m.Signal == wire.Stream {
			got = append(got, fmt.Sprintf("stream %d", number(m.Value)))
		} else {
			got = append(got, fmt.Sprintf("%v %d", m.Phase, number(m.Value)))
		}
	}
	if n := len(got); n < 5 || got[0] != "start 0" || !slices.Equal(got[n-4:], []string{"move 20", "end 20", "stream 1", "stream 2"}) {
		t.Errorf("got %q, want the last move, the end, and no gesture after it", got)
	}
}
