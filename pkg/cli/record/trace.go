package record

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"i2ptoolkit/pkg/cli"
	"i2ptoolkit/pkg/control"
	"i2ptoolkit/pkg/i2p"
	"i2ptoolkit/pkg/leaseset"
)

// Trace is how a lookup went, and why so.
type Trace struct {
	Name       string         `json:"name"` // as it was asked for
	Found      bool           `json:"found"`
	Kind       string         `json:"kind"`
	Hash       string         `json:"hash"`
	Time       time.Time      `json:"time"`
	RoutingKey string         `json:"routing_key"`
	TookMillis int64          `json:"took_ms"`
	Asked      []control.Step `json:"asked"`
	Source     string         `json:"source,omitempty"`
	Why        string         `json:"why"` // in plain words
	Error      string         `json:"error,omitempty"`
}

// OfTrace describes a lookup of what a name stands for, which may be a host's.
func OfTrace(name string, n i2p.Name, t control.Trace, now time.Time) Trace {
	shown := Trace{
		Name: name, Found: t.Error == nil, Kind: t.Kind, Hash: t.Hash, Time: t.Time,
		RoutingKey: t.RoutingKey, TookMillis: t.TookMillis, Asked: t.Asked, Source: t.Source,
	}
	var why []string
	if t.Error != nil {
		shown.Error = cli.Text(t.Error)
		why = whyNot(t, n.Kind == i2p.NameBlinded)
	} else {
		why = append(whence(t, now), opens(n, t, now)...)
	}
	shown.Why = strings.Join(why, " ")
	return shown
}

// whence says where an entry came from, and what is wrong with it.
func whence(t control.Trace, now time.Time) (said []string) {
	perhaps := 0
	for _, s := range t.Asked {
		switch s.Answer {
		case control.AnswerGave:
			said = append(said, fmt.Sprintf("Floodfill %s gave it.", s.Floodfill))
		case control.AnswerPerhaps:
			perhaps++
		}
	}
	switch {
	case t.Source == control.SourceStore:
		said = append(said, "No floodfill gave it: the router had it in its own store.")
	case perhaps > 0:
		said = append(said, fmt.Sprintf("It came from one of the %d that had not answered: an entry does not say who sends it.", perhaps))
	case len(said) == 0:
		said = append(said, "It came when no answer was outstanding: from one that was asked for it before.")
	}
	entry, err := Of(*t.Record, now)
	if err != nil {
		return append(said, "It cannot be read: "+cli.Text(err)+".")
	}
	switch _, state, _ := entry.Verdict(); {
	case state == Valid:
	case t.Kind == control.KindLeaseSet && state == "expired":
		said = append(said, "It has expired: the destination has gone, or one of the clocks is wrong.")
	default:
		said = append(said, fmt.Sprintf("It is of no use: %s.", state))
	}
	return said
}

// opens says of an encrypted lease set who can read it.
func opens(n i2p.Name, t control.Trace, now time.Time) []string {
	if n.Kind != i2p.NameBlinded {
		return nil
	}
	set, err := leaseset.Parse(t.Record.StoreType, t.Record.Data)
	if err != nil {
		return nil // it has been said
	}
	sealed, ok := set.(*leaseset.EncryptedLeaseSet)
	if !ok {
		return []string{"It is not encrypted, as the address says that it is."}
	}
	_, err = sealed.Open(leaseset.Reader{Address: n.Blinded}, now)
	switch {
	case err == nil:
		return []string{"It is encrypted, and opens for whoever has the address."}
	case errors.Is(err, leaseset.ErrKeyNeeded):
		return []string{"It is encrypted, and its owner lets in only clients with a key: i2cp.leaseSetPrivKey has that of a connection."}
	}
	return []string{"It is encrypted, and does not open: " + cli.Text(err) + "."}
}

