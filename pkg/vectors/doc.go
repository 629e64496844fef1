// Package vectors makes and checks the numeric test vectors of docs/vectors:
// NTCP2 handshakes, tunnel build records and ratchet messages.
//
// Every vector exists twice. The toolkit's engines write the bytes on the wire,
// drawing all randomness from a Stream. Compute then works through the same
// messages a second time, step by step as the specification writes them, with
// nothing but the plain primitives (X25519, ChaCha20-Poly1305, AES, HMAC,
// SHA-256 and big integers), notes every value in between, and fails where a
// byte differs from what the engine wrote.
//
// Compute needs the private keys of one side only. The interop test therefore
// makes vectors with a running i2pd as the other side, by the same functions.
package vectors
