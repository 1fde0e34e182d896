// What is measured: the workloads, the numbers each gives and their targets, as
// issue 2 ("Numbers") sets them.

package main

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// workload is one situation that gives one or more numbers.
type workload struct {
	name  string // for --only
	title string // with the names of scale.words in it
	rows  []row
	// load says that it is about throughput or latency: where the cores are matters,
	// and the relay can do the same.
	load bool
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
	percent   unit = "%"
)

// scale is how much of everything a run uses.
type scale struct {
	duration    time.Duration // of sending
	subscribers int
	idle        int           // connections
	settle      time.Duration // before their memory is read
	starts      int
}

var (
	fullScale  = scale{subscribers: 100, idle: 10_000, settle: 10 * time.Second, starts: 10}
	quickScale = scale{duration: 300 * time.Millisecond, subscribers: 20, idle: 200, settle: time.Second, starts: 3}
)

// words fills in what a title says of the scale.
func (s scale) words(title string) string {
	return strings.NewReplacer("{subscribers}", fmt.Sprint(s.subscribers), "{idle}", fmt.Sprint(s.idle)).Replace(title)
}

var workloads = []workload{
	{
		name: "fanout", title: "1 publisher, {subscribers} subscribers, events of 32 bytes, closed loop", load: true, run: runFanout,
		rows: []row{{title: "deliveries", unit: perSecond, target: 3e6, atLeast: true}},
	},
	{
		name: "set", title: "1 client, SET at confirm, pipelined, 1 subscriber", load: true, run: runSet,
		rows: []row{
			{title: "SETs acknowledged and arrived", unit: perSecond, target: 400e3, atLeast: true},
			{title: "of these arrived within a newer one", unit: percent},
		},
	},
	{
		name: "openloop", title: "1,000 events/s to {subscribers} subscribers, from the intended time", load: true, run: runOpenLoop,
		rows: []row{
			{title: "latency p50", unit: millis, target: 1},
			{title: "latency p99", unit: millis, target: 5},
			{title: "latency p99.9", unit: millis},
			{title: "latency max", unit: millis},
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
}

// rig is what a workload runs on.
type rig struct {
	scale scale
	// start starts the server under test. The caller stops it.
	start func(context.Context) (*process, error)
	// relay says that it is the relay instead of a router.
	relay bool
}

// dial opens a connection that receives what is sent to pattern, "" = nothing.
func (r rig) dial(p *process, pattern string) (*link, error) {
	if r.relay {
		return dialRelay(p.addr, pattern != "")
	}
	return dialRouter(p.addr, pattern)
}

// result is what one run of a workload gave.
type result struct {
	values []float64 // one for each row, in their order
	usage  usage
}
