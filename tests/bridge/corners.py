# SPDX-License-Identifier: LGPL-2.1-or-later
"""Corners of the NBD protocol, asked by libnbd of the server at the URI in the
first argument: 64 MiB, 512-byte blocks, thin, the first quarter 0x5a and a hole
behind it. Ends with a traceback at the first answer that is wrong."""

import errno
import sys

import nbd

MIB = 1 << 20
SIZE = 64 * MIB
URI = sys.argv[1]


def connect(structured=True, context=True, strict=True):
    handle = nbd.NBD()
    handle.set_request_structured_replies(structured)
    if context:
        handle.add_meta_context(nbd.CONTEXT_BASE_ALLOCATION)
    if not strict:
        handle.set_strict_mode(0)
    handle.connect_uri(URI)
    return handle


def refused(wanted, function, *args, **kwargs):
    """The call fails with this errno, and the connection goes on."""
    try:
        function(*args, **kwargs)
    except nbd.Error as error:
        assert error.errnum == wanted, (errno.errorcode.get(error.errnum),
                                        str(error))
        return
    raise AssertionError("not refused")


def alignment_and_range():
    handle = connect(strict=False)
    refused(errno.EINVAL, handle.pread, 512, 1)
    refused(errno.EINVAL, handle.pread, 511, 0)
    refused(errno.EINVAL, handle.pread, 512, SIZE)
    refused(errno.EINVAL, handle.pread, 1024, SIZE - 512)
    refused(errno.EINVAL, handle.pread, 512, (1 << 63) - 512)
    refused(errno.ENOSPC, handle.pwrite, b"x" * 512, SIZE)
    refused(errno.EINVAL, handle.pwrite, b"x" * 512, 100)
    refused(errno.ENOSPC, handle.zero, 512, SIZE)
    refused(errno.EINVAL, handle.trim, 512, SIZE)
    refused(errno.EINVAL, handle.cache, 512, SIZE)
    refused(errno.EINVAL, handle.cache, 512, 1)
    assert handle.pread(512, SIZE - 512) == b"\0" * 512
    handle.shutdown()


