// clasp token inspect: what a token allows, until when, and whether a router would take it.

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/clasp-studio/clasp/router/auth"
	"github.com/clasp-studio/clasp/router/smallfile"
	"github.com/spf13/cobra"
)

// tokenReport is what clasp token inspect --json prints.
type tokenReport struct {
	Algorithm   string             `json:"algorithm"`
	Verdict     string             `json:"verdict"`          // one of the constants below
	Reason      string             `json:"reason,omitempty"` // why it is refused, in one word
	Error       string             `json:"error,omitempty"`
	Subject     string             `json:"subject,omitempty"`
	ID          string             `json:"id,omitempty"`
	Issuer      string             `json:"issuer,omitempty"`
	Audience    []string           `json:"audience,omitempty"`
	Issued      *time.Time         `json:"issued,omitempty"`
	NotBefore   *time.Time         `json:"not_before,omitempty"`
	Expires     *time.Time         `json:"expires,omitempty"`
	Read        []string           `json:"read"`
	Write       []string           `json:"write"`
	Emit        []string           `json:"emit"`
	Subscribe   []string           `json:"subscribe"`
	Constraints []constraintReport `json:"constraints"`
}

type constraintReport struct {
	Pattern string      `json:"pattern"`
	Range   *[2]float64 `json:"range,omitempty"`
	MaxRate float64     `json:"maxRate,omitempty"`
}

const (
	verdictGood      = "good"
	verdictRefused   = "refused"
	verdictUnchecked = "unchecked" // there is no key to check it with
)

func newTokenInspectCommand() *cobra.Command {
	var secret secretFlags
	var options auth.Options
	var publicKey string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "inspect [TOKEN|-]",
		Short: "Say what a token allows, and until when",
		Long: `Say what a token allows, and until when. The token is read from stdin if none is
given: on the command line, every user of the machine sees it.

With a secret or a public key it is checked as a router does, too. Without one, nothing
of what is printed can be believed.

Exit codes: 0 it can be read and, with a key, is good; 1 it is not.`,
		Example: `  clasp token inspect < desk.token
  clasp token inspect --secret-file token.secret < desk.token
  echo "$TOKEN" | clasp token inspect --public-key token.pub --json`,
		Args: cobra.MaximumNArgs(1),
	}
	secret.add(cmd, "Check")
	cmd.MarkFlagsMutuallyExclusive("secret-file", "secret")
	flags := cmd.Flags()
	flags.StringVar(&publicKey, "public-key", "", "Check with the RSA public key in `FILE`, PEM (RS256)")
	flags.StringVar(&options.Issuer, "issuer", "", "Check that it is from the issuer `NAME`")
	flags.StringVar(&options.Audience, "audience", "", "Check that it is for the router `NAME`")
	flags.BoolVar(&asJSON, "json", false, "Print JSON")
	cmd.RunE = func(cmd *cobra.Command, args []string) (err error) {
		if options.Secret, err = secret.read(cmd.ErrOrStderr()); err != nil {
			return err
		}
		if publicKey != "" {
			if options.PublicKey, _, err = smallfile.Read(publicKey); err != nil {
				return fmt.Errorf("read the public key: %s: %w", publicKey, err)
			}
		}
		verifier, err := auth.NewVerifier(options)
		if err != nil {
			return err
		}
		text, err := tokenGiven(cmd, args)
		if err != nil {
			return err
		}
		now := time.Now()
		r, err := inspectToken(verifier, text, now)
		if err != nil {
			return err
		}
		out := cmd.OutOrStdout()
		if asJSON {
			err = printJSON(out, r)
		} else {
			_, err = io.WriteString(out, r.words(now))
		}
		if err == nil && r.Verdict == verdictRefused {
			return exitError{code: exitFailure}
		}
		return err
	}
	return cmd
}

// tokenGiven returns the token of the command line, or of stdin without the blanks and line ends around it.
func tokenGiven(cmd *cobra.Command, args []string) (string, error) {
	if len(args) == 1 && args[0] != "-" {
		return args[0], nil
	}
	text, err := io.ReadAll(io.LimitReader(cmd.InOrStdin(), smallfile.Limit))
	if err != nil {
		return "", fmt.Errorf("read the token from stdin: %w", err)
	}
	return string(bytes.TrimSpace(text)), nil
}

