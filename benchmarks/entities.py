"""Measures the tagger on sentences with labelled names.

    python benchmarks/entities.py --data ../shared/data/entities [--set train|dev] [--source PREFIX]

Prints what DIR/../score/score_entities.py makes of it when each sentence stands alone ("sentences") and when the
sentences of a document are read together ("documents"), and how many articles of 500 words are tagged in a second.
"""

import argparse
import gzip
import json
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from transforms.names.tagger import Tagger, load_tagger

Sentence = dict[str, Any]
ARTICLE_WORDS = 500


def main() -> None:
    """Read the command line, tag, score, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of train.jsonl.gz and dev.jsonl.gz")
    parser.add_argument("--set", choices=("train", "dev"), default="dev")
    parser.add_argument("--source", default="", help="only sentences whose source begins with this")
    parser.add_argument("--errors", type=int, default=0, help="print the first N sentences with an error")
    arguments = parser.parse_args()
    with gzip.open(arguments.data / f"{arguments.set}.jsonl.gz", "rt", encoding="utf-8") as lines:
        sentences = [json.loads(line) for line in lines]
    sentences = [sentence for sentence in sentences if sentence["source"].startswith(arguments.source)]
    started = time.perf_counter()
    tagger = load_tagger()
    print(f"loading: {time.perf_counter() - started:.2f} s")
    scorer = arguments.data.parent / "score" / "score_entities.py"
    for label, tag in (("sentences", alone), ("documents", together)):
        print(f"-- {label}", flush=True)
        score(scorer, sentences, tag(tagger, sentences), arguments.errors)
    print(f"articles of {ARTICLE_WORDS} words a second: {speed(tagger, sentences):.0f}")


def alone(tagger: Tagger, sentences: Iterable[Sentence]) -> Iterable[Sentence]:
    """Predictions for each sentence by itself."""
    return [{"id": sentence["id"], "spans": spans(tagger, sentence["text"])} for sentence in sentences]


def together(tagger: Tagger, sentences: Iterable[Sentence]) -> Iterable[Sentence]:
    """Predictions for the sentences of a document read as one text, a line each."""
    documents: dict[str, list[Sentence]] = defaultdict(list)
    for sentence in sentences:
        documents[sentence.get("doc") or sentence["id"]].append(sentence)
    predictions = []
    for document in documents.values():
        texts = [sentence["text"].replace("\n", " ") for sentence in document]
        found = spans(tagger, "\n".join(texts))
        begin = 0
        for sentence, text in zip(document, texts, strict=True):
            inside = [
                {**span, "start": span["start"] - begin, "end": span["end"] - begin}
                for span in found
                if begin <= span["start"] < begin + len(text)
            ]
            predictions.append({"id": sentence["id"], "spans": inside})
            begin += len(text) + 1
    return predictions


def spans(tagger: Tagger, text: str) -> list[dict[str, Any]]:
    """The tagger's answer in the scorer's form."""
    return [{"start": start, "end": end, "type": kind.value} for start, end, kind in tagger.spans(text)]


def score(scorer: Path, truth: Iterable[Sentence], predictions: Iterable[Sentence], errors: int) -> None:
    """Run the scorer; it prints."""
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder) / "truth.jsonl", truth)
        write(Path(folder) / "predictions.jsonl", predictions)
        subprocess.run(
            [
                sys.executable,
                scorer,
                Path(folder) / "predictions.jsonl",
                Path(folder) / "truth.jsonl",
                "--by=source",
                f"--errors={errors}",
            ],
            check=True,
        )


def write(path: Path, rows: Iterable[Sentence]) -> None:
    """JSON Lines."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def speed(tagger: Tagger, sentences: Iterable[Sentence], clock: Callable[[], float] = time.perf_counter) -> float:
    """Articles a second, made of the sentences in order."""
    words = " ".join(sentence["text"] for sentence in sentences).split()
    articles = [" ".join(words[i : i + ARTICLE_WORDS]) for i in range(0, len(words) - ARTICLE_WORDS, ARTICLE_WORDS)]
    started = clock()
    for article in articles:
        tagger.entities("", "", article, "", "en")
    return len(articles) / (clock() - started)


if __name__ == "__main__":
    main()
