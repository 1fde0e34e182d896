// Asks whoever sits at the terminal of a server about the devices that wait to be let in
// (pairing section 1). Where nobody does, the log says how to answer.

package main

import (
	"cmp"
	"fmt"
	"io"
	"log/slog"
	"os/user"
	"slices"
	"time"

	"github.com/clasp-studio/clasp/pairing"
)

const (
	// promptGuard is how long keys do nothing after what they are about has changed, and
	// after another key: they were meant for something else, or the key is held down.
	promptGuard = 500 * time.Millisecond
	// promptResult is how long what came of a key is shown.
	promptResult = 5 * time.Second
	// promptWait is how long the terminal is left alone while it is another job's.
	promptWait = time.Second
	// promptStop is how long the end of the process waits for the last look at the keyboard.
	promptStop = time.Second
	// promptTold is how long the log does not repeat that a device waits.
	promptTold = 10 * time.Minute
)

// prompt shows the devices that wait at the foot of the terminal, below the log, and does
// what keys say. What it shows holds PINs: it goes to the terminal, and never through the log.
type prompt struct {
	pairs *pairing.Registry
	log   *serverLog
	port  int    // of the router, for the commands that act on it
	by    string // whose keys they are, for the audit log

	changed       chan struct{} // somebody comes, goes or gets on
	stop, stopped chan struct{}

	// What follows is run's.
	keys  *keyboard // nil without a terminal
	rows  []pairing.Knock
	row   pairing.Knock // the one that keys are about; without an ID none
	sure  bool          // y was pressed, and is asked for again
	deaf  time.Time     // until then keys do nothing
	said  string        // what came of the last key
	until time.Time     // it is shown until then
	drawn string
	shown <-chan struct{}      // closed when the terminal has that
	told  map[string]time.Time // when the log has said that a request waits, by ID
}

// openPrompt begins to ask: at the terminal, if people read and type there. Without a file of
// devices there is nobody to ask about.
func (s *server) openPrompt(stdin io.Reader, stdout io.Writer) {
	pairs := s.devices.registry
	if pairs == nil {
		return
	}
	var keys *keyboard
	if c := s.running.Logging; c.Format == "text" || c.File != "" { // else machines read what is on stdout, whatever it is
		keys = openKeyboard(stdin, stdout)
	}
	s.prompt = newPrompt(pairs, keys, s.log, portOfAddr(s.ws.Addr()))
	s.devices.asks.Store(s.prompt)
	go s.prompt.run()
}

func newPrompt(pairs *pairing.Registry, keys *keyboard, log *serverLog, port int) *prompt {
	p := &prompt{
		pairs: pairs, log: log, port: port, by: "the terminal", keys: keys, told: make(map[string]time.Time),
		changed: make(chan struct{}, 1), stop: make(chan struct{}), stopped: make(chan struct{}),
	}
	if u, err := user.Current(); err == nil {
		p.by = u.Username
	}
	return p
}

// wake has it look who waits.
func (p *prompt) wake() {
	select {
	case p.changed <- struct{}{}:
	default: // it will look anyway
	}
}

// close takes away what is shown and gives the terminal back.
func (p *prompt) close() {
	if p == nil {
		return
	}
	close(p.stop)
	select {
	case <-p.stopped:
	case <-time.After(promptStop):
		restoreTerminal()
	}
}

// run looks who waits, shows it and takes a key, over and over. It is one goroutine, so that
// a key is always about what was shown when it was pressed.
func (p *prompt) run() {
	defer close(p.stopped)
	defer p.release()
	for {
		mine := p.look(time.Now())
		if mine {
			p.show(p.text(time.Now()))
			if key, ok := p.keys.key(); ok {
				if !p.visible() {
					key = noKey // whoever has pressed it has not seen what it would be about
				}
				p.press(key, time.Now())
			}
			if sig := p.keys.asked(); sig != nil {
				p.hide()
				p.keys.obey(sig)
			}
		}
		if !p.wait(mine) {
			return
		}
	}
}

