// Command centrifuge is the centrifuge library as a peer of clasp-bench versus: WebSocket
// on the address that it is given, open to everybody. With a second argument it keeps its
// own limits for who does not read.
package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/centrifugal/centrifuge"
)

func main() {
	if err := serve(os.Args[1], len(os.Args) > 2); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "centrifuge:", err)
		os.Exit(1)
	}
}

func serve(addr string, bounded bool) error {
	config := centrifuge.Config{LogLevel: centrifuge.LogLevelNone, ClientChannelLimit: 1_000_000}
	ws := centrifuge.WebsocketConfig{UseWriteBufferPool: true}
	if !bounded {
		config.ClientQueueMaxSize = 1 << 30
		ws.WriteTimeout = time.Minute
	}
	node, err := centrifuge.New(config)
	if err != nil {
		return err
	}
	node.OnConnecting(func(context.Context, centrifuge.ConnectEvent) (centrifuge.ConnectReply, error) {
		return centrifuge.ConnectReply{Credentials: &centrifuge.Credentials{}, MaxMessagesInFrame: -1}, nil
	})
	node.OnConnect(func(c *centrifuge.Client) {
		c.OnSubscribe(func(_ centrifuge.SubscribeEvent, done centrifuge.SubscribeCallback) {
			done(centrifuge.SubscribeReply{}, nil)
		})
		c.OnPublish(func(_ centrifuge.PublishEvent, done centrifuge.PublishCallback) {
			done(centrifuge.PublishReply{}, nil)
		})
		c.OnRPC(func(_ centrifuge.RPCEvent, done centrifuge.RPCCallback) { done(centrifuge.RPCReply{}, nil) })
	})
	if err := node.Run(); err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/connection/websocket", centrifuge.NewWebsocketHandler(node, ws))
	server := http.Server{Addr: addr, Handler: mux, ReadHeaderTimeout: time.Minute}
	return server.ListenAndServe()
}
