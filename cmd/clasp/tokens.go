// The tokens that routers have given this user's commands (clasp pair): one file a router,
// named by the router's ID, which stays the same when its address does not.

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/clasp-studio/clasp/router/smallfile"
)

// storedToken is what such a file holds.
type storedToken struct {
	RouterID  string    `json:"router_id"`
	Router    string    `json:"router"`        // its name
	URLs      []string  `json:"urls"`          // scheme://host:port, where it was
	Encrypted bool      `json:"encrypted"`     // the token came over TLS
	Key       string    `json:"key,omitempty"` // the router's, as the link of an invite names it; "" = any that an authority has signed
	Device    string    `json:"device_id"`
	Name      string    `json:"name"` // what this machine called itself
	Profile   string    `json:"profile"`
	Token     string    `json:"token"`
	Expires   time.Time `json:"expires,omitzero"`
	Stored    time.Time `json:"stored"`
}

const (
	tokenFileEnd = ".json"
	newFileEnd   = ".new"
	// staleAfter is longer than any command waits with an empty file.
	staleAfter = 24 * time.Hour
)

// tokensDir is where the files are.
func tokensDir() (string, error) {
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("no place for tokens: %w", err)
	}
	return filepath.Join(dir, "clasp", "tokens"), nil
}

// isRouterID guards the file names: an ID comes from whatever answers at a URL.
func isRouterID(id string) bool { return isID.MatchString(id) && !strings.HasSuffix(id, "\n") }

// newTokenFile makes an empty file that becomes one of a token by its name. Before a router
// is asked, it shows that a token could be kept.
func newTokenFile() (*os.File, error) {
	dir, err := tokensDir()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the directory of tokens: %w", err)
	}
	removeStale(dir)
	f, err := os.CreateTemp(dir, "*"+newFileEnd) // mode 0600
	if err != nil {
		return nil, fmt.Errorf("make a file for a token: %w", err)
	}
	return f, nil
}

// removeStale removes what commands that were killed have left. What cannot be removed stays.
func removeStale(dir string) {
	left, _ := filepath.Glob(filepath.Join(dir, "*"+newFileEnd)) // the pattern is sound
	for _, path := range left {
		if info, err := os.Lstat(path); err == nil && time.Since(info.ModTime()) > staleAfter {
			_ = os.Remove(path)
		}
	}
}

// keepIn writes the token to a file of newTokenFile and puts that in its place, whole or not
// at all.
func (t *storedToken) keepIn(f *os.File) (path string, err error) {
	path, err = t.moveIn(f)
	if errors.Is(err, fs.ErrNotExist) { // it has waited for so long that another command took it for a leftover
		if f, err = newTokenFile(); err == nil {
			path, err = t.moveIn(f)
		}
	}
	if err != nil {
		return "", fmt.Errorf("keep the token: %w", err)
	}
	return path, nil
}

func (t *storedToken) moveIn(f *os.File) (path string, err error) {
	text, err := json.MarshalIndent(t, "", "  ")
	if err == nil {
		_, err = f.Write(append(text, '\n'))
	}
	if err == nil {
		err = f.Sync()
	}
	path = filepath.Join(filepath.Dir(f.Name()), t.RouterID+tokenFileEnd)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name()) // else a later command does
	}
	return path, err
}

// storedTokens reads all files, and warns of those that cannot be used. That there are none
// is no error.
func storedTokens(stderr io.Writer) []storedToken {
	dir, err := tokensDir()
	if err != nil {
		return nil // where nothing can be kept, nothing is
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			warn(stderr, "no stored token can be used: %v", err)
		}
		return nil
	}
	var list []storedToken
	for _, entry := range entries {
		id, ok := strings.CutSuffix(entry.Name(), tokenFileEnd)
		if !ok || !isRouterID(id) {
			continue
		}
		path := filepath.Join(dir, entry.Name())
		t, err := readToken(path)
		if err == nil && t.RouterID != id {
			err = errors.New("it is of another router than its name says")
		}
		if err != nil {
			warn(stderr, "the token in %s cannot be used: %v", path, err)
			continue
		}
		if openToAll(path) {
			warn(stderr, "every user of this machine can read %s: chmod 600 it", path)
		}
		list = append(list, t)
	}
	return list
}

func readToken(path string) (t storedToken, err error) {
	text, _, err := smallfile.Read(path)
	if err == nil {
		err = json.Unmarshal(text, &t)
	}
	if err == nil && t.Token == "" {
		err = errors.New("there is none in it")
	}
	return t, err
}

// ofRouter finds the token of a router.
func ofRouter(list []storedToken, id string) *storedToken {
	i := slices.IndexFunc(list, func(t storedToken) bool { return t.RouterID == id })
	if i < 0 {
		return nil
	}
	return &list[i]
}

// wasAt reports whether the router was at the host of a URL. With port, that has to be the
// same too.
func (t *storedToken) wasAt(at *url.URL, port bool) bool {
	return slices.ContainsFunc(t.URLs, func(text string) bool {
		u, err := url.Parse(text)
		return err == nil && strings.EqualFold(u.Hostname(), at.Hostname()) && (!port || u.Port() == at.Port())
	})
}

// atHost finds the only token of a router that was at the host of a URL, nil if there are
// several or none.
func atHost(list []storedToken, at *url.URL, port bool) *storedToken {
	var found *storedToken
	for i := range list {
		if !list[i].wasAt(at, port) {
			continue
		}
		if found != nil {
			return nil
		}
		found = &list[i]
	}
	return found
}
