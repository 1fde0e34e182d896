// The allocation ceiling. Under the race detector a sync.Pool forgets at random, so there is none.

//go:build !race

package subs_test

import "testing"

func TestMatchAllocatesNothing(t *testing.T) {
	table, addrs := fillTable(t, 10_000)
	dst := make([]*sub, 0, 64)
	for _, addr := range addrs[:16] {
		if n := testing.AllocsPerRun(100, func() { dst = table.AppendMatch(dst[:0], addr) }); n != 0 {
			t.Errorf("%s: %v allocations", addr, n)
		}
	}
	if len(dst) < 5 {
		t.Errorf("found only %d: the table tests nothing", len(dst))
	}
}
