// Workload fanout: as many events as get through. The publisher never has more than a
// window of events under way: the slowest subscriber sets the pace, nothing piles up.

package main

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/clasp-studio/clasp/cmd/clasp-bench/internal/process"
)

const (
	// volley is how many events go out in one write.
	volley = 64
	// volleys is how many volleys are under way at most.
	volleys = 16
)

func runFanout(ctx context.Context, r rig) (result, error) {
	p, err := r.start(ctx)
	if err != nil {
		return result{}, err
	}
	defer p.Stop()
	return fanOut(r, p)
}

// fanOut measures deliveries a second.
func fanOut(r rig, p *process.Process) (result, error) {
	// arrived counts, for each volley under way, the subscribers that have all of it.
	var arrived [volleys]atomic.Int32
	room := make(chan struct{}, volleys)
	a, err := gather(r, p, r.scale.subscribers, func(_ int, number uint64, _ time.Duration) {
		if number%volley != volley-1 {
			return
		}
		slot := &arrived[number/volley%volleys]
		if slot.Add(1) == int32(r.scale.subscribers) {
			slot.Store(0)
			room <- struct{}{}
		}
	})
	if err != nil {
		return result{}, p.Explain(err)
	}
	defer a.close()
	for range volleys {
		room <- struct{}{}
	}
	f := fanout{a: a, room: room}
	for range volley {
		message := eventMessage(a.publisher)
		f.out = append(f.out, message...)
		f.size = len(message)
	}
	if _, err := f.send(r.scale.duration / 5); err != nil { // buffers grow, caches fill
		return result{}, p.Explain(err)
	}
	m := measure(p)
	events, err := f.send(r.scale.duration)
	if err != nil {
		return result{}, p.Explain(err)
	}
	u := m.stop(events * r.scale.subscribers)
	return result{[]float64{float64(u.messages) / u.wall.Seconds()}, u}, nil
}

// fanout is the publisher's side.
type fanout struct {
	a    *audience
	room chan struct{} // one for each volley that may go
	out  []byte        // a volley
	size int           // of one event
	next uint64        // number
}

// send sends for as long as d and returns when every subscriber has everything.
func (f *fanout) send(d time.Duration) (events int, err error) {
	f.a.expire(d + patience)
	for start := time.Now(); time.Since(start) < d; {
		if err := f.wait(); err != nil {
			return 0, err
		}
		for i := range volley {
			stamp(f.out[i*f.size:(i+1)*f.size], f.next, 0)
			f.next++
		}
		if _, err := f.a.publisher.Write(f.out); err != nil {
			return 0, err
		}
		events += volley
	}
	for range volleys {
		if err := f.wait(); err != nil {
			return 0, err
		}
	}
	for range volleys {
		f.room <- struct{}{}
	}
	return events, nil
}

func (f *fanout) wait() error {
	select {
	case <-f.room:
		return nil
	case err := <-f.a.failed:
		return err
	}
}
