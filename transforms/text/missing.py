"""Error pages that are sent with status 200: a title that says so, and next to no text."""

import re
from collections.abc import Sequence

WORDS_LIMIT = 150  # of an error page; longer ones list other stories, and then no title decides
# The titles that web servers and publishing systems ship with; on 885 labelled article pages none of them occurs.
_ERROR = re.compile(
    r"(?:error |fehler |erreur )?(?:40[0134]|410|451|50[0234])"
    r"(?:[ :.\u2013\u2014-]{1,3}(?:error|page not found|not found|forbidden|gone|unavailable|service unavailable))?"
    r"|(?:the |this )?(?:page|article|story|content) (?:was |could |can |is )?(?:not (?:be )?found|not available"
    r"|no longer available|unavailable)"
    r"|not found|access denied|forbidden|service unavailable|just a moment|attention required"
    r"|(?:diese )?seite nicht (?:gefunden|verfügbar)|page (?:introuvable|non trouvée)|página no encontrada"
    r"|página não encontrada|pagina non trovata|pagina niet gevonden|sidan hittades inte|siden (?:ble )?ikke funnet",
    re.IGNORECASE,
)
_PARTS = re.compile(r" [|\u2013\u2014:\u2022\u00b7\u00bb-] |: ")


def is_error_page(title: str, entry_title: str, body: Sequence[str]) -> bool:
    """Whether a page with this title and these paragraphs says that there is nothing there.

    An entry with that very title is an article about it.
    """
    if sum(len(paragraph.split()) for paragraph in body) > WORDS_LIMIT or title.strip() == entry_title.strip():
        return False
    return any(_ERROR.fullmatch(part.strip(" .!…")) for part in (title, *_PARTS.split(title)))
