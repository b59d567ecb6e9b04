"""What a person reads of a module although no translator can change it, found where such texts stand."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator

from llmbackends import errors

from .markup import ReadText

TRANSLATION_MODULES = frozenset(["django.utils.translation", "llmbackends.texts"])
AT_ONCE = frozenset(["gettext", "ngettext", "pgettext", "npgettext"])
_COLLECTED = AT_ONCE | {"_", "gettext_noop", *(f"{name}_lazy" for name in AT_ONCE)}
"""What makemessages looks for, which knows names alone."""

# The names of arguments, attributes and keys of a page's context whose values are shown.
_OF_FIELDS = ("verbose_name", "verbose_name_plural", "help_text", "label", "label_suffix", "error_messages")
_OF_ADMIN = ("description", "short_description", "search_help_text", "empty_label", "empty_value_display")
_OF_PAGES = ("site_header", "site_title", "index_title", "title", "subtitle", "heading")
_OF_FAILURES = ("reason", "failure_detail", "fault")
SHOWN_NAMES = frozenset([*_OF_FIELDS, *_OF_ADMIN, *_OF_PAGES, *_OF_FAILURES])
BACKEND_ERRORS = frozenset(
    name
    for name, each in vars(errors).items()
    if isinstance(each, type) and issubclass(each, errors.BackendError)
)
# Of calls by the last part of their name: which argument is shown.
SHOWN_ARGUMENTS = {
    **dict.fromkeys(["debug", "info", "success", "warning", "error"], 1),  # django.contrib.messages
    **dict.fromkeys(["message_user", "add_error"], 1),
    **dict.fromkeys(["add_message", "log_addition", "log_change", "log_deletions"], 2),
    **dict.fromkeys(["ValidationError", "PermissionDenied", "Http404", "HttpResponse", "format_html"], 0),
    "mark_safe": 0,
    # What is kept as a Sentence, and said in the reader's language later.
    **dict.fromkeys(["Sentence", "Misfit", "InvalidInput", "SecretUnusable", "NoExample"], 0),
    **dict.fromkeys(BACKEND_ERRORS, 0),
    "Fault": 1,
}
SHOWN_ERRORS = (
    frozenset(
        ["ValidationError", "PermissionDenied", "Http404", "InvalidInput", "SecretUnusable", "NoExample"]
    )
    | BACKEND_ERRORS
)
_LOG_METHODS = frozenset(["debug", "info", "warning", "error", "exception", "critical"])

_LETTERS = re.compile(r"[^\W\d_]{2,}")
_MARKUP = re.compile(r"<[^>]*>|&\w+;|\{\w*\}|%\(\w+\)[a-z]")
_SENTENCE = re.compile(r"[A-Z][\w',-]*(?: [^ ]+)+[.?!:…]$")

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


def unmarked(source: str) -> list[ReadText]:
    tree = ast.parse(source)
    marks = _marks_in(tree)
    found = {
        ReadText(constant.lineno, constant.value)
        for shown in (*_shown(tree), *_sentences(tree, marks))
        for constant in _english_in(shown, marks)
    }
    found.update(*(_put_together(tree, marks), _not_collected(tree)))
    return sorted(found, key=lambda each: each.line)


def translated_at_import(source: str) -> list[ReadText]:
    """Calls that take the language of whoever imports the module, not of who reads the text."""
    tree = ast.parse(source)
    marks = _marks_in(tree)
    calls = [node for node in _run_at_import(tree) if isinstance(node, ast.Call)]
    return [
        ReadText(call.lineno, ast.unparse(call))
        for call in calls
        if marks.get(_last_name(call.func)) in AT_ONCE
    ]


def _marks_in(tree: ast.Module) -> dict[str, str]:
    """The functions that mark a text, by the name that they have here."""
    return {
        alias.asname or alias.name: alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and _translates(node)
        for alias in node.names
        if "gettext" in alias.name
    }


def _translates(node: ast.ImportFrom) -> bool:
    is_beside = node.level > 0 and node.module == "texts"  # of llmbackends, which imports by the dot
    return is_beside or node.module in TRANSLATION_MODULES


def _shown(tree: ast.Module) -> Iterator[ast.expr]:
    for node in ast.walk(tree):
        match node:
            case ast.Call():
                yield from _shown_of_call(node)
            case ast.keyword(arg=str(name), value=value) if name in SHOWN_NAMES:
                yield value
            case ast.Assign(targets=targets, value=value) if SHOWN_NAMES & set(map(_last_name, targets)):
                yield value
            case ast.Dict(keys=keys, values=values):
                yield from (value for key, value in zip(keys, values, strict=True) if _is_shown_key(key))
            case ast.Tuple(elts=[ast.Constant() as title, ast.Dict(keys=keys)]) if _has_fields(keys):
                yield title
            case ast.ClassDef() if any(_last_name(base).endswith("Choices") for base in node.bases):
                yield from _labels(node)
            case ast.FunctionDef(name=name) if name == "lookups" or name.endswith("choices"):
                yield from _seconds_of_pairs(node)
            case ast.keyword(arg="choices"):
                yield from _seconds_of_pairs(node)


def _shown_of_call(call: ast.Call) -> Iterator[ast.expr]:
    name = _last_name(call.func)
    position = SHOWN_ARGUMENTS.get(name)
    if isinstance(call.func, ast.Attribute) and _last_name(call.func.value) in ("models", "forms"):
        is_named_by_it = name.endswith("Field") and not name.endswith(("ToOneField", "ToManyField"))
        position = 0 if is_named_by_it else None
    if name in _LOG_METHODS and _is_logging(call):
        position = None
    if position is not None and len(call.args) > position:
        yield call.args[position]


def _labels(choices: ast.ClassDef) -> Iterator[ast.expr]:
    """Of members with no label of their own Django makes one from the name, in English."""
    for statement in choices.body:
        match statement:
            case ast.Assign(value=ast.Tuple(elts=[_, label])):
                yield label
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant()) if not name.startswith("_"):
                yield ast.Constant(f"{name} has no label", lineno=statement.lineno)


def _seconds_of_pairs(tree: ast.AST) -> Iterator[ast.expr]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Tuple) and len(node.elts) == 2:
            yield node.elts[1]


def _sentences(tree: ast.Module, marks: dict[str, str]) -> Iterator[ast.Constant]:
    """Wherever they stand, but not for developers and operators: docstrings, logs, errors of the program."""
    pending: list[ast.AST] = [tree]
    while pending:
        node = pending.pop()
        if _is_for_developers(node) or (isinstance(node, ast.Call) and _last_name(node.func) in marks):
            continue
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and _SENTENCE.match(node.value):
            yield node
        pending.extend(ast.iter_child_nodes(node))


def _is_for_developers(node: ast.AST) -> bool:
    match node:
        case ast.Expr(value=ast.Constant()) | ast.Assert():
            return True
        case ast.Call():
            return _is_logging(node)
        case ast.Raise(exc=ast.Call(func=function)):
            return _last_name(function) not in SHOWN_ERRORS
    return False


def _is_logging(call: ast.Call) -> bool:
    match call.func:
        case ast.Attribute(value=ast.Name(id="log" | "logger"), attr=name):
            return name in _LOG_METHODS
    return False


def _english_in(node: ast.AST, marks: dict[str, str]) -> Iterator[ast.Constant]:
    match node:
        case ast.Constant(value=str(text)) if _LETTERS.search(_MARKUP.sub(" ", text)):
            yield node
        case ast.JoinedStr(values=parts) | ast.List(elts=parts) | ast.Tuple(elts=parts):
            for part in parts:
                yield from _english_in(part, marks)
        case ast.Dict(values=values):
            for value in values:
                yield from _english_in(value, marks)
        case ast.BinOp(left=left, op=ast.Mod()):
            yield from _english_in(left, marks)
        case ast.BinOp(left=left, right=right) | ast.IfExp(body=left, orelse=right):
            yield from _english_in(left, marks)
            yield from _english_in(right, marks)
        case ast.Call(func=ast.Attribute(value=value, attr="format")):
            yield from _english_in(value, marks)
        case ast.Call(func=function, args=[first, *_]) if _last_name(function) in ("mark_safe", "str"):
            yield from _english_in(first, marks)


def _put_together(tree: ast.Module, marks: dict[str, str]) -> Iterator[ReadText]:
    """Texts that are made before they are translated, so that no catalogue has them."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=function, args=[ast.JoinedStr() | ast.BinOp() | ast.Call(), *_]):
                if _last_name(function) in marks:
                    yield ReadText(node.lineno, ast.unparse(node))


def _not_collected(tree: ast.Module) -> Iterator[ReadText]:
    for node in ast.walk(tree):
        match node:
            case ast.alias(name=name, asname=str(other)) if name in _COLLECTED and other not in _COLLECTED:
                yield ReadText(node.lineno, f"{name} as {other}")


def _run_at_import(node: ast.AST) -> Iterator[ast.AST]:
    """All but the bodies of functions."""
    yield node
    children: Iterable[ast.AST] = ast.iter_child_nodes(node)
    if isinstance(node, Function):
        decorators = [] if isinstance(node, ast.Lambda) else node.decorator_list
        children = [*decorators, *node.args.defaults, *(each for each in node.args.kw_defaults if each)]
    for child in children:
        yield from _run_at_import(child)


def _is_shown_key(key: ast.expr | None) -> bool:
    return isinstance(key, ast.Constant) and key.value in SHOWN_NAMES


def _has_fields(keys: Iterable[ast.expr | None]) -> bool:
    return any(isinstance(key, ast.Constant) and key.value == "fields" for key in keys)


def _last_name(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""
