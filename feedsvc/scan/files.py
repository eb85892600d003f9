"""What a scan remembers of one file, within 64 bits."""

import os

from feedsvc.model import LATEST_NS

File = tuple[int, int, int, int]
"""The times, the size and the inode of a file, in the order of Signature."""

_LARGEST = 2**63 - 1
_EARLIEST_NS = -LATEST_NS


def file_of(status: os.stat_result) -> File:
    """Return what is remembered of a file.

    tmpfs, XFS and ZFS keep times of more seconds than 64 bits have nanoseconds, and Python returns
    them. They are cut to what databases hold. A file whose time changes from one that is cut to
    another still has another `ctime_ns`.
    """
    mtime, ctime = status.st_mtime_ns, status.st_ctime_ns
    if not (_EARLIEST_NS <= mtime <= LATEST_NS and _EARLIEST_NS <= ctime <= LATEST_NS):
        mtime = min(max(mtime, _EARLIEST_NS), LATEST_NS)
        ctime = min(max(ctime, _EARLIEST_NS), LATEST_NS)
    # An inode has 64 bits without a sign.
    return mtime, status.st_size, ctime, status.st_ino & _LARGEST


def file_without_inode(status: os.stat_result) -> File:
    """Return the same for a file system that gives a file another inode now and then."""
    mtime, size, ctime, _ = file_of(status)
    return mtime, size, ctime, 0
