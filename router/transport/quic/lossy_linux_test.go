package quic_test

// A link that loses packets, for TCP and UDP alike: two network namespaces, and between them this process, which passes IP
// packets from one to the other.

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/clasp-studio/clasp/router/client"
	"github.com/clasp-studio/clasp/router/internal/kit"
	"github.com/clasp-studio/clasp/router/transport/quic"
	"github.com/clasp-studio/clasp/router/transport/ws"
)

// host is a network namespace with one card, seen from outside: what the card sends is read from it.
type host struct {
	do   chan func()
	card *os.File
}

// newHost makes a namespace whose card has an address in 10.77.0.0/24. Its thread dies with the test.
func newHost(t *testing.T, address string) *host {
	t.Helper()
	h := &host{do: make(chan func())}
	made := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread is of no use to others
		made <- h.build(address)
		for f := range h.do {
			f()
		}
	}()
	if err := <-made; err != nil {
		close(h.do)
		t.Skipf("%s needs network namespaces and TUN devices, which this machine does not let it have: %v", t.Name(), err)
	}
	t.Cleanup(func() {
		close(h.do)
		_ = h.card.Close()
	})
	return h
}

func (h *host) build(address string) error {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("unshare: %w", err)
	}
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open /dev/net/tun: %w", err)
	}
	request, err := unix.NewIfreq("card")
	if err != nil {
		return err
	}
	request.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, request); err != nil {
		return fmt.Errorf("make a TUN device: %w", err)
	}
	h.card = os.NewFile(uintptr(fd), "card")
	for _, args := range [][]string{
		{"link", "set", "lo", "up"}, {"address", "add", address + "/24", "dev", "card"}, {"link", "set", "card", "up"},
	} {
		if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
			return fmt.Errorf("ip %v: %w: %s", args, err, out)
		}
	}
	return nil
}

// within runs f with the namespace as its network.
func (h *host) within(f func()) {
	done := make(chan struct{})
	h.do <- func() {
		defer close(done)
		f()
	}
	<-done
}

// link passes packets from one host to another with a delay, but not all.
func link(from, to *host, delay time.Duration, loss float64) {
	type packet struct {
		due  time.Time
		data []byte
	}
	way := make(chan packet, 10_000)
	go func() {
		defer close(way)
		for {
			buf := make([]byte, 2048)
			n, err := from.card.Read(buf)
			if err != nil {
				return
			}
			if rand.Float64() >= loss {
				way <- packet{time.Now().Add(delay), buf[:n]}
			}
		}
	}()
	go func() {
		for p := range way {
			time.Sleep(time.Until(p.due))
			_, _ = to.card.Write(p.data) // a card that is gone
		}
	}()
}

// TestLossyLink: over a link that loses one packet in a hundred, with 20 ms each way, QUIC's slowest are faster than
// WebSocket's. Both carry the same events at the same time, so that a busy machine delays both. How packets get lost is
// chance: one round may go to the slower, but not all.
func TestLossyLink(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skipf("%s takes 5 s a round", t.Name())
	}
	const rounds = 3
	near, far := newHost(t, "10.77.0.1"), newHost(t, "10.77.0.2")
	link(near, far, 20*time.Millisecond, 0.01)
	link(far, near, 20*time.Millisecond, 0.01)

	g := start(t)
	shown, trust := kit.TLS(t)
	trust.InsecureSkipVerify = true // the certificate is for this machine
	var listening error
	var web *ws.Server
	var server *quic.Server
	far.within(func() {
		if web, listening = ws.Listen(g.Router, "10.77.0.2:7330", ws.Options{}); listening == nil {
			server, listening = quic.Listen(g.Router, "10.77.0.2:7330", quic.Options{TLS: shown})
		}
	})
	if listening != nil {
		t.Fatal(listening)
	}
	t.Cleanup(func() {
		_ = web.Close()
		_ = server.Close()
	})
	publisher := g.dial(t)
	dial := func(t *testing.T, scheme string) (c *client.Client) {
		t.Helper()
		var err error
		near.within(func() { c, err = client.Dial(t.Context(), scheme+"://10.77.0.2:7330", client.Options{TLS: trust}) })
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		return c
	}
	for round := range rounds {
		quicker := false
		t.Run(fmt.Sprint(round), func(t *testing.T) {
			over := race(t, publisher, dial)
			t.Logf("p99 over QUIC is %.2f of that over WebSocket", float64(over["quic"])/float64(over["ws"]))
			quicker = over["quic"] < over["ws"]
		})
		if quicker || t.Failed() {
			return
		}
	}
	t.Errorf("p99 was not better over QUIC than over WebSocket in any of %d rounds", rounds)
}

// race sends events to clients of both kinds, each of which loses packets of its own, and returns the p99 of all of a kind.
func race(t *testing.T, publisher *client.Client, dial func(*testing.T, string) *client.Client) map[string]time.Duration {
	t.Helper()
	const events, every, clients = 1000, 5 * time.Millisecond, 5
	begin := time.Now()
	latencies := make(map[string][][]time.Duration)
	var arrived sync.WaitGroup
	for _, scheme := range []string{"quic", "ws"} {
		latencies[scheme] = make([][]time.Duration, clients)
		for i := range clients {
			own := &latencies[scheme][i]
			arrived.Add(events)
			if _, err := dial(t, scheme).Subscribe(t.Context(), "/e", client.SubscribeOptions{}, func(m *client.Message) {
				sent, _ := m.Value.Any().(int64)
				*own = append(*own, time.Since(begin)-time.Duration(sent))
				arrived.Done()
			}); err != nil {
				t.Fatal(err)
			}
		}
	}
	ticks := time.NewTicker(every)
	defer ticks.Stop()
	for range events {
		<-ticks.C
		if err := publisher.Emit(t.Context(), "/e", int64(time.Since(begin))); err != nil {
			t.Fatal(err)
		}
	}
	arrived.Wait()
	p99 := make(map[string]time.Duration)
	for scheme, each := range latencies {
		all := slices.Concat(each...)
		slices.Sort(all)
		at := func(percent int) time.Duration { return all[(len(all)-1)*percent/100] }
		t.Logf("%s: p50 %v, p90 %v, p99 %v, max %v", scheme, at(50), at(90), at(99), at(100))
		p99[scheme] = at(99)
	}
	return p99
}
