"""Any service that takes JSON over HTTP and answers with JSON: the row's options say how.

Options, all but `body` and `text_path` optional:

    method, path, headers       of the call; `path` is below the endpoint and may hold {{model}}; no header
                                may say where the call goes, as Host does
    body                        a template, see below
    text_path                   where the text is in the answer, for example "choices.0.message.content"
    prompt_tokens_path, completion_tokens_path, finish_reason_path
    error_path                  an answer with something there has failed, whatever its status
    stream_framing, stream_end  both or neither: how a stream is framed, and how its last event is known: by
                                its whole text ("[DONE]"), or by a value at a path ("done=true"; "=*": any
                                value but null)
    stream_body, stream_text_path   where they differ from `body` and `text_path`
    check_path                  a GET that proves the service healthy
    models_path, model_names_path   a GET that lists the models, and where their names are ("data.*.id")

Placeholders in the template: {{model}}, {{stream}}, {{messages}} (objects with `role` and `content`),
{{prompt}} (the one message's text; of a conversation a transcript), {{system}} (the system messages' text;
where it is used, the other two are without them) and the sampling parameters, {{temperature}} and so on. A
parameter that the template does not name is not sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from ..errors import BadAnswer, ConfigurationError, UnsupportedFeature
from ..texts import Sentence, gettext_noop
from ..types import SAMPLING_NAMES, ChatRequest, ChatResult, Message
from . import Framing, Options, StreamDecoder, WireCall, WireError, generic_answer
from .encoding import text_only
from .json_paths import find_all
from .payload import as_text
from .reported import error_in
from .templates import fill, names_in

_PLACEHOLDERS = frozenset({"model", "stream", "messages", "prompt", "system", *SAMPLING_NAMES})
_PATHS = (
    "text_path",
    "prompt_tokens_path",
    "completion_tokens_path",
    "finish_reason_path",
    "error_path",
    "stream_text_path",
    "model_names_path",
)
_OF_THE_CALL = frozenset(
    {
        *("host", "connection", "content-length", "transfer-encoding", "upgrade", "te", "trailer", "expect"),
        *("proxy-authorization", "proxy-connection"),
    }
)
"""Headers that say where a request goes or how it is framed."""


def check_options(options: Options) -> None:
    _check_template("body", options["body"])
    _check_template("stream_body", _body_template(options, stream=True))
    _check_known("path", names_in(options.get("path", "")), frozenset({"model"}))
    for name in _PATHS:
        _check_path(name, options.get(name))
    _check_headers(options.get("headers", {}))
    if ("stream_framing" in options) != ("stream_end" in options):
        raise ConfigurationError(
            Sentence(
                gettext_noop(
                    "The options stream_framing and stream_end belong together: a stream without a known end "
                    "cannot be told from one that was cut."
                )
            )
        )


def framing(options: Options) -> Framing | None:
    found: Framing | None = options.get("stream_framing")
    return found


def encode(
    request: ChatRequest, *, model: str, stream: bool, prompt_route: bool, options: Options
) -> WireCall:
    template = _body_template(options, stream=stream)
    return WireCall(
        body=fill(template, _values(request, model, stream, names_in(template))),
        method=options.get("method", "POST"),
        path=fill(options.get("path", ""), {"model": quote(model, safe="")}),
        headers=options.get("headers", {}),
    )


def decode(payload: Any, *, route: str, options: Options) -> ChatResult:
    return generic_answer.decode(payload, options)


def stream_decoder(*, route: str, options: Options) -> StreamDecoder:
    return generic_answer.GenericStreamDecoder(options)


def decode_error(payload: Any, *, options: Options) -> WireError | None:
    return generic_answer.error_at_path(payload, options) or error_in(payload)


def decode_models(payload: Any, *, options: Options) -> tuple[str, ...]:
    path = options.get("model_names_path", "data.*.id")
    names = find_all(payload, path)
    if not names:
        raise BadAnswer(
            Sentence(
                gettext_noop("The provider's list of models has nothing at model_names_path %(path)r."),
                path=path,
            )
        )
    return tuple(sorted(as_text(name, "model name") for name in names))


def check_path(options: Options) -> str | None:
    return options.get("check_path")


def models_path(options: Options) -> str | None:
    return options.get("models_path")


def _body_template(options: Options, *, stream: bool) -> Any:
    return options.get("stream_body", options["body"]) if stream else options["body"]


def _check_template(option: str, template: Any) -> None:
    names = names_in(template)
    _check_known(option, names, _PLACEHOLDERS)
    if not names & {"messages", "prompt"}:
        raise ConfigurationError(
            Sentence(
                gettext_noop(
                    "The option %(option)s has neither {{messages}} nor {{prompt}}: nothing would be asked."
                ),
                option=option,
            )
        )


def _check_known(option: str, names: set[str], known: frozenset[str]) -> None:
    if unknown := sorted(names - known):
        raise ConfigurationError(
            Sentence(
                gettext_noop(
                    "The option %(option)s has the unknown placeholder {{%(unknown)s}}; known are: %(names)s."
                ),
                option=option,
                unknown=unknown[0],
                names=", ".join(sorted(known)),
            )
        )


def _check_headers(headers: Mapping[str, str]) -> None:
    """Host would have a proxy send the request, with the key, to another service than the endpoint's."""
    for name in headers:
        if name.strip().lower() in _OF_THE_CALL:
            raise ConfigurationError(
                Sentence(
                    gettext_noop("The option headers must not set %(name)s: the endpoint decides about it."),
                    name=name,
                )
            )


def _check_path(option: str, path: str | None) -> None:
    if path is not None and not all(path.split(".")):
        raise ConfigurationError(
            Sentence(
                gettext_noop(
                    "The option %(option)s is no path: %(path)r. Write keys and list indexes with a dot "
                    'between them, for example "choices.0.text".'
                ),
                option=option,
                path=path,
            )
        )


def _values(request: ChatRequest, model: str, stream: bool, used: set[str]) -> dict[str, Any]:
    """The value of each placeholder; None where it has none."""
    messages = request.as_messages
    told = [each for each in messages if each.role != "system"] if "system" in used else list(messages)
    system = "\n\n".join(text_only(each) for each in messages if each.role == "system")
    return {
        **dict.fromkeys(SAMPLING_NAMES),
        **{k: list(v) if isinstance(v, tuple) else v for k, v in request.sampling.given().items()},
        "model": model,
        "stream": stream,
        "messages": [_message(each) for each in told],
        "prompt": _transcript(told),
        "system": system or None,
    }


def _message(message: Message) -> dict[str, str]:
    if message.role == "tool" or message.tool_calls:
        raise UnsupportedFeature(
            Sentence(gettext_noop("This provider takes no tool calls in a conversation."))
        )
    return {"role": message.role, "content": text_only(message)}


def _transcript(messages: list[Message]) -> str:
    if len(messages) == 1:
        return text_only(messages[0])
    turns = [f"{each.role.capitalize()}: {text_only(each)}" for each in messages]
    return "\n\n".join([*turns, "Assistant:"])
