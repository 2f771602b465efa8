# SPDX-License-Identifier: LGPL-2.1-or-later
"""discsi for Python: discovery, sizes, and block I/O of iSCSI LUNs.

    import discsi

    for target in discsi.discover(portal="127.0.0.1:3260"):
        print(target.name, target.portals)
    with discsi.open("iscsi://127.0.0.1:3260/iqn.2026-11.com.example:disk/1",
                     read_only=True) as lun:
        print(lun.info.bytes, lun.read(0, 4096))

It calls libdiscsi.so through ctypes and needs nothing to be compiled. The
library is looked for in the environment variable DISCSI_LIBRARY, then where the
system keeps libraries. Failures are raised as discsi.Error, an OSError whose
errno is that of the table in discsi_error(3) and whose text is a sentence.

Threads: any thread may use any object; each call waits for its answer and lets
other Python threads run meanwhile.
"""
import collections
import contextlib
import ctypes
import os
from ctypes import (POINTER, Structure, byref, c_bool, c_char, c_char_p, c_int,
                    c_size_t, c_uint, c_uint8, c_uint16, c_uint32, c_uint64,
                    c_void_p)

__all__ = ["Error", "Target", "discover", "open", "LUN_OF_CONF", "FUA"]

LUN_OF_CONF = 2 ** 64 - 1  # the lun_id of the configuration
FUA = 0x1                  # on stable storage before write() returns

Target = collections.namedtuple("Target", "name portals")


class _Error(Structure):
    _fields_ = [("size", c_size_t), ("errnum", c_int), ("login_class", c_int),
                ("login_detail", c_int), ("scsi_status", c_int),
                ("sense_key", c_int), ("asc", c_int), ("ascq", c_int),
                ("message", c_char * 512)]


class _Portal(Structure):
    _fields_ = [("address", c_char_p), ("port", c_uint16), ("tpgt", c_uint16)]


class _Target(Structure):
    _fields_ = [("target", c_char_p), ("portals", POINTER(_Portal)),
                ("nportals", c_size_t)]


class _Discovery(Structure):
    _fields_ = [("size", c_size_t), ("targets", POINTER(_Target)),
                ("ntargets", c_size_t)]


class Info(Structure):
    """What a LUN says of itself: struct discsi_lun_info of discsi_lun(3).

    Text members are bytes. str() gives all of it, a line each.
    """
    _fields_ = [("size", c_size_t), ("lun", c_uint64), ("type", c_uint8),
                ("vendor", c_char * 9), ("product", c_char * 17),
                ("revision", c_char * 5), ("serial", c_char * 256),
                ("designator", c_char * 264), ("block_size", c_uint32),
                ("physical_block_size", c_uint32), ("blocks", c_uint64),
                ("bytes", c_uint64), ("read_only", c_bool),
                ("rotational", c_bool), ("thin", c_bool),
                ("write_cache", c_bool), ("fua", c_bool), ("can_trim", c_bool),
                ("can_zero", c_bool), ("can_zero_unmap", c_bool),
                ("can_block_status", c_bool), ("max_transfer_bytes", c_uint32),
                ("optimal_transfer_bytes", c_uint32),
                ("max_unmap_bytes", c_uint32),
                ("unmap_granularity_bytes", c_uint32),
                ("unmap_alignment_bytes", c_uint32),
                ("max_write_same_bytes", c_uint64)]

    def __str__(self):
        return "\n".join("%s: %s" % (name, getattr(self, name))
                         for name, _ in self._fields_[1:])


class Error(OSError):
    """A call of the library has failed.

    errno and strerror as of any OSError; sense is (key, asc, ascq), login is
    (class, detail), each None where it does not apply.
    """

    def __init__(self, error):
        super().__init__(error.errnum,
                         error.message.decode("utf-8", "replace"))
        self.sense = ((error.sense_key, error.asc, error.ascq)
                      if error.sense_key >= 0 else None)
        self.login = ((error.login_class, error.login_detail)
                      if error.login_class >= 0 else None)


# Name, and the types of its arguments. All of these return 0 or -errno.
_CALLS = (
    ("discsi_context_new", POINTER(c_void_p)),
    ("discsi_context_start", c_void_p),
    ("discsi_conf_new", POINTER(c_void_p)),
    ("discsi_conf_set", c_void_p, c_char_p, c_char_p),
    ("discsi_conf_set_url", c_void_p, c_char_p),
    ("discsi_discover", c_void_p, c_void_p, POINTER(POINTER(_Discovery))),
    ("discsi_session_open", c_void_p, c_void_p, POINTER(c_void_p)),
    ("discsi_lun_open", c_void_p, c_uint64, POINTER(c_void_p)),
    ("discsi_lun_get_info", c_void_p, POINTER(Info)),
    ("discsi_lun_read", c_void_p, c_void_p, c_size_t, c_uint64, c_uint),
    ("discsi_lun_write", c_void_p, c_void_p, c_size_t, c_uint64, c_uint),
    ("discsi_lun_flush", c_void_p),
    ("discsi_lun_refresh", c_void_p),
)
# These end something and return nothing.
_ENDS = ("discsi_context_destroy", "discsi_conf_free", "discsi_discovery_free",
         "discsi_session_close", "discsi_lun_close")


