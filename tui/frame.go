package tui

// Getting frames: one question at a time, no faster than the screen is drawn, none while
// nothing changes but the clock. After a stall there is nothing to catch up with.

import (
	"context"
	"slices"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/clasp-studio/clasp/router/monitor"
)

// How often frames are asked for.
const (
	blurredEvery = 500 * time.Millisecond // when the terminal has not got the focus
	retryEvery   = time.Second            // when the router does not answer
	frameTimeout = 10 * time.Second
	actTimeout   = 15 * time.Second
	logsPerFrame = 1000
)

// feed asks the source for frames. All of it runs on the loop but the two commands.
type feed struct {
	source  monitor.Source
	ctx     context.Context
	now     func() time.Time
	every   time.Duration
	gen     uint64 // of the command under way: answers to others are dropped
	asked   monitor.Query
	last    time.Time // when the last frame came
	seq     uint64
	logs    uint64 // the next line to ask for
	wake    context.CancelFunc
	blurred bool
}

// wait returns the command that waits until a frame is due: never before the last one's
// time is over, then as soon as something changes. One that was under way is replaced.
func (f *feed) wait() tea.Cmd {
	f.stop()
	f.gen++
	ctx, cancel := context.WithCancel(f.ctx)
	f.wake = cancel
	pause := f.pause()
	gen, seq, source := f.gen, f.seq, f.source
	return guarded("waiting for the router", func() tea.Msg {
		if sleep(ctx, pause) && seq != 0 {
			source.Wait(ctx, seq)
		}
		return dueMsg{gen}
	})
}

// hurry returns a command that asks again at once, because something else is on the screen
// than what was asked for; nil while a question is under way.
func (f *feed) hurry(q monitor.Query) tea.Cmd {
	if f.wake == nil || sameQuery(q, f.asked) {
		return nil
	}
	f.stop()
	f.gen++
	gen, pause, ctx := f.gen, f.pause(), f.ctx
	f.asked = q // one is enough
	ctx, f.wake = context.WithCancel(ctx)
	return func() tea.Msg {
		sleep(ctx, pause)
		return dueMsg{gen}
	}
}

// pause is how long it is until the next frame may be asked for.
func (f *feed) pause() time.Duration {
	every := f.every
	if f.blurred {
		every = max(every, blurredEvery)
	}
	return every - f.now().Sub(f.last)
}

// fetch returns the command that asks.
func (f *feed) fetch(q monitor.Query) tea.Cmd {
	f.stop()
	f.gen++
	q.LogsSince, q.LogsMax = f.logs, logsPerFrame
	if f.logs == 0 {
		q.LogsMax = monitor.MaxLogs // what was there before us
	}
	f.asked = q
	gen, source, parent, now := f.gen, f.source, f.ctx, f.now
	return guarded("asking the router", func() tea.Msg {
		ctx, cancel := context.WithTimeout(parent, frameTimeout)
		defer cancel()
		start := now()
		frame, err := source.Frame(ctx, q)
		return frameMsg{gen: gen, frame: frame, err: err, took: now().Sub(start)}
	})
}

// got notes an answer and returns the command that waits for the next.
func (f *feed) got(m frameMsg) tea.Cmd {
	if m.err != nil {
		f.seq = 0 // whoever answers next may be another router
		return f.retry()
	}
	f.last = f.now()
	f.seq, f.logs = m.frame.Seq, m.frame.Logs.Next
	return f.wait()
}

// retry is wait after something has gone wrong: what fails at once shall not be asked at
// full speed.
func (f *feed) retry() tea.Cmd {
	f.last = f.now().Add(retryEvery - f.every)
	return f.wait()
}

// stop ends a wait that is under way.
func (f *feed) stop() {
	if f.wake != nil {
		f.wake()
		f.wake = nil
	}
}

// sleep waits; it reports false if ctx has ended.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// sameQuery reports whether two questions are for the same part of the screen.
func sameQuery(a, b monitor.Query) bool {
	if (a.Clients == nil) != (b.Clients == nil) || a.Clients != nil && *a.Clients != *b.Clients {
		return false
	}
	return slices.Equal(a.Values, b.Values) && slices.Equal(a.Branches, b.Branches)
}

// sampler makes rates of totals: over at least half a second, and never below zero, since a
// router that has started again counts from nothing.
type sampler struct {
	at    time.Time
	total monitor.Totals
	rates rates
}

const sampleEvery = 500 * time.Millisecond

// add takes a frame's totals and returns the rates up to it.
func (s *sampler) add(at time.Time, t monitor.Totals) rates {
	d := at.Sub(s.at)
	if !s.at.IsZero() && d >= 0 && d < sampleEvery {
		return s.rates
	}
	if !s.at.IsZero() && d > 0 {
		per := func(now, before uint64) float64 {
			if now < before {
				return 0
			}
			return float64(now-before) / d.Seconds()
		}
		s.rates = rates{
			known: true,
			in:    per(t.MessagesIn, s.total.MessagesIn), out: per(t.MessagesOut, s.total.MessagesOut),
			bytesIn: per(t.BytesIn, s.total.BytesIn), bytesOut: per(t.BytesOut, s.total.BytesOut),
			drops: per(t.Dropped, s.total.Dropped), writes: per(t.Writes, s.total.Writes),
		}
	}
	s.at, s.total = at, t
	return s.rates
}

// meter adds up over a second or so what the dashboard itself takes.
type meter struct {
	from   time.Time
	busy   time.Duration
	frames int
	bytes  uint64
	cost   cost
}

// add notes time that was spent.
func (m *meter) add(d time.Duration) { m.busy += d }

// frame notes a frame and returns the cost of late.
func (m *meter) frame(now time.Time, took time.Duration, written uint64) cost {
	m.frames++
	m.busy += took
	m.cost.frame = took
	d := now.Sub(m.from)
	if m.from.IsZero() || d < 0 {
		m.from, m.busy, m.frames, m.bytes = now, 0, 0, written
		return m.cost
	}
	if d >= time.Second {
		m.cost.fps = float64(m.frames) / d.Seconds()
		m.cost.cpu = m.busy.Seconds() / d.Seconds()
		m.cost.bytes = float64(written-m.bytes) / d.Seconds()
		m.from, m.busy, m.frames, m.bytes = now, 0, 0, written
	}
	return m.cost
}
