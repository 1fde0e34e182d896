// Package quiet logs what may happen a thousand times a second, but not as often.
package quiet

import (
	"log/slog"
	"sync/atomic"
	"time"
)

// every is the least time between two lines.
const every = 10 * time.Second

// Log is one kind of line. The zero value is ready, for any goroutine.
type Log struct{ last atomic.Int64 }

// Warn logs a warning, unless it has within the last 10 s.
func (q *Log) Warn(l *slog.Logger, text string, args ...any) {
	now := time.Now().UnixNano()
	if last := q.last.Load(); now-last >= int64(every) && q.last.CompareAndSwap(last, now) {
		l.Warn(text, args...)
	}
}
