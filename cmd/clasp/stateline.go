// The JSON line of a stored param, for clasp state export and import: a record goes out
// and comes in again without a bit of difference.

package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/clasp-studio/clasp/config"
	"github.com/clasp-studio/clasp/router/address"
	"github.com/clasp-studio/clasp/router/param"
	"github.com/clasp-studio/clasp/router/store"
	"github.com/clasp-studio/clasp/router/wire"
)

// stateLine is one line. Address and value are enough for one that a person writes.
type stateLine struct {
	Address  string          `json:"address"`
	Value    json.RawMessage `json:"value,omitempty"`
	Type     string          `json:"type,omitempty"`    // one of typeNames: JSON does not tell 1 from 1.0
	Encoded  string          `json:"encoded,omitempty"` // hexadecimal, where value and type do not say it all
	Revision *uint64         `json:"revision,omitempty"`
	Writer   string          `json:"writer,omitempty"`
	Written  *uint64         `json:"written,omitempty"` // µs, Unix
	TTL      uint32          `json:"ttl,omitempty"`     // seconds
	Absolute bool            `json:"absolute,omitempty"`
	Expires  uint64          `json:"expires,omitempty"` // µs, Unix
	Strategy string          `json:"strategy,omitempty"`
	Timeline bool            `json:"timeline,omitempty"`
}

// typeNames are the types of values, by their code.
var typeNames = wire.TypeNames()

// maxRevision leaves room to count on, and is the last whole number of JavaScript.
const maxRevision = 1<<53 - 1

// lineOf returns the line of a record.
func lineOf(r *store.Record) (stateLine, error) {
	line := stateLine{
		Address: string(r.Address), Revision: &r.Revision, Writer: string(r.Writer), Written: &r.Written,
		TTL: r.TTL &^ wire.AbsoluteTTL, Absolute: r.TTL&wire.AbsoluteTTL != 0, Expires: r.Expires, Timeline: r.Timeline,
	}
	if int(r.Strategy) >= len(config.Strategies()) {
		return line, fmt.Errorf("%s: conflict strategy %d is not known", shown(line.Address), r.Strategy)
	}
	line.Strategy = param.Strategy(r.Strategy).String()
	v, err := readEncoded(r.Value)
	if err != nil {
		return line, fmt.Errorf("%s: %w", shown(line.Address), err)
	}
	line.Value, line.Type = wire.AppendJSON(nil, v), typeNames[v.Code]
	if again, err := line.plain(); err != nil || !bytes.Equal(again, r.Value) {
		line.Encoded = hex.EncodeToString(r.Value)
	}
	return line, nil
}

// readLine reads a line into a record. now stands for what a line written by hand does
// not say.
func readLine(text []byte, now time.Time) (*store.Record, error) {
	line, err := decodeLine(text)
	if err != nil {
		return nil, err
	}
	if line.Address == "" {
		return nil, errors.New(`"address" is missing`)
	}
	if err := address.Valid(line.Address); err != nil {
		return nil, err
	}
	if address.Reserved(line.Address) {
		return nil, fmt.Errorf("%s is the router's own", shown(line.Address))
	}
	r := &store.Record{
		Address: []byte(line.Address), Writer: []byte(line.Writer), Revision: 1, Written: uint64(now.UnixMicro()),
		TTL: line.TTL, Expires: line.Expires, Timeline: line.Timeline,
	}
	if line.Revision != nil {
		r.Revision = *line.Revision
	}
	if r.Revision == 0 || r.Revision > maxRevision {
		return nil, fmt.Errorf(`"revision": %d is not one of 1 to %d`, r.Revision, uint64(maxRevision))
	}
	if line.Written != nil {
		r.Written = *line.Written
	}
	if err := line.lifetime(r, now); err != nil {
		return nil, err
	}
	if line.Strategy != "" {
		strategy, err := param.ParseStrategy(line.Strategy)
		if err != nil {
			return nil, fmt.Errorf(`"strategy": %w`, err)
		}
		r.Strategy = uint8(strategy)
	}
	if r.Value, err = line.value(); err != nil {
		return nil, err
	}
	set := wire.Set{Address: r.Address, Value: wire.Value{Code: r.Value[0], Data: r.Value[1:]}, HasRevision: true, HasTTL: true}
	if size := len(wire.AppendSet(nil, set)); size > wire.MaxPayload {
		return nil, fmt.Errorf("no message can hold it: %d bytes, %d are the limit", size, wire.MaxPayload)
	}
	return r, nil
}

