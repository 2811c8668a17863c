#!/usr/bin/env python3
"""pdf-signed-parts.py PDF: the only signature of a PDF and what it signs, in the files message.cms and ranges.

The signature must cover the whole file but itself. Prints the signature dictionary (ISO 32000-1, 12.8.1), its Contents left out.
"""
import re
import sys

with open(sys.argv[1], "rb") as file:
    pdf = file.read()
(found,) = re.findall(rb"/ByteRange *\[([0-9 ]*)\]", pdf)
start1, length1, start2, length2 = map(int, found.split())
if start1 != 0 or start2 + length2 != len(pdf):
    sys.exit("the signature does not cover the whole file")
if pdf[length1:length1 + 1] != b"<" or pdf[start2 - 1:start2] != b">":
    sys.exit("it excludes more than the signature")
with open("ranges", "wb") as file:
    file.write(pdf[:length1] + pdf[start2:])
with open("message.cms", "wb") as file:
    file.write(bytes.fromhex(pdf[length1 + 1:start2 - 1].decode()))
(dictionary,) = [d for d in re.findall(rb"<<((?:[^<>]|<[0-9A-Fa-f]*>)*)>>", pdf) if b"/ByteRange" in d]
print(re.sub(rb"<[0-9A-Fa-f]*>", b"<...>", dictionary).decode("ascii", "replace"))
