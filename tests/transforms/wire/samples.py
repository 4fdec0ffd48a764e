"""Small invented documents of each format, and what the tests do with them."""

import datetime as dt
import json
from typing import Any

from schemas.records import Capture
from transforms.wire.documents import captures_of

RECEIVED_AT = dt.datetime(2024, 5, 6, 12, tzinfo=dt.UTC)
FIRST, SECOND = "2024-05-06T08:00:00Z", "2024-05-06T09:30:00Z"
PARAGRAPHS = (
    "The council of Ostermoor voted on Monday to rebuild the old ferry landing, which a storm carried away in March.",
    "Nine members were for the plan and six against it, after a debate that lasted until late in the evening.",
    "Work on the landing is to begin in August, and the mayor hopes for the first boats before the winter comes.",
)
HTML = "".join(f"<p>{paragraph}</p>" for paragraph in PARAGRAPHS)
BODY = "\n\n".join(PARAGRAPHS)
TITLE = "Ostermoor to rebuild its ferry landing"


def only(document: bytes, received_at: dt.datetime = RECEIVED_AT) -> Capture:
    """The capture of a document's one item."""
    (capture,) = captures_of(document, received_at)
    assert isinstance(capture, Capture), capture
    return capture


def ninjs_object(**fields: Any) -> dict[str, Any]:
    basis = {
        "uri": "urn:newsml:fen.example:20240506:ferry",
        "type": "text",
        "version": "1",
        "versioncreated": FIRST,
        "firstcreated": FIRST,
        "pubstatus": "usable",
        "language": "en",
        "headline": TITLE,
        "body_html": HTML,
        "source": "Fen Wire",
    }
    return {name: value for name, value in {**basis, **fields}.items() if value is not ...}


def ninjs(**fields: Any) -> bytes:
    return json.dumps(ninjs_object(**fields)).encode()


def g2_item(
    *,
    guid: str = "urn:newsml:fen.example:20240506:ferry",
    version: str = "1",
    created: str = FIRST,
    item_class: str = "ninat:text",
    status: str = "stat:usable",
    meta: str = "",
    content_meta: str = f"<headline>{TITLE}</headline>",
    content: str = f'<inlineXML contenttype="application/xhtml+xml"><html xmlns="http://www.w3.org/1999/xhtml">'
    f"<head><title>{TITLE}</title></head><body>{HTML}</body></html></inlineXML>",
) -> str:
    return f"""<newsItem xmlns="http://iptc.org/std/nar/2006-10-01/" guid="{guid}" version="{version}" xml:lang="en-GB">
      <rightsInfo><copyrightHolder literal="Fen Wire Ltd"/><usageTerms>Not for archives</usageTerms></rightsInfo>
      <itemMeta><itemClass qcode="{item_class}"/><provider literal="Fen Wire"/>
        <versionCreated>{created}</versionCreated><firstCreated>{FIRST}</firstCreated>
        <pubStatus qcode="{status}"/>{meta}</itemMeta>
      <contentMeta>{content_meta}</contentMeta>
      <contentSet>{content}</contentSet>
    </newsItem>"""


def g2(**parts: str) -> bytes:
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{g2_item(**parts)}'.encode()


def g2_message(*items: str) -> bytes:
    return (
        '<newsMessage xmlns="http://iptc.org/std/nar/2006-10-01/">'
        f"<header><sent>{FIRST}</sent></header><itemSet>{''.join(items)}</itemSet></newsMessage>"
    ).encode()


def newsml_1(
    *,
    revision: str = "1",
    created: str = "20240506T080000Z",
    status: str = "Usable",
    managed: str = "",
    lines: str = f"<HeadLine>{TITLE}</HeadLine>",
    described: str = '<Language FormalName="en"/>',
    contents: str = f'<ContentItem><MediaType FormalName="Text"/><DataContent><nitf><body><body.content>{HTML}'
    "</body.content></body></nitf></DataContent></ContentItem>",
) -> bytes:
    return f"""<?xml version="1.0" encoding="UTF-8"?>
    <NewsML Version="1.2"><NewsEnvelope><DateAndTime>20240506T080100Z</DateAndTime></NewsEnvelope><NewsItem>
      <Identification><NewsIdentifier><ProviderId>fen.example</ProviderId><DateId>20240506</DateId>
        <NewsItemId>FERRY7</NewsItemId><RevisionId PreviousRevision="0" Update="N">{revision}</RevisionId>
        <PublicIdentifier>urn:newsml:fen.example:20240506:FERRY7:{revision}</PublicIdentifier>
      </NewsIdentifier></Identification>
      <NewsManagement><NewsItemType FormalName="News"/><FirstCreated>20240506T080000Z</FirstCreated>
        <ThisRevisionCreated>{created}</ThisRevisionCreated><Status FormalName="{status}"/>
        <Urgency FormalName="3"/>{managed}</NewsManagement>
      <NewsComponent><NewsLines>{lines}</NewsLines>
        <AdministrativeMetadata><Provider><Party FormalName="Fen Wire"/></Provider></AdministrativeMetadata>
        <DescriptiveMetadata>{described}</DescriptiveMetadata>{contents}</NewsComponent>
    </NewsItem></NewsML>""".encode()


def nitf(
    *,
    docdata: str = '<doc-id regsrc="Fen Wire" id-string="FW.20240506.77"/>'
    '<date.issue norm="20240506T100000+0200"/><urgency ed-urg="4"/>',
    status: str = "usable",
    head: str = "",
    lines: str = f"<hedline><hl1>{TITLE}</hl1></hedline>",
    content: str = HTML,
    namespace: str = "",
) -> bytes:
    return f"""<?xml version="1.0" encoding="UTF-8"?>
    <nitf{namespace}><head><title>Ferry</title>{head}<docdata management-status="{status}">{docdata}</docdata></head>
    <body><body.head>{lines}</body.head><body.content>{content}</body.content></body></nitf>""".encode()
