"""Draws one page of a PDF in a process of its own: content on stdin, `ready`, then one line of JSON on stdout.

Run as `python -I -m placet.connectors.extraction.draw PAGE MEGABYTES SECONDS`, with the limits of `parse`. The answer
is {"picture", "pages"}, a PNG in base64; {"refused", "note"} for what cannot be drawn.
"""

import base64
import json
import struct
import sys
import zlib
from typing import Any

from placet.connectors.extraction.content import DAMAGED, ExtractionRefused, Format, check, locked
from placet.connectors.extraction.parse import allow_only_reading, guarded, limit_process

WIDEST = 1400
MOST_POINTS = 4_000_000
LARGEST_SCALE = 2.0


def main(number: int) -> None:
    import pypdfium2 as pdfium  # type: ignore[import-untyped]

    content = sys.stdin.buffer.read()
    allow_only_reading()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdout.write(json.dumps(guarded(lambda given: _drawn(pdfium, given, number), content)))
    sys.stdout.flush()


def _drawn(pdfium: Any, content: bytes, number: int) -> dict[str, Any]:
    check(content, Format.PDF)
    try:
        document = pdfium.PdfDocument(content)
    except pdfium.PdfiumError as error:
        if error.err_code in (pdfium.raw.FPDF_ERR_PASSWORD, pdfium.raw.FPDF_ERR_SECURITY):
            raise locked() from error
        raise ExtractionRefused("unreadable", DAMAGED) from error
    if not 1 <= number <= len(document):
        return {"pages": len(document), "picture": ""}
    page = document[number - 1]
    width, height = page.get_width(), page.get_height()
    scale = min(LARGEST_SCALE, WIDEST / width, (MOST_POINTS / (width * height)) ** 0.5)
    # Without the forms of the document, which may hold scripts.
    bitmap = page.render(scale=scale, may_draw_forms=False, rev_byteorder=True)
    return {"pages": len(document), "picture": base64.b64encode(_png(bitmap)).decode()}


def _png(bitmap: Any) -> bytes:
    kind = {1: 0, 3: 2, 4: 6}[bitmap.n_channels]
    row, raw = bitmap.width * bitmap.n_channels, bytes(bitmap.buffer)
    lines = (b"\x00" + raw[at : at + row] for at in range(0, bitmap.height * bitmap.stride, bitmap.stride))
    head = struct.pack(">IIBBBBB", bitmap.width, bitmap.height, 8, kind, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(b"".join(lines), 6)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in parts
    )


if __name__ == "__main__":
    limit_process(int(sys.argv[2]), int(sys.argv[3]))
    main(int(sys.argv[1]))
