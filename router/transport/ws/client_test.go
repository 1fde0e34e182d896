package ws_test

// The client of these tests. It makes its WebSocket frames by hand, so that it can make wrong ones, and holds every frame of
// the router against the rules that are always true.

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/clasp-studio/clasp/router/wire"
)

// The opcodes of WebSocket frames, with the bit that says that a frame is the last of its message (RFC 6455 section 5.2).
const (
	fin            = 0x80
	opContinuation = 0x0
	opText         = 0x1
	opBinary       = 0x2
	opClose        = 0x8
	opPing         = 0x9
	opPong         = 0xA
)

// client is one connection to a router. Its methods with a t fail the test; the others may be used by any goroutine, one to
// read and one to write.
type client struct {
	net.Conn
	in      *bufio.Reader
	buf     []byte // the last message, as long as it lasts
	session string
	mute    bool // leaves pings unanswered
	pings   int  // that have come
	writing sync.Mutex
}

// dialOptions bend the opening of a connection.
type dialOptions struct {
	path    string // default /clasp
	headers string // more lines of the request
}

// dial opens a WebSocket; HELLO is not said yet. The connection is closed when the test ends.
func (g *rig) dial(t testing.TB, options ...dialOptions) *client {
	t.Helper()
	c, err := g.connect(options...)
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	t.Cleanup(c.drop)
	return c
}

func (g *rig) connect(options ...dialOptions) (*client, error) {
	c, res, err := g.upgrade(options...)
	if err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusSwitchingProtocols {
		c.drop()
		return nil, fmt.Errorf("upgrade: %s", res.Status)
	}
	return c, nil
}

// upgrade asks for a WebSocket and returns the answer, whatever it is.
func (g *rig) upgrade(options ...dialOptions) (*client, *http.Response, error) {
	o := dialOptions{}
	if len(options) > 0 {
		o = options[0]
	}
	if o.path == "" {
		o.path = "/clasp"
	}
	c, err := g.socket()
	if err != nil {
		return nil, nil, err
	}
	_, err = fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"+
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n", o.path, g.addr, o.headers)
	var res *http.Response
	if err == nil {
		_ = c.SetReadDeadline(time.Now().Add(patience))
		res, err = http.ReadResponse(c.in, nil)
	}
	if err != nil {
		c.drop()
		return nil, nil, err
	}
	return c, res, nil
}

// socket opens a connection on which nothing is said yet.
func (g *rig) socket() (*client, error) {
	d := net.Dialer{Timeout: patience}
	conn, err := d.Dial("tcp", g.addr)
	if err != nil {
		return nil, err
	}
	if g.trust != nil {
		conn = tls.Client(conn, g.trust)
	}
	return &client{Conn: conn, in: bufio.NewReaderSize(conn, 4<<10)}, nil
}

// join opens a session and returns it with the snapshot after WELCOME taken in.
func (g *rig) join(t testing.TB, options ...dialOptions) *client {
	t.Helper()
	c := g.dial(t, options...)
	c.greet(t)
	return c
}

// greet says HELLO and takes in WELCOME and the snapshot that follows it.
func (c *client) greet(t testing.TB) []wire.SnapshotEntry {
	t.Helper()
	c.send(t, wire.Fire, hello)
	c.session = string(c.expectWelcome(t).Session)
	frames := c.fence(t)
	if len(frames) == 0 {
		t.Fatal("no SNAPSHOT follows WELCOME")
	}
	return snapshotOf(t, frames)
}

// hello is a good HELLO.
var hello = wire.AppendHello(nil, wire.Hello{Version: wire.Version, Features: 0xF8, Name: []byte("test")})

// drop cuts the connection without a goodbye.
func (c *client) drop() { _ = c.Conn.Close() }

// abort cuts the connection with a reset.
func (c *client) abort() {
	_ = c.Conn.(*net.TCPConn).SetLinger(0)
	_ = c.Conn.Close()
}

// wsFrame returns one WebSocket frame. first is the opcode with its flags.
func wsFrame(first byte, masked bool, payload []byte) []byte {
	return appendWSFrame(nil, first, masked, payload)
}

