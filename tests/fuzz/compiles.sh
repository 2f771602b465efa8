#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# compiles.sh: tests/fuzz/run has a list of sources and definitions of its own,
# beside the build's: the compiler takes each fuzzer as it stands there. Prints
# TAP.
set -u

top=${DSC_SRCDIR:-$(cd "$(dirname "$0")/../.." && pwd)}
number=0

if ! command -v clang >/dev/null; then
	echo '1..0 # SKIP there is no clang'
	exit 0
fi
echo "1..$(find "$top/tests/fuzz" -name 'fuzz-*.c' | wc -l)"
for source in "$top"/tests/fuzz/fuzz-*.c; do
	name=$(basename "$source" .c)
	number=$((number + 1))
	if [ "$name" = fuzz-nbd ] &&
		! pkg-config --exists libnl-genl-3.0; then
		echo "ok $number - $name # SKIP there is no libnl-genl-3"
	elif said=$("$top/tests/fuzz/run" "${name#fuzz-}" --check 2>&1); then
		echo "ok $number - $name"
	else
		printf '%s\n' "$said" | sed -e 's/^/# /'
		echo "not ok $number - $name"
	fi
done
