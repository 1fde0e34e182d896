// A bad network between a client and the router: toxiproxy's toxics on a proxy of our own,
// because all of toxiproxy brings an HTTP server, its metrics and six modules more.

package soak

import (
	"context"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"github.com/Shopify/toxiproxy/v2/stream"
	"github.com/Shopify/toxiproxy/v2/toxics"
)

// weather is what a proxy does to the connections through it.
type weather struct {
	name string
	// gentle networks delay and cut to pieces, and lose no connection.
	gentle bool
	toxic  func() toxics.Toxic
	// turn is what follows after some seconds, nil = nothing does.
	turn func() toxics.Toxic
}

// weathers are those that there are.
var weathers = []weather{
	{"latency", true, func() toxics.Toxic { return &toxics.LatencyToxic{Latency: 40, Jitter: 30} }, nil},
	{"slicing", true, func() toxics.Toxic { return &toxics.SlicerToxic{AverageSize: 96, SizeVariation: 64, Delay: 100} }, nil},
	{"narrow", true, func() toxics.Toxic { return &toxics.BandwidthToxic{Rate: 256} }, nil},
	{"reset", false, func() toxics.Toxic { return new(toxics.NoopToxic) }, func() toxics.Toxic { return &toxics.ResetToxic{} }},
	{"silence", false, func() toxics.Toxic { return new(toxics.NoopToxic) }, func() toxics.Toxic { return &toxics.TimeoutToxic{Timeout: 2000} }},
}

// proxy passes connections on to one address.
type proxy struct {
	weather
	listener net.Listener
	to       string
	lasts    time.Duration // before the weather turns, on average
	all      sync.WaitGroup

	mu    sync.Mutex
	conns map[net.Conn]bool // nil once it is closed
}

func newProxy(w weather, to string, lasts time.Duration) (*proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &proxy{weather: w, listener: l, to: to, lasts: lasts, conns: make(map[net.Conn]bool)}
	p.all.Go(p.accept)
	return p, nil
}

func (p *proxy) addr() string { return p.listener.Addr().String() }

func (p *proxy) accept() {
	for {
		c, err := p.listener.Accept()
		if err != nil {
			return // it is closed
		}
		p.all.Go(func() { p.serve(c) })
	}
}

// keep notes a connection, so that close ends it. It closes one that comes too late.
func (p *proxy) keep(c net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.conns == nil {
		_ = c.Close()
		return
	}
	p.conns[c] = true
}

func (p *proxy) drop(c net.Conn) {
	_ = c.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
}

// close ends every connection.
func (p *proxy) close() {
	_ = p.listener.Close()
	p.mu.Lock()
	for c := range p.conns {
		_ = c.Close()
	}
	p.conns = nil
	p.mu.Unlock()
	p.all.Wait()
}

// serve passes one connection on, both ways, until either end has closed.
func (p *proxy) serve(client net.Conn) {
	p.keep(client)
	defer p.drop(client)
	server, err := net.DialTimeout("tcp", p.to, patience)
	if err != nil {
		return
	}
	p.keep(server)
	defer p.drop(server)
	if !p.gentle { // what they end, ends with a reset
		_ = client.(*net.TCPConn).SetLinger(0)
		_ = server.(*net.TCPConn).SetLinger(0)
	}
	over, end := context.WithCancel(context.Background())
	defer end()
	var both sync.WaitGroup
	for _, way := range [][2]net.Conn{{client, server}, {server, client}} {
		both.Go(func() {
			p.pass(over, way[0], way[1])
			end()
			_, _ = client.Close(), server.Close() // the other way sees it
		})
	}
	both.Wait()
}

// pass copies one way through a toxic.
func (p *proxy) pass(over context.Context, from, to net.Conn) {
	in, out := make(chan *stream.StreamChunk, 16), make(chan *stream.StreamChunk)
	stub := toxics.NewToxicStub(in, out)
	var parts sync.WaitGroup
	parts.Go(func() {
		w := stream.NewChanWriter(in)
		_, _ = io.Copy(w, from) // how it ends is its weather
		_ = w.Close()
	})
	parts.Go(func() { stub.Run(&toxics.ToxicWrapper{Toxic: p.toxic(), Toxicity: 1}) })
	if p.turn != nil {
		parts.Go(func() {
			select {
			case <-time.After(time.Duration(rand.ExpFloat64() * float64(p.lasts))):
			case <-over.Done():
			}
			if stub.InterruptToxic() {
				stub.Run(&toxics.ToxicWrapper{Toxic: p.turn(), Toxicity: 1})
			}
		})
	}
	_, _ = io.Copy(to, stream.NewChanReader(out))
	// A toxic that has ended leaves the channels as they are: whoever waits at one goes on here.
	_, _ = from.Close(), to.Close()
	parts.Go(func() {
		for range out { // what is left goes nowhere
		}
	})
	parts.Go(func() {
		for range in {
		}
	})
	parts.Wait()
}
