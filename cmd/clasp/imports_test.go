// Holds the import arrows of ARCHITECTURE.md: what each package may import, in ours and in others' modules. A package that is
// not in the list fails too, so that a new one gets its place on purpose.

package main_test

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/clasp-studio/clasp"

// arrows maps a package to everything outside the standard library that it may import. A path that starts with a slash is
// one of ours; "*" is any.
var arrows = map[string][]string{
	"/cmd/clasp":                        {"*"},
	"/cmd/clasp-bench":                  {"*"},
	"/cmd/clasp-bench/internal/barelog": {"/cmd/clasp-bench/internal/host"},
	"/cmd/clasp-bench/internal/host":    {"golang.org/x/sys/unix"},
	"/cmd/clasp-bench/internal/process": {"/cmd/clasp-bench/internal/host"},
	"/cmd/clasp-bench/internal/relay":   {},
	"/cmd/clasp-bench/peers/raw":        {"/cmd/clasp-bench/internal/relay"},
	"/cmd/clasp-bench/soak":             {"/cmd/clasp-bench/internal/host", "/cmd/clasp-bench/internal/process", "/router/cert", "/router/wire", "github.com/Shopify/toxiproxy/v2/stream", "github.com/Shopify/toxiproxy/v2/toxics", "github.com/gorilla/websocket", "github.com/quic-go/quic-go"},
	"/cmd/clasp-bench/versus":           {"/cmd/clasp-bench/internal/barelog", "/cmd/clasp-bench/internal/host", "/cmd/clasp-bench/internal/process", "/cmd/clasp-bench/versus/peer", "golang.org/x/sys/unix"},
	"/cmd/clasp-bench/versus/peer":      {"/cmd/clasp-bench/internal/host", "/cmd/clasp-bench/internal/process", "/cmd/clasp-bench/internal/relay", "/router/wire"},

	"/assets":  {},
	"/config":  {"/router/address", "/router/sites", "/router/smallfile", "go.yaml.in/yaml/v3"},
	"/pairing": {"/router/address", "/router/store", "go.etcd.io/bbolt", "golang.org/x/text/unicode/norm"},
	"/tui":     {"/config", "/pairing", "/router/monitor", "charm.land/bubbles/v2/key", "charm.land/bubbletea/v2", "github.com/charmbracelet/x/ansi", "golang.org/x/sys/unix", "golang.org/x/term"},

	"/router":                            {"/pairing", "/router/address", "/router/auth", "/router/monitor", "/router/outbox", "/router/param", "/router/store", "/router/subs", "/router/wire"},
	"/router/address":                    {},
	"/router/admin":                      {},
	"/router/auth":                       {"/router/address", "github.com/golang-jwt/jwt/v5"},
	"/router/cert":                       {"/router/smallfile"},
	"/router/client":                     {"/router/address", "/router/internal/datagram", "/router/wire", "github.com/gorilla/websocket", "github.com/quic-go/quic-go"},
	"/router/discovery":                  {"/router/wire", "golang.org/x/net/dns/dnsmessage", "golang.org/x/net/ipv4"},
	"/router/history":                    {"/router/client", "/router/wire", "github.com/anishathalye/porcupine"}, // for tests
	"/router/internal/datagram":          {"golang.org/x/net/ipv4", "golang.org/x/sys/unix", "golang.org/x/sys/windows"},
	"/router/internal/kit":               {"/router", "/router/client", "/router/wire"}, // for tests
	"/router/metrics":                    {"github.com/prometheus/client_golang/prometheus", "github.com/prometheus/client_golang/prometheus/collectors", "github.com/prometheus/client_golang/prometheus/promhttp"},
	"/router/monitor":                    {"/pairing", "/router/address", "golang.org/x/text/width"},
	"/router/monitor/remote":             {"/router/admin", "/router/monitor"},
	"/router/outbox":                     {},
	"/router/param":                      {"github.com/tidwall/btree"},
	"/router/pairweb":                    {"/assets", "/pairing"},
	"/router/sites":                      {},
	"/router/smallfile":                  {},
	"/router/transport":                  {}, // tests of all transports together
	"/router/transport/internal/door":    {"/router", "/router/transport/internal/network", "/router/transport/internal/quiet"},
	"/router/transport/internal/frame":   {"/router/wire"},
	"/router/transport/internal/network": {},
	"/router/transport/internal/quiet":   {},
	"/router/transport/quic":             {"/router", "/router/internal/datagram", "/router/transport/internal/network", "/router/transport/internal/quiet", "/router/wire", "github.com/quic-go/quic-go"},
	"/router/transport/tcp":              {"/router", "/router/transport/internal/door", "/router/transport/internal/frame", "/router/transport/internal/network", "/router/wire"},
	"/router/transport/udp":              {"/router", "/router/internal/datagram", "/router/transport/internal/frame", "/router/transport/internal/network", "/router/transport/internal/quiet", "/router/wire"},
	"/router/transport/ws":               {"/router", "/router/sites", "/router/transport/internal/door", "/router/transport/internal/network", "/router/transport/internal/quiet", "/router/wire", "github.com/gorilla/websocket"},
	"/router/store":                      {"go.etcd.io/bbolt", "go.etcd.io/bbolt/errors", "github.com/gofrs/flock", "golang.org/x/sys/unix"},
	"/router/subs":                       {"/router/address"},
	"/router/wire":                       {},
}