def _load():
    library = ctypes.CDLL(os.environ.get("DISCSI_LIBRARY", "libdiscsi.so.0"))
    library.discsi_last_error.restype = POINTER(_Error)
    for name, *types in _CALLS:
        getattr(library, name).argtypes = types
        getattr(library, name).restype = c_int
    for name in _ENDS:
        getattr(library, name).argtypes = [c_void_p]
        getattr(library, name).restype = None
    return library


_library = _load()


def _call(name, *arguments):
    if getattr(_library, name)(*arguments) < 0:
        raise Error(_library.discsi_last_error().contents)


def _make(stack, name, end, *arguments):
    """Calls what makes a handle, and has it ended when the stack is left."""
    handle = c_void_p()
    _call(name, *arguments, byref(handle))
    stack.callback(getattr(_library, end), handle)
    return handle


def _text(value):
    if isinstance(value, bool):
        return b"true" if value else b"false"
    if isinstance(value, (list, tuple)):
        value = ",".join(value)
    return None if value is None else str(value).encode()


def _begin(stack, url, members):
    """A threaded context and a configuration, both the stack's."""
    context = _make(stack, "discsi_context_new", "discsi_context_destroy")
    conf = _make(stack, "discsi_conf_new", "discsi_conf_free")
    if url is not None:
        _call("discsi_conf_set_url", conf, url.encode())
    for name, value in members.items():
        _call("discsi_conf_set", conf, name.encode(), _text(value))
    _call("discsi_context_start", context)
    return context, conf


def discover(url=None, **members):
    """The targets of a portal, a list of Target(name, portals).

    url is iscsi://[user[%secret]@]host[:port]; members are those of
    discsi_conf(3) (portal="…", username="…"). portals is a list of
    (address, port).
    """
    with contextlib.ExitStack() as stack:
        context, conf = _begin(stack, url, members)
        found = POINTER(_Discovery)()
        _call("discsi_discover", context, conf, byref(found))
        stack.callback(_library.discsi_discovery_free, found)
        targets = found.contents.targets[:found.contents.ntargets]
        return [Target(target.target.decode(),
                       [(portal.address.decode(), portal.port)
                        for portal in target.portals[:target.nportals]])
                for target in targets]


class Lun:
    """An open LUN; open() makes it. A context manager: leaving it closes.

    Offsets and lengths are bytes, multiples of info.block_size.
    """

    def __init__(self, stack, handle):
        self._stack = stack
        self._handle = handle
        self.refresh_info()

    def refresh_info(self):
        """Fills info from what the library knows."""
        self.info = Info(size=ctypes.sizeof(Info))
        _call("discsi_lun_get_info", self._open_handle(), byref(self.info))

    def _open_handle(self):
        if self._handle is None:
            raise ValueError("the LUN is closed")
        return self._handle

    def read(self, offset, length):
        """The bytes at an offset."""
        data = ctypes.create_string_buffer(length) if length else b""
        self._transfer("discsi_lun_read", data, offset, length, 0)
        return data.raw if length else b""

    def write(self, offset, data, flags=0):
        """Writes the bytes of data, all or it raises. flags: FUA or 0."""
        data = bytes(memoryview(data))  # whatever its items are
        self._transfer("discsi_lun_write", data, offset, len(data), flags)

    def _transfer(self, name, data, offset, length, flags):
        if offset < 0:
            raise ValueError("a negative offset")
        _call(name, self._open_handle(),
              ctypes.cast(data, c_void_p), length, offset, flags)

    def blocks(self, offset=0, length=None, piece=1 << 20):
        """Yields (offset, bytes) of a range, piece by piece; all by default."""
        end = self.info.bytes if length is None else offset + length
        while offset < end:
            data = self.read(offset, min(piece, end - offset))
            yield offset, data
            offset += len(data)

    def flush(self):
        """What has been written is on stable storage when it returns."""
        _call("discsi_lun_flush", self._open_handle())

    def refresh(self):
        """Reads the capacity again; info tells the new size."""
        _call("discsi_lun_refresh", self._open_handle())
        self.refresh_info()

    def close(self):
        """Closes the LUN, logs out. Closing twice is fine."""
        self._handle = None
        self._stack.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def open(url=None, lun_id=LUN_OF_CONF, **members):
    """Logs in and opens a LUN.

    url is iscsi://[user[%secret]@]host[:port]/iqn/lun; members are those of
    discsi_conf(3) (iqn="…", username="…", password_file="…", read_only=True);
    lun_id is another one than the configuration's.
    """
    with contextlib.ExitStack() as stack:
        context, conf = _begin(stack, url, members)
        session = _make(stack, "discsi_session_open", "discsi_session_close",
                        context, conf)
        handle = _make(stack, "discsi_lun_open", "discsi_lun_close", session,
                       lun_id)
        lun = Lun(contextlib.ExitStack(), handle)
        lun._stack = stack.pop_all()
        return lun
