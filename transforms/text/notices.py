"""A publisher's notice about its own article: a correction, a kill, a temporary removal. Found in the article's text.

Comes in: title and body as extracted, in any language; the rules know English, German, French, Spanish, Italian,
Portuguese and Arabic, all at once, since a language detected on three lines of notice is a guess. Goes out: the notice
and its words. Nothing fails.

A notice speaks of the article that it stands in ("this story", "the item headlined ...", a label in front of it). What
is said of other things withdrawn, retracted, removed or corrected is news. So a sentence counts if it starts with the
article as its subject, or with whoever publishes it; a bare word ("withdrawn") only as a label in capitals. The ways of
the agencies are those of their published style books and advisories: AP, Reuters, AFP, dpa, EFE, ANSA, Lusa.

Measured by benchmarks/revisions.py.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from schemas.enums import NoticeKind
from schemas.records import Notice
from transforms.text.folding import folded

TEXT_LIMIT = 1_000  # characters of a notice: most have less than 300
LINE_LIMIT = 1_000  # characters of a line that are looked at: a notice stands at its start
LINES_LIMIT = 2_000
EDGE = 3  # lines from the top, and from the bottom: where a kill stands if the text is still there
TOMBSTONE_WORDS = 80  # a body of no more says nothing beside its notice


def find(title: str, body: str) -> Notice | None:
    """The notice that an article carries about itself; the gravest, if there are several.

    Args:
        title: the headline.
        body: the whole text; a line is a paragraph.

    Returns:
        The notice, its `text` as printed (at most `TEXT_LIMIT` characters; several corrections are joined by line
        feeds), or None.
    """
    lines = [line[:LINE_LIMIT] for line in islice((line for line in body.split("\n") if line.strip()), LINES_LIMIT)]
    head = _line(title)
    return _kill(head, lines) or _correction(head, lines)


@dataclass(frozen=True, slots=True)
class _Line:
    text: str  # as printed
    folded: str


def _line(text: str) -> _Line:
    printed = " ".join(text[:LINE_LIMIT].split())
    return _Line(printed, folded(printed))


def _hinted(lines: Sequence[str], hints: Sequence[str]) -> list[int]:
    """The places of the lines that hold one of `hints`: few do, and only they are worth folding and matching."""
    whole = "\n".join(lines).lower()
    present = [hint for hint in hints if hint in whole]
    if not present:
        return []
    return [place for place, line in enumerate(whole.split("\n")) if any(hint in line for hint in present)]


def _kill(title: _Line, lines: Sequence[str]) -> Notice | None:
    is_tombstone = sum(line.count(" ") + 1 for line in lines) <= TOMBSTONE_WORDS
    edge = lines if is_tombstone else [*lines[:EDGE], *lines[EDGE:][-EDGE:]]
    hinted = [_line(edge[place]) for place in _hinted(edge, _KILL_HINTS)]
    found = [line for line in hinted if _is_kill(line, is_tombstone=is_tombstone)]
    held = [line for line in hinted if _is_held(line, is_tombstone=is_tombstone)]
    if _KILL_LABEL.match(title.text):
        return _notice(NoticeKind.KILL, found or [title])
    if not found:
        return _notice(NoticeKind.WITHHELD, held) if held else None
    is_temporary = bool(held) or any(_TEMPORARY.search(line.folded) for line in found)
    is_final = any(_is_appeal(line) or _KILL_LABEL.match(line.text) or _IN_ERROR.search(line.folded) for line in found)
    return _notice(NoticeKind.WITHHELD if is_temporary and not is_final else NoticeKind.KILL, found)


def _is_kill(line: _Line, *, is_tombstone: bool) -> bool:
    """Whether a line says that the article is withdrawn, for good or for the time being."""
    if _KILL_LABEL.match(line.text) or _is_appeal(line) or _ALERT.match(line.folded):
        return True
    for sentence in _sentences(line.folded):
        if _REMOVED.match(sentence) or _WE_REMOVE.match(sentence):
            return True
        if is_tombstone and (_TOMBSTONE.match(sentence) or _IN_ERROR.search(sentence)):
            return True
    return False


def _is_appeal(line: _Line) -> bool:
    return bool(_APPEAL.search(line.folded)) and not _TERMS.search(line.folded)


def _is_held(line: _Line, *, is_tombstone: bool) -> bool:
    """Whether a line says that the article is not to be had, or not to be used yet."""
    sentences = list(_sentences(line.folded))
    return any(_HOLD.match(sentence) for sentence in sentences) or (
        is_tombstone and any(_UNAVAILABLE.match(sentence) for sentence in sentences)
    )


def _correction(title: _Line, lines: Sequence[str]) -> Notice | None:
    said: list[_Line] = []
    for place in _hinted(lines, _CORRECTION_HINTS):
        line = _line(lines[place])
        if _LABEL_ALONE.fullmatch(line.folded) and place + 1 < len(lines):
            said += [line, _line(lines[place + 1])]
        elif _is_correction(line):
            said.append(line)
    if not said and _CORRECTED_TITLE.match(title.text):
        said = [title]
    return _notice(NoticeKind.CORRECTION, said) if said else None


def _is_correction(line: _Line) -> bool:
    if _CORRECTION_LABEL.match(line.folded) or _BRACKET.search(line.folded):
        return True
    if _NOTE_LABEL.match(line.folded) and _ERROR.search(line.folded):
        return True
    if _STORY_CORRECTED.match(line.folded):
        return True
    return any(_is_outside_quotes(line.folded, found.start()) for found in _SELF_CORRECTED.finditer(line.folded))


def _is_outside_quotes(text: str, at: int) -> bool:
    return text.count('"', 0, at) % 2 == 0


def _sentences(text: str) -> Iterator[str]:
    """The sentences of a line, without what brackets them. One that opens with a quotation mark is somebody else's."""
    return (part.lstrip(" ([*-_") for part in _END.split(text))


