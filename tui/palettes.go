package tui

// The themes: five sets of inks. The ground is the terminal's own; there is one accent, and
// red, amber and green never say anything that a word or glyph beside them does not.

import (
	"slices"

	"github.com/charmbracelet/x/ansi"
)

// themeNames are what Options.Theme may be.
var themeNames = []string{"auto", "dark", "light", "contrast", "mono", "blind"}

// ink is how a role looks: with 24 bits of colour (the renderer finds the nearest of 256
// where there are no more), and, since the nearest of 16 is often the wrong one, chosen by
// hand where there are 16.
type ink struct {
	fg, bg                   string // "#rrggbb", "" = the terminal's
	fg16, bg16               int    // 1 + one of the 16, 0 = the terminal's
	bold, underline, reverse bool
}

// Of the 16, plus one.
const (
	red16, green16, yellow16, blue16, magenta16, cyan16 = 2, 3, 4, 5, 6, 7
	black16, white16, gray16                            = 1, 8, 9
	lightRed16, lightGreen16, lightYellow16             = 10, 11, 12
	lightBlue16, brightWhite16                          = 13, 16
)

var darkInks = [roles]ink{
	dim:       {fg: "#7D8695", fg16: gray16},
	strong:    {fg: "#EDEFF2", fg16: brightWhite16, bold: true},
	title:     {fg: "#AAB2C0", fg16: white16},
	titleFoc:  {fg: "#86AFF5", fg16: lightBlue16, bold: true},
	accent:    {fg: "#86AFF5", fg16: lightBlue16},
	good:      {fg: "#86C294", fg16: lightGreen16},
	warn:      {fg: "#E5B567", fg16: lightYellow16, bold: true},
	bad:       {fg: "#EC7F86", fg16: lightRed16, bold: true},
	selected:  {bg: "#30384A", fg16: brightWhite16, bg16: blue16, bold: true},
	unfocSel:  {bg: "#22262F", bold: true},
	changed0:  {fg: "#F0D49A", fg16: lightYellow16, bold: true},
	changed1:  {fg: "#C4B18A", fg16: yellow16},
	changed2:  {fg: "#9C9280", fg16: white16},
	header:    {fg: "#8A9099", fg16: white16, bold: true},
	border:    {fg: "#3C4350", fg16: gray16},
	borderFoc: {fg: "#5F82BF", fg16: lightBlue16},
	secret:    {fg: "#F4F7FC", fg16: brightWhite16, bold: true},
	status:    {fg: "#C9D0DC", bg: "#1D222C", fg16: brightWhite16, bold: true},
	footer:    {fg: "#7D8695", fg16: gray16},
	frozen:    {fg: "#10151E", bg: "#9CC0FA", fg16: black16, bg16: cyan16, bold: true},
}

var lightInks = [roles]ink{
	dim:       {fg: "#62676F", fg16: gray16},
	strong:    {fg: "#14181F", fg16: black16, bold: true},
	title:     {fg: "#454D5A", fg16: black16},
	titleFoc:  {fg: "#2A5BBF", fg16: blue16, bold: true},
	accent:    {fg: "#2A5BBF", fg16: blue16},
	good:      {fg: "#2B7A45", fg16: green16},
	warn:      {fg: "#8F5B00", fg16: magenta16, bold: true}, // the yellow of 16 is unreadable on white
	bad:       {fg: "#B0271F", fg16: red16, bold: true},
	selected:  {bg: "#D5E2FA", fg16: brightWhite16, bg16: blue16, bold: true},
	unfocSel:  {bg: "#EDEFF2", bold: true},
	changed0:  {fg: "#8A5300", fg16: magenta16, bold: true},
	changed1:  {fg: "#8A6A34", fg16: magenta16},
	changed2:  {fg: "#83745A", fg16: gray16},
	header:    {fg: "#4A505A", fg16: black16, bold: true},
	border:    {fg: "#C4C8CF", fg16: gray16},
	borderFoc: {fg: "#6E93D6", fg16: blue16},
	secret:    {fg: "#0B0E13", fg16: black16, bold: true},
	status:    {fg: "#14181F", bg: "#ECEEF2", fg16: black16, bold: true},
	footer:    {fg: "#62676F", fg16: gray16},
	frozen:    {fg: "#FFFFFF", bg: "#2A5BBF", fg16: brightWhite16, bg16: blue16, bold: true},
}

// contrastInks take the strongest colours there are and no grey at all.
var contrastInks = [roles]ink{
	strong:    {fg: "#FFFFFF", fg16: brightWhite16, bold: true},
	title:     {fg: "#FFFFFF", fg16: brightWhite16},
	titleFoc:  {fg: "#FFFFFF", fg16: brightWhite16, bold: true, underline: true},
	accent:    {fg: "#6FD3FF", fg16: lightBlue16, bold: true},
	good:      {fg: "#6CFF8A", fg16: lightGreen16, bold: true},
	warn:      {fg: "#FFD84D", fg16: lightYellow16, bold: true},
	bad:       {fg: "#FF7A7A", fg16: lightRed16, bold: true, underline: true},
	selected:  {reverse: true, bold: true},
	unfocSel:  {bold: true, underline: true},
	changed0:  {fg: "#FFD84D", fg16: lightYellow16, bold: true},
	changed1:  {fg: "#FFE88F", fg16: lightYellow16},
	changed2:  {fg: "#FFF6D1", fg16: brightWhite16},
	header:    {fg: "#FFFFFF", fg16: brightWhite16, bold: true},
	border:    {fg: "#FFFFFF", fg16: brightWhite16},
	borderFoc: {fg: "#6FD3FF", fg16: lightBlue16, bold: true},
	secret:    {reverse: true, bold: true},
	status:    {reverse: true, bold: true},
	frozen:    {fg: "#000000", bg: "#FFD84D", fg16: black16, bg16: lightYellow16, bold: true},
}

