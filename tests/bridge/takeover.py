# SPDX-License-Identifier: LGPL-2.1-or-later
"""One discsi-nbd takes the place of another under clients of a Unix socket: the
first argument says in which situation, the second is the bridge's id, the third
the directory of the registry. Ends with a traceback at the first answer that
is wrong."""

import array
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

MIB = 1 << 20
WAY, ID, DIRECTORY = sys.argv[1:4]
SOCKET = os.path.join(DIRECTORY, ID + ".sock")
CONTROL = os.path.join(DIRECTORY, ID + ".ctl")


class Client:
    """With the old option of the handshake: simple replies."""

    def __init__(self, connection=None):
        self.cookie = 0
        if connection is not None:
            self.socket = connection
            return
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(60)
        self.socket.connect(SOCKET)
        assert self.receive(16) == b"NBDMAGICIHAVEOPT"
        self.receive(2)
        self.socket.sendall(struct.pack(">L8sLL", 3, b"IHAVEOPT", 1, 0))
        self.receive(10)

    def receive(self, length):
        data = b""
        while len(data) < length:
            part = self.socket.recv(length - len(data))
            assert part, "the connection has ended"
            data += part
        return data

    def request(self, kind, offset, length):
        self.cookie += 1
        return struct.pack(">LHHQQL", 0x25609513, 0, kind, self.cookie,
                           offset, length)

    def expect(self, data=b""):
        """The reply to the last request."""
        reply = struct.pack(">LLQ", 0x67446698, 0, self.cookie)
        assert self.receive(16) == reply
        assert self.receive(len(data)) == data

    def write(self, offset, data):
        self.socket.sendall(self.request(1, offset, len(data)) + data)
        self.expect()

    def check(self, offset, data):
        self.socket.sendall(self.request(0, offset, len(data)))
        self.expect(data)


def state():
    with open(os.path.join(DIRECTORY, ID + ".json")) as file:
        return json.load(file)


