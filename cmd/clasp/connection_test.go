package main

import (
	"testing"
	"time"
)

// A --timeout that is longer than it usually takes to connect holds for that too.
func TestConnectWithin(t *testing.T) {
	for timeout, want := range map[time.Duration]time.Duration{0: connectLimit, time.Second: time.Second, time.Minute: time.Minute} {
		c := connection{timeout: duration(timeout)}
		if got := c.connectWithin(); got != want {
			t.Errorf("--timeout %v: %v, want %v", timeout, got, want)
		}
	}
}
