package cli

import "i2ptoolkit/pkg/i2p"

// NoteJava warns, unless -q was given, of an address that Java I2P, which most
// of the network runs, sends nothing to. What names it in the message.
func NoteJava(c *Context, what string, id i2p.Identity) {
	if id.JavaSends() {
		return
	}
	Notef(c, "%s: Java I2P sends nothing to an address with encryption type %d, which is for routers", what, id.CryptoType())
	Notef(c, "hint: an address stays as it is: i2p-keygen dest makes another, which all can reach")
}
