// Leaves invites of a real router open, and takes them back.

package main_test

import (
	"encoding/json"
	"os/signal"
	"strings"
	"syscall"
	"testing"
)

// openInvites are those that clasp paired list --json prints, and all that it prints.
func (p *pairing) openInvites(t *testing.T) (ids []string, text string) {
	t.Helper()
	text = p.operator(t, "paired", "list", "--json")
	var list struct{ Invites []struct{ ID string } }
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		t.Fatal(err)
	}
	for _, i := range list.Invites {
		ids = append(ids, i.ID)
	}
	return ids, text
}

// TestInviteHangUp: whoever closes the window of an invite leaves no PIN behind that nobody sees.
func TestInviteHangUp(t *testing.T) {
	if signal.Ignored(syscall.SIGHUP) {
		t.Skip(t.Name() + ": SIGHUP is ignored here (nohup), and so it is by what is started")
	}
	router := startPairing(t)
	invite := router.machine(t).begins(t, "invite", "--json", "--port", router.port)
	shows(t, &invite.stdout, `"pin":`)
	for range 2 { // the kernel and the shell say it
		if err := invite.cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
	}
	if code := invite.wait(t); code != 0 {
		t.Errorf("exit code %d, %s", code, &invite.stderr)
	}
	if ids, _ := router.openInvites(t); len(ids) > 0 {
		t.Errorf("open: %q", ids)
	}
}

// TestInviteClose: an invite that was left open is listed without its secrets, and can be taken back.
func TestInviteClose(t *testing.T) {
	router := startPairing(t)
	open := router.invite(t, "--name", "FOH iPad", "--profile", "viewer")
	ids, text := router.openInvites(t)
	if len(ids) != 1 || ids[0] != open.ID || !strings.Contains(text, "FOH iPad") || strings.Contains(text, open.PIN) || strings.Contains(text, "http") {
		t.Errorf("%q:\n%s", ids, text)
	}
	table := router.operator(t, "paired", "list")
	if !strings.HasPrefix(table, "INVITE ") || !strings.Contains(table, open.ID+"  FOH iPad  viewer ") || strings.Contains(table, open.PIN) {
		t.Errorf("list:\n%s", table)
	}
	router.refused(t, "close it first with 'clasp invite --close'", "invite", "--json", "--no-wait")
	router.refused(t, `no open invite has the ID "nope"`, "invite", "--close=nope")
	if out := router.operator(t, "invite", "--close="+open.ID); out != "the invite "+open.ID+" is taken back\n" {
		t.Errorf("close: %q", out)
	}
	router.machine(t).fails(t, nil, "The time of this invite is over", "pair", open.Links[0].URL)
	router.invite(t)
	router.invite(t, "--no-pin")
	if out := router.operator(t, "invite", "--close"); strings.Count(out, " is taken back\n") != 2 {
		t.Errorf("close all: %q", out)
	}
	if ids, _ := router.openInvites(t); len(ids) > 0 {
		t.Errorf("open: %q", ids)
	}
}
