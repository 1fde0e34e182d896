package main_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestBuiltByProfile: a build without any flags takes default.pgo, which tells the compiler the hot paths. Beside
// clasp-bench, which has none, what is compiled by it is listed as packages of their own.
func TestBuiltByProfile(t *testing.T) {
	list := exec.Command("go", "list", "-deps", ".", "../clasp-bench")
	list.Env = append(os.Environ(), "GOFLAGS=")
	out, err := list.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	const router = "github.com/clasp-studio/clasp/router [github.com/clasp-studio/clasp/cmd/clasp]"
	if !strings.Contains(string(out), router) {
		t.Errorf("go list -deps does not name %s", router)
	}
}
