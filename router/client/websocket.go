package client

// WebSocket (protocol section 5.1): gorilla/websocket asks for the upgrade and reads; what is written goes past it.

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
)

// readLimit bounds one WebSocket message: a CLASP frame has at most 65547 bytes, and a router sends one a message.
const readLimit = 1 << 20

// webSocket is a carrier.
type webSocket struct {
	net.Conn // written straight to
	ws       *websocket.Conn
	said     atomic.Bool // goodbye was

	// Owned by the reader.
	buf    []byte
	answer func(raw []byte)
}

// proxy is the environment's, for wss only.
func proxy(r *http.Request) (*url.URL, error) {
	if r.URL.Scheme != "https" { // the library's word for wss
		return nil, nil
	}
	return http.ProxyFromEnvironment(r)
}

// answered says what a server answered that opened no WebSocket.
func answered(r *http.Response) error {
	if r.StatusCode == http.StatusBadRequest && r.Request.URL.Scheme == "http" { // that of a TLS port
		return fmt.Errorf("the server answered %q: if it speaks TLS, say wss:// instead of ws://", r.Status)
	}
	if r.StatusCode != http.StatusServiceUnavailable {
		return fmt.Errorf("the server answered %q and no WebSocket: is it a CLASP router?", r.Status)
	}
	const enough = 200
	body, err := io.ReadAll(io.LimitReader(r.Body, enough))
	reason := strings.TrimSpace(string(body))
	if err != nil || reason == "" {
		return fmt.Errorf("the server answered %q", r.Status)
	}
	return fmt.Errorf("the server answered %q: %q", r.Status, reason)
}

// dialWebSocket connects and asks for the upgrade; it ends with ctx, which has a deadline.
func dialWebSocket(ctx context.Context, url string, t *tls.Config) (carrier, error) {
	// Whatever the handshake waits for, it ends with ctx.
	uncut := func() bool { return true }
	dialer := websocket.Dialer{
		NetDialContext: func(_ context.Context, network, address string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, network, address)
			if err == nil {
				uncut = context.AfterFunc(ctx, func() { _ = conn.Close() })
			}
			return conn, err
		},
		TLSClientConfig: t,
		Proxy:           proxy,
		Subprotocols:    []string{"clasp"},
		ReadBufferSize:  32 << 10,
		WriteBufferSize: 512, // the handshake only
	}
	ws, response, err := dialer.DialContext(ctx, url, nil)
	if err == nil && !uncut() {
		_ = ws.Close()
		return nil, ctx.Err()
	}
	if err != nil {
		switch {
		case ctx.Err() != nil:
			err = ctx.Err()
		case errors.Is(err, os.ErrDeadlineExceeded):
			err = context.DeadlineExceeded // ctx's own, which the library puts on the connection
		case response != nil && errors.Is(err, websocket.ErrBadHandshake):
			err = answered(response)
		}
		uncut()
		return nil, err
	}
	w := &webSocket{Conn: ws.NetConn(), ws: ws, buf: make([]byte, 0, 4<<10)}
	ws.SetReadLimit(readLimit)
	// The library's own replies would set deadlines that hit the writer's writes.
	ws.SetPingHandler(func(data string) error {
		w.answer(appendMessage(nil, finPong, []byte(data)))
		return nil
	})
	ws.SetPongHandler(func(string) error { return nil })
	ws.SetCloseHandler(func(code int, _ string) error {
		w.answerClose(code)
		return nil
	})
	return w, nil
}

func (*webSocket) refuses([]byte) string { return "" }

func (w *webSocket) frame(dst, frame []byte) []byte { return appendMessage(dst, finBinary, frame) }

func (w *webSocket) next(answer func(raw []byte)) ([]byte, error) {
	w.answer = answer
	for {
		kind, r, err := w.ws.NextReader()
		if err != nil {
			return nil, err
		}
		if w.buf, err = readAll(w.buf[:0], r); err != nil {
			return nil, err
		}
		if kind == websocket.BinaryMessage { // a router sends nothing else
			return w.buf, nil
		}
	}
}

func readAll(dst []byte, r io.Reader) ([]byte, error) {
	for {
		if len(dst) == cap(dst) {
			dst = append(dst, 0)[:len(dst)]
		}
		n, err := r.Read(dst[len(dst):cap(dst)])
		dst = dst[:len(dst)+n]
		switch {
		case errors.Is(err, io.EOF):
			return dst, nil
		case err != nil:
			return dst, err
		}
	}
}

// goodbye begins the closing handshake.
func (w *webSocket) goodbye() error {
	w.said.Store(true)
	_, err := w.Write(appendClose(nil, closeNormal))
	return err
}

// answerClose answers the router's closing handshake. What is still pending is given up: the router reads no more.
func (w *webSocket) answerClose(code int) {
	if w.said.Load() {
		return
	}
	if code == websocket.CloseNoStatusReceived {
		code = closeNormal
	}
	_ = w.SetWriteDeadline(time.Now().Add(farewell))
	_, _ = w.Write(appendClose(nil, code)) // a courtesy; the connection ends either way
}
