// The server's log: text for people, JSON for machines, five levels, to stdout
// or to a file that can be reopened after a rotation.

package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"

	"github.com/clasp-studio/clasp/config"
)

// levelTrace is one step below slog's lowest.
const levelTrace = slog.LevelDebug - 4

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
}

// openLog opens the log that c describes; an empty file is stdout.
func openLog(c config.Logging, stdout io.Writer) (*serverLog, error) {
	l := &serverLog{output: &logOutput{stdout: stdout}}
	file, err := openLogFile(c.File)
	if err != nil {
		return nil, err
	}
	l.output.use(file)
	l.level.Set(logLevels[c.Level])
	options := &slog.HandlerOptions{Level: &l.level, ReplaceAttr: nameTrace}
	if c.Format == "json" {
		l.Logger = slog.New(slog.NewJSONHandler(l.output, options))
	} else {
		l.Logger = slog.New(slog.NewTextHandler(l.output, options))
	}
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
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o640)
	if err != nil {
		return nil, fmt.Errorf("open the log file: %w", err)
	}
	return f, nil
}

// logOutput is where lines go now.
type logOutput struct {
	stdout io.Writer

	mu   sync.Mutex
	file *os.File // nil for stdout
}

func (o *logOutput) Write(line []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.file == nil {
		return o.stdout.Write(line)
	}
	return o.file.Write(line)
}

// use sends the lines that follow to file (nil for stdout) and closes the file
// before it.
func (o *logOutput) use(file *os.File) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.file != nil {
		_ = o.file.Close() // each line was written as it came; nothing is pending
	}
	o.file = file
}
