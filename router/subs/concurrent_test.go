// The table under many goroutines; worth most with -race.

package subs_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/clasp-studio/clasp/router/subs"
)

// Writers add and remove their own values; readers must always find each value that stays once.
func TestConcurrent(t *testing.T) {
	var table subs.Table[sub]
	stays := []string{"/**", "/a/b", "/a/*", "/**/a/**/b", "/a*/**"}
	for i, text := range stays {
		table.Add(compile(t, text), &sub{-1 - i})
	}
	var all sync.WaitGroup
	for w := range 4 {
		all.Go(func() {
			for i := range 50 {
				v := &sub{1000*w + i}
				for _, text := range []string{"/**", "/a/b", "/a/**/b", "/**/b", "/**/a/**", fmt.Sprintf("/a/b%d*", i), "/*/b"} {
					p := compile(t, text)
					table.Add(p, v)
					defer func() {
						if !table.Remove(p, v) {
							t.Errorf("%s was not there", p)
						}
					}()
				}
			}
		})
	}
	for range 4 {
		all.Go(func() {
			var dst []*sub
			for range 500 {
				dst = table.AppendMatch(dst[:0], "/a/b")
				var found []int
				for _, s := range dst {
					if s.n < 0 {
						found = append(found, s.n)
					}
				}
				slices.Sort(found)
				if !slices.Equal(found, []int{-5, -4, -3, -2, -1}) {
					t.Errorf("of the values that stay, found %v", found)
					return
				}
			}
		})
	}
	all.Wait()
	if table.Len() != len(stays) {
		t.Errorf("Len %d, want %d", table.Len(), len(stays))
	}
}

// A result kept with the generation read before it was asked for is never older than a change already announced.
func TestGenerationGuardsCache(t *testing.T) {
	var table subs.Table[sub]
	p, v := compile(t, "/a/**"), &sub{}
	var changes sync.WaitGroup
	changes.Go(func() {
		for range 2000 {
			table.Add(p, v)
			table.Remove(p, v)
		}
	})
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for {
				generation := table.Generation()
				found := len(table.AppendMatch(nil, "/a"))
				// Every odd generation has the value, every even one has not.
				if table.Generation() == generation && found != int(generation%2) {
					t.Errorf("generation %d: found %d", generation, found)
					return
				}
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	changes.Wait()
	close(stop)
	readers.Wait()
}
