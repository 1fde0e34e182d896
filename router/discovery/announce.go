// The announcement on all links, and the watch over which links there are.

package discovery

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"
)

const (
	defaultPoll     = 2 * time.Second
	defaultDebounce = time.Second
	maxBackOff      = time.Minute
)

// AnnounceOptions say what is announced. The fields after Explain are for tests and for
// routers that listen at one address only.
type AnnounceOptions struct {
	Info   Info
	Logger *slog.Logger // nil logs nothing
	// Explain puts what is logged of trouble into words for people; nil leaves it as it is.
	Explain func(error) error

	Links    func() ([]Link, error) // nil = all links of this machine
	Poll     time.Duration          // between two looks at the links, 0 = 2 s
	Debounce time.Duration          // how long a change must last, 0 = 1 s
}

// Announcer announces a router by multicast DNS as service _clasp._tcp, on every link that
// has multicast and an IPv4 address.
type Announcer struct {
	o     AnnounceOptions
	claim *claim
	stop  chan struct{}
	done  chan struct{}

	// The watcher's.
	stations map[int]*station // by the link's index
	seen     []Link
	looked   bool
	backOff  time.Duration
	retry    time.Time

	mu      sync.Mutex
	trouble error
}

// Announce begins to announce a router, and does not wait for the name: the log says which it
// has got, on which link. It fails when that could not be announced anywhere.
// What goes wrong later is logged once, kept in Err, and tried again.
func Announce(o AnnounceOptions) (*Announcer, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Explain == nil {
		o.Explain = func(err error) error { return err }
	}
	if o.Links == nil {
		o.Links = everywhere
	}
	o.Poll, o.Debounce = cmp.Or(o.Poll, defaultPoll), cmp.Or(o.Debounce, defaultDebounce)
	if o.Info.ID == "" || o.Info.Port <= 0 || o.Info.Port > 65535 {
		return nil, fmt.Errorf("announce by multicast DNS: a router needs an ID and a port, not %q and %d", o.Info.ID, o.Info.Port)
	}
	c := newClaim(o.Info)
	said, host, _ := c.current()
	if _, err := newRecords(said, host, Link{}); err != nil {
		return nil, fmt.Errorf("announce by multicast DNS: %w", err)
	}
	a := &Announcer{
		o: o, claim: c, stop: make(chan struct{}), done: make(chan struct{}),
		stations: map[int]*station{}, backOff: o.Poll,
	}
	go a.watch()
	return a, nil
}

// Tell changes what is announced, without a moment of absence: whoever knows the router is
// told, at most once a second. The name it goes by stays, and so do its ID and the port of
// WebSocket, whatever is in i.
func (a *Announcer) Tell(i Info) { a.claim.tell(i) }

// Err returns what keeps the router from being announced on some link, or nil.
func (a *Announcer) Err() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.trouble
}

// Close takes the announcement back on all links.
func (a *Announcer) Close() {
	close(a.stop)
	<-a.done
}

// watch looks at the links until Close.
func (a *Announcer) watch() {
	defer close(a.done)
	for {
		next := a.look()
		select {
		case <-time.After(next):
		case <-a.stop:
			for _, s := range a.stations {
				s.end(true)
			}
			return
		}
	}
}

// look compares the links with the stations, and returns when to do so again.
func (a *Announcer) look() time.Duration {
	links, err := a.o.Links()
	if err != nil {
		a.report(err)
		return a.o.Poll
	}
	links = slices.DeleteFunc(links, func(l Link) bool { return !l.Multicast })
	first := !a.looked
	a.looked = true
	if !slices.EqualFunc(links, a.seen, Link.equal) {
		a.seen = links
		a.backOff, a.retry = a.o.Poll, time.Time{}
		if !first {
			return a.o.Debounce // addresses come and go in the first moments of a network
		}
	}
	trouble := a.rebuild()
	if len(a.seen) == 0 {
		trouble = errors.New("there is no network interface with multicast and an IPv4 address")
	}
	a.report(trouble)
	return a.o.Poll
}

// rebuild gives every link its station, and returns what is in the way on one of them.
func (a *Announcer) rebuild() (trouble error) {
	settled := true
	for index, s := range a.stations {
		if over, err := s.ended(); over {
			delete(a.stations, index)
			trouble = cmp.Or(trouble, err)
		} else if !slices.ContainsFunc(a.seen, s.socket.link.equal) {
			// No goodbye: the link has gone, or the next station on it says what has changed.
			s.end(false)
			delete(a.stations, index)
		} else if !s.announced.Load() {
			settled = false
		}
	}
	now := time.Now()
	patient := trouble != nil || now.Before(a.retry)
	for _, link := range a.seen {
		if a.stations[link.Index] != nil {
			continue
		}
		settled = false
		if patient {
			continue
		}
		s, err := openStation(a.claim, a.o.Logger, link)
		if err != nil {
			trouble = cmp.Or(trouble, err)
			continue
		}
		a.stations[link.Index] = s
	}
	switch {
	case trouble != nil:
		a.retry = now.Add(a.backOff)
		a.backOff = min(2*a.backOff, maxBackOff)
		return trouble
	case settled:
		a.backOff = a.o.Poll
		return nil
	default: // trouble is over when it is certain that the new stations work
		return a.Err()
	}
}

// report keeps the trouble there is, and says so when it begins and when it is over.
func (a *Announcer) report(trouble error) {
	a.mu.Lock()
	before := a.trouble
	a.trouble = trouble
	a.mu.Unlock()
	switch {
	case before == nil && trouble != nil:
		a.o.Logger.Warn("multicast DNS cannot announce this router: clients need its address, or UDP discovery; trying again", "error", a.o.Explain(trouble))
	case before != nil && trouble == nil:
		a.o.Logger.Info("multicast DNS announces this router again")
	}
}
