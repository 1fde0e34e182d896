// Values on the command line: JSON in, JSON out (package wire has the forms for
// bytes and for floats that are no numbers).

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/clasp-studio/clasp/router/client"
	"github.com/clasp-studio/clasp/router/wire"
	"github.com/spf13/cobra"
)

// aboutValues is the part of a command's help that says how values are written.
const aboutValues = `VALUE is JSON: 0.8, true, null, "text", [1,2], {"x":1}. An integer stays one;
1.0 is a float. Bytes are {"$bytes":"00ff"}, and {"$float":"NaN"} is what JSON
lacks. A bare word is a string: hello is "hello". A VALUE of - is read from stdin.`

// parseValue reads a value from the command line. Text that is not JSON is a
// string, but only where it cannot be meant as something else.
func parseValue(text string) (wire.Value, error) {
	v, err := parseJSON([]byte(text))
	if err == nil {
		return v, nil
	}
	if json.Valid([]byte(text)) { // and yet no value: too deep, too long
		return v, fmt.Errorf("value %s: %w", shortened(text), err)
	}
	trimmed := strings.TrimSpace(text)
	word := strings.ToLower(trimmed)
	switch {
	case trimmed == "":
		return v, errors.New(`the value is empty: for the empty string write '""'`)
	case strings.ContainsRune("{[\"'+-.0123456789", rune(trimmed[0])):
		return v, fmt.Errorf("value %s: it begins like JSON but is not: %w; for a string write '\"...\"'", shortened(trimmed), err)
	case slices.Contains([]string{"true", "false", "null", "nil", "none", "nan", "inf", "infinity", "undefined"}, word):
		return v, fmt.Errorf(`value %s: is it the string '"%s"', or one of true, false, null, {"$float":"NaN"}, {"$float":"Infinity"}?`, trimmed, trimmed)
	}
	encoded, err := wire.AppendAny(nil, text)
	if err != nil {
		return v, fmt.Errorf("%s: %w", shortened(text), inWords(err))
	}
	v, _, err = wire.ReadValue(encoded)
	return v, err
}

func parseJSON(text []byte) (wire.Value, error) {
	encoded, err := wire.AppendFromJSON(nil, text)
	if err != nil {
		return wire.Value{}, inWords(err)
	}
	v, _, err := wire.ReadValue(encoded)
	return v, err
}

// inWords leaves the code out of what the wire package found wrong: there was no message yet.
func inWords(err error) error {
	var bad *wire.ProtocolError
	if errors.As(err, &bad) {
		return errors.New(bad.Message)
	}
	return err
}

// shortened is the beginning of a value, for a message about it.
func shortened(text string) string {
	const enough = 40
	runes := []rune(strings.TrimSpace(text))
	if len(runes) > enough {
		runes = append(runes[:enough], []rune("...")...)
	}
	return shown(string(runes))
}

// readValue reads the one value that is all of r.
func readValue(r io.Reader) (wire.Value, error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return wire.Value{}, fmt.Errorf("read the value from stdin: %w", err)
	}
	if len(bytes.TrimSpace(text)) == 0 {
		return wire.Value{}, errors.New("stdin is empty: it should hold a VALUE in JSON")
	}
	v, err := parseJSON(text)
	if err != nil {
		return v, fmt.Errorf("value on stdin: %w", err)
	}
	return v, nil
}

// eachValue calls f with the value of each line of stdin that is not blank, until it
// ends, ctx ends (which is no error), c ends (which is one) or f fails.
func eachValue(ctx context.Context, c *client.Client, stdin io.Reader, f func(v wire.Value) error) error {
	const name = "stdin"
	err := eachLine(ctx, c.Done(), stdin, name, func(n int, line []byte) error {
		v, err := parseJSON(line)
		if err == nil {
			err = f(v)
		}
		return atLine(name, n, err)
	})
	if err != nil {
		return err
	}
	return c.Err()
}

