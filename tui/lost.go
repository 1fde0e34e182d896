package tui

// The page for a router that does not answer: why, since when, and what can be done. Old
// values are not left standing as if they were the ones of now.

import (
	"time"
)

// lostPageAfter is how long a router may be silent before the page takes the panes' place.
const lostPageAfter = 3 * time.Second

// lostFor is how long the router has not answered, 0 if it does.
func (r *root) lostFor() time.Duration {
	if r.lost == nil {
		return 0
	}
	return r.e.now().Sub(r.lostAt)
}

// drawLost draws the page into the lines between tabs and footer.
func (r *root) drawLost(lines []string) {
	e, t := r.e, r.e.theme
	w, h := r.w, r.h-3
	page := []string{""}
	add := func(look role, s string) {
		for _, line := range wrap(s, max(w-4, 1)) {
			page = append(page, "  "+t.paint(look, line))
		}
	}
	if r.lost == nil {
		add(dim, "Asking the router for its first answer"+e.glyphs.ellipsis)
	} else {
		add(bad, e.glyphs.bad+" The router does not answer, since "+r.lostAt.Format("15:04:05")+" ("+ago(r.lostFor())+").")
		add(plain, upper(inWords(r.lost))+".")
		page = append(page, "")
		if e.options.Attached {
			add(plain, "It may have been stopped, or be starting again. It is asked every second; the dashboard goes on by itself when it answers.")
			add(plain, "Is it running? Look with `clasp status`, start it with `clasp server`.")
			add(strong, e.keys.Quit.Help().Key+" leaves, that changes nothing in the router.")
		} else {
			add(plain, "What it routes may be going on. It is asked every second; the dashboard goes on by itself when it answers.")
			add(strong, e.keys.Detach.Help().Key+" leaves the dashboard and lets the router go on, with its log in this terminal.")
		}
	}
	for i, line := range e.fill(page, w, h) {
		lines[2+i] = line
	}
}
