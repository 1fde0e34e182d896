package kit

import (
	"os"
	"path/filepath"
	"testing"
)

// Pulled copies the files of a running router's store, as they are after a power cut: the
// journal first, since what leaves it is in the database before. Nothing may be written
// meanwhile. It returns the path of the copy.
func Pulled(t testing.TB, path string) string {
	t.Helper()
	dir := t.TempDir()
	name := filepath.Base(path)
	to, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = to.Close() }()
	for _, suffix := range []string{".journal0", ".journal1", ""} {
		b, err := os.ReadFile(path + suffix)
		if suffix != "" && os.IsNotExist(err) {
			continue
		}
		if err == nil {
			err = to.WriteFile(name+suffix, b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, name)
}
