#!/usr/bin/env python3
"""key_types.py: at most five files of apdu/ and module/ know that a key may be an EC key, and the numbers of RSA-2048 stand in the
table of signature schemes alone. Comments do not count."""
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MOST = 5
EC = re.compile(r"\b(?:ec|EC|ec_\w+|EC_\w+|\w*ecdsa\w*|\w*ECDSA\w*|\w*CKA_EC_\w+|CKK_EC\w*|\w*_ec)\b|\b[Cc]urve", re.ASCII)
# What only the table and the facts of a key may say.
RSA = re.compile(r"\bCKK_RSA\b|\bCKM_\w*RSA\w*|\b(?:signature_size|pkcs1_data_max) = |\b2048\b")
RSA_FILES = {"apdu/signature_check.hpp", "module/key_kinds.cpp"}


def code(path):
    text = path.read_text(encoding="utf-8")
    return re.sub(r'//[^\n]*|/\*.*?\*/', "", text, flags=re.S)


def main():
    files = [path for directory in ("apdu", "module") for path in sorted((ROOT / directory).glob("*.[ch]pp"))]
    name = lambda path: str(path.relative_to(ROOT))
    sources = {name(path): code(path) for path in files}
    knowing = [file for file, text in sources.items() if EC.search(text)]
    faults = []
    if not knowing:
        faults.append("no file knows of EC keys: the pattern is wrong")
    if len(knowing) > MOST:
        faults.append(f"{len(knowing)} files know of EC keys, {MOST} may: {', '.join(knowing)}")
    for file, text in sources.items():
        if file not in RSA_FILES and (match := RSA.search(text)):
            faults.append(f"{file}: {match.group(0)!r} belongs to the table of signature schemes or of key kinds")
    for fault in faults:
        print(f"key_types.py: {fault}", file=sys.stderr)
    print(f"files that know of EC keys: {', '.join(knowing)}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