// contrastLightInks are the same on a light ground.
var contrastLightInks = [roles]ink{
	strong:    {fg: "#000000", fg16: black16, bold: true},
	title:     {fg: "#000000", fg16: black16},
	titleFoc:  {fg: "#000000", fg16: black16, bold: true, underline: true},
	accent:    {fg: "#003C9E", fg16: blue16, bold: true},
	good:      {fg: "#00561E", fg16: green16, bold: true},
	warn:      {fg: "#6B3F00", fg16: magenta16, bold: true},
	bad:       {fg: "#960000", fg16: red16, bold: true, underline: true},
	selected:  {reverse: true, bold: true},
	unfocSel:  {bold: true, underline: true},
	changed0:  {fg: "#6B3F00", fg16: magenta16, bold: true},
	changed1:  {fg: "#6B3F00", fg16: magenta16},
	changed2:  {fg: "#3A2A10", fg16: black16},
	header:    {fg: "#000000", fg16: black16, bold: true},
	border:    {fg: "#000000", fg16: black16},
	borderFoc: {fg: "#003C9E", fg16: blue16, bold: true},
	secret:    {reverse: true, bold: true},
	status:    {reverse: true, bold: true},
	frozen:    {fg: "#FFFFFF", bg: "#6B3F00", fg16: brightWhite16, bg16: magenta16, bold: true},
}

// monoInks have no colour: bold, underline and reverse are all there is.
var monoInks = [roles]ink{
	strong:   {bold: true},
	titleFoc: {bold: true, underline: true},
	accent:   {bold: true},
	warn:     {bold: true},
	bad:      {bold: true, underline: true},
	selected: {reverse: true},
	unfocSel: {bold: true},
	changed0: {bold: true},
	header:   {bold: true},
	secret:   {bold: true, reverse: true},
	status:   {reverse: true},
	frozen:   {reverse: true, bold: true},
}

// blind replaces what differs by red and green alone: blue is in order, yellow asks for a
// look, orange for action; the three stay apart for all common kinds of colour blindness.
func blind(inks [roles]ink, dark bool) [roles]ink {
	if dark {
		inks[good] = ink{fg: "#6DB7EC", fg16: lightBlue16}
		inks[warn] = ink{fg: "#F0E442", fg16: lightYellow16, bold: true}
		inks[bad] = ink{fg: "#F08C3C", fg16: yellow16, bold: true, underline: true}
		inks[accent].fg, inks[titleFoc].fg = "#B9C4D6", "#DDE4F0"
		inks[changed0].fg, inks[changed1].fg, inks[changed2].fg = "#F0E442", "#C9C05C", "#9E9A6E"
		return inks
	}
	inks[good] = ink{fg: "#0B66A8", fg16: blue16}
	inks[warn] = ink{fg: "#7A6A00", fg16: magenta16, bold: true}
	inks[bad] = ink{fg: "#B04A00", fg16: red16, bold: true, underline: true}
	inks[accent].fg, inks[titleFoc].fg = "#3B4658", "#1D2634"
	inks[changed0].fg, inks[changed1].fg, inks[changed2].fg = "#7A6A00", "#857A3A", "#857F64"
	return inks
}

// newTheme makes the theme of a name for a dark or light ground; sixteen is for terminals
// that have no more colours than that. An unknown name is the theme "auto".
func newTheme(name string, dark, sixteen bool) *theme {
	inks := lightInks
	if dark {
		inks = darkInks
	}
	switch name {
	case "dark":
		inks, dark = darkInks, true
	case "light":
		inks, dark = lightInks, false
	case "contrast":
		inks = contrastLightInks
		if dark {
			inks = contrastInks
		}
	case "mono":
		inks = monoInks
	case "blind":
		inks = blind(inks, dark)
	}
	t := &theme{name: name, dark: dark}
	if !slices.Contains(themeNames, name) {
		t.name = themeNames[0]
	}
	for r := range roles {
		t.open[r] = inks[r].open(sixteen)
	}
	return t
}

// open is an ink's escape code, "" for the terminal's own look.
func (i ink) open(sixteen bool) string {
	s := ansi.Style{}
	if i.bold {
		s = s.Bold()
	}
	if i.underline {
		s = s.Underline(true)
	}
	if i.reverse {
		s = s.Reverse(true)
	}
	if sixteen {
		if i.fg16 > 0 {
			s = s.ForegroundColor(ansi.BasicColor(i.fg16 - 1))
		}
		if i.bg16 > 0 {
			s = s.BackgroundColor(ansi.BasicColor(i.bg16 - 1))
		}
	} else {
		if i.fg != "" {
			s = s.ForegroundColor(ansi.XParseColor(i.fg))
		}
		if i.bg != "" {
			s = s.BackgroundColor(ansi.XParseColor(i.bg))
		}
	}
	if len(s) == 0 {
		return ""
	}
	return s.String()
}
