// The yardstick: a bare program that copies what comes from one socket to others,
// without a broker. What it reaches is what sockets cost on this machine.

package main

import (
	"fmt"
	"net"
	"sync"

	"github.com/spf13/cobra"
)

// The first byte of a connection to the relay says whether it takes copies; the relay
// sends it back once it is so.
const (
	relaySend = 's'
	relayTake = 't'
)

// dialRelay opens a connection to the relay; takes says that it gets copies of what
// others, or it itself, send.
func dialRelay(addr string, takes bool) (*link, error) {
	l, err := connect(addr)
	if err != nil {
		return nil, err
	}
	role := byte(relaySend)
	if takes {
		role = relayTake
	}
	if _, err = l.Write([]byte{role}); err == nil {
		if err = l.fill(); err == nil {
			l.from++
		}
	}
	if err != nil {
		_ = l.Close()
		return nil, fmt.Errorf("connect to the relay at %s: %w", addr, err)
	}
	return l, nil
}

func newRelayCommand() *cobra.Command {
	return &cobra.Command{
		Use: "relay ADDRESS", Hidden: true, Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			l, err := net.Listen("tcp", args[0])
			if err != nil {
				return err
			}
			r := relay{takers: make(map[net.Conn]struct{})}
			ended := make(chan error, 1)
			go func() { ended <- r.accept(l) }()
			select {
			case <-cmd.Context().Done(): // told to end
				return nil
			case err := <-ended:
				return err
			}
		},
	}
}

// relay knows who takes copies.
type relay struct {
	mu     sync.Mutex
	takers map[net.Conn]struct{}
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
	defer func() {
		r.mu.Lock()
		delete(r.takers, c)
		r.mu.Unlock()
		_ = c.Close()
	}()
	buf := make([]byte, 64<<10)
	if _, err := c.Read(buf[:1]); err != nil {
		return
	}
	if buf[0] == relayTake {
		r.mu.Lock()
		r.takers[c] = struct{}{}
		r.mu.Unlock()
	}
	if _, err := c.Write(buf[:1]); err != nil {
		return
	}
	for {
		n, err := c.Read(buf)
		if err != nil {
			return
		}
		r.mu.Lock()
		for to := range r.takers {
			_, _ = to.Write(buf[:n]) // the load notices what one that has gone misses
		}
		r.mu.Unlock()
	}
}
