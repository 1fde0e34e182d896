package ws_test

// A disk that gets full: "ERROR 500 if it could not be" (protocol section 5), and promise 9.

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/clasp-studio/clasp/router/wire"
)

func TestCommitDiskFull(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skipf("%s needs root: it mounts a small tmpfs", t.Name())
	}
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=8m"); err != nil {
		t.Skipf("%s needs to mount a tmpfs, which is not permitted here: %v", t.Name(), err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	g := start(t, durable(t, filepath.Join(dir, "state.db")))
	c, reader := g.join(t), g.join(t)
	c.send(t, wire.Commit, set("/a", "before"))
	c.expectAck(t, "/a")
	reader.subscribe(t, 1, "/**", 0)

	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 16<<20), 0o600); err == nil {
		t.Fatal("the disk does not get full")
	}
	large := strings.Repeat("x", 50_000)
	refused := false
	for n := uint64(2); !refused && n < 1000; n++ { // the file has some free pages of its own
		c.send(t, wire.Commit, set("/a", large))
		f := c.next(t)
		if refused = f.kind == wire.TypeError; !refused {
			reader.expectSet(t, "/a", val(large), n)
			continue
		}
		if m := must(t, f, wire.DecodeError); m.Code != wire.CodeInternal || string(m.Address) != "/a" {
			t.Errorf("refused with %+v", m)
		}
		// Not applied, and told nobody.
		if e := c.get(t, "/a"); e.Revision != n-1 {
			t.Errorf("revision %d after a commit that failed, want %d", e.Revision, n-1)
		}
	}
	if !refused {
		t.Fatal("a thousand commits fit a full disk")
	}
	reader.quiet(t)
	// New params and bundles leave nothing behind either.
	params := g.Stats().Params
	c.send(t, wire.Commit, set("/new", large))
	c.expectErrorAbout(t, wire.CodeInternal, "/new")
	c.send(t, wire.Commit, bundle(set("/new", 1), set("/b", large)))
	c.expectError(t, wire.CodeInternal)
	if n := g.Stats().Params; n != params {
		t.Errorf("%d params, there were %d", n, params)
	}
	// The rest goes on.
	c.send(t, wire.Confirm, set("/b", 1))
	c.expectAck(t, "/b")
	reader.expectSet(t, "/b", val(1), 1)

	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	eventually(t, "commits to succeed again", func() bool {
		c.send(t, wire.Commit, set("/new", large))
		return c.next(t).kind == wire.TypeAck
	})
}
