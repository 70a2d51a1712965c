"""Mails as they leave: in the language and the zone of whoever gets them, as text and as a page."""

from placet.connectors.mail.html import rendered
from placet.connectors.mail.port import Mail
from placet.store.mails import Telling
from placet.store.notices import heading
from placet.web.retelling import plain
from placet.web.words import SOURCE, UNIVERSAL, Reader, gettext, preferred, reading, zone_of


def told(mail: Mail, telling: Telling | None, base_url: str) -> Mail:
    """The mail with its HTML, told again. To whom English and UTC are right it goes as it was stored."""
    who = Reader(preferred(telling.language, ""), zone_of(telling.zone)) if telling else Reader()
    if telling is None or (who.language, who.zone) == (SOURCE, UNIVERSAL):
        return mail.model_copy(update={"html": rendered(mail, base_url)})
    with reading(who):
        mail = mail.model_copy(update={"subject": heading(plain(telling.subject)), "text": plain(telling.text)})
        return mail.model_copy(update={"html": rendered(mail, base_url, who.language, who.direction, gettext)})
