// Tests that hold the table itself: against the list of operations.md, and
// every entry of it through every source.

package config

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestTable holds each entry of the table against the published list, both
// ways.
func TestTable(t *testing.T) {
	text, err := os.ReadFile("testdata/options.txt")
	if err != nil {
		t.Fatal(err)
	}
	listed := map[*option]bool{}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		columns := strings.Split(strings.TrimSpace(line), "|")
		for i := range columns {
			columns[i] = strings.TrimSpace(columns[i])
		}
		flag, initial, paths, env := columns[0], columns[1], fields(columns[2]), fields(columns[3])
		i := slices.IndexFunc(options, func(o *option) bool { return "--"+o.flag == flag })
		if i < 0 {
			t.Errorf("no option %s", flag)
			continue
		}
		o := options[i]
		listed[o] = true
		ours := o.initial
		switch {
		case o.isSwitch() && ours == "false":
			ours = "off"
		case o.derived != "":
			ours = o.derived
		}
		if ours != initial {
			t.Errorf("%s: default %q, listed %q", flag, ours, initial)
		}
		if got := append(fields(o.path), o.aliases...); !slices.Equal(got, paths) {
			t.Errorf("%s: YAML %q, listed %q", flag, got, paths)
		}
		if got := o.environment(); !slices.Equal(got, env) {
			t.Errorf("%s: environment %q, listed %q", flag, got, env)
		}
	}
	for _, o := range options {
		if o.flag != "" && !listed[o] {
			t.Errorf("--%s is not listed in testdata/options.txt", o.flag)
		}
	}
}

// TestPublishedPage holds the list against the page it was made from, row by row,
// when that is there.
func TestPublishedPage(t *testing.T) {
	page, err := os.ReadFile("../../shared/operations.md")
	if err != nil {
		t.Skipf("%s: no operations.md to compare with: %v", t.Name(), err)
	}
	list, err := os.ReadFile("testdata/options.txt")
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]string{} // flag to the rest of its line, without spaces
	for line := range strings.Lines(string(list)) {
		flag, rest, _ := strings.Cut(strings.Join(strings.Fields(line), ""), "|")
		listed[flag] = rest
	}
	flagName, accepted := regexp.MustCompile("--[a-z-]+"), regexp.MustCompile("`([a-z_]+)` accepted")
	rows := 0
	for row := range strings.Lines(string(page)) {
		if !strings.HasPrefix(row, "| `") {
			continue
		}
		columns := strings.Split(row, "|")
		flags := flagName.FindAllString(columns[1], -1)
		if slices.Contains(flags, "--help") {
			continue
		}
		initial := strings.TrimSpace(columns[2])
		if slices.Contains([]string{"none", "stdout", "see below"}, initial) {
			initial = "" // words for what is worked out elsewhere
		}
		words, _, _ := strings.Cut(columns[3], "(")
		paths, env := fields(words), fields(columns[4])
		if m := accepted.FindStringSubmatch(columns[3]); m != nil {
			paths = append(paths, paths[0][:strings.LastIndex(paths[0], ".")+1]+m[1])
		}
		for i, flag := range flags {
			rows++
			ownPaths, ownEnv := paths, env
			if len(flags) > 1 && len(paths) == len(flags) { // two options in one row
				ownPaths, ownEnv = paths[i:i+1], env[i:i+1]
			}
			want := strings.ReplaceAll(initial, " ", "") + "|" + strings.Join(ownPaths, ",") + "|" + strings.Join(ownEnv, ",")
			if listed[flag] != want {
				t.Errorf("%s: listed %q, the page has %q", flag, listed[flag], want)
			}
		}
	}
	if rows < 30 {
		t.Errorf("found only %d options in operations.md", rows)
	}
}

func fields(column string) []string {
	return strings.FieldsFunc(column, func(r rune) bool { return r == ',' || r == ' ' })
}

// TestTableIsSound checks what the rest of the package takes for granted.
func TestTableIsSound(t *testing.T) {
	seen := map[string]bool{}
	once := func(kind, name string) {
		t.Helper()
		if name != "" && seen[kind+name] {
			t.Errorf("%s %s stands in the table twice", kind, name)
		}
		seen[kind+name] = true
	}
	closed, last := map[string]bool{}, ""
	for _, o := range options {
		once("flag", o.flag)
		once("path", o.path)
		for _, name := range append(o.environment(), o.aliases...) {
			once("name", name)
		}
		if o.help == "" || o.group == "" || o.flag != "" && !o.isSwitch() && o.metavar == "" {
			t.Errorf("%s%s lacks help, group or metavar", o.flag, o.path)
		}
		for _, text := range []string{o.initial, o.example} {
			if text == "" || o.isList() {
				continue
			}
			if err := o.set(&Config{}, text); err != nil {
				t.Errorf("%s%s: %q in the table %v", o.flag, o.path, text, err)
			}
		}
		if o.path != "" && o.initial == "" && o.example == "" {
			t.Errorf("%s has neither a default nor an example", o.path)
		}
		if section, _, nested := strings.Cut(o.path, "."); nested && section != last {
			if closed[section] {
				t.Errorf("section %s of the table is in two pieces", section)
			}
			closed[last], last = true, section
		}
	}
}

