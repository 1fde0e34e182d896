package history

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"
)

// Violation says what no router may have said.
type Violation struct {
	what  string
	model porcupine.Model
	info  porcupine.LinearizationInfo
	drawn bool // there is something to draw
}

func (v *Violation) Error() string { return v.what }

// Draw writes a page for a browser that shows how far an order could be found; nothing when the mistake needs none.
func (v *Violation) Draw(w io.Writer) error {
	if !v.drawn {
		return nil
	}
	return porcupine.Visualize(v.model, v.info, w)
}

// Summary says how much has been checked.
type Summary struct {
	Operations, Unanswered, Deliveries int
	Skipped                            int // revisions that a stream left out
	Parts                              int // that were searched one by one
}

// Add counts another history.
func (s *Summary) Add(other Summary) {
	s.Operations += other.Operations
	s.Unanswered += other.Unanswered
	s.Deliveries += other.Deliveries
	s.Skipped += other.Skipped
	s.Parts += other.Parts
}

// Check decides on a history that has come to its end: nobody may use the recorder any more. The error is a *Violation, or
// says that patience was not enough to decide on one part of it.
func (r *Recorder) Check(patience time.Duration) (Summary, error) {
	if behind := r.Behind(); len(behind) > 0 {
		return Summary{}, &Violation{what: behind[0]}
	}
	if err := r.checkStreams(); err != nil {
		return Summary{}, &Violation{what: err.Error()}
	}
	parts, err := r.parts()
	if err != nil {
		return Summary{}, err
	}
	sum := Summary{Operations: len(r.ops), Parts: len(parts)}
	for _, op := range r.ops {
		if op.Answer.Unknown {
			sum.Unanswered++
		}
	}
	for _, s := range r.streams {
		sum.Deliveries += len(s.told)
		sum.Skipped += s.skipped()
	}
	for _, p := range parts {
		if err := p.check(patience); err != nil {
			return sum, err
		}
	}
	return sum, nil
}

// part is what can be checked alone: addresses that no bundle ties to others.
type part struct {
	model
	ops []porcupine.Operation
}

// parts splits the history. The end of a session and that of the router belong to every part.
func (r *Recorder) parts() ([]*part, error) {
	tied := make(map[string]string) // address to another of its part; the first of it to itself
	root := func(a string) string {
		if _, ok := tied[a]; !ok {
			tied[a] = a
		}
		for tied[a] != a {
			a = tied[a]
		}
		return a
	}
	for _, op := range r.ops {
		if op.Kind == Read {
			root(op.Address)
		}
		for i := range op.Writes {
			tied[root(op.Writes[i].Address)] = root(op.Writes[0].Address)
		}
	}
	byRoot := make(map[string]*part)
	for a := range tied {
		p := byRoot[root(a)]
		if p == nil {
			p = &part{model: model{sessions: make(map[string]int)}}
			byRoot[root(a)] = p
		}
		p.names = append(p.names, a)
	}
	var all []*part
	for _, p := range byRoot {
		slices.Sort(p.names)
		if len(p.names) > most {
			return nil, fmt.Errorf("%d addresses are tied by bundles, and the model has room for %d: %q", len(p.names), most, p.names)
		}
		for i, a := range p.names {
			p.strategies[i] = r.strategies[a]
		}
		for _, op := range r.ops {
			p.add(op)
		}
		all = append(all, p)
	}
	return all, nil
}

// add takes an operation in that concerns the part.
func (p *part) add(op *Op) {
	if _, ok := p.sessions[op.Session]; !ok && op.Session != "" {
		p.sessions[op.Session] = len(p.sessions) + 1
	}
	in := &input{Op: op, session: p.sessions[op.Session]}
	addresses := []string{op.Address}
	switch op.Kind {
	case Leave, Restart:
		addresses = nil
	case Write:
		addresses = addresses[:0]
		for i := range op.Writes {
			addresses = append(addresses, op.Writes[i].Address)
		}
	}
	for _, a := range addresses {
		i, ok := slices.BinarySearch(p.names, a)
		if !ok {
			return // of a bundle all are in one part
		}
		in.at = append(in.at, i)
	}
	p.ops = append(p.ops, porcupine.Operation{ClientId: op.Client, Input: in, Call: op.Call, Return: op.Return})
}

func (p *part) check(patience time.Duration) error {
	m := p.porcupine()
	result, info := porcupine.CheckOperationsVerbose(m, p.ops, patience)
	switch result {
	case porcupine.Ok:
		return nil
	case porcupine.Unknown:
		return fmt.Errorf("%d operations on %q: not decided within %v", len(p.ops), p.names, patience)
	}
	ordered, stuck := p.furthest(&info)
	return &Violation{
		what:  fmt.Sprintf("no order of the %d operations on %q gives these answers: %d can be ordered, and then not %v", len(p.ops), p.names, ordered, stuck),
		model: m, info: info, drawn: true,
	}
}

// furthest returns how many operations the longest order has, and of those that are not in it the one that was over first.
func (p *part) furthest(info *porcupine.LinearizationInfo) (ordered int, stuck *Op) {
	var longest []porcupine.Operation
	for _, orders := range info.PartialLinearizationsOperations() {
		for _, order := range orders {
			if len(order) > len(longest) {
				longest = order
			}
		}
	}
	placed := make(map[*input]bool)
	for _, op := range longest {
		placed[op.Input.(*input)] = true
	}
	var left []*Op
	for _, op := range p.ops {
		if in := op.Input.(*input); !placed[in] {
			left = append(left, in.Op)
		}
	}
	return len(longest), slices.MinFunc(left, func(a, b *Op) int { return cmp.Compare(a.Return, b.Return) })
}
