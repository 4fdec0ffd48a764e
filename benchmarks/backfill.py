"""What a backfill of a WARC file costs, beside bare loops and other programs over the same records.

    python benchmarks/backfill.py --data ../shared/data/extraction [--records 2000] [--sample 2000] [--keep FILE]
        [--venvs FOLDER]

The file is made of the labelled fundus and zyte pages of DATA, over and over: each time under another address, captured
a second later, and with half of the words of its paragraphs drawn from those of the whole set, so that each is an
article of its own and the copy of none. Printed are

1. over the first `--sample` records, CPU seconds and pages per CPU second: a loop of fastwarc and trafilatura, for the
   text alone and with the metadata that our rows have; `wirebeam backfill` into a new data directory with its Iceberg
   warehouse, with all cores and bound to one; and what datatrove and news-please have for WARC files, where they
   install (each with pip into a venv of its own);
2. the backfill of all `--records`: the same figures, and the peak of its memory beside that of the first 1,000;
3. the second run over the same file: how fast records are refused that are known.

CPU is that of a process and of all that descends from it, waited for to the last. From each figure is taken what the
same call costs over one record: what is loaded once. Memory is the sum of the processes' proportional set sizes (PSS),
looked at every half second. 2,000 records take about eight minutes on two cores, 100,000 about forty.
"""

import argparse
import ctypes
import gzip
import itertools
import json
import multiprocessing
import os
import random
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
import venv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import trafilatura

SETS = ("fundus", "zyte")
FIRST = datetime(2026, 3, 1, tzinfo=UTC)  # the first capture
EDITED_SHARE = 0.5  # of the words of paragraphs
EDITED_WORDS = 100  # at least: a page with fewer would not become another article
SMALL = 1_000  # records whose peak of memory is compared
SAMPLED_S = 0.5
LOOPS = Path(__file__).with_name("backfill_loops.py")
OTHERS = {  # what pip installs for each program; datatrove lets its users choose the trafilatura
    "datatrove": ("datatrove[io,processing]", "lxml_html_clean", f"trafilatura=={trafilatura.__version__}"),
    "news-please": ("news-please",),
}

_PARAGRAPH = re.compile(r"<p[ >].{1,20000}?</p>", re.DOTALL | re.IGNORECASE)
_WORD = re.compile(r"<[^>]{0,5000}>|&#?\w{1,20};|([a-zA-Z]{4,40})")
_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER of prctl(2): orphans among our descendants become our children


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--records", type=int, default=2_000)
    parser.add_argument("--sample", type=int, default=2_000, help="records of the comparison")
    parser.add_argument("--keep", type=Path, help="where the file is kept, and found again")
    parser.add_argument("--venvs", type=Path, help="where the other programs are kept, and found again")
    options = parser.parse_args()
    ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)
    with tempfile.TemporaryDirectory(prefix="wirebeam-backfill-") as name:
        folder = Path(name)
        file = options.keep or folder / "pages.warc.gz"
        if not file.is_file():
            started = time.monotonic()
            make_archive(file, options.data, options.records)
            print(f"{options.records} records written in {time.monotonic() - started:.0f} s\n")
        sample = min(options.sample, options.records)
        compare(file, sample, folder, options.venvs or folder / "venvs")
        run_all(file, options.records, folder)


# ── the records ────────────────────────────────────────────────────────────────────────────────────────────────────


def make_archive(file: Path, data: Path, records: int) -> None:
    """Write so many responses, one gzip member each; the same arguments give the same file."""
    originals = [original for name in SETS for original in _originals(data / f"{name}.A.jsonl.gz")]
    vocabulary = [word for original in originals for word in original.words()]
    chosen = [original for original in originals if len(original.places) >= EDITED_WORDS]
    part = file.with_name(f"{file.name}.part")
    with multiprocessing.Pool(initializer=_give, initargs=(chosen, vocabulary)) as pool, part.open("wb") as out:
        out.writelines(pool.imap(_record, range(records), chunksize=64))
    part.rename(file)


