# SPDX-License-Identifier: LGPL-2.1-or-later
"""A client that speaks NBD's bytes to a discsi-nbd which listens on 127.0.0.1
and requires TLS, with OpenSSL where it has TLS. Arguments: what to do, the
port, and the directory of make-certs. The LUN behind it is 64 MiB. Ends with a
traceback at the first answer that is wrong."""

import os
import socket
import ssl
import struct
import sys
import threading

MIB = 1 << 20
SIZE = 64 * MIB
WAY, PORT, CERTS = sys.argv[1], int(sys.argv[2]), sys.argv[3]

ACK, SERVER, INFO = 1, 2, 3
ERR_TLS_REQD, ERR_INVALID = 0x80000005, 0x80000003
EXPORT_NAME, ABORT, LIST, STARTTLS, GO, STRUCTURED = 1, 2, 3, 5, 7, 8
READ, WRITE, DISC, FLUSH = 0, 1, 2, 3


def read_exactly(sock, length):
    data = bytearray()
    while len(data) < length:
        part = sock.recv(min(length - len(data), MIB))
        assert part, f"end after {len(data)} of {length} bytes"
        data += part
    return bytes(data)


def is_closed(sock):
    """By the other end, perhaps after some alert."""
    try:
        while sock.recv(65536):
            pass
    except OSError as error:
        assert not isinstance(error, TimeoutError), "it is not closed"
    return True


def connect(flags=3):
    sock = socket.create_connection(("127.0.0.1", PORT), timeout=60)
    assert read_exactly(sock, 18) == b"NBDMAGICIHAVEOPT\0\3"
    sock.sendall(struct.pack(">L", flags))
    return sock


def option(kind, data=b""):
    return struct.pack(">8sLL", b"IHAVEOPT", kind, len(data)) + data


def answer(sock, kind):
    magic, for_kind, reply, length = struct.unpack(
        ">QLLL", read_exactly(sock, 20))
    assert magic == 0x3e889045565a9 and for_kind == kind
    return reply, read_exactly(sock, length)


def ask_option(sock, kind, data=b""):
    sock.sendall(option(kind, data))
    return answer(sock, kind)


def context(client="client", lowest=None, highest=None):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.load_verify_locations(f"{CERTS}/{client}/ca-cert.pem")
    if os.path.exists(f"{CERTS}/{client}/client-cert.pem"):
        made.load_cert_chain(f"{CERTS}/{client}/client-cert.pem",
                             f"{CERTS}/{client}/client-key.pem")
    if lowest is not None:
        made.minimum_version = lowest
    if highest is not None:
        made.maximum_version = highest
    return made


def upgrade(sock, with_context):
    assert ask_option(sock, STARTTLS) == (ACK, b"")
    return with_context.wrap_socket(sock, server_hostname="localhost")


def go(sock):
    sock.sendall(option(GO, struct.pack(">LH", 0, 0)))
    reply, data = answer(sock, GO)
    assert reply == INFO and struct.unpack(">HQ", data[:10]) == (0, SIZE)
    reply, data = answer(sock, GO)
    assert reply == INFO and data[:2] == b"\0\3"
    assert answer(sock, GO) == (ACK, b"")


def enter(client="client", **limits):
    sock = upgrade(connect(), context(client, **limits))
    go(sock)
    return sock


def request(kind, cookie, offset, length, data=b""):
    return struct.pack(">LHHQQL", 0x25609513, 0, kind, cookie, offset,
                       length) + data


def simple_reply(sock, cookie, length=0):
    assert struct.unpack(">LLQ", read_exactly(sock, 16)) == (
        0x67446698, 0, cookie)
    return read_exactly(sock, length)


def exchange(sock, at=0):
    """Writes and reads back, in one record, in many, and with large data."""
    small, large = os.urandom(4096), os.urandom(3 * MIB)
    sock.sendall(request(WRITE, 1, at, 4096, small))
    simple_reply(sock, 1)
    sock.sendall(request(WRITE, 2, at + MIB, len(large), large))
    simple_reply(sock, 2)
    for byte in request(READ, 3, at, 4096):
        sock.sendall(bytes([byte]))
    assert simple_reply(sock, 3, 4096) == small
    sock.sendall(request(READ, 4, at + MIB, len(large)) +
                 request(FLUSH, 5, 0, 0))
    replies = {}
    while len(replies) < 2:
        _, error, cookie = struct.unpack(">LLQ", read_exactly(sock, 16))
        assert error == 0
        replies[cookie] = read_exactly(sock, len(large) if cookie == 4 else 0)
    assert replies[4] == large


def leave(sock):
    sock.sendall(request(DISC, 0, 0, 0))
    assert sock.recv(1) == b"", "no goodbye"


