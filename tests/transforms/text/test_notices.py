"""notices: what an article says about itself is found, what it says of others is not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.enums import NoticeKind
from schemas.records import Notice
from transforms.text import notices

TITLE = "Council votes for plan"
BODY = (
    "The council met on Monday to discuss the new budget for schools and roads.\n\n"
    "It voted by nine to six for the plan, and the mayor welcomed the result after a long evening of debate.\n\n"
    "The works begin in May and will cost two million. Local traders said they had not been asked, and a petition has "
    "gathered four hundred names since last week.\n\n"
    "The next meeting is in June, when the plan for the harbour will be read for the second time."
)
CORRECTION, KILL, WITHHELD = NoticeKind.CORRECTION, NoticeKind.KILL, NoticeKind.WITHHELD


def kind(body: str, title: str = TITLE) -> NoticeKind | None:
    notice = notices.find(title, body)
    return notice.kind if notice else None


@pytest.mark.parametrize(
    "line",
    [
        "Correction, March 3: The vote was nine to six.",
        "CORRECTION (May 4, 10:20 a.m.): The vote was nine to six.",
        "An earlier version of this story misidentified the mayor.",
        "This article originally stated that the vote was unanimous.",
        "The headline of this article was changed to more accurately reflect the vote.",
        "Editors' note: The article has been changed to remove an inaccurate statement.",
        "We have corrected the number of votes in this story.",
        "• This article was amended on 5 May 2024. It said the vote was ten to five.",
        "For the record: the petition is not connected with the traders.",
        "(Corrects paragraph 2 to say nine to six, not ten to five.)",
        "(Refiles to correct typo in headline)",
        "In einer früheren Version dieses Textes hieß es, die Kosten lägen bei drei Millionen.",
        "Anm. d. Red.: In einer früheren Version stand, der Rat habe einstimmig gestimmt.",
        "Korrektur, 15.30 Uhr: Die Abstimmung endete neun zu sechs.",
        "*Der Text wurde am 3. Juni berichtigt.",
        "Update: Wir hatten zunächst fälschlich zehn Stimmen gemeldet.",
        "Rectificatif. Le vote s'est terminé par neuf voix contre six.",
        "Article mis à jour le 4 mai à 10h pour corriger le nombre de voix.",
        "Nous avons corrigé une erreur dans cet article sur le nombre de voix.",
        "Fe de erratas: El consejo votó nueve a seis.",
        "Este artículo ha sido modificado para corregir el número de votos.",
        "(Corrige cifra de votos en segundo párrafo)",
        "Errata corrige: il voto è finito nove a sei.",
        "L'articolo è stato corretto alle 15.20: i voti sono nove.",
        "In una precedente versione di questo articolo il voto era indicato come unanime.",
        "ERRAMOS: o conselho votou nove a seis.",
        "Uma versão anterior desta reportagem dizia que o voto foi unânime.",
        "Texto corrigido às 15h.",
        "تصويب: انتهى التصويت بتسعة أصوات مقابل ستة.",
        "ورد في نسخة سابقة من هذا التقرير أن التصويت كان بالإجماع، والصحيح غير ذلك.",
        "تنويه: ورد خطأ في النسخة السابقة من الخبر.",
    ],
)
def test_a_correction_is_found_at_the_start_and_at_the_end(line: str) -> None:
    for body in (f"{line}\n\n{BODY}", f"{BODY}\n\n{line}"):
        found = notices.find(TITLE, body)
        assert found
        assert (found.kind, found.text) == (CORRECTION, line)


@pytest.mark.parametrize(
    "title",
    [
        "UPDATE 2-CORRECTED-Council votes for plan",
        "(CORRECTED) - COUNCIL VOTES FOR PLAN",
        "Correction: Council vote story",
        "BERICHTIGUNG: Rat stimmt für Plan",
        "RECTIFICATIF - Le conseil vote le plan",
        "(Corrección) El consejo vota el plan",
        "RETTIFICA: Il consiglio vota il piano",
        "CORREÇÃO: Conselho vota o plano",
        "تصحيح - المجلس يصوت على الخطة",
    ],
)
def test_a_correction_is_found_in_the_headline(title: str) -> None:
    assert notices.find(title, BODY) == Notice(kind=CORRECTION, text=title)


def test_a_label_may_stand_alone_above_its_words() -> None:
    found = notices.find(TITLE, f"{BODY}\n\nCorrection\n\nThe vote was nine to six.")
    assert found
    assert found.text == "Correction\nThe vote was nine to six."


def test_several_corrections_are_one_notice() -> None:
    found = notices.find(TITLE, f"Correction: one.\n\n{BODY}\n\nClarification: two.")
    assert found
    assert found.text == "Correction: one.\nClarification: two."


@pytest.mark.parametrize(
    "tombstone",
    [
        "This story has been retracted. It did not meet our standards.",
        "The article originally published at this address has been removed.",
        "The Associated Press has withdrawn its story about the council vote. It was based on a hoax.",
        "Article removed.",
        "This story was published prematurely and has been removed.",
        "Our article on the vote was wrong and has been deleted. We apologise.",
        "Wir haben den Artikel gelöscht, weil er falsche Tatsachen enthielt.",
        "Dieser Beitrag wurde von der Redaktion entfernt.",
        "Cet article a été supprimé à la demande de la mairie.",
        "Nous avons retiré cet article, qui contenait des informations erronées.",
        "Esta noticia ha sido retirada por contener errores.",
        "La redacción ha decidido retirar esta noticia.",
        "Questo articolo è stato rimosso su richiesta degli interessati.",
        "Este artigo foi removido por violar as nossas normas editoriais.",
        "Matéria retirada do ar por decisão judicial.",
        "تم حذف هذا المقال.",
        "سحبت الوكالة هذا الخبر لعدم دقته.",
    ],
)
def test_what_stands_in_place_of_an_article_is_a_kill(tombstone: str) -> None:
    assert kind(tombstone) is KILL


@pytest.mark.parametrize(
    "line",
    [
        'PLEASE DISREGARD: The story headlined "Council votes" was sent in error.',
        "Eds: Kills story on council vote. A substitute will not be sent.",
        "KILL KILL KILL",
        "BULLETIN KILL: Kill the story on the council vote sent earlier today.",
        "EDITOR'S NOTE: This article has been retracted by the editors.",
        "Achtung! Die Meldung 0123 ist zurückgezogen. Bitte nicht verwenden!",
        "ATTENTION - Dépêche annulée. Prière de ne pas tenir compte de la dépêche de 10h12.",
        'ATENCIÓN: se anula la noticia titulada "El consejo vota", por contener datos erróneos.',
        "La notizia delle 10.12 sul consiglio è annullata. Da non utilizzare.",
        "ANULAÇÃO: favor não publicar a notícia do conselho.",
        "إلغاء: يرجى عدم نشر الخبر الخاص بتصويت المجلس.",
    ],
)
def test_a_wires_advisory_kills_the_text_under_it(line: str) -> None:
    assert kind(f"{line}\n\n{BODY}") is KILL


@pytest.mark.parametrize(
    "title", ["KILL-Council votes for plan", "STORY REMOVED: Council votes", "WITHDRAWN: Council votes for plan"]
)
def test_a_kill_is_found_in_the_headline(title: str) -> None:
    assert kind(BODY, title) is KILL


@pytest.mark.parametrize(
    "tombstone",
    [
        "We have temporarily taken down this article pending review.",
        "This article is unavailable while we investigate a complaint.",
        "Dieser Beitrag ist vorübergehend nicht verfügbar.",
        "Cet article est temporairement indisponible.",
        "Esta información ha sido retirada temporalmente mientras se revisa.",
        "L'articolo è stato temporaneamente rimosso in attesa di verifiche.",
        "Este conteúdo está temporariamente indisponível.",
        "هذا المقال غير متاح مؤقتا لحين مراجعته.",
    ],
)
def test_what_is_taken_away_for_now_is_withheld(tombstone: str) -> None:
    assert kind(tombstone) is WITHHELD


@pytest.mark.parametrize(
    "line",
    [
        "The minister withdrew the report, and the report was later retracted.",
        "The court ruled that the article was removed unlawfully from the site, the newspaper said.",
        "The company removed this item from its shelves after a recall on Monday.",
        "The journal retracted the study on Monday because its data could not be verified.",
        '"This post has been removed," a message on the page read on Monday.',
        "Police asked the public to ignore the story on social media, which they said was false.",
        "Facebook said the post was removed because it broke its rules.",
        "Three people were killed on Monday when a bus left the road.",
        "This story has been updated with comments from the mayor.",
        "Editor's note: This article contains descriptions of violence.",
        "Editor's note: This article was first published in 2019.",
        "Do not publish this article without the written permission of the author.",
        "The market saw a correction: shares fell by a tenth.",
        "Nach der Korrektur am Markt stiegen die Kurse.",
        "Der Hersteller hat das Mittel vom Markt genommen und die Hinweise gelöscht.",
        "Le ministre a retiré le texte. Cette information a été démentie par la mairie.",
        "El alcalde retiró su moción y la empresa eliminó la información de su web.",
        "La notizia è stata smentita dal sindaco, che ha ritirato la proposta.",
        "O ministro retirou o texto. A notícia foi desmentida pelo prefeito.",
        "سحبت الشركة المنتج من الأسواق وحذفت الإعلان من موقعها يوم الاثنين.",
    ],
)
def test_what_is_said_of_others_is_no_notice(line: str) -> None:
    for body in (f"{line}\n\n{BODY}", f"{BODY}\n\n{line}"):
        assert notices.find(TITLE, body) is None


@pytest.mark.parametrize(
    "title",
    ["Kill switch law passed", "Withdrawn drug: what to know", "Journal retracts paper", "Three killed in crash"],
)
def test_a_headline_may_speak_of_killing_and_withdrawing(title: str) -> None:
    assert notices.find(title, BODY) is None


@given(st.text(max_size=300), st.text(max_size=2_000))
def test_any_text_is_read_and_the_notices_words_are_bounded(title: str, body: str) -> None:
    found = notices.find(title, body)
    assert found is None or 0 < len(found.text) <= notices.TEXT_LIMIT


def test_a_notice_is_cut() -> None:
    found = notices.find(TITLE, "\n\n".join(f"Correction: number {number} {'was wrong ' * 50}" for number in range(9)))
    assert found
    assert len(found.text) == notices.TEXT_LIMIT
