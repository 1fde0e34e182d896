package router

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/clasp-studio/clasp/pairing"
	"github.com/clasp-studio/clasp/router/address"
	"github.com/clasp-studio/clasp/router/param"
	"github.com/clasp-studio/clasp/router/store"
	"github.com/clasp-studio/clasp/router/subs"
	"github.com/clasp-studio/clasp/router/wire"
)

// Limits bound what one client, and all together, may use.
type Limits struct {
	MaxConnections       int           // open connections of all transports together, a quarter of them over UDP, 0 = no limit
	MaxConnectionsPerIP  int           // of them from one address, an IPv6 /64 counting as one, a quarter of them over UDP, 0 = no limit
	MaxMessageSize       int           // bytes of payload in one transport message, 0 = 65535
	MaxSubscriptions     int           // patterns a session, 0 = no limit (protocol section 8)
	MaxMessagesPerSecond int           // messages a second and session, 0 = no limit (section 9)
	MaxParams            int           // params with a value, 0 = no limit (section 7)
	WelcomeSnapshot      int           // largest number of params sent unasked, 0 = none (section 5.3)
	SessionTimeout       time.Duration // silence that ends a session, 0 = never (section 5.5)
}

// ConflictRule gives the params under a pattern another conflict strategy than
// "last write wins": lww, max, min or lock (protocol section 7). The first rule
// that matches an address counts.
type ConflictRule struct{ Pattern, Strategy string }

// Settings are what may change while the router runs.
type Settings struct {
	Limits    Limits
	Conflicts []ConflictRule
	Auth      Auth
}

// Options make a router.
type Options struct {
	Settings
	Name    string            // told to clients in WELCOME
	Logger  *slog.Logger      // nil logs nothing
	Store   *store.Store      // keeps params on disk; nil for memory only. The caller closes it after the router.
	Exclude []string          // patterns of addresses whose values are not stored: they start at rest
	Pairing *pairing.Registry // lets devices in that have no other token; nil = none. The caller closes it after the router.
}

// Stats are counts of what is there now.
type Stats struct{ Sessions, Subscriptions, Params int }

type (
	paramTable = param.Table[cachedRoute]
	paramEntry = param.Param[cachedRoute]
)

// Router is one tree of live signals and the sessions that share it.
type Router struct {
	// Static after New.
	name    string
	log     *slog.Logger
	start   time.Time // the monotonic clock counts from here
	params  *paramTable
	subs    subs.Table[subscription]
	routes  routes
	batches sync.Pool
	store   *store.Store // nil = memory only
	exclude []*address.Pattern
	pairing *pairing.Registry // nil = none

	limits    atomic.Pointer[Limits]
	conflicts atomic.Pointer[[]conflict]
	auth      atomic.Pointer[Auth] // with a Verifier, always

	passedOver atomic.Bool // a token for which there is no key: said in the log

	// bundles is held for writing while a bundle of several params is applied, and
	// for reading while a piece of a snapshot is put together.
	bundles sync.RWMutex

	pending pending
	changes changes

	sessions  registry
	connected crowd
	told      crowd // over a limit, and being told so
	schedule  schedule
	announced announced
	deferred  deferred
	welcoming welcoming
	guesses   guesses
	forgeable guesses // of sources that may have been invented
	expiries  expiries
	refusals  refusals
	endings   endings
	counts    counts
	ways      ways
	census    census
	bans      bans
	operator  *Session // writes what the operator has asked for; nobody is connected as it

	lastSession      atomic.Uint64
	lastSubscription atomic.Uint64
	processors       int
	wake             chan struct{} // tells the clock that there is work at a fine grain
	stop             chan struct{}
	stopped          sync.WaitGroup
	closeOnce        sync.Once
}

type conflict struct {
	pattern  *address.Pattern
	strategy param.Strategy
}

// New makes a router, restores what its store has, and starts its clock. Close ends it.
func New(o Options) (*Router, error) {
	r := &Router{
		name:  o.Name,
		log:   o.Logger,
		start: time.Now(),
		wake:  make(chan struct{}, 1),

		processors: runtime.GOMAXPROCS(0),
		stop:       make(chan struct{}),
		store:      o.Store,
		pairing:    o.Pairing,
	}
	if r.log == nil {
		r.log = slog.New(slog.DiscardHandler)
	}
	for i, pattern := range o.Exclude {
		p, err := address.Compile(pattern)
		if err != nil {
			return nil, fmt.Errorf("excluded pattern %d: %q: %w", i+1, pattern, err)
		}
		r.exclude = append(r.exclude, p)
	}
	r.params = param.New(r.paramGone)
	r.pending.init()
	r.batches.New = func() any { return &batch{counts: r.counts.shard()} }
	r.operator = newOperator(r)
	r.sessions.init()
	r.connected.init()
	r.told.init()
	r.schedule.init()
	r.guesses.init(waitingAll, waitingSource)
	r.forgeable.init(0, 0)
	r.refusals.init()
	if err := r.Reload(o.Settings); err != nil {
		return nil, err
	}
	if r.store != nil {
		if err := r.restore(); err != nil {
			return nil, fmt.Errorf("restore the state: %w", err)
		}
		r.store.Start(r)
	}
	if r.pairing != nil {
		r.pairing.OnEnd(r.endDevice)
	}
	r.stopped.Go(r.runClock)
	r.stopped.Go(r.runSchedule)
	return r, nil
}

