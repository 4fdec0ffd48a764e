"""What a change of wording amounts to: nothing that was said, a slip of the pen, or something else being said.

Comes in: texts of two captures of one article, in any language; a line is a paragraph. The rules know the numerals,
months, articles and the like of English, German, French, Spanish, Italian, Portuguese and Arabic, all at once.

A text is compared word by word. A difference is a slip if it is one of punctuation, of spelling (a letter or two, by
the likeliness of slips: a letter swapped, doubled or left out), of a word written twice, of an article or an ending. A
figure, a name, a negation, a month and any word more or less says something else. Measured by benchmarks/revisions.py.
"""

import itertools
import re
from collections.abc import Iterator, Sequence

from transforms.text.folding import folded, plain

EDITS_LIMIT = 60  # words in and out: a text with more of them has been worked on, whatever each of them is
WORD_LIMIT = 40  # letters of a word that are compared one by one
VOLATILE_LIMIT = 100  # characters of a line that tells nothing but a time or a count


def lasting(body: str) -> str:
    """`body` less what changes without anybody writing: counters, reading times, "updated at" lines."""
    lines = (_BRACKETED.sub(_unless_volatile, line) for line in body.split("\n"))
    return "\n".join(line for line in lines if not _is_volatile(line))


def is_slip(old: str, new: str) -> bool:
    """Whether `new` says what `old` says: they differ in spelling, punctuation or layout only."""
    before, after = list(_words(old)), list(_words(new))
    edits = _edits(before, after)
    if edits is not None and all(_is_slip(edit, before) for edit in edits):
        return True
    return len(before) == len(after) and _is_moved(old, new)


# ── lines that tell a time or a count ──────────────────────────────────────────────────────────────────────────────


def _set(words: str) -> frozenset[str]:
    return frozenset(folded(words).split())


_MONTHS_AND_DAYS = _set(
    "january february march april may june july august september october november december monday tuesday wednesday "
    "thursday friday saturday sunday januar februar märz mai juni juli oktober dezember jänner montag dienstag "
    "mittwoch donnerstag freitag samstag sonnabend sonntag janvier février mars avril juin juillet août septembre "
    "octobre novembre décembre lundi mardi mercredi jeudi vendredi samedi dimanche enero febrero marzo abril mayo "
    "junio julio agosto septiembre octubre noviembre diciembre lunes martes miércoles jueves viernes sábado domingo "
    "gennaio febbraio aprile maggio giugno luglio settembre ottobre dicembre lunedì martedì mercoledì giovedì venerdì "
    "sabato domenica janeiro fevereiro março maio junho julho setembro outubro novembro dezembro segunda terça quarta "
    "quinta sexta يناير فبراير مارس أبريل إبريل مايو يونيو يوليو أغسطس سبتمبر أكتوبر نوفمبر ديسمبر كانون شباط آذار "
    "نيسان أيار حزيران تموز آب أيلول تشرين جانفي فيفري أفريل ماي جوان جويلية أوت الاثنين الإثنين الثلاثاء الأربعاء "
    "الخميس الجمعة السبت الأحد"
)
_TIMES = _MONTHS_AND_DAYS | _set(
    "jan feb mar apr jun jul aug sep sept oct nov dec mon tue tues wed thu thur thurs fri sat sun okt dez janv fév "
    "févr avr juil déc ene abr ago dic gen mag giu lug set ott fev mai out at on the by in of time am pm a.m p.m m p "
    "a gmt utc est edt cst cdt pst pdt cet cest bst mez mesz et uhr um der den le à h heures heure min las el del de "
    "alle ore ora il às em hs horas o i ألساعة الساعة بتوقيت غرينتش جرينتش صباحا مساء ص م في يوم بتاريخ and first "
    "original originally feira ist e y und"
)
# What such a line must hold, beside a figure.
_VOLATILE = _set(
    "updated update last published posted modified upd stand aktualisiert zuletzt aktualisierung geändert "
    "veröffentlicht mis mise jour publié actualisé modifié actualizado actualizada publicado modificado actualización "
    "última aggiornato aggiornata aggiornamento ultimo pubblicato atualizado atualizada atualização publicada "
    "modificada آخر تحديث نشر نشرت حدث views view viewed read reads times comments comment shares share shared likes "
    "like reactions followers minutes minute mins hours hour days day ago reading replies retweets upvotes votes "
    "kommentare kommentar aufrufe geteilt mal lesezeit minuten stunden tagen vor gelesen lesedauer commentaires "
    "commentaire partages partage vues lecture lu fois y réactions abonnés comentarios comentario compartido "
    "compartidos veces vistas lecturas lectura tiempo minutos hace visualizaciones leído commenti commento "
    "condivisioni visualizzazioni letture lettura volte letto condiviso fa minuti tempo comentários comentário "
    "partilhas compartilhamentos visualizações leituras leitura há vezes lido partilhado compartilhado تعليق تعليقا "
    "تعليقات التعليقات مشاهدة مشاهدات المشاهدات عدد قراءة القراءة مدة دقيقة دقائق منذ ساعة ساعات مشاركة مشاركات قبل "
    "إعجاب"
)
_IN_A_LINE = re.compile(r"[^\W_]+(?:[.,:'][^\W_]+)*")
_BRACKETED = re.compile(rf"\([^()\n]{{3,{VOLATILE_LIMIT}}}\)")


