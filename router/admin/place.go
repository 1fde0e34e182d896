package admin

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

const extension = ".sock"

// place is a directory that may hold sockets.
type place struct {
	path   string
	owner  int  // user who must own it
	shared bool // others may write beside it: it could be a trap of theirs
}

// places lists where sockets are, the first choice first.
func places() []place {
	var all []place
	if dirs := os.Getenv("RUNTIME_DIRECTORY"); dirs != "" {
		first, _, _ := strings.Cut(dirs, ":")
		all = append(all, place{path: first, owner: os.Geteuid()})
	}
	return append(all, systemPlaces()...)
}

// Find returns the socket of the router on a port, where somebody listens on it; root finds
// those of all users. The error names the ports that routers listen on instead.
func Find(port int) (string, error) {
	var others []string
	for _, p := range append(places(), othersPlaces()...) {
		if p.shared && checkOwner(p.path, p.owner) != nil {
			continue
		}
		name := filepath.Join(p.path, strconv.Itoa(port)+extension)
		_, err := os.Lstat(name)
		if err == nil && !errors.Is(knock(name), connectionRefused) { // else a dead router has left it
			return name, nil
		}
		found, _ := filepath.Glob(filepath.Join(p.path, "*"+extension)) // at worst none
		for _, other := range found {
			if knock(other) == nil {
				others = append(others, strings.TrimSuffix(filepath.Base(other), extension))
			}
		}
	}
	err := fmt.Errorf("no router that this user may reach listens on port %d", port)
	if len(others) > 0 {
		slices.Sort(others)
		err = fmt.Errorf("%w, but on %s: name one with --port", err, strings.Join(slices.Compact(others), ", "))
	}
	return "", err
}

// longest is what a socket's path may have on all systems (sun_path).
const longest = 103

// choose returns the first path that a socket can have, and makes its directory.
func choose(port int) (string, error) {
	var failed []error
	for _, p := range places() {
		path := filepath.Join(p.path, strconv.Itoa(port)+extension)
		err := os.Mkdir(p.path, 0o700)
		if errors.Is(err, os.ErrExist) {
			err = nil
		}
		if err == nil {
			err = checkOwner(p.path, p.owner)
		}
		if err == nil && len(path) > longest {
			err = fmt.Errorf("%s is too long: sockets have %d bytes", path, longest)
		}
		if err == nil {
			return path, nil
		}
		failed = append(failed, err)
	}
	return "", errors.Join(failed...)
}
