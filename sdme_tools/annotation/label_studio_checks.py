"""Whether a Label Studio server is fit for raters: what it tells others, who gets in, and whether clips play."""

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

from sdme_tools.annotation.label_studio import PINNED_VERSION, Studio, StudioMissingError, parse_version
from sdme_tools.annotation.label_studio_connection import Connection, find_connection
from sdme_tools.annotation.label_studio_media import BUCKET_SCHEME
from sdme_tools.annotation.ledger import read_ledger
from sdme_tools.annotation.server import examine_server
from sdme_tools.annotation.server_install import is_installed
from sdme_tools.annotation.tasks import MEDIA_KEYS
from sdme_tools.corpus.layout import Layout
from sdme_tools.errors import AnnotationError, SdmeError
from sdme_tools.records.studio import LedgerEvent

if TYPE_CHECKING:
    import httpx

_PART = {"Range": "bytes=0-99"}
WEAKNESSES = (
    ((1, 5, 1), "CVE-2022-36551: whoever has an account reads files of the server"),
    ((1, 7, 2), "GHSA-cpmr-mw4j-99r7: anybody reads files of the server"),
    ((1, 8, 2), "CVE-2023-43791: anybody may sign in as anybody, by a key that is the same everywhere"),
    ((1, 9, 2), "CVE-2023-47115, CVE-2023-47117: stolen sessions and passwords' hashes"),
    ((1, 10, 1), "GHSA-fq23-g58m-799r: scripts in files fetched from elsewhere"),
    ((1, 11, 0), "CVE-2024-26152, CVE-2023-47116: scripts in labels, requests into the inner network"),
    ((1, 16, 0), "CVE-2025-25296, CVE-2025-25297: scripts in links, requests into the inner network"),
    ((1, 18, 0), "CVE-2025-47783: scripts in links"),
    ((1, 22, 1), "CVE-2026-22033: scripts in hotkeys of an account, by which others' tokens can be stolen"),
)
"""First version without it, and what it was, as the advisories of the project and the CVE records say."""


class BucketError(AnnotationError):
    """A clip in a bucket does not reach raters."""


@dataclass(frozen=True)
class Finding:
    """One thing looked at."""

    name: str
    is_well: bool
    finding: str
    cure: str = ""


def examine_studio(root: Path, url: str | None = None) -> list[Finding]:
    """Look at the server of a corpus; nothing at all where it has none and none is named."""
    state = examine_server(root)
    if url is None and state.url is None:
        return []
    weaknesses: list[Finding] = []
    try:
        connection = find_connection(root, url)
        studio = Studio(connection)
        weaknesses += judge_version(studio.version())
        version = studio.check_version()
    except SdmeError as error:
        return [Finding("Label Studio", False, error.what, error.cure or ""), *weaknesses]
    findings = [Finding("Label Studio", True, f"{version} at {connection.url}"), *weaknesses]
    if url is None and not is_installed():
        cure = "run `sdme label-studio down`, then `up`"
        findings.append(Finding("server's environment", False, "not as it is pinned now", cure))
    try:
        studio.check_token()
    except SdmeError as error:
        return [*findings, Finding("token", False, error.what, error.cure or "")]
    return [
        *findings,
        Finding("token", True, "accepted"),
        *_telemetry(studio),
        _signup(connection),
        *_media(studio, Layout(root)),
    ]


def judge_version(version: str) -> Iterator[Finding]:
    """Compare a version with the one all was tried with, and with what is known of older ones."""
    number = parse_version(version)
    for fixed, what in WEAKNESSES:
        if number < fixed:
            yield Finding("known weakness", False, what, f"bring the server to {PINNED_VERSION}")
    if number < parse_version(PINNED_VERSION):
        yield Finding("version", False, f"{version} is older than {PINNED_VERSION}", f"bring it to {PINNED_VERSION}")
    elif number > parse_version(PINNED_VERSION):
        yield Finding("version", True, f"newer than {PINNED_VERSION}, with which everything was tried")


def _telemetry(studio: Studio) -> Iterator[Finding]:
    """Read what the server's own pages tell the browser, and whether it asks outside for news of itself."""
    page = studio.get("/user/login/").text
    told = re.search(r"collect_analytics\s*[=:]\s*(true|false)", page)
    off = told is not None and told.group(1) == "false"
    finding = "off" if off else "on" if told else "its pages do not tell"
    yield Finding("analytics", off, finding, "start the server with LABEL_STUDIO_COLLECT_ANALYTICS=false")
    package = studio.get("/api/version").json().get("label-studio-os-package") or {}
    asked = bool(package.get("latest_version_from_pypi"))
    yield Finding(
        "version check", not asked, "on" if asked else "off", "set LABEL_STUDIO_LATEST_VERSION_CHECK=false there"
    )


