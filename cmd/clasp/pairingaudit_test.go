package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/pairing"
)

// auditing is an audit log in a new directory, and what it complains of.
func auditing(t *testing.T) (a *auditLog, complaints *bytes.Buffer) {
	t.Helper()
	complaints = new(bytes.Buffer)
	a = newAuditLog(filepath.Join(t.TempDir(), "audit.log"), slog.New(slog.NewTextHandler(complaints, nil)))
	t.Cleanup(a.close)
	return a, complaints
}

// TestAuditRotates: the file ends at its size, three more are kept, and no line is lost in between.
func TestAuditRotates(t *testing.T) {
	a, complaints := auditing(t)
	if err := os.WriteFile(a.path, []byte(`{"cut":`), 0o600); err != nil {
		t.Fatal(err)
	}
	const lines = 600
	for n := range lines {
		a.write(pairing.Event{What: fmt.Sprint(n), Detail: strings.Repeat("x", 10_000)})
	}
	files, err := filepath.Glob(a.path + "*")
	if err != nil || len(files) != 1+auditKept {
		t.Fatalf("%d files: %v", len(files), files)
	}
	next := lines - 1
	for _, name := range []string{"", ".1", ".2", ".3"} {
		text, err := os.ReadFile(a.path + name)
		if err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(a.path + name); err != nil || info.Mode() != auditMode || info.Size() > auditBytes {
			t.Errorf("%s: %v %v", name, info, err)
		}
		all := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
		for i := len(all) - 1; i >= 0; i-- {
			var e pairing.Event
			if err := json.Unmarshal([]byte(all[i]), &e); err != nil || e.What != fmt.Sprint(next) {
				t.Fatalf("%s line %d: %q, want %d: %v", name, i, e.What, next, err)
			}
			next--
		}
	}
	if next < 0 || complaints.Len() > 0 {
		t.Errorf("%d lines are gone; %s", next+1, complaints)
	}
}

// TestAuditEndsCutLine: a line that a crash has cut short does not spoil the next one.
func TestAuditEndsCutLine(t *testing.T) {
	a, _ := auditing(t)
	if err := os.WriteFile(a.path, []byte(`{"cut":`), 0o600); err != nil {
		t.Fatal(err)
	}
	a.write(pairing.Event{What: "knock"})
	if text, err := os.ReadFile(a.path); err != nil || !strings.HasPrefix(string(text), "{\"cut\":\n{") || !bytes.HasSuffix(text, []byte("}\n")) {
		t.Errorf("%q, %v", text, err)
	}
}

// TestAuditFails: that it cannot be written is said once; it goes on when it can, with how many lines are missing.
func TestAuditFails(t *testing.T) {
	a, complaints := auditing(t)
	if err := os.Mkdir(a.path, 0o700); err != nil {
		t.Fatal(err)
	}
	a.write(pairing.Event{What: "knock"})
	a.write(pairing.Event{What: "knock"})
	if n := strings.Count(complaints.String(), "\n"); n != 1 {
		t.Errorf("said %d times: %s", n, complaints)
	}
	if err := os.Remove(a.path); err != nil {
		t.Fatal(err)
	}
	a.write(pairing.Event{What: "issued"})
	a.write(pairing.Event{What: "revoked"})
	text, err := os.ReadFile(a.path)
	lines := strings.Split(string(text), "\n")
	if err != nil || len(lines) != 4 || !strings.Contains(lines[0], `"what":"lost","detail":"2 events could not be written"`) ||
		!strings.Contains(lines[1], `"what":"issued"`) || !strings.Contains(lines[2], `"what":"revoked"`) {
		t.Errorf("%s, %v", text, err)
	}
}

// TestAuditCloses: a line that a disk holds up does not hold up the end of the router.
func TestAuditCloses(t *testing.T) {
	a, _ := auditing(t)
	a.mu.Lock() // as write does meanwhile
	closed := make(chan struct{})
	go func() {
		a.close()
		close(closed)
	}()
	select {
	case <-closed:
	case <-time.After(10 * time.Second):
		t.Error("it waits for the line")
	}
	a.mu.Unlock()
	<-closed
}
