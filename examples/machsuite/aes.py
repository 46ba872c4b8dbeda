"""AES-256 encryption of one 16-byte block in place, the key schedule made on the way.

Arguments: the three parts of the suite's context (scratch), the key `k` and the block `buf`.
"""

import numpy as np

import tracealloc as ta
from tracealloc import kernel


def _substitution():
    """The S-box: the inverse in GF(256), then an affine map."""
    powers = [1]
    for _ in range(254):
        x = powers[-1]
        doubled = (x << 1) ^ (0x11B if x & 0x80 else 0)
        powers.append(doubled ^ x)  # times 3, a generator
    box = [0x63]
    for x in range(1, 256):
        inverse = powers[-powers.index(x) % 255]
        box.append(0x63)
        for turn in range(5):
            box[x] ^= ((inverse << turn) | (inverse >> (8 - turn))) & 0xFF
    return np.array(box, np.uint8)


SBOX = _substitution()


def double(x):
    """Twice `x` in GF(256); only the low 8 bits count."""
    return (x << 1) ^ ((x >> 7) * 0x1B)


def sub_bytes(buf, sbox):
    for i in ta.range(16):
        buf[i] = sbox[buf[i]]


def shift_rows(buf):
    for row in range(1, 4):
        old = [buf[row + 4 * column] for column in range(4)]
        for column in range(4):
            buf[row + 4 * column] = old[(column + row) % 4]


def mix_columns(buf):
    for i in ta.range(0, 16, 4):
        old = [buf[i + n] for n in range(4)]
        mixed = old[0] ^ old[1] ^ old[2] ^ old[3]
        for n in range(4):
            buf[i + n] = old[n] ^ mixed ^ double(old[n] ^ old[(n + 1) % 4])


def add_round_key(buf, key, offset):
    for i in ta.range(16):
        buf[i] ^= key[offset + i]


def expand_key(key, sbox, rcon):
    """The next 32 bytes of the key schedule."""
    key[0] ^= sbox[key[29]] ^ rcon
    key[1] ^= sbox[key[30]]
    key[2] ^= sbox[key[31]]
    key[3] ^= sbox[key[28]]
    rcon.set(double(rcon))
    for i in ta.range(4, 16):
        key[i] ^= key[i - 4]
    for i in ta.range(16, 20):
        key[i] ^= sbox[key[i - 4]]
    for i in ta.range(20, 32):
        key[i] ^= key[i - 4]


def make():
    byte = ta.uint8

    @kernel
    def aes256_encrypt_ecb(
        ctx_key: byte[32], ctx_enckey: byte[32], ctx_deckey: byte[32], k: byte[32], buf: byte[16]
    ):
        sbox = ta.constant(SBOX)
        rcon = ta.scalar(byte, 1)
        for i in ta.range(32):
            ctx_enckey[i] = k[i]
            ctx_deckey[i] = k[i]
        for _n in ta.range(7):
            expand_key(ctx_deckey, sbox, rcon)

        for i in ta.range(32):
            ctx_key[i] = ctx_enckey[i]
        add_round_key(buf, ctx_enckey, 0)
        rcon.set(1)
        for i in ta.range(1, 14):
            sub_bytes(buf, sbox)
            shift_rows(buf)
            mix_columns(buf)
            if i % 2 == 1:
                add_round_key(buf, ctx_key, 16)
            else:
                expand_key(ctx_key, sbox, rcon)
                add_round_key(buf, ctx_key, 0)
        sub_bytes(buf, sbox)
        shift_rows(buf)
        expand_key(ctx_key, sbox, rcon)
        add_round_key(buf, ctx_key, 0)

    return aes256_encrypt_ecb
