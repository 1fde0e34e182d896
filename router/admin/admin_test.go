//go:build unix

package admin_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/clasp-studio/clasp/router/admin"
)

const port = 7330

// places gives the test directories of its own, short enough for sockets, and returns where the first choice is.
func places(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "clasp")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	for _, name := range []string{"xdg", "tmp"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("RUNTIME_DIRECTORY", "")
	t.Setenv("XDG_RUNTIME_DIR", filepath.Join(dir, "xdg"))
	t.Setenv("TMPDIR", filepath.Join(dir, "tmp"))
	return filepath.Join(dir, "xdg", "clasp")
}

// listen opens a socket that answers with a word.
func listen(t *testing.T, word string) *admin.Server {
	t.Helper()
	s, err := admin.Listen(port, answering(word), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func answering(word string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /word", func(w http.ResponseWriter, _ *http.Request) { admin.Answer(w, http.StatusOK, word) })
	return mux
}

// expect asks the router on the port for its word.
func expect(t *testing.T, want string) {
	t.Helper()
	path, err := admin.Find(port)
	if err != nil {
		t.Fatal(err)
	}
	var got string
	if err := admin.Call(context.Background(), path, "POST /word", nil, &got); err != nil || got != want {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
}

func TestCall(t *testing.T) {
	dir := places(t)
	s := listen(t, "hello")
	expect(t, "hello")
	if want := filepath.Join(dir, "7330.sock"); s.Path() != want {
		t.Errorf("the socket is at %s, want %s", s.Path(), want)
	}
	for path, want := range map[string]os.FileMode{dir: 0o700 | os.ModeDir, s.Path(): 0o600 | os.ModeSocket} {
		if info, err := os.Lstat(path); err != nil || info.Mode() != want {
			t.Errorf("%s: %v, %v; want %v", path, info.Mode(), err, want)
		}
	}
	err := admin.Call(context.Background(), s.Path(), "GET /word", nil, new(string))
	if err == nil || !strings.Contains(err.Error(), "Method Not Allowed") {
		t.Errorf("an answer that is no JSON: %v", err)
	}
	s.Close()
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
	if err := admin.Call(context.Background(), s.Path(), "POST /word", nil, new(string)); err == nil || !strings.Contains(err.Error(), s.Path()) {
		t.Errorf("nobody there: %v", err)
	}
}

// A dead router's socket is replaced, a live one's is not, and neither is what is no socket.
func TestInTheWay(t *testing.T) {
	dir := places(t)
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "7330.sock")
	_ = socket(t, dir).Close() // a dead router's
	first := listen(t, "first")
	expect(t, "first")

	if s, err := admin.Listen(port, answering("second"), slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "another router has it") {
		t.Errorf("two on one socket: %v, %v", s, err)
	}
	expect(t, "first")

	// What has come in its place is not its own to remove.
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	listen(t, "third")
	first.Close()
	expect(t, "third")

	if err := os.WriteFile(filepath.Join(dir, "1.sock"), []byte("a file"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := admin.Listen(1, answering(""), slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "remove it") {
		t.Errorf("a file in the way: %v", err)
	}
	if text, _ := os.ReadFile(filepath.Join(dir, "1.sock")); string(text) != "a file" {
		t.Error("the file has gone")
	}
}

// A directory that others can write to, that is none, or whose name is too long for a socket is passed over.
func TestUnusableDirectory(t *testing.T) {
	open := func(mode os.FileMode) func(path string) (string, error) {
		return func(path string) (string, error) {
			if err := os.Mkdir(path, 0o700); err != nil {
				return "", err
			}
			return path, os.Chmod(path, mode) // whatever the umask
		}
	}
	for name, make := range map[string]func(path string) (string, error){
		"open to all":       open(0o702),
		"open to its group": open(0o720),
		"a file":            func(path string) (string, error) { return path, os.WriteFile(path, nil, 0o600) },
		"nowhere":           func(path string) (string, error) { return filepath.Join(path, "below"), nil },
		"a broken link":     func(path string) (string, error) { return path, os.Symlink("nothing", path) },
		"long": func(path string) (string, error) {
			path += strings.Repeat("g", 100)
			return path, os.Mkdir(path, 0o700)
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := places(t)
			unusable, err := make(filepath.Join(filepath.Dir(filepath.Dir(dir)), "first"))
			if err != nil {
				t.Fatal(err)
			}
			t.Setenv("RUNTIME_DIRECTORY", unusable+":/elsewhere")
			if s := listen(t, "hello"); filepath.Dir(s.Path()) != dir {
				t.Errorf("the socket is at %s", s.Path())
			}
			expect(t, "hello")
		})
	}
}

// socket listens where a router would in a directory, and leaves its name there.
func socket(t *testing.T, dir string) *net.UnixListener {
	t.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(dir, strconv.Itoa(port)+".sock"), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// What a dead router has left does not hide a live one in the next place, nor count among the others.
func TestFindPassesOverTheDead(t *testing.T) {
	dir := places(t)
	first := filepath.Join(filepath.Dir(filepath.Dir(dir)), "first")
	if err := os.Mkdir(first, 0o700); err != nil {
		t.Fatal(err)
	}
	_ = socket(t, first).Close()
	live := listen(t, "hello")
	t.Setenv("RUNTIME_DIRECTORY", first)
	expect(t, "hello")
	live.Close()
	if path, err := admin.Find(port); err == nil || strings.Contains(err.Error(), "but on") {
		t.Errorf("found %s, %v", path, err)
	}
	if path, err := admin.Find(port + 1); err == nil || strings.Contains(err.Error(), "but on") {
		t.Errorf("found %s, %v", path, err)
	}
}

// Root finds the routers of others where only they can have put them.
func TestRootFindsOthers(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip(t.Name(), "needs root, who finds everything")
	}
	places(t)
	const nobody = 65534
	dir := filepath.Join(os.TempDir(), "clasp-"+strconv.Itoa(nobody))
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	socket(t, dir)
	for _, test := range []struct {
		owner int
		want  bool
	}{{nobody, true}, {nobody - 1, false}, {0, false}} {
		if err := os.Chown(dir, test.owner, -1); err != nil {
			t.Fatal(err)
		}
		if path, err := admin.Find(port); (err == nil && filepath.Dir(path) == dir) != test.want {
			t.Errorf("of user %d: %s, %v", test.owner, path, err)
		}
	}
	if err := os.Rename(dir, filepath.Join(os.TempDir(), "clasp-somebody")); err != nil {
		t.Fatal(err)
	}
	if path, err := admin.Find(port); err == nil {
		t.Errorf("found %s", path)
	}
}

// A socket whose directory has been taken away, as systemd does it, is not there any more.
func TestReachable(t *testing.T) {
	dir := places(t)
	s := listen(t, "first")
	if !s.Reachable() {
		t.Error("a new socket is not reachable")
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if s.Reachable() {
		t.Error("reachable without its directory")
	}
	listen(t, "second")
	if s.Reachable() {
		t.Error("another's socket is taken for its own")
	}
	expect(t, "second")
}

// A trap in the shared directory is found by the router and by the commands.
func TestTrap(t *testing.T) {
	places(t)
	t.Setenv("XDG_RUNTIME_DIR", "")
	trap := filepath.Join(os.TempDir(), "clasp-"+strconv.Itoa(os.Geteuid()))
	if err := os.Mkdir(trap, 0o700); err != nil {
		t.Fatal(err)
	}
	socket(t, trap)
	if path, err := admin.Find(port); err != nil || filepath.Dir(path) != trap {
		t.Fatalf("before it is a trap: %s, %v", path, err)
	}
	if err := os.Chmod(trap, 0o777); err != nil {
		t.Fatal(err)
	}
	if path, err := admin.Find(port); err == nil && filepath.Dir(path) == trap {
		t.Errorf("found %s", path)
	}
}

func TestFindNamesOthers(t *testing.T) {
	places(t)
	listen(t, "hello")
	_, err := admin.Find(port + 1)
	if err == nil || !strings.Contains(err.Error(), "on port 7331, but on 7330") {
		t.Errorf("%v", err)
	}
}

// A body has an end.
func TestLargeBody(t *testing.T) {
	places(t)
	s, err := admin.Listen(port, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		admin.Answer(w, http.StatusOK, n > 2<<20 || err == nil)
	}), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", s.Path())
	}}}
	response, err := client.Post("http://router/", "text/plain", io.LimitReader(zeros{}, 4<<20))
	if err != nil {
		return // cut while it was sending
	}
	defer response.Body.Close()
	if text, _ := io.ReadAll(response.Body); strings.TrimSpace(string(text)) != "false" {
		t.Errorf("4 MiB were read: %s", text)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }
