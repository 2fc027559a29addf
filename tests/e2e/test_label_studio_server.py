"""The server itself: what it may read, whom it tells what, and what comes of it when it does not work as it should."""

import json
import os
import stat
import time
import zlib
from functools import partial
from pathlib import Path

import httpx
import pytest

from sdme_tools.annotation.create import RoundRequest, create_round
from sdme_tools.annotation.delivery import PushReport, pull_round, push_round
from sdme_tools.annotation.label_studio import Studio, StudioGoneError
from sdme_tools.annotation.label_studio_checks import examine_studio, judge_version
from sdme_tools.annotation.label_studio_connection import HOME_VARIABLE, TOKEN_VARIABLE, Connection, find_connection
from sdme_tools.annotation.server import examine_server
from sdme_tools.annotation.tasks import TASK_KEY
from sdme_tools.corpus.corpus import TABLE_NAMES, Corpus
from sdme_tools.corpus.table import read_table, write_table
from sdme_tools.errors import AnnotationError, ConfigError
from sdme_tools.records.annotation import Assignment, Condition, Item, TaskRole
from sdme_tools.records.utterance import Utterance
from tests.e2e.conftest import sdme
from tests.factories import make_tone, write_media
from tests.studio_round import make_round
from tests.studio_server import NAMES, PASSWORD, Rater, Server, be_found, clear_corpus, interfere
from tests.unit.release.tiny_corpus import make_corpus, utterance_ids

pytestmark = pytest.mark.slow


@pytest.fixture
def corpus(server: Server, request: pytest.FixtureRequest, tmp_path: Path) -> Corpus:
    """Two items seen, two heard and two read, by two raters."""
    clear_corpus(server)
    clip = write_media(tmp_path / "clip.mp4", num_frames=25, sound=make_tone(1000))
    return make_round(
        server.root,
        num_items=2,
        conditions=(Condition.VIDEO, Condition.TEXT),
        media=clip.read_bytes(),
        round_id=f"s{zlib.crc32(request.node.name.encode())}",
    )


def push(corpus: Corpus, studio: Studio) -> PushReport:
    return push_round(corpus, corpus.rounds()[0], studio, progress=lambda done, total: None)


def first_project(report: PushReport, condition: str) -> int:
    return int(report.projects[f"{condition} r1"].rstrip("/").rpartition("/")[2])


def fetch(rater: Rater, address: str, **headers: str) -> httpx.Response:
    return httpx.get(f"{rater.url}{address}", headers={"Authorization": f"Token {rater.token}", **headers}, timeout=60)


def test_clips_play_in_parts_and_nothing_else_of_the_corpus_can_be_read(
    corpus: Corpus, server: Server, raters: dict[str, Rater]
) -> None:
    project_id = first_project(push(corpus, server.studio), "video")
    task = raters["r1"].next_task(project_id)
    part = fetch(raters["r1"], task["data"]["video"], Range="bytes=100-199")
    assert (part.status_code, part.headers["content-type"]) == (206, "video/mp4")
    media = next((corpus.layout.round_dir(corpus.rounds()[0]) / "media").iterdir())
    assert part.content == media.read_bytes()[100:200]
    assert httpx.get(f"{server.connection.url}{task['data']['video']}").status_code in (401, 403)
    name = corpus.rounds()[0]
    for path in ("../corpus.toml", f"{name}/../../corpus.toml", f"{name}/../items.jsonl", str(corpus.layout.config)):
        assert fetch(raters["r1"], f"/data/local-files/?d={path}").status_code >= 400
    # Nor by a storage that somebody enters on the server.
    for folder in (corpus.root, corpus.layout.rounds, corpus.layout.round_dir(name)):
        body = {"project": project_id, "path": str(folder)}
        with pytest.raises(httpx.HTTPStatusError):
            raters["r1"].call("POST", "/api/storages/localfiles", body)


def test_secrets_stand_in_one_file_and_neither_in_the_process_list_nor_the_log(server: Server) -> None:
    state = examine_server(server.root, home=server.home)
    assert state.is_healthy
    assert stat.S_IMODE((server.home / "connection.json").stat().st_mode) == 0o600
    shown = Path(f"/proc/{state.pid}/cmdline").read_bytes() + Path(state.log).read_bytes()
    for secret in (server.connection.token, server.connection.password):
        assert secret.encode() not in shown
        assert secret not in repr(server.connection)
    listening = Path("/proc/net/tcp").read_text(encoding="ascii").split("\n")
    mine = [line.split()[1] for line in listening[1:] if line.split()[1:] and f":{server.port:04X}" in line.split()[1]]
    assert set(mine) == {f"0100007F:{server.port:04X}"}


