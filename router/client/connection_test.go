package client_test

// Losing the connection, getting it back, ending it.

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/router/client"
	"github.com/clasp-studio/clasp/router/wire"
)

// stateList keeps what OnState hears.
type stateList struct {
	mu   sync.Mutex
	list []client.State
	err  error
}

func (l *stateList) add(s client.State, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, s)
	if err != nil {
		l.err = err
	}
}

func (l *stateList) count(s client.State) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for _, have := range l.list {
		if have == s {
			n++
		}
	}
	return n
}

func reconnecting(states *stateList) client.Options {
	return client.Options{Reconnect: true, BackoffMin: time.Millisecond, BackoffMax: 20 * time.Millisecond, OnState: states.add}
}

func TestReconnectAndResubscribe(t *testing.T) {
	s := startServer(t)
	var states stateList
	c := s.dial(t, reconnecting(&states))
	first := c.Session()
	var one, two collector
	subscribe(t, c, "/one", client.SubscribeOptions{}, one.add)
	gone := subscribe(t, c, "/gone", client.SubscribeOptions{}, one.add)
	subscribe(t, c, "/two/*", client.SubscribeOptions{Types: wire.MaskEvent}, two.add)
	for range 5 {
		set(t, c, "/one", "before")
	}
	one.wait(t, 5)
	gone.Close()

	s.stop(t)
	eventually(t, "the client notices", func() bool { return states.count(client.Disconnected) == 1 })
	_, err := c.Set(t.Context(), "/one", 1)
	wantErr(t, err, client.ErrNotConnected)
	_, err = c.Subscribe(t.Context(), "/one", client.SubscribeOptions{}, one.add)
	wantErr(t, err, client.ErrNotConnected)

	s.start(t)
	eventually(t, "the client is back", func() bool { return states.count(client.Connected) == 1 })
	if c.Session() == first {
		t.Error("the session is still the old one")
	}
	other := s.dial(t, client.Options{})
	// The new router counts from 1 again, and all of it arrives.
	set(t, other, "/one", "after")
	set(t, other, "/gone", 1)
	if err := other.Emit(t.Context(), "/two/2", 2); err != nil {
		t.Fatal(err)
	}
	if m := one.wait(t, 6)[5]; m.Value.Any() != "after" || m.Revision != 1 {
		t.Errorf("after the reconnect: %+v", m)
	}
	two.wait(t, 1)
	if err := c.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := len(one.all()); n != 6 {
		t.Errorf("%d messages, want 6", n)
	}
	if n := s.router.Stats().Subscriptions; n != 2 {
		t.Errorf("the router has %d subscriptions, want 2", n)
	}
}

// The same router after a break: present values come once more, as a snapshot.
func TestReconnectBringsSnapshot(t *testing.T) {
	s := startServer(t)
	p := startPipe(t, s.addr)
	var states stateList
	c := dial(t, p.url, reconnecting(&states))
	other := s.dial(t, client.Options{})
	var seen collector
	subscribe(t, c, "/x", client.SubscribeOptions{}, seen.add)
	set(t, other, "/x", 1)
	seen.wait(t, 1)
	for i := range 3 {
		p.cut()
		eventually(t, "the client is back", func() bool { return states.count(client.Connected) == i+1 })
		if m := seen.wait(t, i+2)[i+1]; !m.Snapshot || m.Value.Any() != int64(1) {
			t.Errorf("after the break: %+v", m)
		}
	}
	if err := c.Ping(t.Context()); err != nil { // subscribed again
		t.Fatal(err)
	}
	set(t, other, "/x", 2)
	if m := seen.wait(t, 5)[4]; m.Snapshot || m.Revision != 2 {
		t.Errorf("after the breaks: %+v", m)
	}
}

func TestOutstandingRequestsFail(t *testing.T) {
	s := startServer(t)
	p := startPipe(t, s.addr)
	c := dial(t, p.url, client.Options{})
	p.freeze()
	errs := make(chan error, 4)
	go func() { _, err := c.Set(t.Context(), "/a", 1); errs <- err }()
	go func() { _, err := c.Get(t.Context(), "/a"); errs <- err }()
	go func() {
		_, err := c.Subscribe(t.Context(), "/a", client.SubscribeOptions{}, func(*client.Message) {})
		errs <- err
	}()
	if err := c.SetAsync(t.Context(), "/a", 2, func(_ client.Ack, err error) { errs <- err }); err != nil {
		t.Fatal(err)
	}
	p.cut()
	for range cap(errs) {
		// A call that came after the cut was never sent.
		if err := <-errs; !isAny(err, client.ErrDisconnected, client.ErrNotConnected) {
			t.Errorf("got %v", err)
		}
	}
	<-c.Done()
	wantErr(t, c.Err(), client.ErrDisconnected)
	_, err := c.Set(t.Context(), "/a", 1)
	wantErr(t, err, client.ErrNotConnected)
}

func isAny(err error, targets ...error) bool {
	return slices.ContainsFunc(targets, func(target error) bool { return errors.Is(err, target) })
}

// A connection that is open and dead is noticed, and replaced.
func TestKeepalive(t *testing.T) {
	s := startServer(t)
	p := startPipe(t, s.addr)
	var states stateList
	o := reconnecting(&states)
	o.Keepalive = 50 * time.Millisecond
	c := dial(t, p.url, o)
	var seen collector
	subscribe(t, c, "/x", client.SubscribeOptions{}, seen.add)
	p.freeze()
	eventually(t, "the silence is noticed", func() bool { return states.count(client.Disconnected) > 0 })
	p.release()
	eventually(t, "the client is back", func() bool { return states.count(client.Connected) > 0 })
	eventually(t, "and stays", func() bool { _, err := c.Set(t.Context(), "/x", 1); return err == nil })
	seen.wait(t, 1)
}

