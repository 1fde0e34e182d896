package tui

// Draws a screen of cells with their escape codes as an SVG picture, for the README and for whoever wants to look.

import (
	"fmt"
	"html"
	"strconv"
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// The sizes of a cell, in the units of the picture: those of a monospaced font of 14.
const (
	cellWidth  = 8.43
	cellHeight = 17
	margin     = 14
)

// pen is how a cell is drawn.
type pen struct {
	fore, back                        string
	bold, faint, italic, line, turned bool
}

// svgOf draws lines on a dark or light ground.
func svgOf(screen string, dark bool) string {
	fore, back := "#c8ccd4", "#14161b"
	if !dark {
		fore, back = "#24292f", "#ffffff"
	}
	lines := strings.Split(strings.TrimRight(screen, "\n"), "\n")
	width := 0
	for _, line := range lines {
		width = max(width, ansi.StringWidth(line))
	}
	var b strings.Builder
	w, h := float64(width)*cellWidth+2*margin, float64(len(lines))*cellHeight+2*margin
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%.0f" height="%.0f" viewBox="0 0 %.0f %.0f">`+"\n", w, h, w, h)
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" rx="8" fill="%s"/>`+"\n", back)
	fmt.Fprintf(&b, `<g font-family="'JetBrains Mono','DejaVu Sans Mono',Menlo,Consolas,monospace" font-size="14" xml:space="preserve" fill="%s">`+"\n", fore)
	for y, line := range lines {
		x := 0
		for _, run := range runsOf(line) {
			n := ansi.StringWidth(run.text)
			drawRun(&b, run, x, y, n, fore, back)
			x += n
		}
	}
	b.WriteString("</g>\n</svg>\n")
	return b.String()
}

func drawRun(b *strings.Builder, run penRun, x, y, n int, fore, back string) {
	p := run.pen
	if p.fore == "" {
		p.fore = fore
	}
	if p.turned {
		p.fore, p.back = orElse(p.back, back), p.fore
	}
	left, top := margin+float64(x)*cellWidth, margin+float64(y)*cellHeight
	if p.back != "" {
		fmt.Fprintf(b, `<rect x="%.2f" y="%.1f" width="%.2f" height="%d" fill="%s"/>`+"\n", left, top, float64(n)*cellWidth, cellHeight, p.back)
	}
	if strings.TrimSpace(run.text) == "" {
		return
	}
	style := ""
	if p.fore != fore {
		style += fmt.Sprintf(` fill="%s"`, p.fore)
	}
	if p.bold {
		style += ` font-weight="bold"`
	}
	if p.faint {
		style += ` opacity="0.6"`
	}
	if p.italic {
		style += ` font-style="italic"`
	}
	if p.line {
		style += ` text-decoration="underline"`
	}
	fmt.Fprintf(b, `<text x="%.2f" y="%.1f" textLength="%.2f" lengthAdjust="spacingAndGlyphs"%s>%s</text>`+"\n",
		left, top+cellHeight-4.5, float64(n)*cellWidth, style, svgText(run.text))
}

// svgText keeps spaces: browsers make one of several, whatever xml:space says.
func svgText(s string) string {
	return html.EscapeString(strings.ReplaceAll(s, " ", "\u00a0"))
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// penRun is text that is drawn in one way.
type penRun struct {
	pen  pen
	text string
}

// runsOf cuts a line where its escape codes are.
func runsOf(line string) (runs []penRun) {
	var p pen
	for line != "" {
		text, rest, found := strings.Cut(line, "\x1b[")
		if text != "" {
			runs = append(runs, penRun{p, text})
		}
		if !found {
			break
		}
		codes, after, _ := strings.Cut(rest, "m")
		p.apply(codes)
		line = after
	}
	return runs
}

func (p *pen) apply(codes string) {
	list := strings.FieldsFunc(codes, func(r rune) bool { return r == ';' || r == ':' })
	if len(list) == 0 {
		*p = pen{}
	}
	for i := 0; i < len(list); i++ {
		n, _ := strconv.Atoi(list[i])
		switch {
		case n == 0:
			*p = pen{}
		case n == 1:
			p.bold = true
		case n == 2:
			p.faint = true
		case n == 3:
			p.italic = true
		case n == 4:
			p.line = true
		case n == 7:
			p.turned = true
		case n == 22:
			p.bold, p.faint = false, false
		case n == 27:
			p.turned = false
		case n == 39:
			p.fore = ""
		case n == 49:
			p.back = ""
		case n == 38 || n == 48:
			colour, used := colourOf(list[i+1:])
			i += used
			if n == 38 {
				p.fore = colour
			} else {
				p.back = colour
			}
		case n >= 30 && n <= 37:
			p.fore = sixteen[n-30]
		case n >= 40 && n <= 47:
			p.back = sixteen[n-40]
		case n >= 90 && n <= 97:
			p.fore = sixteen[n-82]
		case n >= 100 && n <= 107:
			p.back = sixteen[n-92]
		}
	}
}

// sixteen are the colours of an ordinary terminal.
var sixteen = [16]string{
	"#1b1d23", "#e06c75", "#98c379", "#e5c07b", "#61afef", "#c678dd", "#56b6c2", "#abb2bf",
	"#5c6370", "#ff7b86", "#b5e890", "#ffd68a", "#7cc4ff", "#e08bff", "#6fd6e2", "#ffffff",
}

func colourOf(list []string) (colour string, used int) {
	number := func(i int) int { n, _ := strconv.Atoi(list[i]); return n }
	switch {
	case len(list) >= 4 && list[0] == "2":
		return fmt.Sprintf("#%02x%02x%02x", number(1), number(2), number(3)), 4
	case len(list) >= 2 && list[0] == "5":
		n := number(1)
		switch {
		case n < 16:
			return sixteen[n], 2
		case n < 232:
			level := func(v int) int {
				if v == 0 {
					return 0
				}
				return 55 + 40*v
			}
			n -= 16
			return fmt.Sprintf("#%02x%02x%02x", level(n/36), level(n/6%6), level(n%6)), 2
		default:
			return fmt.Sprintf("#%02[1]x%02[1]x%02[1]x", 8+10*(n-232)), 2
		}
	}
	return "", len(list)
}