def test_doctor_finds_our_own_server_well(
    corpus: Corpus, server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    push(corpus, server.studio)
    be_found(server, monkeypatch, tmp_path)
    found = {finding.name: finding for finding in examine_studio(corpus.root)}
    assert all(finding.is_well for finding in found.values()), found
    assert set(found) == {
        "Label Studio",
        "token",
        "analytics",
        "version check",
        "sign-up",
        f"media of round {corpus.rounds()[0]}",
    }
    link = corpus.layout.served_round(corpus.rounds()[0])
    link.unlink()
    broken = {finding.name: finding for finding in examine_studio(corpus.root)}
    assert not broken[f"media of round {corpus.rounds()[0]}"].is_well


def test_commands_from_status_to_votes(
    corpus: Corpus, server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    be_found(server, monkeypatch, tmp_path)
    name = corpus.rounds()[0]
    assert json.loads(sdme("label-studio", "status", corpus.root, "--json").stdout)["is_healthy"]
    assert server.connection.url in sdme("label-studio", "up", corpus.root).stdout
    assert "account" in sdme("raters", "list", corpus.root, check=False).stderr
    assert sdme("raters", "add", corpus.root, "ada@example.org").stdout.startswith("r")
    assert "/user/signup/?token=" in sdme("raters", "invite", corpus.root).stdout
    pushed = json.loads(sdme("round", "push", corpus.root, name, "--json").stdout)
    assert (pushed["num_tasks"], pushed["num_sent"]) == (8, 8)
    assert json.loads(sdme("round", "pull", corpus.root, name, "--json").stdout)["num_votes"] == 0
    assert "no" in sdme("raters", "list", corpus.root).stdout


def test_personal_access_tokens_work_and_are_renewed(server: Server, raters: dict[str, Rater]) -> None:
    with httpx.Client(base_url=server.connection.url, follow_redirects=True, timeout=60) as browser:
        browser.get("/user/login/")
        form = {"email": "ada@example.org", "password": PASSWORD, "csrfmiddlewaretoken": browser.cookies["csrftoken"]}
        browser.post("/user/login/", data=form, headers={"Referer": server.connection.url}).raise_for_status()
        headers = {"X-CSRFToken": browser.cookies["csrftoken"], "Referer": server.connection.url}
        personal = browser.post("/api/token/", headers=headers).raise_for_status().json()["token"]
    studio = Studio(Connection(server.connection.url, personal))
    assert studio.connection.is_personal
    assert studio.check_token() == "ada@example.org"
    assert studio._sdk is not None
    keys = studio._sdk._client_wrapper._tokens_client
    keys._access_token = f"{keys._access_token}x"  # as one that the server holds for expired
    assert studio.check_token() == "ada@example.org"


def test_a_token_that_expired_is_refused_with_the_cure_and_not_repeated(server: Server) -> None:
    studio = Studio(Connection(server.connection.url, "0123456789abcdef"))
    begun = time.monotonic()
    with pytest.raises(AnnotationError, match="refuses the token") as caught:
        studio.check_token()
    assert time.monotonic() - begun < 10
    assert TOKEN_VARIABLE in str(caught.value)
    assert "0123456789abcdef" not in str(caught.value)


def test_answers_lost_on_the_way_back_make_nothing_double(corpus: Corpus, server: Server) -> None:
    lost: list[str] = []

    def meddle(method: str, path: str, answer: httpx.Response | None) -> int | None:
        if answer is not None and method == "POST" and len(lost) < 6 and ("import" in path or "projects" in path):
            lost.append(path)
            return 500
        return None

    with interfere(server, meddle) as url:
        for _ in range(8):
            try:
                report = push(corpus, Studio(Connection(url, server.connection.token)))
                break
            except StudioGoneError as error:
                assert "answers with an error of its own" in error.what
    assert len(lost) == 6
    for queue, address in report.projects.items():
        project_id = int(address.rstrip("/").rpartition("/")[2])
        keys = [task.data[TASK_KEY] for task in server.studio.tasks(project_id)]
        assert len(keys) == len(set(keys)) == 2, queue
    found = server.studio.read("", lambda sdk: sdk.projects.list(title=corpus.rounds()[0]))
    assert len(list(found)) == 4


def test_reads_wait_for_a_server_that_stumbles_and_give_up_in_words(server: Server) -> None:
    stumbles = [500, 502, 503, 429]

    def meddle(method: str, path: str, answer: httpx.Response | None) -> int | None:
        return stumbles.pop() if answer is None and stumbles else None

    with interfere(server, meddle) as url:
        assert Studio(Connection(url, server.connection.token)).check_version().startswith("1.")
    assert not stumbles


def test_a_server_that_is_down_is_told_with_the_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sdme_tools.annotation.label_studio._PAUSES_S", (0.1, 0.1))
    with pytest.raises(StudioGoneError, match="does not answer") as caught:
        Studio(Connection("http://127.0.0.1:9", "x")).check_version()
    assert "it goes on where it stopped" in str(caught.value)


def test_old_servers_and_strange_ones_are_refused(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sdme_tools.annotation.label_studio._PAUSES_S", ())
    for body, fault in ((b'{"release": "1.8.0"}', "at least 1.20"), (b"<html>", "is no Label Studio")):
        meddle = partial(_send_always, body)
        with interfere(server, meddle) as url, pytest.raises(AnnotationError, match=fault):
            Studio(Connection(url, server.connection.token)).check_version()


def _send_always(body: bytes, method: str, path: str, answer: httpx.Response | None) -> bytes:
    return body


def test_known_weaknesses_are_named() -> None:
    assert list(judge_version("1.23.2")) == []
    assert [f.is_well for f in judge_version("1.24.0")] == [True]
    found = list(judge_version("1.8.1"))
    assert any("CVE-2023-43791" in f.finding for f in found)
    assert all(not f.is_well and f.cure for f in found)
    assert [f.finding[:14] for f in judge_version("1.22.0") if f.name == "known weakness"] == ["CVE-2026-22033"]
    assert not [f for f in judge_version("1.23.0") if f.name == "known weakness"]


def test_media_can_be_uploaded_instead(corpus: Corpus, server: Server, raters: dict[str, Rater]) -> None:
    config = corpus.layout.config
    config.write_text(config.read_text().replace('media = "local"', 'media = "upload"'))
    corpus = Corpus.open(corpus.root)
    report = push(corpus, server.studio)
    assert push(corpus, server.studio).num_sent == 0
    project_id = first_project(report, "video")
    task = raters["r1"].next_task(project_id)
    answer = fetch(raters["r1"], task["data"]["video"], Range="bytes=0-99")
    media = next((corpus.layout.round_dir(corpus.rounds()[0]) / "media").iterdir())
    assert answer.content[:100] == media.read_bytes()[:100]
    held = server.studio.read("", lambda sdk: sdk.files.list(id=project_id, all_=True))
    assert len(held) == 2
    raters["r1"].submit(task["id"], {"label": "calm"}, shown="clip")
    taken = pull_round(corpus, corpus.rounds()[0], server.studio, NAMES.get, progress=lambda done, total: None)
    assert taken.num_votes == 1


def test_a_bucket_that_the_server_may_not_reach_is_told_with_the_cure(corpus: Corpus, server: Server) -> None:
    config = corpus.layout.config.read_text()
    for setting, before, value in (
        ("media", "local", "s3"),
        ("s3_bucket", "", "clips"),
        ("s3_endpoint", "", "http://127.0.0.1:9000"),
    ):
        assert f'\n{setting} = "{before}"' in config, setting
        config = config.replace(f'\n{setting} = "{before}"', f'\n{setting} = "{value}"')
    corpus.layout.config.write_text(config)
    with pytest.raises(AnnotationError, match=r"cannot use the bucket clips: .*reserved network address") as caught:
        push(Corpus.open(corpus.root), server.studio)
    assert "USE_DEFAULT_BANNED_SUBNETS=false" in str(caught.value)


def test_missing_media_are_named_and_the_rest_goes_on(
    corpus: Corpus, server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    be_found(server, monkeypatch, tmp_path)
    name = corpus.rounds()[0]
    clip = next((corpus.layout.round_dir(name) / "media").iterdir())
    content = clip.read_bytes()
    clip.unlink()
    done = sdme("round", "push", corpus.root, name, "--json", check=False)
    assert done.returncode == 1
    assert f"media/{clip.name}: is missing" in done.stderr
    pushed = json.loads(done.stdout)
    assert (pushed["num_tasks"], pushed["num_sent"], len(pushed["withheld"])) == (6, 6, 1)
    assert sdme("round", "status", corpus.root, name).stdout
    assert sdme("round", "show", corpus.root, name, check=False).returncode == 1
    clip.write_bytes(content)
    again = json.loads(sdme("round", "push", corpus.root, name, "--json").stdout)
    assert (again["num_tasks"], again["num_sent"], again["withheld"]) == (8, 2, {})


def test_nobody_is_asked_about_an_utterance_that_left_and_answers_to_it_are_kept_apart(
    corpus: Corpus, server: Server, raters: dict[str, Rater]
) -> None:
    report = push(corpus, server.studio)
    name, project_id = corpus.rounds()[0], first_project(report, "text")
    answered = next(server.studio.tasks(project_id))
    raters["r1"].answer(answered.task_id, "calm")
    items = {i.item_id: i for i in read_table(corpus.layout.round_dir(name) / "items.jsonl", Item)}
    tasks = read_table(corpus.layout.round_dir(name) / "assignments.jsonl", Assignment)
    its = next(items[task.item_id].utterance_id for task in tasks if task.task_key == answered.data[TASK_KEY])
    table = corpus.layout.table("din", TABLE_NAMES[Utterance])
    write_table(table, [u for u in read_table(table, Utterance) if u.utterance_id != its])
    taken = pull_round(corpus, name, server.studio, NAMES.get, progress=lambda done, total: None)
    assert (taken.num_votes, taken.num_withdrawn, taken.states) == (0, 1, {"submitted": 1})
    again = push(corpus, server.studio)
    assert {items[item_id].utterance_id for item_id in again.withheld} == {its}
    assert (again.num_tasks, again.num_sent, again.num_withdrawn) == (4, 0, 3)
    left = [task.data[TASK_KEY] for task in server.studio.tasks(project_id)]
    assert len(left) == 2
    assert answered.data[TASK_KEY] in left
    assert (
        pull_round(corpus, name, server.studio, NAMES.get, progress=lambda done, total: None).model_dump()
        == taken.model_copy(update={"num_new_versions": 0}).model_dump()
    )


def test_a_round_is_not_pushed_to_a_second_server(corpus: Corpus, server: Server) -> None:
    push(corpus, server.studio)
    other = Studio(Connection(server.connection.url, server.connection.token))
    with pytest.raises(AnnotationError, match="was pushed to this corpus' own server"):
        push(corpus, other)


@pytest.mark.parametrize("url", ["studio.example.org", "ftp://x", "http://", "http://me:pw@host"])
def test_addresses_that_are_none_are_refused(tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN_VARIABLE, "x")
    with pytest.raises(ConfigError) as caught:
        find_connection(tmp_path, url)
    assert "pw" not in str(caught.value)


def test_a_token_file_that_others_may_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sdme_tools.annotation.label_studio_connection import locate_home, save_connection

    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "homes"))
    path = save_connection(locate_home(tmp_path), Connection("http://127.0.0.1:1", "secret"))
    assert find_connection(tmp_path, None).token == "secret"
    path.chmod(0o644)
    with pytest.raises(AnnotationError, match="may be read by others"):
        find_connection(tmp_path, None)
    assert os.environ[HOME_VARIABLE]


def test_predictions_are_shown_with_regular_items_only_where_that_was_asked_for(
    server: Server, raters: dict[str, Rater], tmp_path: Path
) -> None:
    clear_corpus(server)
    corpus = make_corpus(server.root)
    names = utterance_ids(corpus)
    predicted, gold = tmp_path / "predicted.csv", tmp_path / "gold.csv"
    predicted.write_text("utterance_id,label\n" + "".join(f"{name},sadness\n" for name in names[:20]))
    gold.write_text("utterance_id,label\n" + "".join(f"{name},neutral\n" for name in names[-4:]))
    stem = f"p{zlib.crc32(str(tmp_path).encode())}"
    for suffix, shows in (("told", True), ("blind", False)):
        request = RoundRequest(
            f"{stem}-{suffix}",
            (Condition.FULL,),
            ("r1",),
            1,
            predictions=predicted,
            show_predictions=shows,
            gold=str(gold),
            gold_rate=0.1,
            repeat_rate=0.1,
            wash_out=(),
        )
        create_round(corpus, request)
        report = push_round(corpus, request.round_id, server.studio, progress=lambda done, total: None)
        project_id = first_project(report, "full")
        tasks = read_table(corpus.layout.round_dir(request.round_id) / "assignments.jsonl", Assignment)
        regular = {task.task_key for task in tasks if task.role is TaskRole.REGULAR}
        assert len(regular) < len(tasks)
        found = raters["r1"].call("GET", f"/api/tasks?project={project_id}&fields=all&page_size=100")["tasks"]
        told = {task["data"][TASK_KEY]: task["predictions"] for task in found if task["predictions"]}
        assert told.keys() == (regular if shows else set())
        for (prediction,) in told.values():
            assert [part["value"] for part in prediction["result"]] == [{"choices": ["sadness"]}]
            assert prediction["result"][0]["to_name"] == "clip"
        assert server.studio.get(f"/api/projects/{project_id}").json()["show_collab_predictions"] is shows
        raters["r1"].submit(raters["r1"].next_task(project_id)["id"], {"label": "happiness"}, shown="clip")
        taken = pull_round(corpus, request.round_id, server.studio, NAMES.get, progress=lambda done, total: None)
        assert taken.num_votes == 1
