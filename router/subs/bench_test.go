// What a match costs, in time and in allocations, with up to a million subscriptions.

package subs_test

import (
	"fmt"
	"runtime"
	"syscall"
	"testing"

	"github.com/clasp-studio/clasp/router/address"
	"github.com/clasp-studio/clasp/router/subs"
)

// fillTable adds n subscriptions, a quarter of each kind real sessions make, spread over n/100 shows, and some that every
// match meets. It returns addresses that meet one of each kind.
func fillTable(tb testing.TB, n int) (table *subs.Table[sub], addrs []string) {
	tb.Helper()
	table = new(subs.Table[sub])
	add := func(format string, args ...any) {
		p, err := address.Compile(fmt.Sprintf(format, args...))
		if err != nil {
			tb.Fatal(err)
		}
		table.Add(p, new(sub))
	}
	add("/**")
	add("/**/level")
	add("/**/lights/**/colour")
	for i := range n {
		show, light := i/100, i%100/4
		switch i % 4 {
		case 0:
			add("/show%d/lights/%d/level", show, light)
		case 1:
			add("/show%d/*/%d/level", show, light)
		case 2:
			add("/show%d/lights/%d/**", show, light)
		case 3:
			add("/show%d/lights/%d/lev%d*", show, light, i)
			if light == 0 {
				add("/show%d/light*/**", show)
			}
		}
	}
	for i := range 1024 {
		addrs = append(addrs, fmt.Sprintf("/show%d/lights/%d/level", i*7919%max(1, n/100), i%25))
	}
	return table, addrs
}

func BenchmarkAppendMatch(b *testing.B) {
	for _, n := range []int{1_000, 10_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			table, addrs := fillTable(b, n)
			runtime.GC()
			runtime.ReadMemStats(&after)
			dst := make([]*sub, 0, 64)
			found, i := 0, 0
			b.ReportAllocs()
			for b.Loop() {
				dst = table.AppendMatch(dst[:0], addrs[i%len(addrs)])
				found += len(dst)
				i++
			}
			b.ReportMetric(float64(found)/float64(i), "found/op")
			b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(n), "heap-B/sub")
		})
	}
}

func BenchmarkAppendMatchParallel(b *testing.B) {
	table, addrs := fillTable(b, 100_000)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		dst := make([]*sub, 0, 64)
		for i := 0; pb.Next(); i++ {
			dst = table.AppendMatch(dst[:0], addrs[i%len(addrs)])
		}
	})
}

func BenchmarkAddRemove(b *testing.B) {
	for _, text := range []string{"/show1/lights/3/other", "/show1/*/3/other", "/show1/x*/**", "/**"} {
		b.Run(text[1:], func(b *testing.B) {
			table, _ := fillTable(b, 100_000)
			p := compile(b, text)
			v := new(sub)
			b.ReportAllocs()
			for b.Loop() {
				table.Add(p, v)
				table.Remove(p, v)
			}
		})
	}
}

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

func BenchmarkCPU(b *testing.B) {
	for _, n := range []int{1_000, 10_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			table, addrs := fillTable(b, n)
			dst := make([]*sub, 0, 64)
			runtime.GC()
			runtime.LockOSThread()
			i := 0
			var u, v syscall.Rusage
			syscall.Getrusage(1, &u)
			for b.Loop() {
				dst = table.AppendMatch(dst[:0], addrs[i%len(addrs)])
				i++
			}
			syscall.Getrusage(1, &v)
			b.ReportMetric(float64(v.Utime.Nano()-u.Utime.Nano())/float64(i), "cpu-ns/op")
		})
	}
}
