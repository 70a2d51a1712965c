"""Why a file is not taken."""


class Unfit(Exception):
    """The file is refused: a stable code, and a sentence that says what to do."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


def damaged(why: str) -> Unfit:
    return Unfit("damaged", f"This file is damaged: {why}. Open it, save it anew, and send that.")


def bomb(why: str) -> Unfit:
    return Unfit("unpacks-too-large", f"This file unpacks to more than a document should: {why}. Send a simpler one.")


def encrypted() -> Unfit:
    return Unfit("encrypted", "This file is protected with a password. Save it without one, and send that.")


def macros() -> Unfit:
    return Unfit("macros", "This file contains macros. Save it without them, or as a PDF, and send that.")


def malware(name: str) -> Unfit:
    return Unfit("malware", f"A virus was found in this file ({name}). Nothing was stored; have your machine checked.")
