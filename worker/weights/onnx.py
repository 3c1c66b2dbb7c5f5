"""Reader of the float tensors in an ONNX file, without the onnx package.

An ONNX file is one protobuf message. This reader needs only four of its hundreds of
fields, and protobuf's wire format (https://protobuf.dev/programming-guides/encoding) is
small.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

# Field numbers of onnx.proto3: ModelProto, GraphProto, TensorProto.
_GRAPH, _INITIALIZER = 7, 5
_DIMS, _DATA_TYPE, _NAME, _RAW_DATA = 1, 2, 8, 9
_FLOAT = 1

_FIXED_BYTES = {1: 8, 5: 4}  # wire types of constant length
_VARINT, _LENGTH_DELIMITED = 0, 2


def float_tensors(content: bytes) -> dict[str, Tensor]:
    """Return every float32 initializer of the graph, by name.

    Raises:
        ValueError: `content` is not a protobuf message, or a shape does not fit its
            data.
    """
    tensors: dict[str, Tensor] = {}
    for graph in _submessages(memoryview(content), _GRAPH):
        for initializer in _submessages(graph, _INITIALIZER):
            name, tensor = _tensor(initializer)
            if tensor is not None:
                tensors[name] = tensor
    return tensors


def _tensor(message: memoryview) -> tuple[str, Tensor | None]:
    name, data_type, raw = "", 0, memoryview(b"")
    shape: list[int] = []
    for number, value in _fields(message):
        if number == _DIMS and isinstance(value, int):
            shape.append(value)
        elif number == _DATA_TYPE and isinstance(value, int):
            data_type = value
        elif number == _NAME and isinstance(value, memoryview):
            name = bytes(value).decode()
        elif number == _RAW_DATA and isinstance(value, memoryview):
            raw = value
    if data_type != _FLOAT or not raw:
        return name, None
    flat = torch.frombuffer(bytearray(raw), dtype=torch.float32)
    if flat.numel() != torch.Size(shape).numel():
        raise ValueError(f"{name}: {flat.numel()} numbers for the shape {shape}")
    return name, flat.reshape(shape)


def _submessages(message: memoryview, number: int) -> Iterator[memoryview]:
    for field_number, value in _fields(message):
        if field_number == number and isinstance(value, memoryview):
            yield value


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    offset = 0
    while offset < len(message):
        tag, offset = _varint(message, offset)
        number, wire_type = tag >> 3, tag & 7
        if wire_type == _VARINT:
            value, offset = _varint(message, offset)
            yield number, value
            continue
        if wire_type == _LENGTH_DELIMITED:
            size, offset = _varint(message, offset)
        elif wire_type in _FIXED_BYTES:
            size = _FIXED_BYTES[wire_type]
        else:
            raise ValueError(f"wire type {wire_type} at byte {offset}")
        if offset + size > len(message):
            raise ValueError(f"field {number} ends after its message")
        yield number, message[offset : offset + size]
        offset += size


def _varint(message: memoryview, offset: int) -> tuple[int, int]:
    value = shift = 0
    while offset < len(message):
        byte = message[offset]
        value |= (byte & 0x7F) << shift
        offset, shift = offset + 1, shift + 7
        if byte < 0x80:  # noqa: PLR2004 - the highest bit means that more bytes follow
            return value, offset
    raise ValueError("a number ends after its message")