// offline are the packages that must work without a network: nothing they need, however deep, may open a socket. A package that
// needs net says so here if it is for its types alone: addresses in certificates, and on Windows those of sockets.
var offline = []string{
	"/config", "/pairing",
	"/router", "/router/address", "/router/auth", "/router/sites", "/router/smallfile", "/router/outbox", "/router/param", "/router/store", "/router/subs", "/router/wire",
}

var netForTypes = []string{"crypto/x509", "golang.org/x/sys/windows"}

type listed struct {
	ImportPath string
	Standard   bool
	Imports    []string
	Deps       []string
}

func TestImports(t *testing.T) {
	for _, goos := range []string{"linux", "darwin", "windows"} {
		t.Run(goos, func(t *testing.T) {
			packages := goList(t, goos)
			ours := 0
			for path, p := range packages {
				name, own := strings.CutPrefix(path, module)
				if !own {
					continue
				}
				ours++
				allowed, known := arrows[name]
				if !known {
					t.Errorf("%s has no place in the import map: add it to arrows in this test and to ARCHITECTURE.md", path)
				}
				for _, imported := range p.Imports {
					if packages[imported].Standard || imported == "unsafe" {
						continue
					}
					if !slices.Contains(allowed, "*") && !slices.Contains(allowed, strings.TrimPrefix(imported, module)) {
						t.Errorf("%s imports %s; it may import %q", path, imported, allowed)
					}
				}
				if !slices.Contains(offline, name) {
					continue
				}
				for _, needed := range append(p.Deps, path) {
					if slices.Contains(packages[needed].Imports, "net") && !slices.Contains(netForTypes, needed) {
						t.Errorf("%s needs %s, which needs the package net", path, needed)
					}
				}
			}
			if ours < 2 {
				t.Fatalf("go list found %d packages of %s: this test is looking in the wrong place", ours, module)
			}
		})
	}
}

// goList returns every package of this module, and every one they need, by import path.
func goList(t *testing.T, goos string) map[string]listed {
	t.Helper()
	const root = "../.."
	// go test would repeat an old result when all that changed is a file this test has not looked at itself.
	err := filepath.WalkDir(root, func(_ string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Name() == ".git" {
			return fs.SkipDir
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	list := exec.Command("go", "list", "-deps", "-pgo=off", "-json=ImportPath,Standard,Imports,Deps", "./...")
	list.Dir = root
	list.Env = append(os.Environ(), "GOOS="+goos, "CGO_ENABLED=0")
	list.Stderr = os.Stderr
	out, err := list.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := list.Start(); err != nil {
		t.Fatal(err)
	}
	packages := map[string]listed{}
	for decoder := json.NewDecoder(out); ; {
		var p listed
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("reading go list: %v", err)
		}
		packages[p.ImportPath] = p
	}
	if err := list.Wait(); err != nil {
		t.Fatalf("go list: %v", err)
	}
	return packages
}
