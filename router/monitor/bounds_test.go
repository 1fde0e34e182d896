// What somebody types and what is logged costs no more than it may.

package monitor_test

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/clasp-studio/clasp/router/monitor"
)

func TestFilterTooCostly(t *testing.T) {
	for _, text := range []string{
		"~.{1000}", "~(.{0,30}){30}x", "~" + strings.Repeat(".{0,999}", 120) + "Z", "value:~((a{9}){9}){9}", `~(\pL{5,100}){3}`, "!~" + strings.Repeat("ab", 200),
	} {
		if _, err := monitor.ParseFilter(text); !errors.Is(err, monitor.ErrInvalid) || !strings.Contains(err.Error(), "too costly") {
			t.Errorf("%.30s: %v", text, err)
		}
	}
	for _, text := range []string{"~a)(b", "~a)|(?:b", "~(a"} {
		if _, err := monitor.ParseFilter(text); !errors.Is(err, monitor.ErrInvalid) || !strings.Contains(err.Error(), ")") || strings.Contains(err.Error(), "?i") {
			t.Errorf("%s: %v", text, err)
		}
	}
	for _, text := range []string{`~^/stage/\d{1,3}/(dim|red)$`, `~\d{1,3}(\.\d{1,3}){3}`, "~" + strings.Repeat("a", 150), `~(?-i:A)b`} {
		if _, err := monitor.ParseFilter(text); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// A filter that takes too long for so many connections ends with words, and holds up nobody.
func TestTableTooSlow(t *testing.T) {
	rows := make([]monitor.Client, 10_000)
	for i := range rows {
		rows[i] = monitor.Client{ID: fmt.Sprint(i), Name: strings.Repeat("n", 256), Remote: strings.Repeat("r", 256)}
	}
	var table monitor.Table
	now, collected := time.Now(), 0
	all := func() []monitor.Client { collected++; return rows }
	slow := monitor.ClientQuery{Filter: "~" + strings.Repeat(".{0,9}", 8) + "Z", Limit: 10}
	for range 2 {
		if page := table.Page(all, slow, now); page.Error != monitor.ErrTooSlow.Error() || len(page.Rows) != 0 || page.Total != len(rows) {
			t.Errorf("%q, %d rows", page.Error, len(page.Rows))
		}
	}
	if page := table.Page(all, monitor.ClientQuery{Filter: "nn", Limit: 10}, now); page.Error != "" || page.Shown != len(rows) || collected != 1 {
		t.Errorf("%q, %d shown, collected %d times", page.Error, page.Shown, collected)
	}
}

// A line takes no more than a bound, whatever clients put into it.
func TestRingLineIsBounded(t *testing.T) {
	r := monitor.NewRing(5)
	log := slog.New(r.Handler(nil))
	long := strings.Repeat("a\u0301\u0302\u0303\u0304", 300)
	var attrs []any
	for i := range 10 {
		attrs = append(attrs, fmt.Sprint("k", i), long)
	}
	log.With(attrs...).Info(long, attrs...)
	log.Info(long, "session", long)
	for _, l := range r.Since(0, 5).Lines {
		for _, text := range []string{l.Text, l.Attrs, l.Session} {
			if len(text) > 1<<10 || !utf8.ValidString(text) || len(text) > 900 && !strings.HasSuffix(text, "…") {
				t.Errorf("%d bytes: …%q", len(text), text[len(text)-8:])
			}
		}
	}
}
