"""One walk over folders: what is in them, by the rules of which names count and which links."""

import os
import re
import stat as modes
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from wcmatch import glob

from feedsvc.model import Signature
from feedsvc.scan.digests import folder_digest, folder_digests
from feedsvc.scan.files import File, file_of, file_without_inode
from feedsvc.scan.opening import Links

PASSED_OVER = re.compile(
    r"^[.#]|^~\$|~$|\.(?:sw[nopx]|part|partial|filepart|tmp|crdownload)$", re.IGNORECASE
)
"""The names of what an editor or a download leaves beside the real file, and of what is hidden.

Of files and of folders: Vim's 4913, with which it tries whether it may write, is not among them,
because folders have such names, and it is gone before it is old enough to be read.
"""

ESCAPED = re.compile(rb"\\x([89a-f][0-9a-f])")
"""How a byte that is not UTF-8 stands in a source; no ASCII does, so no dot and no slash."""

_ANY_WITH_SUFFIX = re.compile(r"\*\*/\*((?:\.[A-Za-z0-9]+)+)")
_LISTED = os.O_RDONLY | os.O_DIRECTORY
_PROGRESS_NAMES = 1000  # of one folder, after which `progress` is called


class Wanted:
    """Which sources are articles' by their name; for most, the end of the name tells.

    The extension counts without regard to case: cameras and old systems write `REPORT.HTM`. The
    rest of a pattern does not, because `News/` and `news/` may be two folders.
    """

    def __init__(self, include: tuple[str, ...]) -> None:
        patterns, _ = glob.translate(
            list(map(_with_extension_in_any_case, include)), flags=glob.GLOBSTAR | glob.FORCEUNIX
        )
        self.matches = re.compile("|".join(patterns) if patterns else r"(?!)").match
        suffixes = (found[1] for found in map(_ANY_WITH_SUFFIX.fullmatch, include) if found)
        # A name that ends so is only passed over for how it begins.
        self.suffixes = tuple(one for one in suffixes if not PASSED_OVER.search("x" + one))


def _with_extension_in_any_case(pattern: str) -> str:
    r"""Return a pattern whose extension matches in upper and lower case.

    >>> _with_extension_in_any_case("News/**/*.md")
    'News/**/*.[mM][dD]'
    """
    before, dot, extension = pattern.rpartition(".")
    # What has sets or escapes of its own says what it wants.
    if not dot or set(extension) & set("/[]\\"):
        return pattern
    letters = (
        f"[{char.lower()}{char.upper()}]" if char.isascii() and char.isalpha() else char
        for char in extension
    )
    return f"{before}.{''.join(letters)}"


