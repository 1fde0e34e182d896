package main

import (
	"errors"
	"log/slog"
	"net"
	"slices"
	"testing"
	"time"
)

// TestRetryWaits: the waits double from 1 s to 60 s, a listener that opens in the end is told of once, and closing ends one
// that does not.
func TestRetryWaits(t *testing.T) {
	var waits []time.Duration
	told := make(chan struct{}, 2)
	l := newListeners(slog.New(slog.DiscardHandler), func() { told <- struct{}{} })
	over := make(chan time.Time)
	close(over)
	l.after = func(d time.Duration) <-chan time.Time {
		waits = append(waits, d)
		return over
	}
	tries := 0
	o := l.add(&optional{name: "TCP", label: "tcp", network: "tcp", bind: "127.0.0.1", open: func(address string) (socket, error) {
		if tries++; tries < 10 {
			return nil, errors.New("no such luck")
		}
		return net.Listen("tcp", address)
	}})
	l.start()
	<-told
	if got := l.metrics(); len(got) != 1 || !got[0].Up || got[0].Address != o.opened().Addr().String() {
		t.Errorf("after it has opened: %+v", got)
	}
	l.close()
	want := []time.Duration{1, 2, 4, 8, 16, 32, 60, 60, 60}
	for i := range want {
		want[i] *= time.Second
	}
	if !slices.Equal(waits, want) || tries != 10 || len(told) != 0 || o.boundPort() != 0 {
		t.Errorf("waits %v, %d tries, told %d more times, still open at %d", waits, tries, len(told), o.boundPort())
	}
}

// TestRetryEnds: closing does not wait for the next try.
func TestRetryEnds(t *testing.T) {
	l := newListeners(slog.New(slog.DiscardHandler), func() { t.Error("it has opened") })
	l.after = func(time.Duration) <-chan time.Time { return nil }
	l.add(&optional{name: "TCP", label: "tcp", network: "tcp", bind: "127.0.0.1", port: 7332, open: func(string) (socket, error) {
		return nil, errors.New("no such luck")
	}})
	l.start()
	if got := l.metrics(); len(got) != 1 || got[0].Up || got[0].Address != "127.0.0.1:7332" {
		t.Errorf("before it has opened: %+v", got)
	}
	l.close()
}
