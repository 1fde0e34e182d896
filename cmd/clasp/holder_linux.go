// Who holds a TCP port, from /proc.

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// portHolder names the process that listens on a TCP port, as "nginx (pid
// 812)", or "" when it cannot be told: processes of other users hide their
// sockets.
func portHolder(port int) string {
	sockets := map[string]bool{}
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		text, _ := os.ReadFile(table) // no such table: nobody listens there
		for line := range strings.Lines(string(text)) {
			if inode := listeningInode(line, port); inode != "" {
				sockets["socket:["+inode+"]"] = true
			}
		}
	}
	descriptors, _ := filepath.Glob("/proc/[0-9]*/fd/*") // the pattern is well formed
	for _, descriptor := range descriptors {
		target, err := os.Readlink(descriptor)
		if err != nil || !sockets[target] {
			continue
		}
		process := filepath.Dir(filepath.Dir(descriptor))
		name, err := os.ReadFile(filepath.Join(process, "comm"))
		if err != nil {
			return ""
		}
		return fmt.Sprintf("%s (pid %s)", strings.TrimSpace(string(name)), filepath.Base(process))
	}
	return ""
}

// listeningInode returns the inode of the socket a line of /proc/net/tcp
// describes if it listens on port, else "" (proc(5)).
func listeningInode(line string, port int) string {
	const listening = "0A"
	fields := strings.Fields(line)
	if len(fields) < 10 || fields[3] != listening {
		return ""
	}
	_, hex, _ := strings.Cut(fields[1], ":")
	if n, err := strconv.ParseInt(hex, 16, 32); err != nil || int(n) != port {
		return ""
	}
	return fields[9]
}
