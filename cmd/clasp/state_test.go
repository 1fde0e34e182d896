//go:build unix

// Runs clasp state on the files of the real router.

package main_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	api "github.com/clasp-studio/clasp/router/client"
	"github.com/clasp-studio/clasp/router/store"
	"github.com/clasp-studio/clasp/router/wire"
)

// imported runs clasp state import with lines on stdin.
func imported(t *testing.T, path, lines string) (stderr string, code int) {
	t.Helper()
	cmd := claspCommand(t, nil, "state", "import", path)
	var words bytes.Buffer
	cmd.Stdin, cmd.Stderr = strings.NewReader(lines), &words
	_ = cmd.Run() // the exit code says it
	return words.String(), cmd.ProcessState.ExitCode()
}

// TestStateRoundTrip: what is exported and imported again is the same to the last bit, for the router and as text.
func TestStateRoundTrip(t *testing.T) {
	dir := t.TempDir()
	first, second := filepath.Join(dir, "first.db"), filepath.Join(dir, "second.db")
	values := map[string]any{
		"/int": 1, "/whole": 1.0, "/float": 0.1, "/nan": math.NaN(), "/inf": math.Inf(-1), "/large": int64(math.MaxInt64), "/text": "a\"\n\u2028ü",
		"/bytes": []byte{0, 255}, "/null": nil, "/bool": true, "/list": []any{1, 1.0, "x", []any{}}, "/map": map[string]any{"b": 1.0, "a": nil},
	}
	s := keep(t, first)
	c := s.dialed(t)
	for addr, value := range values {
		setTo(t, c, addr, value)
	}
	setTo(t, c, "/int", 2)
	setTo(t, c, "/ttl", 1, api.TTL(time.Hour))
	setTo(t, c, "/absolute", 1, api.AbsoluteTTL(time.Hour))
	s.terminated(t)

	text, words, code := clasp(t, nil, "state", "export", first)
	if code != 0 || strings.Count(text, "\n") != len(values)+2 {
		t.Fatalf("export: %d %s\n%s", code, words, text)
	}
	if words, code := imported(t, second, text); code != 0 {
		t.Fatalf("import: %d %s", code, words)
	}
	again, _, _ := clasp(t, nil, "state", "export", second)
	if again != text {
		t.Errorf("exported again:\n%s\nwas\n%s", again, text)
	}
	before, after := keep(t, first).dialed(t), keep(t, second).dialed(t)
	for addr := range values {
		p, err := got(t, before, addr)
		q, err2 := got(t, after, addr)
		if err != nil || err2 != nil {
			t.Fatal(err, err2)
		}
		if !bytes.Equal(wire.AppendValue(nil, p.Value), wire.AppendValue(nil, q.Value)) || p.Revision != q.Revision {
			t.Errorf("%s is %+v, was %+v", addr, q, p)
		}
	}
}

// TestStateImportRefuses: each bad line is named with what is wrong in it, and nothing is made.
func TestStateImportRefuses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	const good = `{"address":"/good","value":1}` + "\n"
	for line, says := range map[string]string{
		`{"value":1}`:                                                    "address",
		`{"address":"no/slash","value":1}`:                               "address",
		`{"address":"/_clasp/x","value":1}`:                              "router's own",
		`{"address":"/a"}`:                                               `"value" is missing`,
		`{"address":"/a","value":1`:                                      "too early",
		`{"address":"/a","value":1} x`:                                   "follows",
		`{"address":"/a","value":1,"revison":3}`:                         "revison",
		`{"address":"/a","value":1,"strategy":"best"}`:                   "strategy",
		`{"address":"/a","value":1,"expires":5}`:                         "ttl",
		`{"address":"/a","value":1,"ttl":3000000000}`:                    "ttl",
		`{"address":"/a","value":1,"encoded":"05"}`:                      "encoded",
		`{"address":"/a","value":1,"encoded":"zz"}`:                      "encoded",
		`{"address":"/a","value":2,"encoded":"0101"}`:                    "differ",
		`{"address":"/a","value":"` + strings.Repeat("x", 70_000) + `"}`: "65535",
		`{"address":"/a","value":"` + strings.Repeat("x", 65_530) + `"}`: "are the limit",
		`{"address":"/a","value":"` + strings.Repeat("x", 2<<20) + `"}`:  "over 1 MiB",
		`{"address":"/a","value":1,"type":"f32"}`:                        "i64",
		`{"address":"/a","value":1,"type":"float"}`:                      "f32, f64",
		`{"address":"/a","value":1,"revision":9007199254740993}`:         "revision",
		`{"address":"/a","value":1,"revision":0}`:                        "revision",
		`{"address":"/a","value":1,"revision":"5"}`:                      `"revision" cannot be string`,
		"{\"address\":\"/\xff\",\"value\":1}":                            "UTF-8",
		`[]`:                                                             "param",
	} {
		words, code := imported(t, path, good+"\n"+line+"\n"+good)
		if code != 1 || !strings.Contains(words, "stdin, line 3: ") || !strings.Contains(words, says) || !strings.Contains(words, path+" was not made") {
			t.Errorf("%.60s: %d %q, want something about %q", line, code, words, says)
		}
		if left, _ := filepath.Glob(path + "*"); len(left) > 1 {
			t.Fatalf("%.60s leaves %q", line, left)
		}
	}
	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if words, code := imported(t, path, good); code != 1 || !strings.Contains(words, path+" exists") {
		t.Errorf("over a file that is there: %d %q", code, words)
	}
	if b, _ := os.ReadFile(path); string(b) != "precious" {
		t.Errorf("the file that was there is now %q", b)
	}
	if _, words, code := clasp(t, nil, "state", "check", path); code != 1 || !strings.Contains(words, "not-a-database") {
		t.Errorf("check of something else: %d %q", code, words)
	}
}

