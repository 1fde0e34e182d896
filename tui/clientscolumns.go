package tui

// The columns of the table of connections: what each shows, how wide it is, and which go
// first where there is no room.

import (
	"net"
	"slices"
	"time"

	"github.com/clasp-studio/clasp/router/monitor"
)

// clientsColumn is one of them. A number stands on the right, a text on the left.
type clientsColumn struct {
	name  string             // in the chooser
	head  string             // above the column
	width int                // at least; of a number exactly
	most  int                // how wide a text grows where there is room
	rank  int                // the higher, the sooner it goes
	sort  monitor.ClientSort // "" = the table cannot be ordered by it
	text  bool
	off   bool // only when chosen
	cell  func(e *env, c *monitor.Client, now time.Time) (string, role)
	short func(s string) string // what to leave out first where the text is too wide; nil = its end
}

// The column of a word that few sessions have, and what it takes.
const (
	clientsStateName = "state"
	clientsBadge     = 7
)

// clientsColumns are all there are, from left to right.
var clientsColumns = []*clientsColumn{
	{name: "name", head: "NAME", width: 12, most: 30, text: true, sort: monitor.SortName,
		cell: func(e *env, c *monitor.Client, _ time.Time) (string, role) {
			if c.Name == "" {
				return "(no name)", dim
			}
			return e.mask(maskName, c.Name), plain
		}},
	{name: clientsStateName, head: "STATE", width: 5, text: true, rank: 1, cell: clientsState},
	{name: "transport", head: "VIA", width: 4, text: true, rank: 4, sort: monitor.SortTransport,
		cell: func(_ *env, c *monitor.Client, _ time.Time) (string, role) { return c.Transport, plain }},
	{name: "messages in a second", head: "IN/S", width: 6, rank: 2, sort: monitor.SortIn,
		cell: func(e *env, c *monitor.Client, _ time.Time) (string, role) { return clientsRate(e, c, c.Rates.In) }},
	{name: "messages out a second", head: "OUT/S", width: 6, rank: 3, sort: monitor.SortOut,
		cell: func(e *env, c *monitor.Client, _ time.Time) (string, role) { return clientsRate(e, c, c.Rates.Out) }},
	{name: "bytes a second, both ways", head: "BYTES/S", width: bytesWidth, rank: 11, sort: monitor.SortBytes,
		cell: func(e *env, c *monitor.Client, _ time.Time) (string, role) {
			if !c.Rates.Known {
				return e.none(), dim
			}
			return bytesOf(c.Rates.Bytes), clientsQuiet(c.Rates.Bytes)
		}},
	{name: "bytes that wait for it", head: "QUEUE", width: bytesWidth, rank: 5, sort: monitor.SortQueue,
		cell: func(_ *env, c *monitor.Client, _ time.Time) (string, role) {
			if c.Slow {
				return bytesOf(c.Queue), warn
			}
			return bytesOf(c.Queue), clientsQuiet(c.Queue)
		}},
	{name: "messages dropped", head: "DROPS", width: countWidth, rank: 6, sort: monitor.SortDropped,
		cell: func(_ *env, c *monitor.Client, _ time.Time) (string, role) {
			if c.Dropped > 0 {
				return count(c.Dropped), warn
			}
			return "0", dim
		}},
	{name: "subscriptions", head: "SUBS", width: countWidth, rank: 9, sort: monitor.SortSubs,
		cell: func(_ *env, c *monitor.Client, _ time.Time) (string, role) {
			return count(c.Subs), clientsQuiet(c.Subs)
		}},
	{name: "locks", head: "LOCKS", width: countWidth, rank: 14, off: true,
		cell: func(_ *env, c *monitor.Client, _ time.Time) (string, role) {
			return count(c.Locks), clientsQuiet(c.Locks)
		}},
	{name: "errors sent to it", head: "ERRS", width: countWidth, rank: 13, off: true,
		cell: func(_ *env, c *monitor.Client, _ time.Time) (string, role) {
			return count(c.Errors), clientsQuiet(c.Errors)
		}},
	{name: "round trip", head: "RTT", width: delayWidth, rank: 8, sort: monitor.SortRTT,
		cell: func(e *env, c *monitor.Client, _ time.Time) (string, role) {
			if c.RTT <= 0 {
				return e.none(), dim
			}
			return delay(c.RTT), plain
		}},
	{name: "time since its last message", head: "IDLE", width: agoWidth, rank: 12, sort: monitor.SortIdle,
		cell: func(_ *env, c *monitor.Client, _ time.Time) (string, role) { return ago(c.Idle), dim }},
	{name: "time since it came", head: "AGE", width: agoWidth, rank: 10, sort: monitor.SortAge,
		cell: func(_ *env, c *monitor.Client, now time.Time) (string, role) { return ago(now.Sub(c.Since)), dim }},
	{name: "address it comes from", head: "FROM", width: 15, most: 24, text: true, rank: 7, sort: monitor.SortRemote, short: withoutPort,
		cell: func(e *env, c *monitor.Client, _ time.Time) (string, role) {
			return e.mask(maskRemote, c.Remote), plain
		}},
	{name: "device or token", head: "DEVICE", width: 10, most: 24, text: true, rank: 15,
		cell: func(e *env, c *monitor.Client, _ time.Time) (string, role) { return e.mask(maskName, c.Device), plain }},
	{name: "rights", head: "RIGHTS", width: 8, most: 14, text: true, rank: 16,
		cell: func(_ *env, c *monitor.Client, _ time.Time) (string, role) { return c.Profile, plain }},
	{name: "id of the session", head: "ID", width: 8, most: 36, text: true, rank: 17,
		cell: func(_ *env, c *monitor.Client, _ time.Time) (string, role) { return c.ID, dim }},
}

