#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# bench-bridge.py: discsi-nbd beside qemu-nbd at its best, and beside nbdkit
# with a disk in memory and no iSCSI behind it, which is the bound: fio over a
# Unix socket to each of them in turn, each server started afresh for each
# measurement, round after round. Prints medians and ratios; judges nothing.
#
# usage: bench-bridge.py [--rounds N] [--seconds N] [--row TEXT]...
#                        [--target simtarget|tgtd] [--servers NAMES] BUILD
#   --row TEXT       only rows that have one of these in their name
#   --servers NAMES  only these, with commas in between; NAME=PATH is another
#                    discsi-nbd, which gets lines of its own: the way to
#                    compare two builds, since they take turns
#   BUILD   where discsi-nbd and tests/simtarget/simtarget are
import argparse
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

IQN = "iqn.2026-11.io.discsi:sim"
MIB = 1 << 20
TICKS = os.sysconf("SC_CLK_TCK")

# name, fio's rw, block size, depth
ROWS = [
    ("4 KiB random read, depth 1", "randread", 4096, 1),
    ("4 KiB random read, depth 32", "randread", 4096, 32),
    ("4 KiB random write, depth 32", "randwrite", 4096, 32),
    ("256 KiB sequential read, depth 16", "read", 262144, 16),
    ("256 KiB sequential write, depth 16", "write", 262144, 16),
    ("1 MiB sequential read, depth 8", "read", MIB, 8),
    ("256 KiB sequential read, depth 32", "read", 262144, 32),
]


def wait_for(condition, what):
    end = time.monotonic() + 20
    while not condition():
        if time.monotonic() > end:
            sys.exit("bench-bridge: no " + what)
        time.sleep(0.01)


