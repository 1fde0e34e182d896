package wire_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"testing"

	"github.com/clasp-studio/clasp/router/wire"
)

// constants are the numbers of all constants of a type in a source file.
func constants(t *testing.T, file, ofType string) (all []uint16) {
	t.Helper()
	source, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(source, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			return true
		}
		kind, _ := spec.Type.(*ast.Ident)
		number, _ := spec.Values[0].(*ast.BasicLit)
		if kind == nil || kind.Name != ofType || number == nil {
			return true
		}
		v, err := strconv.ParseUint(number.Value, 0, 16)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, uint16(v))
		return true
	})
	slices.Sort(all)
	return all
}

// TestLists: what goes through all types or codes, as the metrics do, misses none of them.
func TestLists(t *testing.T) {
	var types, codes []uint16
	for _, v := range wire.Types() {
		types = append(types, uint16(v))
	}
	for _, v := range wire.Codes() {
		codes = append(codes, uint16(v))
	}
	if want := constants(t, "type.go", "Type"); len(want) == 0 || !slices.Equal(types, want) {
		t.Errorf("Types are %x, the source has %x", types, want)
	}
	if want := constants(t, "error.go", "Code"); len(want) == 0 || !slices.Equal(codes, want) {
		t.Errorf("Codes are %d, the source has %d", codes, want)
	}
}