def _notice(kind: NoticeKind, said: Sequence[_Line]) -> Notice:
    return Notice(kind=kind, text="\n".join(dict.fromkeys(line.text for line in said))[:TEXT_LIMIT])


# ── the words ──────────────────────────────────────────────────────────────────────────────────────────────────────
#
# Alternatives of all languages, a line or more for each: English, German, French, Spanish, Italian, Portuguese, Arabic.
# They are folded like the text, so they stand as they are printed, but hold no class that is written with a capital
# letter. Every repetition is bounded, and none stands within another unless words part its turns.


def _split(*lines: str) -> tuple[str, ...]:
    return tuple(part for line in lines for part in line.split("|"))


def _any(*alternatives: str) -> str:
    return "(?:" + "|".join(map(folded, alternatives)) + ")"


_END = re.compile(r"(?<=[.!?؟;]) |: (?=(?:this|diese|cet|est[ea]|quest|هذ))")

# What an article is called by those who publish it.
_NOUN = _any(
    "(?:news |blog )?(?:story|stories|article|item|dispatch|report|post|piece|column|bulletin|interview|review)",
    "content",
    "artikels?|beitrage?s?|beitrag|meldung|eilmeldung|text(?:es)?|berichte?s?|nachricht|inhalte?s?|interviews?",
    "article|dépêche|texte|contenu|information|publication|reportage|papier|billet|brève",
    "artículo|noticia|nota|texto|información|contenido|publicación|reportaje|crónica|despacho|cable|pieza",
    "articolo|notizia|testo|contenuto|servizio|lancio|pezzo|dispaccio|pubblicazione",
    "artigo|notícia|conteúdo|reportagem|matéria|peça|publicação",
    "(?:ال)?(?:خبر|مقال|مقالة|تقرير|مادة|قصة|نبأ|موضوع|محتوى|نص|برقية)",
)
# The same, less those that are as often something else's name: a job, a study, a law, a commodity.
_STORY = _any(
    "(?:news |blog )?(?:story|article|dispatch)|news item|item slugged",
    "artikel|meldung|eilmeldung|beitrag",
    "article|dépêche",
    "artículo|noticia|nota|información",
    "articolo|notizia|lancio",
    "artigo|notícia|matéria",
    "(?:ال)?(?:خبر|مقال|مقالة|تقرير|نبأ|برقية)",
)
_THIS = _any(
    r"(?:this|our)(?: [a-z0-9]{1,10}){0,3}",
    "diese[rsmn]?|unsere?[rsmn]?",
    "cet|cette|ce|notre",
    "este|esta|el presente|la presente|nuestr[oa]",
    "questo|questa|il presente|(?:il|la) nostr[oa]|quest'",
    "o presente|a presente|(?:[oa] )?noss[oa]|deste|desta|neste|nesta",
    "هذا|هذه|لهذا|لهذه|بهذا|بهذه",
)
_THE = _any("the|an?", "de[rnm]|die|das|eine?", "l'|la|le|cette|notre", "el|la|l[oa]s", "il|lo|l'|la", "o|a", "")
_GONE = _any(
    "withdrawn|retracted|killed|removed|taken (?:down|offline)|deleted|pulled|unpublished|depublished|rescinded|spiked",
    "cancell?ed|annulled|disavowed",
    "zurückgezogen|gelöscht|entfernt|annulliert|gesperrt|gestrichen|depubliziert|zurückgerufen|storniert|widerrufen",
    "offline genommen|vom netz genommen",
    "retirée?|supprimée?|dépubliée?|annulée?|effacée?|rétractée?|mise? hors ligne",
    "retirad[oa]|eliminad[oa]|anulad[oa]|borrad[oa]|suprimid[oa]|despublicad[oa]|cancelad[oa]|retractad[oa]",
    "ritirat[oa]|rimoss[oa]|eliminat[oa]|cancellat[oa]|annullat[oa]|soppress[oa]|ritrattat[oa]",
    "removid[oa]|apagad[oa]|excluíd[oa]|tirad[oa] do ar",
    "محذوف|ملغى|ملغاة|مسحوب|حذف|سحب",
)
_IS = _any(
    "(?:has|have|had) been|was|were|is|are|(?:is|are) being",
    "wurde|wird|ist|wurden|werden",
    "a été|est|sera|ont été",
    "ha sido|han sido|fue|ha quedado|queda|está|se ha",
    "è stat[oa]|viene|è|va|sono stat[ie]",
    "foi|foram|está|fica|é",
)
_WORDS = r"(?: [\w'.:]{1,20}){0,5}?"

# ── kills ──

