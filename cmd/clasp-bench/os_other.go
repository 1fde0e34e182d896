//go:build !linux

// The same elsewhere, as far as it goes: the system chooses the cores, and CPU time
// and memory of another process are not read.

package main

import (
	"errors"
	"os"
	"os/exec"
	"runtime"
	"time"
)

const canPin = false

func allowedCores() ([]int, error) {
	cores := make([]int, runtime.NumCPU())
	for i := range cores {
		cores[i] = i
	}
	return cores, nil
}

func pinSelf([]int) error { return nil }

func startOn(_ []int, cmd *exec.Cmd) error { return cmd.Start() }

func cpuTime(int) time.Duration { return 0 }

func residentKiB(int) (float64, error) { return 0, errors.ErrUnsupported }

func mostResidentKiB(int) (float64, error) { return 0, errors.ErrUnsupported }

func inMemory(string) bool { return false } // few systems have their temporary files there

func syncData(f *os.File) error { return f.Sync() }

func processor() string { return runtime.GOARCH }

func kernel() string { return runtime.GOOS }

type alarm struct{}

func newAlarm() (*alarm, error) { return &alarm{}, nil }

func (*alarm) waitUntil(t time.Time) error {
	time.Sleep(time.Until(t))
	return nil
}

func (*alarm) close() {}
