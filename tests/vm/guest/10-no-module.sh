# SPDX-License-Identifier: LGPL-2.1-or-later
#
# 10-no-module.sh: a kernel without nbd. The modules are put out of reach, so
# that nothing can load them.

setup()
{
	mv /lib/modules /lib/modules.away
	target_start
}

teardown()
{
	target_stop
	mv /lib/modules.away /lib/modules
}

test_discsi_nbd_says_one_clear_sentence()
{
	if timeout 30 discsi-nbd --password-file $secret_file --device auto \
			$url 2>/run/stderr; then
		fail "it claims to have succeeded"
	fi
	cat /run/stderr
	[ "$(wc -l </run/stderr)" -eq 1 ]
	grep -q 'nbd.*kernel\|kernel.*nbd' /run/stderr
	nothing_is_left
}

test_forking_discsi_nbd_fails_in_the_foreground()
{
	if timeout 30 discsi-nbd --fork --password-file $secret_file \
			--device auto $url 2>/run/stderr; then
		fail "it claims to have forked"
	fi
	[ "$(wc -l </run/stderr)" -eq 1 ]
	nothing_is_left
}

test_attach_to_a_kernel_device_is_EOPNOTSUPP()
{
	refused EOPNOTSUPP attach --device nbd
	grep -q 'an NBD socket' /run/stderr
	if grep -q -e '--socket' /run/stderr; then
		fail "it names an option of another program"
	fi
	nothing_is_left
}

test_attach_auto_falls_back_to_a_socket()
{
	attach --device auto >/run/attach
	cat /run/attach
	[ -z "$(json_member device </run/attach)" ]
	[ -S "$(json_member socket </run/attach)" ]
	[ "$(json_member bytes </run/attach)" -eq $lun_bytes ]
	discsi detach "$(json_member id </run/attach)"
	nothing_is_left
}
