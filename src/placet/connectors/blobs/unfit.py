"""Why a file is not taken."""

from placet.domain.said import Said


class Unfit(Exception):
    """The file is refused: a stable code, and a sentence that says what to do."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


def damaged(why: str) -> Unfit:
    return Unfit("damaged", Said("This file is damaged: %(why)s. Open it, save it anew, and send that.", why=Said(why)))


def bomb(why: str) -> Unfit:
    return Unfit(
        "unpacks-too-large",
        Said("This file unpacks to more than a document should: %(why)s. Send a simpler one.", why=Said(why)),
    )


def encrypted() -> Unfit:
    return Unfit("encrypted", Said("This file is protected with a password. Save it without one, and send that."))


def macros() -> Unfit:
    return Unfit("macros", Said("This file contains macros. Save it without them, or as a PDF, and send that."))


def malware(name: str) -> Unfit:
    return Unfit(
        "malware",
        Said("A virus was found in this file (%(name)s). Nothing was stored; have your machine checked.", name=name),
    )