// others returns two values the option can take, neither its default.
func others(o *option) (string, string) {
	switch o.field(&Config{}).(type) {
	case *bool:
		return "true", "false"
	case *string, *Secret:
		if len(o.choices) > 0 {
			left := slices.DeleteFunc(slices.Clone(o.choices), func(c string) bool { return c == o.initial })
			return left[0], left[len(left)-1]
		}
		if o.path == "bind" {
			return "127.0.0.1", "::1"
		}
		return "one", "two"
	default:
		step := min(300, o.max-o.min-1)
		return fmt.Sprint(o.min + step), fmt.Sprint(o.min + step + 1)
	}
}

// TestPrecedence gives every option by every source it has, alone and against
// each weaker one, and looks at the value and at where it is said to come from.
func TestPrecedence(t *testing.T) {
	for _, o := range options {
		if o.isList() || o.flag == "config" {
			continue
		}
		a, b := others(o)
		var want Config
		if err := o.set(&want, a); err != nil {
			t.Fatalf("%s: %v", o.path, err)
		}
		var sources []source
		if o.path != "" {
			sources = append(sources, fromFile)
		}
		if len(o.environment()) > 0 {
			sources = append(sources, fromEnvironment)
		}
		if o.flag != "" {
			sources = append(sources, fromFlag)
		}
		for i, strong := range sources {
			for weak := -1; weak < i; weak++ {
				name := fmt.Sprintf("%s%s/%v", o.flag, o.path, strong)
				setting := map[source]string{strong: a}
				if weak >= 0 {
					name += fmt.Sprintf(" over %v", sources[weak])
					setting[sources[weak]] = b
				}
				t.Run(name, func(t *testing.T) {
					loaded := loadSetting(t, o, setting)
					if got, want := fmt.Sprint(o.value(&loaded.Config)), fmt.Sprint(o.value(&want)); got != want {
						t.Errorf("value %s, want %s", got, want)
					}
					if o.isSecret() && loaded.Config.Security.TokenSecret != want.Security.TokenSecret {
						t.Error("wrong secret")
					}
					if got := loaded.origins[o]; got.source != strong || got.by != nil {
						t.Errorf("said to come from %v %s", got.source, got.place())
					}
				})
			}
		}
		for _, alias := range o.aliases {
			t.Run(alias, func(t *testing.T) {
				copied := *o
				copied.path = alias
				if got := o.value(&loadSetting(t, &copied, map[source]string{fromFile: a}).Config); fmt.Sprint(got) != fmt.Sprint(o.value(&want)) {
					t.Errorf("value %v, want %s", got, a)
				}
			})
		}
		for _, variable := range o.environment() {
			t.Run(variable, func(t *testing.T) {
				loaded, _ := Load(Given{}, []string{variable + "=" + a}) // contradictions aside
				if got := o.value(&loaded.Config); fmt.Sprint(got) != fmt.Sprint(o.value(&want)) {
					t.Errorf("value %v, want %s", got, a)
				}
				loaded, _ = Load(Given{}, []string{variable + "="})
				if from := loaded.origins[o]; from.source != fromDefault {
					t.Errorf("empty variable counts as set: %s", from.place())
				}
			})
		}
	}
}

// loadSetting gives o the texts by their sources. Contradictions with other
// options (one half of a pair) are not what is tested here.
func loadSetting(t *testing.T, o *option, setting map[source]string) *Loaded {
	t.Helper()
	t.Chdir(t.TempDir())
	var given Given
	var environ []string
	for from, text := range setting {
		switch from {
		case fromFlag:
			if err := given.Set(o.flag, text); err != nil {
				t.Fatal(err)
			}
		case fromEnvironment:
			environ = append(environ, o.environment()[0]+"="+text)
		case fromFile:
			file := root + ":\n"
			for depth, key := range strings.Split(o.path, ".") {
				file += strings.Repeat("  ", depth+1) + key + ":\n"
			}
			file = strings.TrimSuffix(file, "\n") + " " + text + "\n"
			if err := os.WriteFile("clasp.yaml", []byte(file), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	loaded, _ := Load(given, environ)
	return loaded
}