def _is_volatile(line: str) -> bool:
    if not line or len(line) > VOLATILE_LIMIT:
        return False
    words = _IN_A_LINE.findall(folded(line))
    figures = sum(word[0].isdigit() for word in words)
    return (
        figures > 0
        and any(word in _VOLATILE for word in words)
        and all(word[0].isdigit() or word in _VOLATILE or word in _TIMES for word in words)
    )


def _unless_volatile(bracketed: re.Match[str]) -> str:
    return "" if _is_volatile(bracketed[0]) else bracketed[0]


# ── words ──────────────────────────────────────────────────────────────────────────────────────────────────────────

_PERCENT = re.compile(
    folded(
        r"\b(?:per ?cent|pct|prozent|pour ?cent|por ?ciento|per ?cento|por ?cento)\b|في المئة|في المائة|بالمئة|بالمائة"
    ),
    re.IGNORECASE,
)
_WORD = re.compile(
    r"(?<![^\s])[+-](?=\d)|\d{1,3}(?:[ .,']\d{3})+(?!\d)|\d+(?:[.,:]\d+)*|[^\W\d_]+"
    r"|[%$\u20ac\u00a3\u00a5\u00b0]"
)
_DAY = re.compile(r"[1-9]|[12]\d|3[01]")
# Numerals from two on: whoever writes "eleven" for 11 says the same. ("One" is an article in most languages.)
_FROM_TWO = (
    "two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen",
    "zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn fünfzehn sechzehn siebzehn achtzehn",
    "deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize",
    "dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciséis diecisiete dieciocho",
    "due tre quattro cinque sei sette otto nove dieci undici dodici tredici quattordici quindici sedici diciassette",
    "dois três quatro cinco seis sete oito nove dez onze doze treze catorze quinze dezasseis dezassete dezoito",
)
_NINETEEN = ("nineteen", "neunzehn", "diecinueve", "diciannove", "dezanove", "dezenove")  # French has no word for it
_NUMERALS = dict.fromkeys(_NINETEEN, "19") | {
    folded(word): str(value) for words in _FROM_TWO for value, word in enumerate(words.split(), start=2)
}
# Words that differ by a letter or two from others of their kind, and mean something else.
_TELLING = _MONTHS_AND_DAYS | _set(
    "million billion trillion millionen milliarden billionen milliard milliards millions millones millón billones "
    "milioni milione miliardi miliardo milhões milhão bilhões bilhão mil thousand hundred hundert tausend cent mille "
    "thirty forty fifty sixty seventy eighty ninety thirteen fourteen fifteen sixteen seventeen eighteen nineteen "
    "مليون مليار ألف مئة ملايين مليارات شمال جنوب شرق غرب شمالي جنوبي شرقي غربي ارتفع انخفض not now no nor none never "
    "nicht nichts kein keine ohne sans non sin con senza sem com ne pas لا لم لن ليس غير east west north south "
    "eastern western northern southern est ouest este oeste ovest leste ost nord süd higher lower rise fall rose fell "
    "up down before after buy sell win won lose lost with without over under dead dear deaf alive male female man men "
    "woman women his her he she son daughter brother mother father winter minister sister mister could would should "
    "can cannot may must might employer employee trainer trainee mayor minor major menor mejor peor mehr weniger plus "
    "moins más menos più meno mais allowed aloud adopt adapt affect effect"
)
_ARTICLES = _set(
    "the a an that of s der die das den dem des ein eine einen einem einer eines dass le la les l un une du d de qu "
    "que el los las lo una il i gli uno che o os as um uma t"
)
# Forms that agree with their subject, and words that are taken for each other.
_TWINS = tuple(
    map(
        _set,
        (
            "is are",
            "was were",
            "has have",
            "does do",
            "their there they",
            "then than",
            "who whom",
            "its it",
            "your you",
            "to too",
            "das dass",
            "seid seit",
            "ist sind",
            "hat haben",
            "wie als",
            "on ont",
            "son sont",
            "ces ses",
            "est sont",
            "et est",
            "es son",
            "ha han",
            "haber ver",
            "porque por",
            "ha hanno",
            "e è",
            "al ao",
            "tem têm",
        ),
    )
)
_ENDINGS = frozenset({"", "e", "s", "es", "n", "en", "em", "er", "ern", "r"})
SHORTEST_STEM = 4  # letters: an ending is one after so many


