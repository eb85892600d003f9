"""One walk over folders, by the rules for names and links."""

import os
import re
import stat as modes
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from wcmatch import glob

from feedsvc.model import Links, Signature
from feedsvc.scan.digests import folder_digest, folder_digests
from feedsvc.scan.files import File, file_of, file_without_inode

PASSED_OVER = re.compile(
    r"^[.#]|^~\$|~$|\.(?:sw[nopx]|part|partial|filepart|tmp|crdownload)$", re.IGNORECASE
)
"""The names of hidden files and folders, and of those that editors and downloads leave behind.

Vim's test file 4913 is not among them: folders have such names, and Vim deletes the file before it
is old enough to be read.
"""

ESCAPED = re.compile(rb"\\x([89a-f][0-9a-f])")
"""A byte of a name that is not UTF-8, as a source has it; never an ASCII byte such as a slash."""

_ANY_WITH_SUFFIX = re.compile(r"\*\*/\*((?:\.[A-Za-z0-9]+)+)")
_LISTED = os.O_RDONLY | os.O_DIRECTORY
_PROGRESS_NAMES = 1000  # names of one folder between two calls of `progress`


class IncludePatterns:
    """Tells by its source whether a file is an article; for most files, by the suffix alone.

    The extension matches in any case, because cameras and old systems write `REPORT.HTM`. The rest
    of a pattern does not, because `News/` and `news/` may be two folders.
    """

    def __init__(self, include: tuple[str, ...]) -> None:
        patterns, _ = glob.translate(
            list(map(_with_extension_in_any_case, include)), flags=glob.GLOBSTAR | glob.FORCEUNIX
        )
        self.matches = re.compile("|".join(patterns) if patterns else r"(?!)").match
        suffixes = (match[1] for match in map(_ANY_WITH_SUFFIX.fullmatch, include) if match)
        # With these suffixes, only the beginning of a name tells whether it is passed over.
        self.suffixes = tuple(suffix for suffix in suffixes if not PASSED_OVER.search("x" + suffix))


def _with_extension_in_any_case(pattern: str) -> str:
    r"""Return a pattern whose extension matches in upper and lower case.

    >>> _with_extension_in_any_case("News/**/*.md")
    'News/**/*.[mM][dD]'
    """
    before, dot, extension = pattern.rpartition(".")
    # A pattern with sets or escapes in its extension stays as it is.
    if not dot or set(extension) & set("/[]\\"):
        return pattern
    letters = (
        f"[{char.lower()}{char.upper()}]" if char.isascii() and char.isalpha() else char
        for char in extension
    )
    return f"{before}.{''.join(letters)}"