@dataclass(frozen=True)
class Original:
    """A labelled page: `pieces` are what its editable words stand between and the words, `places` which are words."""

    url: str
    pieces: list[str]
    places: list[int]

    def words(self) -> list[str]:
        """Its editable words."""
        return [self.pieces[place] for place in self.places]


def _originals(path: Path) -> Iterator[Original]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for label in map(json.loads, lines):
            pieces: list[str] = []
            places: list[int] = []
            at = 0
            for paragraph in _PARAGRAPH.finditer(label["html"]):
                for word in _WORD.finditer(label["html"], *paragraph.span()):
                    if word[1]:
                        pieces += (label["html"][at : word.start()], word[1])
                        places.append(len(pieces) - 1)
                        at = word.end()
            yield Original(label["url"], [*pieces, label["html"][at:]], places)


_given: dict[str, Any] = {}  # to each process that writes


def _give(originals: Sequence[Original], vocabulary: Sequence[str]) -> None:
    _given.update(originals=originals, vocabulary=vocabulary)


def _record(number: int) -> bytes:
    originals: Sequence[Original] = _given["originals"]
    original = originals[number % len(originals)]
    url, pieces = original.url, original.pieces
    if number >= len(originals):
        drawn = random.Random(number)
        edited = [place for place in original.places if drawn.random() < EDITED_SHARE]
        pieces = pieces.copy()
        for place, word in zip(edited, drawn.choices(_given["vocabulary"], k=len(edited)), strict=True):
            pieces[place] = word
        url = f"{url.rstrip('/')}-{number:08d}"
    # The page names itself, e.g. as its canonical address, with or without a query.
    html = "".join(pieces).replace(original.url.rstrip("/").partition("?")[0], url)
    body = html.encode("utf-8", "replace")
    block = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n" + body
    fields = {
        "WARC-Type": "response",
        "WARC-Record-ID": f"<urn:uuid:{uuid.UUID(int=number)}>",
        "WARC-Date": (FIRST + timedelta(seconds=number)).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "WARC-Target-URI": url,
        "Content-Type": "application/http; msgtype=response",
        "Content-Length": str(len(block)),
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return gzip.compress(f"WARC/1.0\r\n{head}\r\n".encode() + block + b"\r\n\r\n", 1, mtime=0)


# ── one process and its descendants ────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Cost:
    """What a command took: seconds on the wall, CPU seconds, and at most so many bytes at once."""

    wall_s: float
    cpu_s: float
    peak_bytes: int

    def less(self, other: "Cost") -> "Cost":
        """The same without what `other` took."""
        return Cost(self.wall_s - other.wall_s, self.cpu_s - other.cpu_s, self.peak_bytes)


def run(command: Sequence[str | Path], cores: set[int] | None = None) -> Cost:
    """Run a command to its end and to that of all its descendants.

    Raises:
        subprocess.CalledProcessError: it ends with an error.
    """
    before, started, peak_bytes = _waited_s(), time.monotonic(), 0
    with tempfile.TemporaryFile() as errors:
        ours = os.sched_getaffinity(0)
        os.sched_setaffinity(0, cores or ours)  # a child inherits it
        process = subprocess.Popen(
            list(map(str, command)), stdout=subprocess.DEVNULL, stderr=errors, start_new_session=True
        )
        os.sched_setaffinity(0, ours)
        while process.poll() is None:
            peak_bytes = max(peak_bytes, _memory_bytes(process.pid))
            time.sleep(SAMPLED_S)
        wall_s = time.monotonic() - started
        try:
            while True:
                os.wait()
        except ChildProcessError:  # there is none left
            pass
        if process.returncode:
            errors.seek(0)
            raise subprocess.CalledProcessError(process.returncode, command[0], stderr=errors.read()[-2_000:].decode())
    return Cost(wall_s, _waited_s() - before, peak_bytes)


def _waited_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _memory_bytes(session: int) -> int:
    total = 0
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and os.getsid(int(folder.name)) == session:
                rollup = (folder / "smaps_rollup").read_text()
                total += int(rollup.partition("\nPss:")[2].split()[0]) * 1_024
        except (OSError, IndexError):  # it has ended
            continue
    return total


# ── what is measured ───────────────────────────────────────────────────────────────────────────────────────────────


def compare(file: Path, records: int, folder: Path, venvs: Path) -> None:
    """Print ours beside the others over the first `records`."""
    print(f"{f'the first {records} records':44}{'CPU s':>9}{'once':>7}{'pages/CPU s':>13}{'wall s':>9}{'of stock':>10}")
    python = Path(sys.executable)
    stock = _compared("fastwarc, trafilatura: text", records, _loop(python, "stock", file), None)
    _compared("fastwarc, trafilatura: with metadata", records, _loop(python, "metadata", file), stock)
    ours = _compared("wirebeam backfill, all cores", records, _ours(file, folder), stock)
    core = min(os.sched_getaffinity(0))
    one = _compared("wirebeam backfill, one core", records, _ours(file, folder), stock, {core})
    for name, wanted in OTHERS.items():
        try:
            other = _installed(venvs / name, wanted)
            _compared(name, records, _loop(other, name, file), stock)
        except subprocess.CalledProcessError as error:
            print(f"{name}: does not install or run here: {str(error.stderr).strip().splitlines()[-1:]}")
    cores = len(os.sched_getaffinity(0))
    print(f"\n{cores} cores are {one.wall_s / ours.wall_s:.2f} times as fast as one\n")


def run_all(file: Path, records: int, folder: Path) -> None:
    """Print what all of the file takes, and what the second run does."""
    data = folder / "all"
    small = run(_backfill(file, folder / "small", SMALL))
    shutil.rmtree(folder / "small")
    whole = run(_backfill(file, data, records))
    again = run(_backfill(file, data, records)).less(run(_backfill(file, data, 1)))  # one known record: the start
    rates = f"{records / whole.cpu_s:.1f} pages per CPU second, {records / whole.wall_s:.1f} per second"
    print(f"all {records} records: {whole.cpu_s:.0f} CPU s, {whole.wall_s:.0f} s; {rates}")
    growth = f"{whole.peak_bytes / small.peak_bytes:.2f} times"
    print(f"peak of memory: {_mb(small)} MB with {SMALL} records, {_mb(whole)} MB with {records}: {growth}")
    print(f"second run: {records / again.cpu_s:,.0f} known records per CPU second, {records / again.wall_s:,.0f} per s")


def _compared(
    label: str,
    records: int,
    command: Callable[[int], list[str | Path]],
    stock: Cost | None,
    cores: set[int] | None = None,
) -> Cost:
    once = run(command(1), cores)
    cost = run(command(records), cores).less(once)
    ratio = f"{stock.cpu_s / cost.cpu_s:.2f}" if stock else ""
    rate = records / cost.cpu_s
    print(f"{label:44}{cost.cpu_s:>9.1f}{once.cpu_s:>7.1f}{rate:>13.1f}{cost.wall_s:>9.1f}{ratio:>10}", flush=True)
    return cost


def _loop(python: Path, name: str, file: Path) -> Callable[[int], list[str | Path]]:
    return lambda limit: [python, LOOPS, name, file, str(limit)]


def _ours(file: Path, folder: Path) -> Callable[[int], list[str | Path]]:
    """A backfill into a new data directory each time."""
    numbers = itertools.count()
    return lambda limit: _backfill(file, Path(tempfile.mkdtemp(dir=folder)) / str(next(numbers)), limit)


def _backfill(file: Path, data: Path, limit: int) -> list[str | Path]:
    return [sys.executable, "-m", "pipeline", "backfill", file, "--data", data, "--limit", str(limit)]


def _installed(folder: Path, wanted: Sequence[str]) -> Path:
    """The Python of a venv that has what is wanted.

    Raises:
        subprocess.CalledProcessError: pip cannot install it.
    """
    python = folder / "bin" / "python"
    if not python.is_file():
        venv.create(folder, with_pip=True)
        run([python, "-m", "pip", "install", "--quiet", *wanted])
    return python


def _mb(cost: Cost) -> str:
    return f"{cost.peak_bytes / 1e6:,.0f}"


if __name__ == "__main__":
    main()
