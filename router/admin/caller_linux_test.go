package admin_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/clasp-studio/clasp/router/admin"
)

const callAs = "CLASP_TEST_CALL"

// TestCallAs calls for TestOtherUser, which starts this program again as somebody else.
func TestCallAs(t *testing.T) {
	path := os.Getenv(callAs)
	if path == "" {
		return
	}
	if err := admin.Call(context.Background(), path, "POST /word", nil, new(string)); err != nil {
		t.Fatal(err)
	}
}

// TestOtherUser: even with the socket open to everybody, other users are turned away.
func TestOtherUser(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip(t.Name(), "needs root, to be another user")
	}
	dir := places(t)
	s := listen(t, "hello")
	for _, path := range []string{filepath.Dir(filepath.Dir(dir)), filepath.Dir(dir), dir, s.Path()} {
		if err := os.Chmod(path, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	program, err := os.ReadFile(os.Args[0]) // where it is, only root may go
	if err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(filepath.Dir(filepath.Dir(dir)), "caller")
	if err := os.WriteFile(copied, program, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(copied, 0o755); err != nil {
		t.Fatal(err)
	}
	call := func(uid uint32) (string, error) {
		cmd := exec.Command(copied, "-test.run", "^TestCallAs$")
		cmd.Env, cmd.Dir = []string{callAs + "=" + s.Path()}, "/"
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := call(0); err != nil {
		t.Fatalf("root: %v: %s", err, out)
	}
	const nobody = 65534
	if out, err := call(nobody); err == nil || !strings.Contains(out, s.Path()) {
		t.Errorf("another user: %v: %s", err, out)
	}
}