_TEMPORARY = re.compile(
    _any(
        "temporar|for the time being|for now|under review|being reviewed|pending|while (?:we|it|the)",
        "vorübergehend|bis auf weiteres|derzeit (?:von|nicht)|wird (?:derzeit |zurzeit |gerade )?geprüft|zeitweise",
        "temporaire|provisoire|momentané|le temps d'une|en cours de vérification",
        "temporal|provisional|mientras|a la espera|en revisión",
        "temporane|provvisor|in attesa|per verifiche",
        "temporari|provisori|enquanto|até que|em revisão",
        "مؤقت|لحين|قيد المراجعة|ريثما|إلى حين",
    )
)
_HOLD = re.compile(
    _any(
        "(?:please |editors:? )hold (?:the|this|our)",
        rf"this {_NOUN} (?:has been|was|is) (?:put |placed )?on hold",
        "bitte (?:vorerst|zunächst) nicht (?:verwenden|veröffentlichen)",
        "mettre en attente (?:la|cette) dépêche",
        "retengan (?:la|esta) (?:nota|noticia)",
    )
)
_OPENING = r"(?:\w[\w' .]{0,30}(?:: ?|[)\]] ))?"  # "Update:", "Editor's note:", "(Advisory)"
_UNAVAILABLE = re.compile(
    _OPENING
    + rf"{_THIS} {_NOUN} [^.!?\"]{{0,30}}?"
    + _any(
        "(?:is |currently |temporarily ){0,3}(?:no longer available|unavailable|not available)",
        "nicht (?:mehr )?(?:verfügbar|abrufbar)",
        "n'est (?:plus|pas) (?:disponible|accessible)|indisponible",
        "no está (?:ya )?disponible|(?:ya )?no está disponible",
        "non è (?:più )?disponibile",
        "(?:já )?não está (?:mais )?disponível|indisponível",
        "غير متاح|لم يعد متاح",
    )
)
_DO_NOT_USE = _any(
    "(?:please|kindly) (?:kill|disregard|ignore|delete|remove|discard|withdraw|spike)|^(?:kill|disregard|spike)"
    "|(?:must|should) be (?:killed|disregarded|deleted|discarded)|kill (?:the|this|our)",
    "(?:advised|asked|requested|urged) (?:to|that you) (?:kill|disregard|delete|discard|spike)",
    "(?:do not|don't|not to|should not|must not) (?:use|publish|run|print|broadcast|air|redistribute)"
    "|refrain from (?:using|publishing)",
    "nicht (?:mehr )?(?:zu |weiter )?(?:verwenden|verwendet|verbreiten|veröffentlichen|senden|nutzen|publizieren)",
    "bitte (?:streichen|löschen|ignorieren|stornieren|vernichten)|gegenstandslos|hinfällig",
    "ne (?:pas|plus) (?:l'|la |le |en )?(?:utiliser|diffuser|publier|reprendre|tenir compte|exploiter)",
    "(?:merci|prière|veuillez|bien vouloir) (?:de |d')?(?:bien vouloir )?(?:annuler|supprimer|détruire|ignorer)",
    "no (?:la |lo )?(?:utilicen|usen|difundan|publiquen|utilizar|usar|difundir|publicar|tengan en cuenta|emitan)",
    "(?:hagan|hacer) caso omiso|anulen|eliminen|borren|desestimen|descarten",
    "non (?:utilizzar[el]|tener[en]|pubblicar[el]|diffonder[el]|usare)|(?:considerare|ritenere) (?:come )?null",
    "si prega di (?:annullar|eliminar|ignorar|cestinar|cancellar)|da non utilizzare|da annullare",
    "não (?:a |o )?(?:utiliz|us[ea]|publiq|publicar|divulg|difund|veicul)|desconsider",
    "(?:favor|pedimos|solicitamos)[^.]{0,20} (?:anul|ignor|elimin|apag)",
    "عدم (?:استخدام|نشر|استعمال|اعتماد|بث)|(?:يرجى|الرجاء|نرجو|رجاء) (?:من [^.]{0,30})?(?:إلغاء|حذف|تجاهل|إهمال|سحب)",
)
# Whom it is said to, or of what.
_ADDRESSED = _any(
    "headlined|slugged|editors|advisory|(?:the|this|our) (?:news )?(?:story|article|dispatch|news item)",
    "(?:die|diese|unsere|der|den|diesen) (?:meldung|eilmeldung|artikel|beitrag|nachricht)|meldung|redaktionen",
    "dépêche|(?:la|cette|cet|notre|l') ?(?:information|article)|intitulée?|papier",
    "(?:la|esta|nuestra|el|este) (?:noticia|nota|información|artículo|despacho)|titulad[oa]",
    "(?:la|questa|nostra|l') ?(?:notizia|articolo)|(?:il|questo) lancio|dal titolo",
    "(?:a|esta|nossa|o|este|da) (?:notícia|matéria|artigo|texto|despacho)|intitulad[oa]",
    "الخبر|خبر|التقرير|المقال|النبأ|البرقية|المعنون",
)
_APPEAL = re.compile(
    rf"{_DO_NOT_USE}[^.!?]{{0,120}}?{_ADDRESSED}|{_ADDRESSED}[^!?]{{0,160}}?\b{_DO_NOT_USE}"
    + folded(rf"|(?:verwenden|veröffentlichen|verbreiten) sie (?:die|den|diese[nr]?) {_STORY}[^!?]{{0,160}}? nicht\b")
)
# Conditions of use ("do not publish this article without permission") are no kill.
_TERMS = re.compile(
    _any(
        "without|unless|permission|except|prior|consent|licen[cs]e|copyright|before|until|embargo",
        "ohne|genehmigung|sperrfrist|sans |autorisation|avant|sin |permiso|autorización|antes de",
        "senza|autorizzazione|prima d|sem |autorização|antes d|دون إذن|بدون|قبل|إلا",
    )
)
# An agency's call to its clients, which names no date and no headline.
_ALERT = re.compile(
    r"[\W_]{0,4}"
    + _any("attention|eds|editors|alert|urgent", "achtung", "atención|urgente", "attenzione", "atenção", "تنبيه")
    + r"[^.!?\"]{0,40}?"
    + _any(
        "kills?|withdraws|retracts|is withdrawing",
        "zieht|annulliert|storniert",
        "annul(?:e|ons)|retir(?:e|ons)",
        "anula|retira|elimina",
        "annulla|ritira",
        "تلغي|تسحب",
    )
    + rf" [^.!?\"]{{0,20}}?{_STORY}\b"
)
_REMOVED = re.compile(
    _OPENING
    + _any(
        rf"{_THIS} {_NOUN}(?=[ ,:])[^.!?\"]{{0,70}}? ?{_IS}{_WORDS} {_GONE}\b",
        # the article by its headline, or as what stood here
        rf'{_THE} ?{_STORY} (?:[\w ]{{0,30}})?"[^"]{{5,200}}"[^.!?"]{{0,60}}? ?{_IS}{_WORDS} {_GONE}\b',
        rf"{_THE} ?{_NOUN}[^.!?\"]{{0,40}} (?:here|at this|hier|ici|aquí|qui|aqui)[^.!?]{{0,120}}?"
        rf" {_IS}{_WORDS} {_GONE}\b",
        r"(?:تم|جرى|وتم|وجرى|تقرر) (?:سحب|حذف|إلغاء|إزالة|شطب) (?:هذا|هذه) ال\w",
        rf"(?:هذا|هذه) {_NOUN} (?:ملغى|ملغاة|محذوف|محذوفة|مسحوب|مسحوبة|(?:تم|جرى) (?:سحب|حذف|إلغاء|إزالة))",
    )
)
_NEWSROOM = _any(
    "we|(?:the |our )?(?:editors|newsroom|editorial (?:team|board|staff)|news desk|publisher)",
    "wir|die (?:chef)?redaktion|der verlag",
    "nous|la (?:rédaction|direction)|notre rédaction",
    "la (?:redacción|dirección)|hemos|nuestra redacción",
    "la (?:redazione|direzione)|abbiamo",
    "a (?:redação|redacção|direção)|retir[aá]mos|removemos|decidimos",
)
_REMOVE = _any(
    "withdr[ae]wn?|withdrawing|retract(?:ed|s|ing)?|remov(?:ed?|ing)|delet(?:ed?|ing)|pull(?:ed|ing)|kill(?:ed|ing)?"
    "|unpublish(?:ed|ing)?|take down|took down|taken down|taking down|rescind(?:ed|ing)?",
    "retir(?:ons|e|é|er|ar|amos|ado|ou)|supprim(?:ons|e|é|er)|annul(?:ons|e|é|er|ato|are)|dépubli(?:ons|e|é|er)",
    "elimin(?:ado|ar|amos|ato|are)|anul(?:ado|ar|amos|ou)|borr(?:ado|ar)|despublic(?:ado|ar)",
    "ritir(?:ato|are)|rimoss[oa]|rimuovere|cancell(?:ato|are)",
    "remov(?:er|eu)|apag(?:ar|ou)|exclu(?:ir|iu)",
)
_WE_REMOVE = re.compile(
    _OPENING
    + _any(
        rf"{_NEWSROOM} (?:[^.!?\"]{{0,40}} )?{_REMOVE} {_THIS} ?{_NOUN}\b",
        rf"{_NEWSROOM} (?:hat|haben|ziehen|zieht|mussten|nehmen|löschen)[^.!?\"]{{0,20}} (?:diese[nrs]?) {_NOUN}"
        rf"[^.!?\"]{{0,80}}(?:{_GONE}|zurück|vom netz|offline)",
        rf"(?:retir|remov|anul|elimin)[aeiá]mos (?:est[ea]|a|o) {_NOUN}\b",
        r"(?:سحبت|حذفت|ألغت|تسحب|تلغي|تحذف|نسحب|نلغي|حذفنا|سحبنا|قررت)[^.!؟\"]{0,40} (?:هذا|هذه) ال\w",
    )
)
# Where nothing else is said, the article is what is spoken of.
_TOMBSTONE = re.compile(
    _OPENING
    + _any(
        rf"(?:{_THE}|{_THIS}) ?(?:earlier |previous )?{_STORY}\b[^.!?\"]{{0,90}}? {_IS}{_WORDS} {_GONE}\b",
        rf"{_NEWSROOM} (?:[^.!?\"]{{0,40}} )?{_REMOVE} (?:the|la|l'|le|el|il|o|a|our) ?{_STORY}\b",
        rf"[\w ,.&-]{{2,60}} (?:retracts|withdraws|has retracted|has withdrawn|kills) (?:its|the|this|a) {_NOUN}\b",
        rf"[\w ,.&-]{{2,60}} (?:hat|haben) (?:ihren?|den|die|das) {_STORY}[^.!?\"]{{0,80}}? {_GONE}\b",
        rf"(?:{_STORY}|conteúdo|contenido|contenu|contenuto|content|post) {_GONE}\b",
        "(?:تم|جرى) (?:سحب|حذف|إلغاء|إزالة) (?:ال)?(?:خبر|مقال|تقرير)",
        rf"(?:سحب|حذف|ألغي|شطب|أزيل) (?:هذا|هذه) {_NOUN}",
        "(?:نعتذر [^.!؟]{0,40}|وقد )?(?:تم|جرى) (?:سحبه|حذفه|إلغاؤه|سحبها|حذفها)",
    )
)
_IN_ERROR = re.compile(
    _any(
        rf"{_NOUN}[^.!?\"]{{0,60}}(?:published|sent|posted|filed|transmitted|released|issued)"
        " (?:in error|by mistake|prematurely|erroneously|inadvertently|by accident)",
        "(?:irrtümlich|versehentlich|fälschlich) (?:veröffentlicht|verschickt|gesendet|publiziert)",
        "(?:publié|diffusé)e? par erreur",
        "por error (?:se )?public|publicad[oa] por (?:error|engano|erro|lapso)",
        "(?:pubblicat|diffus)[oa] per errore",
        "نشر (?:هذا الخبر |الخبر )?(?:عن طريق الخطأ|بالخطأ|سهوا)|نعتذر عن نشر (?:هذا|هذه)",
    )
)
# Before the headline or the text: words that name the article, or a bare word in capitals.
_KILL_WORDS = (
    "(?:MANDATORY )?KILL(?:S|ED)?|KILL (?:ADVISORY|NOTICE|ALERT|BULLETIN)|WITHDRAWN|WITHDRAWAL|RETRACT(?:ION|ED|S)"
    "|(?:STORY|ARTICLE|ITEM|REPORT) (?:REMOVED|WITHDRAWN|KILLED|RETRACTED|DELETED|CANCELLED)"
    "|ZURÜCKGEZOGEN|MELDUNG (?:ZURÜCKGEZOGEN|GESPERRT|ANNULLIERT|GESTRICHEN)|ANNULLIERT|ANNULLIERUNG|WIDERRUF|STORNO"
    "|ANNULATION|(?:DÉPÊCHE|DEPECHE|ARTICLE) (?:ANNULÉE?|RETIRÉE?|SUPPRIMÉE?)|À ANNULER|ANNULÉE?|RÉTRACTATION"
    "|ANULACI[ÓO]N|(?:NOTICIA|NOTA|INFORMACIÓN) (?:ANULADA|RETIRADA|ELIMINADA)|ANULADA|ANULAR|RETRACTACIÓN"
    "|ANNULLAMENTO|ANNULLARE|ANNULLA|(?:NOTIZIA|LANCIO) (?:ANNULLAT[AO]|RITIRAT[AO])|ANNULLATA|RITRATTAZIONE"
    "|ANULAÇÃO|(?:NOTÍCIA|MATÉRIA) (?:ANULADA|CANCELADA|RETIRADA)|RETRATAÇÃO"
)
_KILL_LABEL = re.compile(
    r"[\W_]{0,4}(?:(?:BULLETIN|URGENT|FLASH|ALERT|ADVISORY|ATTENTION|EDITORS|EDS|[A-Z][A-Z -]{1,20}:)[ !:-]{1,3})?"
    rf"(?:{_KILL_WORDS})(?:[\])]? ?[:\u2013\u2014|]| - |\. |[\])] |-(?=[A-Z][a-z]))"
    r"|[\W_]{0,4}(?i:retraction|kill advisory|(?:story|article) (?:withdrawn|removed|retracted)|notice of retraction"
    r"|meldung zurückgezogen|dépêche annulée|noticia anulada|notizia annullata|notícia anulada)(?: ?:| - |\. )"
    r"|[\W_]{0,4}(?:KILL\W{0,3}){1,5}$"
    r"|[\W_]{0,4}(?:(?:إلغاء|الغاء|سحب|حذف) (?:خبر|الخبر|تقرير|مقال)|خبر ملغى|ملغى|إلغاء|الغاء) ?[:\u2013\u2014-]"
)
# What a line must hold to be looked at, in small letters, as printed: two of three pages have no such line.
_KILL_HINTS = _split(
    "withdr|retract|kill|remov|taken down|taken offline|took down|delete|pulled|publish|rescind|spike|cancel",
    "annul|disregard|ignore|hold|in error|mistake|available|discard|use |zurück|lösch|entfern|sperr|streich",
    "gestrich|stornier|widerr|verfügbar|abrufbar|verwend|verbreit|veröffent|verschickt|genommen",
    "gegenstandslos|hinfällig|retir|supprim|publi|effac|hors ligne|dispon|utilis|utiliz|diffus|difund|anul",
    "elimin|borr|omiso|desestim|descart|ritir|rimoss|rimuov|cancell|soppress|ritratt|null|cestin|apag|exclu",
    "desconsid|do ar|divulg|détrui|reprendre|tenir compte|suprim|usen|usar|سحب|حذف|الغ|إلغ|ألغ|تلغ|ملغ|ازال",
    "إزال|عدم|متاح|تجاهل|إهمال|شطب|نشر",
)


