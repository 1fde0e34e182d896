// Package relay is the yardstick: a bare program that copies what comes from one socket to
// others, without a broker. What it reaches is what sockets cost on this machine.
//
// A connection begins with a line: Send or Take, then the name of a channel. The relay
// answers with the first byte of it once it is so. From then on everything that a
// connection sends is copied to all that take from its channel, itself included.
package relay

import (
	"context"
	"fmt"
	"net"
	"sync"
)

// The first byte of a connection says whether it takes copies.
const (
	Send = 's'
	Take = 't'
)

// lineLimit is room for the line that a connection begins with.
const lineLimit = 1 << 10

// Serve listens on addr and copies until ctx ends.
func Serve(ctx context.Context, addr string) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("listen for the relay: %w", err)
	}
	r := relay{channels: make(map[string]*channel)}
	ended := make(chan error, 1)
	go func() { ended <- r.accept(l) }()
	select {
	case <-ctx.Done(): // told to end
		return nil
	case err := <-ended:
		return err
	}
}

// relay knows the channels. They stay.
type relay struct {
	mu       sync.Mutex
	channels map[string]*channel
}

// channel knows who takes copies.
type channel struct {
	mu     sync.Mutex
	takers map[net.Conn]struct{}
}

func (r *relay) channel(name string) *channel {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.channels[name]
	if c == nil {
		c = &channel{takers: make(map[net.Conn]struct{})}
		r.channels[name] = c
	}
	return c
}

// accept serves connections until there can be no more.
func (r *relay) accept(l net.Listener) error {
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		go r.serve(c)
	}
}

// serve copies what a connection sends until it ends.
func (r *relay) serve(c net.Conn) {
	defer c.Close()
	role, name, err := readLine(c)
	if err != nil {
		return
	}
	ch := r.channel(name)
	if role == Take {
		ch.mu.Lock()
		ch.takers[c] = struct{}{}
		ch.mu.Unlock()
		defer func() {
			ch.mu.Lock()
			delete(ch.takers, c)
			ch.mu.Unlock()
		}()
	}
	if _, err := c.Write([]byte{role}); err != nil {
		return
	}
	buf := make([]byte, 64<<10)
	for {
		n, err := c.Read(buf)
		if err != nil {
			return
		}
		ch.mu.Lock()
		for to := range ch.takers {
			_, _ = to.Write(buf[:n]) // the load notices what one that has gone misses
		}
		ch.mu.Unlock()
	}
}

// readLine reads byte by byte: what follows the line is to be copied.
func readLine(c net.Conn) (role byte, name string, err error) {
	var line []byte
	for one := make([]byte, 1); ; {
		if _, err := c.Read(one); err != nil {
			return 0, "", err
		}
		if one[0] == '\n' {
			break
		}
		if line = append(line, one[0]); len(line) > lineLimit {
			return 0, "", fmt.Errorf("a line of more than %d bytes", lineLimit)
		}
	}
	if len(line) == 0 || line[0] != Send && line[0] != Take {
		return 0, "", fmt.Errorf("a connection that begins with %q", line)
	}
	return line[0], string(line[1:]), nil
}
