// Workloads quic and quic-openloop: what fanout and openloop measure, over QUIC, and in
// the same run over WebSocket with TLS. QUIC is never without TLS, so that is what it is
// to be held against.

package main

import (
	"context"
	"net"

	"github.com/quic-go/quic-go"

	"github.com/clasp-studio/clasp/cmd/clasp-bench/internal/process"
)

// runQUIC measures deliveries a second. Each subscriber has a socket of its own, as clients on
// machines of their own do: what is under way to one fits its buffer.
func runQUIC(ctx context.Context, r rig) (result, error) {
	over, beside, err := overQUIC(ctx, r, nil, fanOut)
	if err != nil {
		return result{}, err
	}
	x, y := over.values[0], beside.values[0]
	return result{[]float64{x, y, x / y}, over.usage}, nil
}

// runQUICOpenLoop measures latencies. All subscribers share one socket: little is under way,
// and a load that reads from a hundred sockets is busier than the router that it measures.
func runQUICOpenLoop(ctx context.Context, r rig) (result, error) {
	socket, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return result{}, err
	}
	from := &quic.Transport{Conn: socket}
	defer func() { _, _ = from.Close(), socket.Close() }()
	over, beside, err := overQUIC(ctx, r, from, openLoop)
	if err != nil {
		return result{}, err
	}
	const p99 = 1
	values := append(over.values, beside.values...)
	return result{append(values, over.values[p99]/beside.values[p99]), over.usage}, nil
}

// overQUIC measures over QUIC, and then over WebSocket with TLS, against one router.
func overQUIC(ctx context.Context, r rig, from *quic.Transport, measure func(rig, *process.Process) (result, error)) (over, beside result, err error) {
	addr, port, err := freePort()
	if err != nil {
		return over, beside, err
	}
	flags, trust, err := certified(r.dir)
	if err != nil {
		return over, beside, err
	}
	p, err := r.start(ctx, append(flags, "--quic", "--quic-port", port)...)
	if err != nil {
		return over, beside, err
	}
	defer p.Stop()
	r.way = func(string) (*link, error) { return connectQUIC(from, addr, trust) }
	if over, err = measure(r, p); err == nil {
		r.way = func(addr string) (*link, error) { return connectTLS(addr, trust) }
		beside, err = measure(r, p)
	}
	return over, beside, err
}
