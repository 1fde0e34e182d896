//go:build unix

package ws

import (
	"io"
	"os"
	"syscall"
)

// readAhead reads what there is into a buffer that is taken only once there is
// something, so that waiting costs no memory.
func (c *conn) readAhead() error {
	var n int
	var err error
	waitErr := c.raw.Read(func(fd uintptr) (done bool) {
		buf := inputs.Get().(*[]byte)
		for {
			n, err = syscall.Read(int(fd), *buf)
			if err != syscall.EINTR {
				break
			}
		}
		if n > 0 {
			c.buf = buf
			return true
		}
		inputs.Put(buf)
		return err != syscall.EAGAIN
	})
	switch {
	case waitErr != nil:
		return waitErr
	case err != nil:
		return os.NewSyscallError("read", err)
	case n == 0:
		return io.EOF
	}
	c.ahead = (*c.buf)[:n]
	c.Came(n)
	return nil
}
