// The YAML file: every value and every mistake keeps its line and column.

package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"
)

// section is one level of the file as the table allows it.
type section struct {
	keys     []string // in the order of the table, for suggestions
	sections map[string]*section
	options  map[string]*option
}

// schema is the tree of every path and alias of the table, without the root.
var schema = buildSchema()

func buildSchema() *section {
	top := newSection()
	for _, o := range options {
		if o.path == "" {
			continue
		}
		top.add(o.path, o)
		for _, alias := range o.aliases {
			top.add(alias, o)
		}
	}
	return top
}

func newSection() *section {
	return &section{sections: map[string]*section{}, options: map[string]*option{}}
}

func (s *section) add(path string, o *option) {
	key, rest, nested := strings.Cut(path, ".")
	if s.sections[key] == nil && s.options[key] == nil {
		s.keys = append(s.keys, key)
	}
	if !nested {
		s.options[key] = o
		return
	}
	if s.sections[key] == nil {
		s.sections[key] = newSection()
	}
	s.sections[key].add(rest, o)
}

// reader walks one file. What it finds goes into loader, by way of give.
type reader struct {
	file   string
	lookup func(string) string
	load   *loader
	first  map[*option]*yaml.Node // where an option was given, to catch an alias beside its name
}

// readFile takes the text of a file into the loader.
func (l *loader) readFile(file string, text []byte, lookup func(string) string) {
	r := &reader{file: file, lookup: lookup, load: l, first: map[*option]*yaml.Node{}}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var document yaml.Node
	switch err := decoder.Decode(&document); {
	case errors.Is(err, io.EOF): // empty, or nothing but comments
		return
	case err != nil:
		r.syntax(text, err)
		return
	}
	var second yaml.Node
	switch err := decoder.Decode(&second); {
	case errors.Is(err, io.EOF):
	case err != nil:
		r.syntax(text, err)
	default:
		r.problem(&second, "a second document starts here; put everything in the first")
		r.load.doubt(wholeFile)
	}
	r.document(document.Content[0])
}

func (r *reader) where(n *yaml.Node) origin {
	return origin{source: fromFile, name: r.file, line: n.Line, column: n.Column}
}

func (r *reader) problem(n *yaml.Node, format string, args ...any) {
	r.load.problem(r.where(n).place(), format, args...)
}

// wholeFile is the path of all there is in a file.
const wholeFile = "the file"

func (r *reader) document(n *yaml.Node) {
	if isNull(n) { // "---" and nothing after it
		return
	}
	r.mapping(n, wholeFile, func(key string, name, value *yaml.Node) {
		switch {
		case key == root:
			r.section(schema, root, value)
			return
		case schema.options[key] != nil || schema.sections[key] != nil:
			r.problem(name, "unknown key %q, did you mean %s.%s? Everything stands under %q", key, root, key, root+":")
		default:
			like := Nearest(key, []string{root})
			if like == "" {
				like = suggestKey(schema, root, key)
			}
			r.problem(name, "unknown key %q%s", shown(key), didYouMean(like))
		}
		r.load.doubt(wholeFile)
	})
}

// section reads one level; path is its name in messages.
func (r *reader) section(s *section, path string, n *yaml.Node) {
	n = follow(n)
	if isNull(n) { // every key below is commented out
		return
	}
	if n.Kind != yaml.MappingNode {
		r.problem(n, "%s: expected keys below it (%s), found %s", path, strings.Join(s.keys, ", "), describe(n))
		r.load.doubt(path)
		return
	}
	r.mapping(n, path, func(key string, name, value *yaml.Node) {
		full := path + "." + key
		switch o := s.options[key]; {
		case s.sections[key] != nil:
			r.section(s.sections[key], full, value)
		case o == nil:
			r.problem(name, "unknown key %q in %s%s", shown(key), path, didYouMean(suggestKey(s, path, key)))
			r.load.doubt(path)
		case r.first[o] != nil:
			r.problem(name, "%s: already given as %s on line %d", full, o.key(), r.first[o].Line)
		default:
			r.first[o] = name
			r.option(o, full, value)
		}
	})
}

