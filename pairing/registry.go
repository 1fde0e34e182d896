// The Registry: what it is made of, and how it opens, changes and closes.

package pairing

import (
	"crypto/rand"
	"errors"
	"io"
	"maps"
	"net/netip"
	"sync"
	"time"
)

// Options say how a Registry is made.
type Options struct {
	Settings
	Path       string // of the devices' file
	RouterID   string
	RouterName string
	Now        func() time.Time // nil = time.Now
	Random     io.Reader        // nil = crypto/rand
	Audit      func(Event)      // nil = nobody listens; called in order by a goroutine of its own, it may wait
}

// Registry holds everything. Its methods may be called by any goroutine.
//
// It has two locks. io is taken first, by everything that writes to the file or could let
// somebody in; it is held while the disk works. mu guards the memory and is let go then: a
// slow disk holds up those who pair, and no device that comes with its token. A revocation
// takes io only to be written down. Whoever is to be told is told when both are free.
type Registry struct {
	o    Options
	salt []byte // of hashes that are for this process only

	io      sync.Mutex
	file    *file
	stop    chan struct{}
	stopped chan struct{}

	mu       sync.Mutex
	settings Settings
	profiles map[string]Profile
	devices  map[string]*device   // by ID
	revoked  map[string]*row      // by ID; who has been here is told so
	knocks   []*knock             // in the order in which they came
	muted    map[caller]time.Time // denied until
	sources  map[netip.Addr]*source
	invites  []*invite
	spent    []*spent
	tried    map[guess]bool // wrong invite PINs of this window
	level    level
	burned   time.Time // the last time an invite PIN was

	unsaved      map[string]bool // IDs of devices that the file does not have as they are
	unsavedLevel bool
	saveAt       time.Time // when what can wait is written
	seenAt       time.Time // when devices that are online were last noted

	requests map[string]uint64
	failures map[string]uint64
	onEnd    func(Ending)
	onKnock  func()
	closed   bool

	said queue // callbacks, none of which waits
	log  queue // lines of the audit log
	lost int   // of those, since the log was stuck
}

// Open reads the devices' file, or makes it. A file that is damaged, of a newer version or
// something else is an error that says so, and stays as it is.
func Open(o Options) (*Registry, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Random == nil {
		o.Random = rand.Reader
	}
	r := &Registry{
		o: o, stop: make(chan struct{}), stopped: make(chan struct{}),
		devices: make(map[string]*device), revoked: make(map[string]*row),
		muted: make(map[caller]time.Time), sources: make(map[netip.Addr]*source),
		tried: make(map[guess]bool), unsaved: make(map[string]bool),
		requests: make(map[string]uint64), failures: make(map[string]uint64),
	}
	for _, outcome := range []string{outcomeIssued, outcomeDenied, outcomeTimeout, outcomeLeft, outcomeRefused} {
		r.requests[outcome] = 0
	}
	r.failures[kindRequest], r.failures[kindInvite] = 0, 0
	var err error
	if r.salt, err = randomBytes(o.Random, saltBytes); err != nil {
		return nil, err
	}
	if r.settings, r.profiles, err = checked(o.Settings); err != nil {
		return nil, err
	}
	var kept kept
	if r.file, kept, err = openFile(o.Path); err != nil {
		return nil, err
	}
	r.load(kept)
	now := o.Now()
	r.saveAt, r.seenAt = now.Add(saveEvery), now
	go r.tick()
	return r, nil
}

const saltBytes = 32

// Labels of Overview.
const (
	kindRequest    = "request"
	kindInvite     = "invite"
	outcomeIssued  = "issued"
	outcomeDenied  = "denied"
	outcomeTimeout = "timeout"
	outcomeLeft    = "left"
	outcomeRefused = "refused"
)

// load takes in what the file has.
func (r *Registry) load(kept kept) {
	r.level = kept.level
	for i := range kept.rows {
		w := &kept.rows[i]
		if w.Revoked.IsZero() {
			r.devices[w.ID] = &device{row: *w}
		} else {
			r.revoked[w.ID] = w
		}
	}
}

// Close writes down when devices were last seen, and closes the file. Later calls find a
// Registry that lets nobody in. It waits 2 s at the most for an Audit that is stuck.
func (r *Registry) Close() error {
	r.io.Lock()
	r.enter()
	if r.closed {
		r.end()
		return nil
	}
	now := r.o.Now()
	r.noteOnline(now)
	err := r.save()
	r.closed = true
	close(r.stop)
	err = errors.Join(err, r.file.close())
	r.confessLost(now)
	r.end()
	<-r.stopped
	select {
	case <-r.audited():
	case <-time.After(auditPatience):
	}
	return err
}

// RouterID returns the ID of the router whose devices these are.
func (r *Registry) RouterID() string { return r.o.RouterID }

// OnEnd has f called whenever sessions of a device must end. f must not call back.
func (r *Registry) OnEnd(f func(Ending)) {
	r.enter()
	defer r.leave()
	r.onEnd = f
}

// OnKnock has f called when the list of knocks has changed, without the lock held.
func (r *Registry) OnKnock(f func()) {
	r.enter()
	defer r.leave()
	r.onKnock = f
}

// Overview returns how pairing stands.
func (r *Registry) Overview() Overview {
	now := r.enter()
	defer r.leave()
	o := Overview{
		Enabled: r.settings.Enabled, Policy: r.settings.Policy,
		Misses: r.level.Window, Invites: len(r.invites), Devices: len(r.devices),
		Codes:    map[string]int{kindRequest: 0, kindInvite: len(r.openPINs())},
		Requests: maps.Clone(r.requests), Failures: maps.Clone(r.failures),
	}
	o.LockedWhy = r.lockedWhy(now)
	o.Locked = o.LockedWhy != ""
	for _, k := range r.knocks {
		if k.onScreen() {
			o.Knocks++
		}
		if k.code != nil {
			o.Codes[kindRequest]++
		}
	}
	return o
}

// enter takes the memory, in which all has happened that time brings. It returns what time
// it is. Whoever has taken io before ends with end, and else with leave.
func (r *Registry) enter() time.Time {
	r.mu.Lock()
	now := r.o.Now()
	r.advance(now)
	return now
}

func (r *Registry) leave() {
	r.mu.Unlock()
	r.said.run()
}

func (r *Registry) end() {
	r.mu.Unlock()
	r.io.Unlock()
	r.said.run()
}

// listChanged tells who draws the list of knocks.
func (r *Registry) listChanged() {
	if f := r.onKnock; f != nil {
		r.said.add(f)
	}
}

// endSessions has the sessions of a device ended.
func (r *Registry) endSessions(d *device, code Code) { r.ends(Ending{Device: d.ID, Code: code}) }

// ends tells who ends sessions, be there any or not: one that has left may have scheduled
// something.
func (r *Registry) ends(e Ending) {
	if f := r.onEnd; f != nil {
		r.said.add(func() { f(e) })
	}
}
