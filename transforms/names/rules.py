"""The rules that find names in one line, from left to right, one run of capitalised words after the other."""

from dataclasses import dataclass, field, replace

from schemas.enums import EntityType
from transforms.names import words as w
from transforms.names.gazetteer import Name
from transforms.names.tokens import Case
from transforms.names.view import NO_SURNAMES, LineView

PERSON, ORG, PLACE = EntityType.PERSON, EntityType.ORG, EntityType.PLACE

MAX_NAME_TOKENS = 6  # of a person or of an unknown sequence
MAX_PLACE_TOKENS = 5  # before and with "River", "Airport", ...
MAX_LIST_TOKENS = 12  # of "Trade, Industry and Energy"
HEADLINE_TOKENS = 4  # of a name that a headline may share with the body
_NO_UNKNOWN = w.NO_NAMES | w.CALENDAR | w.DEMONYMS  # words of no name that only its capitals tell
_AFTER_PERSON = frozenset("Jr Jr. Sr Sr. II III IV V VI VII VIII IX X XI XII XIV XVI".split())  # noqa: SIM905  # reads best as words


@dataclass(frozen=True, slots=True)
class Span:
    """A name in a text, as 0-based code points; `name` is the gazetteer's entry, where it is known there."""

    start: int
    end: int
    kind: EntityType
    name: Name | None = None


@dataclass(frozen=True, slots=True)
class Guess:
    """Words that are a name if the rest of the article says so; by themselves a `kind` of name, or none."""

    start: int
    end: int
    kind: EntityType | None
    name: Name | None = None
    is_weak: bool = False  # a long article would say it in full somewhere


@dataclass(slots=True)
class Reading:
    """What one text holds by itself."""

    text: str
    spans: list[Span] = field(default_factory=list)
    guesses: list[Guess] = field(default_factory=list)

    def words(self, found: Span | Guess) -> str:
        """The words of a name in this text."""
        return self.text[found.start : found.end]


class LineReader:
    """Reads one line into a `Reading`.

    Every rule is asked in turn whether a name begins at word `k` of a run that ends before word `j`. It answers with
    the word to go on with, or None when it does not apply; it has then written down what it found.
    """

    def __init__(self, view: LineView, reading: Reading, language: str) -> None:
        self.view = view
        self.reading = reading
        self.place_end = -1  # the word after the last place
        self.is_english = language == "en"
        self.is_german = language == "de"
        self.rules = (
            self._particle,
            self._known_phrase,
            self._organisation,
            self._place,
            self._something_else,
            self._adjective,
            self._after_title,
            self._after_role,
            self._given_and_surname,
            self._name_before_given,
            self._known_word,
        )

    def read(self) -> None:
        """Read the whole line."""
        view, known = self.view, self.view.gazetteer.longest
        k = self._signature()
        if view.case is not Case.NORMAL:
            while k < view.count:
                k = self._headline(k)
            return
        for i in [i for i in range(view.count) if view.capitals[i] or view.texts[i] in known]:
            if i < k:
                continue
            if view.capitals[i]:
                k = self._dateline(i) or self._opener(i) or self._run(i)
            else:
                k = self._known_small(i) or i + 1

    def _signature(self) -> int:
        """A line that is a given name and nothing more, but for a mark after it."""
        view = self.view
        is_short = view.count == 1 or (view.count == 2 and view.texts[1] in (",", "."))
        if not is_short or view.known(0) or view.is_common(0) or view.words[0] not in view.gazetteer.given_names:
            return 0
        return self._emit(0, 1, PERSON)

    # ── what a line may begin with ─────────────────────────────────────────────────────────────────────────────

    def _headline(self, k: int) -> int:
        """Of words whose capitals say nothing, only what is known for sure: here, or from the body."""
        view = self.view
        found = view.sure(k)
        if found and (found[0] > k + 1 or not view.is_common(k) or view.is_acronym(k)):
            return self._emit(k, found[0], found[1].kind, found[1])
        if not view.capitals[k]:
            return k + 1
        end = view.full_name_end(k, view.count)
        if end and not view.is_common(k) and not view.is_common(end - 1):
            return self._emit(k, end, PERSON)
        for end in range(min(k + HEADLINE_TOKENS, view.count), k, -1):
            self._guess(k, end, None)
        return k + 1

    def _dateline(self, k: int) -> int | None:
        """CAIRO, at the beginning."""
        if self.view.firsts[k] and self.view.texts[k].isupper():
            name = self.view.gazetteer.names.get(self.view.texts[k].title())
            if name is not None and name.is_sure:
                return self._emit(k, k + 1, name.kind, name)
        return None

    def _opener(self, k: int) -> int | None:
        """A word that has its capital from the sentence, unless a known name begins with it: The Hague, US."""
        text = self.view.texts[k]
        if text.lower() in w.OPENERS and (self.view.firsts[k] or text in w.NEVER_INSIDE):
            found = self.view.known(k)
            if found and (found[0] > k + 1 or self.view.is_acronym(k)):
                return self._emit(k, found[0], found[1].kind, found[1])
            return k + 1
        return None

    def _known_small(self, k: int) -> int | None:
        """A known name that begins with a small letter: al Qaeda, eBay."""
        found = self.view.known(k)
        return self._emit(k, found[0], found[1].kind, found[1]) if found else None

    def _run(self, k: int) -> int:
        end = self.view.run_end(k)
        while k < end:
            k = self._name(k, end)
        return k

    def _name(self, k: int, j: int) -> int:
        for rule in self.rules:
            end = rule(k, j)
            if end is not None:
                return end
        return self._unknown(k, j)

    # ── the rules ──────────────────────────────────────────────────────────────────────────────────────────────

    def _particle(self, k: int, _j: int) -> int | None:
        return None if self.view.capitals[k] else k + 1

    def _known_phrase(self, k: int, j: int) -> int | None:
        """A sure known name of several words, unless an organisation's name goes on after it."""
        found = self.view.sure(k)
        if found is None or found[0] == k + 1:
            return None
        head = self._org_head(k, j)
        if head is not None and head >= found[0]:
            return None
        if found[1].kind is PLACE and found[0] < j and self.view.texts[found[0]] in w.PARTICLES:
            return self._emit(k, j, PLACE)  # San Pedro de Atacama
        return self._emit(k, found[0], found[1].kind, found[1])

    def _organisation(self, k: int, j: int) -> int | None:
        end = self._organisation_end(k, j) or self._joined_organisation_end(k, j)
        return self._emit(k, end, ORG) if end else None

    def _place(self, k: int, j: int) -> int | None:
        end = self._place_before_end(k, j) or self._place_head_end(k, j)
        return self._emit(k, end, PLACE) if end else None

    def _something_else(self, k: int, j: int) -> int | None:
        """An event, a law, a prize: passed over, but for the organisation that it begins with."""
        view = self.view
        if view.texts[k] in w.OTHER_HEADS_BEFORE and k + 1 < j:
            return j
        for i in range(k + 1, j):
            if view.is_title(i):
                return None
            if view.texts[i] in w.OTHER_HEADS:
                if view.is_given(k) and (i > k + 1 or view.texts[i] in view.gazetteer.surnames):
                    return None
                found = view.sure(k, i)
                if found and found[1].kind is ORG:
                    self._emit(k, found[0], ORG, found[1])
                return i + 1
        return None

    def _adjective(self, k: int, _j: int) -> int | None:
        return k + 1 if self.view.texts[k] in w.CALENDAR or self.view.texts[k] in w.DEMONYMS else None

    def _after_title(self, k: int, j: int) -> int | None:
        """The person after titles: Egyptian Foreign Minister ..."""
        view = self.view
        if not view.is_title(k):
            return None
        while k < j and (view.is_title(k) or view.texts[k] in w.DEMONYMS):
            k += 1
        is_full = k + 1 < j and view.is_given(k)
        is_theirs = view.possessives[k - 1]  # Editor's Note
        if k == j or is_theirs or view.texts[k] in w.NO_NAMES or self._organisation_end(k, j):
            return k
        is_surname = view.is_hard_title(k - 1) and view.texts[k] in view.gazetteer.surnames
        if view.sure(k) and not (is_full or is_surname):
            return k
        end = self._person_end(k, j)
        is_known = view.is_known_name_part(k) and (view.is_given(k) or not view.is_common(k))
        if view.texts[k - 1] in w.SOFT_TITLES and not is_known and (view.is_common(k) or end == k + 1):
            return k
        return self._emit(k, end, PERSON) if end > k else k + 1

    def _after_role(self, k: int, j: int) -> int | None:
        """The person after a word such as "leader"."""
        view = self.view
        if view.firsts[k] or view.texts[k - 1].lower() not in w.ROLES or view.sure(k):
            return None
        if view.possessives[k - 1]:
            return None
        end = self._person_end(k, j)
        if end == k or (end == k + 1 and view.texts[k] in w.NO_NAMES):
            return None
        return self._emit(k, end, PERSON)

    def _given_and_surname(self, k: int, j: int) -> int | None:
        view = self.view
        if k + 1 == j or not view.is_given(k) or (view.sure(k) and view.is_common(k + 1)):
            return None
        is_place = view.known(k) and view.texts[k + 1] not in view.gazetteer.surnames
        if is_place and (self._is_located(k) or view.texts[k - 1].lower() in w.WEAK_PLACE_PREPOSITIONS):
            return None
        place = view.known(k)
        is_place = place is not None and (place[1].is_sure or place[1].is_large)
        is_only_given = not view.is_common(k) and not is_place and k + 2 == j  # John Stones
        if not (is_only_given or view.is_surname(k + 1) or view.is_given(k + 1) or view.texts[k + 1] in w.PARTICLES):
            return None
        end = self._person_end(k, j)
        return self._emit(k, end, PERSON) if end > k + 1 else None

    def _name_before_given(self, k: int, j: int) -> int | None:
        """A name of three words of which only the second is a known given name: Qayyum Abdul Jamal."""
        view = self.view
        if j != k + 3 or view.is_common(k) or view.is_acronym(k) or view.is_title(k + 1) or view.known(k):
            return None
        is_one = (
            self.is_english
            and _is_wordlike(view.texts[k])
            and view.texts[k] not in w.DEMONYMS
            and view.texts[k] not in w.NO_NAMES
        )
        return self._emit(k, j, PERSON) if is_one and view.full_name_end(k + 1, j) == j else None

    def _known_word(self, k: int, j: int) -> int | None:
        """A known name of one word, or one that needs a context and has it."""
        view = self.view
        found = view.known(k)
        if found is None:
            return None
        end, name = found
        if name.is_sure:
            return self._sure_word(k, j, end, name)
        if name.kind is PLACE and (self._region_follows(end) or self._is_region(k)):
            return self._emit(k, end, PLACE, name)
        needs_more = view.is_known_name_part(k) and not name.is_large
        is_located = self._is_located(k) or (not needs_more and self._may_be_located(k))
        if name.kind is PLACE and end == j and is_located:
            self._guess(k, end, PLACE, name)
            return end
        return None

    def _sure_word(self, k: int, j: int, end: int, name: Name) -> int | None:
        view = self.view
        if end == k + 1 < j and view.texts[k] in view.gazetteer.given_names and view.is_surname(end):
            return None  # a first name
        is_city = end == k + 1 and (name.id or "").startswith("geonames:")
        if is_city and not self._may_be_located(k):
            self._guess(k, end, PLACE, name)  # unless a person of the article has this surname
            return end
        return self._emit(k, end, name.kind, name)

    def _unknown(self, k: int, j: int) -> int:
        """A capitalised sequence that nothing explains: a guess."""
        end = k
        while end < min(j, k + MAX_NAME_TOKENS) and not self._ends_unknown(end, k):
            end += 1
        if end == k:
            return k + 1
        is_single = end == k + 1
        while self.view.texts[end - 1] in w.PARTICLES:
            end -= 1
        kind = (self._single(k) if is_single else self._several(k, end)) if self.is_english else None
        self._guess(k, end, kind)
        if is_single and kind is PERSON and not self._is_surely_one(k):
            self.reading.guesses[-1] = replace(self.reading.guesses[-1], is_weak=True)
        return end

    # ── organisations ──────────────────────────────────────────────────────────────────────────────────────────

    def _org_head(self, k: int, j: int) -> int | None:
        """The last head of an organisation's name in the run from `k` on, before a title or a person."""
        view = self.view
        head = None
        for i in range(k, j):
            text = view.texts[i]
            is_head = text in w.ORG_HEADS or (text in w.ORG_HEADS_OF and view.texts[i + 1] == "of")
            if is_head or (text == "District" and head == i - 1):
                head = i
            elif view.is_hard_title(i) or text in w.CALENDAR or (i > k and view.full_name_end(i, j)):
                break
        return head

    def _organisation_end(self, k: int, j: int) -> int | None:
        view = self.view
        head = self._org_head(k, j)
        if head is None:
            return None
        complement = self._complement_end(head)
        if complement or head == k:
            return complement
        if view.texts[head] in w.SUBJECTS and view.is_title(head + 1):
            return None
        is_adjective = view.texts[k] in w.DEMONYMS or view.known(k, k + 1) is not None
        if view.texts[head] in w.PLAIN_ORG_HEADS and all(view.is_common(i) for i in range(k, head)):
            return None
        if head == k + 1 and view.firsts[k] and view.is_common(k) and not is_adjective:
            return None
        return head + 1

    def _joined_organisation_end(self, k: int, j: int) -> int | None:
        """The end of "Trade and Industry Board": common words, so that they are no two names."""
        view = self.view
        second = k + 2
        if j != k + 1 or view.texts[j] != "and" or view.firsts[k] or view.possessives[k]:
            return None
        if not (view.is_common(k) and view.is_common(second) and view.capitals[second]) or view.is_title(k):
            return None
        head = self._org_head(second, view.run_end(second))
        return head + 1 if head is not None and head > second else None

    def _complement_end(self, head: int) -> int | None:
        """The end of "of Foreign Affairs" or "for the Visual Arts" after a head that takes it."""
        view = self.view
        text, link = view.texts[head], view.texts[head + 1]
        takes_it = (link == "of" and text in w.ORG_HEADS_OF) or (link in ("for", "on") and text in w.ORG_HEADS_FOR)
        if not takes_it or view.possessives[head]:
            return None
        first = head + 3 if view.texts[head + 2] == "the" else head + 2
        if not view.capitals[first] or view.texts[first] in w.CALENDAR:
            return None
        end = view.run_end(first)
        found = view.sure(first, end)
        if found:
            return found[0]
        for i in range(first + 1, end):
            if view.is_hard_title(i) or view.full_name_end(i, end):
                return i
        return self._list_end(end)

    def _list_end(self, end: int) -> int:
        """The end of "Trade, Industry and Energy", of which the first word ends at `end`; else `end`.

        Only common words make such a list: in "University of Oxford and Cambridge" there are two names.
        """
        view = self.view
        last = end
        limit = end + MAX_LIST_TOKENS
        while (
            last < limit
            and view.texts[last] in (",", "and", "of")
            and view.is_common(last - 1)
            and view.is_common(last + 1)
        ):
            if not view.capitals[last + 1] or view.possessives[last - 1]:
                break
            link = view.texts[last]
            last = view.run_end(last + 1)
            if link != ",":
                end = last
        return end

    # ── places ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _place_before_end(self, k: int, j: int) -> int | None:
        """Lake X, Gulf of X."""
        view = self.view
        text = view.texts[k]
        if text in w.PLACE_HEADS_BEFORE and k + 1 < j and not view.is_title(k + 1):
            end = k + 2
            while end < j and view.texts[end - 1] in w.PARTICLES:
                end += 1
            while end < j and view.texts[end] in w.PLACE_HEADS:
                end += 1
            return end
        if text in w.PLACE_HEADS_OF and view.texts[k + 1] == "of" and view.capitals[k + 2]:
            return self._list_end(view.run_end(k + 2))
        return None

    def _place_head_end(self, k: int, j: int) -> int | None:
        """X River, X International Airport."""
        view = self.view
        for i in range(k + 1, min(j, k + MAX_PLACE_TOKENS)):
            is_foreign = not self.is_english and view.texts[i] in w.PARTICLES
            if view.is_title(i) or view.texts[i] in w.CALENDAR or is_foreign:
                return None
            if view.texts[i] in w.PLACE_HEADS:
                end = i + 1
                while end < j and view.texts[end] in w.PLACE_HEADS:
                    end += 1
                is_person = view.is_given(i - 1) and i + 1 == j and view.texts[i] in view.gazetteer.surnames
                is_plain = all(view.is_common(word) for word in range(k, i))
                is_opener = is_plain and (view.firsts[k] or view.texts[k - 1].lower() not in w.BEFORE_PLAIN_PLACES)
                return None if is_person or is_opener else end
        return None

    def _region_follows(self, i: int) -> bool:
        """Whether a comma and a sure place follow, as in "Reading, Pennsylvania"."""
        if self.view.texts[i] != ",":
            return False
        found = self.view.sure(i + 1)
        return (found is not None and found[1].kind is PLACE) or self._is_region(i + 1)

    def _is_region(self, i: int) -> bool:
        """Whether word `i` is a state's two letters after a comma and a name, as in "Reading, PA"."""
        view = self.view
        if len(view.texts[i]) != 2 or view.texts[i - 1] != "," or not view.capitals[i - 2] or view.is_common(i):
            return False
        found = view.known(i, i + 1)
        return found is not None and found[1].kind is PLACE and view.texts[i] not in w.NO_NAMES

    def _is_located(self, k: int) -> bool:
        """Whether what stands before word `k` is followed by places: in, the port of, left ... for."""
        view = self.view
        before = view.texts[k - 1].lower()
        if before in w.STRONG_PLACE_PREPOSITIONS:
            return True
        if before == "of":
            return view.texts[k - 2].lower() in w.PLACE_NOUNS
        if before == "for":
            return any(view.texts[i] in w.DEPARTURES for i in range(k - 4, k - 1))
        return False

    def _may_be_located(self, k: int) -> bool:
        """Whether what stands before word `k` is often followed by places: from, or another place and a comma."""
        view = self.view
        before = view.texts[k - 1].lower()
        if before in w.PLACE_PREPOSITIONS:
            return True
        is_listed = before in (",", "and", "or") and self.place_end == k - 1
        return is_listed and view.texts[k + 1] not in w.PERSON_VERBS

    def _is_team(self, k: int) -> bool:
        """Whether the country that begins at `k` plays in a match: not that in which it is played."""
        return self.view.is_match and self.view.texts[k - 1].lower() not in w.PLACE_PREPOSITIONS

    # ── persons ────────────────────────────────────────────────────────────────────────────────────────────────

    def _person_end(self, k: int, j: int) -> int:
        """Where the person's name that begins at `k` ends; `k` if none does."""
        end = k
        for i in range(k, min(j, k + MAX_NAME_TOKENS)):
            if self._ends_person(i, k, j):
                break
            if self.view.texts[i] not in w.PARTICLES:
                end = i + 1
        return end

    def _ends_person(self, i: int, k: int, j: int) -> bool:
        """Whether word `i` is no part of the person's name that began at `k`."""
        view = self.view
        text = view.texts[i]
        if text in _AFTER_PERSON:
            return i == k
        if text == "&" or text in NO_SURNAMES:
            return True
        if text in w.DEMONYMS:
            return not (i == j - 1 and i == k + 1)  # Tom English
        if i <= k + 1 or text in w.PARTICLES:
            return False
        found = view.sure(i, j)
        return (
            view.is_acronym(i)
            or (view.is_common(i) and text not in view.gazetteer.surnames)
            or (found is not None and found[0] > i + 1)
            or (self.is_german and self._is_surname_done(i))
        )

    def _is_surname_done(self, i: int) -> bool:
        before = self.view.texts[i - 1]
        return before not in w.PARTICLES and before not in self.view.gazetteer.given_names

    # ── guesses ────────────────────────────────────────────────────────────────────────────────────────────────

    def _ends_unknown(self, i: int, k: int) -> bool:
        view = self.view
        text = view.texts[i]
        if text in _NO_UNKNOWN or not _is_wordlike(text):
            return True
        return i > k and (view.is_title(i) or view.sure(i) is not None or view.full_name_end(i, view.count) is not None)

    def _several(self, k: int, end: int) -> EntityType | None:
        """What several unknown words most likely are; nothing, if one of them is a common word or an acronym."""
        view = self.view
        if any(self._is_plain(i) or view.is_acronym(i) for i in range(k, end)):
            return None
        before = view.texts[k - 1].lower()
        if before in w.DETERMINERS or view.texts[end] in w.GROUPS:
            return None
        is_place = self._is_located(k) or before in w.WEAK_PLACE_PREPOSITIONS
        return PLACE if is_place and view.texts[end - 1] not in view.gazetteer.surnames else PERSON

    def _is_plain(self, i: int) -> bool:
        """Whether token `i` is no name: common words, or a product's spelling."""
        view, text = self.view, self.view.texts[i]
        if text in w.PARTICLES:
            return False
        parts = [part.lower() for part in text.split("-") if len(part) > 3]
        common = view.gazetteer.common_words
        return view.is_common(i) or is_product(text) or any(part.removesuffix("s") in common for part in parts)

    def _acts(self, k: int) -> bool:
        """Whether a verb follows word `k` that people do, or something is theirs."""
        return self.view.texts[k + 1] in w.PERSON_VERBS or self.view.possessives[k]

    def _is_surely_one(self, k: int) -> bool:
        """Whether the single word `k` is a person even in an article that never says more of the name."""
        return self.view.texts[k + 1] in w.PERSON_VERBS

    def _single(self, k: int) -> EntityType | None:
        """What a single unknown word most likely is, by its neighbours.

        Nothing, where no kind was right for about half of such words in the training sentences of
        benchmarks/entities.py.
        """
        view, kind = self.view, None
        if view.is_common(k) or is_product(view.texts[k]):
            kind = None
        elif view.is_acronym(k):
            kind = ORG if self._is_organisation_s_acronym(k) else None
        elif self._is_located(k) or self._region_follows(k + 1):
            kind = PLACE
        elif view.is_known_name_part(k) or self._acts(k):
            kind = PERSON
        elif view.texts[k] in view.gazetteer.names:
            kind = PLACE
        return kind

    def _is_organisation_s_acronym(self, k: int) -> bool:
        """Whether an unknown acronym may be an organisation's: no measure, model, ticker, or short for common words."""
        view = self.view
        before = view.texts[k - 1]
        is_figure = before.isdigit() or view.texts[k + 1].isdigit() or before in ("a", "A")
        is_explained_as_other = before == "(" and view.texts[k - 2].islower()
        is_ticker = before == ":" and view.texts[k - 2] in w.EXCHANGES
        is_of_its_length = 2 < len(view.texts[k]) < 6 and "." not in view.texts[k]
        return is_of_its_length and not (is_figure or is_explained_as_other or is_ticker)

    # ── results ────────────────────────────────────────────────────────────────────────────────────────────────

    def _emit(self, k: int, end: int, kind: EntityType, name: Name | None = None) -> int:
        """Write down a name, without a leading article; return the word to go on with."""
        view = self.view
        first = k + 1 if view.texts[k].lower() == "the" and k + 1 < end else k
        if name is not None and (name.id or "").startswith("iso3166:") and self._is_team(first):
            kind, name = ORG, None
        start, stop = view.starts[first], view.end(end - 1)
        if name is not None and name.canonical.endswith("'s") and view.possessives[end - 1]:
            stop += len("'s")
        self.reading.spans.append(Span(start, stop, kind, name))
        if kind is PLACE:
            self.place_end = end
        return end

    def _guess(self, k: int, end: int, kind: EntityType | None, name: Name | None = None) -> None:
        self.reading.guesses.append(Guess(self.view.starts[k], self.view.end(end - 1), kind, name))
        if kind is PLACE:
            self.place_end = end


def _is_wordlike(text: str) -> bool:
    """Whether a token is letters, but for what joins them."""
    return text.isalpha() or all(char.isalpha() or char in "-'.\u2019" for char in text)


def is_product(text: str) -> bool:
    """Whether a word is spelt as people and places are not: OpenGlonk, glonk.js, GLNs; but McGlonk."""
    after_prefix = text
    for prefix in ("Mc", "Mac", "De", "Di", "Du", "La", "Le", "Van", "Fitz", "O'"):
        if text.startswith(prefix) and text[len(prefix) :][:1].isupper():
            after_prefix = text[len(prefix) :]
    words = after_prefix.replace("\u2019", "'").replace("'", "-").split("-")
    is_dotted = "." in text[:-1] and not text.replace(".", "").isupper()
    return is_dotted or any(word[1:] != word[1:].lower() and not word.isupper() for word in words)
