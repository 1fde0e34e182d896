package tcp_test

import (
	"testing"

	"github.com/clasp-studio/clasp/router"
	goclient "github.com/clasp-studio/clasp/router/client"
	"github.com/clasp-studio/clasp/router/internal/kit"
)

// TestPromises: what a router promises holds over TCP, with its snapshots in small pieces.
func TestPromises(t *testing.T) {
	kit.Promises(t, func(t *testing.T) kit.Dial {
		_, addr := start(t, router.Limits{})
		return func(tb testing.TB) *goclient.Client {
			tb.Helper()
			c, err := goclient.Dial(tb.Context(), "tcp://"+addr, goclient.Options{})
			if err != nil {
				tb.Fatal(err)
			}
			tb.Cleanup(c.Close)
			return c
		}
	})
}
