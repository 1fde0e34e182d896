// The workloads that are not about how many messages get through, and what they share.

package versus

import (
	"context"
	"fmt"
	"time"

	"github.com/clasp-studio/clasp/cmd/clasp-bench/versus/peer"
)

var others = []workload{idle, slow, late, durable, match, set}

// end stops a server, and adds the last words of one that has died to the error of a run:
// then it is no limit of the peer.
func end(s *peer.Server, err *error) {
	if dead := s.Alive(); *err != nil && dead != nil {
		*err = fmt.Errorf("%s; %w", (*err).Error(), dead)
	}
	s.Stop()
}

// abandon ends a connection with a reset, so that no port is kept waiting for the next run.
func abandon(c *peer.Conn) {
	if tcp, ok := c.Conn.(interface{ SetLinger(int) error }); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
}

// pause waits, unless ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// inMillis is d as a number of milliseconds.
func inMillis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
