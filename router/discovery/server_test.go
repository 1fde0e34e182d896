// Probes and searches over loopback, with the socket of this package and with routers of another make.

package discovery_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/router/discovery"
	"github.com/clasp-studio/clasp/router/wire"
)

// loopback has no network but this machine.
func loopback() ([]discovery.Link, error) {
	links, err := discovery.Links(netip.MustParseAddr("127.0.0.1"))
	if err == nil && len(links) != 1 {
		err = fmt.Errorf("127.0.0.1 is on %d links: %v", len(links), links)
	}
	return links, err
}

func listen(t *testing.T, i discovery.Info) *discovery.Server {
	t.Helper()
	s, err := discovery.Listen("127.0.0.1:0", discovery.NewResponder(i, discovery.ResponderOptions{Links: loopback}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func search(s *discovery.Server) discovery.Search {
	return discovery.Search{UDP: true, MDNS: true, Port: s.Addr().(*net.UDPAddr).Port, Links: loopback}
}

// TestFind stops at the first router.
func TestFind(t *testing.T) {
	all := studio
	all.Secure, all.Auth, all.QUIC, all.UDP, all.TCP = true, discovery.AuthPair, 1, 2, 3
	s := listen(t, all)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	calls := 0
	found, err := discovery.Find(ctx, search(s), func(f discovery.Found) bool {
		calls++
		return f.Info != all
	})
	if err != nil || ctx.Err() != nil {
		t.Fatalf("error %v, context %v", err, ctx.Err())
	}
	if len(found) != 1 || found[0].Info != all || !slices.Equal(found[0].Addresses, []netip.Addr{netip.MustParseAddr("127.0.0.1")}) || calls > 2 {
		t.Errorf("found %+v in %d calls", found, calls)
	}
	if url := found[0].URL(); url != "wss://127.0.0.1:7330/clasp" {
		t.Errorf("at %s", url)
	}
}

// foreign is a router of another make on loopback. It answers every probe with what replies returns.
func foreign(t *testing.T, replies func(hello bool) [][]byte) (port int) {
	t.Helper()
	c, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 2048)
		for {
			size, from, err := c.ReadFrom(buf)
			if err != nil {
				return
			}
			f, _, err := wire.ReadFrame(buf[:size])
			for _, reply := range replies(err == nil && wire.Type(f.Payload[0]) == wire.TypeHello) {
				_, _ = c.WriteTo(reply, from)
			}
		}
	}()
	t.Cleanup(func() {
		c.Close()
		<-done
	})
	return c.LocalAddr().(*net.UDPAddr).Port
}

// TestFindForeignRouter finds one that knows HELLO only, and has another ID in every answer; between its answers it says
// things that are none.
func TestFindForeignRouter(t *testing.T) {
	n := 0
	port := foreign(t, func(hello bool) [][]byte {
		if !hello {
			return nil
		}
		n++
		return [][]byte{
			{}, {0x53}, []byte("{}"), []byte("null"), []byte(`{"port":-1}`), []byte(`{"port":70000}`), bytes.Repeat([]byte("x"), 2000),
			frame(wire.AppendPing(nil)),
			frame(wire.AppendWelcome(nil, wire.Welcome{Version: 1, Session: fmt.Appendf(nil, "session-%d", n), Name: []byte("Rusty")})),
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond) // two rounds of probes
	defer cancel()
	found, err := discovery.Find(ctx, discovery.Search{UDP: true, Port: port, Links: loopback}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(found) != 1 || found[0].Name != "Rusty" || found[0].URL() != "ws://127.0.0.1:7330/clasp" || found[0].Auth != "" {
		t.Errorf("found %+v", found)
	}
}

// TestFindKnowsBetter gets a WELCOME, which has no port, before and after an answer that has everything.
func TestFindKnowsBetter(t *testing.T) {
	welcome := frame(wire.AppendWelcome(nil, wire.Welcome{Version: 1, Session: []byte("1-2-3"), Name: []byte("Studio")}))
	port := foreign(t, func(bool) [][]byte {
		return [][]byte{welcome, []byte(`{"id":"1-2-3","name":"Studio","host":"127.0.0.1","port":8000,"version":1,"secure":true,"auth":"pair"}`), welcome}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	news := 0
	found, err := discovery.Find(ctx, discovery.Search{UDP: true, Port: port, Links: loopback}, func(discovery.Found) bool {
		news++
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) != 1 || found[0].URL() != "wss://127.0.0.1:8000/clasp" || found[0].Auth != discovery.AuthPair || news != 2 {
		t.Errorf("found %+v in %d steps", found, news)
	}
}

func TestFindNothing(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	none := func() ([]discovery.Link, error) { return nil, nil }
	if found, err := discovery.Find(ctx, discovery.Search{UDP: true, MDNS: true, Links: none}, nil); len(found) != 0 || err == nil {
		t.Errorf("found %v, error %v", found, err)
	}
}

// TestListenTaken holds that a port that is taken is said in words with the address.
func TestListenTaken(t *testing.T) {
	s := listen(t, studio)
	again, err := discovery.Listen(s.Addr().String(), discovery.NewResponder(studio, discovery.ResponderOptions{}))
	if err == nil {
		again.Close()
		t.Fatal("two on one port")
	}
	if !strings.HasPrefix(err.Error(), "listen for discovery probes on "+s.Addr().String()+": ") {
		t.Error(err)
	}
}

// TestServerLimits asks more often than is answered, with other packets between.
func TestServerLimits(t *testing.T) {
	s := listen(t, studio)
	c, err := net.Dial("udp4", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	start := time.Now()
	for range 50 {
		for _, packet := range [][]byte{textProbe, helloProbe, {}, {0}, bytes.Repeat([]byte{1}, 9000), []byte("CLASP-DISCOVERY")} {
			if _, err := c.Write(packet); err != nil {
				t.Fatal(err)
			}
		}
	}
	buf := make([]byte, 2048)
	replies := 0
	for {
		_ = c.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
		if _, err := c.Read(buf); err != nil {
			break
		}
		replies++
	}
	if most := 2 * (1 + int(time.Since(start)/time.Second)); replies < 1 || replies > most {
		t.Errorf("%d replies in %v", replies, time.Since(start))
	}
}

func TestLinksAtOneAddress(t *testing.T) {
	all, err := discovery.Links(netip.Addr{})
	if err != nil {
		t.Fatal(err)
	}
	unspecified, err := discovery.Links(netip.IPv4Unspecified())
	if err != nil || len(unspecified) != len(all) {
		t.Errorf("0.0.0.0 is on %d links of %d, error %v", len(unspecified), len(all), err)
	}
	if links, err := loopback(); err != nil || links[0].Multicast {
		t.Errorf("127.0.0.1 is on %+v, error %v", links, err)
	}
	if links, err := discovery.Links(netip.MustParseAddr("192.0.2.1")); err != nil || len(links) != 0 {
		t.Errorf("an address that is not ours is on %+v, error %v", links, err)
	}
}

// TestServerAtLoopback: the whole of 127.0.0.0/8 is this machine's, though one address of it is all that is listed.
func TestServerAtLoopback(t *testing.T) {
	if links, err := discovery.Links(netip.MustParseAddr("127.0.0.2")); err != nil || len(links) != 1 || links[0].Prefixes[0].Addr().String() != "127.0.0.2" {
		t.Errorf("127.0.0.2 is on %+v, error %v", links, err)
	}
}
