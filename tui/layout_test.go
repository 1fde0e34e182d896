package tui

import "testing"

// Whatever the size: nothing overlaps, nothing is outside, the pane with the keys can be
// seen, the status line is there.
func TestLayoutHolds(t *testing.T) {
	for w := 1; w <= 300; w++ {
		for h := 1; h <= 100; h++ {
			for focus := range panes {
				for _, s := range []size{{w, h, focus, false, 0}, {w, h, focus, true, 0}, {w, h, focus, false, 3}, {w, h, focus, false, 99}} {
					checkLayout(t, s)
				}
			}
			if t.Failed() {
				return
			}
		}
	}
}

func checkLayout(t *testing.T, s size) {
	l := compute(s)
	shown := make([]rect, 0, 10)
	area := 0
	for _, r := range append([]rect{l.status, l.tabs, l.footer, l.divider, l.strip}, l.panes[:]...) {
		if !r.shown() {
			continue
		}
		if r.x < 0 || r.y < 0 || r.x+r.w > s.w || r.y+r.h > s.h {
			t.Errorf("%+v: %+v is off the screen", s, r)
		}
		for _, o := range shown {
			if r.x < o.x+o.w && o.x < r.x+r.w && r.y < o.y+o.h && o.y < r.y+r.h {
				t.Errorf("%+v: %+v overlaps %+v", s, r, o)
			}
		}
		shown = append(shown, r)
		area += r.w * r.h
	}
	if l.status != (rect{0, 0, s.w, 1}) {
		t.Errorf("%+v: status line is %+v", s, l.status)
	}
	if small := s.w < minWidth || s.h < minHeight; l.small != small {
		t.Errorf("%+v: small is %v", s, l.small)
	} else if small {
		return
	}
	if area != s.w*s.h {
		t.Errorf("%+v: %d of %d cells are given out", s, area, s.w*s.h)
	}
	if b := l.panes[s.focus].body(); b.w < minWidth/2 || b.h < 3 {
		t.Errorf("%+v: the pane with the keys has %+v", s, b)
	}
	for id, r := range l.panes {
		if r.shown() && !r.body().shown() {
			t.Errorf("%+v: pane %d is only a title", s, id)
		}
	}
}

func TestLayoutBreakpoints(t *testing.T) {
	for _, c := range []struct {
		s    size
		want []paneID
	}{
		{size{w: 200, h: 50, focus: statePane}, []paneID{overviewPane, clientsPane, statePane, logsPane}},
		{size{w: 120, h: 30, focus: clientsPane}, []paneID{overviewPane, clientsPane, statePane, logsPane}},
		{size{w: 120, h: 30, focus: pairingPane}, []paneID{overviewPane, clientsPane, pairingPane, logsPane}},
		{size{w: 120, h: 30, focus: overviewPane}, []paneID{overviewPane, clientsPane, logsPane}},
		{size{w: 119, h: 30, focus: statePane}, []paneID{overviewPane, statePane, logsPane}},
		{size{w: 80, h: 24, focus: pairingPane}, []paneID{overviewPane, pairingPane, logsPane}},
		{size{w: 80, h: 24, focus: logsPane}, []paneID{overviewPane, logsPane}},
		{size{w: 79, h: 24, focus: statePane}, []paneID{statePane}},
		{size{w: 40, h: 10, focus: clientsPane}, []paneID{clientsPane}},
		{size{w: 200, h: 50, focus: statePane, zoom: true}, []paneID{statePane}},
		{size{w: 39, h: 10, focus: statePane}, nil},
		{size{w: 40, h: 9, focus: statePane}, nil},
	} {
		l := compute(c.s)
		var got []paneID
		for id := range panes {
			if l.panes[id].shown() {
				got = append(got, id)
			}
		}
		if len(got) != len(c.want) {
			t.Errorf("%+v shows %v, want %v", c.s, got, c.want)
			continue
		}
		for i := range got {
			if got[i] != c.want[i] {
				t.Errorf("%+v shows %v, want %v", c.s, got, c.want)
			}
		}
	}
}
