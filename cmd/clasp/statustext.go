// The plain lines and the CSV of clasp status.

package main

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/clasp-studio/clasp/router/monitor"
)

// printStatus prints a frame; the one before it is for the rates.
func printStatus(w io.Writer, before, now *monitor.Frame) error {
	var text bytes.Buffer
	o := &now.Overview
	line := func(label, format string, args ...any) {
		fmt.Fprintf(&text, "%-12s %s\n", label+":", fmt.Sprintf(format, args...))
	}
	_, health := monitor.Health(o)
	line("Health", "%s", health)
	line("Router", "%s, version %s, process %d on %s, up %s", o.Name, o.Version, o.PID, o.Host, since(now.At.Sub(o.Started)))
	if o.Config != "" {
		line("Config", "%s", o.Config)
	}
	line("Access", "%s%s", o.Access, certWords(o))
	line("State", "%s with a value, %s", counted(o.Params, "address", "addresses"), persistenceWords(o))
	line("Clients", "%s%s", counted(o.Sessions, "client", "clients"), crowdWords(o))
	if rates := rateWords(before, now); rates != "" {
		line("Rates", "%s", rates)
	}
	t := o.Totals
	line("Since start", "%s messages in, %s out, %s dropped, %s errors, %s writes, %s came, %s left",
		number(float64(t.MessagesIn)), number(float64(t.MessagesOut)), number(float64(t.Dropped)), number(float64(t.Errors)),
		number(float64(t.Writes)), number(float64(t.Joined)), number(float64(t.Left)))

	section(&text, "Problems and notes", len(o.Problems), func(i int) string { return wrongWords(&o.Problems[i]) })
	section(&text, "Listeners", len(o.Listeners), func(i int) string { return listenerWords(&o.Listeners[i]) })
	open := slices.DeleteFunc(slices.Clone(now.Pairing.Knocks), func(k monitor.Knock) bool { return !k.Open() })
	section(&text, "Pairing requests", len(open), func(i int) string { return knockWords(&open[i]) })
	section(&text, "Open invites", len(now.Pairing.Invites), func(i int) string { return inviteWords(&now.Pairing.Invites[i]) })
	if now.Pairing.Locked != "" {
		fmt.Fprintf(&text, "\nInvite PINs are locked: %s\n", now.Pairing.Locked)
	}
	if len(now.Clients.Rows) > 0 {
		fmt.Fprintln(&text, "\nConnections:")
		writeClients(&text, now.At, now.Clients.Rows)
	}
	_, err := w.Write(text.Bytes())
	return err
}

// section prints a list below a heading, nothing if it is empty.
func section(w io.Writer, heading string, n int, item func(i int) string) {
	if n > 0 {
		_, _ = fmt.Fprintf(w, "\n%s:\n", heading)
	}
	for i := range n {
		_, _ = fmt.Fprintf(w, "  %s\n", item(i))
	}
}

// certWords say how the way in is encrypted.
func certWords(o *monitor.Overview) string {
	switch {
	case !o.Encrypted:
		return ", not encrypted"
	case o.CertExpires.IsZero():
		return ", encrypted"
	default:
		return ", encrypted, certificate until " + o.CertExpires.Local().Format(time.DateOnly)
	}
}

func persistenceWords(o *monitor.Overview) string {
	if o.Persistence == "" {
		return "in memory only"
	}
	return "kept in " + o.Persistence
}

// crowdWords say who the clients are.
func crowdWords(o *monitor.Overview) string {
	var parts []string
	for _, transport := range slices.Sorted(maps.Keys(o.Transports)) {
		parts = append(parts, fmt.Sprintf("%d %s", o.Transports[transport], transport))
	}
	words := ""
	if len(parts) > 0 {
		words = " (" + strings.Join(parts, ", ") + ")"
	}
	words += fmt.Sprintf(", %d waiting to be let in, %d slow, %s", o.Lobby, o.Slow, counted(o.Subscriptions, "subscription", "subscriptions"))
	return words
}

