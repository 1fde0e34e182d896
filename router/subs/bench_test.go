// What a match costs with up to a million subscriptions, and what it costs to change them.

package subs_test

import (
	"fmt"
	"runtime"
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