// Reload replaces the settings, all or nothing. Sessions stay, with the rights they have,
// but for those whose token is now on the deny list: they end with ERROR 300.
func (r *Router) Reload(settings Settings) error {
	compiled := make([]conflict, 0, len(settings.Conflicts))
	for i, rule := range settings.Conflicts {
		p, err := address.Compile(rule.Pattern)
		if err != nil {
			return fmt.Errorf("conflict rule %d: pattern %q: %w", i+1, rule.Pattern, err)
		}
		s, err := param.ParseStrategy(rule.Strategy)
		if err != nil {
			return fmt.Errorf("conflict rule %d: %w", i+1, err)
		}
		compiled = append(compiled, conflict{p, s})
	}
	if err := r.setAuth(settings.Auth); err != nil {
		return fmt.Errorf("authentication: %w", err)
	}
	l := settings.Limits
	if l.MaxMessageSize == 0 {
		l.MaxMessageSize = wire.MaxPayload
	}
	r.limits.Store(&l)
	old := r.conflicts.Swap(&compiled)
	if old != nil && !slices.EqualFunc(*old, compiled, conflict.equal) {
		r.applyStrategies()
	}
	return nil
}

func (c conflict) equal(other conflict) bool {
	return c.pattern.String() == other.pattern.String() && c.strategy == other.strategy
}

// applyStrategies gives the params that are there the strategy of the present rules.
func (r *Router) applyStrategies() {
	r.eachParam(func(p *paramEntry) { p.Strategy = r.strategyOf(p.Address) })
}

// eachParam calls f for every param under its lock, in pieces, so that the index is never
// held for long.
func (r *Router) eachParam(f func(p *paramEntry)) {
	for next, more := "", true; more; {
		looks, last := 0, ""
		r.params.Ascend(next, func(p *paramEntry) bool {
			p.Lock()
			f(p)
			p.Unlock()
			last = p.Address
			looks++
			return looks < pieceLooks
		}, func(all bool) { more, next = !all, last+"\x00" })
	}
}

// paramGone takes a param that vanishes from the list of those its holder has locked, and
// has the store note that it has gone.
func (r *Router) paramGone(p *paramEntry) {
	if p.Value != nil {
		r.changeGone(p.Address, p.Revision)
		r.counts.countState(-stateBytes(p))
	}
	if holder := p.Holder(); holder != "" {
		r.counts.countLock(holder, "")
		if s := r.sessions.find([]byte(holder)); s != nil {
			s.unhold(p)
		}
	}
}

func (r *Router) strategyOf(addr string) param.Strategy {
	for _, c := range *r.conflicts.Load() {
		if c.pattern.Match(addr) {
			return c.strategy
		}
	}
	return param.LastWriteWins
}

// Limits returns the limits in force.
func (r *Router) Limits() Limits { return *r.limits.Load() }

// Logger returns where the router logs, for its transports.
func (r *Router) Logger() *slog.Logger { return r.log }

// Name returns the router's name.
func (r *Router) Name() string { return r.name }

// Stats returns counts of what is there now.
func (r *Router) Stats() Stats {
	return Stats{Sessions: r.sessions.len(), Subscriptions: r.subs.Len(), Params: r.params.Len()}
}

// Close tells every session that the router stops, lets their queues run empty and
// returns when all have gone. When ctx ends first it cuts those that are left and
// returns an error that counts them.
func (r *Router) Close(ctx context.Context) error {
	r.closeOnce.Do(func() { close(r.stop) })
	waitFor(ctx, r.stopped.Wait)
	r.sessions.shut()
	for _, s := range r.sessions.all() {
		s.ending.Store(true) // what still comes in is passed over
	}
	waitFor(ctx, r.pending.wait) // and their ACKs go out
	for _, s := range r.sessions.all() {
		s.close(ReasonShutdown)
	}
	select {
	case <-r.sessions.empty:
		return nil
	case <-ctx.Done():
	}
	left := r.sessions.all()
	for _, s := range left {
		s.conn.Abort()
	}
	return fmt.Errorf("close router: cut %d sessions that did not read their last messages: %w", len(left), ctx.Err())
}

// waitFor waits until wait has returned or ctx ends.
func waitFor(ctx context.Context, wait func()) {
	done := make(chan struct{})
	go func() {
		wait()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
	}
}

// touch counts a read of a param, whose lock is held.
func (r *Router) touch(b *batch, p *paramEntry) {
	if p.Touch(b.now) {
		r.change(p) // its lifetime
	}
}

// monotonic returns µs since the router started, which no clock change moves.
func (r *Router) monotonic(t time.Time) int64 { return int64(t.Sub(r.start) / time.Microsecond) }
