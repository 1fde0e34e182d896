//go:build unix

package soak

import "syscall"

// apart has the router be none of the terminal's: Ctrl-C ends the soak, which then ends the
// router, and not both at once, which would look as if the router had failed.
func apart() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
