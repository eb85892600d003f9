"""Opens files of the articles directory, and nothing else in their place.

Between the scan and the opening of a file, a pipe, a device or a link to another place may have
taken its name, or that of a folder above it. So a file is opened without waiting, and then the open
file is checked, not its name.
"""

import errno
import os
import stat as modes

from feedsvc.model import Links

# O_NONBLOCK: without it, opening a pipe waits for a writer. It changes nothing for files.
# O_NOCTTY: an opened terminal must not become the controlling terminal.
_READING = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
# A socket, a device without a driver, a link (Linux, FreeBSD), a file in a folder's place.
_NO_FILE = {errno.ENXIO, errno.ENODEV, errno.ELOOP, errno.EMLINK, errno.ENOTDIR}
_CHUNK = 1 << 16
_DELETED = " (deleted)"  # Linux adds this to the path of a deleted file


def open_file(root: str, name: str, links: Links, inside: str) -> int:
    """Open a file by its path below `root` for reading, and return its descriptor.

    `inside` is the real path of `root` with a slash at its end. Raises FileNotFoundError if it is
    no regular file, or behind a link that is not followed, other OSErrors if it cannot be opened.
    """
    descriptor = _open(os.path.join(root, name))  # noqa: PTH118 - quicker, and there are many
    try:
        if links == "anywhere" or _is_where_it_should_be(descriptor, inside, name, links):
            _check_kind(descriptor)
            return descriptor
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return _open_step_by_step(root, name, links)


def read(descriptor: int, most: int = -1) -> bytes:
    """Return the bytes of an open file, or its first `most` bytes."""
    if most < 0:
        with open(descriptor, "rb", buffering=0, closefd=False) as file:
            return file.read()
    parts = []
    # The first read takes all of a file that does not grow, the next one finds its end.
    size = os.fstat(descriptor).st_size
    while most > 0 and (part := os.read(descriptor, min(most, max(size + 1, _CHUNK)))):
        parts.append(part)
        most -= len(part)
    return b"".join(parts)


def _is_where_it_should_be(descriptor: int, inside: str, name: str, links: Links) -> bool:
    """Tell whether the system says that an open file is at a place that `links` allows.

    False proves nothing: only Linux says it, the directory may have been moved, and on some file
    systems the name may be written in another case.
    """
    try:
        place = os.readlink(f"/proc/self/fd/{descriptor}")  # noqa: PTH115 - once for each file
    except OSError:
        return False
    if links == "never":
        return place in {inside + name, inside + name + _DELETED}
    return place.startswith(inside)


def _open_step_by_step(root: str, name: str, links: Links) -> int:
    """Open a file folder by folder from `root`, following no link that is not allowed."""
    if links == "inside":
        top = os.path.realpath(root)
        try:
            place = os.path.realpath(os.path.join(root, name))  # noqa: PTH118
        except OSError as error:  # EINVAL: a link has just been replaced
            raise _no_file(name) from error
        if not holds(top, place):
            raise _no_file(name)
        name = os.path.relpath(place, top)
    *folders, last = name.split("/")
    folder = os.open(root, _FOLDER)
    try:
        for below in folders:
            upper = folder
            folder = _open(below, _FOLDER | os.O_NOFOLLOW, upper)
            os.close(upper)
        descriptor = _open(last, _READING | os.O_NOFOLLOW, folder)
    finally:
        os.close(folder)
    try:
        _check_kind(descriptor)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _open(path: str, flags: int = _READING, folder: int | None = None) -> int:
    try:
        return os.open(path, flags, dir_fd=folder)
    except OSError as error:
        if error.errno in _NO_FILE:
            raise _no_file(path) from error
        raise


def _check_kind(descriptor: int) -> None:
    if not modes.S_ISREG(os.fstat(descriptor).st_mode):
        raise _no_file(str(descriptor))


def _no_file(name: str) -> FileNotFoundError:
    return FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name)


def holds(upper: str, lower: str) -> bool:
    """Tell whether a path is `upper` or below it."""
    return lower == upper or lower.startswith(os.path.join(upper, ""))  # noqa: PTH118
