// MQTT 3.1.1, as mosquitto and mochi speak it, at QoS 0.

package peer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

// MQTT section 2.2: types with the flags they have.
const (
	mqttConnect   = 0x10
	mqttConnAck   = 0x20
	mqttPublish   = 0x30 // at QoS 0
	mqttRetained  = 0x01 // beside it
	mqttSubscribe = 0x82
	mqttSubAck    = 0x90
	mqttPing      = 0xc0
	mqttPong      = 0xd0
)

type mqttWire struct {
	packet uint16 // the number of the last subscription
}

func speakMQTT() protocol { return &mqttWire{} }

func (w *mqttWire) greet(c *Conn) error {
	// The broker makes up a name; a clean session; it need not be told that this side lives.
	connect := []byte{mqttConnect, 12, 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 0, 0, 0}
	if _, err := c.Write(connect); err != nil {
		return err
	}
	return c.RoundTrip()
}

func (*mqttWire) appendPing(dst []byte) []byte { return append(dst, mqttPing, 0) }

// topicSize is the length of the topic of an address: without the slash it begins with.
func topicSize(address string) int { return len(strings.TrimPrefix(address, "/")) }

func (w *mqttWire) appendSubscribe(dst []byte, pattern string) []byte {
	filter := strings.TrimPrefix(pattern, "/")
	if strings.Contains(filter, "*") {
		segments := strings.Split(filter, "/")
		for i, s := range segments {
			switch s {
			case "*":
				segments[i] = "+"
			case "**":
				segments[i] = "#"
			}
		}
		filter = strings.Join(segments, "/")
	}
	if w.packet++; w.packet == 0 { // which is not allowed
		w.packet = 1
	}
	dst = mqttLength(append(dst, mqttSubscribe), 2+2+len(filter)+1)
	dst = binary.BigEndian.AppendUint16(dst, w.packet)
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(filter)))
	return append(append(dst, filter...), 0)
}

func (*mqttWire) appendPublish(dst []byte, address string, payload []byte) []byte {
	return mqttMessage(dst, mqttPublish, address, payload)
}

func (*mqttWire) appendRetained(dst []byte, address string, payload []byte) []byte {
	return mqttMessage(dst, mqttPublish|mqttRetained, address, payload)
}

func mqttMessage(dst []byte, first byte, address string, payload []byte) []byte {
	size := topicSize(address)
	dst = mqttLength(append(dst, first), 2+size+len(payload))
	dst = binary.BigEndian.AppendUint16(dst, uint16(size))
	dst = append(dst, strings.TrimPrefix(address, "/")...)
	return append(dst, payload...)
}

// mqttLength appends a length as MQTT section 2.2.3 has it.
func mqttLength(dst []byte, n int) []byte {
	for ; n > 0x7f; n >>= 7 {
		dst = append(dst, byte(n)|0x80)
	}
	return append(dst, byte(n))
}

func (*mqttWire) scan(b []byte, in *input) (taken int, err error) {
	for {
		first, body, length, err := mqttPacket(b[taken:])
		if err != nil || length == 0 {
			return taken, err
		}
		taken += length
		if err := takeMQTT(first, body, in); err != nil {
			return taken, err
		}
	}
}

// mqttPacket returns the first packet of b: its first byte, its body and its length; length
// 0 says that it is not whole.
func mqttPacket(b []byte) (first byte, body []byte, length int, err error) {
	size, shift, head := 0, 0, 1
	for {
		if head == 5 {
			return 0, nil, 0, errors.New("an MQTT length of more than 4 bytes")
		}
		if head >= len(b) {
			return 0, nil, 0, nil
		}
		size |= int(b[head]&0x7f) << shift
		shift += 7
		head++
		if b[head-1] < 0x80 {
			break
		}
	}
	if size > inputLimit {
		return 0, nil, 0, fmt.Errorf("an MQTT packet of %d bytes", size)
	}
	if len(b) < head+size {
		return 0, nil, 0, nil
	}
	return b[0], b[head : head+size], head + size, nil
}

func takeMQTT(first byte, body []byte, in *input) error {
	switch {
	case first&0xf0 == mqttPublish:
		if first&0x06 != 0 || len(body) < 2 {
			return fmt.Errorf("a PUBLISH that begins with %#x, of %d bytes", first, len(body))
		}
		topic := int(binary.BigEndian.Uint16(body))
		if len(body) < 2+topic {
			return fmt.Errorf("a PUBLISH of %d bytes with a topic of %d", len(body), topic)
		}
		in.deliver(body[2+topic:])
	case first == mqttPong:
		in.pongs++
	case first == mqttConnAck:
		if len(body) != 2 || body[1] != 0 {
			return fmt.Errorf("MQTT connection refused: % x", body)
		}
	case first == mqttSubAck:
		if len(body) != 3 || body[2] > 2 {
			return fmt.Errorf("MQTT subscription refused: % x", body)
		}
		in.subs++
	default:
		return fmt.Errorf("an MQTT packet that begins with %#x", first)
	}
	return nil
}
