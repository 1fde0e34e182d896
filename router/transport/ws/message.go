package ws

import (
	"errors"
	"io"
	"sync"
)

var errTooBig = errors.New("message over the size limit")

// message collects one WebSocket message, whatever it was cut into. It holds a
// buffer only while there is input, so that an idle connection has none.
type message struct {
	buf    *[]byte
	inside bool // a message is half read
}

// Most messages are small; a buffer that has grown for a large one is not kept.
const (
	smallMessage = 4 << 10
	keepMessage  = 128 << 10
)

var messages = sync.Pool{New: func() any {
	b := make([]byte, smallMessage)
	return &b
}}

// read reads a message of at most limit bytes. The bytes are good until the next
// call, or until the connection has nothing more to read.
func (m *message) read(r io.Reader, limit int) ([]byte, error) {
	if m.buf == nil {
		m.buf = messages.Get().(*[]byte)
	}
	m.inside = true
	defer func() { m.inside = false }()
	n := 0
	for {
		if n == len(*m.buf) {
			*m.buf = append(*m.buf, 0)
			*m.buf = (*m.buf)[:cap(*m.buf)]
		}
		got, err := r.Read((*m.buf)[n:])
		n += got
		switch {
		case n > limit:
			return nil, errTooBig
		case err == io.EOF:
			return (*m.buf)[:n], nil
		case err != nil:
			return nil, err
		}
	}
}

// idle gives the buffer back between two messages.
func (m *message) idle() {
	if m.buf == nil || m.inside {
		return
	}
	if len(*m.buf) <= keepMessage {
		messages.Put(m.buf)
	}
	m.buf = nil
}
