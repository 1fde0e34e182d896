// What workload udp says of loss has to be true.

package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/cmd/clasp-bench/internal/host"
	"github.com/clasp-studio/clasp/cmd/clasp-bench/internal/process"
	"github.com/clasp-studio/clasp/router/wire"
)

// testSpray is a spray at a router of this process.
func testSpray(t *testing.T) *spray {
	t.Helper()
	addr, err := process.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	to, port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	end, err := serving{udp: true, udpPort: port}.open(addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(end)
	u, err := newSpray(rig{way: connect}, &process.Process{Addr: addr}, to)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(u.close)
	return u
}

// bursts has so many sent in each burst.
func bursts(sizes ...int) func(int, time.Time) (int, error) {
	return func(burst int, _ time.Time) (int, error) {
		if burst == len(sizes) {
			return 0, nil
		}
		return sizes[burst], nil
	}
}

func TestSprayCounts(t *testing.T) {
	u := testSpray(t)
	if s, err := u.send(bursts(1, udpBatch, udpBatch+1)); err != nil || s.sent != 2*udpBatch+2 || s.arrived != s.sent {
		t.Errorf("%+v, %v", s, err)
	}
	u.batch[1].Buffers[0][0]++ // no frame
	if s, err := u.send(bursts(2, 1, 3)); err != nil || s.sent != 6 || s.arrived != 4 {
		t.Errorf("two of six are lost: %+v, %v", s, err)
	}
}

func TestSprayNoticesRepetition(t *testing.T) {
	u := testSpray(t)
	_, err := u.send(func(burst int, _ time.Time) (int, error) {
		if burst > 0 {
			return 0, nil
		}
		if _, err := u.witness.Write(u.sets.template(u.witness, wire.Confirm)); err != nil {
			return 0, err
		}
		_, err := u.witness.await(wire.TypeAck)
		return 1, err
	})
	if err == nil || !strings.Contains(err.Error(), "applied twice") {
		t.Errorf("one datagram and two revisions: %v", err)
	}
}

// TestSprayTellsItsRate: what was sent a second is counted, and not taken from what was wanted.
func TestSprayTellsItsRate(t *testing.T) {
	u := testSpray(t)
	const wait = 20 * time.Millisecond
	s, err := u.send(func(burst int, start time.Time) (int, error) {
		if burst == 2 {
			return 0, nil
		}
		return 5, u.clock.WaitUntil(start.Add(time.Duration(burst) * wait))
	})
	if err != nil || s.sent != 10 || s.took < wait || s.offered() > 10/wait.Seconds() {
		t.Errorf("10 in 20 ms at the least: %+v, %v, %g a second", s, err, s.offered())
	}
	const rate, d = 20_000_000, 2 * time.Millisecond // more than any machine sends
	if s, err = u.steady(rate, d); err != nil || s.sent != rate/500 || s.offered() >= rate {
		t.Errorf("%d a second wanted: %+v, %v, %g a second", rate, s, err, s.offered())
	}
}

// TestSlowSenderMeetsNoTarget: a machine that has sent half of what was wanted says so.
func TestSlowSenderMeetsNoTarget(t *testing.T) {
	i := slices.IndexFunc(workloads, func(w workload) bool { return w.name == "udp" })
	at := host.Placement{Name: "shared", Server: []int{0}, Load: []int{0}}
	met := func(took time.Duration) map[string]string {
		rep := newReport(runner{places: []host.Placement{at}}, workloads[i:i+1], machine{})
		sent := func(rate int) sprayed { return sprayed{sent: 5 * rate, arrived: 5 * rate, took: took} }
		rep.add(workloads[i], at, false, result{values: udpValues(sent(udpFast), sent(udpSlow), sprayed{sent: 1, took: took, rate: 1}, 1)})
		held := map[string]string{}
		for _, l := range rep.Rows {
			held[l.Number] = l.Met
		}
		return held
	}
	for took, want := range map[time.Duration]string{5 * time.Second: "yes", 5050 * time.Millisecond: "yes", 5100 * time.Millisecond: "no", 10 * time.Second: "no"} {
		for _, row := range []string{"fast: sent, where 200,000 a second are wanted", "slow: sent, where 50,000 a second are wanted"} {
			if got := met(took)[row]; got != want {
				t.Errorf("%s, in %v instead of 5 s: met %q, want %q", row, took, got, want)
			}
		}
	}
}
