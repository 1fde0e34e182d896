package quiet_test

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/clasp-studio/clasp/router/transport/internal/quiet"
)

// Each kind of line is logged once in a while, however many ask at the same time.
func TestWarn(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(slog.NewTextHandler(&out, nil))
	var a, b quiet.Log
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() {
			a.Warn(log, "first", "n", 1)
			b.Warn(log, "second")
		})
	}
	all.Wait()
	for _, want := range []string{"msg=first n=1", "msg=second"} {
		if n := strings.Count(out.String(), want); n != 1 {
			t.Errorf("%q is there %d times, want once:\n%s", want, n, &out)
		}
	}
}