@dataclass(kw_only=True, eq=False)
class Walk:
    """One walk: the files and links that it meets, and the folders in which it has been."""

    include: IncludePatterns
    root: Path
    links: Links
    progress: Callable[[], None] = lambda: None
    inodes: bool = True
    to_follow: list[tuple[str, str]] = field(default_factory=list, init=False)
    unreadable: list[tuple[str, str]] = field(default_factory=list, init=False)
    links_and_targets: list[str] = field(default_factory=list, init=False)
    # The files of each folder, by the beginning of their sources.
    _folders: list[tuple[str, dict[str, File]]] = field(default_factory=list, init=False)
    _linked: dict[str, File] = field(default_factory=dict, init=False)
    _visited: set[tuple[int, int]] = field(default_factory=set, init=False)
    _waiting: list[tuple[str, str]] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        self._file_of = file_of if self.inodes else file_without_inode
        self._inside = os.path.join(os.path.realpath(self.root), "")  # noqa: PTH118 - for its slash

    def signatures(self) -> dict[str, Signature]:
        """Return all signatures by source; of two files with one source, the first counts."""
        by_source = dict(self._linked)
        for prefix, files in reversed(self._folders):
            by_source.update((prefix + name, file) for name, file in files.items())
        return {source: Signature(*by_source[source]) for source in sorted(by_source)}

    def folder(self, path: str, prefix: str) -> None:
        """Walk a folder and all below it; raises OSError if the folder itself cannot be listed."""
        self._list(path, prefix)
        while self._waiting:
            path, prefix = self._waiting.pop()
            with self._noting(prefix):
                self._list(path, prefix)

    def place(self, path: str, prefix: str, names: list[str]) -> None:
        """Walk only the file or folder `names` in this folder; raises OSError as `folder` does."""
        os.close(os.open(path, _LISTED))  # a scan finds nothing in a folder that cannot be listed
        self.progress()
        name, *below = names
        for real_name in _real_names(path, name):
            if not name or PASSED_OVER.search(real_name):
                continue
            inner, source = f"{path}/{real_name}", prefix + name
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
        """Follow the links that the walk met, and the links behind them.

        They come last, because a file has its own name rather than that of a link.
        """
        while self.to_follow:
            links = sorted(self.to_follow, key=lambda link: link[1])
            self.to_follow = []
            for path, source in links:
                self.links_and_targets.append(real_place(path))
                target = os.path.realpath(path)
                if self.links == "inside" and not target.startswith(self._inside):
                    continue
                self.links_and_targets.append(target)
                with self._noting(source):
                    stat = os.stat(path)  # noqa: PTH116 - as below
                    if modes.S_ISDIR(stat.st_mode):
                        with self._noting(source + "/"):
                            self.folder(path, source + "/")
                    else:
                        self._file(source, stat)

    def _list(self, path: str, prefix: str) -> None:
        self.progress()
        # With the folder's descriptor, the kernel need not resolve the path of every file.
        descriptor = os.open(path, _LISTED)
        try:
            stat = os.fstat(descriptor)
            if (stat.st_dev, stat.st_ino) in self._visited:
                return
            self._visited.add((stat.st_dev, stat.st_ino))
            files: dict[str, File] = {}
            folders: list[str] = []
            try:
                self._sort_out(descriptor, path, prefix, files, folders)
            finally:
                self._waiting += [
                    (f"{path}/{name}", f"{prefix}{name_in_source(name)}/")
                    for name in sorted(folders, reverse=True)
                ]
                self._take(prefix, _by_name_in_source(files))
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
        suffixes, as_file = self.include.suffixes, self._file_of
        with os.scandir(descriptor) as entries:
            for number, entry in enumerate(entries):
                if number % _PROGRESS_NAMES == 0:
                    self.progress()
                name = entry.name
                try:
                    # The fast path for most names.
                    if (
                        name.endswith(suffixes)
                        and name[0] not in ".#~"
                        and entry.is_file(follow_symlinks=False)
                    ):
                        files[name] = as_file(entry.stat(follow_symlinks=False))
                    elif PASSED_OVER.search(name):
                        if entry.is_file(follow_symlinks=False):
                            self._leave_out(prefix + name_in_source(name))
                    elif entry.is_symlink():
                        self._link(f"{path}/{name}", prefix + name_in_source(name))
                    elif entry.is_dir():
                        folders.append(name)
                    elif entry.is_file(follow_symlinks=False):
                        if self.include.matches(prefix + name_in_source(name)):
                            files[name] = as_file(entry.stat(follow_symlinks=False))
                        else:
                            self._leave_out(prefix + name_in_source(name))
                except FileNotFoundError:
                    continue  # it has been deleted meanwhile
                except OSError as error:
                    self._note(prefix + name_in_source(name), error)

    def _take(self, prefix: str, files: dict[str, File]) -> None:
        """Remember the files of one folder."""
        self._folders.append((prefix, files))

    def _link(self, path: str, source: str) -> None:
        if self.links != "never":
            self.to_follow.append((path, source))

    def _file(self, source: str, stat: os.stat_result) -> None:
        if not modes.S_ISREG(stat.st_mode):
            return
        if self.include.matches(source):
            self._linked.setdefault(source, self._file_of(stat))
        else:
            self._leave_out(source)

    def _leave_out(self, source: str) -> None:
        """Remember a file that is no article because of its name; this walk does not."""

    def _note(self, place: str, error: OSError) -> None:
        # A file or folder that cannot be read must not count as deleted.
        self.unreadable.append((place, error.strerror or str(error)))

    @contextmanager
    def _noting(self, place: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            pass  # it has been deleted meanwhile
        except OSError as error:
            self._note(place, error)


@dataclass(kw_only=True, eq=False)
class DigestingWalk(Walk):
    """A walk that holds the files of one folder at a time, and remembers only their digests."""

    _digests: Counter[str] = field(default_factory=Counter, init=False)

    def folder_digests(self) -> dict[str, int]:
        """Return the digest of each folder that has files, by its source."""
        self._digests.update(folder_digests(self._linked.items()))
        return dict(self._digests)

    def _take(self, prefix: str, files: dict[str, File]) -> None:
        if files:
            self._digests[prefix[:-1]] += folder_digest(files)


@dataclass(kw_only=True, eq=False)
class LeavingOutWalk(Walk):
    """A walk that also remembers the files that are no articles because of their names."""

    left_out: list[str] = field(default_factory=list, init=False)

    def _leave_out(self, source: str) -> None:
        self.left_out.append(source)


def _by_name_in_source(files: dict[str, File]) -> dict[str, File]:
    """Return the files of one folder by their names in sources."""
    try:
        "".join(files).encode()
    except UnicodeEncodeError:
        named: dict[str, File] = {}
        for name in sorted(files):  # a file that really has the escaped name comes first
            named.setdefault(name_in_source(name), files[name])
        return named
    return files


def name_in_source(name: str) -> str:
    r"""Return a name as it stands in a source: with `\xNN` for bytes that are not UTF-8."""
    return name if name.isascii() else os.fsencode(name).decode("utf-8", "backslashreplace")


def _real_names(folder: str, name: str) -> Iterator[str]:
    """Yield the real names in a folder that are `name` in sources; the first may not exist."""
    literal = os.fsdecode(name.encode())
    yield literal
    if ESCAPED.search(name.encode()):
        names = sorted(os.listdir(folder))  # noqa: PTH208 - as everywhere in this module
        yield from (real for real in names if real != literal and name_in_source(real) == name)


def real_place(path: str | Path) -> str:
    """Return a path with the links in its folders resolved, but not the last name."""
    folder, name = os.path.split(os.path.abspath(path))  # noqa: PTH100
    return os.path.join(os.path.realpath(folder), name)  # noqa: PTH118
