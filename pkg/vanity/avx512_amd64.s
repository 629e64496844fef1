#include "textflag.h"

// SHA-256 in sixteen lanes: Z0 to Z7 are a to h of sixteen candidates. AVX-512F rotates,
// and has any function of three inputs: 0x96 is x^y^z, 0xCA is Ch, 0xE8 is Maj.

#define SIGMA(v, r0, r1, r2, x) \
	VPRORD     $r0, v, Z9;      \
	VPRORD     $r1, v, Z10;     \
	VPRORD     $r2, v, Z11;     \
	VPTERNLOGD $0x96, Z9, Z10, Z11; \
	VPADDD     Z11, x, x

#define ROUND(a, b, c, d, e, f, g, h, off) \
	VPADDD.BCST off(AX), h, h;       \
	VMOVDQA32   e, Z8;               \
	VPTERNLOGD  $0xCA, g, f, Z8;     \
	VPADDD      Z8, h, h;            \
	SIGMA(e, 6, 11, 25, h);          \
	VMOVDQA32   a, Z12;              \
	VPADDD      h, d, d;             \
	VPTERNLOGD  $0xE8, c, b, Z12;    \
	VPADDD      Z12, h, h;           \
	SIGMA(a, 2, 13, 22, h)

// Eight rounds, after which every variable is in its register again.
#define ROUNDS8 \
	ROUND(Z0, Z1, Z2, Z3, Z4, Z5, Z6, Z7, 0);  \
	ROUND(Z7, Z0, Z1, Z2, Z3, Z4, Z5, Z6, 4);  \
	ROUND(Z6, Z7, Z0, Z1, Z2, Z3, Z4, Z5, 8);  \
	ROUND(Z5, Z6, Z7, Z0, Z1, Z2, Z3, Z4, 12); \
	ROUND(Z4, Z5, Z6, Z7, Z0, Z1, Z2, Z3, 16); \
	ROUND(Z3, Z4, Z5, Z6, Z7, Z0, Z1, Z2, 20); \
	ROUND(Z2, Z3, Z4, Z5, Z6, Z7, Z0, Z1, 24); \
	ROUND(Z1, Z2, Z3, Z4, Z5, Z6, Z7, Z0, 28); \
	ADDQ $32, AX

// func hashAVX512(first, last *[384]uint32, states *uint32, kw5, kw6 *[64]uint32, nonce uint32)
TEXT ·hashAVX512(SB), NOSPLIT, $0-44
	MOVQ first+0(FP), DI
	MOVQ last+8(FP), DX
	MOVQ states+16(FP), SI
	MOVL $(384/16), CX

group:
	VMOVDQU32 0(SI), Z0
	VMOVDQU32 64(SI), Z1
	VMOVDQU32 128(SI), Z2
	VMOVDQU32 192(SI), Z3
	VMOVDQU32 256(SI), Z4
	VMOVDQU32 320(SI), Z5
	VMOVDQU32 384(SI), Z6
	VMOVDQU32 448(SI), Z7

	// Block 5: rounds 0 to 7 are done; the nonce is added to a and e.
	MOVL nonce+40(FP), AX
	VPBROADCASTD AX, Z8
	VPADDD Z8, Z0, Z0
	VPADDD Z8, Z4, Z4
	MOVQ kw5+24(FP), AX
	ADDQ $32, AX
	MOVL $7, BX

block5:
	ROUNDS8
	DECL BX
	JNZ  block5

	VPADDD 512(SI), Z0, Z0
	VPADDD 576(SI), Z1, Z1
	VPADDD 640(SI), Z2, Z2
	VPADDD 704(SI), Z3, Z3
	VPADDD 768(SI), Z4, Z4
	VPADDD 832(SI), Z5, Z5
	VPADDD 896(SI), Z6, Z6
	VPADDD 960(SI), Z7, Z7
	VMOVDQA32 Z0, Z16
	VMOVDQA32 Z7, Z17

	MOVQ kw6+32(FP), AX
	MOVL $8, BX

block6:
	ROUNDS8
	DECL BX
	JNZ  block6

	VPADDD    Z16, Z0, Z0
	VPADDD    Z17, Z7, Z7
	VMOVDQU32 Z0, (DI)
	VMOVDQU32 Z7, (DX)
	ADDQ      $1024, SI
	ADDQ      $64, DI
	ADDQ      $64, DX
	DECL      CX
	JNZ       group
	VZEROUPPER
	RET
