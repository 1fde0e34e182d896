// A device as the tests of killed routers need one: over bare sockets, from an address of its own, and with errors instead of
// the end of the test, since its router may die under it at any moment.

package main_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	goclient "github.com/clasp-studio/clasp/router/client"
	"github.com/clasp-studio/clasp/router/wire"
	"github.com/gorilla/websocket"
)

// elsewhere is another address of this machine each time.
func elsewhere() net.IP {
	n := knocked.Add(1)
	return net.IPv4(127, 1, byte(n>>8), byte(n))
}

// phone is a device.
type phone struct {
	name  string
	from  net.IP
	token string // the latest that it was given
	conn  *websocket.Conn
}

func newPhone(name string) *phone { return &phone{name: name, from: elsewhere()} }

func (p *phone) dialer() *net.Dialer {
	return &net.Dialer{LocalAddr: &net.TCPAddr{IP: p.from}, Timeout: patience}
}

// hello opens a session, in place of the one it may have. A refusal is a *goclient.Error.
func (p *phone) hello(address, token string) error {
	p.hangUp()
	dialer := websocket.Dialer{NetDialContext: p.dialer().DialContext}
	conn, response, err := dialer.Dial("ws://"+address+"/clasp", nil)
	if err != nil {
		return err
	}
	_ = response.Body.Close() // nothing in it after an upgrade
	p.conn = conn
	if err := p.send(wire.Fire, wire.AppendHello(nil, wire.Hello{Version: wire.Version, Name: []byte(p.name), Token: []byte(token)})); err != nil {
		return err
	}
	payload, err := p.next()
	if err != nil {
		return err
	}
	welcome, err := wire.DecodeWelcome(payload)
	if err == nil && len(welcome.Token) > 0 {
		p.token = string(welcome.Token)
	}
	return err
}

func (p *phone) hangUp() {
	if p.conn != nil {
		_ = p.conn.Close() // the router may have done so already
		p.conn = nil
	}
}

func (p *phone) send(q wire.QoS, payload []byte) error {
	frame, err := wire.AppendFrame(nil, q, payload)
	if err != nil {
		return err
	}
	return p.conn.WriteMessage(websocket.BinaryMessage, frame)
}

// next returns the next message, an ERROR as an error.
func (p *phone) next() ([]byte, error) {
	_ = p.conn.SetReadDeadline(time.Now().Add(patience)) // a closed connection fails to read too
	_, message, err := p.conn.ReadMessage()
	if err != nil {
		return nil, err
	}
	frame, _, err := wire.ReadFrame(message)
	if err != nil {
		return nil, err
	}
	if wire.Type(frame.Payload[0]) != wire.TypeError {
		return frame.Payload, nil
	}
	m, err := wire.DecodeError(frame.Payload)
	if err != nil {
		return nil, err
	}
	return nil, &goclient.Error{Code: m.Code, Message: string(m.Message), Address: string(m.Address)}
}

// set writes a value and waits until that is acknowledged. What else arrives meanwhile is let pass.
func (p *phone) set(address string, x any) error {
	text, err := wire.AppendAny(nil, x)
	if err != nil {
		return err
	}
	if err := p.send(wire.Confirm, wire.AppendSet(nil, wire.Set{Address: []byte(address), Value: wire.Value{Code: text[0], Data: text[1:]}})); err != nil {
		return err
	}
	for {
		payload, err := p.next()
		if err != nil {
			return err
		}
		if wire.Type(payload[0]) == wire.TypeAck {
			return nil
		}
	}
}

// get reads what is a map, such as all below /_clasp/pair.
func (p *phone) get(address string) (map[string]any, error) {
	if err := p.send(wire.Fire, wire.AppendGet(nil, wire.Get{Address: []byte(address)})); err != nil {
		return nil, err
	}
	for {
		payload, err := p.next()
		if err != nil {
			return nil, err
		}
		if wire.Type(payload[0]) != wire.TypeSnapshot {
			continue
		}
		m, err := wire.DecodeSnapshot(payload)
		if err != nil {
			return nil, err
		}
		for e, ok := m.Next(); ok; e, ok = m.Next() {
			if entries, isMap := e.Value.Any().(map[string]any); isMap && string(e.Address) == address {
				return entries, nil
			}
		}
	}
}

// status is how its pairing stands.
func (p *phone) status() (map[string]any, error) { return p.get("/_clasp/pair/status") }

// fetch gets the token that it has become.
func (p *phone) fetch() error {
	entries, err := p.get("/_clasp/pair/token")
	if err == nil {
		p.token, _ = entries["token"].(string)
	}
	return err
}

func (p *phone) types(code string) error { return p.set("/_clasp/pair/pin", code) }
func (p *phone) done() error             { return p.set("/_clasp/pair/done", nil) }

// renew asks for another token, and gets it.
func (p *phone) renew() error {
	if err := p.set("/_clasp/pair/renew", nil); err != nil {
		return err
	}
	return p.fetch()
}

// post makes a call over HTTP, showing its token.
func (p *phone) post(address, path string, body map[string]any) (status int, answer map[string]any, err error) {
	text, err := json.Marshal(body)
	if err != nil {
		return 0, nil, err
	}
	request, err := http.NewRequest(http.MethodPost, "http://"+address+path, bytes.NewReader(text))
	if err != nil {
		return 0, nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	if p.token != "" {
		request.Header.Set("Authorization", "Bearer "+p.token)
	}
	calls := http.Client{Transport: &http.Transport{DialContext: p.dialer().DialContext, DisableKeepAlives: true}, Timeout: patience}
	response, err := calls.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	text, err = io.ReadAll(response.Body)
	if err == nil && len(text) > 0 {
		err = json.Unmarshal(text, &answer)
	}
	return response.StatusCode, answer, err
}

// succeed is post for what is answered as it should be.
func (p *phone) succeed(address, path string, want int, body map[string]any) (map[string]any, error) {
	status, answer, err := p.post(address, path, body)
	if err == nil && status != want {
		err = &goclient.Error{Code: wire.Code(status), Message: fmt.Sprint(answer), Address: path}
	}
	return answer, err
}

// redeem uses the secret of an invite.
func (p *phone) redeem(address, secret string) error {
	answer, err := p.succeed(address, "/pair/invite", http.StatusOK, map[string]any{"invite": secret, "name": p.name})
	if err == nil {
		p.token, _ = answer["token"].(string)
	}
	return err
}
