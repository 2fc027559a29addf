"""Where raters' browsers get the clips from: the corpus' folder, copies on the server, or a bucket.

A round's media lie in rounds/<round_id>/media, under names that tell nothing. The server is shown them through
served/<round_id>, a link to that folder: the document root `served` holds nothing else, so that no storage that
anybody enters on the server can reach votes, gold labels or tables.
"""

import mimetypes
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote, unquote

from sdme_tools.annotation.label_studio import Studio, StudioGoneError
from sdme_tools.annotation.tasks import MEDIA_KEYS
from sdme_tools.corpus.layout import Layout
from sdme_tools.errors import AnnotationError, ConfigError
from sdme_tools.records.annotation_config import StudioSection

if TYPE_CHECKING:
    from label_studio_sdk import LabelStudio

_NOTHING = "(?!)"
"""A file filter that no name passes: whoever presses 'sync' imports no stray tasks."""
BUCKET_SCHEME = "s3://"
_UNTOLD = "Debugging info is not available"
"""What the server says, with status 500, for whatever a bucket's own service answered; nothing is saved then."""
_DATA_KEYS = tuple(dict.fromkeys(MEDIA_KEYS.values()))


class MediaHost(Protocol):
    """A way for media to reach raters."""

    def prepare(self, studio: Studio, project_id: int, paths: Sequence[str]) -> Callable[[str], str]:
        """Make a project able to show these files of the corpus; return what turns a path into an address."""
        ...


def choose_host(layout: Layout, settings: StudioSection) -> MediaHost:
    """Build the host that corpus.toml asks for.

    Raises:
        ConfigError: a bucket is asked for and not named.
    """
    if settings.media == "upload":
        return Uploads(layout.root)
    if settings.media == "s3":
        if not settings.s3_bucket:
            raise ConfigError("[label_studio] media = 's3' needs s3_bucket", cure="name the bucket in corpus.toml")
        return Bucket(settings)
    return LocalFiles(layout)


def fill_in(data: Mapping[str, str], address: Callable[[str], str]) -> dict[str, str]:
    """Return a task's data with its media paths turned into addresses."""
    return {key: address(value) if key in _DATA_KEYS else value for key, value in data.items()}


def is_as_made(found: Mapping[str, object], made: Mapping[str, str]) -> bool:
    """Whether a task on the server still shows what it was made to show, wherever its media are served from."""
    return found.keys() == made.keys() and all(
        unquote(str(found[key])).endswith(PurePosixPath(value).name) if key in _DATA_KEYS else found[key] == value
        for key, value in made.items()
    )


def media_paths(tasks: Sequence[Mapping[str, str]]) -> list[str]:
    """All media that tasks show, each once, in their order."""
    return list(dict.fromkeys(task[key] for task in tasks for key in _DATA_KEYS if key in task))


def serve_folder(layout: Layout, round_id: str) -> Path:
    """Link a round's media into the document root; return what the server is to be told.

    Raises:
        AnnotationError: something else stands there.
    """
    link, target = layout.served_round(round_id), Path("..", "rounds", round_id, "media")
    link.parent.mkdir(parents=True, exist_ok=True)
    if link.is_symlink() and Path(os.readlink(link)) == target:  # noqa: PTH115 - Path.readlink says the same, longer
        return link.absolute()
    if link.exists() or link.is_symlink():
        raise AnnotationError(f"{link} is in the way: it must be our link to {target}", cure=f"move {link} elsewhere")
    link.symlink_to(target, target_is_directory=True)
    return link.absolute()


class LocalFiles:
    """The server reads the corpus' own files; it must see the same file system."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout

    def prepare(self, studio: Studio, project_id: int, paths: Sequence[str]) -> Callable[[str], str]:
        """Enter the round's folder as a storage of the project, once."""
        for round_id in dict.fromkeys(PurePosixPath(path).parts[1] for path in paths):
            folder = str(serve_folder(self.layout, round_id))
            held = studio.read("storages", lambda sdk: sdk.import_storage.local.list(project=project_id))
            if not any(storage.path == folder for storage in held):
                self._enter(studio, project_id, folder)
        return self.address

    def _enter(self, studio: Studio, project_id: int, folder: str) -> None:
        try:
            studio.change(
                "adding the media folder",
                lambda sdk: sdk.import_storage.local.create(
                    project=project_id, path=folder, title="clips", regex_filter=_NOTHING, use_blob_urls=False
                ),
            )
        except StudioGoneError:
            raise
        except AnnotationError as error:
            raise AnnotationError(
                f"{studio.connection.url} cannot serve {folder}: {error.what}",
                cure=f"the server must run with LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT={self.layout.served} (as `sdme "
                'label-studio up` starts it), or set media = "upload" or "s3" under [label_studio]',
            ) from error

    def address(self, path: str) -> str:
        """rounds/<round_id>/media/<name> as the server serves it."""
        _, round_id, _, *rest = PurePosixPath(path).parts
        return f"/data/local-files/?d={quote('/'.join((round_id, *rest)))}"


