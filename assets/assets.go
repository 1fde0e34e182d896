// Package assets has the files that are built into the binary.
package assets

import _ "embed"

// PairPage is the page on which a phone pairs: one file that needs no other. It has one style
// element and one script element, and nothing else in it is either.
//
//go:embed pair.html
var PairPage string
