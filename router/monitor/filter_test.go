// What filters let through, of addresses, connections and lines.

package monitor_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/clasp-studio/clasp/router/monitor"
)

func parse(t *testing.T, text string) *monitor.Filter {
	t.Helper()
	f, err := monitor.ParseFilter(text)
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return f
}

func TestFilterValues(t *testing.T) {
	v := &monitor.Value{Address: "/lumen/scene/0/Dim", Type: "f64", Text: "0.8125", WriterName: "FOH desk", Writer: "1f0c"}
	const all = monitor.NeedAddress | monitor.NeedValue | monitor.NeedWriter
	for _, test := range []struct {
		filter string
		want   bool
		needs  monitor.Needs
	}{
		{"", true, 0},
		{"  ", true, 0},
		{"!", true, 0},
		{"type:", true, 0},
		{"~", true, 0},
		{"scene", true, all},
		{"SCENE dim", true, all},
		{"scene fog", false, all},
		{"foh", true, all},
		{"!foh", false, all},
		{"!!foh", true, all},
		{"!fog", true, all},
		{".81", true, all},
		{"F64", true, all},
		{"/", true, monitor.NeedAddress},
		{"/lum", true, monitor.NeedAddress},
		{"/Lum", false, monitor.NeedAddress},
		{"/scene", false, monitor.NeedAddress},
		{"!/lumen", false, monitor.NeedAddress},
		{"/lumen/**", true, monitor.NeedAddress},
		{"/lumen/*/", false, monitor.NeedAddress},
		{"/lumen/*/*/*/", true, monitor.NeedAddress},
		{"/**/Dim", true, monitor.NeedAddress},
		{"Di*", true, monitor.NeedAddress},
		{"*", true, monitor.NeedAddress},
		{"lum*", false, monitor.NeedAddress}, // a last segment that begins so
		{"lum*/**", true, monitor.NeedAddress},
		{"**", true, monitor.NeedAddress},
		{`~^0\.[5-9]`, true, all},
		{`~^/lumen/.*/dim$`, true, all},
		{`~foh d`, true, all},
		{`!~foh d`, false, all},
		{`/lumen ~foh d`, true, all},
		{"type:f64", true, monitor.NeedValue},
		{"type:0.8", false, monitor.NeedValue},
		{"value:0.8", true, monitor.NeedValue},
		{"value:f64", false, monitor.NeedValue},
		{"value:~^0", true, monitor.NeedValue},
		{"value:0*5", true, monitor.NeedValue},
		{"writer:foh", true, monitor.NeedWriter},
		{"writer:1f0c", true, monitor.NeedWriter},
		{"writer:lumen", false, monitor.NeedWriter},
		{"!writer:foh", false, monitor.NeedWriter},
		{"type:f64 writer:other", false, monitor.NeedValue | monitor.NeedWriter},
	} {
		f := parse(t, test.filter)
		if got := f.Value(v); got != test.want {
			t.Errorf("%q: %v", test.filter, got)
		}
		if f.Needs() != test.needs {
			t.Errorf("%q needs %b, want %b", test.filter, f.Needs(), test.needs)
		}
	}
}

func TestFilterTexts(t *testing.T) {
	c := &monitor.Client{ID: "1f0c", Name: "FOH Desk", Transport: "quic", Remote: "10.0.0.5:51234", Device: "iPad 3"}
	for text, want := range map[string]bool{
		"": true, "foh": true, "10.0.0": true, "10.*:51": true, "!10.0.0": false, "quic desk": true, "ipad": true, "1f0c": true,
		"~^foh": true, "~^desk": false, "type:quic": false, "/foh": false, "ws": false,
	} {
		if got := parse(t, text).Client(c); got != want {
			t.Errorf("client, %q: %v", text, got)
		}
	}
	for text, want := range map[string]bool{
		"": true, "disk": true, "!disk": false, "write*disk": true, "disk*write": false, "~^cannot": true, "/var": true, "type:x": true, "!type:x": false,
	} {
		if got := parse(t, text).Text("Cannot write: disk full at /var/lib type:x"); got != want {
			t.Errorf("text, %q: %v", text, got)
		}
	}
}

func TestFilterWrong(t *testing.T) {
	for text, words := range map[string]string{
		"~(":                      "missing closing )",
		"value:~[":                "missing closing ]",
		"/a/x**":                  "**",
		"a//*":                    "/",
		strings.Repeat("x", 1025): "1024 bytes",
	} {
		if f, err := monitor.ParseFilter(text); !errors.Is(err, monitor.ErrInvalid) || !strings.Contains(err.Error(), words) || strings.Contains(err.Error(), "(?i") {
			t.Errorf("%.20q: %v, %v", text, f, err)
		}
	}
}

func FuzzFilter(f *testing.F) {
	f.Add("!/lumen/** type:f64 ~x", "/lumen/a")
	f.Add("value:!~*", "\xff")
	f.Fuzz(func(t *testing.T, text, row string) {
		filter, err := monitor.ParseFilter(text)
		if err != nil {
			if !errors.Is(err, monitor.ErrInvalid) {
				t.Fatal(err)
			}
			return
		}
		v := &monitor.Value{Address: "/" + strings.Trim(row, "/"), Text: row, Type: row}
		before := filter.Value(v)
		filter.Text(row)
		if filter.Value(v) != before {
			t.Fatal("it has changed its mind")
		}
	})
}
