// WebSocket as a load needs it (RFC 6455): whole messages, none masked in earnest.

package peer

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// RFC 6455 section 5.2.
const (
	wsBinary = 0x82 // a whole binary message
	wsClose  = 0x88
	wsPing   = 0x89
	wsPong   = 0x8a
	wsMasked = 0x80
	maskSize = 4
)

// upgrade makes a new connection a WebSocket one.
func upgrade(c *Conn, path, subprotocol string) error {
	_, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: %s\r\n\r\n", path, c.RemoteAddr(), subprotocol)
	if err != nil {
		return err
	}
	const end = "\r\n\r\n"
	head, err := c.until(end)
	if err != nil {
		return fmt.Errorf("upgrade: %w", err)
	}
	if !bytes.HasPrefix(head, []byte("HTTP/1.1 101 ")) {
		return fmt.Errorf("upgrade refused: %q", head)
	}
	return nil
}

// wsMessage returns the first message of b: its first byte, its body and its length; length
// 0 says that it is not whole.
func wsMessage(b []byte) (first byte, body []byte, length int, err error) {
	if len(b) < 2 {
		return 0, nil, 0, nil
	}
	head, size := 2, uint64(b[1])
	switch {
	case size >= wsMasked:
		return 0, nil, 0, fmt.Errorf("a masked message from the server: % x", b[:2])
	case size == 126:
		if len(b) < 4 {
			return 0, nil, 0, nil
		}
		head, size = 4, uint64(binary.BigEndian.Uint16(b[2:]))
	case size == 127:
		if len(b) < 10 {
			return 0, nil, 0, nil
		}
		if head, size = 10, binary.BigEndian.Uint64(b[2:]); size > inputLimit {
			return 0, nil, 0, fmt.Errorf("a message of %d bytes", size)
		}
	}
	if length = head + int(size); len(b) < length {
		return 0, nil, 0, nil
	}
	return b[0], b[head:length], length, nil
}

// wsControl deals with a message that is not a binary one.
func wsControl(first byte, body []byte, in *input) error {
	switch first {
	case wsPing:
		in.reply = append(beginWS(in.reply, wsPong, len(body)), body...)
		return nil
	case wsPong:
		return nil
	case wsClose:
		return fmt.Errorf("closed by the server: %q", body)
	default:
		return fmt.Errorf("a WebSocket frame that begins with %#x", first)
	}
}

// beginWS appends the head of a client's message. Its mask key is 0, which leaves the
// bytes as they are.
func beginWS(dst []byte, first byte, size int) []byte {
	switch {
	case size < 126:
		dst = append(dst, first, wsMasked|byte(size))
	case size < 1<<16:
		dst = append(dst, first, wsMasked|126, byte(size>>8), byte(size))
	default:
		dst = append(dst, first, wsMasked|127)
		dst = binary.BigEndian.AppendUint64(dst, uint64(size))
	}
	return append(dst, make([]byte, maskSize)...)
}
