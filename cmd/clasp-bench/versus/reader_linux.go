// Connections that are read without waiting, and that nobody is woken for.

package versus

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// neverWait has the subscriber's reads return at once, with errNothingYet if need be.
func (r *reader) neverWait() error {
	var own int
	err := control(r.of.conn.Conn, func(fd int) (err error) {
		own, err = unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
		return err
	})
	if err != nil {
		return fmt.Errorf("take a connection away from the runtime: %w", err)
	}
	// The runtime is woken for whatever comes to a connection that it knows, whether somebody
	// waits for that or not. It forgets this one; the socket stays open under the other number.
	if err := r.of.conn.Close(); err != nil {
		return errors.Join(err, unix.Close(own))
	}
	r.of.conn.Conn = &impatient{Conn: r.of.conn.Conn, fd: own}
	return nil
}

// impatient is a connection that never waits. It has no deadlines.
type impatient struct {
	net.Conn            // closed; it knows the addresses
	mu       sync.Mutex // a number that is closed may soon be another's
	fd       int        // -1 = closed
	drained  bool       // the last read has left nothing
}

func (c *impatient) Read(b []byte) (int, error) {
	if c.drained { // what has come since is for the next time
		c.drained = false
		return 0, errNothingYet
	}
	n, err := c.do("read", func() (int, error) { return unix.Read(c.fd, b) })
	c.drained = 0 < n && n < len(b)
	if n == 0 && err == nil {
		err = io.EOF
	}
	return n, err
}

// Write is for the few bytes that say that this side is alive: for them there is room.
func (c *impatient) Write(b []byte) (int, error) {
	n, err := c.do("write", func() (int, error) { return unix.Write(c.fd, b) })
	if n < len(b) && err == nil {
		err = io.ErrShortWrite
	}
	return n, err
}

func (c *impatient) do(name string, call func() (int, error)) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fd < 0 {
		return 0, net.ErrClosed
	}
	for {
		switch n, err := call(); {
		case err == nil:
			return n, nil
		case errors.Is(err, unix.EAGAIN):
			return 0, errNothingYet
		case !errors.Is(err, unix.EINTR):
			return 0, os.NewSyscallError(name, err)
		}
	}
}

func (c *impatient) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fd < 0 {
		return net.ErrClosed
	}
	fd := c.fd
	c.fd = -1
	return os.NewSyscallError("close", unix.Close(fd))
}