class SimTarget:
    """The simulated target: 1 GiB of memory that has been touched."""

    def __init__(self, build, directory):
        self.process = subprocess.Popen(
            [build + "/tests/simtarget/simtarget", "--size", "1024", "--touch",
             "--no-journal", "--poll", "50"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.portal = self.process.stdout.readline().strip()
        self.lun = 0

    def stop(self):
        self.process.stdin.close()
        self.process.wait()


class Tgtd:
    """tgtd with a file in memory (tmpfs), all of it written."""

    def __init__(self, build, directory):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.file = "/dev/shm/bench-bridge.%d" % os.getpid()
        with open(self.file, "wb") as disk:
            for _ in range(1024):
                disk.write(b"\x5a" * MIB)
        self.portal = "127.0.0.1:%d" % port
        self.lun = 1
        self.env = dict(os.environ, TGT_IPC_SOCKET=directory + "/tgtd")
        self.process = subprocess.Popen(
            ["tgtd", "-f", "-C", "0", "--iscsi", "portal=" + self.portal],
            env=self.env, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        wait_for(lambda: self.admin("--mode", "sys", "--op", "show"), "tgtd")
        self.admin("--mode", "target", "--op", "new", "--tid", "1", "-T", IQN)
        self.admin("--mode", "target", "--op", "bind", "--tid", "1",
                   "--initiator-address", "ALL")
        self.admin("--mode", "logicalunit", "--op", "new", "--tid", "1",
                   "--lun", "1", "--backing-store", self.file)

    def admin(self, *words):
        return subprocess.run(
            ["tgtadm", "-C", "0", "--lld", "iscsi", *words], env=self.env,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode \
            == 0

    def stop(self):
        self.process.kill()
        self.process.wait()
        os.unlink(self.file)


def url_of(target):
    return "iscsi://%s/%s/%d" % (target.portal, IQN, target.lun)


def bridge_at(program):
    def make(args, target, path):
        return [program, "--socket", path, url_of(target)], {}
    return make


def discsi_nbd(args, target, path):
    return bridge_at(args.build + "/discsi-nbd")(args, target, path)


def qemu_nbd(args, target, path):
    return ["qemu-nbd", "-f", "raw", "--cache=none", "-e", "16", "-t", "-k",
            path, url_of(target)], \
        {"MALLOC_MMAP_THRESHOLD_": "33554432",
         "MALLOC_TRIM_THRESHOLD_": "536870912"}


def nbdkit(args, target, path):
    return ["nbdkit", "-f", "-U", path, "memory", "1G"], {}


SERVERS = {"discsi-nbd": discsi_nbd, "qemu-nbd": qemu_nbd, "nbdkit": nbdkit}


def servers_of(text):
    """The servers that are measured, by name, in this order."""
    servers = {}
    for word in text.split(","):
        name, _, program = word.partition("=")
        if program != "":
            servers[name] = bridge_at(os.path.abspath(program))
        elif name in SERVERS:
            servers[name] = SERVERS[name]
        else:
            sys.exit("bench-bridge: no server %s" % name)
    return servers


def cpu_seconds(pid):
    with open("/proc/%d/stat" % pid) as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def peak_kib(pid):
    with open("/proc/%d/status" % pid) as status:
        for line in status:
            if line.startswith("VmHWM:"):
                return int(line.split()[1])
    return 0


def run_fio(path, row, seconds):
    _, mode, size, depth = row
    words = ["fio", "--output-format=json", "--name=bench", "--ioengine=nbd",
             "--uri=nbd+unix:///?socket=" + path, "--rw=" + mode,
             "--bs=%d" % size, "--iodepth=%d" % depth, "--size=1G",
             "--time_based", "--runtime=%d" % seconds]
    out = subprocess.run(words, stdout=subprocess.PIPE,
                         stderr=subprocess.DEVNULL, text=True).stdout
    job = json.loads(out[out.index("{"):])["jobs"][0]
    side = job["write" if "write" in mode else "read"]
    if job["error"] != 0:
        sys.exit("bench-bridge: fio: error %d" % job["error"])
    return side["iops"], side["total_ios"]


class Calls:
    """Counts a process's system calls, where perf can."""

    def __init__(self, pid, directory):
        self.out = directory + "/calls"
        self.process = None
        if shutil.which("perf") is not None:
            self.process = subprocess.Popen(
                ["perf", "stat", "-x,", "-e", "raw_syscalls:sys_enter", "-p",
                 str(pid), "-o", self.out], stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL)
            time.sleep(0.2)

    def stop(self):
        if self.process is None:
            return None
        self.process.send_signal(2)
        self.process.wait()
        with open(self.out) as out:
            for line in out:
                if "raw_syscalls" in line and line.split(",")[0].isdigit():
                    return int(line.split(",")[0])
        return None


def measure(args, target, make, row, directory):
    path = directory + "/socket"
    if os.path.exists(path):
        os.unlink(path)
    words, env = make(args, target, path)
    server = subprocess.Popen(words, env=dict(os.environ, **env),
                              stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL)
    wait_for(lambda: os.path.exists(path) or server.poll() is not None,
             words[0])
    if make is nbdkit:  # its memory is touched, as the targets' is
        subprocess.run(["qemu-io", "-f", "raw", "-c", "write -P 90 0 1G",
                        "nbd+unix:///?socket=" + path],
                       stdout=subprocess.DEVNULL)
    run_fio(path, row, 1)
    calls = Calls(server.pid, directory)
    before = cpu_seconds(server.pid)
    iops, ios = run_fio(path, row, args.seconds)
    cpu = (cpu_seconds(server.pid) - before) / ios * 1e6
    count = calls.stop()
    peak = peak_kib(server.pid)
    server.terminate()
    server.wait()
    return {"iops": iops, "cpu": cpu, "peak": peak,
            "calls": count / ios if count is not None else float("nan")}


def median(results, what):
    """NaN for a server that was not measured."""
    if not results:
        return float("nan")
    return statistics.median(result[what] for result in results)


def print_row(name, ours, theirs, bound):
    ratios = [{"rate": a["iops"] / b["iops"]} for a, b in zip(ours, theirs)]
    print("| %-34s | %6.0f | %6.0f | %5.2f | %6.1f | %6.1f | %4.2f | %5.2f | "
          "%5.2f | %4.2f | %5.1f | %5.1f |" % (
              name, median(ours, "iops"), median(theirs, "iops"),
              median(ratios, "rate"),
              median(ours, "cpu"), median(theirs, "cpu"),
              median(ours, "cpu") / median(theirs, "cpu"),
              median(ours, "calls"), median(theirs, "calls"),
              median(ours, "iops") / median(bound, "iops"),
              median(ours, "peak") / 1024, median(theirs, "peak") / 1024))


def print_rows(row, found):
    """A line for each discsi-nbd."""
    theirs = found.get("qemu-nbd", [])
    bound = found.get("nbdkit", [])
    for name, results in found.items():
        if name == "discsi-nbd":
            print_row(row[0], results, theirs, bound)
        elif name not in SERVERS:
            print_row("%s: %s" % (row[0], name), results, theirs, bound)


def parse_arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--row", action="append")
    parser.add_argument("--target", choices=["simtarget", "tgtd"],
                        default="simtarget")
    parser.add_argument("--servers", type=servers_of,
                        default=",".join(SERVERS))
    parser.add_argument("build")
    return parser.parse_args()


def main():
    args = parse_arguments()
    rows = [row for row in ROWS
            if any(text in row[0] for text in args.row or [""])]
    results = {row: {name: [] for name in args.servers} for row in rows}
    with tempfile.TemporaryDirectory() as directory:
        make = SimTarget if args.target == "simtarget" else Tgtd
        target = make(args.build, directory)
        for _ in range(args.rounds):
            for row in rows:
                for name, server in args.servers.items():
                    results[row][name].append(
                        measure(args, target, server, row, directory))
        target.stop()
    print("| workload (%s) | I/O per s | qemu-nbd | ratio | CPU us per I/O | "
          "qemu-nbd | ratio | system calls per I/O | qemu-nbd | of nbdkit "
          "memory | peak MiB | qemu-nbd |" % args.target)
    print("|" + " --- |" * 12)
    for row in rows:
        print_rows(row, results[row])


if __name__ == "__main__":
    main()
