package vectors

import "bytes"

const (
	shownTags = 8  // tags and keys listed for each tag set
	moreTags  = 64 // tags by which messages are found
)

// TagSet is one tag set. A state is made from root and K by DH_INITIALIZE.
type TagSet struct {
	From    string `json:"from"`
	ID      int    `json:"id"`
	Root    Hex    `json:"root_key"`
	K       Hex    `json:"k"`
	Next    Hex    `json:"next_root_key"`
	CK      Hex    `json:"tagset_chain_key"`
	TagKey  Hex    `json:"session_tag_chain_key"` // before the first tag
	TagC    Hex    `json:"session_tag_constant"`
	SymmKey Hex    `json:"symmetric_chain_key"` // before the first key
	Tags    []Hex  `json:"tags"`                // from number 0 on
	Keys    []Hex  `json:"keys,omitempty"`

	more []Hex // further tags, to find messages by
}

// newTagSet is DH_INITIALIZE and the first steps of both ratchets.
func newTagSet(from string, id int, root, k []byte) *TagSet {
	t := &TagSet{From: from, ID: id, Root: root, K: k}
	out := expand(root, k, "KDFDHRatchetStep", 64)
	t.Next, t.CK = out[:32], out[32:]
	out = expand(t.CK, nil, "TagAndKeyGenKeys", 64)
	tagKey, symmKey := out[:32], out[32:]
	out = expand(tagKey, nil, "STInitialization", 64)
	t.TagKey, t.TagC, t.SymmKey = out[:32], out[32:], symmKey
	tagCK, symmCK := []byte(t.TagKey), []byte(t.SymmKey)
	for n := range moreTags {
		tag := expand(tagCK, t.TagC, "SessionTagKeyGen", 64)
		tagCK = tag[:32]
		t.more = append(t.more, tag[32:40])
		if n < shownTags {
			key := expand(symmCK, nil, "SymmetricRatchet", 64)
			symmCK = key[:32]
			t.Keys = append(t.Keys, key[32:])
		}
	}
	t.Tags = t.more[:shownTags]
	return t
}

// find is the number of a tag, or -1.
func (t *TagSet) find(tag []byte) int {
	for n, o := range t.more {
		if bytes.Equal(o, tag) {
			return n
		}
	}
	return -1
}

// key is the n-th symmetric key.
func (t *TagSet) key(n int) Hex {
	ck := []byte(t.SymmKey)
	for {
		out := expand(ck, nil, "SymmetricRatchet", 64)
		if n == 0 {
			return out[32:]
		}
		ck, n = out[:32], n-1
	}
}
