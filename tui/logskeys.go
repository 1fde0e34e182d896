package tui

// What the keys of the Logs pane do.

import (
	"slices"
	"strconv"
	"strings"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"github.com/clasp-studio/clasp/router/monitor"
)

func (p *logsPanel) key(k tea.KeyPressMsg) (tea.Cmd, bool) {
	if p.edit != nil {
		p.typeKey(k)
		return nil, true
	}
	keys := p.e.keys
	switch {
	case key.Matches(k, keys.Up):
		p.setFollow(false)
		p.move(func() { p.list.move(-1) })
	case key.Matches(k, keys.Down):
		p.move(func() { p.list.move(1) })
	case key.Matches(k, keys.PageUp):
		p.setFollow(false)
		p.move(func() { p.list.page(-1) })
	case key.Matches(k, keys.PageDown):
		p.move(func() { p.list.page(1) })
	case key.Matches(k, keys.Home):
		p.setFollow(false)
		p.move(func() { p.list.to(0) })
	case key.Matches(k, keys.End):
		p.setFollow(true)
		p.settle()
	case key.Matches(k, keys.Follow):
		p.setFollow(!p.follow)
		p.settle()
	case key.Matches(k, keys.LevelUp):
		p.setLevel(p.level + 1)
	case key.Matches(k, keys.LevelDown):
		p.setLevel(p.level - 1)
	case key.Matches(k, keys.Wrap):
		p.wrap = !p.wrap
		p.settle()
	case key.Matches(k, keys.Times):
		p.times = (p.times + 1) % logsTimesAll
		p.settle()
	case key.Matches(k, keys.Mark):
		p.mark()
	case key.Matches(k, keys.Filter):
		p.edit, p.finds, p.before = newInput(p.filter.text), false, p.filter.text
		p.settle()
	case key.Matches(k, keys.Next):
		return p.seek(1), true
	case key.Matches(k, keys.Previous):
		return p.seek(-1), true
	case key.Matches(k, keys.Back):
		return nil, p.back()
	case key.Matches(k, keys.Copy):
		return p.copyLines(p.chosen(), "line"), true
	case key.Matches(k, keys.CopyValue):
		return p.copyLines(p.hits.numbers, "line"), true
	case key.Matches(k, keys.Save):
		return p.save(), true
	case key.Matches(k, keys.Enter):
		if line := p.line(); line != nil {
			return send(overlayMsg{&logsDetail{e: p.e, line: *line}}), true
		}
	default:
		return nil, false
	}
	return nil, true
}

// typeKey is a key while the filter is typed. What it finds is shown with every letter.
func (p *logsPanel) typeKey(k tea.KeyPressMsg) {
	f := &p.filter
	if p.finds {
		f = &p.find
	}
	switch k.String() {
	case "enter":
		p.edit = nil
		if f.wrong != "" { // what is wrong is not kept: the one before is
			f.set(p.before)
		}
		p.sift()
	case "esc", "ctrl+c":
		p.edit = nil
		f.set(p.before)
		p.sift()
	case "tab":
		// The same text marks in place of hiding, or the other way round.
		text := p.edit.String()
		f.set("")
		p.finds = !p.finds
		if f = &p.filter; p.finds {
			f = &p.find
		}
		p.before = f.text
		f.set(text)
		p.sift()
	default:
		if p.edit.key(k) {
			f.set(p.edit.String())
			p.sift()
		}
	}
	p.rev++
}

func (p *logsPanel) setLevel(l monitor.Level) {
	p.level = min(max(l, monitor.LevelTrace), monitor.LevelError)
	p.sift()
}

// back undoes what narrows the list, the last first; handled is false when there is nothing.
func (p *logsPanel) back() bool {
	switch {
	case p.find.text != "":
		p.find.set("")
	case p.filter.text != "":
		p.filter.set("")
	case p.session != "":
		p.session = ""
	case len(p.marked) > 0:
		clear(p.marked)
	default:
		return false
	}
	p.sift()
	return true
}

// mark marks the line under the cursor, or unmarks it, and goes on to the next.
func (p *logsPanel) mark() {
	number, ok := p.selected()
	if !ok {
		return
	}
	if p.marked[number] {
		delete(p.marked, number)
	} else {
		p.marked[number] = true
	}
	p.setFollow(false)
	p.move(func() { p.list.move(1) })
}

// seek goes to the next line that is marked by find, or without that to the next warning.
func (p *logsPanel) seek(step int) tea.Cmd {
	for at := p.list.at + step; at >= 0 && at < len(p.hits.numbers); at += step {
		line := p.ring.at(p.hits.numbers[at])
		if p.find.parsed != nil && p.find.pass(line) || p.find.parsed == nil && line.Level >= monitor.LevelWarn {
			p.setFollow(false)
			p.move(func() { p.list.to(at) })
			return nil
		}
	}
	what := "warning or error"
	if p.find.parsed != nil {
		what = "hit"
	}
	if step > 0 {
		return send(flashMsg{text: "no further " + what + " below"})
	}
	return send(flashMsg{text: "no further " + what + " above"})
}

// chosen are the marked lines, or without any the one under the cursor.
func (p *logsPanel) chosen() []uint64 {
	if len(p.marked) == 0 {
		if number, ok := p.selected(); ok {
			return []uint64{number}
		}
		return nil
	}
	numbers := make([]uint64, 0, len(p.marked))
	for number := range p.marked {
		numbers = append(numbers, number)
	}
	slices.Sort(numbers)
	return numbers
}

// text is lines as they are copied and saved: masked as on the screen.
func (p *logsPanel) text(numbers []uint64) string {
	var out strings.Builder
	for _, number := range numbers {
		line := p.ring.at(number)
		text, attrs := p.words(line)
		m := logsMarks[min(max(line.Level, monitor.LevelTrace), monitor.LevelError)]
		out.WriteString(line.At.Format("2006-01-02T15:04:05.000Z07:00") + " " + m.word + " " + text)
		if attrs != "" {
			out.WriteString("  " + attrs)
		}
		out.WriteByte('\n')
	}
	return out.String()
}

func (p *logsPanel) copyLines(numbers []uint64, what string) tea.Cmd {
	if len(numbers) == 0 {
		return send(flashMsg{text: "there is no line to copy", bad: true})
	}
	if len(numbers) > 1 {
		what = strconv.Itoa(len(numbers)) + " lines"
	}
	return send(copyMsg{text: strings.TrimSuffix(p.text(numbers), "\n"), what: what})
}
