// A program whose wall clock a test sets forward and back while it runs. The clock of the machine is never touched, and the
// program is the real one, not built for this: in the vDSO of that process alone (its pages are its own once they are written
// to), the function by which it reads clocks is replaced before its first instruction. The new one asks the kernel and adds a
// number to CLOCK_REALTIME, which the test may change at any moment; CLOCK_MONOTONIC goes on, as when a clock is really set.

package main_test

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// steppedClock is the wall clock of one process.
type steppedClock struct {
	first  time.Duration // what it leads the machine's by from the start
	memory *os.File      // of the process
	ahead  int64         // where in it the seconds are that are added
}

// readsClock is what clock_gettime(clock, time) becomes:
//
//	mov  eax, 228          the system call of that name
//	syscall
//	test edi, edi          CLOCK_REALTIME is 0
//	jne  done
//	mov  rcx, [rip+ahead]
//	add  [rsi], rcx        the seconds
//	done: ret
//	nop...                 so that what follows is written whole
//	ahead: 8 bytes
var readsClock = []byte{
	0xb8, 228, 0, 0, 0,
	0x0f, 0x05,
	0x85, 0xff,
	0x75, 0x0a,
	0x48, 0x8b, 0x0d, 14, 0, 0, 0,
	0x48, 0x01, 0x0e,
	0xc3,
	0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90,
	0, 0, 0, 0, 0, 0, 0, 0,
}

const aheadAt = 32 // in readsClock

// errNoStepping says that this machine does not let a program be given a clock of its own.
var errNoStepping = errors.New("no clock of its own")

// start starts a program with this clock.
func (c *steppedClock) start(cmd *exec.Cmd) error {
	runtime.LockOSThread() // the thread that starts a traced program has to be the one that lets it go on
	defer runtime.UnlockOSThread()
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("%w: start %s traced: %w", errNoStepping, cmd.Path, err)
	}
	err := c.take(cmd.Process.Pid)
	if err == nil {
		err = syscall.PtraceDetach(cmd.Process.Pid)
	}
	if err != nil {
		_ = cmd.Process.Kill() // it has not done anything yet
		_ = cmd.Wait()
		return fmt.Errorf("%w: %w", errNoStepping, err)
	}
	return nil
}

// take writes the new function into a process that stands before its first instruction.
func (c *steppedClock) take(pid int) error {
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(pid, &status, 0, nil); err != nil || !status.Stopped() {
		return fmt.Errorf("wait for process %d to stand still: %v, %w", pid, status, err)
	}
	proc := "/proc/" + strconv.Itoa(pid)
	maps, err := os.ReadFile(proc + "/maps")
	if err != nil {
		return err
	}
	var from, to int64
	for line := range strings.Lines(string(maps)) {
		if strings.HasSuffix(line, "[vdso]\n") {
			if _, err := fmt.Sscanf(line, "%x-%x", &from, &to); err != nil {
				return fmt.Errorf("read %q: %w", line, err)
			}
		}
	}
	if c.memory, err = os.OpenFile(proc+"/mem", os.O_RDWR, 0); err != nil {
		return err
	}
	image := make([]byte, to-from)
	if _, err := c.memory.ReadAt(image, from); err != nil {
		return fmt.Errorf("read the vDSO: %w", err)
	}
	function, err := clockFunction(image)
	if err != nil {
		return err
	}
	if _, err := c.memory.WriteAt(readsClock, from+function); err != nil {
		return fmt.Errorf("write to the vDSO: %w", err)
	}
	c.ahead = from + function + aheadAt
	return c.write(c.first)
}

// clockFunction finds the function in the vDSO that Go's runtime calls.
func clockFunction(vdso []byte) (at int64, err error) {
	file, err := elf.NewFile(bytes.NewReader(vdso))
	if err != nil {
		return 0, fmt.Errorf("read the vDSO: %w", err)
	}
	symbols, err := file.DynamicSymbols()
	if err != nil {
		return 0, fmt.Errorf("read the vDSO: %w", err)
	}
	for _, s := range symbols {
		if s.Name == "__vdso_clock_gettime" && s.Size >= uint64(len(readsClock)) && s.Value%8 == 0 {
			return int64(s.Value), nil
		}
	}
	return 0, errors.New("the vDSO has no __vdso_clock_gettime that another one fits into")
}

// write makes the process' wall clock lead the machine's by so much, whole seconds; below zero it lags.
func (c *steppedClock) write(ahead time.Duration) error {
	if _, err := c.memory.WriteAt(binary.LittleEndian.AppendUint64(nil, uint64(ahead/time.Second)), c.ahead); err != nil {
		return fmt.Errorf("set the clock of a process: %w", err)
	}
	return nil
}

func (c *steppedClock) set(t *testing.T, ahead time.Duration) {
	t.Helper()
	if err := c.write(ahead); err != nil {
		t.Fatal(err)
	}
}

// serveStepped starts a router whose clock the test sets, and which leads or lags from the start.
func serveStepped(t *testing.T, first time.Duration, environ []string, args ...string) (*service, *steppedClock) {
	t.Helper()
	c := &steppedClock{first: first}
	t.Cleanup(func() {
		if c.memory != nil {
			_ = c.memory.Close() // nothing is lost with it
		}
	})
	start := func(cmd *exec.Cmd) error {
		err := c.start(cmd)
		if errors.Is(err, errNoStepping) {
			t.Skipf("%s: skipped: programs cannot be given a clock here: %v", t.Name(), err)
		}
		return err
	}
	return serveStartedBy(t, start, environ, args...), c
}
