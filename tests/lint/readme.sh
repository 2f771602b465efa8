#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# readme.sh: what README.md and docs/ promise is there. Prints TAP.
set -u

top=${DSC_SRCDIR:-$(cd "$(dirname "$0")/../.." && pwd)}
cd "$top" || exit 99
work=$(mktemp -d "${TMPDIR:-/tmp}/discsi-readme.XXXXXX") || exit 99
trap 'rm -rf "$work"' EXIT
number=0

# check NAME FILE-OF-COMPLAINTS: good if there are none.
check()
{
	number=$((number + 1))
	if [ -s "$2" ]; then
		sed -e 's/^/# /' "$2"
		printf 'not '
	fi
	echo "ok $number - $1"
}

# The lines of the first block that is fenced with ```LANGUAGE.
block()
{
	awk -v fence="\`\`\`$1" '
		$0 == "```" && inside { exit }
		inside { print }
		$0 == fence { inside = 1 }' README.md
}

echo 1..4

printf 'scripts/quickstart\nscripts/check\n' >"$work/expected"
block sh | sed -e 's/[[:space:]]*#.*//' | diff "$work/expected" - \
	>"$work/commands"
check "README opens with the two commands" "$work/commands"

# What follows the licence line and the section comment.
sed -e '1,/^ \*\/$/d' examples/capacity.c >"$work/program"
block c | diff "$work/program" - >"$work/difference"
check "README shows examples/capacity.c" "$work/difference"

lines=$(wc -l <"$work/program")
[ "$lines" -eq 25 ] || echo "it has $lines lines" >"$work/length"
check "the program has 25 lines" "$work/length"

for page in README.md docs/*.md; do
	grep -o '](\([^)#]*\)' "$page" | sed -e 's/^](//' -e '/^$/d' \
		-e '/^[a-z]*:\/\//d' | while read -r link; do
		[ -e "$(dirname "$page")/$link" ] || echo "$page: $link"
	done
done >"$work/links"
check "links between the documents lead somewhere" "$work/links"
