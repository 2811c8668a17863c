#!/bin/bash
# Every message of jpki-tool has a Japanese translation with the same placeholders; the catalogue has no other messages.
set -euo pipefail
source=${JPKI_SOURCE:?}/tools/jpki-tool
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { printf 'FAILED: %s\n' "$*" >&2; exit 1; }
command -v xgettext msgcmp msgcat >/dev/null || fail "gettext is not installed"
xgettext --from-code=UTF-8 --keyword=_ --keyword=N_ --keyword=fill_count:1,2 --add-comments=TRANSLATORS -o "$work/all.pot" "$source"/*.cpp
! grep -n '^#,.*fuzzy' "$source"/po/ja/*.po || fail "fuzzy translations"
msgcat --use-first -o "$work/ja.po" "$source/po/ja/common.po" "$source"/po/ja/*.po
msgcmp "$work/ja.po" "$work/all.pot" 2>"$work/complaints" || fail "translations are missing: $(cat "$work/complaints")"
python3 - "$work/ja.po" "$work/all.pot" <<'P'
import re, sys
def entries(path):
    text = open(path, encoding="utf-8").read()
    for block in re.split(r"\n\n+(?=(?:#|msgid))|\n(?=msgid )", text):
        found = {}
        key = None
        for line in block.splitlines():
            m = re.match(r'(msgid_plural|msgid|msgstr)(?:\[\d\])? "(.*)"$', line)
            if m: key = m[1]; found[key] = found.get(key, "") + m[2]
            elif line.startswith('"') and key: found[key] += line[1:-1]
        if found.get("msgid"): yield found
wanted = {e["msgid"] for e in entries(sys.argv[2])}
count = 0
for e in entries(sys.argv[1]):
    count += 1
    assert e["msgid"] in wanted, "no longer used: " + e["msgid"]
    marks = lambda t: sorted(set(re.findall(r"\{\d\}", t)))
    assert e["msgstr"], "not translated: " + e["msgid"]
    assert marks(e["msgid"]) == marks(e["msgstr"]), "placeholders differ: " + e["msgid"]
assert count == len(wanted), (count, len(wanted))
print("ok:", count, "messages")
P