// decodeLine reads the JSON of a line, which must be one object of known members.
func decodeLine(text []byte) (line stateLine, err error) {
	if !utf8.Valid(text) { // the decoder would quietly put a replacement character
		return line, errors.New("is not valid UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	var kind *json.UnmarshalTypeError
	switch err := d.Decode(&line); {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return line, errors.New("is not a param in JSON: it ends too early")
	case errors.As(err, &kind) && kind.Field == "":
		return line, fmt.Errorf("is not a param in JSON: that would be an object, and this is %s", kind.Value)
	case errors.As(err, &kind):
		return line, fmt.Errorf("%q cannot be %s", kind.Field, kind.Value)
	case err != nil:
		return line, fmt.Errorf("is not a param in JSON: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return line, errors.New("something follows the param")
	}
	return line, nil
}

// lifetime gives r its ttl, and when it ends.
func (l *stateLine) lifetime(r *store.Record, now time.Time) error {
	if l.TTL >= wire.AbsoluteTTL {
		return fmt.Errorf(`"ttl": %d s is more than %d`, l.TTL, wire.AbsoluteTTL-1)
	}
	if l.Absolute {
		r.TTL |= wire.AbsoluteTTL
	}
	switch {
	case l.Expires > 0 && l.TTL == 0:
		return errors.New(`"expires" without a "ttl"`)
	case l.Expires == 0 && l.TTL > 0:
		r.Expires = uint64(now.Add(time.Duration(l.TTL) * time.Second).UnixMicro())
	}
	return nil
}

// value returns the encoded value.
func (l *stateLine) value() ([]byte, error) {
	if l.Value == nil {
		return nil, errors.New(`"value" is missing`)
	}
	if l.Encoded == "" {
		return l.plain()
	}
	encoded, err := hex.DecodeString(l.Encoded)
	if err != nil {
		return nil, fmt.Errorf(`"encoded": %w`, err)
	}
	exact, err := readEncoded(encoded)
	if err != nil {
		return nil, fmt.Errorf(`"encoded": %w`, err)
	}
	// Somebody may have changed one and not the other.
	if l.Type != "" && l.Type != typeNames[exact.Code] || !sameJSON(l.Value, wire.AppendJSON(nil, exact)) {
		return nil, errors.New(`"value" and "encoded" differ: take "encoded" out if "value" is right`)
	}
	return encoded, nil
}

// sameJSON reports whether two texts say the same, however they are written: as texts, for
// a map that looks like one of the $ forms, or else as values.
func sameJSON(a, b []byte) bool {
	var compact bytes.Buffer
	if err := json.Compact(&compact, a); err == nil && bytes.Equal(compact.Bytes(), b) {
		return true
	}
	v, errA := parseJSON(a)
	w, errB := parseJSON(b)
	return errA == nil && errB == nil && bytes.Equal(wire.AppendJSON(nil, v), wire.AppendJSON(nil, w))
}

// plain returns the encoded value that value and type say.
func (l *stateLine) plain() ([]byte, error) {
	v, err := parseJSON(l.Value)
	if err != nil {
		return nil, fmt.Errorf(`"value": %w`, err)
	}
	if l.Type == "" || l.Type == typeNames[v.Code] {
		return wire.AppendValue(nil, v), nil
	}
	if x, number := v.Number(); number && l.Type == typeNames[wire.F64Code] {
		return wire.AppendAny(nil, x) // a float that is whole reads like an integer
	}
	if !slices.Contains(typeNames, l.Type) {
		return nil, fmt.Errorf(`"type": %q is not one of %s`, l.Type, joinWords(typeNames))
	}
	return nil, fmt.Errorf(`"value" reads as %s, and "type" says %s`, typeNames[v.Code], l.Type)
}

// readEncoded reads the one value that is all of b.
func readEncoded(b []byte) (wire.Value, error) {
	v, rest, err := wire.ReadValue(b)
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("%d bytes follow the value", len(rest))
	}
	return v, inWords(err)
}
