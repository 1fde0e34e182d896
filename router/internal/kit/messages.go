package kit

// A router, and messages made by hand, for clients that have to be able to make wrong ones.

import (
	"context"
	"testing"

	"github.com/clasp-studio/clasp/router"
	"github.com/clasp-studio/clasp/router/wire"
)

// Hello is a good HELLO.
var Hello = wire.AppendHello(nil, wire.Hello{Version: wire.Version, Features: 0xF8, Name: []byte("a client that is tested")})

// Router runs a router with these limits until the test ends. What is to end before it
// is registered with t.Cleanup later.
func Router(t testing.TB, l router.Limits) *router.Router {
	t.Helper()
	return RouterWith(t, router.Options{Settings: router.Settings{Limits: l}})
}

// RouterWith is Router with more options.
func RouterWith(t testing.TB, o router.Options) *router.Router {
	t.Helper()
	o.Name = "test router"
	r, err := router.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), Patience)
		defer cancel()
		if err := r.Close(ctx); err != nil {
			t.Errorf("close the router: %v", err)
		}
	})
	return r
}

// Frame returns one CLASP frame.
func Frame(q wire.QoS, payload []byte) []byte {
	f, err := wire.AppendFrame(nil, q, payload)
	if err != nil {
		panic(err) // the test's own mistake
	}
	return f
}

// Value returns a value of the wire.
func Value(x any) wire.Value {
	b, err := wire.AppendAny(nil, x)
	if err != nil {
		panic(err) // the test's own mistake
	}
	return wire.Value{Code: b[0], Data: b[1:]}
}

// Set returns a SET.
func Set(addr string, x any) []byte {
	return wire.AppendSet(nil, wire.Set{Address: []byte(addr), Value: Value(x)})
}

// Get returns a GET.
func Get(addr string) []byte { return wire.AppendGet(nil, wire.Get{Address: []byte(addr)}) }

// Subscribe returns a SUBSCRIBE to all types.
func Subscribe(id uint32, pattern string) []byte {
	return wire.AppendSubscribe(nil, wire.Subscribe{ID: id, Pattern: []byte(pattern), Types: 0xFF})
}

// Event returns a PUBLISH of an event.
func Event(addr string, x any) []byte {
	return wire.AppendPublish(nil, wire.Publish{Signal: wire.Event, Address: []byte(addr), HasValue: true, Value: Value(x)})
}

// Number reads an integer value of 64 bits.
func Number(v wire.Value) int {
	if v.Code != wire.I64Code || len(v.Data) != 8 {
		return -1
	}
	n := 0
	for _, x := range v.Data {
		n = n<<8 | int(x)
	}
	return n
}
