package client_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/router/client"
	"github.com/clasp-studio/clasp/router/internal/datagram"
	"github.com/clasp-studio/clasp/router/internal/kit"
	"github.com/clasp-studio/clasp/router/transport/udp"
	"github.com/clasp-studio/clasp/router/wire"
)

// startUDP adds a UDP port to a router.
func (s *server) startUDP(tb testing.TB) (url string) {
	tb.Helper()
	u, err := udp.Listen(s.router, "127.0.0.1:0", udp.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := u.Close(); err != nil {
			tb.Error(err)
		}
	})
	return "udp://" + u.Addr().String()
}

// What no datagram holds is refused to the caller, whatever it is, and the session goes on with all it has.
func TestUDPRefusesWhatIsTooLarge(t *testing.T) {
	s := startServer(t)
	c, other := dial(t, s.startUDP(t), client.Options{}), s.dial(t, client.Options{})
	session := c.Session()
	set(t, c, "/locked", 1, client.Lock())
	// What is left over behind a message is ignored (protocol section 3), so any message can be as long as one likes.
	longest := make([]byte, datagram.MaxSize-wire.HeaderSize)
	copy(longest, kit.Set("/long", 1))
	tooLong := append(bytes.Clone(longest), 0)
	value := make([]byte, len(tooLong))
	for name, do := range map[string]func() error{
		"set": func() error {
			_, err := c.Set(t.Context(), "/big", value)
			return err
		},
		"set at fire": func() error {
			_, err := c.Set(t.Context(), "/big", value, client.QoS(wire.Fire))
			return err
		},
		"set async": func() error {
			return c.SetAsync(t.Context(), "/big", value, func(client.Ack, error) { t.Error("an answer to what was not sent") })
		},
		"emit": func() error { return c.Emit(t.Context(), "/big", value) },
		"bundle": func() error {
			_, err := c.Bundle(t.Context(), wire.Confirm, time.Time{}, client.SetItem("/a", value[:40_000]), client.SetItem("/b", value[:25_500]))
			return err
		},
		"payload": func() error { return c.SendPayload(t.Context(), wire.Fire, tooLong) },
		"frame": func() error {
			return c.SendFrame(t.Context(), append(kit.Frame(wire.Fire, kit.Set("/a", 1)), kit.Frame(wire.Fire, kit.Set("/big", value))...))
		},
		"half a frame": func() error { return c.SendFrame(t.Context(), kit.Frame(wire.Fire, kit.Set("/a", 1))[:10]) },
		"no frame":     func() error { return c.SendFrame(t.Context(), []byte("no frame")) },
	} {
		if err := do(); !client.IsCode(err, wire.CodeBadValue) || !strings.Contains(err.Error(), "UDP") {
			t.Errorf("%s: %v, want error %d", name, err, wire.CodeBadValue)
		}
	}
	if err := c.SendPayload(t.Context(), wire.Fire, longest); err != nil {
		t.Error(err)
	}
	// Each frame has a datagram of its own, so there may be more of them than one would hold.
	if err := c.SendFrame(t.Context(), bytes.Repeat(kit.Frame(wire.Fire, kit.Set("/half", value[:40_000])), 2)); err != nil {
		t.Error(err)
	}
	for addr, want := range map[string]uint64{"/long": 1, "/half": 2} {
		eventually(t, addr+" to arrive", func() bool {
			p, err := other.Get(t.Context(), addr)
			return err == nil && p.Revision == want
		})
	}
	for _, addr := range []string{"/a", "/b", "/big"} {
		if _, err := other.Get(t.Context(), addr); !client.IsCode(err, wire.CodeNotFound) {
			t.Errorf("%s of what was refused was sent: %v", addr, err)
		}
	}
	if _, err := other.Set(t.Context(), "/locked", 2); !client.IsCode(err, wire.CodeLocked) {
		t.Errorf("the lock has gone: %v", err)
	}
	set(t, c, "/locked", 3)
	if c.Session() != session {
		t.Error("it is another session")
	}
}

