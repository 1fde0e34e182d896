// The text protocol of NATS, and JetStream's acknowledgements on top of it.

package peer

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

const (
	// natsInbox is the subscription that JetStream's acknowledgements come by.
	natsInbox = "0"
	// natsStream keeps what AppendDurable writes.
	natsStream = "BENCH"
)

type natsWire struct {
	subscriptions int
	inbox         string // where acknowledgements go; empty until something is written
}

func speakNATS() protocol { return &natsWire{} }

func (w *natsWire) greet(c *Conn) error {
	if _, err := c.until("\r\n"); err != nil { // INFO
		return err
	}
	if _, err := c.Write([]byte(`CONNECT {"verbose":false,"pedantic":false,"lang":"clasp-bench","version":"1","protocol":1}` + "\r\n")); err != nil {
		return err
	}
	return c.RoundTrip()
}

func (*natsWire) appendPing(dst []byte) []byte { return append(dst, "PING\r\n"...) }

func (w *natsWire) appendSubscribe(dst []byte, pattern string) []byte {
	w.subscriptions++
	dst = append(dst, "SUB "...)
	dst = append(dst, strings.ReplaceAll(string(appendAddress(nil, pattern, '.')), "**", ">")...)
	dst = append(dst, ' ')
	dst = strconv.AppendInt(dst, int64(w.subscriptions), 10)
	return append(dst, "\r\n"...)
}

func (w *natsWire) appendPublish(dst []byte, address string, payload []byte) []byte {
	return natsMessage(dst, address, "", payload)
}

// natsMessage appends PUB.
func natsMessage(dst []byte, address, reply string, payload []byte) []byte {
	dst = append(dst, "PUB "...)
	dst = append(appendAddress(dst, address, '.'), ' ')
	if reply != "" {
		dst = append(append(dst, reply...), ' ')
	}
	dst = strconv.AppendInt(dst, int64(len(payload)), 10)
	dst = append(dst, "\r\n"...)
	return append(append(dst, payload...), "\r\n"...)
}

func (w *natsWire) appendDurable(dst []byte, address string, payload []byte) []byte {
	if w.inbox == "" {
		w.inbox = "_INBOX." + rand.Text()
		dst = append(dst, "SUB "+w.inbox+" "+natsInbox+"\r\n"...)
	}
	return natsMessage(dst, address, w.inbox, payload)
}

// keepDurably has JetStream keep what goes to /bench/**.
func keepDurably(c *Conn) error {
	w := c.proto.(*natsWire)
	out := w.appendDurable(nil, "/$JS/API/STREAM/CREATE/"+natsStream,
		[]byte(`{"name":"`+natsStream+`","subjects":["bench.>"],"storage":"file","retention":"limits","num_replicas":1}`))
	if _, err := c.Write(out); err != nil {
		return err
	}
	return c.bounded(func() error { return c.await(func(in *input) bool { return in.acks > 0 }) })
}

func (*natsWire) scan(b []byte, in *input) (taken int, err error) {
	for taken < len(b) {
		n, err := takeNATS(b[taken:], in)
		if err != nil || n == 0 {
			return taken, err
		}
		taken += n
	}
	return taken, nil
}

// natsLineLimit bounds a line; that of a message has two subjects at most.
const natsLineLimit = 64 << 10

// takeNATS takes one message and returns its length; 0 says that it is not whole.
func takeNATS(b []byte, in *input) (int, error) {
	end := bytes.IndexByte(b, '\n')
	if end < 0 {
		if len(b) > natsLineLimit {
			return 0, fmt.Errorf("a line without end: %.64q", b)
		}
		return 0, nil
	}
	if end < 1 || b[end-1] != '\r' {
		return 0, fmt.Errorf("a bad line: %.64q", b[:end+1])
	}
	line, size := b[:end-1], end+1
	if rest, ok := bytes.CutPrefix(line, []byte("MSG ")); ok {
		return takeNATSMessage(b, size, rest, in)
	}
	word, _, _ := bytes.Cut(line, []byte(" "))
	switch string(word) {
	case "PONG":
		in.pongs++
	case "PING":
		in.reply = append(in.reply, "PONG\r\n"...)
	case "INFO", "+OK": // INFO comes again when something of the server has changed
	default:
		return 0, fmt.Errorf("nats-server says %.200q", line)
	}
	return size, nil
}

// takeNATSMessage takes MSG: subject, subscription, perhaps a reply, length.
func takeNATSMessage(b []byte, head int, words []byte, in *input) (int, error) {
	_, words, _ = bytes.Cut(words, []byte(" "))
	subscription, words, _ := bytes.Cut(words, []byte(" "))
	length, err := decimal(words[bytes.LastIndexByte(words, ' ')+1:])
	if err != nil {
		return 0, err
	}
	end := head + length
	switch {
	case length > inputLimit:
		return 0, fmt.Errorf("a message of %d bytes", length)
	case len(b) < end+2:
		return 0, nil
	case b[end] != '\r' || b[end+1] != '\n':
		return 0, fmt.Errorf("a message that ends with %q", b[end:end+2])
	}
	payload := b[head:end]
	if string(subscription) != natsInbox {
		in.deliver(payload)
		return end + 2, nil
	}
	if bytes.Contains(payload, []byte(`"error"`)) || !bytes.Contains(payload, []byte(`"`+natsStream+`"`)) {
		return 0, fmt.Errorf("JetStream answers %.200s", payload)
	}
	in.acks++
	return end + 2, nil
}

// decimal reads a length. strconv wants a string.
func decimal(digits []byte) (int, error) {
	n := 0
	for _, d := range digits {
		if d < '0' || d > '9' || n > inputLimit {
			return 0, fmt.Errorf("%.64q is no length", digits)
		}
		n = 10*n + int(d-'0')
	}
	if len(digits) == 0 {
		return 0, errors.New("no length where one belongs")
	}
	return n, nil
}
