"""How large a picture is, read from its header only: nothing is ever decoded here."""

import struct

from placet.connectors.blobs.unfit import Unfit, damaged
from placet.domain.said import Said

PNG, JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
MOST_PIXELS = 100_000_000
MOST_SEGMENTS = 1000
# Start of frame, of every kind of JPEG; C4, C8 and CC mean something else.
FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD8)})
ENDS = frozenset({0xD9, 0xDA})


def check_png(content: bytes) -> None:
    """Raise Unfit for a PNG picture without a sensible size; the first 24 bytes are enough."""
    if len(content) < 24 or content[12:16] != b"IHDR":
        raise damaged("the picture does not say how large it is")
    width, height = struct.unpack_from(">II", content, 16)
    _check(width, height)


def check_jpeg(content: bytes) -> None:
    """Raise Unfit for a JPEG picture without a sensible size."""
    at = 2
    for _ in range(MOST_SEGMENTS):
        if at + 9 > len(content) or content[at] != 0xFF:
            break
        marker = content[at + 1]
        if marker in ENDS:
            break
        if marker in FRAMES:
            height, width = struct.unpack_from(">HH", content, at + 5)
            _check(width, height)
            return
        if marker == 0xFF:
            at += 1
        elif marker in WITHOUT_LENGTH:
            at += 2
        else:
            at += 2 + max(2, int.from_bytes(content[at + 2 : at + 4], "big"))
    raise damaged("the picture does not say how large it is")


def _check(width: int, height: int) -> None:
    if not width or not height:
        raise damaged("the picture has no size")
    if width * height > MOST_PIXELS:
        most = MOST_PIXELS // 1_000_000
        detail = Said(
            "This picture has %(width)s x %(height)s points; the most is %(most)s million in all. Send a smaller one.",
            width=width,
            height=height,
            most=most,
        )
        raise Unfit("picture-too-large", detail)
