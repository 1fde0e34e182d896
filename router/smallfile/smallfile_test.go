// What is read, and what is refused before it is opened.

package smallfile_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/clasp-studio/clasp/router/smallfile"
)

func put(t *testing.T, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, content, 0o640); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestRead(t *testing.T) {
	for _, content := range [][]byte{{}, []byte("text"), bytes.Repeat([]byte("x"), smallfile.Limit)} {
		text, mode, err := smallfile.Read(put(t, content))
		if err != nil || !bytes.Equal(text, content) || runtime.GOOS != "windows" && mode != 0o640 {
			t.Errorf("%d bytes: got %d, mode %v, %v", len(content), len(text), mode, err)
		}
	}
	if _, _, err := smallfile.Read(put(t, make([]byte, smallfile.Limit+1))); err == nil || !strings.Contains(err.Error(), "more than 16777216 bytes") {
		t.Errorf("one byte over the limit: %v", err)
	}
}

func TestReadFollowsLinks(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skipf("%s: symbolic links need a right of their own on Windows", t.Name())
	}
	file := put(t, []byte("text"))
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(file, link); err != nil {
		t.Fatal(err)
	}
	if text, mode, err := smallfile.Read(link); err != nil || string(text) != "text" || mode != 0o640 {
		t.Errorf("%q, %v, %v", text, mode, err)
	}
}

// TestReadRefuses: the error says why and leaves the name to the caller.
func TestReadRefuses(t *testing.T) {
	dir := t.TempDir()
	missing := filepath.Join(dir, "missing")
	_, _, err := smallfile.Read(missing)
	if !errors.Is(err, fs.ErrNotExist) || strings.Contains(err.Error(), missing) {
		t.Errorf("a file that is not there: %v", err)
	}
	for _, path := range []string{dir, os.DevNull} {
		if _, _, err := smallfile.Read(path); err == nil || !strings.Contains(err.Error(), "not a regular file") || strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", path, err)
		}
	}
}
