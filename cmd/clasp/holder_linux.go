// Who holds a port, from /proc.

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// portHolder names the process that has a port of "tcp" or "udp", as "nginx (pid
// 812)", or "" when it cannot be told: processes of other users hide their
// sockets.
func portHolder(network string, port int) string {
	sockets := map[string]bool{}
	for _, table := range []string{"/proc/net/" + network, "/proc/net/" + network + "6"} {
		text, _ := os.ReadFile(table) // no such table: nobody listens there
		for line := range strings.Lines(string(text)) {
			if inode := boundInode(line, network, port); inode != "" {
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

// boundInode returns the inode of the socket a line of /proc/net/tcp or udp
// describes if it takes in what comes to port, else "" (proc(5)).
func boundInode(line, network string, port int) string {
	state := map[string]string{"tcp": "0A", "udp": "07"}[network] // a UDP socket that is not connected is TCP_CLOSE
	fields := strings.Fields(line)
	if len(fields) < 10 || fields[3] != state {
		return ""
	}
	_, hex, _ := strings.Cut(fields[1], ":")
	if n, err := strconv.ParseInt(hex, 16, 32); err != nil || int(n) != port {
		return ""
	}
	return fields[9]
}
