//go:build linux || darwin

// What is written to stderr past the log, by libraries and by the runtime, while the
// dashboard has the terminal: it goes to the log. Drawn over the screen it would help nobody.

package main

import (
	"bufio"
	"fmt"
	"log/slog"
	"os"

	"golang.org/x/sys/unix"
)

// maxStray is the longest line of it, in bytes.
const maxStray = 4096

// strayed is a stderr that has been turned to the log.
type strayed struct {
	was  int // the descriptor as it was
	done chan struct{}
}

// turnStderr turns file descriptor 2.
func turnStderr(log *slog.Logger) (*strayed, error) {
	var ends [2]int
	if err := unix.Pipe(ends[:]); err != nil {
		return nil, fmt.Errorf("make a pipe: %w", err)
	}
	for _, end := range ends {
		unix.CloseOnExec(end)
	}
	defer func() { _ = unix.Close(ends[1]) }() // descriptor 2 stands for it
	// Nobody may wait for the log, and least of all a runtime that reports a crash.
	err := unix.SetNonblock(ends[1], true)
	s := &strayed{done: make(chan struct{})}
	if err == nil {
		s.was, err = unix.FcntlInt(2, unix.F_DUPFD_CLOEXEC, 3)
	}
	if err == nil {
		if err = unix.Dup2(ends[1], 2); err != nil {
			_ = unix.Close(s.was)
		}
	}
	if err != nil {
		_ = unix.Close(ends[0])
		return nil, fmt.Errorf("turn stderr: %w", err)
	}
	lines := os.NewFile(uintptr(ends[0]), "stderr")
	go func() {
		defer close(s.done)
		defer func() { _ = lines.Close() }()
		in := bufio.NewReaderSize(lines, maxStray)
		for {
			line, _, err := in.ReadLine()
			if err != nil {
				return // the other end has gone
			}
			if len(line) > 0 {
				log.Warn("on stderr", "text", string(line))
			}
		}
	}()
	return s, nil
}

// back makes descriptor 2 what it was, and waits for the lines that are on their way.
func (s *strayed) back() {
	_ = unix.Dup2(s.was, 2)
	_ = unix.Close(s.was)
	<-s.done
}
