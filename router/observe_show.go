// How addresses and values are shown to whoever looks on.

package router

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/clasp-studio/clasp/router/monitor"
	"github.com/clasp-studio/clasp/router/wire"
)

// marksMost is how many marks may stand on one character of an address that is shown.
const marksMost = 4

// showAddress returns an address as it can be shown: what does not print is written as in a Go
// string (\x1b, \u202e), a backslash twice. Nothing is lost, so that who looks on can ask for
// what was shown to him (addressOf); nearly all addresses are shown as they are.
//
// Marks that others than the first few stand on draw over the lines around, variation
// selectors change how wide what is before them is, and some letters are not to be seen: none
// of them print, here.
func showAddress(addr string) string {
	if plain(addr) {
		return addr
	}
	var out strings.Builder
	marks := marksMost // in a row; none may stand on the '/' before a segment
	for i, c := range addr {
		switch {
		case c == '/':
			marks = marksMost
		case unicode.Is(unicode.M, c):
			marks++
		default:
			marks = 0
		}
		switch {
		case c == '\\':
			out.WriteString(`\\`)
		case c == utf8.RuneError && !strings.HasPrefix(addr[i:], string(utf8.RuneError)):
			fmt.Fprintf(&out, `\x%02x`, addr[i]) // no UTF-8: no address has that, texts about one may
		case unicode.IsPrint(c) && marks <= marksMost && !monitor.Unseen(c):
			out.WriteRune(c)
		case c < utf8.RuneSelf:
			fmt.Fprintf(&out, `\x%02x`, c)
		case c <= 0xffff:
			fmt.Fprintf(&out, `\u%04x`, c)
		default:
			fmt.Fprintf(&out, `\U%08x`, c)
		}
	}
	return out.String()
}

// plain reports whether all of a text is ASCII that prints, and no backslash.
func plain(text string) bool {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' || c == '\\' {
			return false
		}
	}
	return true
}

// addressOf returns the address that showAddress has made shown of. A backslash that begins
// nothing is one: a person may have typed it.
func addressOf(shown string) string {
	if !strings.Contains(shown, `\`) {
		return shown
	}
	var out []byte
	for rest := shown; rest != ""; {
		if digits := escape(rest); digits > 0 {
			if n, err := strconv.ParseUint(rest[2:2+digits], 16, 32); err == nil && n <= unicode.MaxRune {
				if digits == 2 {
					out = append(out, byte(n))
				} else {
					out = utf8.AppendRune(out, rune(n))
				}
				rest = rest[2+digits:]
				continue
			}
		} else if strings.HasPrefix(rest, `\\`) {
			out, rest = append(out, '\\'), rest[2:]
			continue
		}
		out, rest = append(out, rest[0]), rest[1:]
	}
	return string(out)
}

// escape returns how many digits follow the two characters that begin an escape, 0 if text
// does not begin with a whole one.
func escape(text string) (digits int) {
	for _, e := range []struct {
		begin  string
		digits int
	}{{`\x`, 2}, {`\u`, 4}, {`\U`, 8}} {
		if strings.HasPrefix(text, e.begin) && len(text) >= 2+e.digits {
			return e.digits
		}
	}
	return 0
}

// Bounds of the values shown, in bytes of JSON: on one line, where 256 cells are all that is
// kept, and on many.
const (
	shownLine   = 1 << 10
	shownPretty = 64 << 10
	shownCells  = 200 // of a line of many
)

// oneLine returns a value as `clasp get` prints it, cleaned and cut; buf is room for it.
func oneLine(buf []byte, v wire.Value) (text string, room []byte) {
	if len(v.Data) > shownLine {
		buf = appendStart(buf[:0], v, shownLine)
	} else {
		buf = wire.AppendJSON(buf[:0], v)
	}
	return monitor.Clean(string(buf)), buf
}

// appendStart appends about the first most bytes of a long value's JSON. What is there is
// enough for whoever sees no more than the first 256 cells of it.
func appendStart(dst []byte, v wire.Value, most int) []byte {
	end := len(dst) + most
	switch v.Code {
	case wire.StringCode:
		text := v.Data[2:min(len(v.Data), 2+most)]
		if at := lastRune(text); len(text) > 0 && !utf8.FullRune(text[at:]) {
			text = text[:at] // cut in the middle
		}
		cut, err := wire.AppendAny(nil, string(text))
		if err != nil {
			return dst // cannot be: it is text
		}
		return wire.AppendJSON(dst, wire.Value{Code: cut[0], Data: cut[1:]})
	case wire.BytesCode:
		cut, err := wire.AppendAny(nil, v.Data[2:min(len(v.Data), 2+most/2)])
		if err != nil {
			return dst
		}
		return wire.AppendJSON(dst, wire.Value{Code: cut[0], Data: cut[1:]})
	case wire.ArrayCode, wire.MapCode:
		open := byte('[')
		if v.Code == wire.MapCode {
			open = '{'
		}
		dst = append(dst, open)
		first := true
		v.Range(func(key []byte, item wire.Value) bool {
			if !first {
				dst = append(dst, ',')
			}
			first = false
			if v.Code == wire.MapCode {
				dst = append(strconv.AppendQuote(dst, string(key[:min(len(key), most)])), ':')
			}
			if left := end - len(dst); left > 0 {
				dst = appendStart(dst, item, left)
			}
			return len(dst) < end
		})
		return append(dst, open+2) // ']' and '}' stand so in ASCII
	}
	return wire.AppendJSON(dst, v)
}

// lastRune returns where the last character of a text begins.
func lastRune(text []byte) int {
	at := len(text) - 1
	for at > 0 && !utf8.RuneStart(text[at]) {
		at--
	}
	return at
}

// pretty returns a value on many lines, cleaned line by line. Long lines go on in the next.
func pretty(v wire.Value) string {
	var spread bytes.Buffer
	if err := json.Indent(&spread, wire.AppendJSON(nil, v), "", "  "); err != nil {
		spread.Reset()
		spread.Write(wire.AppendJSON(nil, v)) // cannot be: it is JSON
	}
	var out strings.Builder
	for line := range strings.Lines(spread.String()) {
		line = strings.TrimSuffix(line, "\n")
		for begun := false; line != "" || !begun; begun = true {
			piece := firstRunes(line, shownCells/2) // of two cells each, at most
			line = line[len(piece):]
			piece = monitor.Clean(piece)
			if out.Len()+len(piece)+len("\n…") > shownPretty {
				out.WriteString("…")
				return out.String()
			}
			out.WriteString(piece + "\n")
		}
	}
	return strings.TrimSuffix(out.String(), "\n")
}

// firstRunes returns the first n characters of a text.
func firstRunes(text string, n int) string {
	for i := range text {
		if n == 0 {
			return text[:i]
		}
		n--
	}
	return text
}
