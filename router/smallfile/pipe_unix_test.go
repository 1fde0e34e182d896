//go:build unix

package smallfile_test

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/clasp-studio/clasp/router/smallfile"
)

// TestReadPipe: nobody writes to this pipe, so whoever opens it waits for ever.
func TestReadPipe(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := smallfile.Read(pipe); err == nil || !strings.Contains(err.Error(), "not a directory, a pipe or <(...)") {
		t.Errorf("a pipe: %v", err)
	}
}
