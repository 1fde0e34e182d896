package admin

import (
	"os"
	"path/filepath"
	"syscall"
)

// connectionRefused is what a socket says that nobody listens on: Winsock's number, which
// package syscall's ECONNREFUSED is not.
const connectionRefused = syscall.Errno(10061)

// systemPlaces is one below the user's own data, which other users cannot open.
func systemPlaces() []place {
	dir, err := os.UserCacheDir()
	if err != nil {
		return nil
	}
	return []place{{path: filepath.Join(dir, "clasp")}}
}

// othersPlaces is nothing: no user can open another's data.
func othersPlaces() []place { return nil }

// checkOwner has nothing to look at: who may write there is the profile's business.
func checkOwner(dir string, _ int) error {
	_, err := os.Stat(dir)
	return err
}
