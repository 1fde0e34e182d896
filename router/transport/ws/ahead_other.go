//go:build !unix

package ws

// readAhead reads what there is into a buffer. Here the buffer is held while the
// connection waits.
func (c *conn) readAhead() error {
	buf := inputs.Get().(*[]byte)
	n, err := 0, error(nil)
	for n == 0 && err == nil {
		n, err = c.Visitor.Read(*buf)
	}
	if n == 0 {
		inputs.Put(buf)
		return err
	}
	c.buf = buf
	c.ahead = (*buf)[:n]
	return nil
}
