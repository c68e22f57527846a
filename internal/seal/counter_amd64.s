#include "textflag.h"

// ROUND does one round, with the key at that place, on eight blocks.
#define ROUND(OP, at) \
	MOVOU at(AX), X8; \
	OP X8, X0; OP X8, X1; OP X8, X2; OP X8, X3; \
	OP X8, X4; OP X8, X5; OP X8, X6; OP X8, X7

// COUNT puts the counter and n into a block. Its upper half is zero.
#define COUNT(n, X) \
	LEAQ n(BX), DX; \
	MOVQ DX, X

// MIX is one block of the text with its part of the key stream.
#define MIX(at, X) \
	MOVOU at(DI), X9; \
	PXOR X9, X; \
	MOVOU X, at(DI)

// func counterBlocks(keys *[60]uint32, counter uint64, text *byte, groups int)
TEXT ·counterBlocks(SB), NOSPLIT, $0-32
	MOVQ keys+0(FP), AX
	MOVQ counter+8(FP), BX
	MOVQ text+16(FP), DI
	MOVQ groups+24(FP), CX
	TESTQ CX, CX
	JZ done

group:
	COUNT(0, X0)
	COUNT(1, X1)
	COUNT(2, X2)
	COUNT(3, X3)
	COUNT(4, X4)
	COUNT(5, X5)
	COUNT(6, X6)
	COUNT(7, X7)
	ROUND(PXOR, 0)
	ROUND(AESENC, 16)
	ROUND(AESENC, 32)
	ROUND(AESENC, 48)
	ROUND(AESENC, 64)
	ROUND(AESENC, 80)
	ROUND(AESENC, 96)
	ROUND(AESENC, 112)
	ROUND(AESENC, 128)
	ROUND(AESENC, 144)
	ROUND(AESENC, 160)
	ROUND(AESENC, 176)
	ROUND(AESENC, 192)
	ROUND(AESENC, 208)
	ROUND(AESENCLAST, 224)
	MIX(0, X0)
	MIX(16, X1)
	MIX(32, X2)
	MIX(48, X3)
	MIX(64, X4)
	MIX(80, X5)
	MIX(96, X6)
	MIX(112, X7)
	ADDQ $8, BX
	ADDQ $128, DI
	DECQ CX
	JNZ group

done:
	RET

// func subWord(w uint32) uint32
TEXT ·subWord(SB), NOSPLIT, $0-12
	MOVL w+0(FP), AX
	MOVL AX, X0
	PSHUFD $0, X0, X0
	AESKEYGENASSIST $0, X0, X1
	MOVL X1, AX
	MOVL AX, ret+8(FP)
	RET
