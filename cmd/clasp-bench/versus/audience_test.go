// What makes a run void, made to happen by a relay that does wrong.

package versus

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/cmd/clasp-bench/internal/host"
	"github.com/clasp-studio/clasp/cmd/clasp-bench/versus/peer"
)

const faultySubscribers = 3

// once is a fault of one message to one subscriber.
func once(at int, fault func(message []byte) [][]byte) func(int, int, []byte) [][]byte {
	return func(subscriber, n int, message []byte) [][]byte {
		if subscriber == 1 && n == at {
			return fault(message)
		}
		return [][]byte{message}
	}
}

// faultyCrowd has one publisher and subscribers that all get the same.
func faultyCrowd(tell received) crowd {
	return crowd{
		subscribers: faultySubscribers, subscribe: func(_ int, c *peer.Conn) error { return c.Subscribe(fanAddress) },
		publishers: 1, tell: tell,
	}
}

// closedLoop sends for a moment in a closed loop and returns the verdict.
func closedLoop(t *testing.T, addr string, change func(*crowd)) (sent uint64, _ error) {
	t.Helper()
	pace := newLoop(volley, 2, faultySubscribers)
	of := faultyCrowd(func(i int, s peer.Stamp, _ time.Duration) { pace.note(i, s.Sequence) })
	change(&of)
	a, err := assemble(t.Context(), rawPeer(t), addr, of)
	if err != nil {
		t.Fatal(err)
	}
	m := newMessages(a.publishers[0], 0, fanAddress)
	_, err = pace.send(t.Context(), a, m, 50*time.Millisecond, func() { m.add(0) })
	return m.sent, a.verdict(err, func(int) map[uint32]uint64 { return map[uint32]uint64{0: m.sent} })
}

func TestVoidRuns(t *testing.T) {
	var before []byte // that is kept back
	for _, c := range []struct {
		name  string
		fault func(int, int, []byte) [][]byte
		want  void
		says  string
	}{
		{"nothing wrong", func(_, _ int, m []byte) [][]byte { return [][]byte{m} }, void{}, ""},
		{"repeated", once(5, func(m []byte) [][]byte { return [][]byte{m, m} }), void{repeated: 1}, "1 repeated"},
		{"both", func(subscriber, n int, m []byte) [][]byte {
			switch {
			case subscriber == 2 && n == 7:
				before = m
				return [][]byte{}
			case subscriber == 2 && n == 8:
				return [][]byte{m, before, m}
			}
			return [][]byte{m}
		}, void{repeated: 1, disordered: 1}, "1 out of order"},
		{"out of order", func(subscriber, n int, m []byte) [][]byte {
			switch {
			case subscriber == 2 && n == 7:
				before = m
				return [][]byte{}
			case subscriber == 2 && n == 8:
				return [][]byte{m, before}
			}
			return [][]byte{m}
		}, void{}, "1 message out of order"},
		{"not what was sent", once(5, func(m []byte) [][]byte { return [][]byte{[]byte(strings.Repeat("x", len(m)))} }), void{}, "subscriber"},
		{"of a stranger", once(5, func(m []byte) [][]byte { return [][]byte{m, peer.Stamp{Publisher: 9}.Append(nil)} }), void{repeated: 1}, "1 repeated"},
	} {
		for _, sample := range samples {
			sent, err := closedLoop(t, startFaulty(t, c.fault).addr, func(of *crowd) { of.sample = sample })
			var got void
			if c.want != (void{}) && (!errors.As(err, &got) || got != c.want) {
				t.Errorf("%s, sample %d: %v; want %v", c.name, sample, err, c.want)
			}
			if c.says == "" != (err == nil) || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("%s, sample %d: %v; want %q", c.name, sample, err, c.says)
			}
			if sent == 0 {
				t.Errorf("%s, sample %d: nothing was sent", c.name, sample)
			}
		}
	}
}

// samples: everybody is read at once; and only number 1, and only number 2, which faults are
// of, and the others now and then. What is wrong is noticed all the same.
var samples = []int{0, 3, 4}

func TestVoidWhenASubscriberIsClosed(t *testing.T) {
	for _, sample := range samples {
		_, err := closedLoop(t, startFaulty(t, once(2*volley, func([]byte) [][]byte { return nil })).addr, func(of *crowd) { of.sample = sample })
		var lost void
		if !errors.As(err, &lost) || lost.lost == 0 || !strings.Contains(err.Error(), "subscriber 1: ") {
			t.Errorf("sample %d: %v; want lost messages and the subscriber", sample, err)
		}
	}
}

