"""What a reader of one format finds in an item, before it becomes a capture: the wire's words as written.

A reader decides what is the item's own (the version's time and not the picture's, the text and not its table of
contents) and leaves the rest to `transforms.wire.captures`: reading of dates, cleaning of text, limits.
"""

import dataclasses
from dataclasses import dataclass
from typing import Self

from schemas.records import Caption, Subject

ITEMS_LIMIT = 100  # items of one document that are read; agencies send one, archives ten
MESSAGE_LIMIT = 500  # characters of an error: the document's own words may be part of it


class WireError(ValueError):
    """A document, or an item of it, that cannot be used: one line that says what is wrong, and where."""

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message[: MESSAGE_LIMIT * 2].split())[:MESSAGE_LIMIT])


class NotText(WireError):  # noqa: N818  # nothing is wrong with it: a WireError by its parent's name
    """An item of another kind: a picture, a video, an event, a package. Nothing is wrong with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WireItem:
    """A text item. Texts are as written, "" where there is none; dates too."""

    id: str = ""  # the wire's own
    provider: str = ""
    version: str = ""
    status: str = ""  # IPTC's publication status, or a word that an agency uses for it
    signals: tuple[str, ...] = ()  # words and codes that say what this version is
    title: str = ""
    summary: str = ""
    html: str = ""  # the text as HTML, if it came marked up
    text: str = ""  # the text as plain text
    captions: tuple[Caption, ...] = ()  # of pictures beside the text
    image_url: str = ""
    url: str = ""  # where the public reads this very text
    language: str = ""
    byline: str = ""
    authors: tuple[str, ...] = ()
    dateline: str = ""
    located: str = ""  # the place that the item says that it was written in
    credits: tuple[str, ...] = ()
    section: str = ""
    tags: tuple[str, ...] = ()
    subjects: tuple[Subject, ...] = ()
    genre: str = ""
    urgency: str = ""
    published: str = ""  # the first version
    revised: str = ""  # this version
    embargo: str = ""
    is_embargoed: bool = False  # said, whether or not a date beside it says until when
    ednote: str = ""
    usage_terms: str = ""
    copyright_holder: str = ""

    def filled(self, other: "WireItem") -> Self:
        """This item, what it lacks taken from `other`: a wrapper's metadata count before those of what is wrapped."""
        lacking = {
            field.name: getattr(other, field.name)
            for field in dataclasses.fields(self)
            if not getattr(self, field.name)
        }
        return dataclasses.replace(self, **lacking)
