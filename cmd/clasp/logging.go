// The server's log: text for people, JSON for machines, five levels, to stdout
// or to a file that can be reopened after a rotation.

package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"syscall"

	"github.com/clasp-studio/clasp/config"
	"github.com/clasp-studio/clasp/router"
	"github.com/clasp-studio/clasp/router/monitor"
)

// levelTrace is one step below slog's lowest.
const levelTrace = router.LevelTrace

// logLevels are the levels of --log-level.
var logLevels = map[string]slog.Level{
	"error": slog.LevelError,
	"warn":  slog.LevelWarn,
	"info":  slog.LevelInfo,
	"debug": slog.LevelDebug,
	"trace": levelTrace,
}

// serverLog is a logger whose level and file can change while it is in use.
type serverLog struct {
	*slog.Logger
	level  slog.LevelVar
	output *logOutput
	ring   *monitor.Ring // the last lines, for who looks on
}

// logRing is how many lines the ring holds: as many as one question may ask for.
const logRing = monitor.MaxLogs

// openLog opens the log that c describes; an empty file is stdout. What goes
// wrong with the log itself is said on stderr.
func openLog(c config.Logging, stdout, stderr io.Writer) (*serverLog, error) {
	file, err := openLogFile(c.File)
	if err != nil {
		return nil, err
	}
	l := new(serverLog)
	l.level.Set(logLevels[c.Level])
	newLogger := func(w io.Writer) *slog.Logger {
		options := &slog.HandlerOptions{Level: &l.level, ReplaceAttr: nameTrace}
		if c.Format == "json" {
			return slog.New(slog.NewJSONHandler(w, options))
		}
		return slog.New(slog.NewTextHandler(w, options))
	}
	l.output = startLogOutput(stdout, stderr, file, newLogger)
	l.ring = monitor.NewRing(logRing)
	l.Logger = slog.New(l.ring.Handler(newLogger(l.output).Handler()))
	return l, nil
}

// nameTrace prints the level that slog has no word for.
func nameTrace(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && a.Key == slog.LevelKey && a.Value.Any() == levelTrace {
		a.Value = slog.StringValue("TRACE")
	}
	return a
}

// openLogFile opens path for appending. It returns nil, which stands for
// stdout, when there is none.
func openLogFile(path string) (*os.File, error) {
	if path == "" {
		return nil, nil
	}
	// Without waiting: a FIFO nobody reads is an error, not the end of the router.
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND|syscall.O_NONBLOCK, 0o640) //nolint:gosec // G302: a group such as adm reads logs
	if err != nil {
		return nil, fmt.Errorf("open the log file: %w", err)
	}
	return f, nil
}
