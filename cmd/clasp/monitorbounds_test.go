// However many look on and whatever they ask for, it takes a bounded part of the machine.

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/clasp-studio/clasp/router"
	"github.com/clasp-studio/clasp/router/monitor"
)

func TestBranchesAreBounded(t *testing.T) {
	r, err := router.New(router.Options{Name: "test"})
	if err != nil {
		t.Fatal(err)
	}
	w := &watched{s: &server{router: r}, making: make(chan struct{}, 1), branches: make(map[string]*seenBranch)}
	now := time.Now()
	for i := range 20 {
		names := make([]string, monitor.MaxBranches)
		for j := range names {
			names[j] = fmt.Sprintf("/%d/%d", i, j)
		}
		now = now.Add(time.Millisecond)
		if got := w.seenBranches(names, now); len(got) != len(names) || got[7].Address != names[7] {
			t.Fatalf("%d branches, want those asked for", len(got))
		}
	}
	if len(w.branches) > branchMost || w.branches["/19/0"] == nil || w.branches["/0/0"] != nil {
		t.Errorf("%d are kept, the last among them: %v", len(w.branches), w.branches["/19/0"] != nil)
	}
	if _, err := w.Frame(t.Context(), monitor.Query{Branches: []string{"/" + strings.Repeat("x", branchLongest)}}); !errors.Is(err, monitor.ErrInvalid) {
		t.Errorf("a name longer than any address: %v", err)
	}
}

// One walks at a time, and those who wait for the same share what is found.
func TestWalksAreShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &walks{turn: make(chan struct{}, 1)}
		found, walking := 0, 0
		find := func() (monitor.Index, error) {
			if walking++; walking > 1 {
				t.Error("two walk at once")
			}
			time.Sleep(100 * time.Millisecond)
			walking--
			found++
			return monitor.Index{Total: found}, nil
		}
		var all sync.WaitGroup
		for i := range 16 {
			all.Go(func() {
				time.Sleep(time.Duration(i) * time.Millisecond)
				if x, err := k.index(t.Context(), "x", find); err != nil || x.Total == 0 {
					t.Errorf("%+v, %v", x, err)
				}
			})
		}
		all.Wait()
		if found != 2 {
			t.Errorf("%d walks for 16 who ask for the same, want one for the first and one for all others", found)
		}
		if k.last.text != "" {
			t.Error("what was found is kept although nobody waits for it")
		}
		began := time.Now()
		if _, err := k.index(t.Context(), "y", find); err != nil || time.Since(began) < 150*time.Millisecond {
			t.Errorf("a walk follows another without a rest: %v, %v", time.Since(began), err)
		}
	})
}

// Nobody waits for ever, and who has gone is not waited for.
func TestWalksEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &walks{turn: make(chan struct{}, 1)}
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			_, _ = k.index(ctx, "long", func() (monitor.Index, error) { <-ctx.Done(); return monitor.Index{}, ctx.Err() })
		}()
		synctest.Wait()
		short, end := context.WithTimeout(t.Context(), time.Second)
		defer end()
		if _, err := k.index(short, "x", nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		if _, err := k.index(t.Context(), "x", nil); !errors.Is(err, monitor.ErrRefused) {
			t.Errorf("%v", err)
		}
		cancel()
		slow := 0
		for range 3 {
			_, err := k.index(t.Context(), "slow", func() (monitor.Index, error) { slow++; return monitor.Index{}, monitor.ErrTooSlow })
			if !errors.Is(err, monitor.ErrInvalid) {
				t.Errorf("%v", err)
			}
		}
		if slow != 1 {
			t.Errorf("a filter that takes too long was tried %d times", slow)
		}
	})
}
