#include "textflag.h"

// SHA-256 with the ARMv8 cryptographic extension: six streams hide the latency of SHA256H
// and SHA256H2, and one message schedule, in memory with the round constants added, serves
// them all. Stream s holds abcd in V(2s) and efgh in V(2s+1), and in V(19+2s) and V(20+2s)
// what is added to them after the block.

// Four rounds of one stream; V12 is W+K.
#define STREAM(abcd, efgh, old) \
	VMOV     abcd.B16, old.B16;       \
	SHA256H  V12.S4, efgh, abcd;      \
	SHA256H2 V12.S4, old, efgh

// Four rounds of all streams.
#define ROUNDS4 \
	VLD1.P 16(R4), [V12.S4];  \
	STREAM(V0, V1, V13);      \
	STREAM(V2, V3, V14);      \
	STREAM(V4, V5, V15);      \
	STREAM(V6, V7, V16);      \
	STREAM(V8, V9, V17);      \
	STREAM(V10, V11, V18)

// Loads a stream's state after round 7, and its midstate to where it is added.
#define LOAD(abcd, efgh, mid0, mid1) \
	VLD1.P 64(R2), [abcd.S4, efgh.S4, mid0.S4, mid1.S4]

// func hashSHA2(first, last *[384]uint32, states *uint32, kw5, kw6 *[64]uint32, nonce uint32)
TEXT ·hashSHA2(SB), NOSPLIT, $0-44
	MOVD first+0(FP), R0
	MOVD last+8(FP), R1
	MOVD states+16(FP), R2
	MOVD kw5+24(FP), R6
	MOVD kw6+32(FP), R7
	ADD  $32, R6
	MOVWU nonce+40(FP), R8
	VEOR V31.B16, V31.B16, V31.B16
	VMOV R8, V31.S[0]
	MOVD $(384/6), R3

group:
	// Four registers that VLD1 fills must follow each other: the streams are loaded into
	// V12.. and moved.
	LOAD(V12, V13, V14, V15)
	VMOV V12.B16, V0.B16
	VMOV V13.B16, V1.B16
	VMOV V14.B16, V19.B16
	VMOV V15.B16, V20.B16
	LOAD(V12, V13, V14, V15)
	VMOV V12.B16, V2.B16
	VMOV V13.B16, V3.B16
	VMOV V14.B16, V21.B16
	VMOV V15.B16, V22.B16
	LOAD(V12, V13, V14, V15)
	VMOV V12.B16, V4.B16
	VMOV V13.B16, V5.B16
	VMOV V14.B16, V23.B16
	VMOV V15.B16, V24.B16
	LOAD(V12, V13, V14, V15)
	VMOV V12.B16, V6.B16
	VMOV V13.B16, V7.B16
	VMOV V14.B16, V25.B16
	VMOV V15.B16, V26.B16
	LOAD(V12, V13, V14, V15)
	VMOV V12.B16, V8.B16
	VMOV V13.B16, V9.B16
	VMOV V14.B16, V27.B16
	VMOV V15.B16, V28.B16
	LOAD(V12, V13, V14, V15)
	VMOV V12.B16, V10.B16
	VMOV V13.B16, V11.B16
	VMOV V14.B16, V29.B16
	VMOV V15.B16, V30.B16

	// Block 5: rounds 0 to 7 are done; the nonce is added to a and e.
	VADD V31.S4, V0.S4, V0.S4
	VADD V31.S4, V1.S4, V1.S4
	VADD V31.S4, V2.S4, V2.S4
	VADD V31.S4, V3.S4, V3.S4
	VADD V31.S4, V4.S4, V4.S4
	VADD V31.S4, V5.S4, V5.S4
	VADD V31.S4, V6.S4, V6.S4
	VADD V31.S4, V7.S4, V7.S4
	VADD V31.S4, V8.S4, V8.S4
	VADD V31.S4, V9.S4, V9.S4
	VADD V31.S4, V10.S4, V10.S4
	VADD V31.S4, V11.S4, V11.S4

	MOVD R6, R4
	MOVD $7, R5

block5:
	ROUNDS4
	ROUNDS4
	SUBS $1, R5, R5
	BNE  block5

	VADD V19.S4, V0.S4, V0.S4
	VADD V20.S4, V1.S4, V1.S4
	VADD V21.S4, V2.S4, V2.S4
	VADD V22.S4, V3.S4, V3.S4
	VADD V23.S4, V4.S4, V4.S4
	VADD V24.S4, V5.S4, V5.S4
	VADD V25.S4, V6.S4, V6.S4
	VADD V26.S4, V7.S4, V7.S4
	VADD V27.S4, V8.S4, V8.S4
	VADD V28.S4, V9.S4, V9.S4
	VADD V29.S4, V10.S4, V10.S4
	VADD V30.S4, V11.S4, V11.S4

	// What is added after block 6.
	VMOV V0.B16, V19.B16
	VMOV V1.B16, V20.B16
	VMOV V2.B16, V21.B16
	VMOV V3.B16, V22.B16
	VMOV V4.B16, V23.B16
	VMOV V5.B16, V24.B16
	VMOV V6.B16, V25.B16
	VMOV V7.B16, V26.B16
	VMOV V8.B16, V27.B16
	VMOV V9.B16, V28.B16
	VMOV V10.B16, V29.B16
	VMOV V11.B16, V30.B16

	MOVD R7, R4
	MOVD $4, R5

block6:
	ROUNDS4
	ROUNDS4
	ROUNDS4
	ROUNDS4
	SUBS $1, R5, R5
	BNE  block6

#define STORE(abcd, efgh, mid0, mid1) \
	VADD   mid0.S4, abcd.S4, abcd.S4; \
	VADD   mid1.S4, efgh.S4, efgh.S4; \
	VMOV   abcd.S[0], R8;             \
	VMOV   efgh.S[3], R9;             \
	MOVW.P R8, 4(R0);                 \
	MOVW.P R9, 4(R1)

	STORE(V0, V1, V19, V20)
	STORE(V2, V3, V21, V22)
	STORE(V4, V5, V23, V24)
	STORE(V6, V7, V25, V26)
	STORE(V8, V9, V27, V28)
	STORE(V10, V11, V29, V30)

	SUBS $1, R3, R3
	BNE  group
	RET
