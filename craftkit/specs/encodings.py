"""Which encoding a file has that is not UTF-8; such a file is read and never written.  Pure."""

import codecs

_BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_OTHERS = ("cp932", "gb18030", "euc_jp", "euc_kr")
# Kana, ideographs and their punctuation; hangul; full-width and half-width forms.
_USUAL = (("\u3000", "\u9fff"), ("\uac00", "\ud7a3"), ("\uff01", "\uffee"))
_LOOKED_AT = 4096
_SHORTEST = 8  # bytes; of fewer nothing can be said


def guess(data: bytes) -> str | None:
    """The name of the encoding in which `data` reads as text; None if there is not one."""
    for bom, name in _BOMS:
        if data.startswith(bom):
            return name
    head = data[:_LOOKED_AT]
    # Of ASCII text in two bytes a character, every other byte is zero.
    half = len(head) // 2 if len(head) >= _SHORTEST else 0
    if half and head[1::2].count(0) > half * 0.6 and head[0::2].count(0) < half * 0.2:
        return "utf-16-le"
    if half and head[0::2].count(0) > half * 0.6 and head[1::2].count(0) < half * 0.2:
        return "utf-16-be"
    if b"\0" in data:
        return None
    return next((name for name in _OTHERS if _is_text_in(data, name)), None)


def _is_text_in(data: bytes, name: str) -> bool:
    """Whether all of it can be read so, and as more than single stray letters."""
    try:
        text = data.decode(name)
    except UnicodeDecodeError:
        return False
    wide = [c for c in text if not c.isascii()]
    usual = sum(any(low <= c <= high for low, high in _USUAL) for c in wide)
    return len(wide) >= 4 and usual >= 0.9 * len(wide)
