package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/clasp-studio/clasp/config"
)

// TestIDPath: what tells the routers of one user apart, and where each has its file.
func TestIDPath(t *testing.T) {
	user, err := os.UserConfigDir()
	if err != nil {
		t.Skipf("%s: skipped: no home here: %v", t.Name(), err)
	}
	user = filepath.Join(user, "clasp")
	service := t.TempDir()
	at := func(bind string, port int) config.Config { return config.Config{Bind: bind, Port: port} }
	kept := at("0.0.0.0", 7330)
	kept.Persistence = config.Persistence{Enabled: true, Path: filepath.Join("data", "state.db")}
	for _, test := range []struct {
		name  string
		c     config.Config
		state string // $STATE_DIRECTORY
		want  string
	}{
		{"everywhere", at("0.0.0.0", 7330), "", filepath.Join(user, "router-7330.id")},
		{"everywhere, IPv6 too", at("::", 7330), "", filepath.Join(user, "router-7330.id")},
		{"another port", at("0.0.0.0", 8000), "", filepath.Join(user, "router-8000.id")},
		{"one address", at("10.1.0.1", 7330), "", filepath.Join(user, "router-10.1.0.1-7330.id")},
		{"another address", at("10.1.0.2", 7330), "", filepath.Join(user, "router-10.1.0.2-7330.id")},
		{"this machine", at("localhost", 7330), "", filepath.Join(user, "router-localhost-7330.id")},
		{"IPv6", at("fd00::1", 7330), "", filepath.Join(user, "router-fd00__1-7330.id")},
		{"a service", at("0.0.0.0", 7330), service, filepath.Join(service, "router-7330.id")},
		{"a service with two directories", at("10.1.0.1", 7330), service + string(filepath.ListSeparator) + user, filepath.Join(service, "router-10.1.0.1-7330.id")},
		{"beside the state", kept, "", filepath.Join("data", "state.db.id")},
		{"beside the state of a service", kept, service, filepath.Join("data", "state.db.id")},
		{"any port", at("0.0.0.0", 0), service, ""},
	} {
		t.Setenv("STATE_DIRECTORY", test.state)
		if got, err := idPath(test.c); got != test.want || (err == nil) != (test.want != "") {
			t.Errorf("%s: %q, %v, want %q", test.name, got, err, test.want)
		}
	}
}

// TestKeptID: a file that a power cut has left empty is none, and one that holds something else is somebody's.
func TestKeptID(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "for it")
	path := filepath.Join(dir, "router.id")
	ids := map[string]bool{}
	for _, before := range []string{"no file", "an empty one"} {
		if before == "an empty one" {
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		first, err := keptID(path)
		if err != nil || !isID.MatchString(first) {
			t.Fatalf("%s: %q, %v", before, first, err)
		}
		if again, err := keptID(path); err != nil || again != first {
			t.Errorf("%s: %s, then %q, %v", before, first, again, err)
		}
		ids[first] = true
	}
	if len(ids) != 2 {
		t.Errorf("two routers have the IDs %v", ids)
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != 1 {
		t.Errorf("left behind: %v, %v", files, err)
	}
	if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if id, err := keptID(path); err == nil {
		t.Errorf("no ID is taken for %q", id)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "x" {
		t.Errorf("overwritten: %q, %v", text, err)
	}
}
