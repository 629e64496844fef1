#include "textflag.h"

// func cpuid(leaf, sub uint32) (eax, ebx uint32)
TEXT ·cpuid(SB), NOSPLIT, $0-16
	MOVL leaf+0(FP), AX
	MOVL sub+4(FP), CX
	CPUID
	MOVL AX, eax+8(FP)
	MOVL BX, ebx+12(FP)
	RET

// func anyMatch(list *[384]uint32, mask, value uint32) bool
//
// Whether a word of the list, masked, is the value. SSE2 only.
TEXT ·anyMatch(SB), NOSPLIT, $0-17
	MOVQ   list+0(FP), SI
	MOVL   mask+8(FP), AX
	MOVD   AX, X0
	PSHUFL $0, X0, X0
	MOVL   value+12(FP), AX
	MOVD   AX, X1
	PSHUFL $0, X1, X1
	PXOR   X2, X2
	PXOR   X6, X6
	MOVL   $(384/8), CX

words:
	MOVOU   (SI), X3
	MOVOU   16(SI), X4
	PAND    X0, X3
	PAND    X0, X4
	PCMPEQL X1, X3
	PCMPEQL X1, X4
	POR     X3, X2
	POR     X4, X6
	ADDQ    $32, SI
	DECL    CX
	JNZ     words
	POR     X6, X2
	PMOVMSKB X2, AX
	TESTL   AX, AX
	SETNE   ret+16(FP)
	RET
