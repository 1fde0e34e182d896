package client_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/clasp-studio/clasp/router"
	"github.com/clasp-studio/clasp/router/client"
	"github.com/clasp-studio/clasp/router/transport/ws"
)

func Example() {
	// A router for the example: usually one runs already, at ws://localhost:7330.
	r, err := router.New(router.Options{})
	if err != nil {
		log.Fatal(err)
	}
	server, err := ws.Listen(r, "127.0.0.1:0", ws.Options{})
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	defer r.Close(ctx)
	defer server.Close()

	c, err := client.Dial(ctx, "ws://"+server.Addr().String(), client.Options{Name: "desk"})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	seen := make(chan string)
	_, err = c.Subscribe(ctx, "/lights/**", client.SubscribeOptions{}, func(m *client.Message) {
		seen <- fmt.Sprint(m.Address, " = ", m.Value.Any())
	})
	if err != nil {
		log.Fatal(err)
	}
	ack, err := c.Set(ctx, "/lights/1/dim", 0.8)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("revision", ack.Revision)
	fmt.Println(<-seen)
	// Output:
	// revision 1
	// /lights/1/dim = 0.8
}