// Where there is a choice, only the sample is read in goroutines of its own.
func TestSample(t *testing.T) {
	of := crowd{sample: 10}
	for i, want := range map[int]bool{0: false, 4: false, 5: true, 6: false, 15: true, 95: true, 99: false} {
		if of.sampled(i) != want {
			t.Errorf("subscriber %d is in the sample: %t", i, !want)
		}
	}
	if of.sample = 0; !of.sampled(0) || !of.sampled(99) {
		t.Error("not all are in the sample of all")
	}
}

func TestVoidWhenNothingComesAnyMore(t *testing.T) {
	t.Parallel() // it waits
	_, err := closedLoop(t, startFaulty(t, once(5, func([]byte) [][]byte { return [][]byte{} })).addr, func(of *crowd) { of.quiet = 2 * time.Second })
	var lost void
	if !errors.As(err, &lost) || lost.lost != 1 || !strings.Contains(err.Error(), "nothing has come for") {
		t.Errorf("%v; want 1 lost, and that nothing has come", err)
	}
}

// No coordinated omission: while the relay holds everything back, messages still get the
// times that they were meant to go at, and every one of them counts.
func TestPaceDoesNotWait(t *testing.T) {
	const (
		n       = 2000
		holdsAt = 500
		rate    = 20_000
	)
	every := time.Second / rate
	var stamps []peer.Stamp // as they went out; the relay's lock is theirs
	sentAll := make(chan struct{})
	f := startFaulty(t, func(subscriber, i int, m []byte) [][]byte {
		if subscriber == 0 {
			s, err := peer.ReadStamp(m)
			if err != nil {
				t.Error(err)
			}
			stamps = append(stamps, s)
			if i == holdsAt {
				<-sentAll
			}
		}
		return [][]byte{m}
	})
	var latencies [faultySubscribers]histogram
	complete := make(chan struct{}, faultySubscribers)
	a, err := assemble(t.Context(), rawPeer(t), f.addr, faultyCrowd(func(i int, s peer.Stamp, now time.Duration) {
		latencies[i].add(now - s.At)
		if s.Sequence == n-1 {
			complete <- struct{}{}
		}
	}))
	if err != nil {
		t.Fatal(err)
	}
	clock, err := host.NewAlarm()
	if err != nil {
		t.Fatal(err)
	}
	defer clock.Close()
	m := newMessages(a.publishers[0], 0, fanAddress)
	p := pace{a: a, clock: clock, every: every}
	err = p.send(t.Context(), m, n)
	close(sentAll)
	for range faultySubscribers {
		if err == nil {
			_, err = await(t.Context(), a, complete)
		}
	}
	if err := a.verdict(err, func(int) map[uint32]uint64 { return map[uint32]uint64{0: n} }); err != nil {
		t.Fatal(err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := 1; i < n; i++ {
		if got := stamps[i].At - stamps[i-1].At; got != every {
			t.Fatalf("message %d is stamped %v after the one before, want %v: the sender has waited", i, got, every)
		}
	}
	for i := range latencies {
		// Message k went out at its time while the relay held holdsAt back until the last was
		// written, so it was under way for as long as all behind it took at least.
		late := uint64(0)
		for b, count := range latencies[i].counts {
			if time.Duration(bucketTop(b))*time.Microsecond >= (n-holdsAt)/2*every {
				late += uint64(count)
			}
		}
		if latencies[i].total != n || late < (n-holdsAt)/2-1 {
			t.Errorf("subscriber %d: %d latencies, %d of them long; want %d and at least %d", i, latencies[i].total, late, n, (n-holdsAt)/2-1)
		}
	}
}

func TestAwaitEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	a := &audience{failed: make(chan error)}
	if _, err := await(ctx, a, make(chan int)); !errors.Is(err, context.Canceled) {
		t.Errorf("%v; want that it was cancelled", err)
	}
}

// BenchmarkDelivery is what one delivery costs the load besides its protocol.
func BenchmarkDelivery(b *testing.B) {
	payload := peer.Stamp{Publisher: 1, Sequence: 0x123456, At: time.Minute}.Append(nil)
	l := newLedger()
	var h histogram
	for i := range b.N {
		s, err := peer.ReadStamp(payload)
		if err != nil {
			b.Fatal(err)
		}
		l.enter(s.Publisher, uint64(i))
		h.add(time.Duration(i & 0xfffff))
	}
}
