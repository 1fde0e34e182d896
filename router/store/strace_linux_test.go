package store_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/clasp-studio/clasp/router/store"
)

// The system calls of a process that commits, as strace saw them begin.
var (
	tracedWrite = regexp.MustCompile(`\bpwrite64\(\d+<([^>]+)>, .*, (\d+), (\d+)(\)| <unfinished)`)
	tracedSync  = regexp.MustCompile(`\bf(?:data)?sync\(\d+<([^>]+)>`)
	tracedAck   = regexp.MustCompile(`\bwrite\(1<[^>]*>, "acked`)
	tracedEnd   = regexp.MustCompile(`<\.\.\. f(?:data)?sync resumed>`)
)

// TestOrderOfWrites is what TestPowerCut stands on: a meta page is written when the pages it
// leads to are synced, nothing is written until it is synced itself, and only then is a
// commit acknowledged.
func TestOrderOfWrites(t *testing.T) {
	if p := os.Getenv("CLASP_TEST_TRACED"); p != "" {
		e := open(t, store.Options{Path: p})
		for i := range 50 {
			if err := e.commit(record(fmt.Sprint("/a/", i), 1, string(make([]byte, i*100)))); err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stdout.WriteString("acked\n"); err != nil {
				t.Fatal(err)
			}
		}
		closed(t, e)
		return
	}
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skipf("%s needs strace, which is not installed", t.Name())
	}
	p := path(t)
	out := filepath.Join(t.TempDir(), "trace")
	cmd := exec.Command(strace, "-f", "-y", "-s", "8", "-e", "trace=pwrite64,fdatasync,fsync,write", "-o", out,
		os.Args[0], "-test.run=^TestOrderOfWrites$")
	cmd.Env = append(os.Environ(), "CLASP_TEST_TRACED="+p)
	if b, err := cmd.CombinedOutput(); err != nil {
		if strings.Contains(string(b), "PTRACE_TRACEME") || strings.Contains(string(b), "ptrace(") {
			t.Skipf("%s needs to trace a process, which is not permitted here: %s", t.Name(), b)
		}
		t.Fatalf("%v: %s", err, b)
	}
	trace, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	var data, meta, syncing bool // written and not synced; a sync is on its way
	var metas, acks int
	for n, line := range strings.Split(string(trace), "\n") {
		bad := func(what string) { t.Fatalf("line %d: %s: %s", n+1, what, line) }
		if tracedEnd.MatchString(line) {
			syncing, data, meta = false, false, false
		}
		if m := tracedSync.FindStringSubmatch(line); m != nil && m[1] == p {
			if strings.Contains(line, "<unfinished") {
				syncing = true
			} else {
				data, meta = false, false
			}
		}
		if m := tracedWrite.FindStringSubmatch(line); m != nil && m[1] == p {
			size, _ := strconv.Atoi(m[2])
			at, _ := strconv.Atoi(m[3])
			switch {
			case syncing:
				bad("a write during a sync")
			case at >= metaSize:
				if data = true; meta {
					bad("data is written before the meta page is synced")
				}
			case size <= metaSize/2:
				metas++
				if meta = true; data {
					bad("a meta page is written before the data is synced")
				}
			default: // a new file, or both meta pages once more at the begin
				meta = true
			}
		}
		if tracedAck.MatchString(line) {
			if acks++; data || meta || syncing {
				bad("acknowledged before it is synced")
			}
		}
	}
	if metas < 50 || acks != 50 {
		t.Fatalf("%d meta pages and %d acknowledgements seen: %.2000s", metas, acks, trace)
	}
}
