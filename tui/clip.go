package tui

// The clipboard: through the terminal (OSC 52), which also works over ssh, and through the
// desktop's own program, for terminals that do not listen.

import (
	"context"
	"errors"
	"os/exec"
	"runtime"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
)

const (
	maxCopy     = 48 << 10 // some terminals drop an OSC of more than 64 KiB of base64
	copyTimeout = 2 * time.Second
)

// copyOut puts text on the clipboard.
func (r *root) copyOut(m copyMsg) tea.Cmd {
	if len(m.text) > maxCopy {
		return r.flash(flashMsg{text: m.what + " is too long to copy: " + bytesOf(len(m.text)) + " of at most " + bytesOf(maxCopy), bad: true})
	}
	if r.e.private {
		return r.flash(flashMsg{text: "nothing is copied while privacy is on", bad: true})
	}
	programs := clipPrograms(runtime.GOOS, r.environ)
	return tea.Batch(tea.SetClipboard(m.text), guarded("copying", func() tea.Msg {
		return copiedMsg{m, nativeCopy(m.text, programs)}
	}))
}

// copied says what has become of it. A terminal does not answer to OSC 52: nothing is
// claimed of it.
func (r *root) copied(m copiedMsg) tea.Cmd {
	text := m.what + " sent to the terminal's clipboard"
	if m.by != "" {
		text = m.what + " copied with " + m.by
	}
	return r.flash(flashMsg{text: text + ", " + bytesOf(len(m.text))})
}

// clipPrograms are the programs that may reach the clipboard of the desktop before us.
// Over ssh that desktop is not the one the operator sits at.
func clipPrograms(goos string, environ []string) [][]string {
	if overSSH(environ) {
		return nil
	}
	switch goos {
	case "darwin":
		return [][]string{{"pbcopy"}}
	case "windows":
		return [][]string{{"clip.exe"}}
	}
	var list [][]string
	if lookup(environ, "WAYLAND_DISPLAY") != "" {
		list = append(list, []string{"wl-copy"})
	}
	if lookup(environ, "DISPLAY") != "" {
		list = append(list, []string{"xclip", "-selection", "clipboard"}, []string{"xsel", "--clipboard", "--input"})
	}
	return list
}

// nativeCopy hands text to the first of the programs that takes it, and names it.
func nativeCopy(text string, programs [][]string) string {
	for _, p := range programs {
		ctx, cancel := context.WithTimeout(context.Background(), copyTimeout)
		cmd := exec.CommandContext(ctx, p[0], p[1:]...) //nolint:gosec // one of the list above
		cmd.Stdin = strings.NewReader(text)
		cmd.WaitDelay = copyTimeout // xclip stays behind to hold the selection
		err := cmd.Run()
		cancel()
		if err == nil || errors.Is(err, exec.ErrWaitDelay) {
			return p[0]
		}
	}
	return ""
}

// overSSH reports whether the terminal is on another machine.
func overSSH(environ []string) bool {
	return lookup(environ, "SSH_TTY") != "" || lookup(environ, "SSH_CONNECTION") != ""
}
