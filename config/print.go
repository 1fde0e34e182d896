// Configurations as text: `config print` and the sample of `config init`.

package config

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// WriteYAML writes every value as a file that can be loaded again, with where
// it came from beside it if origins is set. Values that are not set are
// comments, and so are secrets: a file must never come to hold a mask.
func (l *Loaded) WriteYAML(w io.Writer, origins bool) error {
	file := l.Config.File
	if file == "" {
		file = "none"
	}
	return writeTree(w, "# configuration file: "+file+"\n", "", func(o *option, key string) []string {
		text := key + ": " + yamlText(o.value(&l.Config))
		switch value := o.value(&l.Config); {
		case value == nil:
			text = "# " + key + ": (not set)"
		case o.isSecret():
			text = fmt.Sprintf("# %s: %v", key, value)
		}
		if origins {
			width := 38 - 2*strings.Count(o.path, ".") // so that the origins line up
			text = fmt.Sprintf("%-*s # %s", width, text, l.origins[o].place())
		}
		return []string{text}
	})
}

// WriteJSON writes every value under the keys it has in a file, times in
// seconds, null for what is not set. With origins each value is an object
// {value, source, place}; source is default, file, environment or flag.
func (l *Loaded) WriteJSON(w io.Writer, origins bool) error {
	top := map[string]any{}
	for _, o := range options {
		if o.path == "" {
			continue
		}
		keys := strings.Split(o.path, ".")
		level := top
		for _, key := range keys[:len(keys)-1] {
			if level[key] == nil {
				level[key] = map[string]any{}
			}
			level = level[key].(map[string]any)
		}
		value := o.value(&l.Config)
		if origins {
			from := l.origins[o]
			value = map[string]any{"value": value, "source": from.source.String(), "place": from.place()}
		}
		level[keys[len(keys)-1]] = value
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(map[string]any{root: top})
}

// WriteSample writes a file with every option commented out at its default.
func WriteSample(w io.Writer) error {
	return writeTree(w, sampleHead, "\n", func(o *option, key string) []string {
		how := o.environment()
		if o.flag != "" {
			how = append([]string{"--" + o.flag}, how...)
		}
		if o.live {
			how = append(how, "SIGHUP")
		}
		value := o.initial
		if value == "" {
			value = o.example
		}
		help := "# " + o.help + unit(o.metavar)
		if o.derived != "" {
			help += " [default: " + o.derived + "]"
		}
		lines := []string{help}
		if len(how) > 0 {
			lines = append(lines, "# ("+strings.Join(how, ", ")+")")
		}
		return append(lines, "# "+key+": "+value)
	})
}

const sampleHead = `# clasp.yaml: configuration of a CLASP router, used with: clasp server -c clasp.yaml
#
# Every option is here, commented out. Below its meaning stand, in parentheses,
# the flag and the environment variables that set it too (a flag wins over the
# environment, the environment over this file), and SIGHUP if a change takes
# effect on that signal; the others wait for a restart.
#
# In values, ${NAME} is an environment variable that must be set, ${NAME:-x}
# falls back to x, and $$ is a dollar sign.

`

func unit(metavar string) string {
	switch metavar {
	case "SECONDS", "BYTES":
		return ", in " + strings.ToLower(metavar)
	default:
		return ""
	}
}

// writeTree writes head and then the lines of every option, indented under the
// sections of its path and set apart by gap. The table keeps each section in
// one piece.
func writeTree(w io.Writer, head, gap string, lines func(o *option, key string) []string) error {
	var out strings.Builder
	out.WriteString(head + root + ":\n")
	var open []string
	for i, o := range options {
		if o.path == "" {
			continue
		}
		if i > 0 {
			out.WriteString(gap)
		}
		keys := strings.Split(o.path, ".")
		sections, key := keys[:len(keys)-1], keys[len(keys)-1]
		shared := 0
		for shared < min(len(open), len(sections)) && open[shared] == sections[shared] {
			shared++
		}
		for depth, section := range sections[shared:] {
			out.WriteString(strings.Repeat("  ", shared+depth+1) + section + ":\n")
		}
		open = sections
		for _, line := range lines(o, key) {
			out.WriteString(strings.Repeat("  ", len(keys)) + line + "\n")
		}
	}
	_, err := io.WriteString(w, out.String())
	return err
}

// yamlText writes a value so that reading it gives the same one, whatever
// characters it has.
func yamlText(value any) string {
	switch v := value.(type) {
	case string:
		return strings.ReplaceAll(strconv.Quote(v), "$", "$$")
	case []Conflict:
		rules := make([]string, len(v))
		for i, rule := range v {
			rules[i] = fmt.Sprintf("{pattern: %s, strategy: %s}", yamlText(rule.Pattern), rule.Strategy)
		}
		return "[" + strings.Join(rules, ", ") + "]"
	case []string:
		texts := make([]string, len(v))
		for i, text := range v {
			texts[i] = yamlText(text)
		}
		return "[" + strings.Join(texts, ", ") + "]"
	case map[string]Profile:
		return yamlProfiles(v)
	case map[string][]string:
		return yamlKeys(v)
	default:
		return fmt.Sprint(v)
	}
}
