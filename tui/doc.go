// Package tui is the place of the operator's dashboard, `clasp server --tui`. It will
// be the only importer of bubbletea, lipgloss and bubbles, and will see the engine
// through router/monitor alone. This build has no dashboard: the option says so.
package tui
