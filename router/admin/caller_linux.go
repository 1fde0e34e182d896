package admin

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"syscall"
)

// checkCaller asks the kernel who has connected (unix(7), SO_PEERCRED): the router's own
// user, or root. It returns the name of that user.
func checkCaller(c *net.UnixConn) (string, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return "", err
	}
	var caller *syscall.Ucred
	var failed error
	if err := raw.Control(func(fd uintptr) {
		caller, failed = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	}); err != nil {
		return "", err
	}
	if failed != nil {
		return "", os.NewSyscallError("getsockopt", failed)
	}
	uid := int(caller.Uid)
	if uid != 0 && uid != os.Geteuid() {
		return "", fmt.Errorf("process %d of user %d: only the router's own user and root may do this", caller.Pid, uid)
	}
	return userName(strconv.Itoa(uid)), nil
}