def _words(text: str) -> Iterator[str]:
    """The words and figures of a text, as they are compared: accents, punctuation and ways of writing figures aside."""
    found = _WORD.findall(_PERCENT.sub(" % ", plain(text)))
    for index, (word, other) in enumerate(itertools.pairwise(found)):
        if word.casefold() in _MONTHS_AND_DAYS and _DAY.fullmatch(other):
            found[index : index + 2] = other, word  # "July 1" is 1 July
    for word in found:
        yield _figure(word) if word[0].isdigit() else _NUMERALS.get(word.casefold(), word)


def _figure(word: str) -> str:
    if word.isdecimal():
        return str(int(word)) if len(word) < 20 and word[0] != "0" else word
    parts = re.split("[ .,':]", word)
    if 0 < len(parts[0]) <= 3 and all(len(part) == 3 for part in parts[1:]):
        return "".join(parts)
    return ".".join(parts)


# ── differences ────────────────────────────────────────────────────────────────────────────────────────────────────

Edit = tuple[Sequence[str], Sequence[str], int]  # words gone, words come, and where in the old text


def _edits(old: Sequence[str], new: Sequence[str]) -> list[Edit] | None:
    """The fewest edits that lead from `old` to `new`, case aside; None if they are more than `EDITS_LIMIT` words.

    Myers' algorithm (Algorithmica 1, 1986): its time is bounded by length times edits, whatever the words are.
    """
    before, after = [word.casefold() for word in old], [word.casefold() for word in new]
    reach = {1: 0}
    reaches: list[dict[int, int]] = []
    for count in range(EDITS_LIMIT + 1):
        reaches.append(dict(reach))
        for diagonal in range(-count, count + 1, 2):
            is_added = _is_added(reach, diagonal, count)
            x = reach[diagonal + 1] if is_added else reach[diagonal - 1] + 1
            y = x - diagonal
            while x < len(before) and y < len(after) and before[x] == after[y]:
                x, y = x + 1, y + 1
            reach[diagonal] = x
            if x >= len(before) and y >= len(after):
                return _joined(old, new, *_marked(reaches, len(before), len(after)))
    return None


def _is_added(reach: dict[int, int], diagonal: int, count: int) -> bool:
    """Whether the furthest path to a diagonal ends with a word that comes, and not with one that goes."""
    return diagonal == -count or (diagonal != count and reach[diagonal - 1] < reach[diagonal + 1])