def clear():
    """Without TLS nothing is to be had but the word that it is missing."""
    sock = connect()
    for kind in (LIST, STRUCTURED, 6, GO, 10, 99):
        reply, _ = ask_option(sock, kind, struct.pack(">LH", 0, 0))
        assert reply == ERR_TLS_REQD, hex(reply)
    assert ask_option(sock, ABORT)[0] == ACK
    assert is_closed(sock)
    sock = connect()
    sock.sendall(option(EXPORT_NAME))
    assert is_closed(sock)
    sock = connect(flags=0)
    sock.sendall(option(LIST))
    assert is_closed(sock)


def garbage():
    """What is no TLS, once TLS is agreed, ends the connection."""
    for data in (option(GO, struct.pack(">LH", 0, 0)), b"\0" * 4096,
                 b"\x16\x03\x03\xff\xff" + b"\1" * 4096,
                 b"\x16\x03\x01\x00\x04\x01\xff\xff\xff",
                 b"\x17\x03\x03\x00\x10" + b"x" * 16,
                 b"\x15\x03\x03\x00\x02\x02\x28", os.urandom(65536)):
        sock = connect()
        assert ask_option(sock, STARTTLS) == (ACK, b"")
        try:
            sock.sendall(data)
            sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        assert is_closed(sock)


def injected():
    """What stands in clear behind STARTTLS is not taken for an option."""
    sock = connect()
    sock.sendall(option(STARTTLS) + option(STRUCTURED))
    assert answer(sock, STARTTLS) == (ACK, b"")
    try:
        context().wrap_socket(sock, server_hostname="localhost")
    except (ssl.SSLError, OSError):
        return
    raise AssertionError("a handshake that others have written into works")


def openssl():
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        sock = upgrade(connect(), context(lowest=version, highest=version))
        assert ask_option(sock, STARTTLS)[0] == ERR_INVALID
        assert ask_option(sock, LIST)[0] == SERVER
        assert answer(sock, LIST)[0] == ACK
        go(sock)
        exchange(sock)
        leave(sock)


def old_version():
    old = context(lowest=ssl.TLSVersion.TLSv1, highest=ssl.TLSVersion.TLSv1_1)
    old.set_ciphers("ALL:@SECLEVEL=0")
    try:
        upgrade(connect(), old)
    except (ssl.SSLError, OSError):
        return
    raise AssertionError("TLS 1.1 is taken")


def spoiled():
    """A record that is not the peer's ends its connection and no other."""
    good = enter()
    for data in (b"\x17\x03\x03\x00\x20" + b"x" * 32, os.urandom(1000),
                 b"\x17\x03\x03\xff\xff", b"\x14\x03\x03\x00\x01\x01"):
        sock = enter()
        raw = socket.socket(fileno=os.dup(sock.fileno()))
        sock.sendall(request(READ, 1, 0, 16 * MIB))
        raw.sendall(data)
        raw.shutdown(socket.SHUT_WR)
        raw.settimeout(60)
        assert is_closed(raw)
    exchange(good)
    leave(good)


def slow():
    """Replies that are not read for a while arrive whole."""
    sock = enter()
    data = os.urandom(MIB)
    sock.sendall(request(WRITE, 0, 8 * MIB, MIB, data))
    simple_reply(sock, 0)
    sock.sendall(b"".join(request(READ, cookie, 8 * MIB, MIB)
                          for cookie in range(1, 101)))
    other = enter()
    exchange(other)
    leave(other)
    seen = set()
    for _ in range(100):
        _, error, cookie = struct.unpack(">LLQ", read_exactly(sock, 16))
        assert error == 0 and read_exactly(sock, MIB) == data
        seen.add(cookie)
    assert seen == set(range(1, 101))
    leave(sock)


def many():
    """Clients beside one another, each with its own part of the disk."""
    failures = []

    def one(index):
        try:
            sock = enter()
            exchange(sock, index * 4 * MIB)
            leave(sock)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=one, args=(index,))
               for index in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures


def unverified():
    """Who is not known to the authority gets nothing, in either version."""
    for client in ("anonymous", "stranger", "misused", "revoked"):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            known = context("client" if client == "stranger" else client,
                            lowest=version, highest=version)
            if client == "stranger":
                known.load_cert_chain(f"{CERTS}/stranger/client-cert.pem",
                                      f"{CERTS}/stranger/client-key.pem")
            sock = connect()
            try:
                # In TLS 1.3 the client is done before it is looked at.
                sock = upgrade(sock, known)
                reply = ask_option(sock, LIST)
            except (ssl.SSLError, OSError, AssertionError):
                continue
            raise AssertionError(f"{client} is answered: {reply}")
    sock = enter()
    exchange(sock)
    leave(sock)


{
    "clear": clear,
    "garbage": garbage,
    "injected": injected,
    "many": many,
    "old-version": old_version,
    "openssl": openssl,
    "slow": slow,
    "spoiled": spoiled,
    "unverified": unverified,
}[WAY]()