func appendWSFrame(dst []byte, first byte, masked bool, payload []byte) []byte {
	mask := byte(0)
	if masked {
		mask = 0x80
	}
	switch n := len(payload); {
	case n < 126:
		dst = append(dst, first, mask|byte(n))
	case n < 1<<16:
		dst = binary.BigEndian.AppendUint16(append(dst, first, mask|126), uint16(n))
	default:
		dst = binary.BigEndian.AppendUint64(append(dst, first, mask|127), uint64(n))
	}
	if !masked {
		return append(dst, payload...)
	}
	key := [4]byte{0x5a, 0x00, 0xc3, 0x81}
	dst = append(dst, key[:]...)
	for i, x := range payload {
		dst = append(dst, x^key[i%4])
	}
	return dst
}

// claspFrame returns one CLASP frame.
func claspFrame(q wire.QoS, payload []byte) []byte {
	f, err := wire.AppendFrame(nil, q, payload)
	if err != nil {
		panic(err) // the test's own mistake
	}
	return f
}

// message returns a binary WebSocket message with one CLASP frame.
func message(q wire.QoS, payload []byte) []byte {
	return wsFrame(fin|opBinary, true, claspFrame(q, payload))
}

// write writes bytes as they are.
func (c *client) write(b []byte) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	_ = c.SetWriteDeadline(time.Now().Add(patience))
	_, err := c.Conn.Write(b)
	return err
}

// raw writes bytes as they are.
func (c *client) raw(t testing.TB, b []byte) {
	t.Helper()
	if err := c.write(b); err != nil {
		t.Fatalf("write: %v", err)
	}
}

// send sends one message in a WebSocket message of its own.
func (c *client) send(t testing.TB, q wire.QoS, payload []byte) {
	t.Helper()
	c.raw(t, message(q, payload))
}

// binary sends bytes as one binary WebSocket message.
func (c *client) binary(t testing.TB, b []byte) {
	t.Helper()
	c.raw(t, wsFrame(fin|opBinary, true, b))
}

// frame is one CLASP frame from the router.
type frame struct {
	qos     wire.QoS
	kind    wire.Type
	payload []byte
}

func (f frame) String() string {
	if f.kind == wire.TypeError {
		if m, err := wire.DecodeError(f.payload); err == nil {
			return fmt.Sprintf("ERROR %d %q about %q", m.Code, m.Message, m.Address)
		}
	}
	return fmt.Sprintf("%v %q", f.kind, f.payload[:min(len(f.payload), 200)])
}

// closedError is the close frame of the router.
type closedError struct {
	code   int
	reason string
}

func (e *closedError) Error() string {
	return fmt.Sprintf("closed by the router: %d %q", e.code, e.reason)
}

// read returns the next frame. Its payload is good until the next call.
func (c *client) read() (frame, error) {
	for {
		op, payload, err := c.readWS()
		if err != nil {
			return frame{}, err
		}
		switch op {
		case opBinary:
			return parse(payload)
		case opPing:
			c.pings++
			if !c.mute {
				if err := c.write(wsFrame(fin|opPong, true, payload)); err != nil {
					return frame{}, err
				}
			}
		case opClose:
			e := new(closedError)
			if len(payload) >= 2 {
				e.code, e.reason = int(binary.BigEndian.Uint16(payload)), string(payload[2:])
			}
			return frame{}, e
		default:
			return frame{}, fmt.Errorf("the router sent a WebSocket frame of opcode %d: %q", op, payload)
		}
	}
}

