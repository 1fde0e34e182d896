// The reference, in Rust: it takes minutes to build, once.

package peer

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
)

// rustSwitch is an environment variable: "0" says that nobody wants to wait for the
// reference to be built.
const rustSwitch = "CLASP_BENCH_RUST"

var errNotBuilt = errors.New("it has not been built yet, which takes minutes, and " + rustSwitch + "=0 says not to")

// reference finds or builds cmd/clasp-bench/peers/clasp-rs.
func reference(ctx context.Context) (program, error) {
	root, err := sources(ctx)
	if err != nil {
		return program{}, err
	}
	dir := filepath.Join(root, "cmd", "clasp-bench", "peers", "clasp-rs")
	path, err := cached(ctx, "clasp-rs", dir, []string{"Cargo.toml", "Cargo.lock", "src/main.rs"}, func(ctx context.Context, out string) error {
		if os.Getenv(rustSwitch) == "0" {
			return errNotBuilt
		}
		cargo, err := exec.LookPath("cargo")
		if err != nil {
			return errors.New("cargo is not installed")
		}
		target := filepath.Join(filepath.Dir(out), "target")
		cmd := exec.CommandContext(ctx, cargo, "build", "--quiet", "--release", "--locked", "--manifest-path", filepath.Join(dir, "Cargo.toml"))
		cmd.Env = append(os.Environ(), "CARGO_TARGET_DIR="+target)
		if err := explained(cmd); err != nil {
			return err
		}
		if err := os.Rename(filepath.Join(target, "release", "clasp-rs"), out); err != nil {
			return err
		}
		return os.RemoveAll(target) // hundreds of megabytes that nobody needs again
	})
	if err != nil {
		return program{}, err
	}
	version, err := says(ctx, path, "--version", regexp.MustCompile(`clasp-router (\S+)`))
	return program{path, version}, err
}
