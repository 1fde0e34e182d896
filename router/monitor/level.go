// Levels as words, in JSON too.

package monitor

import (
	"fmt"
	"log/slog"
	"slices"
)

// levelWords are the words of the levels, from LevelTrace on.
var levelWords = []string{"trace", "debug", "info", "warn", "error"}

// String is the word that --log-level has for a level.
func (l Level) String() string {
	return levelWords[min(max(l, LevelTrace), LevelError)-LevelTrace]
}

// MarshalText writes the word.
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText reads the word.
func (l *Level) UnmarshalText(text []byte) error {
	i := slices.Index(levelWords, string(text))
	if i < 0 {
		return fmt.Errorf("%w: %q is no level", ErrInvalid, text)
	}
	*l = LevelTrace + Level(i)
	return nil
}

// levelOf is the level of a line of the log.
func levelOf(l slog.Level) Level {
	switch {
	case l < slog.LevelDebug:
		return LevelTrace
	case l < slog.LevelInfo:
		return LevelDebug
	case l < slog.LevelWarn:
		return LevelInfo
	case l < slog.LevelError:
		return LevelWarn
	default:
		return LevelError
	}
}
