"""Readable, durable names."""

import re
import unicodedata


def slug(title: str) -> str:
    """`Manager approval` -> `manager-approval`; at most 60 characters, never empty."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:60].strip("-") or "task"
