// The messages of one publisher, numbered from 0, written several at once.

package versus

import (
	"time"

	"github.com/clasp-studio/clasp/cmd/clasp-bench/versus/peer"
)

// messages is what a publisher has sent and is about to. Not for several goroutines.
type messages struct {
	conn      *peer.Conn
	publisher uint32
	address   string
	out       []byte
	payload   [peer.PayloadSize]byte
	sent      uint64 // those that wait to be written included
}

func newMessages(conn *peer.Conn, publisher int, address string) *messages {
	return &messages{conn: conn, publisher: uint32(publisher), address: address}
}

// add makes one more message, that was meant to be sent at some time of the audience.
func (m *messages) add(at time.Duration) {
	payload := peer.Stamp{Publisher: m.publisher, Sequence: m.sent, At: at}.Append(m.payload[:0])
	m.out = m.conn.AppendPublish(m.out, m.address, payload)
	m.sent++
}

// flush writes what add has made.
func (m *messages) flush() error {
	_, err := m.conn.Write(m.out)
	m.out = m.out[:0]
	return err
}

// allSent is how many messages several publishers have sent together.
func allSent(from []*messages) (n uint64) {
	for _, m := range from {
		n += m.sent
	}
	return n
}
