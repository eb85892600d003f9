"""An object store as the target of an export: S3 and what speaks like it, Google's, Azure's.

The one place that knows obstore. Its credentials come from the environment, as its documentation
names them for each store (`AWS_ACCESS_KEY_ID`, `AWS_ENDPOINT_URL`, …).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from typing import Any

from feedsvc.errors import ExportError
from feedsvc.export import manifest as manifests
from feedsvc.export.manifest import NAME, Manifest
from feedsvc.export.names import object_name
from feedsvc.export.target import ConflictError, File

SCHEMES = ("s3", "gs", "az")
_UPLOADS = 16  # at a time
_ATTRIBUTES = ("Content-Type", "Cache-Control", "Content-Encoding")
_MISSING = (
    "exporting to {url} needs obstore: install it with `pip install 'feedsvc[stores]'`, in the"
    " environment of feedsvc"
)


def at(url: str) -> "Store":
    """Return the store at a URL. Raises ExportError."""
    if find_spec("obstore") is None:
        raise ExportError(_MISSING.format(url=url))
    import obstore.store  # noqa: PLC0415 - an extra, mostly not installed

    try:
        return Store(obstore.store.from_url(url), url)
    except Exception as error:  # obstore raises many kinds
        raise ExportError(f"cannot use {url}: {_first_line(error)}") from error


class Store:
    """A bucket, or what is below a prefix in one."""

    def __init__(self, store: Any, url: str) -> None:
        import obstore.exceptions  # noqa: PLC0415 - an extra, mostly not installed

        self._obstore: Any = obstore
        self._store = store
        self._url = url
        self._version: dict[str, str] | None = None  # of the manifest; None where there is none
        self._kept: Manifest | None = None  # as it was saved in this version

    def __str__(self) -> str:
        return self._url

    def name(self, path: str) -> str | None:
        """Return the name of the object for a path; None where there can be none."""
        return object_name(path)

    def open(self) -> Manifest:
        """Begin a round; return what the store has. Raises ExportError."""
        kept, self._kept = self._kept, None
        with self._errors():
            try:
                if kept and self._version == _version(self._obstore.head(self._store, NAME)):
                    return kept
                result = self._obstore.get(self._store, NAME)
                self._version = _version(result.meta)
                return manifests.parse(bytes(result.bytes()))
            except FileNotFoundError:
                self._version = None
            has_objects = any(self._obstore.list(self._store, chunk_size=1))
        if has_objects:
            raise ExportError(
                f"{self._url} has objects, but no export of feedsvc: name another prefix"
            )
        return Manifest()

    def close(self) -> None:
        """Do nothing: there is no lock."""

    def sizes(self) -> Mapping[str, int]:
        """Return the sizes of all objects by their names."""
        with self._errors():
            listed = self._obstore.list(self._store, chunk_size=1000)
            return {meta["path"]: int(meta["size"]) for chunk in listed for meta in chunk}

    def save(self, manifest: Manifest, pending: Sequence[str] = ()) -> None:
        """Replace the manifest, if it is still the one that was read or saved last."""
        data = manifests.dump(manifest, pending)
        mode = self._version or "create"
        exceptions = self._obstore.exceptions
        with self._errors():
            try:
                result = self._obstore.put(
                    self._store, NAME, data, mode=mode, attributes={"Cache-Control": "no-store"}
                )
            except (exceptions.PreconditionError, exceptions.AlreadyExistsError) as error:
                raise ConflictError(f"another export is writing to {self._url}") from error
        self._version = _version(result)
        # Not read again in the next round, if it is as it was at the end of this one.
        self._kept = None if pending else manifest

    def write(self, files: Iterable[File]) -> None:
        """Upload files, many at a time."""
        with self._errors(), ThreadPoolExecutor(_UPLOADS, "feedsvc-upload") as pool:
            for _ in pool.map(self._put, files):
                pass

    def delete(self, names: Iterable[str]) -> None:
        """Delete objects, those that are not there too."""
        with self._errors(), ThreadPoolExecutor(_UPLOADS, "feedsvc-delete") as pool:
            for _ in pool.map(self._delete, names):
                pass

    def _put(self, file: File) -> None:
        attributes = {name: file.headers[name] for name in _ATTRIBUTES if name in file.headers}
        body = file.body if isinstance(file.body, bytes) else file.body()
        self._obstore.put(self._store, file.name, body, attributes=attributes)

    def _delete(self, name: str) -> None:
        with suppress(FileNotFoundError):
            self._obstore.delete(self._store, name)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except ExportError:
            raise
        except Exception as error:  # obstore raises many kinds
            raise ExportError(f"{self._url}: {_first_line(error)}") from error


def _version(meta: Mapping[str, Any]) -> dict[str, str]:
    """Return by what a store tells one version of an object from others."""
    return {key: meta[key] for key in ("e_tag", "version") if meta[key] is not None}


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0][:300] or type(error).__name__