// inspectToken fails if there is nothing to show.
func inspectToken(v *auth.Verifier, text string, now time.Time) (*tokenReport, error) {
	t, algorithm, err := auth.Decode(text)
	if err != nil {
		return nil, err
	}
	r := &tokenReport{
		Algorithm: algorithm, Verdict: verdictUnchecked, Subject: t.Subject, ID: t.ID, Issuer: t.Issuer, Audience: t.Audience,
		Issued: stated(t.Issued), NotBefore: stated(t.NotBefore), Expires: stated(t.Expires),
		// What is appended to an empty list is one in JSON too, and not null.
		Read: append([]string{}, t.Claims.Read...), Write: append([]string{}, t.Claims.Write...),
		Emit: append([]string{}, t.Claims.Emit...), Subscribe: append([]string{}, t.Claims.Subscribe...),
		Constraints: []constraintReport{},
	}
	for _, c := range t.Claims.Constraints {
		one := constraintReport{Pattern: c.Pattern, MaxRate: c.MaxRate}
		if c.HasRange {
			one.Range = &[2]float64{c.Min, c.Max}
		}
		r.Constraints = append(r.Constraints, one)
	}
	if !v.Keyed() {
		return r, nil
	}
	r.Verdict = verdictGood
	var refused *auth.Error
	if _, err := v.Verify(text, now); errors.As(err, &refused) {
		r.Verdict, r.Reason, r.Error = verdictRefused, refused.Reason, refused.Err.Error()
	}
	return r, nil
}

// stated returns nil for a time that a token does not state.
func stated(at time.Time) *time.Time {
	if at.IsZero() {
		return nil
	}
	at = at.UTC()
	return &at
}

// words are the report for a person, a line a fact.
func (r *tokenReport) words(now time.Time) string {
	var b strings.Builder
	line := func(name, value string) { fmt.Fprintf(&b, "%-11s%s\n", name, value) }
	switch r.Verdict {
	case verdictGood:
		line("token", "good: signed with this key ("+r.Algorithm+")")
	case verdictRefused:
		line("token", "REFUSED ("+r.Reason+"): "+r.Error)
	default:
		line("token", "not checked ("+r.Algorithm+"): give --secret-file or --public-key")
	}
	for _, fact := range []struct{ name, value string }{
		{"subject", r.Subject}, {"id", r.ID}, {"issuer", r.Issuer}, {"audience", strings.Join(r.Audience, ", ")},
	} {
		if fact.value != "" {
			line(fact.name, shown(fact.value))
		}
	}
	if r.Issued != nil {
		line("made", when(*r.Issued, now))
	}
	if r.NotBefore != nil {
		line("begins", when(*r.NotBefore, now))
	}
	if r.Expires != nil {
		line("expires", when(*r.Expires, now))
	} else {
		line("expires", "never")
	}
	none := true
	for _, right := range []struct {
		name, means string
		patterns    []string
	}{
		{"read", "get and subscribe to", r.Read},
		{"write", "set, and send signals to", r.Write},
		{"emit", "send signals to", r.Emit},
		{"subscribe", "subscribe to", r.Subscribe},
	} {
		for _, pattern := range right.patterns {
			line(right.name, "may "+right.means+" "+shown(pattern))
			none = false
		}
	}
	if none {
		line("rights", "none: it may connect, and nothing else")
	}
	for _, c := range r.Constraints {
		line("limit", c.words())
	}
	return b.String()
}

func (c *constraintReport) words() string {
	var limits []string
	if c.Range != nil {
		limits = append(limits, fmt.Sprintf("from %g to %g", c.Range[0], c.Range[1]))
	}
	if c.MaxRate > 0 {
		limits = append(limits, fmt.Sprintf("at most %g times a second", c.MaxRate))
	}
	if len(limits) == 0 {
		limits = []string{"none"}
	}
	return "writes to " + shown(c.Pattern) + ": " + strings.Join(limits, ", ")
}

// when says a time, and how far it is off.
func when(at, now time.Time) string {
	text := at.Format("2006-01-02 15:04:05 MST")
	if d := at.Sub(now); d > 0 {
		return text + ", in " + roughly(d)
	}
	return text + ", " + roughly(now.Sub(at)) + " ago"
}

// roughly rounds a time as people say it.
func roughly(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d >= 2*day:
		return fmt.Sprintf("%d days", d.Round(day)/day)
	case d >= 2*time.Hour:
		return fmt.Sprintf("%d hours", d.Round(time.Hour)/time.Hour)
	case d >= 2*time.Minute:
		return fmt.Sprintf("%d minutes", d.Round(time.Minute)/time.Minute)
	case d >= 2*time.Second:
		return fmt.Sprintf("%d seconds", d.Round(time.Second)/time.Second)
	default:
		return "a moment"
	}
}
