// centrifuge's client protocol: protobuf messages, each with its length before it, over
// WebSocket. Of its many fields (centrifugal/protocol, client.proto) a load needs few.

package peer

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Fields of protobuf messages: their numbers, with wire type 2 (a length and as many bytes)
// where none is said.
const (
	commandID        = 1 // a varint
	commandConnect   = 4
	commandSubscribe = 5
	commandPublish   = 7
	commandRPC       = 13

	replyError     = 2
	replyPush      = 4
	replySubscribe = 6
	replyRPC       = 13

	pushPub        = 4
	pushDisconnect = 11
	pubData        = 4

	requestChannel = 1
	requestData    = 2
)

type centrifugeWire struct{ id uint32 } // of the last command

func speakCentrifuge() protocol { return &centrifugeWire{} }

func (w *centrifugeWire) greet(c *Conn) error {
	if err := upgrade(c, "/connection/websocket?format=protobuf", "centrifuge-protobuf"); err != nil {
		return err
	}
	if _, err := c.Write(w.command(nil, commandConnect, "", nil)); err != nil {
		return err
	}
	return c.RoundTrip()
}

// protoField is what comes before the bytes of a field.
func protoField(number, wireType int) byte { return byte(number<<3 | wireType) }

func uvarintSize(n uint64) int {
	size := 1
	for ; n > 0x7f; n >>= 7 {
		size++
	}
	return size
}

// command appends a WebSocket message with one command, whose request has a channel and
// data where they are not empty.
func (w *centrifugeWire) command(dst []byte, kind int, address string, data []byte) []byte {
	w.id++
	channel := topicSize(address)
	request := 0
	if channel > 0 {
		request += 1 + uvarintSize(uint64(channel)) + channel
	}
	if len(data) > 0 {
		request += 1 + uvarintSize(uint64(len(data))) + len(data)
	}
	body := 1 + uvarintSize(uint64(w.id)) + 1 + uvarintSize(uint64(request)) + request
	dst = beginWS(dst, wsBinary, uvarintSize(uint64(body))+body)
	dst = binary.AppendUvarint(dst, uint64(body))
	dst = binary.AppendUvarint(append(dst, protoField(commandID, 0)), uint64(w.id))
	dst = binary.AppendUvarint(append(dst, protoField(kind, 2)), uint64(request))
	if channel > 0 {
		dst = binary.AppendUvarint(append(dst, protoField(requestChannel, 2)), uint64(channel))
		dst = appendAddress(dst, address, ':')
	}
	if len(data) > 0 {
		dst = binary.AppendUvarint(append(dst, protoField(requestData, 2)), uint64(len(data)))
		dst = append(dst, data...)
	}
	return dst
}

func (w *centrifugeWire) appendSubscribe(dst []byte, pattern string) []byte {
	return w.command(dst, commandSubscribe, pattern, nil)
}

func (w *centrifugeWire) appendPublish(dst []byte, address string, payload []byte) []byte {
	return w.command(dst, commandPublish, address, payload)
}

// appendPing asks for what the server answers in order: the protocol's own pings come from
// the server.
func (w *centrifugeWire) appendPing(dst []byte) []byte { return w.command(dst, commandRPC, "", nil) }

func (w *centrifugeWire) scan(b []byte, in *input) (taken int, err error) {
	for {
		first, body, length, err := wsMessage(b[taken:])
		if err != nil || length == 0 {
			return taken, err
		}
		taken += length
		if first != wsBinary {
			err = wsControl(first, body, in)
		}
		for first == wsBinary && err == nil && len(body) > 0 {
			size, n := binary.Uvarint(body)
			if n <= 0 || size > uint64(len(body)-n) {
				return taken, fmt.Errorf("a reply whose length is wrong: % .32x", body)
			}
			err = takeReply(body[n:n+int(size)], in)
			body = body[n+int(size):]
		}
		if err != nil {
			return taken, err
		}
	}
}

// takeReply takes a reply. An empty one asks whether this side is alive, and is answered by
// an empty command.
func takeReply(b []byte, in *input) error {
	if len(b) == 0 {
		in.reply = append(beginWS(in.reply, wsBinary, 1), 0)
		return nil
	}
	for len(b) > 0 {
		number, value, n, err := nextField(b)
		if err != nil {
			return err
		}
		b = b[n:]
		switch number {
		case replyError:
			return fmt.Errorf("centrifuge answers an error: %q", value)
		case replyPush:
			if err := takePublication(value, in); err != nil {
				return err
			}
		case replySubscribe:
			in.subs++
		case replyRPC:
			in.pongs++
		}
	}
	return nil
}

func takePublication(b []byte, in *input) error {
	for len(b) > 0 {
		number, value, n, err := nextField(b)
		if err != nil {
			return err
		}
		b = b[n:]
		switch number {
		case pushDisconnect:
			return fmt.Errorf("centrifuge disconnects: %q", value)
		case pushPub:
			for len(value) > 0 {
				number, data, n, err := nextField(value)
				if err != nil {
					return err
				}
				value = value[n:]
				if number == pubData {
					in.deliver(data)
				}
			}
		}
	}
	return nil
}

var errProtobuf = errors.New("a protobuf message that is cut short or wrong")

// nextField returns the first field of a protobuf message, its bytes if it is of wire type
// 2, and its length.
func nextField(b []byte) (number int, value []byte, size int, err error) {
	tag, n := binary.Uvarint(b)
	if n <= 0 || tag > 1<<20 {
		return 0, nil, 0, errProtobuf
	}
	number, size = int(tag>>3), n
	switch tag & 7 {
	case 0:
		_, n := binary.Uvarint(b[size:])
		if n <= 0 {
			return 0, nil, 0, errProtobuf
		}
		return number, nil, size + n, nil
	case 2:
		length, n := binary.Uvarint(b[size:])
		if n <= 0 || length > uint64(len(b)-size-n) {
			return 0, nil, 0, errProtobuf
		}
		size += n
		return number, b[size : size+int(length)], size + int(length), nil
	case 1:
		size += 8
	case 5:
		size += 4
	default:
		return 0, nil, 0, errProtobuf
	}
	if size > len(b) {
		return 0, nil, 0, errProtobuf
	}
	return number, nil, size, nil
}
