// The listeners that a router can do without: all but WebSocket. One that cannot be opened
// is said once, shown as down, and tried again until it can.

package main

import (
	"log/slog"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/clasp-studio/clasp/router/metrics"
)

// The wait before another try starts at the first and doubles up to the longest.
const (
	firstRetry   = time.Second
	longestRetry = time.Minute
)

// socket is an open port.
type socket interface {
	Addr() net.Addr
	Close() error
}

// optional is a listener that the router can do without.
type optional struct {
	name         string // for people: "TCP"
	label        string // in metrics: "tcp"
	scheme, path string // of its URLs; without a scheme they are host:port
	network      string // "tcp" or "udp"
	bind         string
	port         int
	flag         string // chooses the port
	open         func(address string) (socket, error)

	mu     sync.Mutex
	socket socket // nil while it is not open
	failed error  // why it could not be opened when that was last tried, in words
}

func (o *optional) address() string { return net.JoinHostPort(o.bind, strconv.Itoa(o.port)) }

// opened is the socket, or nil.
func (o *optional) opened() socket {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.socket
}

// described is the open listener with its URLs.
func (o *optional) described() listener {
	return newListener(o.name, o.opened().Addr(), o.scheme, o.path)
}

// boundPort is the port that is open, 0 for none. A listener that nobody wants is nil.
func (o *optional) boundPort() int {
	if o == nil {
		return 0
	}
	if s := o.opened(); s != nil {
		return portOfAddr(s.Addr())
	}
	return 0
}

// portOfAddr is the port of a TCP or UDP address.
func portOfAddr(a net.Addr) int {
	switch a := a.(type) {
	case *net.TCPAddr:
		return a.Port
	case *net.UDPAddr:
		return a.Port
	default:
		return 0
	}
}

// try opens the listener.
func (o *optional) try() error {
	s, err := o.open(o.address())
	if err != nil {
		err = listenError(err, o.network, o.bind, o.port, o.flag)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.failed = err; err == nil {
		o.socket = s
	}
	return err
}

// why says why it is not open, "" for one that is.
func (o *optional) why() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.socket != nil:
		return ""
	case o.failed != nil:
		return o.failed.Error()
	}
	return "closed"
}

func (o *optional) close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	s := o.socket
	o.socket = nil
	if s == nil {
		return nil
	}
	return s.Close()
}

// listeners are some that begin and end together: add them, then start, then close.
type listeners struct {
	log   *slog.Logger
	after func(time.Duration) <-chan time.Time // time.After
	late  func()                               // told when one has opened that could not at first; nil tells nobody

	all      []*optional
	stop     chan struct{}
	retrying sync.WaitGroup
}

func newListeners(log *slog.Logger, late func()) *listeners {
	return &listeners{log: log, after: time.After, late: late, stop: make(chan struct{})}
}

func (l *listeners) add(o *optional) *optional {
	l.all = append(l.all, o)
	return o
}

// start opens each, now or later.
func (l *listeners) start() {
	for _, o := range l.all {
		if err := o.try(); err != nil {
			l.log.Error("not listening: the router runs without it and tries again", "transport", o.name,
				"error", err)
			l.retrying.Go(func() { l.retry(o) })
		}
	}
}

// retry opens a listener that could not be opened, unless they are closed first.
func (l *listeners) retry(o *optional) {
	for wait := firstRetry; ; wait = min(2*wait, longestRetry) {
		select {
		case <-l.stop:
			return
		case <-l.after(wait):
		}
		if o.try() == nil {
			break
		}
	}
	l.log.Info("listening", "transport", o.name, "urls", o.described().urls)
	if l.late != nil {
		l.late()
	}
}

// open describes those that are open.
func (l *listeners) open() (open []listener) {
	for _, o := range l.all {
		if o.opened() != nil {
			open = append(open, o.described())
		}
	}
	return open
}

// metrics says of each whether it is open.
func (l *listeners) metrics() []metrics.Listener {
	shown := make([]metrics.Listener, len(l.all))
	for i, o := range l.all {
		shown[i] = metrics.Listener{Transport: o.label, Address: o.address()}
		if s := o.opened(); s != nil {
			shown[i].Address, shown[i].Up = s.Addr().String(), true
		}
	}
	return shown
}

// close closes them, the last one first.
func (l *listeners) close() {
	close(l.stop)
	l.retrying.Wait()
	for i := len(l.all) - 1; i >= 0; i-- {
		if err := l.all[i].close(); err != nil {
			l.log.Warn("listener not closed cleanly", "transport", l.all[i].name, "error", err)
		}
	}
}
