"""Make a recording as cameras and meeting software make them: long, 1280×720, a key picture every ten seconds.

    python benchmarks/large_recording.py OUT.mp4 build/demo/raw/dinner_*.mp4

Joins recordings of one frame rate, such as the example's, enlarged. Whoever opens such a file anew for each utterance
decodes, each time, the pictures since the last key picture; `benchmarks/naive_extract.py` tells what that costs.
"""

import argparse
from fractions import Fraction
from pathlib import Path

import av
from av.video.frame import PictureType

WIDTH_PX, HEIGHT_PX = 1280, 720
GROUP = 250
"""Pictures from one key picture to the next, x264's own default for film without cuts."""
SOUND_HZ = 48_000


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("recordings", type=Path, nargs="+")
    given = parser.parse_args()
    with av.open(str(given.recordings[0])) as first:
        frame_rate = first.streams.video[0].average_rate or Fraction(25)
    with av.open(str(given.out), "w") as container:
        video = container.add_stream("libx264", rate=frame_rate)
        video.width, video.height, video.pix_fmt = WIDTH_PX, HEIGHT_PX, "yuv420p"
        video.options = {"crf": "20", "preset": "veryfast", "g": str(GROUP), "sc_threshold": "0"}
        sound = container.add_stream("aac", rate=SOUND_HZ, layout="mono")
        num_frames = num_samples = 0
        for path in given.recordings:
            with av.open(str(path)) as source:
                for frame in source.decode(video=0):
                    large = frame.reformat(WIDTH_PX, HEIGHT_PX, "yuv420p", interpolation="BICUBIC")
                    large.pts, large.time_base, large.pict_type = num_frames, 1 / frame_rate, PictureType.NONE
                    num_frames += 1
                    container.mux(video.encode(large))
            resampler = av.AudioResampler(format="fltp", layout="mono", rate=SOUND_HZ)
            with av.open(str(path)) as source:
                for heard in source.decode(audio=0):
                    for part in resampler.resample(heard):
                        part.pts, part.time_base = num_samples, Fraction(1, SOUND_HZ)
                        num_samples += part.samples
                        container.mux(sound.encode(part))
        container.mux(video.encode())
        container.mux(sound.encode())


if __name__ == "__main__":
    main()
