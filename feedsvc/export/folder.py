"""A folder as the target of an export."""

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from feedsvc.errors import ExportError
from feedsvc.export import manifest as manifests
from feedsvc.export.manifest import NAME, Manifest
from feedsvc.export.names import file_name
from feedsvc.export.target import ConflictError, File
from feedsvc.index import watchlock

_LOCK, _NEW = f"{NAME}.lock", f"{NAME}.new"


class Folder:
    """A folder; it is made if it is not there. One export at a time writes to it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock: int | None = None
        self._new = path / _NEW  # files are written there first; it is on the same disk
        self._number = 0
        self._kept: tuple[tuple[int, int], Manifest] | None = None  # with the file's time and inode
        self._folds_case = False
        self._folded: dict[str, str] = {}

    def __str__(self) -> str:
        return str(self._path)

    def name(self, path: str) -> str | None:
        """Return the name of the file for a path; None where the folder can have none.

        Where the disk does not tell `AI` from `ai`, the first of the two is exported.
        """
        name = file_name(path)
        if name is not None and self._folds_case:
            return name if self._folded.setdefault(name.casefold(), name) == name else None
        return name

    def open(self) -> Manifest:
        """Begin a round; return what the folder has. Raises ConflictError and ExportError."""
        with self._errors():
            self._check()
            self._path.mkdir(parents=True, exist_ok=True)
            self._lock = watchlock.take(self._path / _LOCK)
            if self._lock is None:
                raise ConflictError(f"another export is writing to {self._path}")
            shutil.rmtree(self._new, ignore_errors=True)  # left by an export that was interrupted
            self._new.mkdir()
            (self._new / "case").touch()
            self._folds_case = (self._new / "CASE").exists()
            self._folded.clear()
            kept, self._kept = self._kept, None
            try:
                if kept is not None and kept[0] == self._manifest_file():
                    return kept[1]
                data = (self._path / NAME).read_bytes()
            except FileNotFoundError:
                return Manifest()
            return manifests.parse(data)

    def close(self) -> None:
        """End a round."""
        if self._lock is not None:
            shutil.rmtree(self._new, ignore_errors=True)
            os.close(self._lock)
            self._lock = None

    def sizes(self) -> Mapping[str, int]:
        """Return the sizes of all files by their names."""
        sizes: dict[str, int] = {}
        waiting = [self._path]
        with self._errors():
            while waiting:
                folder = waiting.pop()
                for entry in os.scandir(folder):
                    if entry.name.startswith("."):
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(Path(entry.path))
                    else:
                        name = Path(entry.path).relative_to(self._path).as_posix()
                        sizes[name] = entry.stat(follow_symlinks=False).st_size
        return sizes

    def save(self, manifest: Manifest, pending: Sequence[str] = ()) -> None:
        """Replace the manifest."""
        data = manifests.dump(manifest, pending)
        with self._errors():
            self._put(File(name=NAME, body=data, modified=None, headers={}))
            # Not read again in the next round, if it is as it was at the end of this one.
            self._kept = None if pending else (self._manifest_file(), manifest)

    def write(self, files: Iterable[File]) -> None:
        """Write files; each takes the place of the one before at once."""
        with self._errors():
            for file in files:
                self._put(file)

    def delete(self, names: Iterable[str]) -> None:
        """Delete files, and the folders that are empty then."""
        with self._errors():
            for name in names:
                file = self._path / name
                file.unlink(missing_ok=True)
                with suppress(OSError):  # it has other files
                    for folder in file.parents:
                        if folder == self._path:
                            break
                        folder.rmdir()

    def _manifest_file(self) -> tuple[int, int]:
        status = (self._path / NAME).stat()
        return status.st_mtime_ns, status.st_ino

    def _check(self) -> None:
        """Raise ExportError for a folder with files of others."""
        with suppress(FileNotFoundError):
            names = {entry.name for entry in os.scandir(self._path)}
            if names - {_LOCK, _NEW} and NAME not in names:
                raise ExportError(
                    f"{self._path} has files, but no export of feedsvc: name an empty folder, or a"
                    " new one"
                )

    def _put(self, file: File) -> None:
        # No fsync: after a power failure a file may be short, which the next complete export sees.
        self._number += 1
        new, place = self._new / str(self._number), self._path / file.name
        with new.open("wb") as stream:
            if isinstance(file.body, bytes):
                stream.write(file.body)
            else:
                stream.writelines(file.body())
        if file.modified is not None:
            os.utime(new, (file.modified, file.modified))
        try:
            new.replace(place)
        except FileNotFoundError:
            place.parent.mkdir(parents=True, exist_ok=True)
            new.replace(place)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            where = error.filename2 or error.filename or self._path
            raise ExportError(f"cannot write to {where}: {error.strerror or error}") from error
