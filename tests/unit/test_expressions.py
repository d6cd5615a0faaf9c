"""The lint of Jinja expressions that are too long."""

from __future__ import annotations

from lint import expressions

LONG = " ~ ".join(["variable"] * 20)


def test_expression_is_what_stands_between_braces_as_one_line():
    text = "a: >-\n  {{ one\n     ~ {'two': {}}.two }}\n{% if three %}\n{{ '}}' }}\n{% endif %}\n"
    assert list(expressions.expressions(text)) == [
        (2, "{{ one ~ {'two': {}}.two }}"),
        (4, "{% if three %}"),
        (5, "{{ '}}' }}"),
        (6, "{% endif %}"),
    ]


def test_long_expression_is_named_with_its_line():
    (problem,) = expressions.problems(f"a: 1\nb: {{{{ {LONG} }}}}\n", "x.yml")
    assert problem.startswith(f"x.yml:2: this expression has {len(LONG) + 6} characters")


def test_comments_text_and_several_short_ones_are_taken():
    text = f"{{# {LONG} #}}\n# {LONG}\n" + "{{ one }} {% set two = 3 %} " * 20
    assert list(expressions.problems(text, "x.j2")) == []


def test_files_are_those_of_roles_and_playbooks():
    names = {str(file.relative_to(expressions.TOP)) for file in expressions.files()}
    assert names >= {
        "playbooks/restore.yml",
        "roles/mysql/vars/main/main.yml",
        "roles/haproxy/templates/haproxy.cfg.j2",
    }
