// Package tui is the operator's dashboard: `clasp server --tui`, and `clasp tui` for a
// router that runs already. It sees the router through a monitor.Source alone, asks it at
// its own pace, and can be left, killed or hang without the router noticing.
//
// It is the only importer of bubbletea. root is the one model of its program: it owns the
// size of the screen, the dialogs, the pane that has the keys, and the asking for frames.
// A pane draws what it was given last; nothing is asked and nothing waits while drawing.
//
//	terminal ── keys ──▶ root ──▶ dialog on top, or text field, or everywhere, or pane
//	source ◀─ query ──── root ◀── want of the panes on the screen, and the watch strip
//	source ── frame ───▶ root ──▶ apply of all panes (alert alone while frozen)
//	panes ─── lines ───▶ root ──▶ layout ──▶ bubbletea ──▶ what differs, to the terminal
package tui
