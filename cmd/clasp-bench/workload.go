// What is measured: the workloads, the numbers each gives and their targets, as
// issues 2, 3 and 5 ("Numbers") set them.

package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/clasp-studio/clasp/cmd/clasp-bench/internal/process"
)

// workload is one situation that gives one or more numbers.
type workload struct {
	name  string // for --only
	title string // with the names of scale.words in it
	rows  []row
	// placed says that where the cores are matters: it is run on each placement.
	placed bool
	// relayed says that the relay can do the same.
	relayed bool
	// disk says that its files have to be on a disk to mean anything.
	disk bool
	run  func(context.Context, rig) (result, error)
}

// row is one number of a workload.
type row struct {
	title  string
	unit   unit
	target float64 // in the unit; 0 = none
	// atLeast says which side of the target is good.
	atLeast bool
}

// unit is what a number counts. It is printed as it stands.
type unit string

const (
	perSecond unit = "/s"
	millis    unit = "ms"
	kib       unit = "KiB"
	byteUnit  unit = "B"

	kibPerSecond unit = "KiB/s"

	percent  unit = "%"
	ratio    unit = "×"
	messages unit = "" // so many
)

// scale is how much of everything a run uses.
type scale struct {
	duration    time.Duration // of sending
	subscribers int
	idle        int           // connections
	settle      time.Duration // before their memory is read
	starts      int
	active      int           // params that workload persist writes
	pause       time.Duration // until a router has written them, two of its intervals
	params      int           // of the workloads that are about many
	lookedAt    int           // clients, and
	seen        int           // params that a dashboard shows
}

var (
	fullScale  = scale{subscribers: 100, idle: 10_000, settle: 10 * time.Second, starts: 10, active: 10_000, pause: 2 * time.Second, params: 1_000_000, lookedAt: 1000, seen: 100_000}
	quickScale = scale{duration: 300 * time.Millisecond, subscribers: 20, idle: 200, settle: time.Second, starts: 3, active: 1_000, pause: 100 * time.Millisecond, params: 20_000, lookedAt: 50, seen: 5000}
)

// words fills in what a title says of the scale.
func (s scale) words(title string) string {
	return strings.NewReplacer("{subscribers}", fmt.Sprint(s.subscribers), "{idle}", fmt.Sprint(s.idle),
		"{active}", fmt.Sprint(s.active), "{params}", fmt.Sprint(s.params), "{lookedAt}", fmt.Sprint(s.lookedAt), "{seen}", fmt.Sprint(s.seen)).Replace(title)
}

