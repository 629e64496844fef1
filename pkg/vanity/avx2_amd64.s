#include "textflag.h"

// SHA-256 in eight lanes: Y0 to Y7 are a to h of eight candidates.

// x = x + Σ(v), where the Σ rotates right by r0, r1 and r2; l0.. are 32 minus those.
#define SIGMA(v, r0, l0, r1, l1, r2, l2, x) \
	VPSRLD $r0, v, Y9;   \
	VPSLLD $l0, v, Y10;  \
	VPSRLD $r1, v, Y11;  \
	VPSLLD $l1, v, Y12;  \
	VPXOR  Y9, Y10, Y9;  \
	VPXOR  Y11, Y12, Y11; \
	VPSRLD $r2, v, Y10;  \
	VPSLLD $l2, v, Y12;  \
	VPXOR  Y9, Y11, Y9;  \
	VPXOR  Y10, Y12, Y10; \
	VPXOR  Y9, Y10, Y9;  \
	VPADDD Y9, x, x

// One round. Before it bc is b^c; after it ab is a^b, the next round's b^c.
// Ch = ((f^g)&e)^g, Maj = b^((a^b)&(b^c)).
#define ROUND(a, b, c, d, e, f, g, h, off, ab, bc) \
	VPBROADCASTD off(AX), Y8; \
	VPXOR  f, g, Y13;     \
	VPADDD Y8, h, h;      \
	VPAND  Y13, e, Y13;   \
	VPXOR  Y13, g, Y13;   \
	VPADDD Y13, h, h;     \
	SIGMA(e, 6, 26, 11, 21, 25, 7, h); \
	VPXOR  a, b, ab;      \
	VPADDD h, d, d;       \
	VPAND  ab, bc, bc;    \
	VPXOR  bc, b, bc;     \
	VPADDD bc, h, h;      \
	SIGMA(a, 2, 30, 13, 19, 22, 10, h)

// Eight rounds, after which every variable is in its register again.
#define ROUNDS8 \
	ROUND(Y0, Y1, Y2, Y3, Y4, Y5, Y6, Y7, 0, Y15, Y14);  \
	ROUND(Y7, Y0, Y1, Y2, Y3, Y4, Y5, Y6, 4, Y14, Y15);  \
	ROUND(Y6, Y7, Y0, Y1, Y2, Y3, Y4, Y5, 8, Y15, Y14);  \
	ROUND(Y5, Y6, Y7, Y0, Y1, Y2, Y3, Y4, 12, Y14, Y15); \
	ROUND(Y4, Y5, Y6, Y7, Y0, Y1, Y2, Y3, 16, Y15, Y14); \
	ROUND(Y3, Y4, Y5, Y6, Y7, Y0, Y1, Y2, 20, Y14, Y15); \
	ROUND(Y2, Y3, Y4, Y5, Y6, Y7, Y0, Y1, 24, Y15, Y14); \
	ROUND(Y1, Y2, Y3, Y4, Y5, Y6, Y7, Y0, 28, Y14, Y15); \
	ADDQ $32, AX

// func hashAVX2(first, last *[384]uint32, states *uint32, kw5, kw6 *[64]uint32, nonce uint32)
TEXT ·hashAVX2(SB), NOSPLIT, $64-44
	MOVQ first+0(FP), DI
	MOVQ last+8(FP), DX
	MOVQ states+16(FP), SI
	MOVL $(384/8), CX

group:
	VMOVDQU 0(SI), Y0
	VMOVDQU 32(SI), Y1
	VMOVDQU 64(SI), Y2
	VMOVDQU 96(SI), Y3
	VMOVDQU 128(SI), Y4
	VMOVDQU 160(SI), Y5
	VMOVDQU 192(SI), Y6
	VMOVDQU 224(SI), Y7

	// Block 5: rounds 0 to 7 are done; the nonce is added to a and e.
	MOVL  nonce+40(FP), AX
	VMOVD AX, X8
	VPBROADCASTD X8, Y8
	VPADDD Y8, Y0, Y0
	VPADDD Y8, Y4, Y4
	MOVQ kw5+24(FP), AX
	ADDQ $32, AX
	VPXOR Y1, Y2, Y14
	MOVL $7, BX

block5:
	ROUNDS8
	DECL BX
	JNZ  block5

	VPADDD 256(SI), Y0, Y0
	VPADDD 288(SI), Y1, Y1
	VPADDD 320(SI), Y2, Y2
	VPADDD 352(SI), Y3, Y3
	VPADDD 384(SI), Y4, Y4
	VPADDD 416(SI), Y5, Y5
	VPADDD 448(SI), Y6, Y6
	VPADDD 480(SI), Y7, Y7
	VMOVDQU Y0, 0(SP)
	VMOVDQU Y7, 32(SP)

	MOVQ  kw6+32(FP), AX
	VPXOR Y1, Y2, Y14
	MOVL  $8, BX

block6:
	ROUNDS8
	DECL BX
	JNZ  block6

	VPADDD  0(SP), Y0, Y0
	VPADDD  32(SP), Y7, Y7
	VMOVDQU Y0, (DI)
	VMOVDQU Y7, (DX)
	ADDQ    $512, SI
	ADDQ    $32, DI
	ADDQ    $32, DX
	DECL    CX
	JNZ     group
	VZEROUPPER
	RET
