// Finding routers by UDP: both probes to everybody on one network.

package discovery

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/clasp-studio/clasp/router/wire"
)

// shoutEvery is the time between two rounds of probes, since the first may be lost. It is
// longer than a second, in which a router answers twice.
const shoutEvery = 1200 * time.Millisecond

// shout probes a network until ctx ends. It sends to the network's broadcast address from
// our address in it, which unlike 255.255.255.255 finds its way on every system.
func shout(ctx context.Context, prefix netip.Prefix, port int, found func(Found)) error {
	to := netip.AddrPortFrom(broadcast(prefix), uint16(port))
	if prefix.Addr().IsLoopback() {
		to = netip.AddrPortFrom(prefix.Addr(), uint16(port))
	}
	conn, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(prefix.Addr(), 0)))
	if err != nil {
		return fmt.Errorf("look for routers from %s: %w", prefix.Addr(), err)
	}
	shut := func() { _ = conn.Close() } // there is nothing to lose
	defer shut()
	defer context.AfterFunc(ctx, shut)()

	hello, err := wire.AppendFrame(nil, wire.Fire, wire.AppendHello(nil, wire.Hello{Version: wire.Version, Name: []byte(probeName)}))
	if err != nil {
		return fmt.Errorf("look for routers: %w", err)
	}
	buf := make([]byte, 2048)
	var failed error // the last probe
	for round := time.Now(); ; {
		if !time.Now().Before(round) {
			round = time.Now().Add(shoutEvery)
			for _, probe := range [][]byte{[]byte(probeText), hello} {
				_, err := conn.WriteToUDPAddrPort(probe, to)
				if ctx.Err() != nil {
					return failed
				}
				if failed = err; err != nil { // the card may be up again in the next round
					failed = fmt.Errorf("look for routers from %s: %w", prefix.Addr(), err)
				}
			}
		}
		_ = conn.SetReadDeadline(round) // fails when ctx has ended, and so does reading
		n, from, err := conn.ReadFromUDPAddrPort(buf)
		switch {
		case ctx.Err() != nil, errors.Is(err, net.ErrClosed):
			return failed
		case err != nil:
			continue // time for another round, or an error about one packet
		}
		if f, ok := answered(buf[:n]); ok && from.Port() == to.Port() && attached(prefix, from.Addr().Unmap()) {
			f.Addresses = []netip.Addr{from.Addr().Unmap()}
			found(f)
		}
	}
}

// answered reads the answer to either probe.
func answered(packet []byte) (Found, bool) {
	var d described
	if json.Unmarshal(packet, &d) == nil {
		i := Info{ID: cut(d.ID, maxName), Name: d.Name, Port: d.Port, Secure: d.Secure, Auth: d.Auth, QUIC: d.QUIC, UDP: d.UDP, TCP: d.TCP}
		return Found{Info: i, source: byText}, i.Port > 0 && i.Port <= 65535
	}
	frame, _, err := wire.ReadFrame(packet)
	if err != nil {
		return Found{}, false
	}
	m, err := wire.DecodeWelcome(frame.Payload)
	// A WELCOME has no port: the public client assumes this one.
	return Found{Info: Info{ID: string(m.Session), Name: string(m.Name), Port: publicWebSocket}, source: byWelcome}, err == nil
}
