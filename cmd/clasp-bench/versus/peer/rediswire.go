// RESP, version 2, as redis speaks it.

package peer

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

type redisWire struct{}

func speakRedis() protocol { return redisWire{} }

func (redisWire) greet(c *Conn) error { return c.RoundTrip() }

// respCommand appends a command.
func respCommand(dst []byte, words ...string) []byte {
	dst = append(dst, '*')
	dst = strconv.AppendInt(dst, int64(len(words)), 10)
	dst = append(dst, "\r\n"...)
	for _, w := range words {
		dst = append(respLength(dst, len(w)), w...)
		dst = append(dst, "\r\n"...)
	}
	return dst
}

func respLength(dst []byte, n int) []byte {
	dst = append(dst, '$')
	dst = strconv.AppendInt(dst, int64(n), 10)
	return append(dst, "\r\n"...)
}

// appendAddress appends an address of CLASP with another separator and without the one it
// begins with.
func appendAddress(dst []byte, address string, separator byte) []byte {
	start := len(dst)
	dst = append(dst, strings.TrimPrefix(address, "/")...)
	for i := start; i < len(dst); i++ {
		if dst[i] == '/' {
			dst[i] = separator
		}
	}
	return dst
}

// respPair appends a command of two arguments, an address and a payload; begin is all that
// comes before them.
func respPair(dst []byte, begin, address string, payload []byte) []byte {
	dst = append(dst, begin...)
	dst = respLength(dst, len(strings.TrimPrefix(address, "/")))
	dst = appendAddress(dst, address, ':')
	dst = append(dst, "\r\n"...)
	dst = append(respLength(dst, len(payload)), payload...)
	return append(dst, "\r\n"...)
}

func (redisWire) appendPing(dst []byte) []byte { return append(dst, "*1\r\n$4\r\nPING\r\n"...) }

// appendSubscribe: a * of redis goes beyond the segment, so ** is one too.
func (redisWire) appendSubscribe(dst []byte, pattern string) []byte {
	channel := string(appendAddress(nil, pattern, ':'))
	if strings.Contains(channel, "*") {
		return respCommand(dst, "PSUBSCRIBE", strings.ReplaceAll(channel, "**", "*"))
	}
	return respCommand(dst, "SUBSCRIBE", channel)
}

func (redisWire) appendPublish(dst []byte, address string, payload []byte) []byte {
	return respPair(dst, "*3\r\n$7\r\nPUBLISH\r\n", address, payload)
}

func (redisWire) appendDurable(dst []byte, address string, payload []byte) []byte {
	return respPair(dst, "*3\r\n$3\r\nSET\r\n", address, payload)
}

var errCut = errors.New("not whole yet")

func (redisWire) scan(b []byte, in *input) (taken int, err error) {
	for taken < len(b) {
		n, err := takeRESP(b[taken:], in)
		if errors.Is(err, errCut) {
			return taken, nil
		}
		if err != nil {
			return taken, err
		}
		taken += n
	}
	return taken, nil
}

// takeRESP takes one reply and returns its length.
func takeRESP(b []byte, in *input) (int, error) {
	line, n, err := respLine(b)
	if err != nil {
		return 0, err
	}
	switch line[0] {
	case '+':
		switch string(line[1:]) {
		case "OK":
			in.acks++
		case "PONG":
			in.pongs++
		}
		return n, nil
	case ':': // how many have got what was published
		return n, nil
	case '-':
		return 0, fmt.Errorf("redis answers %s", line)
	case '*':
		return takePush(b, in)
	default:
		return 0, fmt.Errorf("redis answers %.64q", line)
	}
}

// takePush takes an array: what redis tells subscribers.
func takePush(b []byte, in *input) (int, error) {
	count, n, err := respNumber(b)
	if err != nil {
		return 0, err
	}
	var words [4][]byte
	if count < 2 || count > len(words) {
		return 0, fmt.Errorf("redis answers with %d words", count)
	}
	for i := range count {
		if n == len(b) {
			return 0, errCut
		}
		kind := b[n]
		length, size, err := respNumber(b[n:])
		if err != nil {
			return 0, err
		}
		n += size
		switch {
		case kind == ':':
			continue
		case kind != '$' || length > inputLimit:
			return 0, fmt.Errorf("redis answers a %q within an array, of %d bytes", kind, length)
		case len(b) < n+length+2:
			return 0, errCut
		}
		words[i] = b[n : n+length]
		n += length + 2
	}
	switch string(words[0]) {
	case "message":
		in.deliver(words[2])
	case "pmessage":
		in.deliver(words[3])
	case "subscribe", "psubscribe":
		in.subs++
	case "pong":
		in.pongs++
	default:
		return 0, fmt.Errorf("redis tells of a %.64q", words[0])
	}
	return n, nil
}

// respLine returns the first line of b without its end, which is not empty, and its length
// with it.
func respLine(b []byte) (line []byte, size int, err error) {
	end := bytes.IndexByte(b[:min(len(b), 1024)], '\n')
	switch {
	case end < 0 && len(b) >= 1024:
		return nil, 0, fmt.Errorf("a line without end: %.64q", b)
	case end < 0:
		return nil, 0, errCut
	case end < 2 || b[end-1] != '\r':
		return nil, 0, fmt.Errorf("a bad line: %q", b[:end+1])
	}
	return b[:end-1], end + 1, nil
}

// respNumber returns the number behind the first byte of a line, and the length of the line
// with its end.
func respNumber(b []byte) (number, size int, err error) {
	for i := 1; i < len(b); i++ {
		switch d := b[i]; {
		case '0' <= d && d <= '9' && number <= inputLimit:
			number = 10*number + int(d-'0')
		case d != '\r' || i == 1:
			return 0, 0, fmt.Errorf("%.32q does not begin with a number", b)
		case i+1 == len(b):
			return 0, 0, errCut
		case b[i+1] != '\n':
			return 0, 0, fmt.Errorf("a line that ends with %q", b[i:i+2])
		default:
			return number, i + 2, nil
		}
	}
	return 0, 0, errCut
}
