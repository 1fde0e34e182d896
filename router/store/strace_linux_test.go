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

// TestOrderOfWrites is what TestPowerCut stands on: in the database a meta page is written when
// the pages it leads to are synced, and nothing is written until it is synced itself; and a
// commit is acknowledged when the journal is synced.
func TestOrderOfWrites(t *testing.T) {
	if p := os.Getenv("CLASP_TEST_TRACED"); p != "" {
		e := open(t, store.Options{Path: p})
		for i := range 50 {
			if i%5 == 0 {
				checkpointed(t, e)
			}
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
	type state struct{ data, meta, syncing bool } // written and not synced; a sync is on its way
	database, journal := &state{}, &state{}
	of := func(name string) *state {
		switch {
		case name == p:
			return database
		case strings.HasPrefix(name, p+".journal"):
			return journal
		}
		return new(state)
	}
	syncing := map[string]*state{} // by thread
	var metas, batches, acks int
	for n, line := range strings.Split(string(trace), "\n") {
		bad := func(what string) { t.Fatalf("line %d: %s: %s", n+1, what, line) }
		thread, _, _ := strings.Cut(line, " ")
		if tracedEnd.MatchString(line) && syncing[thread] != nil {
			*syncing[thread] = state{}
			delete(syncing, thread)
		}
		if m := tracedSync.FindStringSubmatch(line); m != nil {
			if f := of(m[1]); strings.Contains(line, "<unfinished") {
				f.syncing, syncing[thread] = true, f
			} else {
				*f = state{}
			}
		}
		if m := tracedWrite.FindStringSubmatch(line); m != nil {
			f := of(m[1])
			size, _ := strconv.Atoi(m[2])
			at, _ := strconv.Atoi(m[3])
			switch {
			case f.syncing:
				bad("a write during a sync")
			case f == journal:
				batches++
				f.data = true
			case at >= metaSize:
				if f.data = true; f.meta {
					bad("data is written before the meta page is synced")
				}
			case size <= metaSize/2:
				metas++
				if f.meta = true; f.data {
					bad("a meta page is written before the data is synced")
				}
			default: // a new file, or both meta pages once more at the begin
				f.meta = true
			}
		}
		if tracedAck.MatchString(line) {
			if acks++; journal.data || journal.syncing {
				bad("acknowledged before it is synced")
			}
		}
	}
	if metas < 20 || batches < 50 || acks != 50 {
		t.Fatalf("%d meta pages, %d batches and %d acknowledgements seen: %.2000s", metas, batches, acks, trace)
	}
}
