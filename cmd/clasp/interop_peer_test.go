// The Go side of an interop test: one connection that shows the type every value has on the wire, which neither the foreign
// clients nor the commands do.

package main_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/router/wire"
	"github.com/gorilla/websocket"
)

// peer writes what a test tells it to and keeps a journal of what it receives. The lines are
//
//	set ADDRESS TYPE JSON
//	SIGNAL ADDRESS TYPE JSON             (event, stream, timeline; "none" stands for no value)
//	gesture PHASE ID ADDRESS TYPE JSON
//	snapshot ADDRESS TYPE JSON           (one line an entry)
//	error CODE ADDRESS
type peer struct {
	*journal
	conn *websocket.Conn
}

// newPeer connects to url and is greeted.
func newPeer(t *testing.T, url string) *peer { return newPeerWith(t, url, "") }

// newPeerWith shows a token.
func newPeerWith(t *testing.T, url, token string) *peer {
	t.Helper()
	conn, _, err := websocket.DefaultDialer.Dial(url, nil)
	if err != nil {
		t.Fatalf("connecting to %s: %v", url, err)
	}
	p := &peer{journal: newJournal(), conn: conn}
	t.Cleanup(func() { conn.Close() })
	p.send(t, wire.AppendHello(nil, wire.Hello{Version: wire.Version, Features: 0xF8, Name: []byte("peer"), Token: []byte(token)}))
	go p.receive()
	p.until(t, "welcome")
	return p
}

func (p *peer) receive() {
	for {
		_, data, err := p.conn.ReadMessage()
		if err != nil {
			p.add("closed")
			return
		}
		frame, _, err := wire.ReadFrame(data)
		if err != nil {
			p.add("undecodable frame: " + err.Error())
			continue
		}
		p.note(frame.Payload)
	}
}

// note adds the lines of one message.
func (p *peer) note(payload []byte) {
	if err := p.decode(payload); err != nil {
		p.add("undecodable message: " + err.Error())
	}
}

func (p *peer) decode(payload []byte) error {
	switch wire.Type(payload[0]) {
	case wire.TypeWelcome:
		p.add("welcome")
	case wire.TypeSet:
		m, err := wire.DecodeSet(payload)
		if err != nil {
			return err
		}
		p.add(fmt.Sprintf("set %s %s", m.Address, describe(m.Value)))
	case wire.TypePublish:
		m, err := wire.DecodePublish(payload)
		if err != nil {
			return err
		}
		value := "none"
		if m.HasValue {
			value = describe(m.Value)
		}
		if m.Signal == wire.Gesture {
			p.add(fmt.Sprintf("gesture %s %d %s %s", m.Phase, m.ID, m.Address, value))
		} else {
			p.add(fmt.Sprintf("%s %s %s", m.Signal, m.Address, value))
		}
	case wire.TypeSnapshot:
		m, err := wire.DecodeSnapshot(payload)
		if err != nil {
			return err
		}
		for entry, ok := m.Next(); ok; entry, ok = m.Next() {
			p.add(fmt.Sprintf("snapshot %s %s", entry.Address, describe(entry.Value)))
		}
	case wire.TypeError:
		m, err := wire.DecodeError(payload)
		if err != nil {
			return err
		}
		p.add(fmt.Sprintf("error %d %s", m.Code, m.Address))
	default:
		p.add(wire.Type(payload[0]).String())
	}
	return nil
}

// describe gives the type a value has on the wire, then the value as JSON.
func describe(v wire.Value) string {
	names := [...]string{
		"null", "bool", "i8", "i16", "i32", "i64", "f32", "f64", "string", "bytes", "array", "map",
	}
	return names[v.Code] + " " + string(wire.AppendJSON(nil, v))
}

// send writes payload in a fire frame, which is never acknowledged.
func (p *peer) send(t *testing.T, payload []byte) {
	t.Helper()
	frame, err := wire.AppendFrame(nil, wire.Fire, payload)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.conn.WriteMessage(websocket.BinaryMessage, frame); err != nil {
		t.Fatalf("writing to the router: %v", err)
	}
}

// parse reads JSON into the value it stands for: whole numbers are i64.
func parse(t *testing.T, json string) wire.Value {
	t.Helper()
	encoded, err := wire.AppendFromJSON(nil, []byte(json))
	if err != nil {
		t.Fatalf("%s: %v", json, err)
	}
	value, _, err := wire.ReadValue(encoded)
	if err != nil {
		t.Fatalf("%s: %v", json, err)
	}
	return value
}

// subscribe returns when the subscription is in force.
func (p *peer) subscribe(t *testing.T, id uint32, pattern string) {
	t.Helper()
	p.send(t, wire.AppendSubscribe(nil, wire.Subscribe{ID: id, Pattern: []byte(pattern), Types: 0xFF}))
	p.send(t, wire.AppendPing(nil))
	p.until(t, "PONG")
}

func (p *peer) set(t *testing.T, address, json string) {
	t.Helper()
	p.send(t, wire.AppendSet(nil, wire.Set{Address: []byte(address), Value: parse(t, json)}))
}

func (p *peer) get(t *testing.T, address string) {
	t.Helper()
	p.send(t, wire.AppendGet(nil, wire.Get{Address: []byte(address)}))
}

// publish sends a signal of any kind; phase and id matter to gestures only.
func (p *peer) publish(t *testing.T, signal wire.Signal, phase wire.Phase, id uint32, address, json string) {
	t.Helper()
	p.send(t, wire.AppendPublish(nil, wire.Publish{
		Signal: signal, Phase: phase, Address: []byte(address),
		HasValue: true, Value: parse(t, json),
		HasTimestamp: true, Timestamp: uint64(time.Now().UnixMicro()),
		HasID: signal == wire.Gesture, ID: id,
	}))
}
