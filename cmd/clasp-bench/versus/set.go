// Workload set: one client writes params and waits for ACKs, another subscribes to them.
// A SET counts once it is acknowledged and the subscriber has its value, or a newer one
// of the same param.

package versus

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/clasp-studio/clasp/cmd/clasp-bench/internal/process"
	"github.com/clasp-studio/clasp/cmd/clasp-bench/versus/peer"
)

const (
	// setWindow is how many SETs wait for their ACK at most.
	setWindow = 512
	// setParams is how many params are written in turn: SET number n, from 0, is of
	// param n%setParams.
	setParams  = 100
	setPattern = "/bench/set/*"
)

var set = workload{
	name:  "set",
	title: "SET at confirm, end to end",
	about: "One client writes 100 params in turn at QoS confirm, with at most 512 SETs that wait for their ACK; " +
		"another is subscribed to all of them. A SET counts once it is acknowledged and its value has arrived, " +
		"or a newer one of the same param.",
	needs:  peer.Set,
	placed: true,
	numbers: []number{
		{"sets", "acknowledged and arrived", perSecond, higher},
		{cpuNumber.key, "server CPU a SET", micros, lower},
		{"conflated", "of these arrived within a newer one", percent, neither},
		serverBusyNumber, loadBusyNumber,
	},
	run: runSet,
}

func runSet(ctx context.Context, r *rig) (res result, err error) {
	s, err := r.start(ctx, false)
	if err != nil {
		return result{}, err
	}
	defer end(s, &err)
	reader, err := r.peer.Dial(ctx, s.Addr())
	if err != nil {
		return result{}, err
	}
	if err := reader.Subscribe(setPattern); err != nil {
		_ = reader.Close()
		return result{}, err
	}
	writing, err := r.peer.Dial(ctx, s.Addr())
	if err != nil {
		_ = reader.Close()
		return result{}, err
	}
	defer abandon(writing)
	w := newSetter(writing)
	var a arrivals
	var broke error // why reading ended
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		broke = a.follow(reader)
	}()
	defer func() { // it must not read on in the next run
		abandon(reader)
		<-ended
	}()
	exchange := func(d time.Duration) (sets uint64, err error) {
		if err := errors.Join(writing.SetDeadline(time.Now().Add(d+process.Patience)), reader.SetDeadline(time.Now().Add(d+process.Patience))); err != nil {
			return 0, err
		}
		before := w.next
		if err := w.run(d); err != nil {
			return 0, fmt.Errorf("writer: %w", err)
		}
		select {
		case <-a.complete(w.next):
			return w.next - before, nil
		case <-ended:
			return 0, broke
		}
	}
	if _, err := exchange(r.duration / 5); err != nil { // buffers grow, caches fill
		return result{}, err
	}
	arrived := a.count()
	m := measure(s)
	sets, err := exchange(r.duration)
	if err != nil {
		return result{}, err
	}
	u := m.stop()
	u.add(&res, r.at, sets)
	res.set("sets", float64(sets)/u.wall.Seconds())
	res.set("conflated", 100*float64(sets-(a.count()-arrived))/float64(sets))
	return res, nil
}

// setter writes, and counts its ACKs.
type setter struct {
	*peer.Conn
	addresses    [setParams]string
	next, acked  uint64
	out, payload []byte
}

func newSetter(c *peer.Conn) *setter {
	w := &setter{Conn: c}
	for i := range w.addresses {
		w.addresses[i] = fmt.Sprintf("/bench/set/%02d", i)
	}
	return w
}

// send sends n SETs in one write.
func (w *setter) send(n int) error {
	w.out = w.out[:0]
	for range n {
		w.payload = peer.Stamp{Sequence: w.next}.Append(w.payload[:0])
		w.out = w.AppendSet(w.out, w.addresses[w.next%setParams], w.payload)
		w.next++
	}
	_, err := w.Write(w.out)
	return err
}

// run writes for as long as d: a window at once, then a SET for each ACK. It returns when
// everything is acknowledged.
func (w *setter) run(d time.Duration) error {
	start := time.Now()
	if err := w.send(setWindow); err != nil {
		return err
	}
	for w.acked < w.next {
		n, err := w.ReadAcks(nil)
		if err != nil {
			return err
		}
		w.acked += uint64(n)
		if w.acked > w.next {
			return fmt.Errorf("%d ACKs for %d SETs", w.acked, w.next)
		}
		if n > 0 && time.Since(start) < d {
			if err := w.send(n); err != nil {
				return err
			}
		}
	}
	return nil
}

// arrivals is what the subscriber has: the values of each param have to rise.
type arrivals struct {
	mu      sync.Mutex
	came    uint64
	newest  [setParams]uint64 // number of the SET, plus 1; 0 = none yet
	wrong   void
	awaited uint64        // how many SETs there are in all, 0 = not known yet
	done    chan struct{} // closed once their last values are here
}

// follow reads until the connection ends or a value is wrong.
func (a *arrivals) follow(c *peer.Conn) error {
	for {
		err := c.Read(func(payload []byte) {
			p, err := peer.ReadStamp(payload)
			a.take(p.Sequence, err == nil)
		})
		if wrong := a.check(); wrong != (void{}) {
			return wrong
		}
		if err != nil {
			return fmt.Errorf("subscriber: %w", err)
		}
	}
}

// take notes one value.
func (a *arrivals) take(number uint64, readable bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	newest := &a.newest[number%setParams]
	switch {
	case !readable || number+1 < *newest:
		a.wrong.disordered++
	case number+1 == *newest:
		a.wrong.repeated++
	default:
		*newest = number + 1
		a.came++
	}
}

// check closes done when it is time to, and says what was wrong so far.
func (a *arrivals) check() void {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.finish()
	return a.wrong
}

// finish closes done if all last values are here. mu must be locked.
func (a *arrivals) finish() {
	if a.awaited == 0 {
		return
	}
	for _, newest := range a.newest {
		if newest+setParams <= a.awaited {
			return
		}
	}
	close(a.done)
	a.awaited = 0
}

// complete returns a channel that is closed once the last values of so many SETs are here.
func (a *arrivals) complete(sets uint64) <-chan struct{} {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.awaited, a.done = sets, make(chan struct{})
	done := a.done
	a.finish()
	return done
}

func (a *arrivals) count() uint64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.came
}
