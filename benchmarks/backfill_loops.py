"""What benchmarks/backfill.py compares with: python benchmarks/backfill_loops.py LOOP FILE LIMIT.

Each loop reads the first LIMIT responses of a WARC file and extracts their text in this process, as its library's own
users would; it prints how many gave a text. It needs nothing but that library, so that it runs in its venv:

stock       fastwarc and `trafilatura.extract`: the text alone
metadata    the same, with title, authors and date, as our rows have them
datatrove   its `WarcReader` and `Trafilatura` in a `LocalPipelineExecutor` of one task
news-please its `NewsPlease.from_warc` for each record that warcio reads, as its CommonCrawl extractor does
"""

# ruff: noqa: PLC0415  # each venv has the libraries of its own loop only

import itertools
import logging
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path


def stock(file: Path, limit: int) -> int:
    """See the module."""
    import trafilatura

    return sum(bool(trafilatura.extract(page, include_comments=False)) for page in _pages(file, limit))


def metadata(file: Path, limit: int) -> int:
    """See the module."""
    from trafilatura import bare_extraction

    found = (bare_extraction(page, include_comments=False, with_metadata=True) for page in _pages(file, limit))
    return sum(each is not None for each in found)


def datatrove(file: Path, limit: int) -> int:
    """See the module."""
    from datatrove.executor import LocalPipelineExecutor  # type: ignore[import-not-found]  # not in ours
    from datatrove.pipeline.extractors import Trafilatura  # type: ignore[import-not-found]  # not in ours
    from datatrove.pipeline.readers import WarcReader  # type: ignore[import-not-found]  # not in ours

    with tempfile.TemporaryDirectory() as logs:
        reader = WarcReader(str(file.parent), glob_pattern=file.name, limit=limit)
        statistics = LocalPipelineExecutor([reader, Trafilatura()], logging_dir=logs).run()
    return int(statistics.stats[-1].stats["forwarded"].total)


def news_please(file: Path, limit: int) -> int:
    """See the module."""
    from newsplease import NewsPlease  # type: ignore[import-not-found]  # not in ours
    from warcio.archiveiterator import ArchiveIterator  # type: ignore[import-not-found]  # not in ours

    texts = 0
    with file.open("rb") as stream:
        responses = (record for record in ArchiveIterator(stream) if record.rec_type == "response")
        for record in itertools.islice(responses, limit):
            try:
                article = NewsPlease.from_warc(record, fetch_images=False)  # else it asks the sites for them
            except (ImportError, LookupError):  # a language whose tokenizer, or its data, is not installed with it
                continue
            texts += bool(article and article.maintext)
    return texts


def _pages(file: Path, limit: int) -> Iterator[bytes]:
    from fastwarc.warc import ArchiveIterator, WarcRecordType

    with file.open("rb") as stream:
        for record in itertools.islice(ArchiveIterator(stream, record_types=WarcRecordType.response), limit):
            yield record.reader.read()


LOOPS = {"stock": stock, "metadata": metadata, "datatrove": datatrove, "news-please": news_please}

if __name__ == "__main__":
    logging.disable(logging.ERROR)
    print(LOOPS[sys.argv[1]](Path(sys.argv[2]), int(sys.argv[3])))