// readWS reads one WebSocket frame. Those of a router are never fragmented, masked or compressed.
func (c *client) readWS() (op byte, payload []byte, err error) {
	var head [10]byte
	if _, err := io.ReadFull(c.in, head[:2]); err != nil {
		return 0, nil, err
	}
	if head[0]&0xF0 != fin || head[1]&0x80 != 0 {
		return 0, nil, fmt.Errorf("the router sent a WebSocket frame that starts %x", head[:2])
	}
	n := int(head[1])
	switch n {
	case 126:
		_, err = io.ReadFull(c.in, head[2:4])
		n = int(binary.BigEndian.Uint16(head[2:]))
	case 127:
		_, err = io.ReadFull(c.in, head[2:10])
		n = int(binary.BigEndian.Uint64(head[2:]))
	}
	if err != nil {
		return 0, nil, err
	}
	if n > wire.HeaderSize+wire.MaxPayload {
		return 0, nil, fmt.Errorf("the router sent a WebSocket frame of %d bytes", n)
	}
	if cap(c.buf) < n {
		c.buf = make([]byte, n)
	}
	_, err = io.ReadFull(c.in, c.buf[:n])
	return head[0] & 0x0F, c.buf[:n], err
}

// parse reads a message of the router: exactly one frame (protocol section 12), with the QoS bits of its type (section 8).
func parse(b []byte) (frame, error) {
	f, rest, err := wire.ReadFrame(b)
	switch {
	case err != nil:
		return frame{}, fmt.Errorf("the router sent %x: %w", b, err)
	case len(rest) > 0:
		return frame{}, fmt.Errorf("the router sent more than one frame in a message: %x", b)
	case len(f.Payload) == 0:
		return frame{}, errors.New("the router sent an empty frame")
	case f.HasTimestamp:
		return frame{}, fmt.Errorf("the router sent a frame with a timestamp: %x", b)
	}
	want, kind := wire.Fire, wire.Type(f.Payload[0])
	switch kind {
	case wire.TypeSet:
		want = wire.Confirm
	case wire.TypePublish:
		m, err := wire.DecodePublish(f.Payload)
		if err != nil {
			return frame{}, fmt.Errorf("the router sent %x: %w", b, err)
		}
		switch m.Signal {
		case wire.Event:
			want = wire.Confirm
		case wire.Timeline:
			want = wire.Commit
		}
	}
	if f.QoS != want {
		return frame{}, fmt.Errorf("the router sent a %v with QoS %v, want %v", kind, f.QoS, want)
	}
	return frame{f.QoS, kind, f.Payload}, nil
}

// next returns the next frame, to keep.
func (c *client) next(t testing.TB) frame {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(patience))
	f, err := c.read()
	if err != nil {
		t.Fatalf("read: %v", err)
	}
	f.payload = bytes.Clone(f.payload)
	return f
}

// expect returns the next frame, which has to be of a type.
func (c *client) expect(t testing.TB, kind wire.Type) frame {
	t.Helper()
	f := c.next(t)
	if f.kind != kind {
		t.Fatalf("got %v, want %v", f, kind)
	}
	return f
}

// fence returns all that the router has for this client by now: what comes before the answer to a PING.
func (c *client) fence(t testing.TB) []frame {
	t.Helper()
	c.send(t, wire.Fire, wire.AppendPing(nil))
	var all []frame
	for {
		f := c.next(t)
		if f.kind == wire.TypePong {
			return all
		}
		all = append(all, f)
	}
}

// quiet fails if the router has anything for this client.
func (c *client) quiet(t testing.TB) {
	t.Helper()
	if all := c.fence(t); len(all) > 0 {
		t.Fatalf("got %v, want nothing", all)
	}
}

// must decodes a payload with one of wire's decoders.
func must[M any](t testing.TB, f frame, decode func([]byte) (M, error)) M {
	t.Helper()
	m, err := decode(f.payload)
	if err != nil {
		t.Fatalf("%v: %v", f, err)
	}
	return m
}

func (c *client) expectWelcome(t testing.TB) wire.Welcome {
	t.Helper()
	return must(t, c.expect(t, wire.TypeWelcome), wire.DecodeWelcome)
}

// expectSnapshot returns the entries of the next SNAPSHOT. They have writer and timestamp, always (protocol section 7).
func (c *client) expectSnapshot(t testing.TB) []wire.SnapshotEntry {
	t.Helper()
	return entries(t, c.expect(t, wire.TypeSnapshot))
}

