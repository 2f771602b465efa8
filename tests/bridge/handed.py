# SPDX-License-Identifier: LGPL-2.1-or-later
"""Ways into a discsi-nbd that its starter hands to it: the first argument says
which one, the others are the command. The LUN behind it is 64 MiB. Ends with a
traceback at the first answer that is wrong."""

import json
import os
import struct
import subprocess
import sys

MIB = 1 << 20
SIZE = 64 * MIB
WAY, COMMAND = sys.argv[1], sys.argv[2:]


def use(handle):
    assert handle.get_size() == SIZE
    data = os.urandom(MIB)
    handle.pwrite(data, 40 * MIB)
    handle.flush()
    assert handle.pread(MIB, 40 * MIB) == data
    handle.shutdown()


def command():
    """libnbd's: one socket is standard input and output."""
    import nbd
    handle = nbd.NBD()
    handle.connect_command(COMMAND)
    use(handle)


def detached():
    """An operator ends it under its client, who is told so."""
    import nbd
    handle = nbd.NBD()
    handle.connect_command(COMMAND)
    shown = json.loads(subprocess.check_output(
        ["./discsi", "status", "--json"]))
    bridge, = shown if isinstance(shown, list) else shown["bridges"]
    assert bridge["device"] == "" and bridge["socket"] == "", bridge
    table = subprocess.check_output(["./discsi", "status"], text=True)
    assert "handed over" in table, table
    assert handle.pread(512, 0)
    subprocess.check_call(["./discsi", "detach", bridge["id"]])
    try:
        handle.pread(512, 0)
    except nbd.Error:
        return
    raise AssertionError("it is still served")


def activation():
    import nbd
    handle = nbd.NBD()
    handle.connect_systemd_socket_activation(COMMAND)
    use(handle)


def read_exactly(stream, length):
    data = stream.read(length)
    assert len(data) == length, len(data)
    return data


def ask(kind, offset, length):
    return struct.pack(">LHHQQL", 0x25609513, 0, kind, kind, offset, length)


def greet(server):
    assert read_exactly(server.stdout, 16) == b"NBDMAGICIHAVEOPT"
    read_exactly(server.stdout, 2)
    server.stdin.write(struct.pack(">L8sLL", 3, b"IHAVEOPT", 1, 0))
    server.stdin.flush()
    size, _ = struct.unpack(">QH", read_exactly(server.stdout, 10))
    assert size == SIZE


def start():
    return subprocess.Popen(COMMAND, stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE)


def expect_reply(server, kind):
    reply = read_exactly(server.stdout, 16)
    assert reply == struct.pack(">LLQ", 0x67446698, 0, kind), reply


def pipes():
    """As inetd's sisters and ssh have it: a pipe for either direction."""
    server = start()
    greet(server)
    data = os.urandom(4 * MIB)
    server.stdin.write(ask(1, 44 * MIB, len(data)) + data)
    server.stdin.flush()
    expect_reply(server, 1)
    server.stdin.write(ask(0, 44 * MIB, len(data)))
    server.stdin.flush()
    expect_reply(server, 0)
    assert read_exactly(server.stdout, len(data)) == data
    server.stdin.write(ask(2, 0, 0))
    server.stdin.flush()
    assert server.stdout.read() == b""
    assert server.wait(60) == 0


def pipe_ends():
    """No goodbye: the pipe just ends, and what was asked is answered."""
    server = start()
    greet(server)
    server.stdin.write(ask(0, 0, 2 * MIB))
    server.stdin.close()
    expect_reply(server, 0)
    assert len(server.stdout.read()) == 2 * MIB
    assert server.wait(60) == 0


def nobody():
    """Standard input that is no way in: the mistake is said, not served."""
    server = subprocess.Popen(COMMAND, stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, text=True)
    _, said = server.communicate(timeout=60)
    assert server.returncode == 1, server.returncode
    assert "neither sockets nor pipes" in said, said


{"command": command, "detached": detached, "activation": activation,
 "pipes": pipes, "pipe-ends": pipe_ends, "nobody": nobody}[WAY]()