func listenerWords(l *monitor.Listener) string {
	if !l.Up {
		return l.Transport + ": DOWN: " + cmp.Or(l.Error, "not open")
	}
	return l.Transport + ": " + strings.Join(l.URLs, " ")
}

func inviteWords(i *monitor.Invite) string {
	words := fmt.Sprintf("%s, profile %s, until %s", cmp.Or(i.Name, "for any name"), i.Profile, clock(i.Expires))
	if i.PIN != "" {
		words += ", PIN " + grouped(i.PIN)
	}
	for _, l := range i.Links {
		words += fmt.Sprintf("\n    %s: %s", l.Card, l.URL)
	}
	return words
}

// writeClients prints the table of connections.
func writeClients(w io.Writer, now time.Time, rows []monitor.Client) {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "  NAME\tSTATE\tVIA\tREMOTE\tSUBS\tIN/S\tOUT/S\tB/S\tQUEUE\tDROPPED\tRTT\tAGE\tIDLE") // into memory
	for i := range rows {
		c := &rows[i]
		in, out, bytes, rtt := "-", "-", "-", "-"
		if c.Rates.Known {
			in, out, bytes = number(c.Rates.In), number(c.Rates.Out), number(c.Rates.Bytes)
		}
		if c.RTT > 0 {
			rtt = fmt.Sprintf("%.1f ms", float64(c.RTT)/float64(time.Millisecond))
		}
		_, _ = fmt.Fprintf(table, "  %s\t%s\t%s\t%s\t%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", cmp.Or(c.Name, "unnamed"), clientState(c), c.Transport, c.Remote, c.Subs,
			in, out, bytes, number(float64(c.Queue)), number(float64(c.Dropped)), rtt, since(now.Sub(c.Since)), since(c.Idle))
	}
	_ = table.Flush() // into memory
}

// printClientsCSV prints the connections for programs: whole numbers, seconds, times as in RFC
// 3339. A rate that is not known yet, and a round trip that nobody has measured, is empty.
func printClientsCSV(w io.Writer, rows []monitor.Client) error {
	out := csv.NewWriter(w)
	lines := [][]string{{
		"id", "name", "state", "transport", "remote", "device", "profile", "encrypted", "subs", "locks", "queue_bytes", "dropped", "errors",
		"messages_in", "messages_out", "bytes_in", "bytes_out", "in_per_second", "out_per_second", "bytes_per_second", "rtt_seconds", "since", "idle_seconds",
	}}
	whole := func(n uint64) string { return strconv.FormatUint(n, 10) }
	decimal := func(x float64, known bool) string {
		if !known {
			return ""
		}
		return strconv.FormatFloat(x, 'f', -1, 64)
	}
	for i := range rows {
		c := &rows[i]
		lines = append(lines, []string{
			c.ID, inert(c.Name), clientState(c), c.Transport, c.Remote, inert(c.Device), inert(c.Profile), strconv.FormatBool(c.Encrypted),
			strconv.Itoa(c.Subs), strconv.Itoa(c.Locks), strconv.Itoa(c.Queue), whole(c.Dropped), whole(c.Errors),
			whole(c.MessagesIn), whole(c.MessagesOut), whole(c.BytesIn), whole(c.BytesOut),
			decimal(c.Rates.In, c.Rates.Known), decimal(c.Rates.Out, c.Rates.Known), decimal(c.Rates.Bytes, c.Rates.Known),
			decimal(c.RTT.Seconds(), c.RTT > 0), c.Since.UTC().Format(time.RFC3339), decimal(c.Idle.Seconds(), true),
		})
	}
	return out.WriteAll(lines)
}

// inert keeps a spreadsheet from taking a name for a formula.
func inert(name string) string {
	if name != "" && strings.ContainsRune("=+-@", rune(name[0])) {
		return "'" + name
	}
	return name
}