func entries(t testing.TB, f frame) []wire.SnapshotEntry {
	t.Helper()
	m := must(t, f, wire.DecodeSnapshot)
	all := make([]wire.SnapshotEntry, 0, m.Count)
	for e, ok := m.Next(); ok; e, ok = m.Next() {
		if !e.HasWriter || len(e.Writer) != 36 || !e.HasTimestamp || e.Revision == 0 {
			t.Fatalf("snapshot entry without writer, timestamp or revision: %+v", e)
		}
		all = append(all, e)
	}
	return all
}

// expectEntry returns the entry of a SNAPSHOT of one.
func (c *client) expectEntry(t testing.TB, addr string, value wire.Value, revision uint64) wire.SnapshotEntry {
	t.Helper()
	all := c.expectSnapshot(t)
	if len(all) != 1 || string(all[0].Address) != addr || all[0].Revision != revision || !same(all[0].Value, value) {
		t.Fatalf("got SNAPSHOT %+v, want %s = %v at revision %d", all, addr, value, revision)
	}
	return all[0]
}

func (c *client) expectSet(t testing.TB, addr string, value wire.Value, revision uint64) {
	t.Helper()
	f := c.expect(t, wire.TypeSet)
	m := must(t, f, wire.DecodeSet)
	if string(m.Address) != addr || !same(m.Value, value) || !m.HasRevision || m.Revision != revision {
		t.Fatalf("got SET %+v, want %s = %v at revision %d", m, addr, value, revision)
	}
}

func (c *client) expectPublish(t testing.TB) wire.Publish {
	t.Helper()
	return must(t, c.expect(t, wire.TypePublish), wire.DecodePublish)
}

// expectAck returns an ACK that names an address, or none.
func (c *client) expectAck(t testing.TB, addr string) wire.Ack {
	t.Helper()
	m := must(t, c.expect(t, wire.TypeAck), wire.DecodeAck)
	if string(m.Address) != addr || m.HasAddress != (addr != "") {
		t.Fatalf("got ACK %+v, want address %q", m, addr)
	}
	return m
}

// expectError returns an ERROR of a code, which says something.
func (c *client) expectError(t testing.TB, code wire.Code) wire.ErrorMessage {
	t.Helper()
	f := c.expect(t, wire.TypeError)
	m := must(t, f, wire.DecodeError)
	if m.Code != code || len(m.Message) == 0 {
		t.Fatalf("got %v, want ERROR %d", f, code)
	}
	return m
}

// expectErrorAbout returns an ERROR of a code that carries an address.
func (c *client) expectErrorAbout(t testing.TB, code wire.Code, addr string) wire.ErrorMessage {
	t.Helper()
	m := c.expectError(t, code)
	if !m.HasAddress || string(m.Address) != addr {
		t.Fatalf("got ERROR %d about %q, want it about %q", m.Code, m.Address, addr)
	}
	return m
}

// expectClose takes in the router's close frame and the end of the connection, and fails if anything else comes. A code of
// 0 stands for any. The connection is then closed on this side too, as a client does.
func (c *client) expectClose(t testing.TB, code int) {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(patience))
	f, err := c.read()
	var closed *closedError
	if !errors.As(err, &closed) {
		t.Fatalf("got %v, %v, want a close frame", f, err)
	}
	if code != 0 && (closed.code != code || closed.reason == "") {
		t.Fatalf("%v, want code %d and a reason", closed, code)
	}
	c.expectEnd(t)
	c.drop()
}

// expectEnd waits for the end of the connection, a reset included.
func (c *client) expectEnd(t testing.TB) {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(patience))
	b, err := io.ReadAll(c.in)
	if len(b) > 0 || err != nil && !errors.Is(err, syscall.ECONNRESET) {
		t.Fatalf("got %q, %v, want the end of the connection", b, err)
	}
}

// mention fails unless a message names things.
func mention(t testing.TB, m wire.ErrorMessage, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(string(m.Message), w) {
			t.Errorf("ERROR %d says %q, which does not name %q", m.Code, m.Message, w)
		}
	}
}