// TestStateImportNamesAll: all bad lines of a file are named, up to a hundred, and counted.
func TestStateImportNamesAll(t *testing.T) {
	dir := t.TempDir()
	path, from := filepath.Join(dir, "state.db"), filepath.Join(dir, "lines")
	write(t, from, strings.Repeat("{\"address\":\"/good\",\"value\":1}\nbad\n", 150))
	stdout, words, code := clasp(t, nil, "state", "import", "--from", from, path)
	if code != 1 || stdout != "" || strings.Count(words, "\n") != 101 || !strings.Contains(words, "lines that are wrong: 150") {
		t.Errorf("%d %q %.2000q", code, stdout, words)
	}
	for n := 2; n <= 200; n += 2 {
		if place := fmt.Sprintf("%s, line %d: ", from, n); !strings.Contains(words, place) {
			t.Errorf("%s is not named", place)
		}
	}
	_, words, code = clasp(t, nil, "state", "import", "--from", filepath.Join(dir, "none"), path)
	if code != 1 || !strings.Contains(words, "none: no such file") {
		t.Errorf("no file to read: %d %q", code, words)
	}
}

// TestStateByHand: address and value are enough, and of several lines of an address the highest revision counts.
func TestStateByHand(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	words, code := imported(t, path, `{"address":"/b","value":0.5}
 {"value":{"$bytes":"00ff"},"address":"/a","revision":7}

{"address":"/a","value":1,"revision":6}
{"address":"/c","value":1,"type":"f64","ttl":60}
{"address":"/gone","value":1,"ttl":60,"expires":5}
`)
	if code != 0 || words != "clasp: "+path+" is made of 5 lines\n" {
		t.Fatalf("%d %q", code, words)
	}
	text, _, _ := clasp(t, nil, "state", "export", path)
	want := regexp.MustCompile(`^{"address":"/a","value":{"\$bytes":"00ff"},"type":"bytes","revision":7,"written":\d+,"strategy":"lww"}
{"address":"/b","value":0.5,"type":"f64","revision":1,"written":\d+,"strategy":"lww"}
{"address":"/c","value":1,"type":"f64","revision":1,"written":\d+,"ttl":60,"expires":\d+,"strategy":"lww"}
$`)
	if !want.MatchString(text) {
		t.Errorf("exported\n%s", text)
	}
}

