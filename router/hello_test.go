package router

import (
	"sync"
	"testing"
)

// stuck is a connection that takes nothing until it is cut.
type stuck struct {
	silent
	cut  chan struct{}
	once sync.Once
}

func (c *stuck) Write([]byte) error {
	<-c.cut
	return nil
}

func (c *stuck) Abort() { c.once.Do(func() { close(c.cut) }) }

// TestStrangersAreHeldShort: before HELLO a message is short, and answers do not pile up.
func TestStrangersAreHeldShort(t *testing.T) {
	r, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close(t.Context()) }()
	s, ok := r.Open(&stuck{cut: make(chan struct{})}, Peer{Transport: "test"})
	if !ok {
		t.Fatal("the router is closing")
	}
	defer s.Closed(ReasonClientClosed)
	if n := s.Limit(); n != maxHello || n < 17<<10 { // a token of 16 KiB must fit
		t.Errorf("a first message of %d bytes", n)
	}
	for range 100_000 {
		s.Control(make([]byte, 100))
	}
	s.out.Lock()
	waiting := s.out.queue.Len()
	s.out.Unlock()
	if waiting > 100 {
		t.Errorf("%d bytes wait for a peer that has not said HELLO", waiting)
	}
	s.greeted.Store(true)
	if n := s.Limit(); n != r.Limits().MaxMessageSize {
		t.Errorf("a message of %d bytes after HELLO", n)
	}
}

// TestAllowedGrows: a session remembers the params that it writes, up to a bound, and never takes
// one for another.
func TestAllowedGrows(t *testing.T) {
	var a allowed
	params := make([]*paramEntry, 12_000)
	for i := range params {
		params[i] = new(paramEntry)
		if _, ok := a.find(params[i]); ok {
			t.Fatal("a param is known that was never put")
		}
		a.put(params[i], []int{i})
	}
	known := 0
	for i, p := range params {
		if constraints, ok := a.find(p); ok {
			known++
			if constraints[0] != i {
				t.Fatalf("param %d has the constraints of %d", i, constraints[0])
			}
		}
	}
	if known < len(params)*9/10 || len(a.rows) > mostRows {
		t.Errorf("%d of %d are known, in %d rows", known, len(params), len(a.rows))
	}
	for range 8 * mostRows {
		a.put(new(paramEntry), nil)
	}
	if len(a.rows) != mostRows {
		t.Errorf("%d rows", len(a.rows))
	}
}