// look finds out who waits, and reports whether the terminal is there to ask at.
func (p *prompt) look(now time.Time) (mine bool) {
	p.rows = p.pairs.Knocks()
	if now.After(p.until) {
		p.said = ""
	}
	if len(p.rows) == 0 && p.said == "" {
		p.release()
		p.choose(now)
		return false
	}
	if p.keys != nil {
		was := p.keys.held()
		var err error
		if mine, err = p.keys.take(); err != nil {
			p.log.Info("no keys are read any more", "error", err)
			p.release()
			p.keys = nil
		}
		if mine && !was {
			p.deaf = now.Add(promptGuard) // what was typed before was for somebody else
		}
	}
	if !mine {
		p.show("")
		p.tell(now)
	}
	p.choose(now)
	return mine
}

// wait returns when there is something to do; false is to end. The keyboard has waited
// itself, if it is mine.
func (p *prompt) wait(mine bool) bool {
	switch {
	case mine:
		select {
		case <-p.stop:
			return false
		default:
			return true
		}
	case p.keys != nil && len(p.rows) > 0: // the terminal comes back without a word
		timer := time.NewTimer(promptWait)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-p.changed:
		case <-p.stop:
			return false
		}
	default:
		select {
		case <-p.changed:
		case <-p.stop:
			return false
		}
	}
	return true
}

// choose finds the row that keys are about: it stays the same, whoever else comes or goes,
// until it has gone itself. Its change is a new question.
func (p *prompt) choose(now time.Time) {
	i := slices.IndexFunc(p.rows, func(k pairing.Knock) bool { return k.ID == p.row.ID })
	var next pairing.Knock
	if i >= 0 {
		next = p.rows[i]
	} else if len(p.rows) > 0 {
		next = p.rows[0]
	}
	p.turn(next, now)
}

// turn makes row the one that keys are about.
func (p *prompt) turn(row pairing.Knock, now time.Time) {
	if row.ID != p.row.ID || row.State != p.row.State {
		p.sure, p.deaf = false, now.Add(promptGuard)
	}
	p.row = row
}

// tell has the log say who waits, where nobody sees it. Of a PIN it could say nothing: none
// is made before somebody asks for one.
func (p *prompt) tell(now time.Time) {
	for id, at := range p.told {
		if now.Sub(at) >= promptTold {
			delete(p.told, id)
		}
	}
	for _, k := range p.rows {
		if _, told := p.told[k.ID]; !told {
			p.told[k.ID] = now
			p.log.Info("a device waits to be let in", slog.String("name", k.Name), slog.String("remote", k.Remote),
				slog.String("transport", k.Transport), slog.String("answer", p.command("approve", k.ID)))
		}
	}
}

// command is one that does something about a request or a device.
func (p *prompt) command(verb, id string) string {
	return fmt.Sprintf("clasp paired %s %s --port %d", verb, id, p.port)
}

// say shows what came of a key.
func (p *prompt) say(text string, now time.Time) {
	p.said, p.until = text, now.Add(promptResult)
}

// show puts text at the foot of the terminal, unless it is there.
func (p *prompt) show(text string) {
	if text != p.drawn {
		p.drawn = text
		p.shown = p.log.output.showFoot(text)
	}
}

// visible reports whether the terminal has what was last shown: it may have been stopped.
func (p *prompt) visible() bool {
	select {
	case <-p.shown:
		return true
	default:
		return false
	}
}

// hide takes away what is shown, and waits for that: a terminal that is stopped is not
// waited for.
func (p *prompt) hide() {
	p.drawn = ""
	select {
	case <-p.log.output.showFoot(""):
	case <-time.After(logFlush):
	}
}

// release gives the terminal back.
func (p *prompt) release() {
	p.show("")
	if p.keys != nil {
		p.keys.release()
	}
}

// profile returns what approval would give: what the invite says whose PIN was typed, or the
// default profile.
func (p *prompt) profile() pairing.Profile {
	name := cmp.Or(p.row.Profile, "default")
	for _, profile := range p.pairs.Profiles() {
		if profile.Name == name {
			return profile
		}
	}
	return pairing.Profile{Name: name}
}
