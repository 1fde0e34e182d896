// The values under one pattern.

package subs

import "slices"

// indexAbove is the size past which a set keeps an index. Below, looking at each value is as quick and takes no memory;
// above, ten thousand sessions that all watch "/**" and all leave would look at fifty million.
const indexAbove = 32

// set holds each value once, packed, so that a match copies them in one go.
type set[T any] struct {
	values []*T
	one    [1]*T      // room for values while there is only one: most sets never hold two
	index  map[*T]int // position in values; nil until the set has been large
}

func (s *set[T]) find(v *T) int {
	if s.index == nil {
		return slices.Index(s.values, v)
	}
	if i, ok := s.index[v]; ok {
		return i
	}
	return -1
}

func (s *set[T]) add(v *T) bool {
	if s.find(v) >= 0 {
		return false
	}
	if len(s.values) == 0 {
		s.values = s.one[:0]
	}
	if s.values = append(s.values, v); len(s.values) == 2 {
		s.one[0] = nil // both are elsewhere now; this would keep the first from the collector
	}
	switch {
	case s.index != nil:
		s.index[v] = len(s.values) - 1
	case len(s.values) > indexAbove:
		s.index = make(map[*T]int, 2*len(s.values))
		for i, v := range s.values {
			s.index[v] = i
		}
	}
	return true
}

// remove moves the last value into the place of the one that goes.
func (s *set[T]) remove(v *T) bool {
	i := s.find(v)
	if i < 0 {
		return false
	}
	last := len(s.values) - 1
	moved := s.values[last]
	s.values[i] = moved
	s.values[last] = nil // or it would be kept from the collector
	s.values = s.values[:last]
	if s.index != nil {
		s.index[moved] = i
		delete(s.index, v)
	}
	if last == 0 {
		*s = set[T]{}
	}
	return true
}
