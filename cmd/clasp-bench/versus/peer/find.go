// Finding the programs: those of the system by their names, those that are built by a
// folder of the user's cache that is named after what they are built from.

package peer

import (
	"bytes"
	"context"
	"crypto/sha256"
	"debug/buildinfo"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"sync"

	"github.com/clasp-studio/clasp/cmd/clasp-bench/internal/process"
)

// module is where the sources of all that is built here are.
const module = "github.com/clasp-studio/clasp"

// program is a file that can be run.
type program struct{ path, version string }

// found is what has been found in this process, by the names of peers: looking again would
// tell the same, and build again.
var found struct {
	sync.Mutex
	programs map[string]program
}

// found returns the program of a peer.
func (p *Peer) found(ctx context.Context) (program, error) {
	found.Lock()
	defer found.Unlock()
	if have, ok := found.programs[p.Name]; ok {
		return have, nil
	}
	have, err := p.find(ctx)
	if err != nil {
		return program{}, fmt.Errorf("%s is not available: %w; %s", p.Name, err, p.install)
	}
	if found.programs == nil {
		found.programs = make(map[string]program)
	}
	found.programs[p.Name] = have
	return have, nil
}

// installed finds a program of the system, and its version in what it says.
func installed(name, flag string, version *regexp.Regexp) func(context.Context) (program, error) {
	return func(ctx context.Context) (program, error) {
		path, err := exec.LookPath(name)
		if err != nil {
			// Debian keeps servers where only root looks.
			if path, err = exec.LookPath(filepath.Join("/usr/sbin", name)); err != nil {
				return program{}, fmt.Errorf("%s is not installed", name)
			}
		}
		said, err := says(ctx, path, flag, version)
		return program{path, said}, err
	}
}

// says runs a program that tells its version.
func says(ctx context.Context, path, flag string, version *regexp.Regexp) (string, error) {
	out, err := exec.CommandContext(ctx, path, flag).CombinedOutput()
	said := version.FindSubmatch(out) // some tell it, and then that they were not asked to start
	if said == nil {
		return "", fmt.Errorf("%s %s does not tell its version: %w: %.200q", path, flag, err, out)
	}
	return string(said[1]), nil
}

// sources is the folder of this module, which has to be there: what is run has to be what
// is measured.
func sources(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", module).Output()
	dir := string(bytes.TrimSpace(out))
	if err != nil || dir == "" {
		return "", fmt.Errorf("the sources of clasp-bench are not here: %w", err)
	}
	return dir, nil
}

// cacheVariable is an environment variable that names another folder than the user's.
const cacheVariable = "CLASP_BENCH_CACHE"

// cacheDir is where programs that were built stay.
func cacheDir() (string, error) {
	dir := os.Getenv(cacheVariable)
	if dir == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("there is no folder to keep programs in: %w; set %s", err, cacheVariable)
		}
		dir = filepath.Join(user, "clasp-bench")
	}
	return dir, os.MkdirAll(dir, 0o755) //nolint:gosec // whoever sets the variable has the rights of this program
}

// ours builds a program of this module. Its sources change, so that it is built each time,
// which costs little when they have not.
func ours(name, pkg string, version func(context.Context, string) (string, error)) func(context.Context) (program, error) {
	return func(ctx context.Context) (program, error) {
		cache, err := cacheDir()
		if err != nil {
			return program{}, err
		}
		dir, err := os.MkdirTemp(cache, "."+name+"-")
		if err != nil {
			return program{}, err
		}
		defer func() { _ = os.RemoveAll(dir) }() // only files of ours
		built, err := process.Build(ctx, dir, module+pkg)
		if err != nil {
			return program{}, err
		}
		path := filepath.Join(cache, filepath.Base(built))
		if err := os.Rename(built, path); err != nil { // one that runs keeps its own
			return program{}, err
		}
		said, err := version(ctx, path)
		return program{path, said}, err
	}
}

// cached returns the program in the cache that was built from the sources in dir, which
// are the files that have to be the same, and builds it where there is none. A folder
// appears in the cache under its name only when it is complete.
func cached(ctx context.Context, name, dir string, files []string, build func(ctx context.Context, out string) error) (string, error) {
	cache, err := cacheDir()
	if err != nil {
		return "", err
	}
	hash := sha256.New()
	_, _ = fmt.Fprintln(hash, runtime.Version()) // which never fails
	for _, f := range files {
		text, err := os.ReadFile(filepath.Join(dir, f))
		if err != nil {
			return "", err
		}
		hash.Write(text)
	}
	folder := filepath.Join(cache, fmt.Sprintf("%s-%x", name, hash.Sum(nil)[:6]))
	file := name + ".exe" // the suffix only matters to Windows
	if _, err := os.Stat(filepath.Join(folder, file)); err == nil {
		return filepath.Join(folder, file), nil
	}
	out, err := os.MkdirTemp(cache, "."+name+"-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(out) }() // nothing is left there once it is renamed
	if err := build(ctx, filepath.Join(out, file)); err != nil {
		return "", err
	}
	if err := os.Rename(out, folder); err != nil {
		if _, lost := os.Stat(filepath.Join(folder, file)); lost != nil { // else another run was faster
			return "", err
		}
	}
	return filepath.Join(folder, file), nil
}

// goPeer builds a package in the module of peers, cmd/clasp-bench/peers/go, whose go.mod
// fixes the versions. from is the module whose version counts.
func goPeer(name, pkg, from string, files ...string) func(context.Context) (program, error) {
	return func(ctx context.Context) (program, error) {
		root, err := sources(ctx)
		if err != nil {
			return program{}, err
		}
		dir := filepath.Join(root, "cmd", "clasp-bench", "peers", "go")
		path, err := cached(ctx, name, dir, append([]string{"go.mod", "go.sum"}, files...), func(ctx context.Context, out string) error {
			cmd := exec.CommandContext(ctx, "go", "build", "-o", out, pkg)
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
			return explained(cmd)
		})
		if err != nil {
			return program{}, err
		}
		info, err := buildinfo.ReadFile(path)
		if err != nil {
			return program{}, fmt.Errorf("read what %s is made of: %w", path, err)
		}
		for _, m := range append(info.Deps, &info.Main) { // nats-server is one of its own
			if m.Path == from {
				return program{path, m.Version}, nil
			}
		}
		return program{}, fmt.Errorf("%s is not made of %s", path, from)
	}
}

// explained runs a command that says why it fails.
func explained(cmd *exec.Cmd) error {
	if out, err := cmd.CombinedOutput(); err != nil {
		return errors.Join(fmt.Errorf("%s: %w", cmd, err), errors.New(string(lastLines(out))))
	}
	return nil
}

// lastLines is the end of what a compiler says.
func lastLines(out []byte) []byte {
	const keep = 20
	lines := slices.Collect(bytes.Lines(bytes.TrimSpace(out)))
	return bytes.Join(lines[max(0, len(lines)-keep):], nil)
}