// withNegatives finishes what cobra has parsed up to the first argument, and
// returns the arguments. Done here because pflag takes the value -5 for flags.
// The command has SetInterspersed(false). done says that only help was wanted.
func withNegatives(cmd *cobra.Command, args []string) (plain []string, done bool, err error) {
	for len(args) > 0 {
		first := args[0]
		switch {
		case first == "--":
			return append(plain, args[1:]...), false, nil
		case len(first) < 2 || first[0] != '-' || first[1] == '.' || '0' <= first[1] && first[1] <= '9':
			plain, args = append(plain, first), args[1:]
		default:
			if err := cmd.Flags().Parse(args); err != nil {
				return nil, false, flagError(cmd, err)
			}
			args = cmd.Flags().Args()
		}
	}
	help, err := cmd.Flags().GetBool("help")
	if err == nil && help {
		return nil, true, cmd.Help()
	}
	return plain, false, err
}

// message is one line of clasp sub and clasp get with --json.
type message struct {
	Signal    string          `json:"signal,omitempty"`
	Address   string          `json:"address"`
	Value     json.RawMessage `json:"value,omitempty"`
	Samples   json.RawMessage `json:"samples,omitempty"`
	Revision  uint64          `json:"revision,omitempty"`
	Snapshot  bool            `json:"snapshot,omitempty"`
	Writer    string          `json:"writer,omitempty"`
	Timestamp int64           `json:"timestamp,omitempty"` // µs, Unix
	Phase     string          `json:"phase,omitempty"`
	ID        *uint32         `json:"id,omitempty"`
	Rate      uint32          `json:"rate,omitempty"`
}

func messageOf(m *client.Message) message {
	line := message{
		Signal: m.Signal.String(), Address: m.Address, Revision: m.Revision, Snapshot: m.Snapshot, Writer: m.Writer, Rate: m.Rate,
	}
	if m.HasValue {
		line.Value = wire.AppendJSON(nil, m.Value)
	}
	if m.Samples != nil {
		line.Samples = samplesJSON(m.Samples)
	}
	if !m.Timestamp.IsZero() {
		line.Timestamp = m.Timestamp.UnixMicro()
	}
	if m.Signal == wire.Gesture {
		line.Phase = m.Phase.String()
	}
	if m.HasID {
		line.ID = &m.ID
	}
	return line
}

func messageOfParam(p client.Param) message {
	line := message{Address: p.Address, Value: wire.AppendJSON(nil, p.Value), Revision: p.Revision, Writer: p.Writer}
	if !p.Timestamp.IsZero() {
		line.Timestamp = p.Timestamp.UnixMicro()
	}
	return line
}

// text is the line for people: signal, address, value, and what else there is to know.
func (m message) text() string {
	line := fmt.Sprintf("%-8s %s", m.Signal, shown(m.Address))
	for _, data := range [][]byte{m.Value, m.Samples} {
		if data != nil {
			line += " " + string(data)
		}
	}
	if m.Phase != "" {
		line += " phase=" + m.Phase
	}
	if m.ID != nil {
		line += " id=" + strconv.FormatUint(uint64(*m.ID), 10)
	}
	if m.Rate > 0 {
		line += " rate=" + strconv.FormatUint(uint64(m.Rate), 10)
	}
	return line
}

// shown quotes an address that would break a line or play tricks on a terminal.
func shown(address string) string {
	if strings.ContainsFunc(address, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return strconv.Quote(address)
	}
	return address
}

// printJSON writes v on one line.
func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

func samplesJSON(samples []float64) []byte {
	list := make([]any, len(samples))
	for i, x := range samples {
		list[i] = x
	}
	encoded, err := wire.AppendAny(nil, list)
	if err != nil {
		return []byte("null") // cannot be: they came in one frame
	}
	v, _, err := wire.ReadValue(encoded)
	if err != nil {
		return []byte("null")
	}
	return wire.AppendJSON(nil, v)
}

// joinWords lists words: "a, b or c".
func joinWords(words []string) string {
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// qosWords are the values of --qos, in the order of wire.QoS.
var qosWords = []string{wire.Fire.String(), wire.Confirm.String(), wire.Commit.String()}

func qosOf(word string) wire.QoS { return wire.QoS(slices.Index(qosWords, word)) }