// How a session opens when datagrams are lost, or the router has thought better of it: it answers what each line says, in turn.
func TestUDPOpens(t *testing.T) {
	welcome := func(session string) []byte {
		return wire.AppendWelcome(nil, wire.Welcome{Version: wire.Version, Session: []byte(session)})
	}
	refusal := func(code wire.Code, address string) []byte {
		return wire.AppendError(nil, wire.ErrorMessage{Code: code, HasAddress: address != "", Address: []byte(address)})
	}
	snapshot, pong := wire.BeginSnapshot(nil), wire.AppendPong(nil)
	type said struct {
		hears   wire.Type
		answers [][]byte
	}
	hello := func(answers ...[]byte) said { return said{wire.TypeHello, answers} }
	ping := func(answers ...[]byte) said { return said{wire.TypePing, answers} }
	for name, test := range map[string]struct {
		talk []said
		code wire.Code // that Dial fails with
	}{
		"all is well":                                {talk: []said{hello(welcome("s"), snapshot), ping(pong)}},
		"WELCOME is lost":                            {talk: []said{hello(), hello(welcome("s"), snapshot), ping(pong)}},
		"the SNAPSHOT waits for proof":               {talk: []said{hello(welcome("s")), ping(snapshot, pong)}},
		"and that is lost":                           {talk: []said{hello(welcome("s")), ping(), ping(snapshot, pong)}},
		"the SNAPSHOT is lost":                       {talk: []said{hello(welcome("s")), ping(pong)}},
		"the SNAPSHOT overtakes WELCOME":             {talk: []said{hello(snapshot, welcome("s")), ping(pong)}},
		"the PONG overtakes the SNAPSHOT":            {talk: []said{hello(welcome("s")), ping(pong, snapshot)}},
		"the session has to make room":               {talk: []said{hello(welcome("old")), ping(refusal(wire.CodeUnauthenticated, "")), hello(welcome("s"), snapshot), ping(pong)}},
		"a HELLO comes twice":                        {talk: []said{hello(welcome("s"), welcome("s"), refusal(wire.CodeBadFrame, "")), ping(snapshot, pong)}},
		"a param is too large":                       {talk: []said{hello(welcome("s"), refusal(wire.CodeOverloaded, "/big"), snapshot), ping(pong)}},
		"the PING is over the rate":                  {talk: []said{hello(welcome("s")), ping(refusal(wire.CodeLimit, "")), ping(snapshot)}},
		"the token is refused":                       {talk: []said{hello(refusal(wire.CodeUnauthenticated, ""))}, code: wire.CodeUnauthenticated},
		"there is no room once the address is known": {talk: []said{hello(welcome("s")), ping(refusal(wire.CodeOverloaded, ""))}, code: wire.CodeOverloaded},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			socket, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
			if err != nil {
				t.Fatal(err)
			}
			defer socket.Close()
			talked := make(chan struct{})
			go func() {
				defer close(talked)
				buf := make([]byte, 1<<16)
				for i, line := range test.talk {
					n, from, err := socket.ReadFromUDPAddrPort(buf)
					if err != nil {
						t.Errorf("line %d was never said: %v", i+1, err)
						return
					}
					f, _, err := wire.ReadFrame(buf[:n])
					if err != nil || wire.Type(f.Payload[0]) != line.hears {
						t.Errorf("line %d is %.20q, %v, want %v", i+1, f.Payload, err, line.hears)
						return
					}
					for _, answer := range line.answers {
						if _, err := socket.WriteToUDPAddrPort(kit.Frame(wire.Fire, answer), from); err != nil {
							t.Error(err)
						}
					}
				}
			}()
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			c, err := client.Dial(ctx, "udp://"+socket.LocalAddr().String(), client.Options{OnError: func(err error) { t.Error(err) }})
			switch {
			case err == nil:
				defer c.Close()
				if test.code != 0 || c.Session() != "s" {
					t.Errorf("there is a session: %s", c.Session())
				}
			case test.code == 0 || !client.IsCode(err, test.code):
				t.Errorf("got %v, want error %d", err, test.code)
			}
			_ = socket.SetReadDeadline(time.Now().Add(patience))
			<-talked
		})
	}
}

// A client that was heard late and whose session then has to make room asks for the next one as soon as one that is new: before
// that one has asked three times.
func TestUDPAsksForTheNextSessionSoon(t *testing.T) {
	t.Parallel()
	socket, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	var dialing sync.WaitGroup
	defer dialing.Wait()
	defer cancel()
	begin := func() {
		dialing.Go(func() {
			if _, err := client.Dial(ctx, "udp://"+socket.LocalAddr().String(), client.Options{}); !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		})
	}
	begin()
	_ = socket.SetReadDeadline(time.Now().Add(patience))
	buf := make([]byte, 1<<16)
	hears := func() (netip.AddrPort, wire.Type) {
		n, from, err := socket.ReadFromUDPAddrPort(buf)
		if err != nil {
			t.Fatal(err)
		}
		f, _, err := wire.ReadFrame(buf[:n])
		if err != nil {
			t.Fatal(err)
		}
		return from, wire.Type(f.Payload[0])
	}
	answer := func(to netip.AddrPort, payload []byte) {
		if _, err := socket.WriteToUDPAddrPort(kit.Frame(wire.Fire, payload), to); err != nil {
			t.Fatal(err)
		}
	}
	var late netip.AddrPort
	for range 4 { // the next would come 1.6 s later
		late, _ = hears()
	}
	answer(late, wire.AppendWelcome(nil, wire.Welcome{Version: wire.Version, Session: []byte("old")}))
	if _, kind := hears(); kind != wire.TypePing {
		t.Fatalf("%v behind WELCOME", kind)
	}
	answer(late, wire.AppendError(nil, wire.ErrorMessage{Code: wire.CodeUnauthenticated}))
	begin()
	for asked := 0; ; {
		switch from, kind := hears(); {
		case from == late && kind == wire.TypeHello:
			return
		case from != late:
			asked++
		}
		if asked == 3 {
			t.Fatal("the one that is new asks for the third time")
		}
	}
}
