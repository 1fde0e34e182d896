package client_test

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/clasp-studio/clasp/router/client"
	"github.com/clasp-studio/clasp/router/wire"
)

// Client and router share the cores: the numbers are for the whole way there and back.

func BenchmarkSetPipelined(b *testing.B) {
	s := startServer(b)
	c := s.dial(b, client.Options{})
	pipeline(b, c)
}

// The same with one subscriber on a connection of its own, up to its handler.
func BenchmarkSetPipelinedSubscribed(b *testing.B) {
	s := startServer(b)
	c, sub := s.dial(b, client.Options{}), s.dial(b, client.Options{})
	var last atomic.Uint64
	subscribe(b, sub, "/bench/*", client.SubscribeOptions{}, func(m *client.Message) { last.Store(m.Revision) })
	pipeline(b, c)
	eventually(b, "the last value", func() bool { return last.Load() == uint64(b.N) })
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "sets/s")
}

func pipeline(b *testing.B, c *client.Client) {
	b.Helper()
	b.ReportAllocs()
	b.ResetTimer()
	var left atomic.Int64
	left.Store(int64(b.N))
	done := make(chan struct{})
	var value any = 0.5
	answered := func(_ client.Ack, err error) {
		if err != nil {
			b.Error(err)
		}
		if left.Add(-1) == 0 {
			close(done)
		}
	}
	for range b.N {
		if err := c.SetAsync(b.Context(), "/bench/1", value, answered); err != nil {
			b.Fatal(err)
		}
	}
	<-done
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "sets/s")
}

func BenchmarkSetFire(b *testing.B) {
	s := startServer(b)
	c := s.dial(b, client.Options{})
	var value any = 0.5
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		if _, err := c.Set(b.Context(), "/bench/1", value, client.QoS(wire.Fire)); err != nil {
			b.Fatal(err)
		}
	}
	if err := c.Ping(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "sets/s")
}

// One at a time: the latency of a round trip.
func BenchmarkSetOneByOne(b *testing.B) {
	s := startServer(b)
	c := s.dial(b, client.Options{})
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		set(b, c, "/bench/1", i)
	}
}

// Many goroutines, each waiting for its own answers.
func BenchmarkSetFromGoroutines(b *testing.B) {
	s := startServer(b)
	c := s.dial(b, client.Options{})
	const goroutines = 64
	b.ResetTimer()
	var wg sync.WaitGroup
	for range goroutines {
		wg.Go(func() {
			for range b.N / goroutines {
				set(b, c, "/bench/1", 0.5)
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "sets/s")
}
