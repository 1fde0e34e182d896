package tui

// What the overview says besides: where to connect to, who is there, what the router keeps
// and what looking at it costs; each as a block and as a line.

import (
	"slices"
	"strings"
	"time"
)

// heading is above a block.
func (p *overview) heading(text, note string, w int) string {
	line := p.e.theme.paint(header, text)
	if note != "" && cells(text)+2+cells(note) <= w {
		line += "  " + p.e.theme.paint(dim, note)
	}
	return line
}

// fact is a name and a value.
func (p *overview) fact(name, value string, w int) string {
	return p.e.theme.paint(dim, p.e.fit(name, overviewLabel)) + " " + p.e.clip(value, max(w-overviewLabel-1, 0))
}

// connect is where to connect to; the first address stands out, since it is the one that
// gets typed into a phone.
func (p *overview) connect(w int, airy bool) []string {
	e, t := p.e, p.e.theme
	lines := []string{p.heading("Connect to", "", w)}
	first := true
	for _, l := range p.now.Overview.Listeners {
		name := l.Transport
		switch {
		case l.Error != "":
			mark := t.paint(bad, e.glyphs.bad) + " "
			for _, s := range wrap(l.Error, max(w-overviewLabel-3, 1)) {
				lines = append(lines, p.fact(name, mark+s, w))
				name, mark = "", "  "
			}
		case !l.Up:
			lines = append(lines, p.fact(name, t.paint(dim, "off"), w))
		case len(l.URLs) == 0:
			lines = append(lines, p.fact(name, t.paint(good, e.glyphs.ok)+" running", w))
		case first:
			first = false
			url := t.paint(accent, e.glyphs.cursor) + " " + t.paint(secret, e.clip(e.mask(maskRemote, l.URLs[0]), w-2))
			if airy {
				lines = append(lines, "", url, "")
			} else {
				lines = append(lines, url)
			}
			l.URLs = l.URLs[1:]
			fallthrough
		default:
			for _, url := range l.URLs {
				lines = append(lines, p.fact(name, e.mask(maskRemote, url), w))
				name = ""
			}
		}
	}
	if len(lines) == 1 {
		lines = append(lines, t.paint(dim, "nothing listens"))
	}
	return lines
}

// ways is connect in a line.
func (p *overview) ways(w int) string {
	e := p.e
	line := ""
	for _, l := range p.now.Overview.Listeners {
		part := ""
		switch {
		case l.Error != "":
			part = e.theme.paint(bad, e.glyphs.bad+" "+l.Transport+" is down")
		case l.Up && len(l.URLs) > 0 && line == "":
			part = e.theme.paint(strong, e.mask(maskRemote, l.URLs[0]))
		case l.Up && len(l.URLs) > 0:
			part = e.mask(maskRemote, l.URLs[0])
		}
		if part != "" && cells(line)+cells(part)+3 <= w {
			if line != "" {
				line += e.theme.paint(dim, e.separator())
			}
			line += part
		}
	}
	return line
}

