package tui

// The way to the terminal: counts what is written, and can be cut off when the terminal has
// stopped reading, so that nothing waits for it any more.

import (
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// sane is what takes a terminal out of everything the dashboard may have set, in the order
// in which it has to be. CAN ends a sequence that was cut off in its middle.
const sane = "\x18" +
	"\x1b[?2026l" + // synchronized output
	"\x1b[m" +
	"\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l" + // mouse
	"\x1b[?1004l" + // focus
	"\x1b[?2004l" + // bracketed paste
	"\x1b[>4;0m\x1b[<1u" + // keyboard
	"\x1b[?2027l" +
	"\x1b[?1049l" + // the other screen
	"\x1b[?25h" + "\r\n"

// output is the writer that the program gets.
type output struct {
	to        io.Writer
	count     atomic.Uint64
	abandoned atomic.Bool
	mu        sync.Mutex
}

func newOutput(to io.Writer) *output { return &output{to: to} }

// Write implements io.Writer.
func (o *output) Write(p []byte) (int, error) {
	if o.abandoned.Load() {
		return len(p), nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.abandoned.Load() {
		return len(p), nil
	}
	n, err := o.to.Write(p)
	o.count.Add(uint64(n))
	return n, err
}

// abandon throws away whatever is written from now on.
func (o *output) abandon() { o.abandoned.Store(true) }

// say writes something after abandon, if the terminal takes it in time.
func (o *output) say(text string, within time.Duration) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		o.mu.Lock() // after the write that hangs, if it ever ends
		defer o.mu.Unlock()
		_, _ = io.WriteString(o.to, text)
	}()
	select {
	case <-done:
	case <-time.After(within):
	}
}

// terminal is an output that is a terminal: the library looks for a file's descriptor.
type terminal struct {
	*output
	file *os.File
}

func (t terminal) Read(p []byte) (int, error) { return t.file.Read(p) }
func (t terminal) Close() error               { return nil }
func (t terminal) Fd() uintptr                { return t.file.Fd() }

// forProgram is the output as the library wants it.
func (o *output) forProgram() io.Writer {
	if f, ok := o.to.(*os.File); ok {
		return terminal{o, f}
	}
	return o
}
