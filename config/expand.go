// ${NAME} in the values of a file.

package config

import (
	"fmt"
	"regexp"
	"strings"
)

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// isVariable reports whether text is ${NAME} and nothing else.
func isVariable(text string) bool {
	inner, opened := strings.CutPrefix(text, "${")
	name, closed := strings.CutSuffix(inner, "}")
	return opened && closed && variableName.MatchString(name)
}

// expand replaces ${NAME} and ${NAME:-default} in text; $$ is a dollar sign,
// and a dollar before anything else stands for itself. As with the shell's
// ":-", a variable that is set but empty counts as unset. Everything wrong is
// returned, in order.
func expand(text string, lookup func(string) string) (string, []string) {
	var out strings.Builder
	var wrong []string
	for {
		at := strings.IndexByte(text, '$')
		if at < 0 {
			out.WriteString(text)
			return out.String(), wrong
		}
		out.WriteString(text[:at])
		text = text[at+1:]
		switch {
		case strings.HasPrefix(text, "$"):
			out.WriteByte('$')
			text = text[1:]
		case !strings.HasPrefix(text, "{"):
			out.WriteByte('$')
		default:
			inner, rest, closed := strings.Cut(text[1:], "}")
			if !closed {
				return "", append(wrong, "${ has no closing }; write $$ for a dollar sign")
			}
			text = rest
			name, initial, hasInitial := strings.Cut(inner, ":-")
			switch {
			case !variableName.MatchString(name):
				wrong = append(wrong, fmt.Sprintf("${%s} does not name an environment variable; write $$ for a dollar sign", inner))
			case strings.Contains(initial, "${"):
				wrong = append(wrong, fmt.Sprintf("${%s} has another ${ inside its default, which is not supported", name))
			case lookup(name) != "":
				out.WriteString(lookup(name))
			case hasInitial:
				out.WriteString(initial)
			default:
				wrong = append(wrong, fmt.Sprintf("environment variable %s is not set; set it, or write ${%s:-default}", name, name))
			}
		}
	}
}