// transports are those that somebody uses, the most used ones first.
func (p *overview) transports() []string {
	all := make([]string, 0, len(p.now.Overview.Transports))
	for name := range p.now.Overview.Transports {
		all = append(all, name)
	}
	slices.SortFunc(all, func(a, b string) int {
		if d := p.now.Overview.Transports[b] - p.now.Overview.Transports[a]; d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	return all
}

// clients are who is there, by transport.
func (p *overview) clients(w int) []string {
	e, o := p.e, &p.now.Overview
	lines := []string{p.heading("Clients", exact(o.Sessions), w)}
	room := w - overviewLabel - exactWidth - 3
	for _, name := range p.transports() {
		n := o.Transports[name]
		bar := 0
		if o.Sessions > 0 && room > 0 {
			bar = min(max(n*room/o.Sessions, 1), room)
		}
		lines = append(lines, p.fact(transportName(name), e.right(exact(n), exactWidth)+"  "+e.theme.paint(borderFoc, strings.Repeat(e.glyphs.meter, bar)), w))
	}
	number := func(name string, n int, r role, note string) {
		lines = append(lines, p.fact(name, e.theme.paint(r, e.right(exact(n), exactWidth))+e.theme.paint(dim, note), w))
	}
	if o.Slow > 0 {
		number("slow", o.Slow, warn, "  cannot keep up")
	} else {
		number("slow", 0, dim, "")
	}
	if o.Lobby > 0 {
		number("in the lobby", o.Lobby, accent, "  wait to be let in")
	}
	number("subscriptions", o.Subscriptions, plain, "")
	number("addresses", o.Params, plain, "  have a value")
	lost, r := "0", dim
	if o.Totals.Dropped > 0 {
		lost, r = count(o.Totals.Dropped), warn
	}
	return append(lines, p.fact("dropped", e.theme.paint(r, e.right(lost, exactWidth))+e.theme.paint(dim, "  messages so far"), w))
}

// people is clients in a line.
func (p *overview) people(w int) string {
	e, o := p.e, &p.now.Overview
	line := e.theme.paint(strong, exact(o.Sessions)) + " " + nounFor(o.Sessions, "client", "clients")
	add := func(text string, r role) {
		if cells(line)+3+cells(text) <= w {
			line += e.theme.paint(dim, e.separator()) + e.theme.paint(r, text)
		}
	}
	if o.Slow > 0 {
		add(exact(o.Slow)+" slow", warn)
	}
	if o.Lobby > 0 {
		add(count(o.Lobby)+" in the lobby", accent)
	}
	add(exact(o.Params)+" "+nounFor(o.Params, "address", "addresses"), plain)
	for _, name := range p.transports() {
		add(exact(o.Transports[name])+" "+transportName(name), dim)
	}
	add(exact(o.Subscriptions)+" "+nounFor(o.Subscriptions, "subscription", "subscriptions"), dim)
	return line
}

// router is who may come in, what is kept, and what the process takes.
func (p *overview) router(w int) []string {
	e, o := p.e, &p.now.Overview
	lines := []string{p.heading("Router", o.Name, w)}
	fact := func(name, value string) { lines = append(lines, p.fact(name, value, w)) }
	fact("open to", o.Access)
	switch left := o.CertExpires.Sub(p.now.At); {
	case !o.Encrypted:
		fact("encrypted", "no")
	case o.CertExpires.IsZero():
		fact("encrypted", "yes")
	case left <= 0:
		fact("encrypted", e.theme.paint(bad, "the certificate has expired"))
	case left < 7*24*time.Hour:
		fact("encrypted", e.theme.paint(warn, "yes, certificate good for "+ago(left)))
	default:
		fact("encrypted", "yes, certificate good for "+ago(left))
	}
	if o.Persistence == "" {
		fact("stored", "in memory only")
	} else {
		fact("stored", o.Persistence)
	}
	if o.Config != "" {
		fact("configured", o.Config)
	}
	cpu := "not known"
	if o.CPU >= 0 {
		cpu = percent(o.CPU) + e.theme.paint(dim, " of a core")
	}
	fact("processor", cpu)
	fact("memory", bytesOf(o.Heap)+e.theme.paint(dim, e.separator()+count(o.Goroutines)+" goroutines"))
	return lines
}

// dashboard is what looking on costs.
func (p *overview) dashboard(w int) []string {
	c := p.now.cost
	lines := []string{p.heading("This dashboard", "", w)}
	fact := func(name, value string) { lines = append(lines, p.fact(name, value, w)) }
	note := func(s string) string { return p.e.theme.paint(dim, s) }
	number := func(name, value string, r role, about string) {
		fact(name, p.e.theme.paint(r, p.e.right(value, flowWidth))+note("  "+about))
	}
	number("frames", rate(c.fps), plain, "a second")
	number("to fetch one", delay(c.frame), plain, "")
	number("to draw one", delay(c.view), plain, "")
	number("processor", percent(c.cpu), overviewOver(c.cpu > 0.10), "of 10 % of a core")
	number("to terminal", bytesOf(c.bytes)+"/s", plain, "")
	number("memory", bytesOf(c.heap), overviewOver(c.heap > memoryBudget), "of "+bytesOf(memoryBudget))
	number("log lines", count(p.now.Overview.LogDropped), plain, "dropped")
	return lines
}

// keeps is router in a line.
func (p *overview) keeps(w int) string {
	e, o := p.e, &p.now.Overview
	parts := []string{"open to " + o.Access, "not encrypted", "stored in memory only"}
	if o.Encrypted {
		parts[1] = "encrypted"
	}
	if o.Persistence != "" {
		parts[2] = "stored in " + o.Persistence
	}
	return e.theme.paint(dim, e.clip(strings.Join(parts, e.separator()), w))
}

// own is dashboard in a line.
func (p *overview) own(w int) string {
	e, c := p.e, p.now.cost
	line := "dashboard"
	for i, fact := range []string{
		e.right(percent(c.cpu), 5) + " of a core", e.right(rate(c.fps), 3) + " fps", e.right(bytesOf(c.bytes), bytesWidth) + "/s", e.right(bytesOf(c.heap), bytesWidth) + " held",
		e.right(delay(c.frame), delayWidth) + " to fetch", e.right(delay(c.view), delayWidth) + " to draw", count(p.now.Overview.LogDropped) + " log lines dropped",
	} {
		if i > 0 {
			fact = e.separator() + fact
		} else {
			fact = " " + fact
		}
		if cells(line)+cells(fact) > w { // a fact is there whole or not at all
			break
		}
		line += fact
	}
	return e.theme.paint(dim, e.clip(line, w))
}

// overviewOver is the role of a number that should stay below a limit.
func overviewOver(is bool) role {
	if is {
		return warn
	}
	return plain
}
