"""One round of an export: compare what the service answers with the manifest, write, delete.

A round writes in batches. Before each, the manifest says which addresses are about to be written.
"""

import hashlib
import html
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from email.utils import parsedate_to_datetime
from itertools import groupby
from urllib.parse import unquote

from feedsvc import codings
from feedsvc.config import Config
from feedsvc.errors import ExportError
from feedsvc.export import hosting
from feedsvc.export.addresses import MISSING, Address, Addresses
from feedsvc.export.asking import Answer, Asking, address
from feedsvc.export.manifest import Entry, Manifest
from feedsvc.export.names import SUFFIXES
from feedsvc.export.target import File, Target
from feedsvc.model import Progress

NOT_READY = (
    "there are no feeds to export yet: the articles have not been read; `feedsvc refresh` reads"
    " them"
)

_KEPT_HEADERS = ("Content-Type", "Cache-Control", "Last-Modified")
_NOTHING = (301, 302, 404, 410)  # the answers for an address that has no document of its own
_BATCH_FILES, _BATCH_BYTES = 1000, 32 * 1024 * 1024  # that are in memory at a time
_END_OF_ADDRESS = re.compile(r"[\s\"'<>#]|&(?:quot|lt|gt|#39|#34);")
_SIGNATURE = "signature="  # in the query of the address of a media file


@dataclass(slots=True, kw_only=True)
class Report:
    """What an export has done. `changed` are absolute addresses whose bytes differ now.

    `left_out` are paths that cannot be exported, each with the reason.
    """

    written: int = 0  # files
    deleted: int = 0
    addresses: int = 0
    seconds: float = 0.0
    changed: list[str] = field(default_factory=list)
    again: bool = False  # a feed says that it changes in a moment: export again then
    left_out: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Change:
    path: str
    rank: int
    entry: Entry
    files: list[File]
    stale: list[str]  # names of files that the address has no more
    has_other_bytes: bool