def is_running(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_ended(pid):
    deadline = time.monotonic() + 20
    while is_running(pid):
        assert time.monotonic() < deadline, "it does not end"
        time.sleep(0.01)


def take_over(expected=None):
    """Expects success, or failure with this errno, which changes nothing."""
    before = state()["worker"]
    done = subprocess.run(
        ["./discsi-nbd", "--takeover", ID, "--fork", "--json"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
    words = done.stderr.decode()
    if expected is None:
        assert done.returncode == 0, words
        assert json.loads(done.stdout)["socket"] == SOCKET
        assert "a pause of" in words, words
        assert state()["worker"] != before
        with open(os.path.join(DIRECTORY, ID + ".lock")) as file:
            assert int(file.read()) == state()["pid"]
        wait_ended(before)
    else:
        assert done.returncode == 1
        assert json.loads(words)["error"]["errno"] == expected, words
        assert state()["worker"] == before
        assert is_running(before)


def busy():
    """Clients that never stop see nothing of five takeovers."""
    clients = [Client() for _ in range(3)]
    failures = []
    rounds = [0] * len(clients)
    end = threading.Event()

    def work(number):
        client = clients[number]
        try:
            while not end.is_set():
                data = os.urandom(96 * 1024)
                offset = (4 * number + rounds[number] % 4) * MIB
                client.write(offset, data)
                client.check(offset, data)
                rounds[number] += 1
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(i,))
               for i in range(len(clients))]
    for thread in threads:
        thread.start()
    for _ in range(5):
        take_over()
        seen = list(rounds)
        deadline = time.monotonic() + 20
        while any(now < before + 2 for now, before in zip(rounds, seen)):
            assert not failures, failures
            assert time.monotonic() < deadline
            time.sleep(0.01)
    end.set()
    for thread in threads:
        thread.join()
    assert not failures, failures
    Client().check(0, bytes())


def pieces():
    """What is half sent is not lost."""
    client = Client()
    data = os.urandom(4096)
    request = client.request(1, 8 * MIB, len(data)) + data
    client.socket.sendall(request[:11])
    take_over()
    client.socket.sendall(request[11:])
    client.expect()
    client.check(8 * MIB, data)


def unfinished():
    """A write that does not arrive ends a takeover before others feel it."""
    client = Client()
    other = Client()
    other.write(10 * MIB, b"o" * 512)
    longest = 0
    end = threading.Event()

    def work():
        nonlocal longest
        while not end.is_set():
            begin = time.monotonic()
            other.check(10 * MIB, b"o" * 512)
            longest = max(longest, time.monotonic() - begin)

    thread = threading.Thread(target=work)
    thread.start()
    data = os.urandom(MIB)
    request = client.request(1, 9 * MIB, len(data)) + data
    client.socket.sendall(request[:300000])
    take_over("ETIMEDOUT")
    end.set()
    thread.join()
    assert 0.2 < longest < 4, longest
    client.socket.sendall(request[300000:])
    client.expect()
    take_over()
    client.check(9 * MIB, data)


class Successor:
    """Says what a successor says, until it does something else."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(30)
        self.socket.connect(CONTROL)

    def say(self, what):
        self.socket.sendall(
            json.dumps({"do": what, "version": 1},
                       separators=(",", ":")).encode() + b"\0")

    def ask(self, what):
        """The answer's object, bytes and descriptors."""
        self.say(what)
        message, control, _, _ = self.socket.recvmsg(
            1 << 18, socket.CMSG_SPACE(64))
        descriptors = array.array("i")
        for _, _, data in control:
            descriptors.frombytes(data)
        head, _, rest = message.partition(b"\0")
        return json.loads(head), rest, list(descriptors)

    def ask_all(self):
        """Up to where it could say "taken". The clients' descriptors."""
        head, conf, (self.lock,) = self.ask("hello")
        assert head["socket"] == SOCKET and head["device"] == ""
        assert json.loads(conf)["lun_id"] in (1, "1")
        head, _, (listening,) = self.ask("drain")
        assert "errno" not in head, head
        os.close(listening)
        clients = []
        while True:
            head, _, descriptors = self.ask("next")
            if head["end"]:
                return clients
            clients += descriptors


def bad():
    """Successors that do not go through with it change nothing."""
    client = Client()
    data = os.urandom(MIB)
    client.write(12 * MIB, data)
    before = state()["worker"]
    for steps in range(4):
        successor = Successor()
        for what in ("hello", "drain", "next")[:steps]:
            successor.ask(what)
        successor.socket.close()
        client.check(12 * MIB, data)
    for words in (b"", b"\0", b"{}", b"[]\0", b"{\"do\":3}\0",
                  b"{\"do\":\"taken\"}\0", b"x" * 100000):
        successor = Successor()
        successor.socket.sendall(words)
        assert successor.socket.recv(100) == b""
        client.check(12 * MIB, data)
    successor = Successor()
    successor.socket.sendall(b"{\"do\":\"hello\",\"version\":99}\0")
    assert b"\"errno\":95" in successor.socket.recv(1000)
    client.check(12 * MIB, data)
    assert state()["worker"] == before
    take_over()
    client.check(12 * MIB, data)


def hesitant():
    """Too late is too late, for both: it cannot say "taken" any more."""
    client = Client()
    client.write(13 * MIB, b"x" * 512)
    successor = Successor()
    assert len(successor.ask_all()) == 1
    client.check(13 * MIB, b"x" * 512)
    try:
        successor.say("taken")
    except BrokenPipeError:
        client.check(13 * MIB, b"x" * 512)
        take_over()
        return
    raise AssertionError("it could be said")


def taken():
    """Said in time it counts, though the successor is gone at once."""
    before = state()["worker"]
    client = Client()
    successor = Successor()
    passed, = successor.ask_all()
    client.socket.sendall(client.request(0, 0, 512))
    successor.say("taken")
    successor.socket.close()
    wait_ended(before)
    server = socket.socket(fileno=passed)
    server.settimeout(20)
    assert server.recv(28) == struct.pack(">LHHQQL", 0x25609513, 0, 0, 1, 0,
                                          512)


class Taker:
    """A process that has taken the bridge over, and does nothing but serve."""

    def __init__(self, lock):
        self.pid = os.fork()
        if self.pid == 0:
            signal.pause()
            os._exit(1)
        os.close(lock)

    def publish(self):
        known = state()
        known["pid"] = known["worker"] = self.pid
        path = os.path.join(DIRECTORY, ID + ".json")
        with open(path + ".new", "w") as file:
            json.dump(known, file)
        os.rename(path + ".new", path)

    def expect_ended(self):
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        if pid == 0:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        assert pid == self.pid, "it serves still"
        assert os.WTERMSIG(status) == signal.SIGTERM


def start_detach():
    return subprocess.Popen(["./discsi", "detach", ID])


def wait_watching(process):
    """Until it waits for news of the registry, or has ended."""
    deadline = time.monotonic() + 20
    while process.poll() is None:
        for name in os.listdir(f"/proc/{process.pid}/fd"):
            try:
                if "inotify" in os.readlink(f"/proc/{process.pid}/fd/{name}"):
                    return
            except FileNotFoundError:
                pass
        assert time.monotonic() < deadline, "it does not wait"
        time.sleep(0.01)


def wait_signalled(pid):
    """Until SIGTERM is pending."""
    deadline = time.monotonic() + 20
    while True:
        with open(f"/proc/{pid}/status") as file:
            pending, = (int(line.split()[1], 16) for line in file
                        if line.startswith("ShdPnd"))
        if pending >> (signal.SIGTERM - 1) & 1:
            return
        assert time.monotonic() < deadline, "it is not told to end"
        time.sleep(0.01)


def detached():
    """A detach that tells the old one to end when another serves already."""
    before = state()["worker"]
    successor = Successor()
    successor.ask_all()
    os.kill(before, signal.SIGSTOP)
    successor.say("taken")
    taker = Taker(successor.lock)
    detach = start_detach()
    wait_signalled(before)
    os.kill(before, signal.SIGCONT)
    wait_ended(before)
    taker.publish()
    assert detach.wait(60) == 0
    taker.expect_ended()


def detached_late():
    """The old one has ended, and the entry does not name the next one yet."""
    before = state()["worker"]
    successor = Successor()
    successor.ask_all()
    successor.say("taken")
    taker = Taker(successor.lock)
    wait_ended(before)
    detach = start_detach()
    wait_watching(detach)
    taker.publish()
    assert detach.wait(60) == 0
    taker.expect_ended()


def ending():
    """Nobody takes over from one that has been told to end."""
    before = state()["worker"]
    client = Client()
    client.socket.sendall(client.request(0, 0, 32 * MIB))
    client.receive(16)
    os.kill(before, signal.SIGTERM)
    deadline = time.monotonic() + 20
    while os.path.exists(SOCKET):
        assert time.monotonic() < deadline, "it does not end"
        time.sleep(0.01)
    take_over("ENOENT")
    client.receive(32 * MIB)
    client.socket.close()
    wait_ended(before)


def owner():
    with open(os.path.join(DIRECTORY, ID + ".lock")) as file:
        return int(file.read() or 0)


def wait_owner(pid):
    deadline = time.monotonic() + 20
    while owner() != pid:
        assert time.monotonic() < deadline, "it does not name itself"
        time.sleep(0.01)


def orphaned():
    """A supervisor is killed when a successor could say "taken", and does not:
    then it is the worker's entry, and anybody may take it over."""
    known = state()
    assert owner() == known["pid"] != known["worker"]
    client = Client()
    successor = Successor()
    successor.ask_all()
    os.kill(known["pid"], signal.SIGKILL)
    wait_ended(known["pid"])
    successor.socket.close()
    wait_owner(known["worker"])
    client.check(0, b"Z" * 512)
    take_over()
    client.check(0, b"Z" * 512)
    assert owner() == state()["pid"] != state()["worker"]


def orphaned_late():
    """The same when it is said, before or after: the entry is the successor's."""
    worker, supervisor = state()["worker"], state()["pid"]
    successor = Successor()
    successor.ask_all()
    os.kill(worker, signal.SIGSTOP)
    steps = [lambda: successor.say("taken"),
             lambda: os.kill(supervisor, signal.SIGKILL)]
    for step in steps if WAY == "orphaned_late" else reversed(steps):
        step()
    wait_ended(supervisor)
    taker = Taker(os.dup(successor.lock))
    os.pwrite(successor.lock, b"%d\n" % taker.pid, 0)
    os.kill(worker, signal.SIGCONT)
    wait_ended(worker)
    assert owner() == taker.pid, owner()
    taker.publish()
    os.close(successor.lock)
    assert start_detach().wait(60) == 0
    taker.expect_ended()


orphaned_early = orphaned_late


def one_at_a_time():
    first = Successor()
    first.ask("hello")
    take_over("ECONNRESET")
    first.socket.close()
    take_over()


def refused():
    take_over("EOPNOTSUPP")


globals()[WAY]()
