# SPDX-License-Identifier: LGPL-2.1-or-later
"""TLS, with the key of bob, on the ways in that libnbd hands to a discsi-nbd:
the arguments are the LUN's URL and the file of keys. Ends with a traceback at
the first answer that is wrong."""

import os
import sys

import nbd

MIB = 1 << 20
URL, KEYS = sys.argv[1:]

for connect, option in (("connect_command", ["--stdio"]),
                        ("connect_systemd_socket_activation", [])):
    handle = nbd.NBD()
    handle.set_tls(nbd.TLS_REQUIRE)
    handle.set_tls_psk_file(KEYS)
    handle.set_tls_username("bob")
    getattr(handle, connect)(["./discsi-nbd", URL, "--tls-psk", KEYS] + option)
    assert handle.get_tls_negotiated()
    data = os.urandom(MIB)
    handle.pwrite(data, MIB)
    assert handle.pread(MIB, MIB) == data
    handle.shutdown()
    del handle
