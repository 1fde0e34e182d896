package tui

// Lines of the log go to a file, and one line is shown in full.

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"github.com/clasp-studio/clasp/router/monitor"
)

// save asks where to. What is saved is what there is now, however long the path takes.
func (p *logsPanel) save() tea.Cmd {
	numbers := p.hits.numbers
	if len(p.marked) > 0 {
		numbers = p.chosen()
	}
	if len(numbers) == 0 {
		return send(flashMsg{text: "there is no line to save", bad: true})
	}
	text, what := p.text(numbers), pairingCount(len(numbers), "line")
	e := p.e
	path := formField{label: "file"}
	path.text.set("clasp-log-" + e.now().Format("20060102-150405") + ".txt")
	return send(overlayMsg{&form{
		e: e, head: "Save " + what, button: "Save", fields: []formField{path},
		notes: func(*form) []string {
			dir, err := os.Getwd()
			if err != nil {
				return nil
			}
			return []string{"A name without a directory is in " + e.mask(maskRemote, dir) + "."}
		},
		submit: func(f *form) (tea.Cmd, string) {
			to := strings.TrimSpace(f.fields[0].text.String())
			if to == "" {
				return nil, "a file needs a name"
			}
			return logsWrite(e, to, text, what, false), ""
		},
	}})
}

// logsWrite writes a file away from the loop: a disk may be slow. It comes whole or not at
// all, and asks before it takes another's place.
func logsWrite(e *env, to, text, what string, replace bool) tea.Cmd {
	return func() tea.Msg {
		err := logsFile(to, text, replace)
		switch {
		case errors.Is(err, fs.ErrExist) && !replace:
			return overlayMsg{newConfirm(e, "Replace the file "+to+"?", []string{"It is there already. What is in it will be lost."},
				func() tea.Cmd { return logsWrite(e, to, text, what, true) })}
		case err != nil:
			return flashMsg{text: "not saved: " + err.Error(), bad: true}
		}
		return flashMsg{text: what + " saved to " + to}
	}
}

// logsFile writes a file for its owner's eyes: log lines say who was where.
func logsFile(to, text string, replace bool) (err error) {
	temp, err := os.CreateTemp(filepath.Dir(to), ".clasp-log-*")
	if err != nil {
		return fmt.Errorf("writing %s: %w", to, err)
	}
	defer func() { _ = os.Remove(temp.Name()) }()
	_, err = temp.WriteString(text)
	if err = errors.Join(err, temp.Close()); err != nil {
		return fmt.Errorf("writing %s: %w", to, err)
	}
	if info, wrong := os.Lstat(to); wrong == nil {
		switch {
		case info.IsDir():
			return fmt.Errorf("%s is a directory: name a file in it", to)
		case !info.Mode().IsRegular():
			return fmt.Errorf("%s is not a plain file: choose another name", to)
		case !replace:
			return fmt.Errorf("%s: %w", to, fs.ErrExist)
		}
	}
	if replace {
		if err := os.Rename(temp.Name(), to); err != nil {
			return fmt.Errorf("replacing %s: %w", to, err)
		}
		return nil
	}
	// A link fails where a file has come up meanwhile, which a rename would replace.
	if err := os.Link(temp.Name(), to); err == nil || errors.Is(err, fs.ErrExist) {
		return err
	}
	return logsCreate(to, text) // a disk without links
}

func logsCreate(to, text string) error {
	f, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Close()); err != nil {
		_ = os.Remove(to)
		return fmt.Errorf("writing %s: %w", to, err)
	}
	return nil
}

// logsDetail shows a line in full.
type logsDetail struct {
	e    *env
	line monitor.Line
	top  int
	most int // that it can be scrolled by
}

func (d *logsDetail) apply(_ *frame) {}
func (d *logsDetail) typing() bool   { return false }

func (d *logsDetail) key(k tea.KeyPressMsg) (tea.Cmd, bool) {
	keys := d.e.keys
	switch {
	case k.String() == "esc", k.String() == "ctrl+c", k.String() == "q", key.Matches(k, keys.Enter):
		return nil, true
	case key.Matches(k, keys.Up):
		d.top--
	case key.Matches(k, keys.Down):
		d.top++
	case key.Matches(k, keys.LogsOf) && d.line.Session != "":
		return send(gotoMsg{pane: logsPane, session: d.line.Session}), true
	}
	d.top = max(0, min(d.top, d.most))
	return nil, false
}

func (d *logsDetail) bindings() []key.Binding {
	list := []key.Binding{formKey("esc", "close"), d.e.keys.Up, d.e.keys.Down}
	if d.line.Session != "" {
		list = append(list, d.e.keys.LogsOf)
	}
	return list
}

func (d *logsDetail) render(w, h int) []string {
	width := min(w-4, 96)
	if width < 16 || h < 4 {
		return []string{d.e.fit("no room to show the line", w)}
	}
	l := &pairingLines{e: d.e, w: width}
	m := logsMarks[min(max(d.line.Level, monitor.LevelTrace), monitor.LevelError)]
	l.fact("time", d.line.At.Local().Format("2006-01-02 15:04:05.000"))
	l.fact("level", strings.TrimSpace(m.word))
	if d.line.Session != "" {
		l.fact("client", d.line.Session+"  ("+d.e.keys.LogsOf.Help().Key+": its lines)")
	}
	l.gap()
	l.say(strong, d.e.mask(maskText, d.line.Text))
	if d.line.Attrs != "" {
		l.gap()
		for _, attr := range logsAttrs(d.e.mask(maskText, d.line.Attrs)) {
			l.say(plain, attr)
		}
	}
	room := h - 2
	d.most = max(len(l.lines)-room, 0)
	d.top = min(d.top, d.most)
	return d.e.box("Log line", l.lines[d.top:min(d.top+room, len(l.lines))], width+4)
}

// logsAttrs puts each attribute on its own line: they end at spaces that are not quoted.
func logsAttrs(s string) []string {
	var list []string
	quoted, from := false, 0
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && quoted:
			i++
		case s[i] == '"':
			quoted = !quoted
		case s[i] == ' ' && !quoted:
			if i > from {
				list = append(list, s[from:i])
			}
			from = i + 1
		}
	}
	if from < len(s) {
		list = append(list, s[from:])
	}
	return list
}
