// Command mochi is mochi-mqtt as a peer of clasp-bench versus: MQTT on the address that it
// is given, open to everybody.
package main

import (
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/hooks/auth"
	"github.com/mochi-mqtt/server/v2/listeners"
)

func main() {
	if err := serve(os.Args[1]); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "mochi:", err)
		os.Exit(1)
	}
}

func serve(addr string) error {
	server := mqtt.New(&mqtt.Options{
		Logger:                   slog.New(slog.DiscardHandler),
		ClientNetWriteBufferSize: 64 << 10,
		SysTopicResendInterval:   3600,
	})
	if err := server.AddHook(new(auth.AllowHook), nil); err != nil {
		return err
	}
	if err := server.AddListener(listeners.NewTCP(listeners.Config{ID: "bench", Address: addr})); err != nil {
		return err
	}
	if err := server.Serve(); err != nil {
		return err
	}
	told := make(chan os.Signal, 1)
	signal.Notify(told, os.Interrupt, syscall.SIGTERM)
	<-told
	return server.Close()
}
