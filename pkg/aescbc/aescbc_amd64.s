#include "textflag.h"

// Round keys are memory operands: the eight lanes have different ones, and
// VEX instructions take them unaligned. No upper half of a YMM register is
// touched.

// ROUND applies one round to the eight lanes, each with its own key.
#define ROUND(op, at) \
	op at(R8), X0, X0; \
	op at(R9), X1, X1; \
	op at(R10), X2, X2; \
	op at(R11), X3, X3; \
	op at(R12), X4, X4; \
	op at(R13), X5, X5; \
	op at(R14), X6, X6; \
	op at(R15), X7, X7

// LANE takes in the next block of a lane, and DONE puts one out.
#define LANE(at, x) \
	MOVQ (at+16)(SI), AX; \
	VPXOR (AX)(CX*1), x, x

#define DONE(at, x) \
	MOVQ (at+8)(SI), AX; \
	VMOVDQU x, (AX)(CX*1)

// func encrypt8(ls *[8]lane, blocks int)
TEXT ·encrypt8(SB), NOSPLIT, $0-16
	MOVQ ls+0(FP), SI
	MOVQ blocks+8(FP), DX
	XORL CX, CX
	MOVQ 0(SI), R8
	VMOVDQU 24(SI), X0
	MOVQ 40(SI), R9
	VMOVDQU 64(SI), X1
	MOVQ 80(SI), R10
	VMOVDQU 104(SI), X2
	MOVQ 120(SI), R11
	VMOVDQU 144(SI), X3
	MOVQ 160(SI), R12
	VMOVDQU 184(SI), X4
	MOVQ 200(SI), R13
	VMOVDQU 224(SI), X5
	MOVQ 240(SI), R14
	VMOVDQU 264(SI), X6
	MOVQ 280(SI), R15
	VMOVDQU 304(SI), X7

next:
	LANE(0, X0)
	LANE(40, X1)
	LANE(80, X2)
	LANE(120, X3)
	LANE(160, X4)
	LANE(200, X5)
	LANE(240, X6)
	LANE(280, X7)
	ROUND(VPXOR, 0)
	ROUND(VAESENC, 16)
	ROUND(VAESENC, 32)
	ROUND(VAESENC, 48)
	ROUND(VAESENC, 64)
	ROUND(VAESENC, 80)
	ROUND(VAESENC, 96)
	ROUND(VAESENC, 112)
	ROUND(VAESENC, 128)
	ROUND(VAESENC, 144)
	ROUND(VAESENC, 160)
	ROUND(VAESENC, 176)
	ROUND(VAESENC, 192)
	ROUND(VAESENC, 208)
	ROUND(VAESENCLAST, 224)
	DONE(0, X0)
	DONE(40, X1)
	DONE(80, X2)
	DONE(120, X3)
	DONE(160, X4)
	DONE(200, X5)
	DONE(240, X6)
	DONE(280, X7)
	ADDQ $16, CX
	DECQ DX
	JNZ next

	VMOVDQU X0, 24(SI)
	VMOVDQU X1, 64(SI)
	VMOVDQU X2, 104(SI)
	VMOVDQU X3, 144(SI)
	VMOVDQU X4, 184(SI)
	VMOVDQU X5, 224(SI)
	VMOVDQU X6, 264(SI)
	VMOVDQU X7, 304(SI)
	RET

// func encrypt1(keys *schedule, iv *[16]byte, dst, src *byte, blocks int)
TEXT ·encrypt1(SB), NOSPLIT, $0-40
	MOVQ keys+0(FP), AX
	MOVQ iv+8(FP), BX
	MOVQ dst+16(FP), DI
	MOVQ src+24(FP), SI
	MOVQ blocks+32(FP), DX
	XORL CX, CX
	VMOVDQU (BX), X0

next:
	VMOVDQU (SI)(CX*1), X1
	VPXOR (AX), X1, X1
	VPXOR X1, X0, X0
	VAESENC 16(AX), X0, X0
	VAESENC 32(AX), X0, X0
	VAESENC 48(AX), X0, X0
	VAESENC 64(AX), X0, X0
	VAESENC 80(AX), X0, X0
	VAESENC 96(AX), X0, X0
	VAESENC 112(AX), X0, X0
	VAESENC 128(AX), X0, X0
	VAESENC 144(AX), X0, X0
	VAESENC 160(AX), X0, X0
	VAESENC 176(AX), X0, X0
	VAESENC 192(AX), X0, X0
	VAESENC 208(AX), X0, X0
	VAESENCLAST 224(AX), X0, X0
	VMOVDQU X0, (DI)(CX*1)
	ADDQ $16, CX
	DECQ DX
	JNZ next
	VMOVDQU X0, (BX)
	RET

// BACK applies one round to the eight blocks.
#define BACK(op, at) \
	VMOVDQU at(AX), X8; \
	op X8, X0, X0; \
	op X8, X1, X1; \
	op X8, X2, X2; \
	op X8, X3, X3; \
	op X8, X4, X4; \
	op X8, X5, X5; \
	op X8, X6, X6; \
	op X8, X7, X7

// func decrypt(keys *schedule, iv *[16]byte, dst, src *byte, blocks int)
//
// X9 is the ciphertext before the block, or at first the IV. All of it is
// read before anything is written, since dst may be src.
TEXT ·decrypt(SB), NOSPLIT, $0-40
	MOVQ keys+0(FP), AX
	MOVQ iv+8(FP), BX
	MOVQ dst+16(FP), DI
	MOVQ src+24(FP), SI
	MOVQ blocks+32(FP), DX
	XORL CX, CX
	VMOVDQU (BX), X9
	SUBQ $8, DX
	JB rest

