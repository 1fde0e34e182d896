//go:build !linux

// The same elsewhere, as far as it goes: the system chooses the cores, and CPU time
// and memory of another process are not read.

package host

import (
	"errors"
	"os"
	"os/exec"
	"runtime"
	"time"
)

const CanPin = false

func AllowedCores() ([]int, error) {
	cores := make([]int, runtime.NumCPU())
	for i := range cores {
		cores[i] = i
	}
	return cores, nil
}

func PinSelf([]int) error { return nil }

func StartOn(_ []int, cmd *exec.Cmd) error { return cmd.Start() }

func CPUTime(int) time.Duration { return 0 }

func ResidentKiB(int) (float64, error) { return 0, errors.ErrUnsupported }

func MostResidentKiB(int) (float64, error) { return 0, errors.ErrUnsupported }

func RaiseFiles(int) error { return nil }

func InMemory(string) bool { return false } // few systems have their temporary files there

func SyncData(f *os.File) error { return f.Sync() }

func Processor() string { return runtime.GOARCH }

func Kernel() string { return runtime.GOOS }

type Alarm struct{}

func NewAlarm() (*Alarm, error) { return &Alarm{}, nil }

func (*Alarm) WaitUntil(t time.Time) error {
	time.Sleep(time.Until(t))
	return nil
}

func (*Alarm) Close() {}
