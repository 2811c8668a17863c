#!/usr/bin/env python3
"""pages.py: README.md and README.ja.md agree in commands, tables and links, and all links between pages have a target."""
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
README_LINES_MAX = 200
faults = []


def fault(text):
    faults.append(text)


def pages():
    """Every Markdown file of the tree, without builds."""
    for path in sorted(ROOT.rglob("*.md")):
        parts = path.relative_to(ROOT).parts
        if not parts[0].startswith(("build", ".")):
            yield path


def blocks(text):
    """Blocks of code: fenced, or indented by four after an empty line. And the text without them."""
    found, prose, current, fence, before = [], [], [], None, ""
    for line in text.splitlines() + [""]:
        if fence is not None:
            if line.strip() == "```":
                found.append("\n".join(fence))
                fence = None
            else:
                fence.append(line)
        elif line.startswith("```"):
            fence = []
        elif line.startswith("    ") and (current or not before.strip()):
            current.append(line)
        else:
            if current:
                found.append("\n".join(current))
            current = []
            prose.append(line)
        before = line
    if fence is not None:
        raise ValueError("a fence that is not closed")
    return found, "\n".join(prose)


def tables(prose):
    """How many rows and columns each table has, separators included."""
    found, rows = [], []
    for line in prose.splitlines() + [""]:
        if line.startswith("|"):
            rows.append(len(re.findall(r"(?<!\\)\|", line)) - 1)
        elif rows:
            found.append(rows)
            rows = []
    return found


def headings(prose):
    return [(len(match[1]), match[2]) for match in re.finditer(r"^(#+) (.*)$", prose, re.M)]


def links(prose):
    return re.findall(r"\[[^\]]*\]\(([^)\s]+)\)", prose)


def slug(heading):
    """GitHub's anchor of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def compare_readmes():
    english, japanese = (ROOT / name for name in ("README.md", "README.ja.md"))
    for path in (english, japanese):
        lines = path.read_text().count("\n")
        if lines > README_LINES_MAX:
            fault(f"{path.name} has {lines} lines; {README_LINES_MAX} are the limit")
    (code_en, prose_en), (code_ja, prose_ja) = blocks(english.read_text()), blocks(japanese.read_text())
    if code_en != code_ja:
        for en, ja in zip(code_en, code_ja):
            if en != ja:
                fault(f"README.md and README.ja.md have different commands:\n{en}\n--\n{ja}")
        if len(code_en) != len(code_ja):
            fault(f"README.md has {len(code_en)} blocks of commands, README.ja.md {len(code_ja)}")
    if tables(prose_en) != tables(prose_ja):
        fault(f"the tables differ in rows or columns: {tables(prose_en)} and {tables(prose_ja)}")
    if [level for level, _ in headings(prose_en)] != [level for level, _ in headings(prose_ja)]:
        fault("the headings differ in number or level")
    targets = [sorted(set(links(prose)) - {"README.md", "README.ja.md"}) for prose in (prose_en, prose_ja)]
    if targets[0] != targets[1]:
        fault(f"the links differ: {sorted(set(targets[0]) ^ set(targets[1]))}")
    # Text in code style: names of files, settings, commands and CK_RVs are the same in every language.
    code_words = [set(re.findall(r"`([^`\n]+)`", prose)) for prose in (prose_en, prose_ja)]
    for missing, page in ((code_words[0] - code_words[1], "README.ja.md"), (code_words[1] - code_words[0], "README.md")):
        if missing - {"tools/try", "tests/run"}:
            fault(f"{page} does not have: {sorted(missing)}")
    if len(code_en) < 5 or not tables(prose_en):
        fault("README.md has hardly any commands or tables: is it read right?")


def check_links():
    anchors, count = {}, 0
    for path in pages():
        _, prose = blocks(path.read_text())
        seen, anchors[path] = {}, set()
        for _, heading in headings(prose):
            anchor = slug(re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading))
            anchors[path].add(anchor if anchor not in seen else f"{anchor}-{seen[anchor]}")
            seen[anchor] = seen.get(anchor, 0) + 1
    for path in anchors:
        _, prose = blocks(path.read_text())
        for target in links(prose):
            if re.match(r"[a-z]+:", target):
                continue
            count += 1
            name, _, anchor = target.partition("#")
            page = (path.parent / name).resolve() if name else path
            where = path.relative_to(ROOT)
            if not page.exists():
                fault(f"{where}: no such file: {target}")
            elif anchor and anchor not in anchors.get(page, ()):
                fault(f"{where}: no such heading: {target}")
    if count < 20:
        fault("hardly any links: are the pages read right?")
    return count


def check_sources():
    """Pages that code and tests refer to are in the tree."""
    named = subprocess.run(["grep", "-rnoE", r"[A-Za-z_][A-Za-z_./]*\.md\b", "--include=*.[ch]pp", "--include=*.inc", "--include=*.sh",
                            "--include=*.py", "--include=*.txt", "apdu", "module", "tools", "tests", "conf"],
                           cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for line in named.splitlines():
        file, _, name = line.split(":", 2)
        if not (ROOT / name).exists() and not (ROOT / file).with_name(name).exists():
            fault(f"{file} refers to {name}, which is not in the tree")


def check_install():
    """What a build and cpack need (tools/packages) is what README.md installs for them."""
    needed = re.findall(r"^(?:build|package) +(\S+)$", (ROOT / "tools/packages").read_text(), re.M)
    installed = set(re.findall(r"[\w.+-]+", " ".join(re.findall(r"^    apt-get install (.*)$", (ROOT / "README.md").read_text(), re.M))))
    for names in needed:
        if not installed & set(names.split("|")):
            fault(f"README.md does not install {names}, which a build or cpack needs")
    if len(needed) < 5:
        fault("hardly any packages: is tools/packages read right?")


compare_readmes()
check_install()
number = check_links()
check_sources()
print("\n".join(faults) or f"the READMEs agree; {number} links lead somewhere")
sys.exit(1 if faults else 0)
