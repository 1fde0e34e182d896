package quic_test

// Two hosts, for TCP and UDP alike: network namespaces, and between them this process, which passes IP packets from one to the
// other.

import (
	"crypto/tls"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"strings"
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
	for _, args := range []string{"link set lo up", "address add " + address + "/24 dev card", "link set card up"} {
		if err := ip(args); err != nil {
			return err
		}
	}
	return nil
}

// ip runs the command of that name.
func ip(args string) error {
	if out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput(); err != nil {
		return fmt.Errorf("ip %s: %w: %s", args, err, out)
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

// far are the two ends of a link: the router is on one, and clients on the other.
type far struct {
	near, far *host
	trust     *tls.Config
}

// startFar lets a router listen at the far end of a link, for QUIC and WebSocket.
func startFar(t *testing.T, g *rig, delay time.Duration, loss float64) *far {
	t.Helper()
	f := &far{near: newHost(t, "10.77.0.1"), far: newHost(t, "10.77.0.2")}
	link(f.near, f.far, delay, loss)
	link(f.far, f.near, delay, loss)
	var shown *tls.Config
	shown, f.trust = kit.TLS(t)
	f.trust.InsecureSkipVerify = true // the certificate is for this machine
	var err error
	var web *ws.Server
	var server *quic.Server
	f.far.within(func() {
		if web, err = ws.Listen(g.Router, "10.77.0.2:7330", ws.Options{}); err == nil {
			server, err = quic.Listen(g.Router, "10.77.0.2:7330", quic.Options{TLS: shown})
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = web.Close()
		_ = server.Close()
	})
	return f
}

// dial connects a client at the near end.
func (f *far) dial(t *testing.T, scheme string) (c *client.Client) {
	t.Helper()
	var err error
	f.near.within(func() { c, err = client.Dial(t.Context(), scheme+"://10.77.0.2:7330", client.Options{TLS: f.trust}) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}
