package naming

import "i2ptoolkit/pkg/control"

// Control is the entry in the words of the control API.
func (e Entry) Control() control.Name {
	return control.Name{Name: e.Name, Book: e.Book, Destination: e.Destination.Base64(), B32: e.Destination.B32()}
}

// Control is the report in the words of the control API.
func (r Report) Control() control.NamesReport {
	out := control.NamesReport{
		Lines: r.Lines, Added: r.Added, Changed: r.Changed, Updated: r.Updated, Removed: r.Removed, Known: r.Known,
		Conflicts: r.Conflicts, Replayed: r.Replayed, Forged: r.Forged, Unsigned: r.Unsigned, Invalid: r.Invalid, Expired: r.Expired, Full: r.Full,
		Examples: r.Examples,
	}
	for _, c := range r.Changes {
		out.Changes = append(out.Changes, control.NameChange(c))
	}
	return out
}

// Control is the subscription in the words of the control API.
func (f Feed) Control() control.Feed {
	return control.Feed{URL: f.URL, Checked: f.Checked, Next: f.Next, Failures: f.Failures, Problem: f.Problem}
}
