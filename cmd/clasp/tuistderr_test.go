//go:build linux || darwin

package main

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestTurnStderr: what is written past the log is in it, and more than anybody takes up holds nobody; afterwards stderr is what
// it was.
func TestTurnStderr(t *testing.T) {
	var before, after unix.Stat_t
	if err := unix.Fstat(2, &before); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer // one goroutine writes, and has ended before it is read
	s, err := turnStderr(slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := unix.Write(2, []byte("from a library\n\nand more")); err != nil {
		t.Error(err)
	}
	flood := bytes.Repeat([]byte("x"), 1<<20)
	if n, err := unix.Write(2, flood); err == nil && n == len(flood) {
		t.Error("a pipe has taken a megabyte at once: whoever writes waits")
	}
	s.back()
	if !strings.Contains(log.String(), `level=WARN msg="on stderr" text="from a library"`) || !strings.Contains(log.String(), `text="and morexxx`) {
		t.Errorf("%.300s", &log)
	}
	if err := unix.Fstat(2, &after); err != nil || after.Ino != before.Ino || after.Dev != before.Dev {
		t.Errorf("stderr is another file: %v", err)
	}
}

// TestFinishStalled: a dashboard whose terminal does not read leaves the process its stderr.
func TestFinishStalled(t *testing.T) {
	var before, after unix.Stat_t
	if err := unix.Fstat(2, &before); err != nil {
		t.Fatal(err)
	}
	s, err := turnStderr(slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	d := &dashboard{stderr: s, ended: make(chan dashboardEnd)} // nothing ever comes
	if d.finish() {
		t.Error("it has ended")
	}
	if err := unix.Fstat(2, &after); err != nil || after.Ino != before.Ino || after.Dev != before.Dev {
		t.Errorf("stderr is another file: %v", err)
	}
}
