// Package netns makes network namespaces without names, and starts programs in
// them. Such a namespace leaves nothing behind: its programs end with the
// process that made it, however that ends, and the kernel removes it with its
// last user.
package netns