class Round:
    """One comparison of the service with the target."""

    def __init__(
        self,
        config: Config,
        asking: Asking,
        addresses: Addresses,
        target: Target,
        today: date,
        *,
        complete: bool,
        doubtful: set[str],
    ) -> None:
        self._config = config
        self._asking = asking
        self._addresses = addresses
        self._target = target
        self._today = today
        self._media_address = f"{config.site.base_url}/media/"
        self._complete = complete
        self._doubtful = doubtful  # paths that an earlier round may have written
        self._manifest = Manifest()
        self._sizes: Mapping[str, int] | None = None  # of the files that are there
        self._seen: set[str] = set()
        self._names: dict[str, str] = {}  # paths by name
        self._batch: list[_Change] = []
        self._batch_bytes = 0
        self._report = Report()
        self._has_moved = False  # the manifest, by more than what is written

    def close(self) -> None:
        """End it."""
        self._target.close()

    def run(self, progress: Progress | None) -> Report:
        """Bring the target up to date. Raises ExportError, NotReadyError and StateError."""
        self._manifest = self._target.open()
        self._manifest.doubt(self._doubtful)
        settings = self._addresses.settings()
        if self._manifest.settings != settings:
            self._manifest.settings, self._complete = settings, True
            self._has_moved = True
        if self._complete:
            self._sizes = self._target.sizes()
        addresses = list(self._addresses.all(self._today))
        for number, each in enumerate(addresses):
            self._look_at(each)
            if progress:
                progress(number + 1, len(addresses))
        self._look_at_hosting()
        self._flush()
        self._delete()
        if self._has_moved:
            self._target.save(self._manifest)
        self._report.addresses = len(self._seen)
        return self._report

    def _look_at(self, each: Address) -> None:
        known = self._manifest.entries.get(each.path)
        if (
            not self._complete
            and known is not None
            and known.digest
            and each.stamp is not None
            and known.stamp == each.stamp
        ):
            self._leave(each.path, known)
            return
        answers = self._answers(each.path)
        if answers is None:
            if known is not None and each.path in self._report.left_out:
                self._leave(each.path, known)
            return
        answer = answers[""]
        media = self._media_of(answer) if each.path.startswith("/articles/") else ()
        for path in media:
            self._look_at_media(path, trust=False)
        self._compare(
            each.path,
            each.rank,
            {suffix: (answer.body, answer.headers) for suffix, answer in answers.items()},
            stamp=answer.version if each.document else each.stamp,
            media=media,
        )
        self._report.again |= each.document and answer.version is None

    def _leave(self, path: str, known: Entry) -> None:
        """Leave what is there for an address, and for the media that it names, as it is."""
        if self._claim(path) is not None:
            self._seen.add(path)
            for media in known.media:
                self._look_at_media(media, trust=True)

    def _claim(self, path: str) -> str | None:
        """Return the name for a path; None where it can have none, or another path has it."""
        name = self._target.name(path)
        if name is None or self._names.setdefault(name, path) != path:
            self._report.left_out[path] = "no file can have this name"
            return None
        return name

    def _answers(self, path: str) -> dict[str, Answer] | None:
        """Return the answers for a path in all its codings; None where there is no document."""
        while True:
            answer = self._asking.ask(path)
            if answer.status != (404 if path == MISSING else 200):
                if answer.status == 503:
                    raise ExportError(NOT_READY)
                if answer.status not in _NOTHING:
                    self._report.left_out[path] = f"the service answers {answer.status}"
                return None
            answers = {"": answer}
            if "Accept-Encoding" in answer.headers.get("Vary", ""):
                for coding in codings.CODINGS:
                    coded = self._asking.ask(path, coding=coding)
                    if coded.headers.get("Content-Encoding") == coding:
                        answers[SUFFIXES[coding]] = coded
            tag = answer.headers.get("Etag", "").rstrip('"')
            # The document may have been replaced meanwhile.
            if all(each.headers.get("Etag", "").startswith(tag) for each in answers.values()):
                return answers

    def _media_of(self, answer: Answer) -> tuple[str, ...]:
        """Return the paths of the media files that a page names, with their signatures."""
        found = answer.body.decode("utf-8", "replace").split(self._media_address)[1:]
        names = (html.unescape(_END_OF_ADDRESS.split(part, 1)[0]).rstrip(",") for part in found)
        paths = (name.partition("?") for name in names if name)
        return tuple(
            dict.fromkeys(
                f"/media/{unquote(path)}{mark}{query}"
                if query.startswith(_SIGNATURE)
                else f"/media/{unquote(path)}"
                for path, mark, query in paths
            )
        )

    def _look_at_media(self, address: str, *, trust: bool) -> None:
        """Have a media file written, if the service sends it at this address."""
        # Beside private feeds the service asks for a signature, which a host of files ignores.
        path, mark, signature = address.rpartition(f"?{_SIGNATURE}")
        path, query = (path, f"{_SIGNATURE}{signature}") if mark else (address, "")
        if path in self._seen:
            return
        known = self._manifest.entries.get(path)
        if trust and known is not None and known.digest:
            self._leave(path, known)
            return
        # The file may be long, so its entity tag stands for its bytes.
        answer = self._asking.ask(path, method="HEAD", query=query)
        if answer.status not in {200, *_NOTHING}:
            self._report.left_out[path] = f"the service answers {answer.status}"
            if known is not None:
                self._leave(path, known)
        elif answer.status == 200:
            tag = answer.headers.get("Etag", "").encode()
            size = int(answer.headers.get("Content-Length", 0))

            def pieces() -> Iterator[bytes]:
                return self._asking.pieces(path, query)

            self._compare(path, 0, {"": (pieces, answer.headers)}, tag=tag, size=size)

    def _look_at_hosting(self) -> None:
        """Write what hosts of files want to be told."""
        answers = []
        for pattern, (path, names) in hosting.samples().items():
            answer = self._asking.ask(path)
            if answer.status != 200:  # what is there stays
                self._seen.update({hosting.HEADERS, hosting.REDIRECTS})
                return
            answers.append((pattern, names, answer.headers))
        files = {
            hosting.HEADERS: hosting.headers(answers),
            hosting.REDIRECTS: hosting.redirects(self._config),
        }
        for path, body in files.items():
            if body:
                self._compare(path, 5, {"": (body, {"Content-Type": "text/plain; charset=utf-8"})})

    def _compare(
        self,
        path: str,
        rank: int,
        forms: Mapping[str, tuple[bytes | Callable[[], Iterable[bytes]], Mapping[str, str]]],
        *,
        stamp: str | None = None,
        media: tuple[str, ...] = (),
        tag: bytes = b"",
        size: int = 0,
    ) -> None:
        """Have an address written if it differs from what the manifest says.

        `forms` are bodies and headers by what their names end with. For a body that is not in
        memory, `tag` stands for its bytes, and `size` is their number.
        """
        name = self._claim(path)
        if name is None:
            return
        self._seen.add(path)
        bodies, heads = hashlib.sha256(tag), hashlib.sha256()
        sizes: dict[str, int] = {}
        for suffix, (body, headers) in forms.items():
            kept = [headers.get(each, "") for each in _KEPT_HEADERS]
            heads.update("\n".join((suffix, *kept)).encode())
            bodies.update(body if isinstance(body, bytes) else b"")
            sizes[suffix] = len(body) if isinstance(body, bytes) else size
        digest = f"{bodies.hexdigest()[:20]} {heads.hexdigest()[:8]}"
        entry = Entry(digest=digest, sizes=sizes, stamp=stamp, media=media)
        known = self._manifest.entries.get(path)
        if known is not None and known.digest == entry.digest and self._is_there(name, sizes):
            if known != entry:
                self._manifest.entries[path] = entry
                self._has_moved = True
            return
        before = (
            () if known is None else (known.sizes if known.digest else ("", *SUFFIXES.values()))
        )
        change = _Change(
            path=path,
            rank=rank,
            entry=entry,
            files=[
                File(
                    name=name + suffix,
                    body=body,
                    modified=_moment(headers.get("Last-Modified")),
                    headers=headers,
                )
                for suffix, (body, headers) in forms.items()
            ],
            stale=[name + suffix for suffix in before if suffix not in sizes],
            has_other_bytes=known is None or known.digest[:20] != digest[:20],
        )
        self._batch.append(change)
        self._batch_bytes += sum(sizes.values()) if size == 0 else 0
        if len(self._batch) >= _BATCH_FILES or self._batch_bytes >= _BATCH_BYTES:
            self._flush()

    def _is_there(self, name: str, sizes: Mapping[str, int]) -> bool:
        """Tell whether the files of a name are there, where the files were looked at."""
        there = self._sizes
        return there is None or all(
            there.get(name + suffix) == size for suffix, size in sizes.items()
        )

    def _flush(self) -> None:
        """Write the files of the changes, those of each rank before those of the next."""
        if not self._batch:
            return
        batch, self._batch, self._batch_bytes = self._batch, [], 0
        paths = [change.path for change in batch]
        self._target.save(self._manifest, paths)
        self._doubtful.update(paths)
        batch.sort(key=lambda change: change.rank)
        for _, changes in groupby(batch, key=lambda change: change.rank):
            ranked = list(changes)
            files = [file for change in ranked for file in change.files]
            self._target.write(files)
            self._target.delete([name for change in ranked for name in change.stale])
            self._report.written += len(files)
        for change in batch:
            self._manifest.entries[change.path] = change.entry
            if change.has_other_bytes:
                self._report.changed.append(address(self._config.site.base_url, change.path))
        self._has_moved = True

    def _delete(self) -> None:
        """Delete what is no address any more."""
        gone = [path for path in self._manifest.entries if path not in self._seen]
        if not gone:
            return
        self._target.save(self._manifest, gone)
        self._doubtful.update(gone)
        names = []
        for path in gone:
            entry, name = self._manifest.entries.pop(path), self._target.name(path)
            suffixes = entry.sizes if entry.digest else ("", *SUFFIXES.values())
            # A name that two addresses would have had belongs to the one that is left.
            if name is not None and self._names.get(name, path) == path:
                names += [name + suffix for suffix in suffixes]
            self._report.changed.append(address(self._config.site.base_url, path))
        self._target.delete(names)
        self._report.deleted += len(gone)
        self._has_moved = True


def _moment(last_modified: str | None) -> float | None:
    return parsedate_to_datetime(last_modified).timestamp() if last_modified else None
