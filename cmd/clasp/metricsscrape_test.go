//go:build unix

// What a scrape of a router with many sessions costs.

package main_test

import (
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/router/wire"
)

// TestMetricsOf10000: a scrape shows the same number of series however many sessions there are, and says how long it takes
// (run it with -v on a quiet machine; below 50 ms is what it should be).
func TestMetricsOf10000(t *testing.T) {
	s := measured(t, "--tcp", "--tcp-port", "0", "--max-connections", "20000", "--log-level", "warn")
	address := strings.TrimPrefix(s.url(t, "TCP"), "tcp://")
	hello, err := wire.AppendFrame(nil, wire.Fire, wire.AppendHello(nil, wire.Hello{Version: wire.Version}))
	if err != nil {
		t.Fatal(err)
	}
	hello = append([]byte{0, 0, 0, byte(len(hello))}, hello...)
	series, open, many := 0, 0, 10_000
	if raceEnabled() {
		many = 1000 // a race is found with these, too, and a time says nothing then
	}
	for _, sessions := range []int{0, many} {
		for open < sessions {
			var knocking [100]net.Conn // at once: the two programs need not take turns for each
			for i := range knocking {
				c, err := net.Dial("tcp", address)
				if err != nil {
					t.Fatalf("session %d: %v", open+i+1, err)
				}
				t.Cleanup(func() { c.Close() })
				_ = c.SetDeadline(time.Now().Add(patience))
				if _, err := c.Write(hello); err != nil {
					t.Fatal(err)
				}
				knocking[i] = c
			}
			for _, c := range knocking {
				open++
				if _, err := io.ReadFull(c, make([]byte, 8)); err != nil { // it is answered
					t.Fatalf("session %d: %v", open, err)
				}
			}
		}
		var took []time.Duration
		page := ""
		for range 21 {
			began := time.Now()
			_, page = s.fetched(t, "/metrics")
			took = append(took, time.Since(began))
		}
		slices.Sort(took)
		now := len(sampleLine.FindAllString(page, -1))
		t.Logf("a scrape of %d series with %d sessions takes %v, at most %v", now, sessions, took[len(took)/2], took[len(took)-1])
		if n := s.metric(t, "clasp_sessions_active"); n != float64(sessions) {
			t.Errorf("%v sessions, want %d", n, sessions)
		}
		if series != 0 && now != series {
			t.Errorf("%d series with %d sessions, %d without", now, sessions, series)
		}
		series = now
	}
}
