// The relay over real sockets: who takes from a channel gets its bytes, and nobody else.

package relay_test

import (
	"context"
	"io"
	"net"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/cmd/clasp-bench/internal/process"
	"github.com/clasp-studio/clasp/cmd/clasp-bench/internal/relay"
)

// serve runs a relay until the test ends.
func serve(t *testing.T) (addr string) {
	t.Helper()
	addr, err := process.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- relay.Serve(ctx, addr) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the relay: %v", err)
		}
	})
	return addr
}

// dial connects with a line and returns once the relay has answered it.
func dial(t *testing.T, addr, line string) net.Conn {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			if time.Now().After(deadline) {
				t.Fatal(err)
			}
			continue
		}
		t.Cleanup(func() { c.Close() })
		c.SetDeadline(deadline)
		if _, err := c.Write([]byte(line + "\n")); err != nil {
			t.Fatal(err)
		}
		expect(t, c, line[:1])
		return c
	}
}

func expect(t *testing.T, c net.Conn, want string) {
	t.Helper()
	got := make([]byte, len(want))
	if _, err := io.ReadFull(c, got); err != nil || string(got) != want {
		t.Fatalf("got %q, %v; want %q", got, err, want)
	}
}

func TestChannels(t *testing.T) {
	addr := serve(t)
	a, alsoA, b := dial(t, addr, "t/a"), dial(t, addr, "t/a"), dial(t, addr, "t/b")
	sender := dial(t, addr, "s/a")
	if _, err := sender.Write([]byte("to a")); err != nil {
		t.Fatal(err)
	}
	expect(t, a, "to a")
	expect(t, alsoA, "to a")
	if _, err := dial(t, addr, "s/b").Write([]byte("to b")); err != nil {
		t.Fatal(err)
	}
	expect(t, b, "to b") // and not "to a", which has been sent before
	if _, err := a.Write([]byte("own")); err != nil {
		t.Fatal(err)
	}
	expect(t, a, "own")
	expect(t, alsoA, "own")
}

func TestBadLine(t *testing.T) {
	addr := serve(t)
	dial(t, addr, "t/a") // it serves
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(time.Minute))
	if _, err := c.Write([]byte("hello\n")); err != nil {
		t.Fatal(err)
	}
	if n, err := c.Read(make([]byte, 1)); err == nil {
		t.Errorf("%d bytes of an answer to a bad line", n)
	}
}