// clientsState is how a session is, in a word.
func clientsState(_ *env, c *monitor.Client, _ time.Time) (string, role) {
	switch {
	case c.Slow:
		return "SLOW", warn
	case c.Lobby:
		return "WAITS", accent
	}
	return "", plain
}

func clientsRate(e *env, c *monitor.Client, n float64) (string, role) {
	if !c.Rates.Known {
		return e.none(), dim
	}
	return rate(n), clientsQuiet(n)
}

// none stands where a number is not known.
func (e *env) none() string {
	if e.glyphs.ascii {
		return "-"
	}
	return "–"
}

// separator stands between facts on a line.
func (e *env) separator() string { return " " + e.glyphs.dot + " " }

// withoutPort is the machine of an address: the port says least about who it is.
func withoutPort(remote string) string {
	if host, _, err := net.SplitHostPort(remote); err == nil {
		return host
	}
	return remote
}

// clientsQuiet is the role of a number: nothing is not worth a look.
func clientsQuiet[N number](n N) role {
	if n > 0 {
		return plain
	}
	return dim
}

// clientsGap is between two columns.
const clientsGap = 2

// clientsPlace is a column on the screen: it starts at x and is w wide.
type clientsPlace struct {
	*clientsColumn
	x, w int
}

// clientsName is the least that a name gets of a table so wide: the wider, the more, since
// half a name says less than a number less.
func clientsName(w int) int {
	name := clientsColumns[0]
	return max(name.width, min(w/6, name.most))
}

// clientsFit places what goes into w cells of the columns wanted, the most important ones
// first, and lets the texts have what is left over.
func clientsFit(wanted func(*clientsColumn) bool, w int) []clientsPlace {
	name := clientsColumns[0]
	least := clientsName(w)
	if !slices.ContainsFunc(clientsColumns, func(c *clientsColumn) bool { return c.name == clientsStateName && wanted(c) }) {
		least += clientsBadge // it stands behind the name
	}
	places := []clientsPlace{{clientsColumn: name, w: max(0, min(least, w))}}
	left := w - places[0].w
	for rank := range len(clientsColumns) {
		for _, c := range clientsColumns[1:] {
			if c.rank == rank && wanted(c) && left >= c.width+clientsGap {
				places = append(places, clientsPlace{clientsColumn: c, w: c.width})
				left -= c.width + clientsGap
			}
		}
	}
	for i := range places { // in order of rank, so that names grow first
		if more := min(places[i].most-places[i].w, left); more > 0 {
			places[i].w += more
			left -= more
		}
	}
	return clientsLine(places)
}

// clientsLine puts places in the order of the columns, one after the other.
func clientsLine(places []clientsPlace) []clientsPlace {
	line := make([]clientsPlace, 0, len(places))
	x := 0
	for _, c := range clientsColumns {
		for _, p := range places {
			if p.clientsColumn == c {
				p.x = x
				line = append(line, p)
				x += p.w + clientsGap
			}
		}
	}
	return line
}

// write puts a text into the column's place.
func (p clientsPlace) write(e *env, s string) string {
	if p.short != nil && cells(s) > p.w {
		s = p.short(s)
	}
	if p.text || cells(s) > p.w {
		return e.fit(s, p.w)
	}
	return e.right(s, p.w)
}
