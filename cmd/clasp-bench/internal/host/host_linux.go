// What only Linux is asked for: cores, CPU time and memory of a process, exact waits.

// Package host is what the benchmarks ask of the operating system.
package host

import (
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

// AllowedCores returns the cores this process may use.
func AllowedCores() ([]int, error) {
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

// CanPin says whether cores can be chosen.
const CanPin = true

// PinSelf keeps every thread of this process to these cores. Later threads inherit it.
func PinSelf(cores []int) error {
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

// StartOn starts a command on these cores: a child inherits those of the thread that
// starts it, so it never runs elsewhere.
func StartOn(cores []int, cmd *exec.Cmd) error {
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

// CPUTime returns the CPU time a process has used, in user mode and in the kernel, its
// ended threads included; 0 if it is not there.
func CPUTime(pid int) time.Duration {
	// The clock of a process (clock_getcpuclockid(3)) is exact; /proc counts ticks of 10 ms.
	const scheduled = 2
	var used unix.Timespec
	if unix.ClockGettime(int32(^pid<<3|scheduled), &used) != nil {
		return 0
	}
	return time.Duration(used.Nano())
}

// ResidentKiB returns the memory a process has in RAM, in KiB. Pages of files that it
// has mapped count.
func ResidentKiB(pid int) (float64, error) { return memoryKiB(pid, "VmRSS:") }

// MostResidentKiB returns the most it has ever had.
func MostResidentKiB(pid int) (float64, error) { return memoryKiB(pid, "VmHWM:") }

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

// RaiseFiles has a process open as many files as it may at all: who is served by thousands
// of connections need not ask for them itself.
func RaiseFiles(pid int) error {
	var may unix.Rlimit
	if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, nil, &may); err != nil {
		return fmt.Errorf("ask how many files process %d may open: %w", pid, err)
	}
	may.Cur = may.Max
	if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, &may, nil); err != nil {
		return fmt.Errorf("let process %d open %d files: %w", pid, may.Max, err)
	}
	return nil
}

// InMemory says whether what is written to a folder never gets to a disk.
func InMemory(dir string) bool {
	var fs unix.Statfs_t
	return unix.Statfs(dir, &fs) == nil && fs.Type == unix.TMPFS_MAGIC
}

// SyncData returns when the content of a file is on disk.
func SyncData(f *os.File) error { return unix.Fdatasync(int(f.Fd())) }

// Processor names the machine.
func Processor() string {
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

// Kernel names the operating system.
func Kernel() string {
	release, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return "Linux"
	}
	return "Linux " + strings.TrimSpace(string(release))
}

// Alarm waits for points in time. Go's own sleep may be a millisecond late, which
// would count as the server's latency.
type Alarm struct {
	fd    int // asking the file for it would make it block a thread
	timer *os.File
}

// NewAlarm makes one; Close it.
func NewAlarm() (*Alarm, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make a timer: %w", err)
	}
	return &Alarm{fd, os.NewFile(uintptr(fd), "timerfd")}, nil
}

// WaitUntil returns at t, or at once when that has gone by. Not for several goroutines at once.
func (a *Alarm) WaitUntil(t time.Time) error {
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

// Close ends it.
func (a *Alarm) Close() { _ = a.timer.Close() }
