// What only Linux is asked for: cores, CPU time and memory of a process, exact waits.

package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// allowedCores returns the cores this process may use.
func allowedCores() ([]int, error) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return nil, fmt.Errorf("ask for the cores of this process: %w", err)
	}
	var cores []int
	for i := 0; len(cores) < set.Count(); i++ {
		if set.IsSet(i) {
			cores = append(cores, i)
		}
	}
	return cores, nil
}

// canPin says whether cores can be chosen.
const canPin = true

// pinSelf keeps every thread of this process to these cores. Later threads inherit it.
func pinSelf(cores []int) error {
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return err
	}
	for _, thread := range threads {
		id, err := strconv.Atoi(thread.Name())
		if err != nil {
			return err
		}
		if err := pin(id, cores); err != nil && !errors.Is(err, unix.ESRCH) { // it has ended
			return fmt.Errorf("keep the load to cores %v: %w", cores, err)
		}
	}
	return nil
}

func pin(thread int, cores []int) error {
	var set unix.CPUSet
	for _, core := range cores {
		set.Set(core)
	}
	return unix.SchedSetaffinity(thread, &set)
}

// startOn starts a command on these cores: a child inherits those of the thread that
// starts it, so it never runs elsewhere.
func startOn(cores []int, cmd *exec.Cmd) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		return err
	}
	if err := pin(0, cores); err != nil {
		return err
	}
	err := cmd.Start()
	if back := unix.SchedSetaffinity(0, &before); err == nil {
		err = back
	}
	return err
}

// cpuTime returns the CPU time a process has used, its ended threads included, in
// steps of 10 ms.
func cpuTime(pid int) time.Duration {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	// The name in brackets may hold anything; utime and stime are the 12th and 13th
	// field behind it (proc_pid_stat(5)), in ticks of which Linux shows 100 a second.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	user, _ := strconv.Atoi(string(fields[11]))
	system, _ := strconv.Atoi(string(fields[12]))
	return time.Duration(user+system) * 10 * time.Millisecond
}

// residentKiB returns the memory a process has in RAM, in KiB. Pages of files that it
// has mapped count.
func residentKiB(pid int) (float64, error) { return memoryKiB(pid, "VmRSS:") }

// mostResidentKiB returns the most it has ever had.
func mostResidentKiB(pid int) (float64, error) { return memoryKiB(pid, "VmHWM:") }

func memoryKiB(pid int, field string) (float64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(status), field)
	var n float64
	if _, err := fmt.Sscanf(rest, "%f kB", &n); err != nil {
		return 0, fmt.Errorf("read %s of process %d: %w", field, pid, err)
	}
	return n, nil
}

// inMemory says whether what is written to a folder never gets to a disk.
func inMemory(dir string) bool {
	var fs unix.Statfs_t
	return unix.Statfs(dir, &fs) == nil && fs.Type == unix.TMPFS_MAGIC
}

// syncData returns when the content of a file is on disk.
func syncData(f *os.File) error { return unix.Fdatasync(int(f.Fd())) }

// processor and kernel name the machine.
func processor() string {
	info, err := os.ReadFile("/proc/cpuinfo")
	if err == nil {
		for line := range strings.Lines(string(info)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				return strings.TrimSpace(value)
			}
		}
	}
	return "unknown processor"
}

func kernel() string {
	release, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return "Linux"
	}
	return "Linux " + strings.TrimSpace(string(release))
}

// alarm waits for points in time. Go's own sleep may be a millisecond late, which
// would count as the server's latency.
type alarm struct {
	fd    int // asking the file for it would make it block a thread
	timer *os.File
}

func newAlarm() (*alarm, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make a timer: %w", err)
	}
	return &alarm{fd, os.NewFile(uintptr(fd), "timerfd")}, nil
}

func (a *alarm) waitUntil(t time.Time) error {
	d := time.Until(t)
	if d <= 0 {
		return nil
	}
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(int64(d))}
	if err := unix.TimerfdSettime(a.fd, 0, &spec, nil); err != nil {
		return fmt.Errorf("set the timer: %w", err)
	}
	var expirations [8]byte
	_, err := a.timer.Read(expirations[:])
	return err
}

func (a *alarm) close() { _ = a.timer.Close() }