class Walk:
    """One walk: what it has found, which folders it has been in, which links are left to follow."""

    def __init__(
        self,
        wanted: Wanted,
        root: Path,
        links: Links,
        progress: Callable[[], None],
        *,
        inodes: bool = True,
    ) -> None:
        self._progress = progress
        self._file_of = file_of if inodes else file_without_inode
        self._suffixes = wanted.suffixes
        self._matches = wanted.matches
        self._links = links
        self._inside = os.path.join(os.path.realpath(root), "")  # noqa: PTH118 - for its slash
        self._folders: list[tuple[str, dict[str, File]]] = []  # by what sources begin with
        self._linked: dict[str, File] = {}
        self._been: set[tuple[int, int]] = set()
        self._waiting: list[tuple[str, str]] = []
        self.to_follow: list[tuple[str, str]] = []
        self.unreadable: list[tuple[str, str]] = []
        self.leads: list[str] = []

    def signatures(self) -> dict[str, Signature]:
        """Return all signatures by source; what was met first has the source."""
        found = dict(self._linked)
        for prefix, files in reversed(self._folders):
            found.update((prefix + name, file) for name, file in files.items())
        return {source: Signature(*found[source]) for source in sorted(found)}

    def folder(self, path: str, prefix: str) -> None:
        """Walk one folder and all below it; raises OSError when it cannot be listed itself."""
        self._list(path, prefix)
        while self._waiting:
            path, prefix = self._waiting.pop()
            with self._noting(prefix):
                self._list(path, prefix)

    def place(self, path: str, prefix: str, names: list[str]) -> None:
        """Walk only what is called so in this folder; raises OSError when that cannot be listed."""
        os.close(os.open(path, _LISTED))  # what is in a folder that cannot be listed is not found
        self._progress()
        name, *below = names
        for one in _called(path, name):
            if not name or PASSED_OVER.search(one):
                continue
            inner, source = f"{path}/{one}", prefix + name
            with self._noting(source):
                stat = os.lstat(inner)
                if modes.S_ISLNK(stat.st_mode):
                    self._link(inner, source)
                elif modes.S_ISDIR(stat.st_mode):
                    with self._noting(source + "/"):
                        if below:
                            self.place(inner, source + "/", below)
                        else:
                            self.folder(inner, source + "/")
                elif not below:
                    self._file(source, stat)

    def follow(self) -> None:
        """Follow the links met on the way, and those met behind them."""
        while self.to_follow:
            # Only now: what they lead to may have been met on its own, under its own name.
            followed = sorted(self.to_follow, key=lambda one: one[1])
            self.to_follow = []
            for path, source in followed:
                self.leads.append(real(path))
                target = os.path.realpath(path)
                if self._links == "inside" and not target.startswith(self._inside):
                    continue
                self.leads.append(target)
                with self._noting(source):
                    stat = os.stat(path)  # noqa: PTH116 - as below
                    if modes.S_ISDIR(stat.st_mode):
                        with self._noting(source + "/"):
                            self.folder(path, source + "/")
                    else:
                        self._file(source, stat)

    def _list(self, path: str, prefix: str) -> None:
        self._progress()
        # `stat` by the folder's descriptor spares the kernel the path of every file.
        descriptor = os.open(path, _LISTED)
        try:
            stat = os.fstat(descriptor)
            if (stat.st_dev, stat.st_ino) in self._been:
                return
            self._been.add((stat.st_dev, stat.st_ino))
            files: dict[str, File] = {}
            folders: list[str] = []
            try:
                self._sort_out(descriptor, path, prefix, files, folders)
            finally:
                self._waiting += [
                    (f"{path}/{name}", f"{prefix}{said(name)}/")
                    for name in sorted(folders, reverse=True)
                ]
                self._take(prefix, _named(files))
        finally:
            os.close(descriptor)

    def _sort_out(
        self,
        descriptor: int,
        path: str,
        prefix: str,
        files: dict[str, File],
        folders: list[str],
    ) -> None:
        suffixes, remembered = self._suffixes, self._file_of
        with os.scandir(descriptor) as entries:
            for number, entry in enumerate(entries):
                if number % _PROGRESS_NAMES == 0:
                    self._progress()
                name = entry.name
                try:
                    # These lines run 100,000 times; the others, for what is left.
                    if (
                        name.endswith(suffixes)
                        and name[0] not in ".#~"
                        and entry.is_file(follow_symlinks=False)
                    ):
                        files[name] = remembered(entry.stat(follow_symlinks=False))
                    elif PASSED_OVER.search(name):
                        if entry.is_file(follow_symlinks=False):
                            self._leave_out(prefix + said(name))
                    elif entry.is_symlink():
                        self._link(f"{path}/{name}", prefix + said(name))
                    elif entry.is_dir():
                        folders.append(name)
                    elif entry.is_file(follow_symlinks=False):
                        if self._matches(prefix + said(name)):
                            files[name] = remembered(entry.stat(follow_symlinks=False))
                        else:
                            self._leave_out(prefix + said(name))
                except FileNotFoundError:
                    continue  # it went while it was looked at
                except OSError as error:
                    self._note(prefix + said(name), error)

    def _take(self, prefix: str, files: dict[str, File]) -> None:
        """Take what one folder holds."""
        self._folders.append((prefix, files))

    def _link(self, path: str, source: str) -> None:
        if self._links != "never":
            self.to_follow.append((path, source))

    def _file(self, source: str, stat: os.stat_result) -> None:
        if not modes.S_ISREG(stat.st_mode):
            return
        if self._matches(source):
            self._linked.setdefault(source, self._file_of(stat))
        else:
            self._leave_out(source)

    def _leave_out(self, source: str) -> None:
        """Take note of a file that is no article because of its name."""

    def _note(self, place: str, error: OSError) -> None:
        # What cannot be looked at must not look like what has gone.
        self.unreadable.append((place, error.strerror or str(error)))

    @contextmanager
    def _noting(self, place: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            pass  # it went while it was looked at
        except OSError as error:
            self._note(place, error)


class DigestingWalk(Walk):
    """A walk that holds the files of one folder at a time, and remembers numbers."""

    def __init__(
        self,
        wanted: Wanted,
        root: Path,
        links: Links,
        progress: Callable[[], None],
        *,
        inodes: bool = True,
    ) -> None:
        super().__init__(wanted, root, links, progress, inodes=inodes)
        self._digests: dict[str, int] = {}

    def folder_digests(self) -> dict[str, int]:
        """Return the number for each folder that has files, by its source."""
        found = self._digests
        for folder, number in folder_digests(self._linked.items()).items():
            found[folder] = found.get(folder, 0) + number
        return found

    def _take(self, prefix: str, files: dict[str, File]) -> None:
        if files:
            folder = prefix[:-1]
            self._digests[folder] = self._digests.get(folder, 0) + folder_digest(files)


class LeavingOutWalk(Walk):
    """A walk that also remembers which files are no articles because of their names."""

    def __init__(self, wanted: Wanted, root: Path, links: Links) -> None:
        super().__init__(wanted, root, links, lambda: None)
        self.left_out: list[str] = []

    def _leave_out(self, source: str) -> None:
        self.left_out.append(source)


def _named(files: dict[str, File]) -> dict[str, File]:
    """Return the files of one folder by their names as sources have them."""
    try:
        "".join(files).encode()
    except UnicodeEncodeError:
        named: dict[str, File] = {}
        for name in sorted(files):  # what is really called so comes first
            named.setdefault(said(name), files[name])
        return named
    return files


def said(name: str) -> str:
    """Return a name as sources have it."""
    return name if name.isascii() else os.fsencode(name).decode("utf-8", "backslashreplace")


def _called(folder: str, name: str) -> Iterator[str]:
    """Yield the names in a folder that sources have so; the first may not be there."""
    literal = os.fsdecode(name.encode())
    yield literal
    if ESCAPED.search(name.encode()):
        names = os.listdir(folder)  # noqa: PTH208 - as everywhere here
        yield from sorted(one for one in names if one != literal and said(one) == name)


def real(path: str | Path) -> str:
    """Return where this name is, though it may be a link."""
    folder, name = os.path.split(os.path.abspath(path))  # noqa: PTH100
    return os.path.join(os.path.realpath(folder), name)  # noqa: PTH118
