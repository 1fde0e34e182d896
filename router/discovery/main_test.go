// Looks for goroutines that a test has left behind, and lets this program be started again as a router in a network
// namespace of its own.

package discovery_test

import (
	"flag"
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if options := os.Getenv(actorVariable); options != "" {
		if err := act(options); err != nil {
			panic(err)
		}
		return
	}
	flag.Parse()
	_ = flag.Set("test.parallel", "8") // they wait for the network, and not for a processor
	goleak.VerifyTestMain(m)
}
