// A relay that does to messages what a run must not survive. It speaks as the bare relay
// does (internal/relay), so that the load reaches it over real sockets.

package versus

import (
	"bufio"
	"io"
	"net"
	"slices"
	"sync"
	"testing"

	"github.com/clasp-studio/clasp/cmd/clasp-bench/internal/relay"
	"github.com/clasp-studio/clasp/cmd/clasp-bench/versus/peer"
)

// faulty passes each message on as fault says: what goes to the subscriber with this
// number, in the order in which they have come, instead of message n.
type faulty struct {
	addr  string
	fault func(subscriber, n int, message []byte) [][]byte

	mu     sync.Mutex
	takers []net.Conn
	n      int
}

// startFaulty serves until the test ends.
func startFaulty(t *testing.T, fault func(subscriber, n int, message []byte) [][]byte) *faulty {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &faulty{addr: l.Addr().String(), fault: fault}
	var all sync.WaitGroup
	t.Cleanup(func() {
		_ = l.Close()
		all.Wait()
	})
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { f.serve(c) })
		}
	})
	return f
}

func (f *faulty) serve(c net.Conn) {
	defer c.Close()
	in := bufio.NewReader(c)
	line, err := in.ReadString('\n')
	if err != nil {
		return
	}
	if line[0] == relay.Take {
		f.mu.Lock()
		f.takers = append(f.takers, c)
		f.mu.Unlock()
	}
	if _, err := c.Write([]byte{line[0]}); err != nil {
		return
	}
	for {
		message := make([]byte, peer.PayloadSize)
		if _, err := io.ReadFull(in, message); err != nil {
			return
		}
		f.mu.Lock()
		for i, to := range f.takers {
			if out := f.fault(i, f.n, message); len(out) > 0 {
				_, _ = to.Write(slices.Concat(out...))
			} else if out == nil {
				_ = to.Close()
			}
		}
		f.n++
		f.mu.Unlock()
	}
}

// rawPeer is the one that speaks like the relay.
func rawPeer(t *testing.T) *peer.Peer {
	t.Helper()
	for _, p := range peer.All() {
		if p.Name == limit {
			return p
		}
	}
	t.Fatalf("no peer is called %s", limit)
	return nil
}
