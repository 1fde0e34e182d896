// Makes harmless what devices say of themselves, before anybody sees it (pairing section 9).

package pairing

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

const (
	nameLength = 64   // characters
	nameBytes  = 4096 // looked at; what comes behind could only matter behind 64 characters that are nothing
	marksMost  = 4    // on one character: more draw over the lines around it
	unnamed    = "unnamed"
)

// Clean makes a name harmless: valid UTF-8, NFC, no control or bidi characters and nothing
// else that cannot be seen, so no escape sequences, at most 64 characters, never empty.
// What is clean stays as it is.
func Clean(name string) string {
	if text := clean(name); text != "" {
		return text
	}
	return unnamed
}

// clean is Clean for what may be empty.
func clean(name string) string {
	if end := nameBytes; len(name) > end {
		for end > nameBytes-utf8.UTFMax && !utf8.RuneStart(name[end]) {
			end--
		}
		name = name[:end]
	}
	text := norm.NFC.String(strings.Map(visible, strings.ToValidUTF8(name, string(utf8.RuneError))))
	var out strings.Builder
	marks, length, space := 0, 0, true // begins as if behind a space: none stands in front
	for _, c := range text {
		if length == nameLength {
			break
		}
		switch {
		case c == ' ' && space:
			continue
		case unicode.Is(unicode.M, c):
			// A mark needs something that it stands on, and so much of it.
			if marks++; space || marks > marksMost {
				continue
			}
		default:
			marks = 0
		}
		space = c == ' '
		out.WriteRune(c)
		length++
	}
	return strings.TrimSuffix(out.String(), " ")
}

// visible maps a character to what is shown of it: itself, a space, or nothing.
func visible(c rune) rune {
	const emptyBraille = '\u2800'
	switch {
	case c == '\t' || c == '\n' || c == '\r' || c == emptyBraille || unicode.Is(unicode.Zs, c):
		return ' '
	case !unicode.IsGraphic(c), // control, format, private, not assigned
		unicode.In(c, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point):
		return -1
	}
	return c
}

// cleanAll cleans each of a list, of which it keeps so many.
func cleanAll(list []string, most int) []string {
	var out []string
	for _, text := range list[:min(len(list), most)] {
		out = append(out, Clean(text))
	}
	return out
}