def structured_reads():
    handle = connect()
    chunks = []

    def chunk(data, offset, status, error):
        chunks.append((len(data), offset, status, error.value))
        return 0

    data = handle.pread_structured(MIB, 15 * MIB + 512 * 1024, chunk,
                                   nbd.CMD_FLAG_DF)
    assert data == b"\x5a" * (MIB // 2) + b"\0" * (MIB // 2)
    assert chunks == [(MIB, 15 * MIB + 512 * 1024, nbd.READ_DATA, 0)], chunks
    handle.shutdown()


def holes():
    """Zeroes come as a hole, but not to who wants one piece of data."""
    handle = connect()
    chunks = []

    def chunk(data, offset, status, error):
        chunks.append((len(data), offset, status))
        return 0

    assert handle.pread_structured(MIB, 32 * MIB, chunk) == b"\0" * MIB
    assert chunks.pop() == (MIB, 32 * MIB, nbd.READ_HOLE), chunks
    handle.pread_structured(MIB, 32 * MIB, chunk, nbd.CMD_FLAG_DF)
    assert chunks.pop() == (MIB, 32 * MIB, nbd.READ_DATA), chunks
    handle.pread_structured(MIB, 0, chunk)
    assert chunks.pop() == (MIB, 0, nbd.READ_DATA), chunks
    handle.shutdown()


def caching():
    handle = connect()
    assert handle.can_cache()
    handle.cache(32 * MIB, 0)
    refused(errno.EINVAL, connect(strict=False).cache, 32 * MIB + 512, 0)
    handle.shutdown()


def simple_reads():
    handle = connect(structured=False, context=False)
    assert not handle.get_structured_replies_negotiated()
    assert not handle.can_df()
    assert handle.pread(MIB, 0) == b"\x5a" * MIB
    refused(errno.EINVAL, connect(structured=False, context=False,
                                  strict=False).pread, 512, 1)
    handle.shutdown()


def largest_requests():
    handle = connect()
    assert handle.get_block_size(nbd.SIZE_MAXIMUM) == 32 * MIB
    data = bytes(range(256)) * (32 * MIB // 256)
    handle.pwrite(data, 32 * MIB)
    assert handle.pread(32 * MIB, 32 * MIB) == data
    refused(errno.EINVAL, connect(strict=False).pread, 32 * MIB + 512, 0)
    handle.trim(32 * MIB, 32 * MIB)
    handle.shutdown()


def allocation():
    handle = connect()
    assert handle.can_meta_context(nbd.CONTEXT_BASE_ALLOCATION)
    entries = []

    def extent(context, offset, pairs, error):
        assert context == nbd.CONTEXT_BASE_ALLOCATION
        entries.append((offset, list(pairs)))
        return 0

    handle.block_status(SIZE, 0, extent)
    assert entries[-1] == (0, [16 * MIB, 0, 48 * MIB, 3]), entries
    handle.block_status(2 * MIB, 15 * MIB, extent)
    assert entries[-1] == (15 * MIB, [MIB, 0, MIB, 3]), entries
    handle.block_status(SIZE, 0, extent, nbd.CMD_FLAG_REQ_ONE)
    assert entries[-1] == (0, [16 * MIB, 0]), entries
    handle.pwrite(b"z" * 65536, 48 * MIB)
    handle.block_status(MIB, 48 * MIB, extent)
    assert entries[-1][1][1] == 0, entries
    handle.trim(MIB, 48 * MIB)
    handle.block_status(MIB, 48 * MIB, extent)
    assert entries[-1] == (48 * MIB, [MIB, 3]), entries
    handle.shutdown()
    refused(errno.EINVAL, connect(context=False, strict=False).block_status,
            MIB, 0, extent)


def zeroes():
    handle = connect()
    handle.pwrite(b"q" * MIB, 20 * MIB)
    handle.zero(4096, 20 * MIB, nbd.CMD_FLAG_NO_HOLE)
    handle.zero(4096, 20 * MIB + 8192, nbd.CMD_FLAG_FUA)
    assert handle.pread(16384, 20 * MIB) == (b"\0" * 4096 + b"q" * 4096) * 2
    if handle.can_fast_zero():
        handle.zero(4096, 20 * MIB, nbd.CMD_FLAG_FAST_ZERO)
    else:
        refused(errno.EINVAL, connect(strict=False).zero, 4096, 20 * MIB,
                nbd.CMD_FLAG_FAST_ZERO)
    handle.zero(40 * MIB, 20 * MIB)
    assert handle.pread(MIB, 20 * MIB) == b"\0" * MIB
    handle.shutdown()


def many_in_flight():
    """More than there are slots, of all kinds, and each is answered once."""
    handle = connect()
    done = []

    def make(index, buffer, wanted):
        def completed(error):
            assert error.value == 0
            if wanted is not None:
                assert buffer.to_bytearray() == wanted
            done.append(index)
            return 1
        return completed

    for index in range(400):
        offset = index % 50 * 65536 + 24 * MIB
        if index < 50:
            data = bytes([index]) * 65536
            handle.aio_pwrite(nbd.Buffer.from_bytearray(bytearray(data)),
                              offset, make(index, None, None))
            if index == 49:
                while handle.aio_in_flight() > 0:
                    handle.poll(-1)
            continue
        length = (512, 4096, 65536)[index % 3]
        buffer = nbd.Buffer(length)
        handle.aio_pread(buffer, offset,
                         make(index, buffer, bytes([index % 50]) * length))
    while handle.aio_in_flight() > 0:
        handle.poll(-1)
    assert sorted(done) == list(range(400))
    handle.shutdown()


def options():
    handle = nbd.NBD()
    handle.set_opt_mode(True)
    handle.set_full_info(True)
    handle.connect_uri(URI)
    names = []

    def export(name, description):
        names.append(name)
        return 0

    assert handle.opt_list(export) == 1 and names == ["disk"]
    contexts = []

    def context(name):
        contexts.append(name)
        return 0

    assert handle.opt_list_meta_context(context) == 1
    assert contexts == ["base:allocation"]
    handle.set_export_name("no-such-export")
    refused(errno.ENOENT, handle.opt_info)
    handle.set_export_name("disk")
    handle.opt_info()
    assert handle.get_size() == SIZE
    assert handle.get_canonical_export_name() == "disk"
    assert handle.get_export_description() != ""
    handle.opt_go()
    assert handle.pread(512, 0) == b"\x5a" * 512
    handle.shutdown()

    handle = nbd.NBD()
    handle.set_opt_mode(True)
    handle.connect_uri(URI)
    handle.opt_abort()


def flush_covers_connections():
    one, two = connect(), connect()
    assert one.can_multi_conn()
    one.pwrite(b"one" * 512, 30 * MIB)
    two.flush()
    assert two.pread(1536, 30 * MIB) == b"one" * 512
    two.pwrite(b"two" * 512, 30 * MIB, nbd.CMD_FLAG_FUA)
    assert one.pread(1536, 30 * MIB) == b"two" * 512
    one.shutdown()
    two.shutdown()


for corner in (alignment_and_range, structured_reads, holes, caching,
               simple_reads, largest_requests, allocation, zeroes,
               many_in_flight, options, flush_covers_connections):
    print(corner.__name__, flush=True)
    corner()
