// The peers: where each comes from, and how it is started. What differs from how it comes
// out of the box is in settings, which the report prints.

package peer

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

const inSources = "run this inside the repository, with Go on the PATH"

var claspPeer = &Peer{
	Name: "clasp", Title: "clasp", Speaks: "CLASP over WebSocket", can: PubSub | Retain | Wildcards | Durable | Set,
	settings: []Setting{
		{"limits", "1,000,000 connections, subscriptions a session and 2,000,000 params", "the defaults stop at 10,000, 1,000 and 1,000,000"},
		{"--log-level", "error", "no lines in what is measured"},
		{"--persist (durable only)", "QoS commit", "an ACK says that it is on disk"},
	},
	find: ours("clasp", "/cmd/clasp", func(ctx context.Context, path string) (string, error) {
		return says(ctx, path, "version", regexp.MustCompile(`(?m)^clasp (.+?)\s*$`))
	}),
	install: inSources,
	command: func(l launch) ([]string, error) {
		config := filepath.Join(l.dir, "clasp.yaml")
		const text = "server:\n  limits:\n    max_connections: 1000000\n    max_subscriptions: 1000000\n    max_params: 2000000\n  logging:\n    level: error\n"
		args := []string{"server", "--config", config, "--bind", l.host, "--port", l.port}
		if l.durable {
			args = append(args, "--persist", "--persist-path", filepath.Join(l.dir, "state.db"))
		}
		return args, os.WriteFile(config, []byte(text), 0o600)
	},
	speak: speakCLASP,
}

var claspRS = &Peer{
	Name: "clasp-rs", Title: "CLASP reference (Rust)", Speaks: "CLASP over WebSocket", can: PubSub | Retain | Wildcards | Set,
	settings: []Setting{
		{"max_sessions", "1,000,000", "the default is 100"},
		{"rate_limiting_enabled", "false", "the default stops a client at 1,000 messages a second"},
		{"state_config", "unlimited", "the default forgets params after an hour and holds 10,000"},
		{"profile", "release, fat LTO, one codegen unit", "as fast as the compiler makes it"},
		{"subscriptions", "1,000 a session", "written into the crate, whatever its configuration says"},
	},
	find:    reference,
	install: "install cargo, and let it build once: go run ./cmd/clasp-bench versus --against clasp-rs",
	command: func(l launch) ([]string, error) { return []string{l.addr}, nil },
	speak:   speakCLASP,
}

var nats = &Peer{
	Name: "nats", Title: "nats-server", Speaks: "NATS over TCP", can: PubSub | Wildcards | Durable,
	settings: []Setting{
		{"max_connections", "1,000,000", "the default is 65,536"},
		{"max_pending", "1 GiB", "a subscriber that is behind is not closed at 64 MiB"},
		{"write_deadline", "60s", "nor after 10 s"},
		{"logging", "off", "no lines in what is measured"},
		{"jetstream sync_interval (durable only)", "always", "an ACK says that it is on disk; the default syncs every 2 min"},
	},
	find:    goPeer("nats-server", "github.com/nats-io/nats-server/v2", "github.com/nats-io/nats-server/v2"),
	install: inSources,
	command: func(l launch) ([]string, error) {
		text := fmt.Sprintf("host: %q\nport: %s\nmax_connections: 1000000\nlogtime: false\n", l.host, l.port)
		if !l.bounded {
			text += "max_pending: 1GB\nwrite_deadline: \"60s\"\n"
		}
		if l.durable {
			text += fmt.Sprintf("jetstream {\n  store_dir: %q\n  sync_interval: always\n}\n", filepath.Join(l.dir, "jetstream"))
		}
		config := filepath.Join(l.dir, "nats.conf")
		return []string{"--config", config, "--log", os.DevNull}, os.WriteFile(config, []byte(text), 0o600)
	},
	prepare: func(c *Conn, l launch) error {
		if !l.durable {
			return nil
		}
		return keepDurably(c)
	},
	speak: speakNATS,
}

