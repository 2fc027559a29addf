"""Media in a bucket: a real server signs its addresses, and the clip behind them is the round's, byte for byte."""

import hashlib
import hmac
import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, urlsplit

import httpx
import pytest

from sdme_tools.annotation.label_studio_checks import Finding, examine_studio
from sdme_tools.annotation.label_studio_connection import HOME_VARIABLE, Connection, load_connection, locate_home
from sdme_tools.corpus.corpus import Corpus
from sdme_tools.corpus.table import read_table
from sdme_tools.records.annotation import Assignment, Condition, Item
from tests.e2e.conftest import sdme, set_value
from tests.factories import make_tone, write_media
from tests.s3_server import put_files, serve_bucket
from tests.studio_round import make_round
from tests.studio_server import Rater, Server

pytestmark = pytest.mark.slow

BUCKET, PREFIX, MINUTES = "clips", "labs/study", 7


@dataclass(frozen=True)
class Keys:
    """What the bucket's owner keeps to themselves."""

    name: str
    secret: str = field(repr=False)


@dataclass(frozen=True)
class Study:
    """A corpus whose media lie in a bucket, and the server that `sdme label-studio up` started for it."""

    corpus: Corpus
    server: Server
    ada: Rater
    endpoint: str
    keys: Keys
    talk: str
    """All that commands said."""


class StartedByCommand(Server):
    """Our own server, started as its user does."""

    def start(self) -> Connection:
        sdme("label-studio", "up", self.root, "--port", str(self.port))
        connection = load_connection(self.home)
        assert connection is not None
        return connection


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Study]:
    base = tmp_path_factory.mktemp("bucket")
    keys = Keys("AKIA" + secrets.token_hex(8).upper(), secrets.token_hex(20))
    clip = write_media(base / "clip.mp4", num_frames=25, sound=make_tone(1000))
    corpus = make_round(
        base / "corpus", num_items=2, conditions=(Condition.VIDEO,), raters=("r1",), media=clip.read_bytes()
    )
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_ACCESS_KEY_ID", keys.name)
        environment.setenv("AWS_SECRET_ACCESS_KEY", keys.secret)
        environment.setenv("USE_DEFAULT_BANNED_SUBNETS", "false")
        environment.setenv(HOME_VARIABLE, str(base / "homes"))
        with serve_bucket(
            corpus.root, "rounds/*/media/*", bucket=BUCKET, prefix=PREFIX, log=base / "s3.log"
        ) as endpoint:
            for setting, value in (
                ("media", '"s3"'),
                ("s3_bucket", f'"{BUCKET}"'),
                ("s3_prefix", f'"{PREFIX}"'),
                ("s3_endpoint", f'"{endpoint}"'),
                ("s3_minutes", str(MINUTES)),
            ):
                set_value(corpus.root, f"label_studio.{setting}", value)
            server = StartedByCommand(corpus.root, locate_home(corpus.root))
            try:
                ada = server.sign_up("ada@example.org")
                pushed = sdme("round", "push", corpus.root, "pilot", "--json")
                assert json.loads(pushed.stdout)["num_sent"] == 2
                talk = pushed.stdout + pushed.stderr
                yield Study(Corpus.open(corpus.root), server, ada, endpoint, keys, talk)
            finally:
                server.stop()


def signed_address(study: Study, task: dict[str, object]) -> str:
    """Where the server sends the browser of a rater who opens a task's clip."""
    data = task["data"]
    assert isinstance(data, dict)
    shown = httpx.get(
        f"{study.ada.url}{data['video']}", headers={"Authorization": f"Token {study.ada.token}"}, timeout=60
    )
    assert shown.status_code == 303, shown.text
    return shown.headers["location"]


def sign(address: str, secret: str) -> str:
    """The signature that an address must bear: AWS Signature Version 4, in the query, of a GET without a body."""
    parts = urlsplit(address)
    asked = dict(parse_qsl(parts.query))
    del asked["X-Amz-Signature"]
    query = "&".join(f"{quote(name, safe='')}={quote(asked[name], safe='')}" for name in sorted(asked))
    request = "\n".join(("GET", parts.path, query, f"host:{parts.netloc}", "", "host", "UNSIGNED-PAYLOAD"))
    _, *scope = asked["X-Amz-Credential"].split("/")
    digest = hashlib.sha256(request.encode()).hexdigest()
    text = "\n".join(("AWS4-HMAC-SHA256", asked["X-Amz-Date"], "/".join(scope), digest))
    key = f"AWS4{secret}".encode()
    for word in scope:
        key = hmac.digest(key, word.encode(), "sha256")
    return hmac.new(key, text.encode(), "sha256").hexdigest()


