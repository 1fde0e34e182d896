//go:build unix

package ws

import (
	"errors"
	"net"
	"os"
	"sync"
	"syscall"
)

// promptWay is the way to a client whose socket is written to directly: it can also take what
// there is room for, without waiting.
type promptWay struct{ way }

// promptly returns the way that can, nil where frames go through TLS.
func promptly(c *conn) *promptWay {
	if c.raw == nil || c.out != net.Conn(c) {
		return nil
	}
	return &promptWay{way{c}}
}

// WriteNow writes whole frames as far as the kernel takes them at once. When only a part has
// gone, nothing may come between until Write has brought the rest: whoever says goodbye waits.
func (w *promptWay) WriteNow(b []byte) (int, error) {
	if !w.writing.TryLock() {
		return 0, nil // a goodbye is on its way
	}
	if w.said {
		w.writing.Unlock()
		return len(b), nil // too late: the client has gone
	}
	n, err := writeNow(w.raw, b)
	w.Went(n)
	if n > 0 && n < len(b) && err == nil {
		w.torn = true
		return n, nil
	}
	w.writing.Unlock()
	return n, err
}

// attempt is one write to a descriptor. It is used again, or each would allocate.
type attempt struct {
	b   []byte
	n   int
	err error
	try func(fd uintptr) bool
}

var attempts = sync.Pool{New: func() any {
	a := new(attempt)
	a.try = func(fd uintptr) bool {
		for {
			if a.n, a.err = syscall.Write(int(fd), a.b); !errors.Is(a.err, syscall.EINTR) {
				return true // whatever came of it: nobody waits
			}
		}
	}
	return a
}}

// writeNow writes what there is room for.
func writeNow(raw syscall.RawConn, b []byte) (int, error) {
	a := attempts.Get().(*attempt)
	a.b, a.n, a.err = b, 0, nil
	waitErr := raw.Write(a.try)
	n, err := max(a.n, 0), a.err
	a.b = nil
	attempts.Put(a)
	switch {
	case waitErr != nil:
		return 0, waitErr
	case errors.Is(err, syscall.EAGAIN):
		return 0, nil
	case err != nil:
		return n, os.NewSyscallError("write", err)
	}
	return n, nil
}
