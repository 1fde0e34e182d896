// What the relay speaks (internal/relay): a line, and then payloads one after another.

package peer

import (
	"fmt"

	"github.com/clasp-studio/clasp/cmd/clasp-bench/internal/relay"
)

// rawWire is a connection to the relay. It belongs to one address, the first that it
// subscribes or publishes to: the relay has no addresses in what it copies.
type rawWire struct {
	joined   string
	answered bool // by the reader
}

func speakRaw() protocol { return &rawWire{} }

func (*rawWire) greet(*Conn) error { return nil } // the first line says it all

func (w *rawWire) appendSubscribe(dst []byte, pattern string) []byte {
	return w.join(dst, relay.Take, pattern)
}

func (w *rawWire) appendPublish(dst []byte, address string, payload []byte) []byte {
	return append(w.join(dst, relay.Send, address), payload...)
}

// join appends the line that a connection begins with, once.
func (w *rawWire) join(dst []byte, role byte, address string) []byte {
	switch w.joined {
	case address:
		return dst
	case "":
		w.joined = address
		dst = append(dst, role)
		dst = append(dst, address...)
		return append(dst, '\n')
	default:
		panic(fmt.Sprintf("a connection to the relay for %s is used for %s", w.joined, address)) // a workload that is not for it
	}
}

func (*rawWire) appendPing(dst []byte) []byte { return dst }

// silent says that no answer is to be expected.
func (w *rawWire) silent() bool { return w.joined == "" || w.answered }

func (w *rawWire) scan(b []byte, in *input) (taken int, err error) {
	if !w.answered && len(b) > 0 {
		if b[0] != relay.Take && b[0] != relay.Send {
			return 0, fmt.Errorf("the relay answers %q", b[0])
		}
		w.answered = true
		in.pongs++
		taken = 1
	}
	for ; len(b)-taken >= PayloadSize; taken += PayloadSize {
		in.deliver(b[taken : taken+PayloadSize])
	}
	return taken, nil
}
