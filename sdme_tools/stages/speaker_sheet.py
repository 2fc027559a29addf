"""The contact sheet: for each proposal the faces of both side by side, so that a person sees at a glance who is who."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from sdme_tools.corpus.corpus import Corpus
from sdme_tools.corpus.identity import SpeakerBook
from sdme_tools.corpus.table import replacing
from sdme_tools.errors import SdmeError
from sdme_tools.records.face import Box
from sdme_tools.records.identity import LinkFinding, SpeakerLink
from sdme_tools.stages.people import choose_glimpses, read_glimpses
from sdme_tools.stages.speakers import read_open_links

FACES_EACH = 4
FACE_PX = 120
CONTEXT = 1.6
"""Side of a picture over the longer side of the face: hair and collar help."""
ROWS_A_PAGE = 8
HEADER_PX = 46
GAP_PX = 28
MARGIN_PX = 12
INK, GREY, RED, PAPER = (20, 20, 20), (110, 110, 110), (190, 30, 30), (255, 255, 255)

Picture = NDArray[np.uint8]
"""uint8[H, W, 3] RGB."""


@dataclass(frozen=True)
class Portrait:
    """One side of a proposal."""

    speaker_id: str
    faces: tuple[Picture, ...]
    note: str
    """Where the pictures are from, or why there are none."""


def draw_sheet(corpus: Corpus, *, on_link: Callable[[SpeakerLink], None] = lambda _: None) -> list[Path]:
    """Draw all open links, the likeliest first, ROWS_A_PAGE a page; pages of an older sheet are replaced or removed.

    Returns:
        The pages; none where nothing is open.

    Raises:
        CorpusError: another process holds the corpus, or a table is damaged.
    """
    with corpus.hold():
        book = SpeakerBook(corpus)
        links = read_open_links(corpus, book)
        pages: list[Path] = []
        for start in range(0, len(links), ROWS_A_PAGE):
            rows = []
            for link in links[start : start + ROWS_A_PAGE]:
                sides = [_portray(corpus, book, name) for name in (link.speaker_a, link.speaker_b)]
                rows.append(draw_row(link, *sides))
                on_link(link)
            pages.append(corpus.layout.speaker_sheet(len(pages) + 1))
            _write_png(pages[-1], np.concatenate(rows))
        for old in set(corpus.layout.identity.glob("sheet_*.png")) - set(pages):
            old.unlink()
    return pages


def _portray(corpus: Corpus, book: SpeakerBook, speaker_id: str) -> Portrait:
    """Cut out a few faces of everybody who is this person, from as many recordings as there are places."""
    everywhere = (book.locals_of(at).speakers.get(name) for at, name in book.appearances_of(speaker_id))
    seen = list(islice((s for s in everywhere if s and s.tracks), FACES_EACH))
    if not seen:
        return Portrait(speaker_id, (), "not seen; listen to the voice")
    most = max(1, FACES_EACH // len(seen))
    faces: list[Picture] = []
    notes: list[str] = []
    for speaker in seen:
        recording = corpus.recording(speaker.tracks[0].recording_id)
        glimpses = choose_glimpses(speaker.tracks, most)
        try:
            source = corpus.source_path(recording)
            faces += [_cut(frame, glimpses[place].box) for place, frame in read_glimpses(recording, source, glimpses)]
        except (SdmeError, OSError):
            notes.append(f"{recording.recording_id} cannot be read")
            continue
        notes.append(f"{recording.recording_id} {glimpses[0].t_ms / 1000:.0f} s")
    return Portrait(speaker_id, tuple(faces[:FACES_EACH]), ", ".join(notes))


def _cut(frame: Picture, box: Box) -> Picture:
    """uint8[FACE_PX, FACE_PX, 3]: a square around the face; where it leaves the picture its edge is repeated."""
    side = round(max(box.width_px, box.height_px) * CONTEXT)
    reach = np.arange(side) - side // 2
    rows = np.clip(box.y_px + box.height_px // 2 + reach, 0, frame.shape[0] - 1)
    columns = np.clip(box.x_px + box.width_px // 2 + reach, 0, frame.shape[1] - 1)
    square = np.ascontiguousarray(frame[rows][:, columns])
    return np.asarray(cv2.resize(square, (FACE_PX, FACE_PX), interpolation=cv2.INTER_AREA), np.uint8)


def draw_row(link: SpeakerLink, left: Portrait, right: Portrait) -> Picture:
    """uint8[H, W, 3]: one link: what the machine says above, the faces of both below."""
    side_px = FACES_EACH * FACE_PX
    width_px = 2 * side_px + GAP_PX + 2 * MARGIN_PX
    row = np.full((HEADER_PX + FACE_PX + 22 + MARGIN_PX, width_px, 3), PAPER, np.uint8)
    is_proposal = link.finding is LinkFinding.PROPOSED
    say = f"{link.confidence:.0%} one person" if is_proposal else f"{link.confidence:.0%} alike, but {link.finding}"
    alike = [
        f"{name} {value:.2f}"
        for name, value in (("face", link.face_similarity), ("voice", link.voice_similarity))
        if value is not None
    ]
    _write(row, f"{say}   ({', '.join(alike)}) {link.detail}", MARGIN_PX, 18, INK if is_proposal else RED, scale=0.55)
    for x_px, portrait in ((MARGIN_PX, left), (MARGIN_PX + side_px + GAP_PX, right)):
        _write(row, portrait.speaker_id, x_px, 39, INK, scale=0.5)
        for place, face in enumerate(portrait.faces):
            row[HEADER_PX : HEADER_PX + FACE_PX, x_px + place * FACE_PX : x_px + (place + 1) * FACE_PX] = face
        _write(row, portrait.note, x_px, HEADER_PX + FACE_PX + 16, GREY, scale=0.4)
    row[-1] = 200
    return row


def _write(picture: Picture, text: str, x_px: int, y_px: int, colour: tuple[int, int, int], *, scale: float) -> None:
    cv2.putText(picture, text, (x_px, y_px), cv2.FONT_HERSHEY_SIMPLEX, scale, colour, 1, cv2.LINE_AA)


def _write_png(path: Path, picture: Sequence[Picture] | Picture) -> None:
    encoded = cv2.imencode(".png", np.asarray(picture)[:, :, ::-1])[1]
    with replacing(path) as temporary:
        temporary.write_bytes(encoded.tobytes())
