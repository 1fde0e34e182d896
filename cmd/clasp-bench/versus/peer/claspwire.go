// CLASP over WebSocket, as web pages and the public clients speak it.

package peer

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/clasp-studio/clasp/router/wire"
)

type claspWire struct {
	subscriptions uint32 // each has an id of its own
	work          []byte // a payload in the making
}

func speakCLASP() protocol { return &claspWire{} }

func (w *claspWire) greet(c *Conn) error {
	if err := upgrade(c, "/clasp", "clasp"); err != nil {
		return err
	}
	hello := wire.AppendHello(nil, wire.Hello{Version: wire.Version, Features: 0xf8, Name: []byte("clasp-bench")})
	if _, err := c.Write(w.message(nil, wire.Fire, hello)); err != nil {
		return err
	}
	return c.RoundTrip() // PONG comes after WELCOME and SNAPSHOT
}

// message appends a CLASP frame in a WebSocket message.
func (*claspWire) message(dst []byte, q wire.QoS, payload []byte) []byte {
	dst = beginWS(dst, wsBinary, wire.HeaderSize+len(payload))
	dst, err := wire.AppendFrame(dst, q, payload)
	if err != nil {
		panic(err) // the messages of a load are small
	}
	return dst
}

func (w *claspWire) appendPing(dst []byte) []byte {
	return w.message(dst, wire.Fire, wire.AppendPing(nil))
}

func (w *claspWire) appendSubscribe(dst []byte, pattern string) []byte {
	w.subscriptions++
	w.work = wire.AppendSubscribe(w.work[:0], wire.Subscribe{ID: w.subscriptions, Pattern: []byte(pattern), Types: 0xff})
	return w.message(dst, wire.Fire, w.work)
}

func (w *claspWire) appendPublish(dst []byte, address string, payload []byte) []byte {
	// The size is known, so that nothing has to be made elsewhere and copied: type, flags,
	// address with its length, indicator, code, text with its length.
	size := 1 + 1 + 2 + len(address) + 1 + 1 + 2 + len(payload)
	dst = beginWS(dst, wsBinary, wire.HeaderSize+size)
	start := len(dst)
	dst = wire.BeginFrame(dst, wire.Fire)
	dst = append(dst, byte(wire.TypePublish), byte(wire.Event)<<5, byte(len(address)>>8), byte(len(address)))
	dst = append(dst, address...)
	dst = append(dst, 1, wire.StringCode, byte(len(payload)>>8), byte(len(payload)))
	dst = append(dst, payload...)
	return endFrame(dst, start)
}

func endFrame(dst []byte, start int) []byte {
	dst, err := wire.EndFrame(dst, start)
	if err != nil {
		panic(err) // the messages of a load are small
	}
	return dst
}

func (w *claspWire) set(dst []byte, q wire.QoS, address string, payload []byte) []byte {
	size := 1 + 1 + 2 + len(address) + 2 + len(payload)
	dst = beginWS(dst, wsBinary, wire.HeaderSize+size)
	start := len(dst)
	dst = wire.BeginFrame(dst, q)
	dst = append(dst, byte(wire.TypeSet), wire.StringCode, byte(len(address)>>8), byte(len(address)))
	dst = append(dst, address...)
	dst = append(dst, byte(len(payload)>>8), byte(len(payload)))
	dst = append(dst, payload...)
	return endFrame(dst, start)
}

func (w *claspWire) appendSet(dst []byte, address string, payload []byte) []byte {
	return w.set(dst, wire.Confirm, address, payload)
}

func (w *claspWire) appendRetained(dst []byte, address string, payload []byte) []byte {
	return w.set(dst, wire.Fire, address, payload)
}

func (w *claspWire) appendDurable(dst []byte, address string, payload []byte) []byte {
	return w.set(dst, wire.Commit, address, payload)
}

func (*claspWire) scan(b []byte, in *input) (taken int, err error) {
	for {
		first, body, length, err := wsMessage(b[taken:])
		if err != nil || length == 0 {
			return taken, err
		}
		taken += length
		if first == wsBinary {
			err = takeCLASP(body, in)
		} else {
			err = wsControl(first, body, in)
		}
		if err != nil {
			return taken, err
		}
	}
}

// plainText returns the payload of the commonest message there is, an event without options
// whose value is a text. What package wire also looks at, UTF-8 above all, costs more than
// all the rest of a load.
func plainText(message []byte) (payload []byte, ok bool) {
	const addressAt = 1 + 1 + 2 // type, flags, length
	if len(message) < addressAt || message[0] != byte(wire.TypePublish) || message[1] != byte(wire.Event)<<5 {
		return nil, false
	}
	const valueHead = 1 + 1 + 2 // indicator, code, length
	at := addressAt + int(binary.BigEndian.Uint16(message[2:])) + valueHead
	if at > len(message) || message[at-4] != 1 || message[at-3] != wire.StringCode || at+int(binary.BigEndian.Uint16(message[at-2:])) != len(message) {
		return nil, false
	}
	return message[at:], true
}

// takeCLASP takes a frame.
func takeCLASP(frame []byte, in *input) error {
	f, _, err := wire.ReadFrame(frame)
	if err != nil {
		return err
	}
	if len(f.Payload) == 0 {
		return errors.New("an empty CLASP frame")
	}
	if payload, ok := plainText(f.Payload); ok {
		in.deliver(payload)
		return nil
	}
	switch wire.Type(f.Payload[0]) {
	case wire.TypePublish:
		m, err := wire.DecodePublish(f.Payload)
		if err != nil {
			return err
		}
		return in.deliverText(m.Value)
	case wire.TypeSet:
		m, err := wire.DecodeSet(f.Payload)
		if err != nil {
			return err
		}
		return in.deliverText(m.Value)
	case wire.TypeSnapshot:
		m, err := wire.DecodeSnapshot(f.Payload)
		for e, ok := m.Next(); ok && err == nil; e, ok = m.Next() {
			err = in.deliverText(e.Value)
		}
		return err
	case wire.TypeAck:
		in.acks++
	case wire.TypePong:
		in.pongs++
	case wire.TypeError:
		m, err := wire.DecodeError(f.Payload)
		if err != nil {
			return err
		}
		return fmt.Errorf("ERROR %d: %s", m.Code, m.Message)
	}
	return nil
}

// deliverText passes on a value that is a text: its length is in front of it.
func (in *input) deliverText(v wire.Value) error {
	if v.Code != wire.StringCode {
		return fmt.Errorf("a value of code %d, want a string", v.Code)
	}
	in.deliver(v.Data[2:])
	return nil
}
