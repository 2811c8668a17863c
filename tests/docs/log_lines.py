#!/usr/bin/env python3
"""log_lines.py [--list]: the table of log lines in module/README.md has every line that apdu/ and module/ can log, and no other.

A line is the argument of Log::error or Log::info, the text of a fault that the boundary logs (errors.hpp), or an error in
the settings. The table has "…" for everything that is not a string literal. --list prints the lines of the source.
"""
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BEGIN, END = "<!-- log lines: begin -->", "<!-- log lines: end -->"
CALLS = re.compile(
    r"\blog_?\.(?:error|info)\(|\blog_line\(|\bthrow (?:CardRemoved|CardReset|CardBusy|CardFault|UnusableFile|TransportFault|std::runtime_error)[({]|"
    r"\bcomplaints\.push_back\(|\bcomplain\(|\breturn (?=std::string\(\")|\bsnprintf\(\s*text,\s*sizeof text,\s*")
STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')


def argument(text, start):
    """The text from start up to the parenthesis that closes the one before it."""
    depth, at = 1, start
    while depth:
        if text[at] == '"':
            at = STRING.match(text, at).end()
            continue
        depth += {"(": 1, "{": 1, ")": -1, "}": -1}.get(text[at], 0)
        at += 1
    return text[start:at - 1]


def unescaped(literal):
    return literal.replace('\\"', '"').replace("\\\\", "\\")


def template(expression):
    """String literals as they are, everything between them as "…"; literals inside of a call belong to that call."""
    parts, at, depth = [], 0, 0
    pending = False
    while at < len(expression):
        match = STRING.match(expression, at) if expression[at] == '"' else None
        if match:
            if depth == 0 or expression[:at].rstrip().endswith("std::string("):
                if pending:
                    parts.append("…")
                parts.append(unescaped(match[1]))
                pending = False
            at = match.end()
            continue
        character = expression[at]
        depth += {"(": 1, ")": -1}.get(character, 0)
        # LogText(literal, value) is a literal and a value.
        if logtext := re.compile(r"LogText\(([^()]*|[^()]*\(\))*\)").match(expression, at):
            first = STRING.search(logtext[0])
            parts += [unescaped(first[1]), "…"]
            at = logtext.end()
            continue
        # Everything else between literals is a value.
        word = re.compile(r"std::string(?=\(\")|[A-Za-z_][\w.:>\-]*").match(expression, at)
        if word:
            if word[0] != "std::string":
                pending = True
            at = word.end()
            continue
        at += 1
    if pending:
        parts.append("…")
    return re.sub(r"…+", "…", "".join(parts))


def lines_of(path):
    # Remove comments, keep strings: a call that a comment mentions does not count.
    text = re.sub(r'("(?:[^"\\\n]|\\.)*")|//[^\n]*', lambda m: m[1] or "", path.read_text())
    for call in CALLS.finditer(text):
        if call[0].startswith("return"):
            expression = re.compile(r'(?:"(?:[^"\\]|\\.)*"|[^;"])*').match(text, call.end())[0]
        else:
            expression = argument(text, call.end())
        if call[0].startswith("snprintf"):
            line = re.sub(r"%[0-9.]*l*[a-zA-Z]", "…", STRING.match(expression)[1])
            if " " in line:  # a number alone is part of another line
                yield line
            continue
        if call[0].startswith("complain("):
            if expression.startswith("const "):
                continue  # its definition
            expression = expression.split(",", 1)[1]
        if re.fullmatch(r"\s*\w+\s*", expression):
            # A variable that was put together just before.
            made = re.findall(r"std::string %s = ([^;]*);" % expression.strip(), text[:call.start()])
            if not made:
                continue  # a parameter: the caller's text is found where it is written
            expression = made[-1]
        line = template(expression)
        if line.strip("…. ") or '"' in expression:
            if line != "…":
                yield line


def reasons(path):
    """The reasons to reject a settings file: every text in the source that checks it."""
    text = re.sub(r"""("(?:[^"\\\n]|\\.)*")|//[^\n]*|#include[^\n]*|'(?:[^'\\]|\\.)'""", lambda m: m[1] or "", path.read_text())
    for literal in STRING.findall(text):
        if re.search("[a-z] [a-z]", literal):
            yield "…:…: " + unescaped(literal)


def main():
    found = {}
    for directory in ("apdu", "module"):
        for path in sorted((ROOT / directory).rglob("*.[ch]pp")):
            for line in lines_of(path):
                found.setdefault(line, path.relative_to(ROOT))
    judge = ROOT / "module/settings_file.cpp"
    for line in reasons(judge):
        found.setdefault(line, judge.relative_to(ROOT))
    found.pop("…:0: …", None)  # the reasons are listed one by one
    if sys.argv[1:] == ["--list"]:
        for line in sorted(found):
            print(f"{found[line]}: {line}")
        return 0

    page = (ROOT / "module/README.md").read_text()
    section = page.split(BEGIN, 1)[1].split(END, 1)[0]
    listed = []
    for row in section.splitlines():
        cell = re.match(r"\| (`+)(.*?)\1 \|(.*)", row)
        if cell:
            listed.append(cell[2].replace("\\|", "|"))
            if not all(column.strip() for column in cell[3].strip().rstrip("|").split("|")):
                print(f"module/README.md: a row without level or remedy: {cell[2]}")
                return 1
    faults = [f"{found[line]} logs a line that module/README.md does not list: {line}" for line in found if line not in listed]
    faults += [f"module/README.md lists a line that nothing logs: {line}" for line in listed if line not in found]
    faults += [f"module/README.md lists a line twice: {line}" for line in sorted(set(listed)) if listed.count(line) > 1]
    print("\n".join(faults) or f"{len(found)} log lines, all of them listed")
    return 1 if faults or len(found) < 20 else 0


sys.exit(main())