// mapping calls each for every pair of a mapping, duplicates reported and left
// out.
func (r *reader) mapping(n *yaml.Node, path string, each func(key string, name, value *yaml.Node)) {
	n = follow(n)
	if n.Kind != yaml.MappingNode {
		r.problem(n, "%s: expected keys, found %s", path, describe(n))
		r.load.doubt(path)
		return
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, value := n.Content[i], n.Content[i+1]
		switch line, twice := seen[name.Value]; {
		case name.Kind != yaml.ScalarNode:
			r.problem(name, "%s: a key must be a word, found %s", path, describe(name))
			r.load.doubt(path)
		case twice:
			r.problem(name, "key %q is already given on line %d", shown(name.Value), line)
			r.load.doubt(path)
		default:
			seen[name.Value] = name.Line
			each(name.Value, name, value)
		}
	}
}

func (r *reader) option(o *option, path string, value *yaml.Node) {
	n := follow(value)
	switch field := o.field(&r.load.config).(type) {
	case *[]Conflict:
		r.conflicts(o, field, path, n)
		return
	case *[]string:
		r.texts(o, field, path, n)
		return
	case *map[string]Profile:
		r.profiles(o, field, path, n)
		return
	case *map[string][]string:
		r.keys(o, field, path, n)
		return
	}
	text, ok := r.scalar(path, n, o.isSecret())
	if !ok {
		r.load.failed(o)
		return
	}
	if err := o.set(&r.load.config, text); err != nil {
		r.load.failed(o)
		r.problem(n, "%s: %v", path, err)
		return
	}
	r.load.give(o, r.where(n))
}

// scalar returns the text of a plain value with its variables expanded. Of a secret,
// messages quote nothing but the variable that it is all of.
func (r *reader) scalar(path string, n *yaml.Node, secret bool) (string, bool) {
	switch {
	case isNull(n):
		r.problem(n, "%s: has no value; give one or remove the key", path)
		return "", false
	case n.Kind != yaml.ScalarNode:
		r.problem(n, "%s: expected one value, found %s", path, describe(n))
		return "", false
	}
	text, wrong := expand(n.Value, r.lookup)
	if secret && len(wrong) > 0 && !isVariable(n.Value) {
		wrong = []string{"has a ${ that does not lead to a variable that is set; write $$ for a dollar sign"}
	}
	for _, w := range wrong {
		r.problem(n, "%s: %s", path, w)
	}
	return text, len(wrong) == 0
}

// conflicts reads a list of {pattern, strategy}.
func (r *reader) conflicts(o *option, field *[]Conflict, path string, n *yaml.Node) {
	lines := map[string]int{}
	rules := make([]Conflict, len(n.Content))
	if r.list(o, path, n, "{pattern, strategy}", func(i int, at string, item *yaml.Node) {
		rule := &rules[i]
		fields := map[string]*string{"pattern": &rule.Pattern, "strategy": &rule.Strategy}
		r.mapping(item, at, func(key string, name, value *yaml.Node) {
			field, value := fields[key], follow(value)
			if field == nil {
				r.problem(name, "unknown key %q in %s%s", shown(key), at, didYouMean(Nearest(key, []string{"pattern", "strategy"})))
				return
			}
			delete(fields, key)
			text, ok := r.scalar(at+"."+key, value, false)
			if !ok {
				return
			}
			if err := checkConflict(key, text); err != nil {
				r.problem(value, "%s.%s: %v", at, key, err)
			}
			if line := lines[text]; key == "pattern" && line > 0 {
				r.problem(value, "%s.%s: %s is already given on line %d", at, key, text, line)
			} else if key == "pattern" {
				lines[text] = value.Line
			}
			*field = text
		})
		for _, key := range []string{"pattern", "strategy"} {
			if fields[key] != nil && follow(item).Kind == yaml.MappingNode {
				r.problem(item, "%s: the key %q is missing", at, key)
			}
		}
	}) {
		*field = rules
	}
}

