"""Requests that more than one language's tests write."""

from __future__ import annotations

from llmbackends.types import ImagePart, Message, Sampling, TextPart, Tool, ToolCall

USER = Message("user", "Hello")
IMAGE = Message("user", (TextPart("What is this?"), ImagePart("aGk=", "image/png")))

WEATHER_SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = Tool("weather", "Current weather", WEATHER_SCHEMA, strict=True)
CLOCK = Tool("clock")

TOOL_TURNS = (
    Message("user", "Weather in Rome and the time?"),
    Message(
        "assistant",
        "I will look.",
        tool_calls=(ToolCall("call_1", "weather", '{"city": "Rome"}'), ToolCall("call_2", "clock", "")),
    ),
    Message("tool", "sunny", tool_call_id="call_1"),
    Message("tool", "noon", tool_call_id="call_2"),
    Message("user", "Thanks"),
)

FULL_SAMPLING = Sampling(
    temperature=0.5,
    top_p=0.9,
    top_k=40,
    min_p=0.05,
    presence_penalty=0.1,
    frequency_penalty=0.2,
    repeat_penalty=1.1,
    seed=7,
    max_tokens=64,
    stop=("END", "STOP"),
)
