// Which router this is: an ID that is the same after every start, by which clients that
// find it in several ways and at several addresses know it for one.

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/clasp-studio/clasp/config"
	"github.com/clasp-studio/clasp/router"
	"github.com/clasp-studio/clasp/router/smallfile"
)

// routerID reads the router's ID, or makes one. If that cannot be kept it is another one at
// the next start, which is said.
func routerID(c config.Config, log *slog.Logger) string {
	path, err := idPath(c)
	if err == nil {
		var id string
		if id, err = keptID(path); err == nil {
			return id
		}
	}
	log.Warn("this router has another ID after the next start, and looks like another one to clients that find it", "error", err)
	return router.NewID()
}

// idPath is where the ID is kept.
func idPath(c config.Config) (string, error) { return besideState(c, ".id") }

// besideState is where a file with that suffix is kept: beside the state or, without one, where
// systemd has a service keep things (StateDirectory=), or else with the configuration of this
// user, under what tells the routers of one user apart.
func besideState(c config.Config, suffix string) (string, error) {
	if c.Persistence.Enabled {
		return c.Persistence.Path + suffix, nil
	}
	if c.Port == 0 {
		return "", errors.New("a router without a fixed port and without --persist is a new one each time")
	}
	name := fmt.Sprintf("router-%d%s", c.Port, suffix)
	if !addressOf(c.Bind).IsUnspecified() {
		name = fmt.Sprintf("router-%s-%d%s", strings.ReplaceAll(c.Bind, ":", "_"), c.Port, suffix) // Windows has no colons
	}
	if dirs := filepath.SplitList(os.Getenv("STATE_DIRECTORY")); len(dirs) > 0 {
		return filepath.Join(dirs[0], name), nil
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("no place to keep it, turn on --persist: %w", err)
	}
	return filepath.Join(dir, "clasp", name), nil
}

var isID = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\n?$`)

// keptID reads a file, or makes it. An empty one is none: it is what a power cut or a full
// disk may leave of a file.
func keptID(path string) (string, error) {
	text, _, err := smallfile.Read(path)
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && len(text) == 0:
		id := router.NewID()
		return id, keepID(path, id)
	case err != nil:
		return "", fmt.Errorf("read the ID in %s: %w", path, err)
	case !isID.Match(text):
		return "", fmt.Errorf("%s holds no ID: remove it", path)
	default:
		return strings.TrimSpace(string(text)), nil
	}
}

// keepID makes a file, with its directory.
func keepID(path, id string) error {
	err := os.MkdirAll(filepath.Dir(path), 0o700)
	if err == nil {
		err = writeOver(path, []byte(id+"\n"))
	}
	if err != nil {
		return fmt.Errorf("keep the ID: %w", err)
	}
	return nil
}
