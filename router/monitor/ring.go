// The last lines of the log, for whoever looks on.

package monitor

import (
	"context"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// Ring holds the last lines of a log. The oldest makes room for the newest: nobody who logs
// ever waits for somebody who reads. Any goroutine may use it.
type Ring struct {
	mu    sync.Mutex
	lines []Line // the one of number n is at n modulo the length
	next  uint64 // number of the next line, from 1
}

// NewRing makes a ring of n lines, at least one.
func NewRing(n int) *Ring {
	return &Ring{lines: make([]Line, max(n, 1)), next: 1}
}

// Handler returns a handler that fills the ring with every line that next is enabled for, and
// then hands it on. Without next it takes every line.
func (r *Ring) Handler(next slog.Handler) slog.Handler {
	return &ringHandler{ring: r, next: next}
}

// Since returns the lines from number seq on, oldest first, limit at most; the Next of the answer
// asks for what follows. With 0, and with a number that there has not been yet, as of another
// router, it returns the newest.
func (r *Ring) Since(seq uint64, limit int) LogPage {
	r.mu.Lock()
	defer r.mu.Unlock()
	oldest := uint64(1)
	if size := uint64(len(r.lines)); r.next > size {
		oldest = r.next - size
	}
	page := LogPage{Next: r.next}
	if limit <= 0 {
		if seq > 0 && seq <= r.next {
			page.Next = seq // nothing was asked for, and nothing is passed over
		}
		return page
	}
	if seq == 0 || seq > r.next {
		seq = oldest
		if most := uint64(limit); r.next-oldest > most {
			seq = r.next - most
		}
	} else if seq < oldest {
		page.Dropped, seq = oldest-seq, oldest
	}
	n := min(r.next-seq, uint64(limit))
	page.Lines = make([]Line, 0, n)
	for i := seq; i < seq+n; i++ {
		page.Lines = append(page.Lines, r.lines[i%uint64(len(r.lines))])
	}
	page.Next = seq + n
	return page
}

// Seq moves with every line.
func (r *Ring) Seq() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.next
}

func (r *Ring) add(l Line) {
	r.mu.Lock()
	defer r.mu.Unlock()
	l.Seq = r.next
	r.lines[l.Seq%uint64(len(r.lines))] = l
	r.next++
}

// sessionKey is the attribute that says whom a line is about.
const sessionKey = "session"

// lineBytes bounds the text of a line and its attributes: 256 cells of each may be many bytes.
const lineBytes = 1 << 10

// cut returns the first lineBytes of a text.
func cut(text string) string {
	if len(text) <= lineBytes {
		return text
	}
	end := lineBytes - len(ellipsis)
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + ellipsis
}

// ringHandler writes lines down for a ring.
type ringHandler struct {
	ring    *Ring
	next    slog.Handler // may be nil
	attrs   string       // of WithAttrs, as they will stand in a line
	session string
	groups  []string
}

// Enabled asks next: what is too much for the log is too much for the ring.
func (h *ringHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.next == nil || h.next.Enabled(ctx, level)
}

func (h *ringHandler) Handle(ctx context.Context, record slog.Record) error {
	b := attrsBuilder{session: h.session}
	b.text.WriteString(h.attrs)
	record.Attrs(func(a slog.Attr) bool {
		b.add(h.groups, a)
		return true
	})
	at := record.Time
	if at.IsZero() {
		at = time.Now()
	}
	h.ring.add(Line{At: at.Round(0), Level: levelOf(record.Level), Text: cut(Clean(record.Message)), Attrs: cut(b.text.String()), Session: b.session})
	if h.next == nil {
		return nil
	}
	return h.next.Handle(ctx, record)
}

func (h *ringHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	b := attrsBuilder{session: h.session}
	b.text.WriteString(h.attrs)
	for _, a := range attrs {
		b.add(h.groups, a)
	}
	c := *h
	c.attrs, c.session = b.text.String(), b.session
	if h.next != nil {
		c.next = h.next.WithAttrs(attrs)
	}
	return &c
}

func (h *ringHandler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	c := *h
	c.groups = append(slices.Clip(h.groups), name)
	if h.next != nil {
		c.next = h.next.WithGroup(name)
	}
	return &c
}

// attrsBuilder writes attributes on one line, as slog's text has them.
type attrsBuilder struct {
	text    strings.Builder
	session string
}

func (b *attrsBuilder) add(groups []string, a slog.Attr) {
	a.Value = a.Value.Resolve()
	switch {
	case a.Equal(slog.Attr{}):
		return
	case a.Value.Kind() == slog.KindGroup:
		if a.Key != "" {
			groups = append(slices.Clip(groups), a.Key)
		}
		for _, inner := range a.Value.Group() {
			b.add(groups, inner)
		}
		return
	case a.Key == sessionKey && len(groups) == 0:
		b.session = cut(Clean(a.Value.String()))
		return // it has a place of its own
	}
	if b.text.Len() > lineBytes {
		return // it would be cut off
	}
	if b.text.Len() > 0 {
		b.text.WriteByte(' ')
	}
	for _, g := range groups {
		b.text.WriteString(Clean(g) + ".")
	}
	b.text.WriteString(Clean(a.Key) + "=")
	// Cleaned before it is quoted: the ellipsis of a long one comes within the quotes.
	text := Clean(a.Value.String())
	if text == "" || strings.ContainsAny(text, " \"=") {
		text = strconv.Quote(text)
	}
	b.text.WriteString(text)
}
