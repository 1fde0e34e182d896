//go:build unix

package config_test

import (
	"strings"
	"syscall"
	"testing"

	"github.com/clasp-studio/clasp/config"
)

// TestPipes: nobody writes to these, so whoever opens one waits for ever.
func TestPipes(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, name := range []string{"cert", "key", "secret", "public", "config"} {
		if err := syscall.Mkfifo(name, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	loaded, err := config.Load(flags(t, "tls-cert=cert", "tls-key=key", "token-secret-file=secret", "token-public-key=public"), nil)
	if err != nil {
		t.Fatal(err)
	}
	missing := loaded.Missing()
	if len(missing) != 4 {
		t.Errorf("got %d problems, want 4: %v", len(missing), missing)
	}
	for _, p := range missing {
		if !strings.Contains(p.String(), "not a regular file") {
			t.Error(p)
		}
	}
	if files := loaded.Config.Files(); len(files) != 0 {
		t.Errorf("files %v", files)
	}
	if _, err := config.Load(flags(t, "config=config"), nil); err == nil || !strings.Contains(err.Error(), "config: cannot read the configuration: not a regular file") {
		t.Errorf("a configuration in a pipe: %v", err)
	}
}
