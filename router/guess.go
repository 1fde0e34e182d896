// Slowing down those who guess tokens, without shutting anybody out.

package router

import (
	"net/netip"
	"sync"
	"time"
)

const (
	// After a failure the next token of its source is looked at 1, 2, 4 … 30 s later.
	firstWait   = time.Second
	longestWait = 30 * time.Second
	// quietFor is how long a source makes no mistake until those it made are forgotten,
	// a minute more or less.
	quietFor = 10 * time.Minute
	// sourcesKept bounds the sources that are remembered, each some 150 bytes.
	sourcesKept = 4096
	// So many may wait at a time, where sources cannot be forged. What comes beyond is turned
	// away unseen, or guessing would only take more connections.
	waitingAll    = 1024
	waitingSource = 16
	// failuresLogged is how many failures a second are worth a line of the log.
	failuresLogged = 10
)

// guesses knows which sources have failed. A token of theirs waits before it is judged, good
// or not: were good ones answered at once, silence would say that a guess was wrong, and who
// hangs up then could try thousands a second. No source is banned, and one from which
// somebody is inside with a good token is not slowed: behind the address of who guesses there
// may be the lighting desk.
//
// Sources that can be forged have guesses of their own, or a stranger could have anybody
// slowed down, on any transport. Of theirs none waits: each would hold a session, and a flood
// of them those of everybody. What comes too early is turned away unseen.
type guesses struct {
	waitingAll, waitingSource int // static

	sync.Mutex
	live    map[netip.Addr]int      // authenticated sessions by source
	failing map[netip.Addr]*failing // by source
	waiting int
	sweepAt int64
	spoken  bucket
}

// failing is a source that has failed.
type failing struct {
	times   int
	last    int64 // µs, monotonic
	until   int64 // its next token is judged then, µs, monotonic
	waiting int
}

func (g *guesses) init(all, source int) {
	g.waitingAll, g.waitingSource = all, source
	g.live = make(map[netip.Addr]int)
	g.failing = make(map[netip.Addr]*failing)
}

// enter counts an authenticated session. Its source starts anew.
func (g *guesses) enter(source netip.Addr) {
	g.Lock()
	defer g.Unlock()
	g.live[source]++
	delete(g.failing, source)
}

// leave is enter undone.
func (g *guesses) leave(source netip.Addr) {
	g.Lock()
	defer g.Unlock()
	if g.live[source]--; g.live[source] == 0 {
		delete(g.live, source)
	}
}

// hold returns how long a token waits before it is judged, and whether it may wait. After
// any wait call release; who may not wait may come again after it.
func (g *guesses) hold(source netip.Addr, now int64) (wait time.Duration, ok bool) {
	g.Lock()
	defer g.Unlock()
	f := g.failing[source]
	if f == nil || f.until <= now || g.live[source] > 0 {
		return 0, true
	}
	wait = time.Duration(f.until-now) * time.Microsecond
	if g.waiting >= g.waitingAll || f.waiting >= g.waitingSource {
		return wait, false
	}
	f.waiting++
	g.waiting++
	return wait, true
}

// release says that one that was held is judged now, or has gone.
func (g *guesses) release(source netip.Addr) {
	g.Lock()
	defer g.Unlock()
	g.waiting--
	if f := g.failing[source]; f != nil && f.waiting > 0 {
		f.waiting--
	}
}

// failed counts a failure of a source, and returns how long its next token will wait.
func (g *guesses) failed(source netip.Addr, now int64) time.Duration {
	g.Lock()
	defer g.Unlock()
	if g.live[source] > 0 {
		return 0
	}
	f := g.failing[source]
	if f == nil {
		if len(g.failing) >= sourcesKept {
			g.forgetOneLocked()
		}
		f = &failing{}
		g.failing[source] = f
	}
	wait := min(firstWait<<f.times, longestWait)
	if wait < longestWait {
		f.times++
	}
	f.last, f.until = now, now+int64(wait/time.Microsecond)
	return wait
}

// forgetOneLocked forgets the source that has been quiet for longest, of a few picked at
// random: nobody can pick them all.
func (g *guesses) forgetOneLocked() {
	var oldest netip.Addr
	looks := 0
	for source, f := range g.failing {
		if looks == 0 || f.last < g.failing[oldest].last {
			oldest = source
		}
		if looks++; looks == 8 {
			break
		}
	}
	delete(g.failing, oldest)
}

// sweep now and then forgets sources that have been quiet.
func (g *guesses) sweep(now int64) {
	g.Lock()
	defer g.Unlock()
	if now < g.sweepAt {
		return
	}
	g.sweepAt = now + int64(time.Minute/time.Microsecond)
	for source, f := range g.failing {
		if now-f.last > int64(quietFor/time.Microsecond) {
			delete(g.failing, source)
		}
	}
}

// speak reports whether a failure is worth a line of the log, which one who guesses must
// not be able to fill.
func (g *guesses) speak(now int64) bool {
	g.Lock()
	defer g.Unlock()
	return g.spoken.take(now, 1, failuresLogged)
}
