package history

import (
	"errors"
	"flag"
	"os"
	"testing"
)

// Drawn writes what Check has found to a page for a browser, and says where: among the test's artifacts when they are kept
// (go test -artifacts), and else where it stays until somebody has looked.
func Drawn(t testing.TB, found error) string {
	var v *Violation
	if !errors.As(found, &v) || !v.drawn {
		return "there is nothing to draw"
	}
	dir := os.TempDir()
	if f := flag.Lookup("test.artifacts"); f != nil && f.Value.String() == "true" {
		dir = t.ArtifactDir()
	}
	f, err := os.CreateTemp(dir, "history-*.html")
	if err == nil {
		err = errors.Join(v.Draw(f), f.Close())
	}
	if err != nil {
		return "it could not be drawn: " + err.Error()
	}
	return "drawn in " + f.Name()
}
