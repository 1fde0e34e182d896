// What is asked of the system, held against another way to ask it.

package host_test

import (
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/clasp-studio/clasp/cmd/clasp-bench/internal/host"
)

func TestCPUTime(t *testing.T) {
	before := host.CPUTime(os.Getpid())
	for x, deadline := 0, time.Now().Add(20*time.Millisecond); time.Now().Before(deadline); x++ {
	}
	var used unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &used); err != nil {
		t.Fatal(err)
	}
	after := host.CPUTime(os.Getpid())
	all := time.Duration(used.Utime.Nano() + used.Stime.Nano())
	if before <= 0 || after <= before || all < before-20*time.Millisecond || all > after+20*time.Millisecond {
		t.Errorf("%v before, %v after, and getrusage says %v between", before, after, all)
	}
}

func TestCPUTimeOfNobody(t *testing.T) {
	cmd := exec.Command("true")
	if err := cmd.Run(); err != nil {
		t.Skip(t.Name()+":", err)
	}
	if used := host.CPUTime(cmd.Process.Pid); used != 0 {
		t.Errorf("a process that is gone uses %v", used)
	}
}

func TestMemory(t *testing.T) {
	now, err := host.ResidentKiB(os.Getpid())
	if err != nil || now < 512 {
		t.Errorf("%v KiB, %v", now, err)
	}
	if most, err := host.MostResidentKiB(os.Getpid()); err != nil || most < 512 {
		t.Errorf("at most %v KiB, %v", most, err)
	}
}

// end ends a process.
func end(cmd *exec.Cmd) {
	_ = cmd.Process.Kill()
	_ = cmd.Wait() // it was ended
}

func TestStartOn(t *testing.T) {
	cores, err := host.AllowedCores()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sleep", "60")
	if err := host.StartOn(cores[:1], cmd); err != nil {
		t.Skip(t.Name()+":", err)
	}
	defer end(cmd)
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(cmd.Process.Pid, &set); err != nil {
		t.Fatal(err)
	}
	if set.Count() != 1 || !set.IsSet(cores[0]) {
		t.Errorf("it may run on %d cores, want core %d alone", set.Count(), cores[0])
	}
	if back, err := host.AllowedCores(); err != nil || !slices.Equal(back, cores) {
		t.Errorf("this process may run on %v now, was %v: %v", back, cores, err)
	}
}

func TestRaiseFiles(t *testing.T) {
	cmd := exec.Command("sh", "-c", "ulimit -Sn 100; exec sleep 60")
	if err := cmd.Start(); err != nil {
		t.Skip(t.Name()+":", err)
	}
	defer end(cmd)
	limit := func() (l unix.Rlimit) {
		if err := unix.Prlimit(cmd.Process.Pid, unix.RLIMIT_NOFILE, nil, &l); err != nil {
			t.Fatal(err)
		}
		return l
	}
	for deadline := time.Now().Add(time.Minute); limit().Cur != 100; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("its limit is %+v", limit())
		}
	}
	if err := host.RaiseFiles(cmd.Process.Pid); err != nil {
		t.Fatal(err)
	}
	if l := limit(); l.Cur != l.Max || l.Cur <= 100 {
		t.Errorf("its limit is %+v", l)
	}
}

func TestPlacements(t *testing.T) {
	places, err := host.Placements()
	if err != nil || len(places) == 0 {
		t.Fatal(places, err)
	}
	last := places[len(places)-1]
	if last.Name != "shared" || !slices.Equal(last.Server, last.Load) {
		t.Errorf("the last placement is %+v", last)
	}
	for _, p := range places[:len(places)-1] {
		for _, core := range p.Server {
			if p.Name != "apart" || slices.Contains(p.Load, core) {
				t.Errorf("%+v", p)
			}
		}
	}
}