eight:
	VMOVDQU (AX), X8
	VPXOR 0(SI)(CX*1), X8, X0
	VPXOR 16(SI)(CX*1), X8, X1
	VPXOR 32(SI)(CX*1), X8, X2
	VPXOR 48(SI)(CX*1), X8, X3
	VPXOR 64(SI)(CX*1), X8, X4
	VPXOR 80(SI)(CX*1), X8, X5
	VPXOR 96(SI)(CX*1), X8, X6
	VPXOR 112(SI)(CX*1), X8, X7
	BACK(VAESDEC, 16)
	BACK(VAESDEC, 32)
	BACK(VAESDEC, 48)
	BACK(VAESDEC, 64)
	BACK(VAESDEC, 80)
	BACK(VAESDEC, 96)
	BACK(VAESDEC, 112)
	BACK(VAESDEC, 128)
	BACK(VAESDEC, 144)
	BACK(VAESDEC, 160)
	BACK(VAESDEC, 176)
	BACK(VAESDEC, 192)
	BACK(VAESDEC, 208)
	BACK(VAESDECLAST, 224)
	VPXOR X9, X0, X0
	VPXOR 0(SI)(CX*1), X1, X1
	VPXOR 16(SI)(CX*1), X2, X2
	VPXOR 32(SI)(CX*1), X3, X3
	VPXOR 48(SI)(CX*1), X4, X4
	VPXOR 64(SI)(CX*1), X5, X5
	VPXOR 80(SI)(CX*1), X6, X6
	VPXOR 96(SI)(CX*1), X7, X7
	VMOVDQU 112(SI)(CX*1), X9
	VMOVDQU X0, 0(DI)(CX*1)
	VMOVDQU X1, 16(DI)(CX*1)
	VMOVDQU X2, 32(DI)(CX*1)
	VMOVDQU X3, 48(DI)(CX*1)
	VMOVDQU X4, 64(DI)(CX*1)
	VMOVDQU X5, 80(DI)(CX*1)
	VMOVDQU X6, 96(DI)(CX*1)
	VMOVDQU X7, 112(DI)(CX*1)
	ADDQ $128, CX
	SUBQ $8, DX
	JAE eight

rest:
	ADDQ $8, DX
	JZ done

one:
	VMOVDQU (SI)(CX*1), X1
	VPXOR (AX), X1, X0
	VAESDEC 16(AX), X0, X0
	VAESDEC 32(AX), X0, X0
	VAESDEC 48(AX), X0, X0
	VAESDEC 64(AX), X0, X0
	VAESDEC 80(AX), X0, X0
	VAESDEC 96(AX), X0, X0
	VAESDEC 112(AX), X0, X0
	VAESDEC 128(AX), X0, X0
	VAESDEC 144(AX), X0, X0
	VAESDEC 160(AX), X0, X0
	VAESDEC 176(AX), X0, X0
	VAESDEC 192(AX), X0, X0
	VAESDEC 208(AX), X0, X0
	VAESDECLAST 224(AX), X0, X0
	VPXOR X9, X0, X0
	VMOVDQU X1, X9
	VMOVDQU X0, (DI)(CX*1)
	ADDQ $16, CX
	DECQ DX
	JNZ one

done:
	RET

// STEP makes the round key in x from the one two before it, which is there,
// and from the one just made, y.
#define STEP(rcon, word, y, x, at) \
	VAESKEYGENASSIST $rcon, y, X2; \
	VPSHUFD $word, X2, X2; \
	VPSLLDQ $4, x, X3; \
	VPXOR X3, x, x; \
	VPSLLDQ $4, X3, X3; \
	VPXOR X3, x, x; \
	VPSLLDQ $4, X3, X3; \
	VPXOR X3, x, x; \
	VPXOR X2, x, x; \
	VMOVDQU x, at(BX)

// func expand(key *[32]byte, keys *schedule)
TEXT ·expand(SB), NOSPLIT, $0-16
	MOVQ key+0(FP), AX
	MOVQ keys+8(FP), BX
	VMOVDQU (AX), X0
	VMOVDQU 16(AX), X1
	VMOVDQU X0, (BX)
	VMOVDQU X1, 16(BX)
	STEP(1, 0xff, X1, X0, 32)
	STEP(0, 0xaa, X0, X1, 48)
	STEP(2, 0xff, X1, X0, 64)
	STEP(0, 0xaa, X0, X1, 80)
	STEP(4, 0xff, X1, X0, 96)
	STEP(0, 0xaa, X0, X1, 112)
	STEP(8, 0xff, X1, X0, 128)
	STEP(0, 0xaa, X0, X1, 144)
	STEP(16, 0xff, X1, X0, 160)
	STEP(0, 0xaa, X0, X1, 176)
	STEP(32, 0xff, X1, X0, 192)
	STEP(0, 0xaa, X0, X1, 208)
	STEP(64, 0xff, X1, X0, 224)
	RET

// TURN makes a round key of decryption.
#define TURN(from, to) \
	VAESIMC from(AX), X0; \
	VMOVDQU X0, to(BX)

// func invert(forward, keys *schedule)
TEXT ·invert(SB), NOSPLIT, $0-16
	MOVQ forward+0(FP), AX
	MOVQ keys+8(FP), BX
	VMOVDQU (AX), X0
	VMOVDQU X0, 224(BX)
	VMOVDQU 224(AX), X0
	VMOVDQU X0, (BX)
	TURN(16, 208)
	TURN(32, 192)
	TURN(48, 176)
	TURN(64, 160)
	TURN(80, 144)
	TURN(96, 128)
	TURN(112, 112)
	TURN(128, 96)
	TURN(144, 80)
	TURN(160, 64)
	TURN(176, 48)
	TURN(192, 32)
	TURN(208, 16)
	RET
