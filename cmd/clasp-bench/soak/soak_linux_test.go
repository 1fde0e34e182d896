// Soaks of the real router. They look at it through /proc.

package soak_test

import (
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/cmd/clasp-bench/internal/process"
	"github.com/clasp-studio/clasp/cmd/clasp-bench/soak"
)

var (
	lasts    = flag.Duration("soak.for", time.Minute, "how long TestSoak soaks a router after the rehearsal")
	server   = flag.String("soak.server", "", "the clasp program that TestSoak soaks; empty = that of this module, built for it")
	sessions = flag.Int("soak.sessions", 200, "how many sessions TestSoak has at once")
)

// built is where TestMain has room for the program, and builds it once for all tests that need it.
var built struct {
	dir   string
	build func() (string, error)
}

func TestMain(m *testing.M) {
	var err error
	if built.dir, err = os.MkdirTemp("", "clasp-soak-test-"); err != nil {
		panic(err)
	}
	built.build = sync.OnceValues(func() (string, error) {
		return process.Build(context.Background(), built.dir, "github.com/clasp-studio/clasp/cmd/clasp")
	})
	code := m.Run()
	_ = os.RemoveAll(built.dir) // it is a temporary one
	os.Exit(code)
}

// programFor is the clasp that a test soaks.
func programFor(t *testing.T) string {
	t.Helper()
	if *server != "" {
		return *server
	}
	program, err := built.build()
	if err != nil {
		t.Fatal(err)
	}
	return program
}

// TestSoak soaks the real router: every promise is looked at, and every one holds.
func TestSoak(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skipf("%s takes more than a minute", t.Name())
	}
	program, dir := programFor(t), t.TempDir()
	r, err := soak.Run(t.Context(), soak.Options{Sessions: *sessions, For: *lasts, Round: 4 * time.Second, Progress: t.Output()}, program, dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Write(t.Output()); err != nil {
		t.Fatal(err)
	}
	if err := r.Err(); err != nil {
		t.Error(err)
	}
	for _, h := range r.Held {
		if h.Held == 0 {
			t.Errorf("%s: never looked at", h.Promise)
		}
	}
}

// TestBrokenOff: a soak that is broken off reports what it has seen until then, blames the
// router for nothing, and is no success.
func TestBrokenOff(t *testing.T) {
	t.Parallel()
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	progress := writer(func(line []byte) {
		if bytes.Contains(line, []byte("begins")) {
			interrupt()
		}
	})
	r, err := soak.Run(ctx, soak.Options{Sessions: 40, For: time.Hour, Round: time.Second, Progress: progress}, programFor(t), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if r.Failures > 0 || r.Ended || r.Done["comparisons"] == 0 {
		t.Errorf("%d failures (%q), ended %t, done %v", r.Failures, r.Words, r.Ended, r.Done)
	}
	if err := r.Err(); err == nil {
		t.Error("it counts as a success")
	}
}

// writer hears of each line.
type writer func(line []byte)

func (w writer) Write(line []byte) (int, error) {
	w(line)
	return len(line), nil
}

// TestGone: a router that dies under the soak is what the report is about.
func TestGone(t *testing.T) {
	t.Parallel()
	program := programFor(t)
	dir := t.TempDir()
	progress := writer(func(line []byte) {
		if bytes.Contains(line, []byte("begins")) {
			killIn(t, dir)
		}
	})
	r, err := soak.Run(t.Context(), soak.Options{Sessions: 40, For: time.Hour, Round: time.Second, Progress: progress}, program, dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Err(); err == nil || !slices.ContainsFunc(r.Words, func(w string) bool { return strings.Contains(w, "the server has ended") }) {
		t.Errorf("%v: %q", err, r.Words)
	}
}

// killIn kills the router whose folder this is.
func killIn(t *testing.T, dir string) {
	all, err := filepath.Glob("/proc/[0-9]*/cwd")
	if err != nil {
		t.Error(err)
	}
	for _, link := range all {
		if to, err := os.Readlink(link); err != nil || to != dir {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(link)))
		if err == nil {
			err = syscall.Kill(pid, syscall.SIGKILL)
		}
		if err != nil {
			t.Error(err)
		}
		return
	}
	t.Errorf("no router runs in %s", dir)
}
