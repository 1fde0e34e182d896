// A QR code drawn with characters, so that a phone reads it off a terminal of any colours.

package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
	"rsc.io/qr"
)

const (
	// quietZone is how many light modules a reader needs around the code (ISO/IEC 18004).
	quietZone = 4
	// darkOnLight is black on white of the fixed part of the 256 colours: the first 16 are
	// the theme's, and readers want dark on light whatever that is.
	darkOnLight = "\x1b[38;5;16;48;5;231m"
	plainAgain  = "\x1b[0m"
)

// drawnQR is a code as lines, each in colours of its own.
type drawnQR struct {
	lines []string
	width int // in columns
}

// drawQR draws text at the lowest level of correction: a screen has no scratches, and the
// code stays small. Two modules share a cell or, in ASCII, a module has two.
func drawQR(text string, ascii bool) (drawnQR, error) {
	code, err := qr.Encode(text, qr.L)
	if err != nil {
		return drawnQR{}, fmt.Errorf("make a QR code: %w", err)
	}
	size := code.Size + 2*quietZone
	dark := func(x, y int) bool { return code.Black(x-quietZone, y-quietZone) } // light outside of it
	d := drawnQR{width: size}
	row := func(cell func(x int) string) {
		var line strings.Builder
		for x := range size {
			line.WriteString(cell(x))
		}
		d.lines = append(d.lines, darkOnLight+line.String()+plainAgain)
	}
	if ascii {
		d.width = 2 * size
		for y := range size {
			row(func(x int) string {
				if dark(x, y) {
					return "##"
				}
				return "  "
			})
		}
		return d, nil
	}
	for y := 0; y < size; y += 2 {
		row(func(x int) string {
			switch upper, lower := dark(x, y), dark(x, y+1); {
			case upper && lower:
				return "█"
			case upper:
				return "▀"
			case lower:
				return "▄"
			default:
				return " "
			}
		})
	}
	return d, nil
}

// addQR adds a code for out, which may be too narrow. Whoever calls prints the text as well.
func addQR(b *strings.Builder, out io.Writer, text string, ascii bool) {
	code, err := drawQR(text, ascii)
	if err != nil {
		fmt.Fprintf(b, "(%v)\n", err)
		return
	}
	if width := columns(out); width > 0 && width < code.width {
		fmt.Fprintf(b, "(a QR code needs %d columns, and this terminal has %d)\n", code.width, width)
		return
	}
	for _, line := range code.lines {
		b.WriteString(line + "\n")
	}
}

// columns is how wide a terminal is, 0 for what does not say.
func columns(out io.Writer) int {
	f, ok := out.(*os.File)
	if !ok {
		return 0
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return width
}
