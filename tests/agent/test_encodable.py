"""Results that no transcript could carry are mended; all others stay the same object."""

import msgspec
from msgspec import Struct

from tianting.agent.encodable import encodable
from tianting.protocol.content import Base64Source, Image, Text
from tianting.protocol.tool_calls import CallResult


class Facts(Struct, frozen=True, kw_only=True, rename="camel"):
    file_path: str


def test_result_in_order_is_left_alone() -> None:
    result = CallResult(call_id="c", content="fine", data=Facts(file_path="a.py"))

    assert encodable(result) is result


def test_text_is_mended() -> None:
    result = CallResult(call_id="c", content="odd\udcff", outcome="failed")

    assert encodable(result) == CallResult(call_id="c", content="odd\ufffd", outcome="failed")


def test_blocks_and_data_are_mended() -> None:
    image = Image(source=Base64Source(media_type="image/png", data="AA=="))
    result = CallResult(call_id="c", content=(Text(text="\udcff"), image), data=Facts(file_path="odd\udcff"))

    mended = encodable(result)

    assert mended == CallResult(call_id="c", content=(Text(text="\ufffd"), image), data={"filePath": "odd\ufffd"})
    assert msgspec.json.encode(mended)
