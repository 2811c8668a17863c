#!/usr/bin/env python3
"""functions.py: the tables of C_* functions (module/README.md) and of settings (conf/README.md) are complete and correct."""
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
faults = []


def differ(what, page, listed, found):
    faults.extend(f"{page} does not list {what} {name}" for name in sorted(found - listed))
    faults.extend(f"{page} lists {what} {name}, which does not exist" for name in sorted(listed - found))
    if len(found) < 5:
        faults.append(f"too few {what}s found: check how this script reads the sources")


def functions():
    found = {}
    for version in ("functions_v2.inc", "functions_v3.inc"):
        for name in re.findall(r"\((C_\w+)\)", (ROOT / "module" / version).read_text()):
            found.setdefault(name, version)
    page = (ROOT / "module/README.md").read_text()
    listed, supported = set(), {}
    for row in re.findall(r"^\| (`C_.*)$", page.split("## Every C_* function")[1].split("\n## ")[0], re.M):
        names, says = row.split("|")[:2]
        for name in re.findall(r"C_\w+", names):
            if name in listed:
                faults.append(f"module/README.md lists {name} twice")
            listed.add(name)
            supported[name] = says.strip()
    differ("function", "module/README.md", listed, set(found))
    # Unsupported functions are in fn_unsupported.cpp, except those that return another code than NOT_SUPPORTED.
    unsupported = set(re.findall(r"\b(C_\w+)\(", (ROOT / "module/fn_unsupported.cpp").read_text()))
    for name in sorted(unsupported & listed):
        if not supported[name].startswith("no"):
            faults.append(f"module/README.md says that {name} is supported, and fn_unsupported.cpp has it")
    for name, version in found.items():
        if version == "functions_v3.inc" and "3.0" not in supported.get(name, "3.0"):
            faults.append(f"module/README.md does not say that {name} is of PKCS#11 3.0")


def settings():
    section, found = None, {}
    for line in (ROOT / "conf/jpki-pkcs11.toml").read_text().splitlines():
        if match := re.match(r"\[(\w+)\]", line):
            section = match[1]
        elif match := re.match(r"#(\w+) = (.*)", line):
            found[f"[{section}] {match[1]}"] = match[2]
    listed = dict(re.findall(r"^\| `(\[\w+\] \w+)` \| `([^`]*)` \|", (ROOT / "conf/README.md").read_text(), re.M))
    differ("setting", "conf/README.md", set(listed), set(found))
    for name in sorted(set(listed) & set(found)):
        if listed[name] != found[name]:
            faults.append(f"conf/README.md gives {name} the default {listed[name]}, the settings file {found[name]}")


functions()
settings()
print("\n".join(faults) or "the tables of functions and settings are complete")
sys.exit(1 if faults else 0)