// Silence is no reason to end a connection that is alive, nor is a handler that stands still.
func TestKeepaliveOfALivingConnection(t *testing.T) {
	s := startServer(t)
	other := s.dial(t, client.Options{})
	const keepalive = time.Second
	c := s.dial(t, client.Options{Keepalive: keepalive})
	entered, gate := make(chan struct{}, 1), make(chan struct{})
	subscribe(t, c, "/x", client.SubscribeOptions{}, func(*client.Message) {
		select {
		case entered <- struct{}{}:
		default:
		}
		<-gate
	})
	value := make([]byte, 50_000)
	for range 100 {
		set(t, other, "/x", value)
	}
	<-entered
	// Two intervals without a sign of life would end it, and more than that pass.
	select {
	case <-c.Done():
		t.Errorf("the connection ended: %v", c.Err())
	case <-time.After(5 * keepalive / 2):
	}
	close(gate)
	if err := c.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}

// Close sends what waits, says goodbye, and leaves nothing at the router.
func TestClose(t *testing.T) {
	s := startServer(t)
	other := s.dial(t, client.Options{})
	c, err := client.Dial(t.Context(), s.url, client.Options{Name: "leaver"})
	if err != nil {
		t.Fatal(err)
	}
	subscribe(t, c, "/**", client.SubscribeOptions{}, func(*client.Message) {})
	set(t, c, "/locked", 1, client.Lock())
	const n = 1000
	for i := range n {
		if _, err := c.Set(t.Context(), "/count", i, client.QoS(wire.Fire)); err != nil {
			t.Fatal(err)
		}
	}
	c.Close()
	c.Close()
	wantErr(t, c.Err(), client.ErrClosed)
	<-c.Done()
	_, err = c.Set(t.Context(), "/a", 1)
	wantErr(t, err, client.ErrClosed)

	eventually(t, "the session ends", func() bool {
		stats := s.router.Stats()
		return stats.Sessions == 1 && stats.Subscriptions == 0
	})
	set(t, other, "/locked", 2) // nobody holds it
	if p, err := other.Get(t.Context(), "/count"); err != nil || p.Revision != n {
		t.Errorf("of %d writes at fire before Close, %d arrived: %v", n, p.Revision, err)
	}
	eventually(t, "the router saw a clean end", func() bool {
		for line := range strings.Lines(s.log.String()) {
			if strings.Contains(line, "session ended") && strings.Contains(line, "name=leaver") {
				if !strings.Contains(line, "reason=client_closed") {
					t.Errorf("the router says: %s", line)
				}
				return true
			}
		}
		return false
	})
}

// Close works whatever the client is at: in a handler, dialling again, waiting, twice at once.
func TestCloseAnytime(t *testing.T) {
	s := startServer(t)
	t.Run("in a handler", func(t *testing.T) {
		c := s.dial(t, client.Options{})
		subscribe(t, c, "/x", client.SubscribeOptions{}, func(*client.Message) { c.Close() })
		set(t, s.dial(t, client.Options{}), "/x", 1)
		<-c.Done()
		wantErr(t, c.Err(), client.ErrClosed)
	})
	t.Run("with a stuck handler and a full inbox", func(t *testing.T) {
		c, other := s.dial(t, client.Options{}), s.dial(t, client.Options{})
		gate := make(chan struct{})
		subscribe(t, c, "/y", client.SubscribeOptions{}, func(*client.Message) { <-gate })
		for range 100 {
			set(t, other, "/y", make([]byte, 50_000))
		}
		c.Close()
		close(gate)
	})
	t.Run("with requests on their way", func(t *testing.T) {
		p := startPipe(t, s.addr)
		c := dial(t, p.url, client.Options{})
		p.freeze()
		errs := make(chan error, 1)
		if err := c.SetAsync(t.Context(), "/z", 1, func(_ client.Ack, err error) { errs <- err }); err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() { c.Close() }) // the router cannot answer the goodbye
		}
		wg.Wait()
		wantErr(t, <-errs, client.ErrClosed)
	})
	t.Run("while dialling again", func(t *testing.T) {
		p := startPipe(t, s.addr)
		var states stateList
		c := dial(t, p.url, reconnecting(&states))
		p.freeze() // the next handshake gets no answer
		p.cut()
		eventually(t, "the client notices", func() bool { return states.count(client.Disconnected) == 1 })
		c.Close()
		wantErr(t, c.Err(), client.ErrClosed)
	})
}

// A full send buffer holds up the sender until there is room, or its context ends.
func TestSendBufferHasALimit(t *testing.T) {
	s := startServer(t)
	p := startPipe(t, s.addr)
	c := dial(t, p.url, client.Options{Keepalive: -1})
	p.freeze()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	value := make([]byte, 60_000)
	var sent uint64
	var err error
	for ; err == nil; sent++ {
		_, err = c.Set(ctx, "/big", value, client.QoS(wire.Fire))
	}
	sent-- // the last one was not
	wantErr(t, err, context.DeadlineExceeded)
	if sent > 1000 {
		t.Errorf("%d messages of 60 kB were taken while nothing could be sent", sent)
	}
	p.release()
	if ack := set(t, c, "/big", 1); ack.Revision != sent+1 {
		t.Errorf("revision %d after %d writes", ack.Revision, sent)
	}
}