def _marked(reaches: Sequence[dict[int, int]], x: int, y: int) -> tuple[set[int], set[int]]:
    """The places of the words that go and of those that come, on the path that ends at `x`, `y`."""
    gone, come = set(), set()
    for count in range(len(reaches) - 1, 0, -1):
        reach, diagonal = reaches[count], x - y
        if _is_added(reach, diagonal, count):
            x = reach[diagonal + 1]
            y = x - diagonal - 1
            come.add(y)
        else:
            x = reach[diagonal - 1]
            y = x - diagonal + 1
            gone.add(x)
    return gone, come


def _joined(old: Sequence[str], new: Sequence[str], gone: set[int], come: set[int]) -> list[Edit]:
    """Words side by side as one edit."""
    edits: list[Edit] = []
    x = y = 0
    while x < len(old) or y < len(new):
        start = x, y
        while x in gone:
            x += 1
        while y in come:
            y += 1
        if (x, y) == start:
            x, y = x + 1, y + 1
        else:
            edits.append((old[start[0] : x], new[start[1] : y], start[0]))
    return edits


def _is_moved(old: str, new: str) -> bool:
    """Whether the same paragraphs stand in another order."""
    return _paragraphs(old) == _paragraphs(new)


def _paragraphs(text: str) -> list[list[str]]:
    return sorted([word.casefold() for word in _words(line)] for line in text.split("\n") if line.strip())


# ── slips ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _is_slip(edit: Edit, before: Sequence[str]) -> bool:
    gone, come, at = edit
    small_gone, small_come = [word.casefold() for word in gone], [word.casefold() for word in come]
    if "".join(small_gone) == "".join(small_come):
        return True  # "take over", "takeover"
    if any(not word.isalpha() for word in (*gone, *come)):
        return False
    rest = [[word for word in words if word.casefold() not in _ARTICLES] for words in (gone, come)]
    if len(gone) != len(come):
        gone, come = rest
    if not gone and not come:
        return True
    if not come:
        return len(gone) == 1 and small_gone[0] in _neighbours(before, at)
    return len(gone) == len(come) and all(
        _is_respelt(one, other, before) for one, other in zip(gone, come, strict=True)
    )


def _neighbours(words: Sequence[str], at: int) -> set[str]:
    return {word.casefold() for word in (*words[max(at - 1, 0) : at], *words[at + 1 : at + 2])}


def _is_respelt(old: str, new: str, before: Sequence[str]) -> bool:
    """Whether one word is another, spelt otherwise: the likelier the longer it is, and less for a name."""
    one, other = old.casefold(), new.casefold()
    if one == other or any(one in twins and other in twins for twins in _TWINS):
        return True
    if one in _TELLING and other in _TELLING:
        return False
    is_name = old[0].isupper() and new[0].isupper()
    if is_name and new in before and _distance(one, other) <= 2:
        return True  # the text has it right elsewhere
    return _is_slip_of_letters(*sorted((one, other), key=len), is_name=is_name)


def _is_slip_of_letters(short: str, long: str, *, is_name: bool) -> bool:
    start = next((i for i, letter in enumerate(short) if letter != long[i]), len(short))
    short_rest, long_rest = short[start:], long[start:]
    if start >= SHORTEST_STEM and short_rest in _ENDINGS and long_rest in _ENDINGS:
        return True
    if len(short) == len(long) and short_rest[:2] == long_rest[1::-1] and short_rest[2:] == long_rest[2:]:
        return len(short) >= 4  # two letters swapped
    if len(short) == len(long) and short_rest[1:] == long_rest[1:]:
        return start > 0 and len(short) >= (8 if is_name else 5)  # one for another
    if short_rest == long_rest[1:]:  # one left out, or doubled
        is_doubled = start > 0 and long[start] == long[start - 1]
        return is_doubled or len(long) >= 8 or (start > 0 and len(long) >= (6 if is_name else 5))
    return len(short) >= (10 if is_name else 8) and start >= 2 and _distance(short, long) <= 2


def _distance(one: str, other: str) -> int:
    """Levenshtein's distance; words differ in length by what a row and a column add to it."""
    if abs(len(one) - len(other)) > 2 or len(one) > WORD_LIMIT:
        return WORD_LIMIT
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, start=1):
        corner, row[0] = row[0], i
        for j, another in enumerate(other, start=1):
            corner, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, corner + (letter != another))
    return row[-1]
