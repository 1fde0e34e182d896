// Lines of the log as they come out of the ring again.

package monitor_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/clasp-studio/clasp/router/monitor"
)

func TestRingLines(t *testing.T) {
	ring := monitor.NewRing(10)
	log := slog.New(ring.Handler(nil))
	log.With("session", "1f0c", "name", "FOH desk").Info("client\x1b[31m connected", "remote", "10.0.0.5")
	log.WithGroup("a").With("b", 1).WithGroup("c").Warn("deep", "d", "", slog.Group("e", "session", "inner"), slog.Group("", "f", true))
	log.Log(context.Background(), slog.LevelDebug-4, "fine", "error", errors.New(`open "x": no`), "k", valuer{})
	log.Debug("nobody", "", nil, slog.Attr{})
	log.Error("bad", "name", "\u202ex\x1b]0;t\x07")
	want := []monitor.Line{
		{Seq: 1, Level: monitor.LevelInfo, Text: "client· connected", Attrs: `name="FOH desk" remote=10.0.0.5`, Session: "1f0c"},
		{Seq: 2, Level: monitor.LevelWarn, Text: "deep", Attrs: `a.b=1 a.c.d="" a.c.e.session=inner a.c.f=true`},
		{Seq: 3, Level: monitor.LevelTrace, Text: "fine", Attrs: `error="open \"x\": no" k=resolved`},
		{Seq: 4, Level: monitor.LevelDebug, Text: "nobody"},
		{Seq: 5, Level: monitor.LevelError, Text: "bad", Attrs: `name=·x·0;t·`},
	}
	page := ring.Since(0, 100)
	if len(page.Lines) != len(want) {
		t.Fatalf("%d lines: %+v", len(page.Lines), page)
	}
	for i, line := range page.Lines {
		if line.At.IsZero() {
			t.Errorf("line %d has no time", i)
		}
		line.At = want[i].At
		if line != want[i] {
			t.Errorf("got  %+v\nwant %+v", line, want[i])
		}
	}
}

type valuer struct{}

func (valuer) LogValue() slog.Value { return slog.StringValue("resolved") }

// What goes to the log goes on as it was, and what is too fine for it is not kept.
func TestRingHandsOn(t *testing.T) {
	var out strings.Builder
	var level slog.LevelVar
	ring := monitor.NewRing(4)
	log := slog.New(ring.Handler(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: &level})))
	log.With("x", 1).WithGroup("g").Info("first", "y", 2)
	log.Debug("too fine")
	level.Set(slog.LevelDebug)
	log.Debug("fine")
	if text := out.String(); !strings.Contains(text, "msg=first x=1 g.y=2\n") || !strings.Contains(text, "msg=fine") || strings.Contains(text, "too fine") {
		t.Errorf("handed on: %s", text)
	}
	if page := ring.Since(0, 9); len(page.Lines) != 2 || page.Lines[1].Text != "fine" {
		t.Errorf("kept: %+v", page)
	}
}

func TestRingPages(t *testing.T) {
	ring := monitor.NewRing(5)
	log := slog.New(ring.Handler(nil))
	if page := ring.Since(0, 5); len(page.Lines) != 0 || page.Next != 1 || page.Dropped != 0 {
		t.Errorf("empty: %+v", page)
	}
	for i := 1; i <= 12; i++ { // 8 to 12 are there
		log.Info(fmt.Sprint(i))
	}
	for _, test := range []struct {
		since   uint64
		limit   int
		want    string
		next    uint64
		dropped uint64
	}{
		{0, 100, "8 9 10 11 12", 13, 0},
		{0, 2, "11 12", 13, 0}, // the newest
		{0, 0, "", 13, 0},
		{1, 100, "8 9 10 11 12", 13, 7},
		{8, 2, "8 9", 10, 0}, // none is passed over
		{10, 2, "10 11", 12, 0},
		{10, 0, "", 10, 0},
		{13, 100, "", 13, 0},
		{99, 100, "8 9 10 11 12", 13, 0}, // of another router
	} {
		page := ring.Since(test.since, test.limit)
		var texts []string
		for _, line := range page.Lines {
			texts = append(texts, line.Text)
		}
		if got := strings.Join(texts, " "); got != test.want || page.Next != test.next || page.Dropped != test.dropped {
			t.Errorf("since %d, %d: %q, next %d, dropped %d", test.since, test.limit, got, page.Next, page.Dropped)
		}
	}
}

// Readers that follow miss nothing silently, however many write.
func TestRingFlood(t *testing.T) {
	const writers, each = 4, 2000
	ring := monitor.NewRing(64)
	log := slog.New(ring.Handler(slog.NewTextHandler(io.Discard, nil)))
	var writing sync.WaitGroup
	for range writers {
		writing.Go(func() {
			for range each {
				log.Info("line", "session", "x")
			}
		})
	}
	done := make(chan struct{})
	go func() { writing.Wait(); close(done) }()
	seen, lost, next := 0, uint64(0), uint64(1)
	for last := false; ; {
		page := ring.Since(next, 16)
		for i, line := range page.Lines {
			if line.Seq != next+page.Dropped+uint64(i) {
				t.Fatalf("line %d where %d was wanted", line.Seq, next+page.Dropped+uint64(i))
			}
		}
		seen, lost, next = seen+len(page.Lines), lost+page.Dropped, page.Next
		if len(page.Lines) > 0 {
			continue
		}
		if last {
			break
		}
		select {
		case <-done:
			last = true
		default:
		}
	}
	if seen+int(lost) != writers*each {
		t.Errorf("%d seen and %d lost of %d", seen, lost, writers*each)
	}
}
