// A subscriber that stops reading while its peer goes on sending, and later finds out what
// has become of it.

package versus

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/clasp-studio/clasp/cmd/clasp-bench/internal/process"
	"github.com/clasp-studio/clasp/cmd/clasp-bench/versus/peer"
)

// stalled is such a subscriber.
type stalled struct {
	conn  *peer.Conn
	off   atomic.Bool   // it is to stop; what it reads before it notices still counts
	goOn  chan struct{} // closed when it may read on
	got   atomic.Uint64 // messages, but for marks
	marks chan struct{} // one is ready when a mark has come
	ended chan struct{} // closed when reading has
	err   error         // why; to be read when it has
}

// markPublisher is the publisher of the messages that only say that everything before them
// has been dealt with.
const markPublisher = 1<<32 - 1

// stall begins reading; came is told of every message before stop.
func stall(c *peer.Conn, came func(peer.Stamp)) *stalled {
	s := &stalled{conn: c, goOn: make(chan struct{}), marks: make(chan struct{}, 1), ended: make(chan struct{})}
	go func() {
		defer close(s.ended)
		s.err = s.read(came)
	}()
	return s
}

func (s *stalled) read(came func(peer.Stamp)) (wrong error) {
	for wrong == nil {
		err := s.conn.Read(func(payload []byte) {
			stamp, err := peer.ReadStamp(payload[:min(len(payload), peer.PayloadSize)]) // some are longer
			switch {
			case err != nil:
				wrong = err
			case stamp.Publisher == markPublisher:
				select {
				case s.marks <- struct{}{}:
				default: // it is known already
				}
			default:
				s.got.Add(1)
				if !s.off.Load() {
					came(stamp)
				}
			}
		})
		if err != nil {
			return err
		}
		if s.off.Load() {
			<-s.goOn
		}
	}
	return wrong
}

// stop has it read no more, but for once if it waits for something to come.
func (s *stalled) stop() { s.off.Store(true) }

// fate lets it read on and says what the peer has done with the messages that were sent to
// it since it had got so many. mark publishes a mark to it.
func (s *stalled) fate(ctx context.Context, had, sent uint64, mark func() error) (string, error) {
	close(s.goOn)
	again := time.NewTicker(100 * time.Millisecond) // a mark may be dropped while there is no room
	defer again.Stop()
	for deadline := time.Now().Add(process.Patience); time.Now().Before(deadline); {
		if err := mark(); err != nil {
			return "", fmt.Errorf("publish to who reads again: %w", err)
		}
		select {
		case <-s.marks:
			return kept(s.got.Load()-had, sent), nil
		case <-s.ended:
			return fmt.Sprintf("its connection was closed, and %d of %d messages came before", s.got.Load()-had, sent), nil
		case <-again.C:
		case <-ctx.Done():
			return "", context.Cause(ctx)
		}
	}
	return fmt.Sprintf("it stayed connected, got %d of %d messages and then nothing for %v", s.got.Load()-had, sent, process.Patience), nil
}

// kept says what came of it whose connection was kept.
func kept(got, sent uint64) string {
	switch {
	case got == sent:
		return fmt.Sprintf("it stayed connected and got all %d messages later", sent)
	case got > sent:
		return fmt.Sprintf("it stayed connected, got %d messages where %d were sent", got, sent)
	case got == 0:
		return fmt.Sprintf("it stayed connected, and all of %d messages were dropped", sent)
	default:
		return fmt.Sprintf("it stayed connected, and %d of %d messages were dropped", sent-got, sent)
	}
}

// close ends it, wherever it is.
func (s *stalled) close() {
	abandon(s.conn)
	select {
	case <-s.goOn:
	default:
		close(s.goOn)
	}
	<-s.ended
}
