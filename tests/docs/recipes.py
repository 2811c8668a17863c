#!/usr/bin/env python3
"""recipes.py: the recipes of conf/README.md have the commands that the end-to-end tests run.

Each recipe names its tests ("Test: [x.sh](...)"). Of its commands, every program, subcommand and option must be in one of those
scripts (or in the lib-*.sh and examples that these use); of its configuration files, every line's key, and the value unless that is a
path, a host, a PIN or a URI. A recipe without a test must say "Not tested".
"""
import re
import shlex
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "conf/README.md"
E2E = ROOT / "tests/e2e"
# Shell syntax, and programs whose use proves nothing.
SHELL = {"sh", "mkdir", "export", "sed", "tr", "grep", "-p", "cat"}
faults = []
checked = 0


def script_text(names):
    """The scripts and what they source or use: libraries, helpers, examples."""
    text = ""
    for name in names:
        text += (E2E / name).read_text()
    for helper in sorted(E2E.glob("lib*.sh")):
        if helper.name in text or helper.name == "lib.sh":
            text += helper.read_text()
    for other in sorted(list(E2E.glob("*.py")) + list((ROOT / "conf/examples").iterdir())):
        if other.name in text:
            text += other.read_text()
    return text


def has_word(text, word):
    return re.search(r"(?<![\w-])" + re.escape(word) + r"(?![\w-])", text) is not None


def is_value(token):
    """What may differ between a recipe's command and the test's: paths, hosts, URIs, PINs, names of files."""
    return bool(re.search(r"[/$:%@\\]|\.(pem|key|sig|pdf|cfg|cnf|conf|p7|cms|exe|jar|so)$|^\d+$|^[0-9a-f]{40}\b|^[A-Z_]+$|\s", token) or token in ("", "host", "data"))


def commands(block):
    """Simple commands of a block: lists of tokens, continued lines joined, without comments and redirections."""
    for line in re.sub(r"\\\n", " ", block).splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars="|;>")
        lexer.whitespace_split = True
        lexer.commenters = "#"
        tokens, skip = [], False
        for token in lexer:
            if token in ("|", ";"):
                yield tokens
                tokens = []
            elif set(token) == {">"}:
                skip = True
            elif skip:
                skip = False
            else:
                tokens.append(token)
        if tokens:
            yield tokens


def check_command(heading, tokens, text):
    global checked
    while tokens and re.match(r"[A-Z_][A-Z0-9_]*=", tokens[0]):
        name = tokens.pop(0).split("=", 1)[0]
        if not has_word(text, name):
            faults.append(f"{heading}: the test does not set {name}")
    if not tokens or tokens[0] in SHELL:
        if tokens and tokens[0] == "export":
            check_command(heading, tokens[1:], text)
        return
    program = tokens[0]
    wanted = [program]
    for at, token in enumerate(tokens[1:]):
        if re.match(r"--?[A-Za-z]", token):
            wanted.append(token.split("=", 1)[0])
        elif at == 0 and not is_value(token):
            wanted.append(token)  # a subcommand
        elif tokens[at].startswith("-") and not is_value(token):
            wanted.append(token)  # an option's value, such as SHA256-RSA-PKCS
    for word in wanted:
        checked += 1
        if not has_word(text, word):
            faults.append(f"{heading}: the test does not have {word!r} of: {' '.join(tokens)}")


def check_configuration(heading, block, text):
    global checked
    for line in block.splitlines():
        line = line.strip()
        if not line or line in "{}":
            continue
        # In a here-document of the shell a variable is written \$.
        plain = text.replace("\\$", "$").replace("\\n", "\n")
        match = re.match(r"([\w.$]+)( *= *| +)(.*?)[;{ ]*$", line)
        checked += 1
        if re.match(r"(if|map)\b|[{\[]", line) or not match:
            word = re.sub(r'"/[^"]*"', '"$module_auth"', line.rstrip(" {;"))  # JSON has paths within
            found = word in plain
        elif re.fullmatch(r"[0-9a-f]{40}", match[1]):
            found = match[3] in plain  # a fingerprint stands for another one
        elif is_value(match[3]) and not match[3].isdigit() or match[3] == "jpki":
            found = has_word(plain, match[1])
        else:
            found = re.search(r"\b%s *(= *)?%s(?!\w)" % (re.escape(match[1]), re.escape(match[3])), plain) is not None
        if not found:
            faults.append(f"{heading}: the test does not have: {line}")


def main():
    recipes = PAGE.read_text().split("\n## Recipes\n")[1]
    for section in re.split(r"\n### ", recipes)[1:]:
        heading, _, body = section.partition("\n")
        blocks = re.findall(r"```(\w+)\n(.*?)```", body, re.S)
        names = re.findall(r"\]\(\.\./tests/e2e/([\w.-]+\.sh)\)", body)
        if not re.search(r"^Test: ", body, re.M):
            if blocks and "Not tested" not in body and heading != "Certificates are replaced every five years":
                faults.append(f"{heading}: has commands, no test, and does not say so")
            continue
        text = script_text(names)
        for language, block in blocks:
            if language == "sh":
                for tokens in commands(block):
                    check_command(heading, tokens, text)
            elif language in ("ini", "nginx", "json", "pam"):
                check_configuration(heading, block, text)
    print("\n".join(faults) or f"{checked} words of the recipes are those of the tests")
    return 1 if faults or checked < 100 else 0


sys.exit(main())