def test_a_rater_gets_the_rounds_clips_by_signed_addresses(study: Study) -> None:
    place = study.corpus.layout.round_dir("pilot")
    items = {item.item_id: item for item in read_table(place / "items.jsonl", Item)}
    tasks = {task.task_key: items[task.item_id] for task in read_table(place / "assignments.jsonl", Assignment)}
    (project,) = study.ada.call("GET", "/api/projects/")["results"]
    found = study.ada.call("GET", f"/api/tasks?project={project['id']}&fields=all")["tasks"]
    assert study.ada.next_task(project["id"])["data"]["video"].startswith("/tasks/")
    assert {task["data"]["task_key"] for task in found} == tasks.keys()
    for task in found:
        media = tasks[task["data"]["task_key"]].media
        assert media is not None
        address = signed_address(study, task)
        parts = urlsplit(address)
        asked = dict(parse_qsl(parts.query))
        assert f"{parts.scheme}://{parts.netloc}" == study.endpoint
        assert parts.path == f"/{BUCKET}/{PREFIX}/rounds/pilot/{media.path}"
        assert asked["X-Amz-Credential"].startswith(f"{study.keys.name}/")
        assert asked["X-Amz-Expires"] == str(60 * MINUTES)
        assert asked["X-Amz-Signature"] == sign(address, study.keys.secret)
        clip = httpx.get(address)
        assert (clip.status_code, clip.headers["content-type"]) == (200, "video/mp4")
        assert clip.content == (place / media.path).read_bytes()
        part = httpx.get(address, headers={"Range": "bytes=100-199"})
        assert (part.status_code, part.content) == (206, clip.content[100:200])
        # The bucket itself is closed: it is the signature that opens it.
        assert httpx.get(address.partition("?")[0]).status_code == 403


def test_doctor_finds_tables_that_were_put_there_beside_the_media(study: Study) -> None:
    name = "bucket of round pilot"
    assert name not in {found.name for found in examine_studio(study.corpus.root)}
    put_files(study.endpoint, study.corpus.root, "rounds/*/items.jsonl", bucket=BUCKET, prefix=PREFIX)
    (found,) = (f for f in examine_studio(study.corpus.root) if f.name == name)
    assert not found.is_well
    assert "items.jsonl" in found.finding


def test_pushed_again_nothing_is_double_and_new_settings_are_taken_over(study: Study) -> None:
    set_value(study.corpus.root, "label_studio.s3_minutes", str(MINUTES + 1))
    assert json.loads(sdme("round", "push", study.corpus.root, "pilot", "--json").stdout)["num_sent"] == 0
    (project,) = study.ada.call("GET", "/api/projects/")["results"]
    held = study.server.studio.read("", lambda sdk: sdk.import_storage.s3.list(project=project["id"]))
    assert [storage.presign_ttl for storage in held] == [MINUTES + 1]
    assert len(list(study.server.studio.tasks(project["id"]))) == 2


def media_finding(study: Study) -> Finding:
    (found,) = (f for f in examine_studio(study.corpus.root) if f.name == "media of round pilot")
    return found


def test_doctor_asks_the_bucket_for_a_part_of_a_clip(study: Study) -> None:
    found = media_finding(study)
    assert (found.is_well, found.finding) == (True, "served, and in parts")
    # A clip that is not there has a signed address like any other; the bucket then answers as to a key without rights.
    studio = study.server.studio
    (project,) = study.ada.call("GET", "/api/projects/")["results"]
    task = next(studio.tasks(project["id"]))
    for address, fault in ((f"s3://{BUCKET}/nothing.mp4", "answers 403"), ("s3://strange/a.mp4", "signs no address")):
        studio.change("", lambda sdk, to=address: sdk.tasks.update(str(task.task_id), data={**task.data, "video": to}))
        found = media_finding(study)
        assert not found.is_well
        assert fault in found.finding
        assert address in found.finding + found.cure
    studio.change("", lambda sdk: sdk.tasks.update(str(task.task_id), data=task.data))
    assert media_finding(study).is_well


def test_a_bucket_that_holds_nothing_of_the_corpus_is_told_with_the_cure(study: Study) -> None:
    set_value(study.corpus.root, "label_studio.s3_prefix", '"labs/other"')
    refused = sdme("round", "push", study.corpus.root, "pilot", check=False)
    set_value(study.corpus.root, "label_studio.s3_prefix", f'"{PREFIX}"')
    assert refused.returncode == 1
    said = " ".join(refused.stderr.split())
    assert f"cannot use the bucket {BUCKET}/labs/other: it does not say why" in said
    assert "put rounds/*/media there first" in said
    assert study.keys.secret not in said
    assert study.keys.name not in said


def test_the_buckets_keys_stand_in_no_file_and_are_never_said(study: Study) -> None:
    told = sdme("doctor", study.corpus.root, check=False)
    said = study.talk + told.stdout + told.stderr
    files = [path for base in (study.corpus.root, study.server.home) for path in base.rglob("*") if path.is_file()]
    assert any(path.name == "server.log" for path in files)
    assert any(path.suffix == ".sqlite3" for path in files)
    for key in (study.keys.name, study.keys.secret):
        assert key not in said
        for path in files:
            assert key.encode() not in path.read_bytes(), path
