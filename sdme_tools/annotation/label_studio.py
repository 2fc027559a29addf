"""The one line to a Label Studio server: its SDK, with errors in words and retries that can double nothing.

The SDK by itself repeats whatever the server answers with an error, imports included; that is turned off. Reads are
repeated here with growing pauses, so that a server that restarts is waited for. What changes the server is sent once:
whether it arrived is asked for afterwards by whoever sent it. Logging of the SDK stays off, and no error carries the
token or a header.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from sdme_tools.annotation.label_studio_answers import ServerTask, read_answer, stamp
from sdme_tools.annotation.label_studio_connection import TOKEN_VARIABLE, Connection
from sdme_tools.errors import AnnotationError

if TYPE_CHECKING:
    import httpx
    from label_studio_sdk import LabelStudio

PINNED_VERSION = "1.23.2"
"""What everything here was measured on."""
OLDEST_VERSION = (1, 20)
"""Older servers lack personal access tokens or answer in other forms; they are refused."""
PAGE_SIZE = 500
_PAUSES_S = (0.5, 1, 2, 4, 8, 16)
"""Between the tries of a read: a server that restarts is back within them."""
_READ_TIMEOUT_S = 120.0
_WRITE_TIMEOUT_S = 600.0
"""An import that is given up on the way may still arrive, so it is given its time."""
_PASSING = {HTTPStatus.TOO_MANY_REQUESTS, *(status for status in HTTPStatus if status >= 500)}

Answer = TypeVar("Answer")


class StudioGoneError(AnnotationError):
    """The server did not answer, or only with errors of its own: whether the last change arrived is not known."""


class StudioMissingError(AnnotationError):
    """The server has no such thing (any more)."""


class StudioRefusedError(AnnotationError):
    """The server took the request and refused it: nothing was changed."""


class Studio:
    """A server, spoken to as whoever owns the token."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._sdk: LabelStudio | None = None

    def version(self) -> str:
        """Return the server's version, however old it is."""
        return str(self.read("its version", lambda sdk: sdk.versions.get()).release)

    def check_version(self) -> str:
        """Return the server's version.

        Raises:
            AnnotationError: it does not answer, is no Label Studio, or is too old.
        """
        version = self.version()
        if parse_version(version)[:2] < OLDEST_VERSION:
            oldest = ".".join(map(str, OLDEST_VERSION))
            raise AnnotationError(
                f"{self.connection.url} runs Label Studio {version}; at least {oldest} is needed",
                cure=f"bring it to {PINNED_VERSION}, or start one of our own with `sdme label-studio up`",
            )
        return version

    def check_token(self) -> str:
        """Return the e-mail address of the token's owner, which is for the terminal alone."""
        return str(self.read("who the token belongs to", lambda sdk: sdk.users.whoami()).email)

    def read(self, what: str, ask: "Callable[[LabelStudio], Answer]") -> Answer:
        """Ask something that changes nothing; while the server is away it is asked again for half a minute."""
        for pause_s in (*_PAUSES_S, None):
            try:
                return self._send(f"reading {what}", ask, _READ_TIMEOUT_S)
            except StudioGoneError:
                if pause_s is None:
                    raise
                time.sleep(pause_s)
        raise AssertionError("unreachable")  # pragma: no cover

    def change(self, what: str, ask: "Callable[[LabelStudio], Answer]") -> Answer:
        """Change something, once.

        Raises:
            StudioGoneError: no answer came; the change may have been made all the same.
            StudioRefusedError: the server refused it; nothing was changed.
            StudioMissingError: what was to be changed is not there.
        """
        return self._send(what, ask, _WRITE_TIMEOUT_S)

    def tasks(self, project_id: int, *, task_ids: Sequence[int] | None = None) -> Iterator[ServerTask]:
        """All tasks of a project in the order of their ids, without answers; or those named, with their answers.

        The server computes whatever is not left out, and is ten times slower for it.
        """
        if task_ids is None:
            yield from self._page_tasks(project_id)
            return
        for start in range(0, len(task_ids), PAGE_SIZE // 2):  # ids stand in the address, which must not grow too long
            yield from self._read_answers(project_id, task_ids[start : start + PAGE_SIZE // 2])

    def accounts(self) -> dict[int, str]:
        """E-mail addresses of everybody on the server, by account; they are compared and never written down."""
        users = self.read("accounts", lambda sdk: sdk.users.list())
        return {int(user.id): str(user.email) for user in users if user.id is not None}

    def invitation(self) -> str:
        """The address by which raters make their accounts."""
        return f"{self.connection.url}{self.get('/api/invite').json()['invite_url']}"

    def count_tasks(self, project_id: int) -> int:
        """How many tasks a project has."""
        page: Any = self.read("a project", lambda sdk: sdk.tasks.list(project=project_id, page_size=1, include="id"))
        return int(page.response.total if page.response else 0)

    def _page_tasks(self, project_id: int) -> Iterator[ServerTask]:
        number = 1
        while True:
            page: Any = self.read(
                "tasks",
                lambda sdk, number=number: sdk.tasks.list(  # type: ignore[misc]
                    project=project_id,
                    page=number,
                    page_size=PAGE_SIZE,
                    include="id,data,updated_at",
                    resolve_uri=False,
                    query='{"ordering": ["tasks:id"]}',
                ),
            )
            for task in page.items or []:
                yield ServerTask(int(task.id), dict(task.data or {}), stamp(task.updated_at))
            total = page.response.total if page.response else 0
            if number * PAGE_SIZE >= total:
                return
            number += 1

    def _read_answers(self, project_id: int, task_ids: Sequence[int]) -> Iterator[ServerTask]:
        included = ",".join(map(str, task_ids))
        page: Any = self.read(
            "answers",
            lambda sdk: sdk.tasks.list(
                project=project_id,
                page_size=PAGE_SIZE,
                fields="all",
                include="id,data,updated_at,annotations,result,completed_by,was_cancelled,lead_time,created_at",
                resolve_uri=False,
                query=f'{{"selectedItems": {{"all": false, "included": [{included}]}}, "ordering": ["tasks:id"]}}',
            ),
        )
        for task in page.items or []:
            answers = tuple(read_answer(dict(answer)) for answer in task.annotations or [])
            yield ServerTask(int(task.id), dict(task.data or {}), stamp(task.updated_at), answers)

    def _send(self, what: str, ask: "Callable[[LabelStudio], Answer]", timeout_s: float) -> Answer:
        from label_studio_sdk.core.api_error import ApiError

        try:
            return ask(self._open(timeout_s))
        except ApiError as error:
            if error.status_code != HTTPStatus.UNAUTHORIZED or not self.connection.is_personal:
                raise self._explain(what, error) from None
        except self._transport_errors() as error:
            raise self._unanswered(what, error) from None
        # A personal token's pass holds for minutes by the server's clock, which ours may not agree with: get another.
        self._sdk = None
        try:
            return ask(self._open(timeout_s))
        except ApiError as error:
            raise self._explain(what, error) from None
        except self._transport_errors() as error:
            raise self._unanswered(what, error) from None

    def _open(self, timeout_s: float) -> "LabelStudio":
        import httpx
        from label_studio_sdk import LabelStudio

        if self._sdk is None:
            self._http = httpx.Client(follow_redirects=True)
            self._sdk = LabelStudio(  # type: ignore[no-untyped-call]
                base_url=self.connection.url, api_key=self.connection.token, max_retries=0, httpx_client=self._http
            )
        self._http.timeout = httpx.Timeout(timeout_s, connect=10)
        return self._sdk

    def get(self, path: str, headers: dict[str, str] | None = None, *, follow: bool = True) -> "httpx.Response":
        """Ask for something that the SDK has no call for, such as a clip; see `read` for what is raised.

        `follow` False stops at an answer that sends elsewhere, such as to a bucket.
        """

        def ask(sdk: "LabelStudio") -> "httpx.Response":
            from label_studio_sdk.core.api_error import ApiError

            address = f"{self.connection.url}/{path.lstrip('/')}"
            passes = sdk._client_wrapper.get_headers()  # its token exchange is worth more than its privacy
            response = self._http.get(address, headers={**passes, **(headers or {})}, follow_redirects=follow)
            if response.status_code >= HTTPStatus.BAD_REQUEST:
                raise ApiError(status_code=response.status_code, body=response.text[:300])
            return response

        return self.read(path.split("?", maxsplit=1)[0], ask)

    def post_file(self, what: str, path: str, file: Path, kind: str) -> None:
        """Upload one file; see `change` for what is raised."""

        def send(sdk: "LabelStudio") -> None:
            from label_studio_sdk.core.api_error import ApiError

            with file.open("rb") as content:
                response = self._http.post(
                    f"{self.connection.url}{path}",
                    headers=sdk._client_wrapper.get_headers(),
                    files={"file": (file.name, content, kind)},
                )
            if response.status_code >= HTTPStatus.BAD_REQUEST:
                raise ApiError(status_code=response.status_code, body=response.text[:300])

        self.change(what, send)

    @staticmethod
    def _transport_errors() -> tuple[type[Exception], ...]:
        import json

        import httpx

        # A page that is no JSON comes from something else that listens there, or from a server that just dies.
        return (httpx.HTTPError, json.JSONDecodeError, httpx.InvalidURL)

    def _unanswered(self, what: str, error: Exception) -> StudioGoneError:
        return StudioGoneError(
            f"{self.connection.url} does not answer ({what}: {type(error).__name__})",
            cure="see that the server runs (`sdme label-studio status`, `sdme label-studio up`), then run the same "
            "command again: it goes on where it stopped",
        )

    def _explain(self, what: str, error: Any) -> AnnotationError:  # noqa: ANN401 - ApiError; the SDK is no import here
        status, url = error.status_code, self.connection.url
        said = _say(error.body)
        if status is not None and status < HTTPStatus.BAD_REQUEST:
            return StudioGoneError(
                f"what answers at {url} is no Label Studio, or a page before it ({what}: {said[:80]})",
                cure="check the address, and whether a proxy asks for a login of its own",
            )
        if status is None or status in _PASSING:
            return StudioGoneError(
                f"{url} answers with an error of its own ({what}: {status} {said})",
                cure="look into the server's log (`sdme label-studio status` names it), then run the command again",
            )
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            return StudioRefusedError(
                f"{url} refuses the token ({what}: {status} {said})",
                cure=f"take a fresh token from the server's page 'Account & Settings' and set {TOKEN_VARIABLE}; of our "
                "own server, `sdme label-studio up` writes it anew. Nothing was lost",
            )
        if status == HTTPStatus.NOT_FOUND:
            return StudioMissingError(
                f"{url} has no such thing ({what}: {said})", cure="see what was deleted there by hand"
            )
        return StudioRefusedError(f"{url} refuses ({what}: {status} {said})", cure="mend what it names, then run again")


def parse_version(text: str) -> tuple[int, ...]:
    """Read the leading numbers of a version: '1.23.2.post1' is (1, 23, 2)."""
    numbers: list[int] = []
    for part in text.split("."):
        if not part.isdigit():
            break
        numbers.append(int(part))
    return tuple(numbers)


def _say(body: object) -> str:
    """The server's own words, shortened; never its headers."""
    if isinstance(body, dict):
        told = body.get("validation_errors") or body.get("detail") or body
        return str(told)[:300]
    return str(body or "")[:300]


def is_healthy(url: str) -> bool:
    """Whether a server answers there at all, asked once and briefly."""
    import httpx

    try:
        return httpx.get(f"{url}/health", timeout=5, follow_redirects=True).status_code == HTTPStatus.OK
    except httpx.HTTPError:
        return False