# ── corrections ──

_CORRECTION_WORDS = _any(
    "corrections?(?: (?:and|&|or) clarifications?)?|corrected|clarifications?|for the record|erratum|errata|correx"
    "|corrections? appended",
    "korrektur(?:hinweis)?|berichtigung|berichtigt|richtigstellung|klarstellung|korrigiert",
    "correctif|rectificatif|rectification|mise au point|précision|corrigé",
    "corrección|correcciones|corregid[oa]|fe de err(?:ores|atas?)|rectificación|aclaración|aclaratoria|precisión",
    "correzione|corretto|rettifica|errata corrige|precisazione|chiarimento",
    "correção|correcção|correções|corrigid[oa]|retificação|rectificação|erramos|esclarecimento",
    "تصحيح|تصويب|توضيح|استدراك|تصحيح خبر|خبر مصحح",
)
_DATED = r"(?:(?:, ?| ?\(| (?=\d)| (?:on|at|of|vom|um|du|le|à|del|el|di|alle|de|às) )(?:[^:|!?]|\d:\d){1,40})?"
_CORRECTION_LABEL = re.compile(
    rf"[\W_]{{0,4}}(?:ap )?{_CORRECTION_WORDS}(?:{_DATED}[\])]? ?[:|]|[\])]? - |[\])]?\. )(?= ?\W{{0,3}}\w)"
)
_LABEL_ALONE = re.compile(rf"[\W_]{{0,4}}{_CORRECTION_WORDS}{_DATED}[\W_]{{0,4}}")
_CORRECTED_TITLE = re.compile(
    r"[\W_]{0,4}(?:[A-Z0-9][A-Z0-9 -]{0,20}[ -])?"
    r"(?:CORRECTED|CORRECTION|CORRECTS|CORRECT|CLARIFICATION|CORREX|KORREKTUR|BERICHTIGUNG|BERICHTIGT|KORRIGIERT"
    r"|RECTIFICATIF|RECTIFICATION|CORRECTIF|CORRIGÉ|CORRECCI[ÓO]N|CORREGID[OA]|RECTIFICACI[ÓO]N"
    r"|CORRETT[OA]|CORREZIONE|RETTIFICA|ERRATA CORRIGE|CORREÇÃO|CORRIGID[OA]|RETIFICAÇÃO|ERRATA|ERRATUM)"
    r"(?:[\])]? ?[:\u2013\u2014|-]|[\])] )"
    r"|[\W_]{0,4}(?:AP )?(?i:correction|clarification|corrected|korrektur|korrigiert|berichtigung|richtigstellung"
    r"|rectificatif|corrigé|erratum|corregid[oa]|corrett[oa]|corrigid[oa]|corrección"
    r"|rectificación|fe de erratas|fe de errores|rettifica|correzione|errata(?: corrige)?|correção)"
    r"(?: ?:|\)|\] )"
    r"|[\W_]{0,4}(?:تصحيح|تصويب|مصحح)(?: خبر)?\W{0,2} ?[:)\u2013\u2014-]"
)
_BRACKET = re.compile(
    r"[(\[]\W{0,2}(?:\w{2,12}[,;:-]? (?:\w{1,12} ){0,2})?"
    + _any(
        r"correct(?:s|ing|ed(?! for)|ion)\b|fixes (?:typo|spelling|name|figure|date|day)|clarifies|adds dropped"
        r"|(?:refiles?|repeats|updates|resends|recasts) (?:\w+ ){0,3}to (?:correct|fix)"
        "|removes (?:erroneous|incorrect|extraneous)",
        r"this [\w ]{0,20}(?:story|article) (?:has been|was|is) (?:\w{1,10} ){0,3}to (?:correct|fix)",
        "korrigiert|berichtigt|berichtigung|korrektur|richtiggestellt",
        "corrige|rectifi|bien lire|correction|corrigé|erratum",
        "corrección|corregid|rectifica",
        "corregge|corrett|rettifica|correzione|errata",
        "correção|corrigid|retifica",
        "تصحيح|لتصحيح|يصحح|تصحح|إعادة لتصحيح|تصويب",
    )
    + r"(?![^)\]]{0,60}\b(?:facilit|institution|officer|department|action|course))"
)
# Labels that say little: what follows must speak of an error.
_NOTE_LABEL = re.compile(
    r"[\W_]{0,4}"
    + _any(
        "(?:editors?'?s?'?|publisher's|author's|a) notes?|note(?: to readers)?|update|updated|notice|amendment|amended",
        r"anmerkung(?: der redaktion)?|anm\. ?d\. ?red\.|\w{0,20}hinweis(?: der redaktion)?|redaktioneller hinweis",
        "in eigener sache|nachtrag|aktualisierung",
        "ndlr|note (?:de la rédaction|aux lecteurs|de l'éditeur)|mise à jour|à nos lecteurs",
        r"nota|nota (?:de la redacción|del? editor|de la editora|a los lectores|del director)|n\. ?de la r\.",
        r"actualización|nota (?:della redazione|dell'editore|ai lettori)|n\.?d\.?r\.?|aggiornamento|avviso ai lettori",
        r"nota (?:da redação|da redacção|do editor|da editora|aos leitores)|atualização|n\.? ?da ?r\.?",
        "ملاحظة|ملحوظة|تنويه|تنبيه|ملاحظة (?:من )?(?:المحرر|التحرير|هيئة التحرير)|تحديث",
    )
    + r"(?:[ ,]\(?[\w ,./]{0,30})?[\])]?(?: ?[:|]| - |\. )"
)
_ERROR = re.compile(
    _any(
        r"\bcorrect(?!ly)|incorrect|\berrors?\b|erroneous|misst|misspel|misidenti|mistak|misattribut|misquot|\bwrong",
        "inaccura|clarif|amended|(?:earlier|previous|original|first|initial|prior) version|to reflect|we regret",
        r"apologi[sz]e|should have (?:said|read)|(?:has been|was) (?:changed|updated|revised)"
        r"(?!(?: [a-z0-9,]+){0,4}? (?:to (?:include|add)|with|as|throughout|regularly))",
        "korrigi|korrekt|berichtig|fehler|falsch|irrtüm|irrig|richtig ist|richtiggestellt|präzisier|missverständ",
        r"(?:früher|erst|vorherig|ursprünglich|vorig|älter)\w{0,3} (?:version|fassung)",
        "corrig|erreur|erroné|rectifi|inexact|(?:une|des|cette) précision|préciser que|a été précisé",
        "(?:première|précédente|ancienne) version|version (?:précédente|antérieure|initiale)",
        "corregi|correcci|por error|errónea|erróneo|equivocad|rectific|precisar|aclarar|incorrect",
        "versión (?:anterior|previa|inicial)|primera versión",
        "corrett|correg|errore|errat[oa]|rettific|precisa(?:re|zione|to)|inesatt|sbagliat",
        "(?:precedente|prima) versione|versione precedente",
        "correç|por erro|errad|retific|incorret|lapso|versão (?:anterior|inicial|original)|primeira versão",
        "تصحيح|تعديل|خطأ|الصحيح|والصواب|تصويب|سابقة|توضيح|غير دقيق",
    )
)
_CHANGED_TO = r"(?: [\w,:.]{1,15}){0,8}?"
_CORRECTED = _any(
    "corrected|amended|clarified|fixed|revised to|rectified",
    rf"(?:updated|changed|edited|modified|revised|republished|altered|refiled){_CHANGED_TO} (?:to|and)"
    " (?:correct|clarif|fix|amend|rectif|remove an? (?:incorrect|erroneous|inaccurate|wrong|error))",
    "korrigiert|berichtigt|richtiggestellt|richtig gestellt|präzisiert",
    rf"corrigée?|rectifiée?|(?:modifié|mis à jour|actualisé)e?{_CHANGED_TO} (?:pour|afin de)"
    " (?:corrig|rectifi|précis|clarifi)",
    rf"corregid[oa]|rectificad[oa]|(?:modificad|actualizad|editad)[oa]{_CHANGED_TO} para"
    " (?:corregir|rectificar|aclarar|precisar)",
    rf"corrett[oa]|rettificat[oa]|(?:modificat|aggiornat)[oa]{_CHANGED_TO} per (?:corregg|rettific|chiari|precis)",
    rf"corrigid[oa]|retificad[oa]|(?:alterad|atualizad|modificad|editad)[oa]{_CHANGED_TO} para"
    " (?:corrigir|retificar|esclarecer)",
)
# "Article corrigé à 15h", "L'articolo è stato corretto": at the start of a line; with a number it is a law's.
_STORY_CORRECTED = re.compile(
    rf"[\W_]{{0,4}}(?:(?:the|der|die|l'|el|la|il|o|a) ?)?(?:{_STORY}|text[eo]?|testo|reportagem|versione?|versao)"
    rf"(?! ?\d)(?: {_IS})?{_WORDS}"
    rf" {_CORRECTED}"
)
_WRONGLY = _any(
    "(?:originally|initially|previously|at first|first|incorrectly|wrongly|erroneously|mistakenly|inaccurately|earlier)"
    " (?:said|stated|reported|gave|identified|described|named|misstated|referred|suggested|listed|attributed|quoted)",
    "misstated|misspell?(?:ed|t)|misidentified|misattributed|misquoted|mischaracteri[sz]ed"
    "|contained an? (?:error|inaccura)",
    "(?:gave|included|contained|had|listed|used) (?:the |an? |some )?(?:wrong|incorrect|inaccurate|erroneous)",
)
_OF_THIS = _any(
    r"(?:of|on|in|for) (?:this|the|our|a) (?:[\w'-]{1,12} ){0,3}?",
    "(?:dieses|dieser|des|der|unseres|unserer) ",
    "de (?:cet|cette|notre|l') ?",
    "(?:de (?:est[ea]|la|nuestr[oa])|del) ",
    "(?:di quest[oa']|del|dell'|della) ?",
    "(?:dest[ea]|d[oa]) ",
    "(?:من|ل)[^.!؟]{0,15}",
)
_VERSION = _any(
    "(?:earlier|previous|original|prior|first|initial|older) (?:versions?|editions?|drafts?|headlines?|reports?)",
    "(?:früheren?|ersten?|vorherigen?|ursprünglichen?|vorigen?|älteren?) (?:version|fassung)",
    "(?:première|précédente|antérieure|ancienne|initiale) version|version (?:précédente|antérieure|initiale|originale)",
    "versión (?:anterior|previa|inicial|original)|(?:primera|anterior|previa) versión",
    "versione precedente|(?:precedente|prima) versione",
    "versão (?:anterior|inicial|original|prévia)|(?:primeira|anterior) versão",
    "(?:ال)?(?:نسخة|صيغة|رواية) (?:ال)?(?:سابقة|أولى|قديمة)",
)
_SELF_CORRECTED = re.compile(
    _any(
        rf"\b{_VERSION} {_OF_THIS}{_NOUN}\b",
        # en
        rf"\b(?:this|our) (?:[\w'-]{{1,12}} ){{0,3}}?{_NOUN}\b[^.!?\"]{{0,60}}? (?:has|have|had|was|were|is|been)"
        rf"(?: [\w',]{{1,12}}){{0,6}}? {_CORRECTED}",
        rf"\b(?:this|our|the) (?:[\w'-]{{1,12}} ){{0,3}}?{_NOUN}\b (?:\w{{1,12}} ){{0,3}}?{_WRONGLY}",
        r"\b(?:we (?:have )?(?:corrected|amended|clarified|fixed)|nous avons (?:corrigé|rectifié)"
        "|hemos (?:corregido|rectificado)|abbiamo (?:corretto|rettificato)|corrigimos|retificamos|corregimos)"
        rf' [^.!?"]{{0,80}}\b{_THIS} ?{_NOUN}\b',
        rf"\bheadline (?:of|on) this {_NOUN} (?:has been|was) (?:changed|corrected|amended|updated)",
        r"\b(?:an|in an|our) (?:earlier|previous|original|initial) (?:version|report|article|story)[^.!?\"]{0,80}?"
        "(?:misst|misspel|misidentif|incorrect|wrong|erroneous|mistaken|inaccura)",
        r"\bwe (?:originally|initially|previously|first|incorrectly|wrongly|mistakenly|erroneously)"
        " (?:said|wrote|reported|gave|stated|misstated|published|identified)",
        "as (?:we|this (?:article|story)|was) (?:originally |initially |previously |first |incorrectly )"
        "(?:said|wrote|reported|stated|published)|as (?:we|this (?:article|story)) (?:said|wrote|reported) at first",
        r"\bcorrection appended|\bthe original (?:version|article|story|report)"
        " (?:misst|misspel|misidentif|incorrect|wrong|gave|said)",
        # de
        rf"\b(?:in )?diese[rsmn]? {_NOUN}\b[^.!?\"]{{0,120}}? {_CORRECTED}",
        rf"\bwir haben (?:[^.!?\"]{{0,80}} )?(?:diese[smnr]?|unsere[nmrs]?) {_NOUN}[^.!?\"]{{0,80}} {_CORRECTED}",
        r"\b(?:wir haben|wurde|und haben) (?:das|dies|den fehler|die stelle|die angaben?|die passage|die zahl|es)"
        rf"(?: \w{{1,15}}){{0,4}}? {_CORRECTED}",
        r"\b(?:anders als|entgegen) (?:zunächst|ursprünglich|anfangs|zuerst|unserer? früheren)"
        " (?:berichtet|gemeldet|geschrieben|angabe|meldung|darstellung)",
        # fr
        rf"\b(?:cet|cette) {_NOUN}\b[^.!?\"]{{0,40}}? (?:a été|est)(?: [\w',]{{1,15}}){{0,5}}? {_CORRECTED}",
        r"\bcontrairement à ce que nous (?:avions|avons) (?:\w{1,12} ){0,2}?(?:écrit|indiqué|annoncé|publié|affirmé)",
        r"\b(?:comme nous l'avons|que nous avions) (?:\w{1,15} ){0,3}?(?:écrit|indiqué|publié)(?: \w{1,12}){0,2}"
        " par erreur",
        # es, it, pt
        rf"\best[ea] {_NOUN}\b[^.!?\"]{{0,40}}? (?:ha sido|fue|se ha|está|foi)(?: [\w',:]{{1,15}}){{0,5}}?"
        rf" {_CORRECTED}",
        r"\bcomo (?:publicamos|informamos|dijimos) (?:\w{1,15} ){0,2}?por error",
        rf"\bquest[oa'] ?{_NOUN}\b[^.!?\"]{{0,40}}? (?:è stat[oa]|è)(?: [\w',]{{1,15}}){{0,5}}? {_CORRECTED}",
        rf"\b[oa] {_NOUN} (?:foi|está)(?: [\w',:]{{1,15}}){{0,5}}? {_CORRECTED}",
        r"\b(?:diferentemente|ao contrário) d[oe] que (?:\w{1,15} ){0,3}?"
        "(?:informava|informou|noticiado|noticiou|publicado|foi dito)",
        # ar
        rf"(?:تم|جرى|وجرى|وتم) (?:تصحيح|تعديل|تصويب)[^.!؟\"]{{0,60}} (?:في )?(?:هذا|هذه) {_NOUN}",
        rf"(?:تم|جرى) (?:تصحيح|تصويب) {_NOUN}\b",
        rf"(?:هذا|هذه) {_NOUN}[^.!؟\"]{{0,60}}(?:لتصحيح|تصحيح خطأ|ورد خطأ)",
        "خلافا لما (?:ورد|ذكر|نشر)",
    )
)
_CORRECTION_HINTS = _split(
    "correct|correz|corrett|corregg|correg|correcc|correç|corrig|rectif|retific|rettific|errat|erramos",
    "fe de err|clarif|misst|misspel|misident|misquot|misattrib|mischarac|inaccura|wrong|erroneous|amended",
    "version|for the record|correx|mistaken|fixes|regret|adds dropped|refile|apolog|originally|initially",
    "previously|we first|headline|korrig|korrekt|berichtig|richtigst|richtig gest|klarstell|präzis|fehler",
    "falsch|fälsch|fassung|anders als|entgegen|diesen artikel|précis|bien lire|mise au point|erreur",
    "contrairement|aclar|equivoc|por error|erróne|versión|precisa|inesatt|sbagliat|errore|chiari|esclarec",
    "versão|por erro|lapso|diferentemente|ao contrário|updated to|changed to|earlier|تصحيح|تصويب|توضيح",
    "استدراك|تعديل|خطأ|خطا|سابقة|الصحيح|خلافا|مصحح|يصحح",
)
