# SPDX-License-Identifier: LGPL-2.1-or-later
#
# lib.sh: what the tests of the guest share. A test fails when one of its
# commands does; fail says why in words.

fail()
{
	echo "FAILED: $*"
	exit 1
}

skip()
{
	echo "$*" >/run/skip
	exit 77
}

# refused ERRNO COMMAND...: the command must fail with that errno, in JSON on
# stderr, which is then in /run/stderr. The trace would be in it, hence +x.
refused()
{
	expected=$1
	shift
	set +x
	if "$@" 2>/run/stderr; then
		fail "no failure but success: $*"
	fi
	set -x
	cat /run/stderr
	[ "$(json_member errno </run/stderr)" = "$expected" ]
}

# wait_for SECONDS COMMAND...: until the command succeeds.
wait_for()
{
	tries=$(($1 * 20))
	shift
	until "$@"; do
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || fail "waited in vain for: $*"
		usleep 50000
	done
}

# ------------------------------------------------------------- the target

# A tgtd of the guest's own: one target with CHAP, LUN 1 is $lun_file.
target=iqn.2026-11.io.discsi:vm
portal=127.0.0.1:3260
lun_file=/tmp/lun1
lun_bytes=$((96 * 1024 * 1024))
secret_file=/run/secret
url=iscsi://vmuser@$portal/$target/1
export TGT_IPC_SOCKET=/run/tgtd.ipc

tgt()
{
	tgtadm --lld iscsi "$@"
}

target_start()
{
	(umask 077 && echo vm-secret-0123 >$secret_file)
	truncate -s $lun_bytes $lun_file
	setsid tgtd -f --iscsi portal=$portal </dev/null >/run/tgtd.log 2>&1 &
	echo $! >/run/tgtd.pid
	wait_for 10 target_answers
	tgt --op new --mode target --tid 1 -T $target
	tgt --op new --mode logicalunit --tid 1 --lun 1 -b $lun_file
	tgt --op new --mode account --user vmuser --password vm-secret-0123
	tgt --op bind --mode account --tid 1 --user vmuser
	tgt --op bind --mode target --tid 1 -I ALL
}

target_answers()
{
	tgt --op show --mode sys >/dev/null 2>&1
}

target_stop()
{
	kill -9 "$(cat /run/tgtd.pid)"
	rm -f $lun_file
}

# The initiators that are logged in, one a line.
target_sessions()
{
	tgt --op show --mode target | sed -n -e 's/.*Initiator: //p'
}

# ------------------------------------------------------------- the bridge

# attach [OPTION]...: attaches LUN 1 and prints the answer's JSON.
attach()
{
	timeout 30 discsi attach --json --password-file $secret_file "$@" $url
}

# attach_lun LUN [OPTION]...: the same for another LUN of the target.
attach_lun()
{
	lun_url=${url%/1}/$1
	shift
	timeout 60 discsi attach --json --password-file $secret_file "$@" \
		"$lun_url"
}

# json_member NAME: a member with a text or a number, of the JSON on stdin.
json_member()
{
	sed -n -e "s/.*\"$1\": *\"\{0,1\}\([^\",}]*\).*/\1/p"
}

# The process that serves the one bridge there is.
worker()
{
	cat /run/discsi/*.json | json_member worker
}

no_bridge_runs()
{
	! pidof discsi-nbd
}

# The name of LUN 1 in /dev/disk/by-path, as open-iscsi gives it.
link=/dev/disk/by-path/ip-$portal-iscsi-$target-lun-1

# is_another PID: another worker than this one runs.
is_another()
{
	now=$(worker) && [ -n "$now" ] && [ "$now" != "$1" ] && kill -0 "$now"
}

# kill_worker: with -9, and waits until the next one serves.
kill_worker()
{
	old=$(worker)
	kill -9 "$old"
	wait_for 20 is_another "$old"
}

no_session()
{
	[ -z "$(target_sessions)" ]
}

# In the background: a program that writes, reads back and verifies, until
# fio_end.
fio_start()
{
	read -r reads_before _ <"/sys/block/${1#/dev/}/stat"
	fio --name=verify --filename="$1" --rw=randrw --bs=4k --size=24m \
		--direct=1 --ioengine=libaio --iodepth=8 --verify=crc32c \
		--verify_fatal=1 --time_based --runtime=600 \
		--output=/run/fio.out >/run/fio.err 2>&1 &
	fio=$!
	wait_for 60 has_read "${1#/dev/}"
}

# has_read NBDN: more of it than a look for partitions takes.
has_read()
{
	read -r reads_now _ <"/sys/block/$1/stat"
	[ "$reads_now" -gt $((reads_before + 200)) ]
}

fio_end()
{
	kill -0 "$fio" || fail "fio has ended by itself: $(cat /run/fio.out)"
	kill -INT "$fio"
	wait "$fio" || :
	cat /run/fio.out /run/fio.err
	grep -q 'err= 0' /run/fio.out
	if grep -q 'error\|verify failed' /run/fio.out /run/fio.err; then
		fail "fio saw an error"
	fi
}

# No process, no state, no session, no device in use: as if nothing had been.
nothing_is_left()
{
	no_bridge_runs || fail "a discsi-nbd still runs"
	[ -z "$(find /run/discsi ! -type d 2>/dev/null)" ] ||
		fail "state is left: $(find /run/discsi ! -type d)"
	[ -z "$(target_sessions)" ] || fail "a session is left"
	[ -z "$(find /dev/disk -type l 2>/dev/null)" ] || fail "a link is left"
	for pid in /sys/block/nbd*/pid; do
		[ ! -e "$pid" ] || fail "a device is still connected: $pid"
	done
}

# What is told to the next one by a bridge that was killed, or had no answer to a
# write when it ended.
forget_owed()
{
	rm /run/discsi/*.owed
}

# After a test that failed: takes away by force what it has left, so that the
# next one fails for reasons of its own only.
clear_away()
{
	umount /mnt /tmp/in-use
	for state in /run/discsi/*.json; do
		timeout 10 discsi detach --force "$(basename "$state" .json)"
	done
	killall -9 discsi-nbd systemd-udevd
	rm -rf /dev/disk /run/udev /etc/udev
	rm -rf /run/discsi
}
