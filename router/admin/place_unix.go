//go:build unix

package admin

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// connectionRefused is what a socket says that nobody listens on.
const connectionRefused = syscall.ECONNREFUSED

func systemPlaces() []place {
	var all []place
	own := os.Geteuid()
	if dir := os.Getenv("XDG_RUNTIME_DIR"); dir != "" {
		all = append(all, place{path: filepath.Join(dir, "clasp"), owner: own})
	}
	return append(all,
		place{path: "/run/clasp", owner: own},
		place{path: filepath.Join(os.TempDir(), ofUser+strconv.Itoa(own)), owner: own, shared: true})
}

// ofUser is how a directory for a user's sockets begins where there is none of the system's.
const ofUser = "clasp-"

// othersPlaces lists where routers of other users have their sockets, and those of root's
// own that were started in another way. Only root may use them.
func othersPlaces() []place {
	if os.Geteuid() != 0 {
		return nil
	}
	var all []place
	sessions, _ := filepath.Glob("/run/user/*/clasp") // the patterns are well formed
	for _, dir := range sessions {
		all = append(all, place{path: dir})
	}
	shared, _ := filepath.Glob(filepath.Join(os.TempDir(), ofUser+"*"))
	for _, dir := range shared {
		_, user, _ := strings.Cut(filepath.Base(dir), ofUser)
		if uid, err := strconv.Atoi(user); err == nil {
			all = append(all, place{path: dir, owner: uid, shared: true})
		}
	}
	return all
}

// checkOwner refuses a directory that is not of the user, or in which somebody else could
// put another socket.
func checkOwner(dir string, user int) error {
	info, err := os.Lstat(dir)
	if err == nil && info.Mode()&os.ModeSymlink != 0 && (ownedBy(info, 0) || ownedBy(info, user)) {
		// systemd makes such a link, root's, for a service with a user of its own.
		info, err = os.Stat(dir)
	}
	switch {
	case err != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("%s is not a directory", dir)
	case !ownedBy(info, user):
		return fmt.Errorf("%s belongs to another user", dir)
	case info.Mode().Perm()&0o022 != 0:
		return fmt.Errorf("%s can be written by others (mode %#o): chmod 700 it", dir, info.Mode().Perm())
	default:
		return nil
	}
}

func ownedBy(info os.FileInfo, uid int) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == uid
}
