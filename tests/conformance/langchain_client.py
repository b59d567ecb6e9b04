"""What a program with langchain-openai does; runs in .venv-conformance, which has it.

  langchain_client.py URL KEY MODEL

Fails with an AssertionError or langchain's own exception, else prints what was done.
"""

from __future__ import annotations

import sys

from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from pydantic import BaseModel, SecretStr

MESSAGES = [SystemMessage("Be brief."), HumanMessage("Add two and three.")]


class Weather(BaseModel):
    """The weather in a city."""

    city: str
    degrees: int


@tool
def add(a: int, b: int) -> int:
    """Adds two numbers."""
    return a + b


def invokes(model: ChatOpenAI) -> None:
    answer = model.invoke(MESSAGES)
    assert answer.text, answer
    assert answer.usage_metadata is not None
    assert answer.usage_metadata["total_tokens"] > 0
    assert answer.response_metadata["finish_reason"] in ("stop", "length", "tool_calls")


def streams(model: ChatOpenAI) -> None:
    whole, *rest = model.stream(MESSAGES, stream_usage=True)
    for chunk in rest:
        whole += chunk
    assert rest
    assert whole.text
    assert whole.usage_metadata is not None, whole


def batches(model: ChatOpenAI) -> None:
    answers = model.batch(["One", "Two", "Three"])
    assert all(answer.text for answer in answers)


def calls_tools(model: ChatOpenAI) -> None:
    able = model.bind_tools([add], tool_choice="add")
    asked = able.invoke(MESSAGES)
    assert isinstance(asked, AIMessage)
    call = asked.tool_calls[0]
    assert call["name"] == "add"
    result = add.invoke(call)
    assert isinstance(result, ToolMessage)
    told = model.invoke([*MESSAGES, asked, result])
    assert told.text


def streams_tool_calls(model: ChatOpenAI) -> None:
    whole, *rest = model.bind_tools([add], tool_choice="any").stream(MESSAGES)
    for chunk in rest:
        whole += chunk
    assert set(whole.tool_calls[0]["args"]) == {"a", "b"}, whole


def fills_structures(model: ChatOpenAI) -> None:
    for method in ("json_schema", "function_calling"):
        found = model.with_structured_output(Weather, method=method).invoke("The weather?")
        assert isinstance(found, Weather), (method, found)


def uses_responses(model: ChatOpenAI) -> None:
    answer = model.model_copy(update={"use_responses_api": True}).invoke(MESSAGES)
    assert answer.text, answer


def embeds(embeddings: OpenAIEmbeddings) -> None:
    one, other = embeddings.embed_documents(["Hello", "world"])
    assert len(one) == len(other) > 0
    assert embeddings.embed_query("Hello") == one


def tell(name: str) -> None:
    sys.stdout.write(f"{name}\n")


def main(url: str, key: str, name: str) -> None:
    model = ChatOpenAI(base_url=url, api_key=SecretStr(key), model=name, max_retries=0, timeout=30)
    works = [invokes, streams, batches, calls_tools, streams_tool_calls, fills_structures, uses_responses]
    for work in works:
        work(model)
        tell(work.__name__)
    if "--embeddings" in sys.argv:
        # With its length check it would download a tokenizer, and send numbers in place of texts.
        embeds(
            OpenAIEmbeddings(
                base_url=url, api_key=SecretStr(key), model=name, check_embedding_ctx_length=False
            )
        )
        tell("embeds")


if __name__ == "__main__":
    main(*sys.argv[1:4])
