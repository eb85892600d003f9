"""The times, size and inode of a file, each within 64 bits."""

import os

from feedsvc.model import LATEST_NS

File = tuple[int, int, int, int]
"""The times, the size and the inode of a file, in the order of Signature."""

_LARGEST = 2**63 - 1
_EARLIEST_NS = -LATEST_NS


def file_of(status: os.stat_result) -> File:
    """Return the times, size and inode of a file.

    tmpfs, XFS and ZFS keep times whose nanoseconds exceed 64 bits. They are cut to the range of
    databases. A file whose time changes from one cut time to another still has another `ctime_ns`.
    """
    mtime, ctime = status.st_mtime_ns, status.st_ctime_ns
    if not (_EARLIEST_NS <= mtime <= LATEST_NS and _EARLIEST_NS <= ctime <= LATEST_NS):
        mtime = min(max(mtime, _EARLIEST_NS), LATEST_NS)
        ctime = min(max(ctime, _EARLIEST_NS), LATEST_NS)
    # An inode has 64 bits without a sign; signatures have 63.
    return mtime, status.st_size, ctime, status.st_ino & _LARGEST


def file_without_inode(status: os.stat_result) -> File:
    """Return the same, with inode 0, for a file system that changes the inodes of files."""
    return (*file_of(status)[:3], 0)
