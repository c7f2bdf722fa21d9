"""Arrow arrays from plain lists and back, by way of their buffers.

`pyarrow.array`, `scalar` and `to_numpy` import pandas to see whether something of it is at hand;
that costs more than writing ten thousand trials.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from promptreg.errors import StoreError

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = ["Column", "column", "floats_of", "masked_floats", "small_codes", "text_column"]

Column: TypeAlias = "pa.Array[Any]"

_CODES = {"int32": "i", "int64": "q", "double": "d"}


def column(kind: str, values: Sequence[Any]) -> Column:
    """Return values as an Arrow array.

    Args:
        kind: `string`, `category` (a string too), `words` (lists of text), `int32`, `int64`,
            `double` or `bool`.
        values: None for nulls, but for `words` and `bool`.

    Raises:
        TypeError, OverflowError, StoreError: a value does not fit.
    """
    if kind in ("string", "category"):
        return text_column(values)
    if kind == "words":
        return _words(values)
    if kind == "bool":
        return _bools(values)
    return _numbers(kind, values)


def text_column(values: Sequence[str | None]) -> Column:
    """Return text as an Arrow array.

    Lone surrogates become escapes: Arrow holds UTF-8, and the call store has the original.
    """
    import numpy as np
    import pyarrow as pa

    size = len(values)
    valid = None
    if None in values:
        valid = np.fromiter((value is not None for value in values), np.bool_, size)
        values = [value or "" for value in values]
    texts: Sequence[str] = values  # type: ignore[assignment] # without None now
    joined = "".join(texts)
    if joined.isascii():
        data, parts = joined.encode(), texts
    else:
        parts = [text.encode("utf-8", "backslashreplace") for text in texts]  # type: ignore[misc] # lengths only
        data = b"".join(parts)  # type: ignore[arg-type] # bytes here
    if len(data) >= 2**31:
        raise StoreError(f"{size} trials hold {len(data)} bytes of text; allowed are 2 GiB")
    return pa.StringArray.from_buffers(
        size,
        _offsets(np.fromiter(map(len, parts), np.int64, size)),
        pa.py_buffer(data),
        None if valid is None else _bits(valid),
    )


def masked_floats(values: NDArray[np.float64], valid: NDArray[np.bool_]) -> Column:
    """Return numbers as an Arrow array, null where they are not valid."""
    import numpy as np
    import pyarrow as pa

    whole = np.ascontiguousarray(values)
    return pa.Array.from_buffers(
        pa.float64(),
        len(whole),
        [_bits(valid), pa.py_buffer(whole.data)],
        int((~valid).sum()),
    )


def small_codes(values: NDArray[np.uint8]) -> Column:
    """Return bytes as an Arrow array."""
    import numpy as np
    import pyarrow as pa

    whole = np.ascontiguousarray(values)
    return pa.Array.from_buffers(pa.uint8(), len(whole), [None, pa.py_buffer(whole.data)], 0)


def floats_of(chunk: Column) -> NDArray[np.float64]:
    """Return an Arrow array of 32-bit or 64-bit numbers or of bytes; NaN for nulls.

    Raises:
        TypeError: it is of another type.
    """
    import numpy as np

    types: dict[str, Any] = {
        "int32": np.int32,
        "int64": np.int64,
        "double": np.float64,
        "uint8": np.uint8,
    }
    try:
        kind = types[str(chunk.type)]
    except KeyError as error:
        raise TypeError(f"{chunk.type}; expected numbers") from error
    buffers: list[Any] = chunk.buffers()
    bits, data = buffers
    span = slice(chunk.offset, chunk.offset + len(chunk))
    if data is None:  # of no length
        return np.empty(0)
    values: NDArray[np.float64] = np.frombuffer(data, kind)[span].astype(np.float64)
    if bits is not None:
        valid = _unpack(bits)[span]
        values[valid == 0] = np.nan
    return values


def _numbers(kind: str, values: Sequence[Any]) -> Column:
    import numpy as np
    import pyarrow as pa

    types = {"int32": pa.int32(), "int64": pa.int64(), "double": pa.float64()}
    bits = None
    if None in values:
        bits = _bits(np.fromiter((value is not None for value in values), np.bool_, len(values)))
        values = [0 if value is None else value for value in values]
    # Unlike NumPy, `array` refuses to make a whole number of 1.5.
    data = pa.py_buffer(array(_CODES[kind], values))
    return pa.Array.from_buffers(types[kind], len(values), [bits, data])


def _bools(values: Sequence[bool]) -> Column:
    import numpy as np
    import pyarrow as pa

    bits = _bits(np.fromiter(values, np.bool_, len(values)))
    return pa.Array.from_buffers(pa.bool_(), len(values), [None, bits], 0)


def _words(values: Sequence[Sequence[str]]) -> Column:
    import numpy as np
    import pyarrow as pa

    words = text_column([word for some in values for word in some])
    offsets = _offsets(np.fromiter(map(len, values), np.int64, len(values)))
    return pa.Array.from_buffers(
        pa.list_(pa.string()), len(values), [None, offsets], 0, children=[words]
    )


def _offsets(lengths: NDArray[np.int64]) -> pa.Buffer:
    import numpy as np
    import pyarrow as pa

    offsets = np.zeros(len(lengths) + 1, np.int32)
    np.cumsum(lengths, out=offsets[1:])
    return pa.py_buffer(offsets.data)


def _unpack(bits: Any) -> NDArray[np.uint8]:
    import numpy as np

    packed: NDArray[np.uint8] = np.frombuffer(bits, np.uint8)
    return np.unpackbits(packed, bitorder="little")


def _bits(valid: NDArray[np.bool_]) -> pa.Buffer:
    import numpy as np
    import pyarrow as pa

    return pa.py_buffer(np.packbits(valid, bitorder="little").data)
