"""pe-program.py FILE: a minimal Windows program: headers, and one section of zeros."""
import struct
import sys

dos = b"MZ".ljust(0x3C, b"\0") + struct.pack("<I", 0x40)
coff = b"PE\0\0" + struct.pack("<HHIIIHH", 0x14C, 1, 0, 0, 0, 224, 0x102)
optional = struct.pack("<HBBIIIIIIIII", 0x10B, 1, 0, 0x200, 0, 0, 0x1000, 0x1000, 0x2000, 0x400000, 0x1000, 0x200)
optional += struct.pack("<HHHHHHIIIIHHIIIIII", 4, 0, 0, 0, 4, 0, 0, 0x2000, 0x200, 0, 3,
                        0, 0x100000, 0x1000, 0x100000, 0x1000, 0, 16)
optional += bytes(16 * 8)
section = struct.pack("<8sIIIIIIHHI", b".text", 0x200, 0x1000, 0x200, 0x200, 0, 0, 0, 0, 0x60000020)
with open(sys.argv[1], "wb") as file:
    file.write((dos + coff + optional + section).ljust(0x200, b"\0") + bytes(0x200))
