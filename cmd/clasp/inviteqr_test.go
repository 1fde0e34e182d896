package main

import (
	"strings"
	"testing"

	"rsc.io/qr"
)

// TestDrawQR reads the modules back out of the characters, and holds the sizes against those that pairing section 5 has measured.
func TestDrawQR(t *testing.T) {
	for _, test := range []struct{ bytes, columns, lines int }{{52, 37, 19}, {75, 41, 21}, {97, 45, 23}} {
		text := strings.Repeat("x", test.bytes)
		code, err := qr.Encode(text, qr.L)
		if err != nil {
			t.Fatal(err)
		}
		for _, ascii := range []bool{false, true} {
			d, err := drawQR(text, ascii)
			if err != nil {
				t.Fatal(err)
			}
			rows, width, lines := 2, test.columns, test.lines
			if ascii {
				rows, width, lines = 1, 2*test.columns, test.columns
			}
			if d.width != width || len(d.lines) != lines {
				t.Errorf("%d bytes: %d columns and %d lines, want %d and %d", test.bytes, d.width, len(d.lines), width, lines)
			}
			for n, line := range d.lines {
				body, found := strings.CutPrefix(line, "\x1b[38;5;16;48;5;231m")
				body, reset := strings.CutSuffix(body, "\x1b[0m")
				cells := []rune(body)
				if !found || !reset || len(cells) != width {
					t.Fatalf("line %d: %q", n, line)
				}
				for x := range test.columns {
					cell := cells[x*width/test.columns]
					for row := range rows {
						dark := cell == '#' || cell == '█' || cell == []rune("▀▄")[row]
						if y := rows*n + row; dark != code.Black(x-4, y-4) {
							t.Fatalf("module %d,%d is %v", x, y, dark)
						}
					}
				}
			}
		}
	}
	if _, err := drawQR(strings.Repeat("x", 3000), false); err == nil {
		t.Error("no code holds 3000 bytes")
	}
}

// TestIsRouterID: what becomes the name of a file leads nowhere else.
func TestIsRouterID(t *testing.T) {
	const good = "9157e56d-4a5c-496e-a49b-9fe7f1e06107"
	for id, want := range map[string]bool{
		good: true, "": false, "../../x": false, good + "\n": false, good + "/..": false, strings.ToUpper(good): false, "a/" + good: false,
	} {
		if isRouterID(id) != want {
			t.Errorf("%q: %v", id, !want)
		}
	}
}
