"""Check that no Jinja expression in roles and playbooks is long: intermediate variables have names
that tell what they are, and logic stands in Python, where tests reach it.
"""

from __future__ import annotations

import pathlib
import sys

import jinja2

TOP = pathlib.Path(__file__).resolve().parents[2]
#: The most characters of an expression or a statement, in one line and with its braces.
MOST = 150

_LEXER = jinja2.Environment(autoescape=True)
_BEGIN, _END = ("variable_begin", "block_begin"), ("variable_end", "block_end")


def expressions(text):
    """Yield ``(line, expression)`` for each ``{{ }}`` and ``{% %}`` of ``text``, as one line."""
    begun, parts = 0, []
    for line, kind, part in _LEXER.lex(text):
        if kind in _BEGIN:
            begun, parts = line, []
        if begun:
            parts.append(part)
        if begun and kind in _END:
            yield begun, " ".join("".join(parts).split())
            begun = 0


def problems(text, where):
    """Yield a sentence for each expression of ``text`` (the file ``where``) that is too long."""
    try:
        for line, expression in expressions(text):
            if len(expression) > MOST:
                yield (
                    f"{where}:{line}: this expression has {len(expression)} characters, at most "
                    f"{MOST} are wanted: give parts of it names, or write a filter."
                )
    except jinja2.TemplateSyntaxError as error:
        yield f"{where}:{error.lineno}: this is no Jinja: {error.message}"


def files():
    """Yield the files of roles and playbooks that Ansible templates."""
    for place in ("roles", "playbooks"):
        for suffix in ("yml", "j2"):
            yield from sorted((TOP / place).rglob(f"*.{suffix}"))


if __name__ == "__main__":
    found = [
        problem
        for file in files()
        for problem in problems(file.read_text(encoding="utf-8"), file.relative_to(TOP))
    ]
    print("\n".join(found), end="\n" if found else "")
    sys.exit(bool(found))
