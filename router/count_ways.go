// What is counted of each transport: connections, why they ended or never became a session, and
// bytes.

package router

import (
	"sync"
	"sync/atomic"
)

// Failure is why a connection never became a session.
type Failure uint8

// The failures. Those that have a name outside are for transports to tell of that have not opened a
// session yet: one that ends before it is greeted is counted by its Reason.
const (
	failedNone    Failure = iota
	FailedLimit           // there was no room
	FailedOrigin          // a web page of another site
	FailedHTTP            // no good request to become a WebSocket
	FailedTLS             // the two could not agree on TLS
	FailedTimeout         // nothing came in time
	FailedLost            // it broke or was closed before anything had come of it
	failedHello           // its first message was no good HELLO
	failedVersion         // another version of CLASP
	failedAuth            // no token, or none that lets it in
	failures
)

var failureLabels = [failures]string{"", "limit", "origin", "http", "tls", "timeout", "lost", "hello", "version", "auth"}

// failure is what a session that ends for r before it was greeted counts as; failedNone if
// nobody failed.
func (r Reason) failure() Failure {
	switch r {
	case ReasonNone, ReasonShutdown:
		return failedNone
	case ReasonNoHello, ReasonIdle:
		return FailedTimeout
	case ReasonClientClosed, ReasonLost, ReasonSlow:
		return FailedLost
	case ReasonBadHello, ReasonNotGreeted, ReasonTooBig, ReasonBadFrame:
		return failedHello
	case ReasonVersion:
		return failedVersion
	case ReasonEvicted, ReasonFull:
		return FailedLimit
	}
	return failedAuth // all others are about who it is
}

// ways are the transports, by name.
type ways struct {
	mu  sync.RWMutex
	all map[string]*way
}

type way struct {
	opened atomic.Uint64
	closed [len(reasons)]atomic.Uint64
	failed [failures]atomic.Uint64
	meters [meters]Meter
	next   atomic.Uint32 // of meters
}

// meters is how many share the bytes of a transport: writers that meet at one wait for each other.
const meters = 8

// Meter counts the bytes of connections. Its methods may be called by any goroutine.
type Meter struct {
	received, sent atomic.Uint64

	_ [128 - 2*8]byte // its own cache lines
}

// Received counts bytes that came.
func (m *Meter) Received(n int) { m.received.Add(uint64(max(n, 0))) }

// Sent counts bytes that went.
func (m *Meter) Sent(n int) { m.sent.Add(uint64(max(n, 0))) }

// of finds a transport. The first time that it is asked for it begins to be counted.
func (w *ways) of(transport string) *way {
	w.mu.RLock()
	found := w.all[transport]
	w.mu.RUnlock()
	if found != nil {
		return found
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.all == nil {
		w.all = make(map[string]*way)
	}
	if w.all[transport] == nil {
		w.all[transport] = new(way)
	}
	return w.all[transport]
}

// Meter returns one for another connection of a transport (Peer.Transport). From the first time
// that it is asked for one, the transport is counted and shown by Counted.
func (r *Router) Meter(transport string) *Meter {
	w := r.ways.of(transport)
	return &w.meters[w.next.Add(1)%meters]
}

// CountFailure counts a connection of a transport for which there never was a Session.
func (r *Router) CountFailure(transport string, f Failure) { r.ways.of(transport).failed[f].Add(1) }
