package tui

// Getting the list of addresses: away from the loop, one question at a time, at most twice a
// second, and only when addresses have come or gone or the filter is another.

import (
	"context"
	"errors"
	"maps"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/clasp-studio/clasp/router/monitor"
)

const (
	indexEvery   = 500 * time.Millisecond
	filterEvery  = 2 * time.Second        // again, of a filter that looks at values: they change without a sign
	filterPause  = 120 * time.Millisecond // after the last key
	indexPatient = 10 * time.Second
)

// stateIndex is what the pane knows of the list, and the question under way.
type stateIndex struct {
	filter string // the tree is what passes it
	search string // what n and N look for when nothing is hidden
	found  []string
	text   uint64 // bytes of them
	wrong  string // with the filter being typed, or with getting it
	rev    uint64 // of the list
	total  int

	id      uint64 // of the last question: answers to others are dropped
	cancel  context.CancelFunc
	asking  string // the filter asked with
	asked   time.Time
	askedAt uint64 // StructRev when it was asked
	busy    bool
	struc   uint64    // StructRev of the newest frame
	applied time.Time // of the newest frame: it stands still on a frozen screen
	live    bool      // the filter looks at more than addresses
	visible bool
	typed   uint64 // counts keys
}

// work implements worker.
func (p *stateView) work() tea.Cmd {
	x := &p.index
	visible := x.visible
	x.visible = false // until the next question for a frame
	now := p.e.now()
	since := now.Sub(x.asked)
	switch {
	case x.busy && since < 2*indexPatient, !visible, x.applied.IsZero(), x.wrong != "" && since < filterEvery:
		return nil
	case p.tree == nil && x.asked.IsZero():
	case since < indexEvery:
		return nil
	case p.tree == nil, x.struc != x.askedAt:
	case x.live && x.applied.After(x.asked) && since >= filterEvery:
	default:
		return nil
	}
	return p.ask(x.filter)
}

// ask returns the command that gets the list with a filter. A question under way is given up.
func (p *stateView) ask(filter string) tea.Cmd {
	x := &p.index
	parsed, err := monitor.ParseFilter(filter)
	if err != nil {
		p.said(err)
		return nil
	}
	if x.cancel != nil {
		x.cancel()
	}
	ctx, cancel := context.WithTimeout(context.Background(), indexPatient)
	x.id++
	x.cancel, x.busy, x.asked, x.askedAt, x.asking = cancel, true, p.e.now(), x.struc, filter
	live := parsed.Needs()&^monitor.NeedAddress != 0
	since := x.rev
	if p.tree == nil || filter != x.filter || live {
		since = 0
	}
	use := &p.all
	if filter != "" {
		use = &p.hits
		if filter != x.filter {
			p.hits.except = nil
		}
	}
	own := folds{open: use.open, except: maps.Clone(use.except)}
	id, gen, source, room := x.id, p.foldGen, p.e.source, 0
	if filter == "" && !p.touched {
		room = max(p.list.height, 8)
	}
	return guarded("reading the addresses", func() tea.Msg {
		defer cancel()
		got, err := source.Index(ctx, since, filter)
		var tree *vtree
		if err == nil && (!got.Same || since == 0) {
			tree = newVtree(got.Names, &own)
			if room > 0 {
				tree.unfold(&own, room)
			}
		}
		return callMsg(func() tea.Cmd {
			if id != p.index.id {
				return nil
			}
			p.answered(&got, err, tree, &own, gen, live)
			return nil
		})
	})
}

// answered takes the answer to the last question.
func (p *stateView) answered(got *monitor.Index, err error, tree *vtree, own *folds, gen uint64, live bool) {
	x := &p.index
	x.busy, x.cancel = false, nil
	if err != nil {
		p.said(err)
		return
	}
	p.said(nil)
	x.rev, x.total = got.Rev, got.Total
	if tree == nil {
		return
	}
	x.filter, x.live = x.asking, live
	if x.filter != "" {
		x.search, x.found, x.text = x.filter, got.Names, tree.text
	}
	if gen == p.foldGen {
		*p.folds() = *own
	} else {
		tree.refold(p.folds())
	}
	p.tree = tree
	p.resettle()
}

// said notes what is wrong, nil = nothing.
func (p *stateView) said(err error) {
	wrong := ""
	switch {
	case err == nil:
	case errors.Is(err, context.DeadlineExceeded):
		wrong = "the router has not listed its addresses in time"
	default:
		wrong = strings.TrimPrefix(oneLine(err.Error()), "invalid filter: ")
	}
	p.index.wrong = wrong
	p.list.resize(p.room())
	p.rev++
}

// later returns the command that asks when nobody has typed for a moment.
func (p *stateView) later() tea.Cmd {
	p.index.typed++
	typed := p.index.typed
	return tea.Tick(filterPause, func(time.Time) tea.Msg {
		return callMsg(func() tea.Cmd {
			if typed != p.index.typed {
				return nil
			}
			return p.ask(p.field.String())
		})
	})
}