// texts reads a list of texts.
func (r *reader) texts(o *option, field *[]string, path string, n *yaml.Node) {
	lines := map[string]int{}
	var texts []string
	if r.list(o, path, n, o.items, func(_ int, at string, item *yaml.Node) {
		item = follow(item)
		text, ok := r.scalar(at, item, false)
		if !ok {
			return
		}
		if err := o.check(text); err != nil {
			r.problem(item, "%s: %v", at, err)
		} else if lines[text] > 0 {
			r.problem(item, "%s: %s is already given on line %d", at, text, lines[text])
		}
		lines[text] = item.Line
		texts = append(texts, text)
	}) {
		*field = texts
	}
}

// list calls each with every item of a list and where it is. It gives the option and
// reports true when there was no problem.
func (r *reader) list(o *option, path string, n *yaml.Node, of string, each func(i int, at string, item *yaml.Node)) bool {
	if n.Kind != yaml.SequenceNode {
		r.load.failed(o)
		r.problem(n, "%s: expected a list of %s, found %s", path, of, describe(n))
		return false
	}
	before := len(r.load.problems)
	for i, item := range n.Content {
		each(i, fmt.Sprintf("%s[%d]", path, i), item)
	}
	if len(r.load.problems) > before {
		r.load.failed(o)
		return false
	}
	r.load.give(o, r.where(n))
	return true
}

func checkConflict(key, text string) error {
	if key == "pattern" {
		return checkPattern(text)
	}
	var strategy string
	return (&option{choices: Strategies()}).choose(&strategy, text)
}

// suggestKey guesses what an unknown key was meant to be: a neighbour, a key
// that stands elsewhere, or a flag written as a key.
func suggestKey(s *section, path, key string) string {
	name := strings.ReplaceAll(key, "-", "_")
	for _, o := range options {
		last := o.path[strings.LastIndexByte(o.path, '.')+1:]
		flag := strings.ReplaceAll(o.flag, "-", "_")
		flat := strings.ReplaceAll(o.path, ".", "_")
		if o.path != "" && (name == flag || name == flat || name == last && last != "enabled" && last != "port") {
			return o.key()
		}
	}
	if near := Nearest(name, s.keys); near != "" {
		return path + "." + near
	}
	return ""
}

// follow replaces an alias (*name) by what it stands for.
func follow(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

func describe(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "keys"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case isNull(n):
		return "nothing"
	default:
		return "a single value"
	}
}

// shown is a key as messages quote it: up to where it stops being a word, for what follows
// may be a secret after a colon or a blank that was left out.
func shown(key string) string {
	end := strings.IndexFunc(key, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("_-.", r)
	})
	if end < 0 {
		return key
	}
	return key[:end] + "…"
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

var unknownAnchor = regexp.MustCompile(`unknown anchor '(.*)' referenced`)

// syntax reports text that is not YAML. The library tells the line at best, so
// the column is that of the first thing on it. For a tab it may name the line
// before, so the tab itself is looked for.
func (r *reader) syntax(text []byte, err error) {
	r.load.doubt(wholeFile)
	line := 1
	if m := yamlLine.FindStringSubmatch(err.Error()); m != nil && m[1] != "" {
		line, _ = strconv.Atoi(m[1])
	}
	what := "is not YAML: " + yamlLine.ReplaceAllString(err.Error(), "")
	at := &yaml.Node{Line: line, Column: 1}
	lines := strings.Split(string(text), "\n")
	if m := unknownAnchor.FindStringSubmatch(err.Error()); m != nil {
		// Its name may be a secret that begins with a star. Only the place tells.
		what = "is not YAML: an alias (*) of nothing in this file; put a value that begins with * in quotes"
		line = 1 + slices.IndexFunc(lines, func(text string) bool { return strings.Contains(text, "*"+m[1]) })
		r.problem(&yaml.Node{Line: line, Column: 1 + strings.Index(lines[line-1], "*"+m[1])}, "%s", what)
		return
	}
	for i := min(line, len(lines)) - 1; i < min(line+1, len(lines)); i++ {
		indent := lines[i][:len(lines[i])-len(strings.TrimLeft(lines[i], " \t"))]
		if tab := strings.IndexByte(indent, '\t'); tab >= 0 {
			what, at.Line, at.Column = "is not YAML: a tab cannot indent, use spaces", i+1, tab+1
			break
		}
		if i == line-1 {
			at.Column = len(indent) + 1
		}
	}
	r.problem(at, "%s", what)
}
