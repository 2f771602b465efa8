# SPDX-License-Identifier: LGPL-2.1-or-later
"""Extended headers, byte by byte, asked of the server at the Unix socket in the
first argument: libnbd 1.14 does not know them. 64 MiB, 512-byte blocks, thin,
the first quarter 0x5a and a hole behind it. Ends with a traceback at the first
answer that is wrong."""

import socket
import struct
import sys

MIB = 1 << 20
SIZE = 64 * MIB
READ, WRITE, DISC, FLUSH, TRIM, CACHE, ZEROES, STATUS = range(8)
FUA, NO_HOLE, DF, REQ_ONE, FAST, PAYLOAD = (1 << bit for bit in range(6))
NONE, DATA, HOLE, STATUS_EXT, ERROR = 0, 1, 2, 6, 0x8001
EINVAL, ENOSPC, EOVERFLOW = 22, 28, 75
ACK, UNSUP, INVALID, EXT_REQD = 1, 0x80000001, 0x80000003, 0x8000000a


class Client:
    """A connection; extended headers are negotiated unless told otherwise."""

    def __init__(self, go=True):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(60)
        self.socket.connect(sys.argv[1])
        self.cookie = 0
        assert self.take(18) == b"NBDMAGICIHAVEOPT\0\3"
        self.socket.sendall(b"\0\0\0\3")
        if not go:
            return
        assert self.option(11)[-1][0] == ACK
        query = b"base:allocation"
        answer = self.option(10, struct.pack(">LLL", 0, 1, len(query)) + query)
        assert answer[0][1][4:] == query and answer[-1][0] == ACK
        self.context = answer[0][1][:4]
        answer = self.option(7, struct.pack(">LHH", 0, 1, 3))
        assert answer[-1][0] == ACK
        infos = {data[:2]: data[2:] for _, data in answer[:-1]}
        size, self.flags = struct.unpack(">QH", infos[b"\0\0"])
        assert size == SIZE
        assert self.flags & 0x80 and not self.flags & 0x1000
        minimum, _, maximum = struct.unpack(">LLL", infos[b"\0\3"])
        assert minimum == 512 and maximum == 32 * MIB

    def take(self, length):
        data = b""
        while len(data) < length:
            part = self.socket.recv(length - len(data))
            assert part, "the connection has ended"
            data += part
        return data

    def option(self, number, data=b""):
        """Sends an option; its replies are (type, data) pairs."""
        self.socket.sendall(struct.pack(">8sLL", b"IHAVEOPT", number,
                                        len(data)) + data)
        replies = []
        while True:
            magic, option, kind, length = struct.unpack(">QLLL", self.take(20))
            assert magic == 0x3e889045565a9 and option == number
            replies.append((kind, self.take(length)))
            if kind == ACK or kind >> 31:
                return replies

    def ask(self, kind, flags, offset, length, payload=b""):
        """Sends a request; its one chunk is (type, data)."""
        self.cookie += 1
        self.socket.sendall(struct.pack(">LHHQQQ", 0x21e41c71, flags, kind,
                                        self.cookie, offset, length) + payload)
        magic, flags, chunk, cookie, at, size = struct.unpack(
            ">LHHQQQ", self.take(32))
        assert magic == 0x6e8a278c, hex(magic)
        assert (flags, cookie, at) == (1, self.cookie, offset)
        return chunk, self.take(size)

    def done(self, *args):
        assert self.ask(*args) == (NONE, b"")

    def refused(self, error, *args):
        kind, data = self.ask(*args)
        assert kind == ERROR
        assert struct.unpack(">L", data[:4])[0] == error, data

    def read(self, offset, length, flags=0):
        kind, data = self.ask(READ, flags, offset, length)
        assert struct.unpack(">Q", data[:8])[0] == offset
        if kind == HOLE:
            assert struct.unpack(">L", data[8:])[0] == length
            return b"\0" * length
        assert kind == DATA and len(data) == 8 + length
        return data[8:]

    def status(self, offset, length, flags=0):
        kind, data = self.ask(STATUS, flags, offset, length)
        assert kind == STATUS_EXT and data[:4] == self.context
        count = struct.unpack(">L", data[4:8])[0]
        assert len(data) == 8 + 16 * count
        return [struct.unpack(">QQ", data[at:at + 16])
                for at in range(8, len(data), 16)]


