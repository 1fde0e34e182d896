package client

// How a session opens over UDP, where anything may be lost, doubled or overtaken.
//
// The client says HELLO until WELCOME comes, and then PING until the SNAPSHOT does: that proves to the router that WELCOME got
// here, so that the address is not invented; before it has the proof it may hold a large SNAPSHOT back. A PONG will do too, as
// the SNAPSHOT was sent before it: it is late, or lost.

import (
	"sync"
	"time"

	"github.com/clasp-studio/clasp/router/internal/datagram"
	"github.com/clasp-studio/clasp/router/wire"
)

// What has not been answered is said again after these waits.
const firstAgain, longestAgain = 200 * time.Millisecond, 2 * time.Second

// Frames that never change, as pongFrame.
var (
	pingFrame     = []byte{0x53, 0x01, 0, 1, byte(wire.TypePing)}
	emptySnapshot = []byte{0x53, 0x01, 0, 3, byte(wire.TypeSnapshot), 0, 0}
)

// stage is how far it has come.
type stage uint8

const (
	hailing stage = iota // HELLO is said
	proving              // PING is said
	opened
)

type opening struct {
	socket *datagram.Socket
	stage  stage // owned by the reader

	mu    sync.Mutex
	hello []byte // the first frame; nil until it is written
	said  []byte // hello or PING as long as it is said again
	wait  time.Duration
	again *time.Timer // says it after wait; nil without hello
}

// begin turns the first frame of a connection into a HELLO that is said again.
func (o *opening) begin(frames [][]byte) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.hello != nil {
		return nil
	}
	hello, err := padded(frames[0])
	if err != nil {
		return err
	}
	o.hello, o.said, frames[0] = hello, hello, hello
	o.wait, o.again = firstAgain, time.AfterFunc(firstAgain, o.sayAgain)
	return nil
}

// helloSize is the least size of a HELLO. An address that has sent one datagram gets less than three times its bytes (section
// 12), and that has to do for WELCOME, whatever the router's name.
const helloSize = 128

// padded returns a copy of a frame that is long enough. What is left over after a message is ignored (section 3).
func padded(frame []byte) ([]byte, error) {
	f, _, err := wire.ReadFrame(frame)
	if err != nil {
		return nil, err
	}
	payload := append(append(make([]byte, 0, helloSize), f.Payload...), make([]byte, max(helloSize-len(frame), 0))...)
	return wire.AppendFrame(nil, f.QoS, payload)
}

// sayAgain says what has not been answered, and again later.
func (o *opening) sayAgain() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.said == nil {
		return
	}
	_ = o.socket.Write(datagram.Way{}, [][]byte{o.said}) // lost like any other
	o.wait = min(2*o.wait, longestAgain)
	o.again.Reset(o.wait)
}

// sayNext goes to a stage, and says another frame after the first of the waits. What has been silenced stays so.
func (o *opening) sayNext(s stage, frame []byte) {
	o.stage = s
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.said != nil {
		o.said, o.wait = frame, firstAgain
		o.again.Reset(firstAgain)
	}
}

// silence ends the saying again.
func (o *opening) silence() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.said = nil
	if o.again != nil {
		o.again.Stop()
	}
}

// open goes to the last stage.
func (o *opening) open() {
	o.stage = opened
	o.silence()
}

// sort returns what of a datagram is for the link, nil if nothing is.
func (o *opening) sort(b []byte) ([]byte, error) {
	payload := payloadOf(b)
	if len(payload) == 0 {
		return nil, nil // not from a router
	}
	kind := wire.Type(payload[0])
	switch {
	case kind == wire.TypeError:
		return o.sortError(b, codeOf(payload))
	case kind == wire.TypeWelcome && o.stage == hailing:
		o.sayNext(proving, pingFrame)
		_ = o.socket.Write(datagram.Way{}, [][]byte{pingFrame}) // lost like any other
	case kind == wire.TypeWelcome: // for a HELLO that was said again
		return nil, nil
	case o.stage == opened:
	case kind == wire.TypeSnapshot && o.stage == proving:
		o.open()
	case kind == wire.TypePong && o.stage == proving:
		o.open()
		return emptySnapshot, nil
	default: // it has overtaken what comes before it
		return nil, nil
	}
	return b, nil
}

// sortError is sort for an ERROR with this code.
func (o *opening) sortError(b []byte, code wire.Code) ([]byte, error) {
	unknown := code == wire.CodeUnauthenticated // the session, or the token
	switch {
	case o.stage == opened && unknown:
		return nil, errNoSession
	case o.stage == opened:
		return b, nil
	case code == 0: // a param that is too large for a datagram does not matter here
		return nil, nil
	case o.stage == proving && unknown: // the session has had to make room for others
		o.sayNext(hailing, o.hello) // not at once: a router that is short of room would be asked as fast as it can refuse
		return nil, nil
	case o.stage == proving && (code == wire.CodeBadFrame || code == wire.CodeLimit): // a HELLO that came twice, a PING too soon
		return nil, nil
	}
	return b, nil
}

// payloadOf returns the payload of a datagram that is a frame, nil of another.
func payloadOf(b []byte) []byte {
	f, _, err := wire.ReadFrame(b)
	if err != nil {
		return nil
	}
	return f.Payload
}

// codeOf returns the code of an ERROR that is about no address, 0 of another.
func codeOf(payload []byte) wire.Code {
	m, err := wire.DecodeError(payload)
	if err != nil || m.HasAddress {
		return 0
	}
	return m.Code
}
