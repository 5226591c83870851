//! Names of opcodes, to say which one was refused.

/// The name of an opcode that is not plain data, or not of protocols 2 to 5.
pub(super) fn refused(code: u8) -> &'static str {
    match code {
        b'c' => "GLOBAL, which imports",
        0x93 => "STACK_GLOBAL, which imports",
        b'R' => "REDUCE, which calls",
        b'b' => "BUILD, which calls",
        b'i' => "INST, which calls",
        b'o' => "OBJ, which calls",
        0x81 => "NEWOBJ, which calls",
        0x92 => "NEWOBJ_EX, which calls",
        0x82..=0x84 => "EXT, which imports",
        b'Q' => "BINPERSID, a reference to a tensor or another object outside",
        b'P' => "PERSID, a reference to an object outside",
        0x96 => "BYTEARRAY8",
        0x97 => "NEXT_BUFFER, a reference to a buffer outside",
        0x98 => "READONLY_BUFFER",
        b'B' => "BINBYTES",
        b'C' => "SHORT_BINBYTES",
        0x8e => "BINBYTES8",
        b'T' => "BINSTRING of Python 2",
        b'U' => "SHORT_BINSTRING of Python 2",
        0x8f => "EMPTY_SET",
        0x90 => "ADDITEMS of a set",
        0x91 => "FROZENSET",
        0x8b => "LONG4",
        b'I' | b'L' | b'F' | b'S' | b'V' | b'p' | b'g' | b'd' | b'l' => "an opcode of protocol 0",
        b'2' => "DUP",
        _ => "a byte that is no opcode",
    }
}
