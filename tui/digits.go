package tui

// A PIN in digits that can be read from across the room.

import "strings"

// digitPixels are five rows of three pixels for each digit.
var digitPixels = [10][5]string{
	{"###", "# #", "# #", "# #", "###"},
	{" # ", "## ", " # ", " # ", "###"},
	{"###", "  #", "###", "#  ", "###"},
	{"###", "  #", "###", "  #", "###"},
	{"# #", "# #", "###", "  #", "  #"},
	{"###", "#  ", "###", "  #", "###"},
	{"###", "#  ", "###", "# #", "###"},
	{"###", "  #", "  #", "  #", "  #"},
	{"###", "# #", "###", "# #", "###"},
	{"###", "# #", "###", "  #", "###"},
}

// How high digits are.
const (
	digitsHigh      = 5
	digitsSmallHigh = 3 // two pixels a cell
)

// bigDigits draws a PIN as large as there is room for. Privacy puts dots in its place.
func bigDigits(e *env, pin string, w, h int) []string {
	if len(pin) != 6 || strings.Trim(pin, "0123456789") != "" {
		return []string{e.theme.paint(secret, e.mask("pin", pin))}
	}
	text := groupedPIN(pin)
	if e.private {
		return []string{e.theme.paint(secret, e.mask("pin", text))}
	}
	lines := large(e, text, w, h)
	if lines == nil {
		return []string{e.theme.paint(secret, text)}
	}
	for i, line := range lines {
		lines[i] = e.theme.paint(secret, line)
	}
	return lines
}

// large draws digits, spaces and dashes as large as there is room for; nil if there is none.
func large(e *env, text string, w, h int) []string {
	small := cells(pixelRows(text)[0]) // a pixel is two cells, so that it is square, or one
	switch {
	case w >= 2*small && h >= digitsHigh:
		return digitRows(text, e.glyphs.ascii, 2)
	case e.glyphs.ascii && w >= small && h >= digitsHigh:
		return digitRows(text, true, 1)
	case !e.glyphs.ascii && w >= small && h >= digitsSmallHigh:
		return digitHalves(text)
	}
	return nil
}

// groupedPIN is how a PIN is written: "847 291".
func groupedPIN(pin string) string {
	if len(pin) != 6 {
		return pin
	}
	return pin[:3] + " " + pin[3:]
}

// pixelRows are the rows of a text of digits; a space makes a gap.
func pixelRows(text string) [5]string {
	var rows [5]string
	for i, c := range text {
		for y := range rows {
			switch {
			case c == ' ':
				rows[y] += "  "
			case c == '-':
				rows[y] += [5]string{2: " ##"}[y]
				if y != 2 {
					rows[y] += "   "
				}
			default:
				if i > 0 {
					rows[y] += " "
				}
				rows[y] += digitPixels[c-'0'][y]
			}
		}
	}
	return rows
}

func digitRows(text string, ascii bool, wide int) []string {
	block := "█"
	if ascii {
		block = "#"
	}
	rows := pixelRows(text)
	lines := make([]string, len(rows))
	for y, row := range rows {
		lines[y] = strings.NewReplacer("#", strings.Repeat(block, wide), " ", strings.Repeat(" ", wide)).Replace(row)
	}
	return lines
}

// digitHalves puts two rows of pixels into one of half blocks.
func digitHalves(text string) []string {
	rows := pixelRows(text)
	lines := make([]string, 0, digitsSmallHigh)
	under := [digitsSmallHigh]string{rows[1], rows[3], blank(len(rows[0]))}
	for i, row := range [digitsSmallHigh]string{rows[0], rows[2], rows[4]} {
		var line strings.Builder
		for x := range len(row) {
			upper, lower := row[x] == '#', under[i][x] == '#'
			switch {
			case upper && lower:
				line.WriteString("█")
			case upper:
				line.WriteString("▀")
			case lower:
				line.WriteString("▄")
			default:
				line.WriteByte(' ')
			}
		}
		lines = append(lines, line.String())
	}
	return lines
}