// whyNot says why an entry was not found, and what may be the cause.
func whyNot(t control.Trace, blinded bool) []string {
	asked, answered, pending := counted(t.Asked)
	switch {
	case len(t.Asked) == 0 && t.Error.Code == control.Unreachable:
		return []string{"The router knows no floodfill that it could ask: i2p-router status says what it lacks."}
	case len(t.Asked) == 0:
		return []string{"Nobody was asked: " + cli.Text(t.Error) + "."}
	case asked == 0:
		return []string{"No floodfill could be asked: the router has no tunnel to ask through, or reaches nobody. i2p-router status says what it lacks."}
	case t.Error.Code == control.NotFound && blinded:
		return append(notThere(asked, answered), "Nothing is published at this address, or its service is off.",
			fmt.Sprintf("What is encrypted lies under another hash on each day, this one is that of %s (UTC): a wrong clock looks in the wrong place.", t.Time.Format(time.DateOnly)))
	case t.Error.Code == control.NotFound && t.Kind == control.KindLeaseSet:
		return append(notThere(asked, answered), "The destination is off, or does not publish its lease set, or nobody has this address.")
	case t.Error.Code == control.NotFound:
		return append(notThere(asked, answered), "The router is off, or hidden, or has not published itself yet.")
	case answered > 0:
		return []string{fmt.Sprintf("The time was up: of %s asked until then %d had answered, without having it. --timeout gives more.", floodfills(asked), answered)}
	case pending > 0:
		return []string{fmt.Sprintf("The time was up before an answer came, of %s asked. --timeout gives more.", floodfills(asked))}
	}
	return []string{fmt.Sprintf("Nobody answered, of %s asked: they are off, or the tunnels that were used lose messages. It may go better a minute later.", floodfills(asked))}
}

// counted are the floodfills that were asked, however often, and those of them that answered, and
// the questions that were not waited for to the end.
func counted(steps []control.Step) (asked, answered, pending int) {
	sent, heard := make(map[string]bool), make(map[string]bool)
	for _, s := range steps {
		switch s.Answer {
		case control.AnswerUnsent:
			continue
		case control.AnswerNamed, control.AnswerGave:
			heard[s.Floodfill] = true
		case control.AnswerPending:
			pending++
		}
		sent[s.Floodfill] = true
	}
	return len(sent), len(heard), pending
}

func notThere(asked, answered int) []string {
	switch {
	case asked == 1:
		return []string{"The one floodfill that was asked does not have it."}
	case answered == asked:
		return []string{fmt.Sprintf("None of the %d floodfills that were asked has it.", asked)}
	case answered == 1:
		return []string{fmt.Sprintf("Of the %d floodfills that were asked one answered, and does not have it.", asked)}
	}
	return []string{fmt.Sprintf("Of the %d floodfills that were asked %d answered, and do not have it.", asked, answered)}
}

func floodfills(n int) string {
	if n == 1 {
		return "1 floodfill"
	}
	return fmt.Sprintf("%d floodfills", n)
}

// Print prints the description.
func (t Trace) Print(w io.Writer) error {
	head := cli.NewTable(w)
	head.Row("name", t.Name)
	head.Row(t.Kind, t.Hash)
	head.Rowf("routing key", "%s on %s", t.RoutingKey, t.Time.UTC().Format(time.DateOnly))
	head.Rowf("took", "%d ms", t.TookMillis)
	if err := head.Flush(); err != nil {
		return err
	}
	if len(t.Asked) > 0 {
		fmt.Fprintln(w)
		if err := PrintSteps(w, t.Asked); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, "\n%s\n", cli.Clean(t.Why))
	return err
}

// PrintSteps shows what floodfills answered, one in a row.
func PrintSteps(w io.Writer, all []control.Step) error {
	t := cli.NewTable(w)
	t.Row("AT", "FLOODFILL", "BITS", "TOOK", "ANSWER")
	for _, s := range all {
		took := "-"
		switch s.Answer {
		case control.AnswerGave, control.AnswerNamed, control.AnswerTook:
			took = fmt.Sprintf("%d ms", s.TookMillis)
		}
		t.Row(fmt.Sprintf("%d ms", s.AfterMillis), s.Floodfill, s.SharedBits, took, answerText(s))
	}
	return t.Flush()
}

// answerText says what a floodfill answered.
func answerText(s control.Step) string {
	switch s.Answer {
	case control.AnswerGave:
		return "gave the entry"
	case control.AnswerTook:
		return "has taken it"
	case control.AnswerPerhaps:
		return "perhaps gave the entry"
	case control.AnswerNone:
		return "nothing"
	case control.AnswerPending:
		return "nothing yet"
	case control.AnswerUnsent:
		return "could not be reached"
	case control.AnswerNamed:
		return fmt.Sprintf("does not have it; named %d, %d of them new", s.Named, s.New)
	}
	return s.Answer
}
