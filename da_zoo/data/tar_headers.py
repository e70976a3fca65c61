"""Tar headers of bounded size: tarfile reads what they hold into memory as a whole."""

import tarfile

__all__ = ["BoundedInfo", "TooLongError"]

LONGEST = 2**20
"""Bytes of a long name, a long link or extended fields; names have some hundred."""
EXTENDED = (
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
)
"""Headers about the member that follows, or about all."""


class TooLongError(tarfile.TarError):
    """A header that claims to be longer than any is."""


class BoundedInfo(tarfile.TarInfo):
    """A member's header that is refused before its long fields are read.

    Compressed, a name of hundreds of megabytes takes a few hundred kilobytes.

    Example:
        >>> info = tarfile.TarInfo("././@LongLink")
        >>> info.type, info.size = tarfile.GNUTYPE_LONGNAME, 2**30
        >>> BoundedInfo.frombuf(info.tobuf(), "utf-8", "strict")
        Traceback (most recent call last):
        ...
        da_zoo.data.tar_headers.TooLongError: a header of 1073741824 bytes, ...
    """

    @classmethod
    def frombuf(
        cls, buf: bytes | bytearray, encoding: str, errors: str
    ) -> "BoundedInfo":
        """Parses a header, as ``tarfile`` does for each one that it meets.

        Args:
            buf: its 512 bytes.
            encoding: of names.
            errors: what becomes of names that are of another.

        Raises:
            TooLongError: if what belongs to the header is over 1 MiB.
            tarfile.HeaderError: if it is damaged.
        """
        info = super().frombuf(buf, encoding, errors)
        if info.type in EXTENDED and info.size > LONGEST:
            raise TooLongError(f"a header of {info.size} bytes, over {LONGEST}")
        return info
