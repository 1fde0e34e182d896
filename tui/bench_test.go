package tui

// What drawing costs, in time (a benchmark) and in bytes to the terminal (a test).

import (
	"fmt"
	"io"
	"slices"
	"testing"

	tea "charm.land/bubbletea/v2"
)

// BenchmarkView200x50 draws the whole screen with all panes changed, as for a frame of a
// busy router. It shall stay below 2 ms.
func BenchmarkView200x50(b *testing.B) {
	r := newBench(b, 200, 50, 1000, 10000)
	r.press("3")
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		r.source.frame.Seq++
		for i := range 400 {
			r.source.frame.Values[i].Text = fmt.Sprint(r.source.frame.Seq)
			r.source.frame.Values[i].Revision++
		}
		r.get()
		r.dirty = true
		b.StartTimer()
		if len(r.View().Content) < 200*50 {
			b.Fatal("nothing was drawn")
		}
	}
}

// five is a pane of which five cells change at every frame.
type five struct {
	probe
	w, h int
}

func (f *five) resize(w, h int) { f.w, f.h = w, h }
func (f *five) render(bool) []string {
	lines := make([]string, f.h)
	for i := range lines {
		lines[i] = blank(f.w)
		if i%8 == 1 && i < 40 {
			lines[i] = blank(i) + fmt.Sprint(f.applied%10) + blank(f.w-i-1)
		}
	}
	return lines
}

// Five cells that change cost at most 150 bytes: 3 kB/s at 20 frames a second.
func TestFewBytesForFewCells(t *testing.T) {
	b := newBench(t, 200, 50, 12, 50)
	pane := &five{probe: probe{stubPane: stubPane{"State"}}}
	b.panes[statePane] = pane
	for _, id := range []paneID{overviewPane, clientsPane, logsPane} {
		b.panes[id] = &stubPane{paneNames[id]}
	}
	b.press("3")
	b.Update(sizeMsg(200, 50))
	out := newOutput(io.Discard)
	p := tea.NewProgram(b.root, tea.WithInput(nil), tea.WithOutput(out), tea.WithWindowSize(200, 50), tea.WithFPS(keyFPS), tea.WithoutSignalHandler(),
		tea.WithEnvironment([]string{"TERM=xterm-256color", "COLORTERM=truecolor"}))
	done := make(chan error, 1)
	go func() {
		_, err := p.Run()
		done <- err
	}()
	until(t, "the first screen", func() bool { return out.count.Load() > 1000 })
	var sizes []uint64
	for range 21 {
		before := out.count.Load()
		p.Send(callMsg(func() tea.Cmd { pane.apply(nil); return nil }))
		until(t, "the frame to be written", func() bool { return out.count.Load() > before })
		sizes = append(sizes, out.count.Load()-before)
	}
	p.Quit()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	slices.Sort(sizes) // the rest of the first screen may be in the first of them
	size := sizes[len(sizes)/2]
	t.Logf("%d bytes a frame", size)
	if size > 150 {
		t.Errorf("%d bytes a frame of five cells, want at most 150", size)
	}
}
