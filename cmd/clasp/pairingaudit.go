// The audit log of pairing (pairing section 9): who was let in or thrown out, by whom and
// from where, as a JSON object a line. No secret is in it.

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/clasp-studio/clasp/pairing"
)

const (
	// auditBytes is how large the file grows; then it becomes <path>.1, that one <path>.2.
	auditBytes = 1 << 20
	auditKept  = 3
	auditMode  = 0o600
)

// auditLog appends to a file. That it cannot is said in the log once, until it can again.
type auditLog struct {
	path string
	log  *slog.Logger

	mu      sync.Mutex
	file    *os.File // nil before the first line, and when that failed
	size    int64
	failing bool
	lost    int // events that could not be written since it failed
}

func newAuditLog(path string, log *slog.Logger) *auditLog { return &auditLog{path: path, log: log} }

func (a *auditLog) write(e pairing.Event) {
	line, err := json.Marshal(e)
	a.mu.Lock()
	defer a.mu.Unlock()
	if err == nil {
		err = a.tellLost(e.Time)
	}
	if err == nil {
		err = a.append(append(line, '\n'))
	}
	if err != nil {
		a.lost++
		if !a.failing {
			a.log.Error("what happens with devices is not written down", "path", a.path, "error", err)
		}
	}
	a.failing = err != nil
}

// tellLost leaves a line where lines are missing, whose time is that of the one after them.
func (a *auditLog) tellLost(now time.Time) error {
	if a.lost == 0 {
		return nil
	}
	line, err := json.Marshal(pairing.Event{Time: now, What: "lost", Detail: fmt.Sprintf("%d events could not be written", a.lost)})
	if err == nil {
		err = a.append(append(line, '\n'))
	}
	if err == nil {
		a.log.Warn("events with devices are missing in the audit log", "path", a.path, "events", a.lost)
		a.lost = 0
	}
	return err
}

// append writes one line, to a new file if the old one is full.
func (a *auditLog) append(line []byte) error {
	if err := a.open(); err != nil {
		return err
	}
	if a.size > 0 && a.size+int64(len(line)) > auditBytes {
		if err := a.rotate(); err != nil {
			return err
		}
	}
	n, err := a.file.Write(line)
	a.size += int64(n)
	if err != nil {
		a.shut() // half a line may be there, or the file system gone
	}
	return err
}

// open opens the file unless it is. Its last line may have been cut short by a crash.
func (a *auditLog) open() error {
	if a.file != nil {
		return nil
	}
	f, err := os.OpenFile(a.path, os.O_RDWR|os.O_CREATE|os.O_APPEND, auditMode)
	if err != nil {
		return fmt.Errorf("open the audit log: %w", err)
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("not a regular file")
	}
	if err == nil && info.Size() > 0 {
		err = endLine(f, info.Size())
	}
	if err != nil {
		_ = f.Close() // nothing else was written
		return fmt.Errorf("open the audit log %s: %w", a.path, err)
	}
	a.file, a.size = f, info.Size()
	return nil
}

// endLine ends the last line of a file, if it has no end.
func endLine(f *os.File, size int64) error {
	last := make([]byte, 1)
	_, err := f.ReadAt(last, size-1)
	if err == nil && last[0] != '\n' {
		_, err = f.WriteString("\n")
	}
	return err
}

// rotate begins a new file.
func (a *auditLog) rotate() error {
	a.shut()
	name := func(n int) string { return fmt.Sprintf("%s.%d", a.path, n) }
	for n := auditKept - 1; n > 0; n-- {
		if err := os.Rename(name(n), name(n+1)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("rotate the audit log: %w", err)
		}
	}
	if err := os.Rename(a.path, name(1)); err != nil {
		return fmt.Errorf("rotate the audit log: %w", err)
	}
	return a.open()
}

func (a *auditLog) shut() {
	if a.file != nil {
		_ = a.file.Close() // each line was written as it came
		a.file = nil
	}
}

// close closes the file, unless a disk that does not answer holds a line up: the process ends
// all the same.
func (a *auditLog) close() {
	if a.mu.TryLock() {
		defer a.mu.Unlock()
		a.shut()
	}
}
