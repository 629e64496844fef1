#include "textflag.h"

// SHA-256 with the SHA extensions: six streams hide the latency of SHA256RNDS2, and one
// message schedule, in memory with the round constants added, serves them all.
//
// Stream s holds its state in X(2s+1) and X(2s+2): ABEF and CDGH. SHA256RNDS2 writes the
// new ABEF where CDGH was, and the old ABEF is the new CDGH: the two swap with every pair of
// rounds.

// func scheduleSHANI(kw *[64]uint32, w *[16]uint32, k *[64]uint32)
//
// W(t..t+3) = MSG2(MSG1(W(t-16..), W(t-12..)) + W(t-7..t-4), W(t-4..))

#define KW(m, off) \
	MOVOU off(DX), X5; \
	PADDL m, X5;       \
	MOVOU X5, off(DI)

#define EXPAND(m0, m1, m2, m3, off) \
	SHA256MSG1 m1, m0;  \
	MOVO       m3, X4;  \
	PALIGNR    $4, m2, X4; \
	PADDL      X4, m0;  \
	SHA256MSG2 m3, m0;  \
	KW(m0, off)

TEXT ·scheduleSHANI(SB), NOSPLIT, $0-24
	MOVQ  kw+0(FP), DI
	MOVQ  w+8(FP), SI
	MOVQ  k+16(FP), DX
	MOVOU 0(SI), X0
	MOVOU 16(SI), X1
	MOVOU 32(SI), X2
	MOVOU 48(SI), X3
	KW(X0, 0)
	KW(X1, 16)
	KW(X2, 32)
	KW(X3, 48)
	EXPAND(X0, X1, X2, X3, 64)
	EXPAND(X1, X2, X3, X0, 80)
	EXPAND(X2, X3, X0, X1, 96)
	EXPAND(X3, X0, X1, X2, 112)
	EXPAND(X0, X1, X2, X3, 128)
	EXPAND(X1, X2, X3, X0, 144)
	EXPAND(X2, X3, X0, X1, 160)
	EXPAND(X3, X0, X1, X2, 176)
	EXPAND(X0, X1, X2, X3, 192)
	EXPAND(X1, X2, X3, X0, 208)
	EXPAND(X2, X3, X0, X1, 224)
	EXPAND(X3, X0, X1, X2, 240)
	RET

// Two rounds of all streams, with ABEF in the odd registers before.
#define ODD(off, kw) \
	MOVQ        off(kw), X0;  \
	SHA256RNDS2 X0, X1, X2;   \
	SHA256RNDS2 X0, X3, X4;   \
	SHA256RNDS2 X0, X5, X6;   \
	SHA256RNDS2 X0, X7, X8;   \
	SHA256RNDS2 X0, X9, X10;  \
	SHA256RNDS2 X0, X11, X12

// And with ABEF in the even registers before.
#define EVEN(off, kw) \
	MOVQ        off(kw), X0;  \
	SHA256RNDS2 X0, X2, X1;   \
	SHA256RNDS2 X0, X4, X3;   \
	SHA256RNDS2 X0, X6, X5;   \
	SHA256RNDS2 X0, X8, X7;   \
	SHA256RNDS2 X0, X10, X9;  \
	SHA256RNDS2 X0, X12, X11

// The state after round 7: the nonce is added to A and E.
#define LOAD(s, abef, cdgh) \
	MOVOU (64*s)(SI), abef;   \
	MOVOU (64*s+16)(SI), cdgh; \
	PADDL X15, abef

// The hash value after block 5, kept for the end of block 6.
#define FEED(s, abef, cdgh) \
	MOVOU (64*s+32)(SI), X13; \
	MOVOU (64*s+48)(SI), X14; \
	PADDL X13, abef;          \
	PADDL X14, cdgh;          \
	MOVOU abef, (32*s)(SP);   \
	MOVOU cdgh, (32*s+16)(SP)

// The first word, A, and the last, H.
#define STORE(s, abef, cdgh) \
	MOVOU  (32*s)(SP), X13;    \
	MOVOU  (32*s+16)(SP), X14; \
	PADDL  X13, abef;          \
	PADDL  X14, cdgh;          \
	PEXTRD $3, abef, (4*s)(DI); \
	MOVD   cdgh, (4*s)(DX)

// func hashSHANI(first, last *[384]uint32, states *uint32, kw5, kw6 *[64]uint32, nonce uint32)
TEXT ·hashSHANI(SB), NOSPLIT, $192-44
	MOVQ first+0(FP), DI
	MOVQ last+8(FP), DX
	MOVQ states+16(FP), SI
	MOVQ kw5+24(FP), AX
	MOVQ kw6+32(FP), BX
	MOVL $(384/6), CX

	MOVL   nonce+40(FP), R8
	SHLQ   $32, R8
	MOVQ   R8, X15
	PSHUFL $0x44, X15, X15 // 0 nonce 0 nonce

group:
	LOAD(0, X1, X2)
	LOAD(1, X3, X4)
	LOAD(2, X5, X6)
	LOAD(3, X7, X8)
	LOAD(4, X9, X10)
	LOAD(5, X11, X12)

	// Block 5: rounds 0 to 7 are done.
	ODD(32, AX)
	EVEN(40, AX)
	ODD(48, AX)
	EVEN(56, AX)
	ODD(64, AX)
	EVEN(72, AX)
	ODD(80, AX)
	EVEN(88, AX)
	ODD(96, AX)
	EVEN(104, AX)
	ODD(112, AX)
	EVEN(120, AX)
	ODD(128, AX)
	EVEN(136, AX)
	ODD(144, AX)
	EVEN(152, AX)
	ODD(160, AX)
	EVEN(168, AX)
	ODD(176, AX)
	EVEN(184, AX)
	ODD(192, AX)
	EVEN(200, AX)
	ODD(208, AX)
	EVEN(216, AX)
	ODD(224, AX)
	EVEN(232, AX)
	ODD(240, AX)
	EVEN(248, AX)

	FEED(0, X1, X2)
	FEED(1, X3, X4)
	FEED(2, X5, X6)
	FEED(3, X7, X8)
	FEED(4, X9, X10)
	FEED(5, X11, X12)

	// Block 6.
	ODD(0, BX)
	EVEN(8, BX)
	ODD(16, BX)
	EVEN(24, BX)
	ODD(32, BX)
	EVEN(40, BX)
	ODD(48, BX)
	EVEN(56, BX)
	ODD(64, BX)
	EVEN(72, BX)
	ODD(80, BX)
	EVEN(88, BX)
	ODD(96, BX)
	EVEN(104, BX)
	ODD(112, BX)
	EVEN(120, BX)
	ODD(128, BX)
	EVEN(136, BX)
	ODD(144, BX)
	EVEN(152, BX)
	ODD(160, BX)
	EVEN(168, BX)
	ODD(176, BX)
	EVEN(184, BX)
	ODD(192, BX)
	EVEN(200, BX)
	ODD(208, BX)
	EVEN(216, BX)
	ODD(224, BX)
	EVEN(232, BX)
	ODD(240, BX)
	EVEN(248, BX)

	STORE(0, X1, X2)
	STORE(1, X3, X4)
	STORE(2, X5, X6)
	STORE(3, X7, X8)
	STORE(4, X9, X10)
	STORE(5, X11, X12)

	ADDQ $384, SI
	ADDQ $24, DI
	ADDQ $24, DX
	DECL CX
	JNZ  group
	RET