def _signup(connection: Connection) -> Finding:
    """Send an empty form: who may not sign up is turned away before it is read, and nobody is made of it."""
    import httpx

    try:
        with httpx.Client(base_url=connection.url, timeout=20, follow_redirects=True) as client:
            client.get("/user/signup/")
            token = client.cookies.get("csrftoken") or ""
            answer = client.post(
                "/user/signup/",
                data={"email": "", "password": "", "csrfmiddlewaretoken": token},
                headers={"X-CSRFToken": token, "Referer": f"{connection.url}/user/signup/"},
            )
    except httpx.HTTPError as error:
        return Finding("sign-up", False, f"cannot be tried ({type(error).__name__})", "see whether the server runs")
    closed = answer.status_code == HTTPStatus.FORBIDDEN
    return Finding(
        "sign-up",
        closed,
        "only by invitation" if closed else "open to everybody who finds the page",
        "start the server with LABEL_STUDIO_DISABLE_SIGNUP_WITHOUT_LINK=true",
    )


def _media(studio: Studio, layout: Layout) -> Iterator[Finding]:
    """Ask for the first bytes of a clip of each round, as a browser does that jumps about in it."""
    for ledger in sorted(layout.rounds.glob("*/ledger.jsonl")):
        done = [e for e in read_ledger(ledger) if e.event is LedgerEvent.COMPLETE and e.project_id is not None]
        if not done or done[-1].server != studio.connection.name:
            continue
        name = f"media of round {ledger.parent.name}"
        try:
            task = next(studio.tasks(done[-1].project_id or 0), None)
            address = next((str(task.data[key]) for key in MEDIA_KEYS.values() if key in task.data), "") if task else ""
            if task and address.startswith(BUCKET_SCHEME):
                cure = f"see that {address} is there, and that the server's keys may read it"
                found = _judge_part(name, _get_signed(studio, task.task_id, address), cure)
                yield found
                if found.is_well:
                    yield from _tables_in_bucket(studio, task.task_id, address, ledger.parent)
            elif address.startswith("/"):
                cure = "without parts browsers cannot jump in clips: mind proxies before it"
                yield _judge_part(name, studio.get(address, _PART), cure)
        except BucketError as error:
            yield Finding(name, False, error.what, error.cure or "")
        except SdmeError as error:
            cure = f"the server must be able to read {layout.served}; `sdme round push` enters the folder again"
            yield Finding(name, False, error.what, cure)


def _judge_part(name: str, answer: "httpx.Response", cure: str) -> Finding:
    """Say how a clip was served; the words of a bucket that refuses may name its key and are not repeated."""
    well = answer.status_code == HTTPStatus.PARTIAL_CONTENT and len(answer.content) == 100
    found = "served, and in parts" if well else f"answers {answer.status_code}, expected 206 and 100 bytes"
    return Finding(name, well, found, cure)


def _tables_in_bucket(studio: Studio, task_id: int, address: str, folder: Path) -> Iterator[Finding]:
    """Look whether votes or gold lie beside the media: the server signs for any rater whatever they name there."""
    beside = address.rpartition("/media/")[0]
    for table in sorted(path.name for path in folder.iterdir() if path.is_file()):
        if _get_signed(studio, task_id, f"{beside}/{table}").is_success:
            yield Finding(
                f"bucket of round {folder.name}",
                False,
                f"holds {table}, which every rater can have signed and read",
                "take all from the bucket but rounds/*/media",
            )
            return


def _get_signed(studio: Studio, task_id: int, address: str) -> "httpx.Response":
    """Let the server sign an address of its bucket and go there as a browser does: without any token of the server."""
    import httpx

    asked = base64.urlsafe_b64encode(address.encode()).decode()
    try:
        answer = studio.get(f"/tasks/{task_id}/resolve/?fileuri={asked}", follow=False)
    except StudioMissingError:
        raise BucketError(
            f"the server signs no address for {address}",
            cure="its environment must hold the bucket's keys; `sdme round push` enters the bucket again",
        ) from None
    try:
        return httpx.get(answer.headers["location"], headers=_PART, timeout=20)
    except httpx.HTTPError as error:
        raise BucketError(
            f"the bucket of {address} does not answer ({type(error).__name__})",
            cure="see that its service runs; raters' browsers must reach s3_endpoint, too",
        ) from None
