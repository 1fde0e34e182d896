// What a prompt shows. The names in it have been made harmless by the model.

package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/clasp-studio/clasp/pairing"
)

const (
	boldOn  = "\x1b[1m"
	boldOff = "\x1b[0m"
)

// text is what the foot of the terminal shows: short lines, since those that are too long
// are cut.
func (p *prompt) text(now time.Time) string {
	var out strings.Builder
	if p.row.ID != "" {
		p.question(&out, now)
	}
	if p.said != "" {
		out.WriteString(p.said)
		out.WriteByte('\n')
	}
	return out.String()
}

func (p *prompt) question(out *strings.Builder, now time.Time) {
	k := p.row
	kind := ""
	if k.Kind != "" {
		kind = " (" + k.Kind + ")"
	}
	fmt.Fprintf(out, "%s%s%s%s asks to be let in\n", boldOn, k.Name, boldOff, kind)
	open := ""
	if !k.Encrypted {
		open = ", not encrypted"
	}
	fmt.Fprintf(out, "  match %s, from %s over %s%s\n", k.Match, k.Remote, k.Transport, open)
	if len(k.Want) > 0 {
		fmt.Fprintf(out, "  it would like %s\n", strings.Join(k.Want, ", "))
	}
	if k.Sessions > 1 {
		fmt.Fprintf(out, "  %s%d sessions%s wait under this name: compare the match code\n", boldOn, k.Sessions, boldOff)
	}
	if k.Known != "" {
		out.WriteString("  a device of this name is paired already\n")
	}
	switch k.State {
	case pairing.StateCode:
		left := max(k.Expires.Sub(now), 0).Truncate(time.Second)
		fmt.Fprintf(out, "  PIN %s%s %s%s, good for %d:%02d\n", boldOn, k.Code[:3], k.Code[3:], boldOff, left/time.Minute, left%time.Minute/time.Second)
	case pairing.StateBurned:
		out.WriteString("  its PIN is dead: too many wrong ones were typed\n")
	case pairing.StateExpired:
		out.WriteString("  the time of its PIN is over\n")
	case pairing.StateAwait:
		out.WriteString("  it has typed the right PIN\n")
	}
	if p.sure {
		given := p.profile()
		rights := "write " + strings.Join(given.Write, " ")
		if len(given.Read) > 0 {
			rights = "read " + strings.Join(given.Read, " ") + " and " + rights
		}
		fmt.Fprintf(out, "  Give it %s?\n  [y] yes  any other key: no\n", rights)
		return
	}
	var keys []string
	if p.mayApprove() {
		keys = append(keys, "[y] let it in")
	}
	if p.mayPick() {
		keys = append(keys, "[p] show a PIN")
	}
	keys = append(keys, "[n] turn it away")
	if len(p.rows) > 1 {
		keys = append(keys, fmt.Sprintf("[tab] next of %d", len(p.rows)))
	}
	fmt.Fprintf(out, "  %s\n", strings.Join(keys, "  "))
}
