// Words and numbers of clasp status.

package main

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/clasp-studio/clasp/router/monitor"
)

// number is a count or a rate as people read it: 950, 12.3k, 4.1M.
func number(n float64) string {
	switch {
	case n >= 999.95e6:
		return fmt.Sprintf("%.1fG", n/1e9)
	case n >= 999.95e3:
		return fmt.Sprintf("%.1fM", n/1e6)
	case n >= 9999.5:
		return fmt.Sprintf("%.1fk", n/1e3)
	case n >= 9.95 || n == float64(int(n)):
		return fmt.Sprintf("%.0f", n)
	default:
		return fmt.Sprintf("%.1f", n)
	}
}

// unit puts a unit behind a number: "12.3 kB", "950 B".
func unit(number, unit string) string {
	digits := strings.TrimRight(number, "kMG")
	return digits + " " + number[len(digits):] + unit
}

// since is a time that has passed: "42 s", "12 min", "4 h 10 min", "3 days 2 h".
func since(d time.Duration) string {
	d = max(d, 0)
	hours := int(d / time.Hour)
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%d min", d/time.Minute)
	case hours < 24:
		return fmt.Sprintf("%d h %d min", hours, int(d/time.Minute)%60)
	default:
		return fmt.Sprintf("%s %d h", counted(hours/24, "day", "days"), hours%24)
	}
}

// rateWords are the rates between two frames: nothing if there is none.
func rateWords(before, now *monitor.Frame) string {
	over := now.At.Sub(before.At).Seconds()
	a, b := before.Overview.Totals, now.Overview.Totals
	if over <= 0 || before.Overview.PID != now.Overview.PID || !before.Overview.Started.Equal(now.Overview.Started) {
		return ""
	}
	rate := func(from, to uint64) string {
		if to < from {
			return "0"
		}
		return number(float64(to-from) / over)
	}
	bytesRate := func(from, to uint64) string { return unit(rate(from, to), "B/s") }
	words := fmt.Sprintf("%s messages/s in, %s out, %s in, %s out, %s writes/s",
		rate(a.MessagesIn, b.MessagesIn), rate(a.MessagesOut, b.MessagesOut), bytesRate(a.BytesIn, b.BytesIn), bytesRate(a.BytesOut, b.BytesOut), rate(a.Writes, b.Writes))
	if b.Dropped > a.Dropped {
		words += ", " + rate(a.Dropped, b.Dropped) + " messages/s dropped"
	}
	return words
}

// clientWords name a connection: "desk (ws, 10.0.0.5:51234)".
func clientWords(c *monitor.Client) string {
	return fmt.Sprintf("%s (%s, %s)", cmp.Or(c.Name, "unnamed"), c.Transport, c.Remote)
}

// clientState is what is special about a connection, in words.
func clientState(c *monitor.Client) string {
	switch {
	case c.Lobby:
		return "waits"
	case c.Slow:
		return "SLOW"
	default:
		return "ok"
	}
}

// knockWords say who wants in: `"FOH iPad" (ipad) from 10.0.0.23 over ws, match 42-17`. The
// match code is no secret: it is there to be compared.
func knockWords(k *monitor.Knock) string {
	words := fmt.Sprintf("%q", k.Name)
	if k.Kind != "" {
		words += " (" + k.Kind + ")"
	}
	words += fmt.Sprintf(" from %s over %s", k.Remote, k.Transport)
	if !k.Encrypted {
		words += ", not encrypted"
	}
	words += ", match " + k.Match
	if len(k.Want) > 0 {
		words += ", asks for " + strings.Join(k.Want, ", ")
	}
	if k.Known != "" {
		words += fmt.Sprintf(", but %q is paired already", k.Known)
	}
	if k.Code != "" {
		words += ", PIN " + grouped(k.Code)
	}
	return words
}

// wrongWords are a problem and what to do.
func wrongWords(p *monitor.Problem) string {
	if p.Do == "" {
		return p.Level.String() + ": " + p.Text
	}
	return p.Level.String() + ": " + p.Text + " - " + p.Do
}

// lineWords are a line of the log without its time.
func lineWords(l *monitor.Line) string {
	words := l.Level.String() + ": " + l.Text
	if l.Attrs != "" {
		words += " " + l.Attrs
	}
	if l.Session != "" {
		words += " session=" + l.Session
	}
	return words
}
