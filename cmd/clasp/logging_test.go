package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/clasp-studio/clasp/config"
)

// TestLogLevels: each of the five levels shows itself and what is above it, under its own name, in both formats.
func TestLogLevels(t *testing.T) {
	names := []string{"trace", "debug", "info", "warn", "error"}
	for _, format := range []string{"text", "json"} {
		for i, name := range names {
			t.Run(format+"/"+name, func(t *testing.T) {
				var out bytes.Buffer
				log, err := openLog(config.Logging{Level: name, Format: format}, &out, io.Discard)
				if err != nil {
					t.Fatal(err)
				}
				for _, level := range []slog.Level{levelTrace, slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError} {
					log.Log(context.Background(), level, "line")
				}
				log.output.close()
				lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
				if len(lines) != len(names)-i {
					t.Fatalf("%d lines, want %d:\n%s", len(lines), len(names)-i, &out)
				}
				for j, line := range lines {
					label := strings.ToUpper(names[i+j])
					if !strings.Contains(line, "level="+label+" ") && !strings.Contains(line, `"level":"`+label+`"`) {
						t.Errorf("no level %s in %s", label, line)
					}
				}
			})
		}
	}
}

// stuck takes nothing until it is released, like a pipe nobody reads.
type stuck struct {
	bytes.Buffer
	released chan struct{}
}

func (s *stuck) Write(p []byte) (int, error) {
	<-s.released
	return s.Buffer.Write(p)
}

// TestLogDrops: while nothing can be written, logging goes on; what there was no room for is counted, in its place.
func TestLogDrops(t *testing.T) {
	out := &stuck{released: make(chan struct{})}
	log, err := openLog(config.Logging{Level: "error", Format: "json"}, out, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	const total = 3 * logQueue
	for i := range total {
		log.Error("line", "number", i)
	}
	close(out.released)
	log.output.close()
	<-log.output.done // however slow this machine is

	// The writer may have got its turn before the queue was full or after: there may be
	// one gap or two, and each is said where it is.
	written, dropped := 0, 0
	for line := range strings.Lines(out.String()) {
		var record struct {
			Msg           string
			Number, Lines int
		}
		if err := json.Unmarshal([]byte(line), &record); err != nil {
			t.Fatalf("not JSON: %s", line)
		}
		switch {
		case record.Msg != "line":
			dropped += record.Lines
		case record.Number != written+dropped:
			t.Fatalf("line %d came after %d lines and %d said to be dropped", record.Number, written, dropped)
		default:
			written++
		}
	}
	if written < logQueue || dropped == 0 || written+dropped != total {
		t.Errorf("%d lines written and %d said to be dropped, of %d", written, dropped, total)
	}
}

// full takes nothing while it is full, like a disk.
type full struct {
	full atomic.Bool
	bytes.Buffer
}

func (f *full) Write(p []byte) (int, error) {
	if f.full.Load() {
		return 0, syscall.ENOSPC
	}
	return f.Buffer.Write(p)
}

// TestLogFails: a line that could not be written counts as lost, and that it could not is known until one can.
func TestLogFails(t *testing.T) {
	out := new(full)
	out.full.Store(true)
	log, err := openLog(config.Logging{Level: "info", Format: "text"}, out, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	log.output.banner("no line of the log\n")
	log.Info("one")
	log.Info("two")
	for range 2 { // the first may be done before the lines, and the second not before the first and what came with it
		<-log.output.show(true)
	}
	if n, why := log.output.lost.Load(), log.output.broken.Load(); n != 2 || why == nil || *why != syscall.ENOSPC.Error() {
		t.Errorf("%d lines lost, because of %v", n, why)
	}
	out.full.Store(false)
	log.Info("three")
	log.output.close()
	<-log.output.done
	if n, why := log.output.lost.Load(), log.output.broken.Load(); n != 2 || why != nil {
		t.Errorf("%d lines lost, because of %v, when there is room again", n, why)
	}
}