var redis = &Peer{
	Name: "redis", Title: "redis pub/sub", Speaks: "RESP 2 over TCP", can: PubSub | Wildcards | Durable,
	settings: []Setting{
		{"save", "none", "no snapshots while it is measured"},
		{"client-output-buffer-limit pubsub", "0 0 0", "a subscriber that is behind is not closed at 32 MiB"},
		{"maxclients", "100,000", "the default is 10,000"},
		{"appendonly, appendfsync (durable only)", "yes, always", "an answer says that it is on disk"},
	},
	find:    installed("redis-server", "--version", regexp.MustCompile(`v=(\S+)`)),
	install: "apt-get install redis-server",
	command: func(l launch) ([]string, error) {
		args := []string{"--port", l.port, "--bind", l.host, "--save", "", "--dir", l.dir, "--maxclients", "100000", "--loglevel", "warning"}
		if !l.bounded {
			args = append(args, "--client-output-buffer-limit", "pubsub 0 0 0")
		}
		if l.durable {
			args = append(args, "--appendonly", "yes", "--appendfsync", "always")
		}
		return args, nil
	},
	speak: speakRedis,
}

var mosquitto = &Peer{
	Name: "mosquitto", Title: "mosquitto", Speaks: "MQTT 3.1.1 (QoS 0) over TCP", can: PubSub | Retain | Wildcards,
	settings: []Setting{
		{"allow_anonymous", "true", "the default lets nobody in"},
		{"max_queued_messages, max_queued_bytes", "0 (no limit)", "a subscriber that is behind loses nothing at 1,000 messages"},
		{"set_tcp_nodelay", "true", "no waiting for a fuller packet"},
		{"sys_interval", "0", "no statistics among what is measured"},
		{"log_type", "none", "no lines in what is measured"},
	},
	find:    installed("mosquitto", "-h", regexp.MustCompile(`mosquitto version (\S+)`)),
	install: "apt-get install mosquitto",
	command: func(l launch) ([]string, error) {
		lines := []string{
			"listener " + l.port + " " + l.host, "allow_anonymous true", "persistence false", "set_tcp_nodelay true",
			"sys_interval 0", "log_type none", "log_dest none", "user root", // who may read this file
		}
		if !l.bounded {
			lines = append(lines, "max_queued_messages 0", "max_queued_bytes 0")
		}
		config := filepath.Join(l.dir, "mosquitto.conf")
		return []string{"-c", config}, os.WriteFile(config, []byte(strings.Join(lines, "\n")+"\n"), 0o600)
	},
	speak: speakMQTT,
}

var mochi = &Peer{
	Name: "mochi", Title: "mochi-mqtt", Speaks: "MQTT 3.1.1 (QoS 0) over TCP", can: PubSub | Retain | Wildcards,
	settings: []Setting{
		{"hook", "allow all", "the default lets nobody in"},
		{"ClientNetWriteBufferSize", "64 KiB", "more messages in one write than in the default of 2 KiB"},
		{"MaximumClientWritesPending", "8,192 (its default)", "a larger queue is memory for every connection, in use or not"},
		{"SysTopicResendInterval", "1 h", "no statistics among what is measured"},
		{"logging", "off", "no lines in what is measured"},
	},
	find:    goPeer("mochi", "./mochi", "github.com/mochi-mqtt/server/v2", "mochi/main.go"),
	install: inSources,
	command: func(l launch) ([]string, error) { return []string{l.addr}, nil },
	speak:   speakMQTT,
}

var centrifuge = &Peer{
	Name: "centrifuge", Title: "centrifuge", Speaks: "its protobuf protocol over WebSocket", can: PubSub,
	settings: []Setting{
		{"protocol", "protobuf", "the faster one of its two"},
		{"ClientQueueMaxSize", "1 GiB", "a subscriber that is behind is not closed at 1 MiB"},
		{"ClientChannelLimit", "1,000,000", "the default is 128"},
		{"MaxMessagesInFrame", "no limit", "more messages in one write than the default of 16"},
		{"WriteTimeout", "60s", "a subscriber that is behind is not closed after 1 s"},
		{"logging", "off", "no lines in what is measured"},
	},
	find:    goPeer("centrifuge", "./centrifuge", "github.com/centrifugal/centrifuge", "centrifuge/main.go"),
	install: inSources,
	command: func(l launch) ([]string, error) {
		args := []string{l.addr}
		if l.bounded {
			args = append(args, "bounded")
		}
		return args, nil
	},
	speak: speakCentrifuge,
}

var raw = &Peer{
	Name: "raw", Title: "raw sockets (the limit)", Speaks: "bytes over TCP", can: PubSub,
	settings: []Setting{{"relay", "copies bytes", "no broker: what sockets cost on this machine"}},
	find: ours("raw", "/cmd/clasp-bench/peers/raw", func(context.Context, string) (string, error) {
		return "of this module", nil
	}),
	install: inSources,
	command: func(l launch) ([]string, error) { return []string{l.addr}, nil },
	speak:   speakRaw,
}
