package main

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
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
				log, err := openLog(config.Logging{Level: name, Format: format}, &out)
				if err != nil {
					t.Fatal(err)
				}
				for _, level := range []slog.Level{levelTrace, slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError} {
					log.Log(context.Background(), level, "line")
				}
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
