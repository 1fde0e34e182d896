package main

import (
	"os"
	"path/filepath"
	"testing"
)

// TestWriteOver: the new content or the old, and nothing beside it.
func TestWriteOver(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	for _, text := range []string{"one", "", "another"} {
		if err := writeOver(path, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != text {
			t.Errorf("%q, %v, want %q", got, err, text)
		}
	}
	inTheWay := filepath.Join(dir, "directory")
	if err := os.MkdirAll(filepath.Join(inTheWay, "full"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := writeOver(inTheWay, []byte("one")); err == nil {
		t.Error("a directory was replaced")
	}
	if err := writeOver(filepath.Join(dir, "missing", "file"), []byte("one")); err == nil {
		t.Error("written where no directory is")
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 2 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}
