// Finds or installs what the interop tests need: Node, Python, Chromium, Cargo, and the public clients from npm, PyPI and
// crates.io at the exact versions of testdata/interop. The clients are installed once, in $INTEROP_CACHE or the user's cache
// folder.

package main_test

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// unavailable ends a test that lacks something of the machine: a skip where a person works, a failure where
// REQUIRE_INTEROP=1 says that everything is installed.
func unavailable(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("REQUIRE_INTEROP") == "1" {
		t.Fatalf(format, args...)
	}
	t.Skip(t.Name()+":", fmt.Sprintf(format, args...))
}

// program returns the path of the first of names that is installed.
func program(t *testing.T, names ...string) string {
	t.Helper()
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	unavailable(t, "%s is not installed", strings.Join(names, " or "))
	return ""
}

// cached returns a folder that install has filled once. Its name holds the hash of the files that pin what is in it, and it
// appears under that name only when it is complete, so that runs side by side or cut short do no harm.
func cached(t *testing.T, name string, pins []string, install func(dir string) *exec.Cmd) string {
	t.Helper()
	root := os.Getenv("INTEROP_CACHE")
	if root == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			unavailable(t, "no folder to keep the public clients in: %v; set INTEROP_CACHE", err)
		}
		root = filepath.Join(user, "clasp-interop")
	}
	hash := sha256.New()
	for _, pin := range pins {
		text, err := os.ReadFile(pin)
		if err != nil {
			t.Fatal(err)
		}
		hash.Write(text)
	}
	complete := filepath.Join(root, fmt.Sprintf("%s-%x", name, hash.Sum(nil)[:6]))
	if _, err := os.Stat(complete); err == nil {
		return complete
	}

	if err := os.MkdirAll(root, 0o755); err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp(root, name+"-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir) // nothing is left there once it is renamed
	if out, err := install(dir).CombinedOutput(); err != nil {
		unavailable(t, "installing %s: %v\n%s", name, err, out)
	}
	if err := os.Rename(dir, complete); err != nil {
		if _, lost := os.Stat(complete); lost != nil { // else another run was faster
			t.Fatal(err)
		}
	}
	return complete
}

// nodeModules returns a folder that has the public JavaScript client in its node_modules.
func nodeModules(t *testing.T) string {
	t.Helper()
	npm := program(t, "npm")
	pins := []string{"testdata/interop/js/package.json", "testdata/interop/js/package-lock.json"}
	return cached(t, "npm", pins, func(dir string) *exec.Cmd {
		for _, pin := range pins {
			copyFile(t, pin, filepath.Join(dir, filepath.Base(pin)))
		}
		install := exec.Command(npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1")
		install.Dir = dir
		return install
	})
}

// pythonWithClient returns a Python interpreter that has the public Python client.
func pythonWithClient(t *testing.T) string {
	t.Helper()
	python := program(t, "python3", "python")
	if err := exec.Command(python, "-c", "import ensurepip").Run(); err != nil {
		unavailable(t, "%s cannot make a virtual environment: install python3-venv", python)
	}
	const pins = "testdata/interop/py/requirements.txt"
	dir := cached(t, "venv", []string{pins}, func(dir string) *exec.Cmd {
		if out, err := exec.Command(python, "-m", "venv", dir).CombinedOutput(); err != nil {
			unavailable(t, "making a Python environment: %v\n%s", err, out)
		}
		return exec.Command(venvPython(dir), "-m", "pip", "install", "--quiet", "--retries=1", "--requirement", pins)
	})
	return venvPython(dir)
}

func venvPython(dir string) string {
	if runtime.GOOS == "windows" {
		return filepath.Join(dir, "Scripts", "python.exe")
	}
	return filepath.Join(dir, "bin", "python")
}

// rustAgent returns the program of testdata/interop/rust. It takes about a minute to build, and most of that is the client.
func rustAgent(t *testing.T) string {
	t.Helper()
	cargo := program(t, "cargo")
	const source = "testdata/interop/rust"
	pins := []string{source + "/Cargo.toml", source + "/Cargo.lock", source + "/src/main.rs"}
	dir := cached(t, "cargo", pins, func(dir string) *exec.Cmd {
		install := exec.Command(cargo, "install", "--quiet", "--locked", "--debug", "--path", source, "--root", dir)
		install.Env = append(os.Environ(), "CARGO_TARGET_DIR="+t.TempDir()) // hundreds of megabytes that nobody needs again
		return install
	})
	return filepath.Join(dir, "bin", "clasp-interop")
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, text, 0o644); err != nil {
		t.Fatal(err)
	}
}
