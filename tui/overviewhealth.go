package tui

// How the router is, in words, what is wrong with it and what to do about it.

import (
	"fmt"
	"strings"

	"github.com/clasp-studio/clasp/router/monitor"
)

// levelMark is a glyph and the role for how grave something is.
func (e *env) levelMark(l monitor.Level) (string, role) {
	switch {
	case l >= monitor.LevelError:
		return e.glyphs.bad, bad
	case l >= monitor.LevelWarn:
		return e.glyphs.warn, warn
	}
	return e.glyphs.ok, good
}

// health is how the router is, and which one it is; with everything that is wrong and what
// to do about it, or the worst of it alone.
func (p *overview) health(whole bool) []string {
	e, o := p.e, &p.now.Overview
	level, text := monitor.Health(o)
	mark, r := e.levelMark(level)
	say := strong
	if level >= monitor.LevelWarn {
		say = r
	}
	facts := []string{"clasp " + o.Version, "up " + ago(p.now.At.Sub(o.Started))}
	if p.w >= 110 {
		facts = append(facts, fmt.Sprintf("pid %d on %s", o.PID, e.mask(maskName, o.Host)))
	}
	about := strings.Join(facts, e.separator())
	line := e.theme.paint(r, mark) + " " + e.theme.paint(say, text)
	var more []string
	worse := 0 // problems that have to be looked at; they come first
	for worse < len(o.Problems) && o.Problems[worse].Level >= monitor.LevelWarn {
		worse++
	}
	list := o.Problems
	if worse > 0 { // what it is has been said
		list = list[1:]
		more = p.remedy(o.Problems[0], p.w)
		if do := o.Problems[0].Do; cells(line)+cells(do)+cells(about)+6 <= p.w {
			line, more = line+"   "+e.theme.paint(dim, do), nil
		}
	}
	switch {
	case !whole && (p.h < overviewRemedy || p.w < overviewTwo):
		more = nil
	case !whole && worse == 0 && len(list) > 0:
		if note := list[0].Text; cells(line)+cells(note)+cells(about)+6 <= p.w {
			line += "   " + e.theme.paint(dim, note)
		}
	case whole:
		for _, problem := range list {
			more = append(more, p.problem(problem, p.w)...)
		}
	}
	if cells(line)+2+cells(about) <= p.w {
		line = e.beside(line, e.theme.paint(dim, about), p.w)
	}
	return append([]string{e.clip(line, p.w)}, more...)
}

// problem is what is wrong and what to do about it.
func (p *overview) problem(problem monitor.Problem, w int) []string {
	e := p.e
	mark, r := e.levelMark(problem.Level)
	if problem.Level < monitor.LevelWarn { // good to know
		mark, r = e.glyphs.dot, dim
	}
	var lines []string
	for i, s := range wrap(problem.Text, w-4) {
		if i == 0 {
			lines = append(lines, "  "+e.theme.paint(r, mark)+" "+s)
		} else {
			lines = append(lines, "    "+s)
		}
	}
	if one := "    " + problem.Do; len(lines) == 1 && cells(lines[0])+cells(one) <= w {
		return []string{lines[0] + e.theme.paint(dim, one)}
	}
	return append(lines, p.remedy(problem, w)...)
}

// remedy is what to do about a problem.
func (p *overview) remedy(problem monitor.Problem, w int) []string {
	if problem.Do == "" {
		return nil
	}
	return each(wrap(problem.Do, w-4), func(s string) string { return "    " + p.e.theme.paint(dim, s) })
}