// TestStateExact: records that no router of today writes, and those of other clients, survive too.
func TestStateExact(t *testing.T) {
	dir := t.TempDir()
	first, second := filepath.Join(dir, "first.db"), filepath.Join(dir, "second.db")
	var records []store.Record
	for i, encoded := range []string{
		"\x00", "\x01\x00", "\x01\x01", "\x01\x07", "\x02\xff", "\x03\x80\x00", "\x04\x00\x00\x00\x01", "\x06\x3f\x80\x00\x00",
		"\x05\x7f\xff\xff\xff\xff\xff\xff\xff", "\x07\x80\x00\x00\x00\x00\x00\x00\x00", "\x07\x7f\xf8\x00\x00\x00\x00\x00\x01", "\x07\x7f\xf0\x00\x00\x00\x00\x00\x02",
		"\x07\x43\xe0\x00\x00\x00\x00\x00\x00", "\x08\x00\x00", "\x09\x00\x00", "\x0a\x00\x02\x02\x01\x06\x3d\xcc\xcc\xcd",
		"\x0b\x00\x02\x00\x01a\x00\x00\x01a\x01\x01", "\x0b\x00\x01\x00\x06$bytes\x08\x00\x02ff", "\x0b\x00\x01\x00\x06$float\x00",
	} {
		records = append(records, store.Record{
			Address: fmt.Appendf(nil, "/%02d/\u2028\x01<&>", i), Value: []byte(encoded), Revision: 1<<53 - 1 - uint64(i), Writer: []byte("ß\""),
			Written: math.MaxUint64, TTL: uint32(i)<<31 | uint32(i), Expires: math.MaxInt64 * uint64(min(i, 1)), Strategy: uint8(i % 4), Timeline: i%2 == 1,
		})
	}
	into, err := store.NewImport(first)
	if err != nil {
		t.Fatal(err)
	}
	for i := range records {
		if err := into.Add(&records[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := into.Finish(); err != nil {
		t.Fatal(err)
	}
	text, words, code := clasp(t, nil, "state", "export", first)
	if code != 0 || words != "" {
		t.Fatalf("export: %d %s", code, words)
	}
	if words, code := imported(t, second, text); code != 0 {
		t.Fatalf("import: %d %s\n%s", code, words, text)
	}
	n := 0
	if _, err := store.Export(second, func(r store.Record) error {
		if !reflect.DeepEqual(r, records[n]) {
			t.Errorf("got  %+v\nwant %+v", r, records[n])
		}
		n++
		return nil
	}); err != nil || n != len(records) {
		t.Errorf("%d of %d records came back, %v", n, len(records), err)
	}
}

// TestStateCheck: what a good file holds, and what is wrong with a bad one, for people and for programs.
func TestStateCheck(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	if words, code := imported(t, path, "{\"address\":\"/a\",\"value\":1}\n"); code != 0 {
		t.Fatal(words)
	}
	stdout, words, code := clasp(t, nil, "state", "check", path)
	if code != 0 || words != "" || !strings.HasPrefix(stdout, path+": good\n  params    1, ") || !strings.Contains(stdout, "stopped in order") {
		t.Errorf("%d %q %q", code, stdout, words)
	}
	type report struct {
		File, Reason, Error   string
		Good, Clean           bool
		Params, Format, Bytes int
	}
	check := func(want report, wantCode int) {
		t.Helper()
		var r report
		stdout, words, code := clasp(t, nil, "state", "check", "--json", path)
		if err := json.Unmarshal([]byte(stdout), &r); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		want.File, want.Bytes = path, int(info.Size())
		if (r.Error == "") != r.Good {
			t.Errorf("error %q", r.Error)
		}
		r.Error = ""
		if code != wantCode || words != "" || r != want {
			t.Errorf("%d %+v %q, want %d %+v", code, r, words, wantCode, want)
		}
	}
	check(report{Good: true, Clean: true, Params: 1, Format: 1}, 0)
	write(t, path, strings.Repeat("\x00", 1<<16))
	check(report{Reason: "zeros"}, 1)
	stdout, words, code = clasp(t, nil, "state", "check", path)
	if code != 1 || stdout != "" || !strings.HasPrefix(words, "clasp: "+path+" is bad (zeros): ") {
		t.Errorf("%d %q %q", code, stdout, words)
	}
	for _, args := range [][]string{{"check"}, {"export", "a", "b"}, {"import"}, {"chek", "a"}} {
		if _, words, code := clasp(t, nil, append([]string{"state"}, args...)...); code != 2 {
			t.Errorf("state %q: %d %q", args, code, words)
		}
	}
	for _, command := range []string{"check", "export"} {
		if _, words, code := clasp(t, nil, "state", command, path+".none"); code != 1 || !strings.Contains(words, "no such file") {
			t.Errorf("%s of nothing: %d %q", command, code, words)
		}
	}
}

// TestStateInterrupted: Ctrl-C while lines come leaves nothing half-made.
func TestStateInterrupted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	cmd := claspCommand(t, nil, "state", "import", path)
	var words lockedBuffer
	cmd.Stderr = &words
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for i := range 10_000 { // more than the pipe holds: it has been reading
		if _, err := fmt.Fprintf(in, "{\"address\":\"/%d\",\"value\":1}\n", i); err != nil {
			t.Fatal(err)
		}
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Error("an interrupted import succeeded")
	}
	if left, _ := filepath.Glob(path + "*"); len(left) > 1 || !strings.Contains(words.String(), path+" was not made") {
		t.Errorf("left %q, said %q", left, &words)
	}
}
