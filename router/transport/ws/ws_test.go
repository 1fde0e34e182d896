package ws_test

import (
	"context"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/clasp-studio/clasp/router"
	"github.com/clasp-studio/clasp/router/transport/ws"
	"github.com/clasp-studio/clasp/router/wire"
)

func TestSmoke(t *testing.T) {
	r, err := router.New(router.Options{Name: "test", Limits: router.Limits{WelcomeSnapshot: 100}})
	if err != nil {
		t.Fatal(err)
	}
	s, err := ws.Listen(r, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c, _, err := websocket.DefaultDialer.Dial("ws://"+s.Addr().String()+"/clasp", nil)
	if err != nil {
		t.Fatal(err)
	}
	send := func(q wire.QoS, p []byte) {
		f, _ := wire.AppendFrame(nil, q, p)
		if err := c.WriteMessage(websocket.BinaryMessage, f); err != nil {
			t.Fatal(err)
		}
	}
	send(0, wire.AppendHello(nil, wire.Hello{Version: 1, Name: []byte("x")}))
	send(0, wire.AppendSubscribe(nil, wire.Subscribe{ID: 1, Pattern: []byte("/**")}))
	v, _ := wire.AppendAny(nil, 1.5)
	send(1, wire.AppendSet(nil, wire.Set{Address: []byte("/a/b"), Value: wire.Value{Code: v[0], Data: v[1:]}}))
	send(0, wire.AppendGet(nil, wire.Get{Address: []byte("/a/b")}))
	send(0, wire.AppendGet(nil, wire.Get{Address: []byte("/a/c")}))
	for _, want := range []wire.Type{wire.TypeWelcome, wire.TypeSnapshot, wire.TypeSet, wire.TypeAck, wire.TypeSnapshot, wire.TypeError} {
		c.SetReadDeadline(time.Now().Add(3 * time.Second))
		_, data, err := c.ReadMessage()
		if err != nil {
			t.Fatal(want, err)
		}
		f, _, err := wire.ReadFrame(data)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%v %x", wire.Type(f.Payload[0]), f.Payload)
		if wire.Type(f.Payload[0]) != want {
			t.Fatalf("got %v want %v", wire.Type(f.Payload[0]), want)
		}
	}
	s.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	go func() { time.Sleep(50 * time.Millisecond); c.ReadMessage(); c.Close() }()
	if err := r.Close(ctx); err != nil {
		t.Fatal(err)
	}
}
