package router

// The order of locks: the index's comes before those of params.

import (
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/router/wire"
)

// TestRedoneParamsAndIndex has a first snapshot show a param anew that somebody is busy with, while another is about to take
// that param out of the index: neither may hold what the other waits for.
func TestRedoneParamsAndIndex(t *testing.T) {
	r, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, addr := range []string{"/a", "/b"} {
		p := r.params.FindOrCreate([]byte(addr), r.strategyOf)
		p.Lock()
		p.Value = wire.AppendValue(nil, wire.Value{})
		p.Unlock()
	}
	s, ok := r.Open(nowhere{}, Peer{Transport: "test"})
	if !ok {
		t.Fatal("the router is closing")
	}
	s.rights = allRights
	c := &cursor{pattern: everything, types: wire.MaskParam, next: "/b", pos: "/a"}
	r.welcoming.add(s, c)
	busy := r.params.Find([]byte("/a"))
	s.out.Lock()
	s.out.cursors = []*cursor{c}
	s.out.redo = []*paramEntry{busy}
	s.out.Unlock()

	done := make(chan struct{}, 2)
	busy.Lock()
	go func() {
		b := r.begin()
		s.turn(b)
		b.finish(r)
		done <- struct{}{}
	}()
	await(t, ").take(")
	go func() {
		r.params.Discard(busy)
		done <- struct{}{}
	}()
	await(t, ").Discard(")
	busy.Unlock()
	for range 2 {
		select {
		case <-done:
		case <-time.After(10 * time.Second):
			t.Fatal("a snapshot and the removal of a param wait for each other")
		}
	}
}

// await waits until a goroutine that is in a function waits for a lock.
func await(t *testing.T, function string) {
	t.Helper()
	stacks := make([]byte, 1<<20)
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		for stack := range strings.SplitSeq(string(stacks[:runtime.Stack(stacks, true)]), "\n\n") {
			if strings.Contains(stack, function) && strings.Contains(stack, "Lock") && !strings.Contains(stack, "running") {
				return
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("nobody waits in %s", function)
		}
	}
}

// nowhere takes all that is written.
type nowhere struct{}

func (nowhere) Write([]byte) error  { return nil }
func (nowhere) Limit(time.Duration) {}
func (nowhere) Finish(Reason)       {}
func (nowhere) Abort()              {}