def negotiation():
    client = Client(go=False)
    assert client.option(11, b"x")[-1][0] == INVALID
    assert client.option(8)[-1][0] == ACK
    assert client.option(11)[-1][0] == ACK
    assert client.option(8)[-1][0] == EXT_REQD
    assert client.option(12)[-1][0] == UNSUP
    client.socket.sendall(struct.pack(">8sLL", b"IHAVEOPT", 1, 0))
    assert client.socket.recv(1) == b""


def data():
    client = Client()
    assert client.read(0, MIB) == b"\x5a" * MIB
    assert client.ask(READ, 0, 20 * MIB, MIB)[0] == HOLE
    assert client.ask(READ, DF, 20 * MIB, MIB)[0] == DATA
    assert client.read(15 * MIB, 2 * MIB) == b"\x5a" * MIB + b"\0" * MIB
    payload = bytes(range(256)) * 4096
    client.done(WRITE, PAYLOAD | FUA, 24 * MIB, MIB, payload)
    client.done(FLUSH, 0, 0, 0)
    assert client.read(24 * MIB, MIB) == payload
    client.done(CACHE, 0, 24 * MIB, MIB)
    client.done(TRIM, 0, 24 * MIB, MIB)
    assert client.read(24 * MIB, MIB) == b"\0" * MIB


def allocation():
    client = Client()
    assert client.status(0, SIZE) == [(16 * MIB, 0), (48 * MIB, 3)]
    assert client.status(0, SIZE, REQ_ONE) == [(16 * MIB, 0)]
    assert client.status(15 * MIB, 2 * MIB) == [(MIB, 0), (MIB, 3)]


def whole_disk():
    client = Client()
    client.done(WRITE, PAYLOAD, 32 * MIB, MIB, b"w" * MIB)
    client.done(ZEROES, 0, 17 * MIB, 47 * MIB)
    assert client.read(32 * MIB, MIB) == b"\0" * MIB
    client.done(TRIM, 0, 17 * MIB, 47 * MIB)


def mistakes():
    client = Client()
    client.refused(EINVAL, READ, 0, 0, 1 << 33)
    client.refused(EINVAL, READ, 0, 0, 32 * MIB + 512)
    client.refused(EOVERFLOW, READ, DF, 0, 32 * MIB + 512)
    client.refused(EINVAL, READ, 0, 1, 512)
    client.refused(EINVAL, TRIM, 0, 512, SIZE)
    client.refused(ENOSPC, ZEROES, 0, 0, 1 << 40)
    client.refused(EINVAL, STATUS, 0, 0, 1 << 63)
    client.refused(EINVAL, STATUS, 0, 0, 0)
    client.refused(EINVAL, WRITE, 0, 0, 512)
    client.refused(EINVAL, READ, PAYLOAD, 0, 512, b"p" * 512)
    client.refused(EINVAL, STATUS, PAYLOAD, 0, 12, b"p" * 12)
    client.refused(EINVAL, 99, PAYLOAD, 0, 70000, b"p" * 70000)
    client.refused(ENOSPC, WRITE, PAYLOAD, SIZE, 512, b"p" * 512)
    assert client.read(0, 512) == b"\x5a" * 512
    client.socket.sendall(struct.pack(">LHHQQQ", 0x21e41c71, PAYLOAD, WRITE, 1,
                                      0, 1 << 32))
    assert client.socket.recv(1) == b""


def goodbye():
    client = Client()
    client.socket.sendall(struct.pack(">LHHQQQ", 0x21e41c71, 0, DISC, 1, 0, 0))
    assert client.socket.recv(1) == b""


for corner in (negotiation, data, allocation, whole_disk, mistakes, goodbye):
    print(corner.__name__, flush=True)
    corner()