class Uploads:
    """The server keeps copies; it may run anywhere. Files are recognised by name, so that none is sent twice."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def prepare(self, studio: Studio, project_id: int, paths: Sequence[str]) -> Callable[[str], str]:
        """Upload what the project lacks, one file a request."""
        held = self._list(studio, project_id)
        for path in paths:
            if PurePosixPath(path).name not in held:
                self._upload(studio, project_id, self.root / path)
        held = self._list(studio, project_id)
        return lambda path: held[PurePosixPath(path).name]

    def _list(self, studio: Studio, project_id: int) -> dict[str, str]:
        files = studio.read("uploaded files", lambda sdk: sdk.files.list(id=project_id, all_=True))
        names = [str(file.file) for file in files]
        # The server puts eight characters and a dash before each name; the first of two copies is the one used.
        found: dict[str, str] = {}
        for name in sorted(names):
            found.setdefault(PurePosixPath(name).name[9:], f"/data/{name.lstrip('/')}")
        return found

    def _upload(self, studio: Studio, project_id: int, path: Path) -> None:
        kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        studio.post_file(
            f"uploading {path.name}", f"/api/projects/{project_id}/import?commit_to_project=false", path, kind
        )


class Bucket:
    """The server signs addresses of a bucket for a while; the files were put there by the corpus' owner.

    Keys of the bucket's account are the server's own business (its environment or role); none is sent from here.
    """

    def __init__(self, settings: StudioSection) -> None:
        self.settings = settings

    def prepare(self, studio: Studio, project_id: int, paths: Sequence[str]) -> Callable[[str], str]:
        """Enter the bucket as a storage of the project, once, and keep it as corpus.toml says."""
        wanted = self._storage()
        held = studio.read("storages", lambda sdk: sdk.import_storage.s3.list(project=project_id))
        ours = next((storage for storage in held if storage.bucket == self.settings.s3_bucket), None)
        if ours is None:
            self._enter(studio, lambda sdk: sdk.import_storage.s3.create(project=project_id, **wanted))
        elif any(getattr(ours, name) != value for name, value in wanted.items()):
            self._enter(studio, lambda sdk: sdk.import_storage.s3.update(ours.id or 0, **wanted))
        return self.address

    def _storage(self) -> dict[str, Any]:
        wanted = self.settings
        return {
            "title": "clips",
            "bucket": wanted.s3_bucket,
            "prefix": wanted.s3_prefix or None,
            "region_name": wanted.s3_region or None,
            "s3endpoint": wanted.s3_endpoint or None,
            "presign": True,
            "presign_ttl": wanted.s3_minutes,
            "regex_filter": _NOTHING,
            "use_blob_urls": False,
        }

    def _enter(self, studio: Studio, send: "Callable[[LabelStudio], object]") -> None:
        try:
            studio.change("adding the bucket", send)
        except AnnotationError as error:
            said, is_silent = error.what, _UNTOLD in error.what
            if isinstance(error, StudioGoneError) and not is_silent:
                raise
            if is_silent:
                said = "it does not say why: its keys, the bucket's name, or nothing lies under the prefix"
            raise AnnotationError(
                f"{studio.connection.url} cannot use the bucket {self._named()}: {said}",
                cure="put rounds/*/media there first; the server's own environment must hold the bucket's keys, and "
                "an endpoint in the own network it only takes if it runs with USE_DEFAULT_BANNED_SUBNETS=false. "
                "`sdme label-studio up` hands both on to our own server: run `down` and `up` where they are set",
            ) from None

    def _named(self) -> str:
        return "/".join(filter(None, (self.settings.s3_bucket, self.settings.s3_prefix)))

    def address(self, path: str) -> str:
        """The corpus' path below the bucket's prefix."""
        prefix = f"{self.settings.s3_prefix.strip('/')}/" if self.settings.s3_prefix else ""
        return f"{BUCKET_SCHEME}{self.settings.s3_bucket}/{prefix}{path}"
