# SPDX-License-Identifier: LGPL-2.1-or-later
#
# file.sh FILE: runs every function test_* of FILE in the order in which it is
# written, each in a shell of its own with -eu and a deadline, and prints TAP.
# The trace of a test that failed follows its line. setup and teardown, where
# FILE has them, run before the first and after the last one. A test is
# skipped by the function skip of lib.sh; what it writes to /run/comment is
# printed; FILE may set limit, in seconds.
file=$1
limit=$(sed -n -e 's/^limit=//p' "$file")
limit=${limit:-90}
log=/run/test.log

run()
{
	timeout "$limit" sh -eu -c '. /vm/lib.sh; . "$1"; set -x; "$2"' sh \
		"$file" "$1" >"$log" 2>&1 </dev/null
}

comment()
{
	tail -n 60 "$log" | sed -e 's/^/# /'
}

has()
{
	grep -q "^$1()" "$file"
}

report()
{
	count=$(($(cat /run/count) + 1))
	echo "$count" >/run/count
	name=$(echo "$2" | sed -e 's/^test_//' -e 's/_/ /g')
	area=$(basename "$file" .sh | sed -e 's/^[0-9]*-//')
	case $1 in
	0) echo "ok $count - $area: $name" ;;
	77) echo "ok $count - $area: $name # SKIP $(cat /run/skip)" ;;
	143 | 124) echo "not ok $count - $area: $name (after $limit s)" ;;
	*) echo "not ok $count - $area: $name" ;;
	esac
	if [ -e /run/comment ]; then
		sed -e 's/^ */# /' /run/comment
		rm -f /run/comment
	fi
	case $1 in
	0 | 77) ;;
	*)
		comment
		sh -c '. /vm/lib.sh; clear_away' >/dev/null 2>&1
		;;
	esac
}

if has setup && ! run setup; then
	report 1 setup
else
	for test in $(sed -n -e 's/^\(test_[A-Za-z0-9_]*\)().*/\1/p' "$file"); do
		run "$test"
		report $? "$test"
	done
fi
if has teardown && ! run teardown; then
	report 1 teardown
fi
