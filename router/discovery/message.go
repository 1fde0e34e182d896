// Reading multicast DNS messages.

package discovery

import (
	"errors"

	"golang.org/x/net/dns/dnsmessage"
)

// topBit asks for a unicast answer in the class of a question, and says that old records
// of the name are void in that of an answer (RFC 6762 section 18.12 and 18.13).
const topBit = 1 << 15

// message is what matters of a message. Answers are those of the answer and additional
// sections, which mean the same here.
type message struct {
	id        uint16
	response  bool
	questions []dnsmessage.Question
	answers   []dnsmessage.Resource
	proposed  []dnsmessage.Resource // the authority section: what a probe wants to claim
}

// parse reads a message. A name or record that the codec cannot read, such as one of another
// service with a dot in a label, is passed over and not the end of it: neighbours put
// everything they want to know into one message.
func parse(packet []byte) (message, error) {
	var p dnsmessage.Parser
	header, err := p.Start(packet)
	if err != nil {
		return message{}, err
	}
	m := message{id: header.ID, response: header.Response}
	if header.OpCode != 0 || header.RCode != 0 {
		return message{}, errors.New("not a query or an answer") // to be ignored: RFC 6762 section 18.3
	}
	for {
		q, err := p.Question()
		if errors.Is(err, dnsmessage.ErrSectionDone) {
			break
		}
		if err != nil {
			if err := p.SkipQuestion(); err != nil {
				return message{}, err
			}
			continue
		}
		m.questions = append(m.questions, q)
	}
	for _, section := range []struct {
		header func() (dnsmessage.ResourceHeader, error)
		skip   func() error
		into   *[]dnsmessage.Resource
	}{
		{p.AnswerHeader, p.SkipAnswer, &m.answers},
		{p.AuthorityHeader, p.SkipAuthority, &m.proposed},
		{p.AdditionalHeader, p.SkipAdditional, &m.answers},
	} {
		for {
			h, err := section.header()
			if errors.Is(err, dnsmessage.ErrSectionDone) {
				break
			}
			if err == nil {
				if body := body(&p, h.Type); body != nil {
					*section.into = append(*section.into, dnsmessage.Resource{Header: h, Body: body})
					continue
				}
			}
			if err := section.skip(); err != nil {
				return message{}, err
			}
		}
	}
	return m, nil
}

// body reads the record whose header has been read, or returns nil for one that is of no
// interest or cannot be read. The parser is then still in front of it.
func body(p *dnsmessage.Parser, kind dnsmessage.Type) dnsmessage.ResourceBody {
	switch kind {
	case dnsmessage.TypeA:
		if r, err := p.AResource(); err == nil {
			return &r
		}
	case dnsmessage.TypePTR:
		if r, err := p.PTRResource(); err == nil {
			return &r
		}
	case dnsmessage.TypeSRV:
		if r, err := p.SRVResource(); err == nil {
			return &r
		}
	case dnsmessage.TypeTXT:
		if r, err := p.TXTResource(); err == nil {
			return &r
		}
	}
	return nil
}