var workloads = []workload{
	{
		name: "fanout", title: "1 publisher, {subscribers} subscribers, events of 32 bytes, closed loop", placed: true, relayed: true, run: runFanout,
		rows: []row{{title: "deliveries", unit: perSecond, target: 3e6, atLeast: true}},
	},
	{
		name: "set", title: "1 client, SET at confirm, pipelined, 1 subscriber", placed: true, relayed: true, run: runSet,
		rows: []row{
			{title: "SETs acknowledged and arrived", unit: perSecond, target: 400e3, atLeast: true},
			{title: "of these arrived within a newer one", unit: percent},
		},
	},
	{
		name: "openloop", title: "1,000 events/s to {subscribers} subscribers, from the intended time", placed: true, relayed: true, run: runOpenLoop,
		rows: []row{
			{title: "latency p50", unit: millis, target: 1},
			{title: "latency p99", unit: millis, target: 5},
			{title: "latency p99.9", unit: millis},
			{title: "latency max", unit: millis},
		},
	},
	{
		name: "quic", title: "fanout over QUIC, and over WebSocket with TLS", placed: true, run: runQUIC,
		rows: []row{
			{title: "deliveries over QUIC", unit: perSecond, target: 300e3, atLeast: true},
			{title: "deliveries over WebSocket", unit: perSecond},
			{title: "QUIC over WebSocket", unit: ratio},
		},
	},
	{
		name: "quic-openloop", title: "openloop over QUIC, and over WebSocket with TLS", placed: true, run: runQUICOpenLoop,
		rows: []row{
			{title: "QUIC latency p50", unit: millis},
			{title: "QUIC latency p99", unit: millis, target: 5},
			{title: "QUIC latency p99.9", unit: millis},
			{title: "QUIC latency max", unit: millis},
			{title: "WebSocket latency p50", unit: millis},
			{title: "WebSocket latency p99", unit: millis},
			{title: "WebSocket latency p99.9", unit: millis},
			{title: "WebSocket latency max", unit: millis},
			{title: "p99, QUIC over WebSocket", unit: ratio},
		},
	},
	{
		name: "udp", title: "1 client, SETs at fire over UDP, and pipelined over WebSocket", placed: true, run: runUDP,
		rows: []row{
			{title: "fast: sent, where 200,000 a second are wanted", unit: perSecond, target: 0.99 * udpFast, atLeast: true},
			{title: "fast: arrived of these", unit: percent},
			{title: "fast: lost of these", unit: messages},
			{title: "slow: sent, where 50,000 a second are wanted", unit: perSecond, target: 0.99 * udpSlow, atLeast: true},
			{title: "slow: arrived of these", unit: percent, target: 100, atLeast: true},
			{title: "slow: lost of these", unit: messages},
			{title: "as fast as it goes: sent", unit: perSecond},
			{title: "as fast as it goes: arrived", unit: perSecond, target: 200e3, atLeast: true},
			{title: "SETs over WebSocket", unit: perSecond},
			{title: "UDP over WebSocket", unit: ratio},
		},
	},
	{
		name: "idle", title: "{idle} idle subscribed connections, default GC", run: runIdle,
		rows: []row{
			{title: "memory (RSS) a connection", unit: kib, target: 15},
			{title: "memory (RSS) with none", unit: kib},
			{title: "memory (RSS) with all", unit: kib},
		},
	},
	{
		name: "start", title: "process start to the first WELCOME", run: runStart,
		rows: []row{{title: "median start", unit: millis, target: 100}},
	},
	{
		name: "tui", title: "--tui at 200x50, {lookedAt} clients, {seen} params, and without it", run: runTUI,
		rows: []row{
			{title: "median start to the first screen", unit: millis, target: 150},
			{title: "SETs acknowledged without it", unit: perSecond},
			{title: "SETs acknowledged with it", unit: perSecond},
			{title: "with over without", unit: percent, target: 95, atLeast: true},
			{title: "its CPU at 20,000 changes/s, of a core", unit: percent, target: 10},
			{title: "CPU of clasp tui instead, of a core", unit: percent, target: 10},
			{title: "its memory (RSS)", unit: kib, target: 31250},
			{title: "to the terminal at 20,000 changes/s", unit: kibPerSecond},
		},
	},
	{
		name: "durable", title: "SET at commit, each client waits for its ACK", disk: true, run: runDurable,
		rows: []row{
			{title: "1 client", unit: perSecond, target: 2000, atLeast: true},
			{title: "1 client, p50", unit: millis},
			{title: "1 client, p99", unit: millis},
			{title: "64 clients", unit: perSecond, target: 40e3, atLeast: true},
			{title: "64 clients, p50", unit: millis},
			{title: "64 clients, p99", unit: millis, target: 15},
			{title: "bbolt.Batch in process, 1 goroutine", unit: perSecond},
			{title: "1 client over bbolt.Batch", unit: ratio},
			{title: "bbolt.Batch in process, 64 goroutines", unit: perSecond},
			{title: "64 clients over bbolt.Batch", unit: ratio},
			{title: "plain log with fdatasync, 1 goroutine", unit: perSecond},
			{title: "1 client over plain log", unit: ratio},
			{title: "plain log with fdatasync, 64 goroutines", unit: perSecond},
			{title: "64 clients over plain log", unit: ratio},
		},
	},
	{
		name: "persist", title: "1 client, SETs of {active} params, pipelined, with --persist and without", placed: true, disk: true, run: runPersist,
		rows: []row{
			{title: "fire without", unit: perSecond},
			{title: "fire with", unit: perSecond},
			{title: "fire, with over without", unit: percent, target: 85, atLeast: true},
			{title: "confirm without", unit: perSecond},
			{title: "confirm with", unit: perSecond},
			{title: "confirm, with over without", unit: percent, target: 85, atLeast: true},
		},
	},
	{
		name: "late", title: "10,000 SETs/s at confirm from the intended time, {params} params, --persist, a subscriber of all comes", disk: true, run: runLate,
		rows: []row{
			{title: "ACK p99 before it comes", unit: millis},
			{title: "ACK p99 during its snapshot", unit: millis},
			{title: "during over before", unit: ratio, target: 2},
			{title: "median time of its snapshot", unit: millis},
		},
	},
	{
		name: "restart", title: "start with {params} params in the file", disk: true, run: runRestart,
		rows: []row{
			{title: "process start to the first WELCOME", unit: millis, target: 5000},
			{title: "of it over a start without params", unit: millis, target: 3000},
			{title: "memory (RSS) a param, beyond its value", unit: byteUnit, target: 250},
			{title: "memory (RSS) without params", unit: kib},
			{title: "memory (RSS) with all", unit: kib},
			{title: "memory (RSS), the most while loading", unit: kib},
		},
	},
}

// rig is what a workload runs on.
type rig struct {
	scale scale
	dir   string // temporary and empty, removed after the run
	self  string // this program
	// start starts the server under test, with these flags of it besides those that all
	// have. The caller stops it.
	start func(ctx context.Context, flags ...string) (*process.Process, error)
	// seated is start on a terminal.
	seated func(ctx context.Context, on *seat, flags ...string) (*process.Process, error)
	// relay says that it is the relay instead of a router.
	relay bool
	// way is what a router is reached by.
	way way
}

// dial opens a connection that receives what is sent to pattern, "" = nothing.
func (r rig) dial(p *process.Process, pattern string) (*link, error) {
	if r.relay {
		return dialRelay(p.Addr, pattern != "")
	}
	l, err := r.way(p.Addr)
	if err != nil {
		return nil, err
	}
	return l.join(p.Addr, pattern)
}

// result is what one run of a workload gave.
type result struct {
	values []float64 // one for each row, in their order
	usage  usage
}
