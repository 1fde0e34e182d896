// The flags of clasp token that are more than text: patterns, constraints, how long a token is good.

package main

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/clasp-studio/clasp/router/address"
	"github.com/clasp-studio/clasp/router/auth"
)

// patternsFlag collects patterns, one a flag: a comma may be in an address.
type patternsFlag []string

func (f *patternsFlag) Set(text string) error {
	_, err := address.Compile(text)
	if err == nil {
		*f = append(*f, text)
	}
	return err
}

func (f *patternsFlag) String() string { return "" } // there is no default to show
func (f *patternsFlag) Type() string   { return "PATTERN" }

// constraintFlags collects what --range and --max-rate say, by pattern.
type constraintFlags struct{ list []auth.Constraint }

// of returns the constraint that text, "PATTERN=VALUE", is about, and the value. An address may hold a '='.
func (f *constraintFlags) of(text string) (*auth.Constraint, string, error) {
	at := strings.LastIndexByte(text, '=')
	if at < 0 {
		return nil, "", errors.New("there is no '=' after the pattern")
	}
	p, err := address.Compile(text[:at])
	if err != nil {
		return nil, "", err
	}
	for i := range f.list {
		if f.list[i].Pattern == p.String() {
			return &f.list[i], text[at+1:], nil
		}
	}
	f.list = append(f.list, auth.Constraint{Pattern: p.String()})
	return &f.list[len(f.list)-1], text[at+1:], nil
}

type rangeFlag struct{ *constraintFlags }

func (f rangeFlag) Set(text string) error {
	c, value, err := f.of(text)
	if err != nil {
		return err
	}
	from, to, ok := strings.Cut(value, "..")
	low, err := strconv.ParseFloat(from, 64)
	high, err2 := strconv.ParseFloat(to, 64)
	if !ok || err != nil || err2 != nil || !(low <= high) || math.IsInf(low, 0) || math.IsInf(high, 0) {
		return fmt.Errorf("%q is not MIN..MAX, two numbers of which the second is not the smaller one", value)
	}
	c.HasRange, c.Min, c.Max = true, low, high
	return nil
}

func (f rangeFlag) String() string { return "" }
func (f rangeFlag) Type() string   { return "PATTERN=MIN..MAX" }

type rateFlag struct{ *constraintFlags }

func (f rateFlag) Set(text string) error {
	c, value, err := f.of(text)
	if err != nil {
		return err
	}
	if c.MaxRate, err = strconv.ParseFloat(value, 64); err != nil || !(c.MaxRate > 0) || math.IsInf(c.MaxRate, 1) {
		return fmt.Errorf("%q is not a number above 0", value)
	}
	return nil
}

func (f rateFlag) String() string { return "" }
func (f rateFlag) Type() string   { return "PATTERN=N" }

// lifetime is a flag in hours and the like ("90m", "24h"), or in days ("30d").
type lifetime time.Duration

func (l *lifetime) Set(text string) error {
	inHours := text
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.ParseFloat(days, 64)
		if err != nil {
			return errNoLifetime
		}
		inHours = strconv.FormatFloat(24*n, 'f', -1, 64) + "h"
	}
	d, err := time.ParseDuration(inHours)
	if err != nil || d < time.Second {
		return errNoLifetime
	}
	*l = lifetime(d)
	return nil
}

var errNoLifetime = errors.New("is not a time of a second or more, as in 90m, 24h or 30d")

func (l *lifetime) String() string { return "" }
func (l *lifetime) Type() string   { return "TIME" }
