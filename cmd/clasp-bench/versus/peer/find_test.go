// Programs are built once for the same sources, and what is missing is said with the way to
// get it.

package peer

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestCached(t *testing.T) {
	t.Setenv(cacheVariable, t.TempDir())
	sources := t.TempDir()
	source := filepath.Join(sources, "main.x")
	change := func(text string) {
		if err := os.WriteFile(source, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	builds := 0
	get := func() (string, error) {
		return cached(t.Context(), "thing", sources, []string{"main.x"}, func(_ context.Context, out string) error {
			builds++
			return os.WriteFile(out, []byte("program"), 0o600)
		})
	}
	change("one")
	first, err := get()
	if err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(first); err != nil || string(text) != "program" {
		t.Errorf("%q, %v", text, err)
	}
	if again, err := get(); err != nil || again != first || builds != 1 {
		t.Errorf("the same sources: %s after %s, %d builds, %v", again, first, builds, err)
	}
	change("two")
	if second, err := get(); err != nil || second == first || builds != 2 {
		t.Errorf("other sources: %s after %s, %d builds, %v", second, first, builds, err)
	}
}

func TestCachedFailure(t *testing.T) {
	cache := t.TempDir()
	t.Setenv(cacheVariable, cache)
	refused := errors.New("refused")
	_, err := cached(t.Context(), "thing", t.TempDir(), nil, func(_ context.Context, out string) error {
		return errors.Join(os.WriteFile(out, []byte("half a program"), 0o600), refused)
	})
	if !errors.Is(err, refused) {
		t.Errorf("a build that fails: %v", err)
	}
	if left, err := os.ReadDir(cache); err != nil || len(left) > 0 {
		t.Errorf("it leaves %v, %v", left, err)
	}
}

func TestMissing(t *testing.T) {
	p := &Peer{Name: "nobody", find: installed("no-such-server", "--version", regexp.MustCompile(`(.)`)), install: "write it first"}
	_, err := p.Find(t.Context())
	for _, word := range []string{"nobody", "no-such-server is not installed", "write it first"} {
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%v does not say %q", err, word)
		}
	}
}

func TestMute(t *testing.T) {
	mute, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if version, err := says(t.Context(), mute, "-test.run=^$", regexp.MustCompile(`version (\d+)`)); err == nil {
		t.Errorf("a program that does not tell its version has version %q", version)
	}
}

func TestNotWanted(t *testing.T) {
	t.Setenv(cacheVariable, t.TempDir())
	t.Setenv(rustSwitch, "0")
	if _, err := reference(t.Context()); !errors.Is(err, errNotBuilt) {
		t.Errorf("the reference that nobody wants to wait for: %v", err)
	}
}
