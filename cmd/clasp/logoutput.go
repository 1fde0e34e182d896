// Where log lines go: through a bounded queue to one goroutine, since a terminal
// that was stopped, a pipe nobody reads or a hanging disk must cost lines of the
// log and nothing else.

package main

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// logQueue is how many lines may wait. Beyond, they are counted and dropped.
	logQueue = 2048
	// logFlush is how long the end of the process waits for the last lines.
	logFlush = time.Second
)

// logOutput is an io.Writer of whole lines that never waits and never fails.
type logOutput struct {
	stdout, stderr io.Writer
	report         *slog.Logger           // of lines dropped; writes past the queue
	lost           atomic.Uint64          // lines that are written nowhere
	broken         atomic.Pointer[string] // why lines cannot be written now; nil when they can

	// Of the goroutine alone.
	file     *os.File // nil for stdout
	failing  bool     // stderr has been told
	dark     bool     // stdout is the dashboard's: what is for it is left out
	foot     string   // below the last line on stdout
	footDown bool     // it is there now

	mu      sync.Mutex
	changed sync.Cond
	batch   logBatch
	done    chan struct{} // closed when everything is written after close
}

// logBatch is what waits for the goroutine, in the order it is done: what the
// file is from now on, the lines, and the word about those there was no room for.
type logBatch struct {
	reopen  bool
	file    *os.File
	screen  *screen // nil leaves it
	lines   []logLine
	dropped int
	foot    *foot // nil leaves it
	end     bool
}

// logLine is what one Write was given.
type logLine struct {
	text   []byte
	banner bool // for stdout even if there is a file
}

// screen says whether stdout is there for lines.
type screen struct {
	on   bool
	done chan struct{} // closed when it is as it says
}

// startLogOutput writes to file, nil for stdout. newLogger makes the logger of
// the words about dropped lines.
func startLogOutput(stdout, stderr io.Writer, file *os.File, newLogger func(io.Writer) *slog.Logger) *logOutput {
	o := &logOutput{stdout: stdout, stderr: stderr, file: file, done: make(chan struct{})}
	o.changed.L = &o.mu
	o.report = newLogger(writerFunc(func(line []byte) (int, error) {
		o.put(logLine{text: line})
		return len(line), nil
	}))
	go o.run()
	return o
}

// Write queues one line.
func (o *logOutput) Write(line []byte) (int, error) {
	o.add(logLine{text: bytes.Clone(line)}) // slog uses its buffer again
	return len(line), nil
}

// banner queues text for stdout, wherever the log goes.
func (o *logOutput) banner(text string) { o.add(logLine{[]byte(text), true}) }

func (o *logOutput) add(line logLine) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.batch.lines) >= logQueue {
		o.batch.dropped++
		o.lost.Add(1)
		return
	}
	o.batch.lines = append(o.batch.lines, line)
	o.changed.Signal()
}

// use sends the lines that follow to file (nil for stdout) and closes the file
// before it. Lines that still wait may go to either.
func (o *logOutput) use(file *os.File) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.batch.file != nil {
		_ = o.batch.file.Close() // nothing was written to it
	}
	o.batch.reopen, o.batch.file = true, file
	o.changed.Signal()
}

// show has stdout get its lines, or not while the dashboard is on it. Lines that still wait
// may be treated either way; the channel is closed when it holds.
func (o *logOutput) show(on bool) <-chan struct{} {
	next := &screen{on, make(chan struct{})}
	o.mu.Lock()
	defer o.mu.Unlock()
	if before := o.batch.screen; before != nil {
		close(before.done)
	}
	o.batch.screen = next
	o.changed.Signal()
	return next.done
}

// close writes what waits, for logFlush at most. What is logged after it is lost.
func (o *logOutput) close() {
	o.mu.Lock()
	o.batch.end = true
	o.changed.Signal()
	o.mu.Unlock()
	select {
	case <-o.done:
	case <-time.After(logFlush):
	}
}

// run writes batch after batch until the one that ends it.
func (o *logOutput) run() {
	defer close(o.done)
	for {
		b := o.next()
		if b.reopen {
			o.closeFile()
			o.file, o.failing = b.file, false
		}
		if b.screen != nil {
			o.dark = !b.screen.on
			close(b.screen.done)
		}
		for _, line := range b.lines {
			o.put(line)
		}
		if b.dropped > 0 {
			o.report.Error("log lines dropped: they could not be written as fast as they came", "lines", b.dropped)
		}
		if b.end {
			o.liftFoot()
			o.closeFile()
			return
		}
		o.setFoot(b.foot)
	}
}

// next waits until there is something to do.
func (o *logOutput) next() logBatch {
	o.mu.Lock()
	defer o.mu.Unlock()
	for !o.batch.reopen && o.batch.screen == nil && len(o.batch.lines) == 0 && o.batch.foot == nil && !o.batch.end {
		o.changed.Wait()
	}
	b := o.batch
	o.batch = logBatch{}
	return b
}

func (o *logOutput) closeFile() {
	if o.file != nil {
		_ = o.file.Close() // each line was written as it came; nothing is pending
	}
}

// put writes one line. That this fails is said once, until it works again.
func (o *logOutput) put(line logLine) {
	w := o.stdout
	switch {
	case o.file != nil && !line.banner:
		w = o.file
	case o.dark:
		return
	default:
		o.liftFoot()
	}
	_, err := w.Write(line.text)
	if err != nil && !o.failing {
		_, _ = fmt.Fprintf(o.stderr, "clasp: log lines are lost: %v\n", err)
	}
	o.failing = err != nil
	if line.banner { // which is no line of the log
		return
	}
	if err == nil {
		o.broken.Store(nil)
		return
	}
	o.lost.Add(1)
	why := err.Error()
	o.broken.Store(&why)
}

// writerFunc is a function as an io.Writer.
type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
