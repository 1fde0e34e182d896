// The options as `clasp server --help` shows them: the reference page's
// headings, words and defaults.

package config

import (
	"fmt"
	"strings"
)

// builtin are the two flags of the page that set nothing.
var builtin = []*option{
	{group: "Other", short: "h", flag: "help", help: "Print help"},
	{group: "Other", short: "V", flag: "version", help: "Print version"},
}

// Usage returns one line an option that has a flag, under the headings of the
// reference page.
func Usage() string {
	var out strings.Builder
	rows := append(options[:len(options):len(options)], builtin...)
	width := 0
	for _, o := range rows {
		width = max(width, len(o.synopsis()))
	}
	group := ""
	for _, o := range rows {
		if o.flag == "" {
			continue
		}
		if o.group != group {
			group = o.group
			fmt.Fprintf(&out, "\n%s:\n", group)
		}
		fmt.Fprintf(&out, "  %-*s  %s%s\n", width, o.synopsis(), o.help, o.defaultNote())
	}
	return strings.TrimPrefix(out.String(), "\n")
}

// synopsis is the left column: "-c, --config <PATH>".
func (o *option) synopsis() string {
	text := "    --" + o.flag
	if o.short != "" {
		text = "-" + o.short + ", --" + o.flag
	}
	switch {
	case o.bare != "":
		text += "[=" + o.metavar + "]"
	case o.metavar != "":
		text += " <" + o.metavar + ">"
	}
	return text
}

func (o *option) defaultNote() string {
	switch {
	case (o.initial == "false" || o.initial == "off") && o.isSwitch(): // as one expects
		return ""
	case o.derived != "":
		return " [default: " + o.derived + "]"
	case o.metavar != "" && o.initial != "", o.initial == "true" && o.isSwitch():
		return " [default: " + o.initial + "]"
	default:
		return ""
	}
}
